"""The bound: against enumeration of every code, and the behaviour that the theory of HQ-VAE
predicts."""

import itertools
import math

import pytest
import torch
from torch import nn

from speechvq.losses.bound import Bound
from speechvq.losses.likelihood import GaussianLikelihood
from speechvq.quantize.codebook import half_distances
from speechvq.quantize.gumbel import GumbelQuantizer
from speechvq.quantize.residual import ResidualVQ
from speechvq.quantize.stochastic import ResidualSQ, StochasticQuantizer, entropy, log_posterior
from speechvq.quantize.vector import VectorQuantizer

K, POSITIONS, WIDTH, SIGMA = 3, 2, 2, 0.7


def draw(seed=1):
    return torch.Generator().manual_seed(seed)


def two_layers(seed) -> ResidualSQ:
    torch.manual_seed(seed)
    return ResidualSQ(
        [StochasticQuantizer(K, WIDTH, initial_variance=0.6 / (i + 1)) for i in range(2)]
    ).double()


def log_likelihood(x, z):
    """log N(x; f(z), sigma^2) for f the sum over dimensions; x and z (..., width, positions)."""
    errors = (x - z).square().sum((-1, -2))
    return -errors / (2 * SIGMA**2) - 0.5 * WIDTH * POSITIONS * math.log(2 * math.pi * SIGMA**2)


def enumerate_codes(one: ResidualSQ, z, x):
    """(log q, log p(x | Z), sum of codewords) of every choice of both codebooks at both
    positions."""
    found = []
    first, second = (codebook.codewords for codebook in one.codebooks)
    for a in itertools.product(range(K), repeat=POSITIONS):
        for b in itertools.product(range(K), repeat=POSITIONS):
            codewords = first[list(a)].T + second[list(b)].T
            log_p1 = log_posterior(z.T, first, one.codebooks[0].log_variance)
            log_p2 = log_posterior((z - first[list(a)].T).T, second, one.codebooks[1].log_variance)
            log_q = sum(log_p1[i, a[i]] + log_p2[i, b[i]] for i in range(POSITIONS))
            found.append((log_q, log_likelihood(x, codewords), codewords))
    log_q, log_px, codewords = zip(*found, strict=True)
    return torch.stack(log_q), torch.stack(log_px), torch.stack(codewords)


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_on_exact_draws_is_bits_back_and_above_the_likelihood(seed):
    """-log p(x) <= J_0 <= J by enumeration, and the package's draws and rates average to that
    J_0."""
    one = two_layers(seed)
    z, x = torch.randn(2, WIDTH, POSITIONS, generator=draw(seed), dtype=torch.float64)
    log_q, log_px, codewords = enumerate_codes(one, z, x)
    prior = -2 * POSITIONS * math.log(K)
    assert log_q.exp().sum().item() == pytest.approx(1.0)
    evidence = -torch.logsumexp(log_px + prior, 0).item()
    bits_back = (log_q.exp() * (-log_px - prior + log_q)).sum().item()
    quadratic = (log_q.exp() * (z - codewords).square().sum((1, 2))).sum() / (
        2 * sum(codebook.variance for codebook in one.codebooks)
    )
    assert evidence <= bits_back <= bits_back + quadratic.item()
    count = 40_000
    result = one(z.expand(count, -1, -1), temperature=0.0, generator=draw())
    bound = Bound(-log_likelihood(x, result.z), result.rates)
    error = bound.nats.std().item() / count**0.5
    assert bound.nats.mean().item() == pytest.approx(bits_back, abs=5 * error)
    assert bound.bits_per_dimension(4).mean().item() == pytest.approx(
        bits_back / (4 * math.log(2)), abs=5 * error
    )


def test_with_the_exact_posterior_the_bound_is_the_likelihood():
    torch.manual_seed(0)
    one = GumbelQuantizer(4, WIDTH).double()
    x = torch.randn(WIDTH, 1, dtype=torch.float64)
    log_px = torch.stack([log_likelihood(x, one.codewords[k][:, None]) for k in range(4)])
    one.logits.weight.data.zero_()
    one.logits.bias.data = torch.log_softmax(log_px, 0)
    evidence = -(torch.logsumexp(log_px, 0) - math.log(4))
    result = one(
        torch.zeros(20_000, WIDTH, 1, dtype=torch.float64), temperature=0.0, generator=draw()
    )
    bound = Bound(-log_likelihood(x, result.z), result.rates)
    assert bound.nats.mean().item() == pytest.approx(
        evidence.item(), abs=5 * bound.nats.std().item() / 20_000**0.5
    )


def test_hard_codes_cost_log_k_each():
    torch.manual_seed(0)
    one = ResidualVQ([VectorQuantizer(K, WIDTH) for _ in range(2)]).double()
    z = torch.randn(3, WIDTH, POSITIONS, dtype=torch.float64)
    result = one(z)
    bound = Bound(-log_likelihood(z, result.z), result.rates)
    two_part_code = -log_likelihood(z, result.z) / math.log(2) + 2 * POSITIONS * math.log2(K)
    torch.testing.assert_close(bound.nats / math.log(2), two_part_code)
    seconds = bound.per_second(0.5)
    assert seconds["rate/bits_per_second"] == pytest.approx(2 * 2 * POSITIONS * math.log2(K))
    assert seconds["codebook1/bits_per_second"] == pytest.approx(2 * POSITIONS * math.log2(K))


def test_the_batchs_variance_is_the_best_and_its_gradient_that_of_the_log():
    likelihood = GaussianLikelihood().double()
    target = torch.randn(4, 5, 3, generator=draw(), dtype=torch.float64)
    estimate = (
        target + torch.randn(4, 5, 3, generator=draw(2), dtype=torch.float64)
    ).requires_grad_()
    nats = likelihood(target, estimate).sum()
    errors = (target - estimate).square()

    def at(variance):
        return 0.5 * (
            errors.numel() * math.log(2 * math.pi * variance) + errors.sum().item() / variance
        )

    best = errors.mean().item()
    assert nats.item() == pytest.approx(at(best))
    assert all(at(best * factor) > nats.item() for factor in (0.5, 0.9, 1.1, 2.0))
    (found,) = torch.autograd.grad(nats, estimate)
    (wanted,) = torch.autograd.grad(
        0.5 * errors.numel() * (target - estimate).square().mean().log(), estimate
    )
    torch.testing.assert_close(found, wanted)
    likelihood.eval()
    assert likelihood(target, estimate).sum().item() == pytest.approx(nats.item(), rel=1e-6)


def test_all_devices_share_one_variance():
    target, estimate = torch.zeros(2, 6), torch.tensor([1.0, 3.0])[:, None].expand(2, 6)
    whole = GaussianLikelihood()(target, estimate)
    sums = torch.tensor([6.0 * 1 + 6 * 9, 12.0])  # what both halves add up to
    parts = [
        GaussianLikelihood()(target[i : i + 1], estimate[i : i + 1], lambda _: sums)
        for i in range(2)
    ]
    torch.testing.assert_close(torch.cat(parts), whole)


def test_posterior_and_means_each_lower_the_latent_cost():
    """P minimises E_P |z - b|^2 / 2s^2 - H(P) given all else; b_k = sum P z / sum P never raises
    it."""
    torch.manual_seed(0)
    z, codebook, log_variance = (
        torch.randn(30, 2).double(),
        torch.randn(5, 2).double(),
        torch.tensor(-0.3).double(),
    )

    def cost(p, codewords):
        return (
            (p * half_distances(z, codewords)).sum() / log_variance.exp() - entropy(p.log()).sum()
        ).item()

    p = log_posterior(z, codebook, log_variance).exp()
    for seed in range(10):
        other = torch.softmax(
            p.log() + 0.1 * torch.randn(p.shape, generator=draw(seed), dtype=p.dtype), -1
        )
        assert cost(other, codebook) >= cost(p, codebook)
    means = (p.T @ z) / p.sum(0)[:, None]
    assert cost(p, means) <= cost(p, codebook)


class Toy(nn.Module):
    """Forty dimensions through one or two stochastic codebooks of eight codewords and back, both
    maps linear.

    With few data dimensions for each code, doing without the code is the optimum: four are too few
    here.
    """

    def __init__(self, codebooks: int) -> None:
        super().__init__()
        self.quantizer = ResidualSQ(
            [StochasticQuantizer(8, 2, initial_variance=2.0) for _ in range(codebooks)]
        )
        self.encoder, self.decoder = nn.Conv1d(40, 2, 1), nn.Conv1d(2, 40, 1)
        self.likelihood = GaussianLikelihood()

    def forward(self, x, temperature, generator):
        result = self.quantizer(self.encoder(x), temperature=temperature, generator=generator)
        return self.decoder(result.z), result


def trained(codebooks: int, steps: int, *, reconstruct: bool):
    torch.manual_seed(0)
    toy, generator, history = Toy(codebooks), draw(), []
    mixing = torch.randn(40, 2, generator=draw(5))
    centers = mixing @ torch.randn(2, 8**codebooks, generator=draw(6)) * 1.5
    optimizer = torch.optim.Adam(toy.parameters(), lr=0.01)
    for step in range(steps):
        picked = centers[:, torch.randint(8**codebooks, (16, 16), generator=generator)].transpose(
            0, 1
        )
        x = picked + 0.02 * torch.randn(picked.shape, generator=generator)
        estimate, result = toy(x, max(0.2, 1 - 1.6 * step / steps), generator)
        distortion = toy.likelihood(x, estimate)
        loss = (
            (distortion if reconstruct else 0 * distortion)
            + result.terms["quadratic"]
            + result.rates.sum(1)
        )
        optimizer.zero_grad()
        (loss.mean() / 640).backward()
        optimizer.step()
        entropies = [result.stats[f"{index}/entropy"] for index in range(codebooks)]
        history.append(
            (
                toy.likelihood.variance.item(),
                toy.quantizer.codebooks[0].variance.item(),
                sum(entropies),
            )
        )
    return toy.eval(), history, centers


def test_variances_anneal_themselves_and_without_reconstruction_they_grow():
    toy, history, centers = trained(1, 600, reconstruct=True)
    first, last = history[20], history[-1]
    assert last[0] < 0.1 * first[0]
    assert last[1] < 0.1 * first[1]
    assert last[2] < 0.3 * first[2]
    x = centers[None]
    hard = (toy(x, 1.0, None)[0] - x).square().mean().item()
    assert hard < 0.02 * x.var().item()
    _, drifting, _ = trained(1, 300, reconstruct=False)
    assert drifting[-1][1] > 1.3 * drifting[20][1]
    assert drifting[-1][2] > drifting[20][2]


def test_every_codebook_lowers_the_error():
    toy, _, centers = trained(2, 600, reconstruct=True)
    x = centers[None]
    codes = toy.quantizer.encode(toy.encoder(x))

    def error(some):
        return (toy.decoder(toy.quantizer.decode(some)) - x).square().mean().item()

    whole = error(codes)
    assert whole < error(codes[:1])
    for codebook in range(2):
        changed = list(codes)
        changed[codebook] = torch.randint(8, codes[codebook].shape, generator=draw())
        assert error(changed) > 1.5 * whole
