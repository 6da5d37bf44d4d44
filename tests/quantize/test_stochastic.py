"""Laws of stochastic quantization and of the top-down stack, in float64 against slow oracles."""

import itertools
import math

import pytest
import torch

from speechvq.quantize.codebook import half_distances
from speechvq.quantize.residual import ResidualVQ
from speechvq.quantize.stochastic import (
    ResidualSQ,
    StochasticQuantizer,
    entropy,
    gumbel_softmax,
    log_posterior,
)
from speechvq.quantize.topdown import Level, TopDown
from speechvq.quantize.vector import VectorQuantizer


def quantizer(size=16, width=3, variance=1.0, seed=0) -> StochasticQuantizer:
    torch.manual_seed(seed)
    return StochasticQuantizer(size, width, initial_variance=variance).double()


def level(codebooks=3, variance=1.0, width=3, seed=0) -> Level:
    torch.manual_seed(seed)
    quantizers = [
        StochasticQuantizer(8, width, initial_variance=variance * 2.0**-i) for i in range(codebooks)
    ]
    return Level(5, 4, ResidualSQ(quantizers)).double()


def vector_level(codebooks=3, width=3) -> Level:
    torch.manual_seed(0)
    return Level(5, 4, ResidualVQ([VectorQuantizer(8, width) for _ in range(codebooks)])).double()


def nearest(z, codebook):
    """The slow oracle: direct differences, one position at a time."""
    return torch.stack([(codebook - row).square().sum(1).argmin() for row in z])


def draw(seed=1):
    return torch.Generator().manual_seed(seed)


def test_distances_are_squared_differences():
    z, codebook = (
        torch.randn(7, 3, dtype=torch.float64) + 5,
        torch.randn(9, 3, dtype=torch.float64) + 5,
    )
    expected = (z[:, None] - codebook).square().sum(-1)
    torch.testing.assert_close(2 * half_distances(z, codebook), expected, rtol=1e-12, atol=1e-12)


def test_posterior_is_bayes_rule_for_blurred_codewords():
    codebook = quantizer(variance=0.7)
    z = torch.randn(5, 3, dtype=torch.float64)
    density = torch.exp(
        -(z[:, None] - codebook.codewords).square().sum(-1) / (2 * codebook.variance)
    )
    expected = density / density.sum(1, keepdim=True)
    torch.testing.assert_close(
        log_posterior(z, codebook.codewords, codebook.log_variance).exp(),
        expected,
        rtol=1e-12,
        atol=1e-15,
    )


def test_small_variance_is_vector_quantization():
    """P is one-hot, the entropy 0, sample and code those of the nearest codeword."""
    codebook = quantizer(variance=1e-6)
    z = torch.randn(2, 3, 11, dtype=torch.float64)
    flat = z.transpose(1, 2).reshape(-1, 3)
    oracle = nearest(flat, codebook.codewords)
    sample, entropies, codes = codebook.sample(z, temperature=0.1, generator=draw())
    assert torch.equal(codes.flatten(), oracle)
    assert torch.equal(codebook.choose(z).flatten(), oracle)
    torch.testing.assert_close(entropies, torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-6)
    torch.testing.assert_close(
        sample.transpose(1, 2).reshape(-1, 3), codebook.codewords[oracle], rtol=0, atol=1e-6
    )


def test_small_variances_are_greedy_residual_quantization():
    stack = level(variance=1e-6)
    feature, u = (
        torch.randn(2, 5, 6, dtype=torch.float64),
        torch.randn(2, 4, 6, dtype=torch.float64),
    )
    residual = stack.latent(feature, u).double().transpose(1, 2).reshape(-1, 3)
    expected, total = [], torch.zeros_like(residual)
    for codebook in stack.quantizer:
        expected.append(nearest(residual, codebook.codewords))
        total = total + codebook.codewords[expected[-1]]
        residual = residual - codebook.codewords[expected[-1]]
    codes, after = stack.encode(feature, u)
    for result, target in zip(codes, expected, strict=True):
        assert torch.equal(result.flatten(), target)
    oracle = u + stack.add(total.reshape(2, 6, 3).transpose(1, 2))
    torch.testing.assert_close(after, oracle, rtol=1e-5, atol=1e-6)
    mask = torch.ones(2, 3, dtype=torch.float64)
    soft = stack(feature, u, mask, temperature=0.05, generator=draw())
    torch.testing.assert_close(soft.z, oracle, rtol=1e-4, atol=1e-4)


def test_large_variance_is_uniform():
    """P = 1/K, H = log K, a hot sample is the mean codeword, and no gradient reaches z."""
    codebook = quantizer()
    z = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
    log_p = log_posterior(
        z[0].T, codebook.codewords, torch.tensor(math.log(1e8), dtype=torch.float64)
    )
    torch.testing.assert_close(log_p.exp(), torch.full_like(log_p, 1 / 16), rtol=1e-6, atol=0)
    torch.testing.assert_close(
        entropy(log_p), torch.full((4,), math.log(16), dtype=torch.float64), rtol=1e-9, atol=0
    )
    soft = gumbel_softmax(log_p, 1e6, draw()) @ codebook.codewords
    torch.testing.assert_close(
        soft, codebook.codewords.mean(0).expand_as(soft), rtol=1e-4, atol=1e-4
    )
    (gradient,) = torch.autograd.grad(soft.square().sum(), z)
    assert gradient.abs().max() < 1e-6


def test_latent_terms_collapse_to_a_log_sum_exp():
    """E_P |z-b|^2 / 2s^2 - H(P) = -log sum_k exp(-|z-b_k|^2 / 2s^2), also its slope in log s^2."""
    codebook = quantizer(variance=0.9)
    z = torch.randn(20, 3, dtype=torch.float64)
    log_p = log_posterior(z, codebook.codewords, codebook.log_variance)
    energy = half_distances(z, codebook.codewords) / codebook.log_variance.exp()
    expected_energy = (log_p.exp() * energy).sum(1)
    collapsed = -torch.logsumexp(-energy, 1)
    torch.testing.assert_close(expected_energy - entropy(log_p), collapsed, rtol=1e-12, atol=1e-12)
    (slope,) = torch.autograd.grad(collapsed.sum(), codebook.log_variance)
    torch.testing.assert_close(slope, -expected_energy.sum(), rtol=1e-10, atol=1e-10)


def test_partial_sums_telescope_and_variances_add():
    stack = level(codebooks=3)
    feature, u = (
        torch.randn(2, 5, 6, dtype=torch.float64),
        torch.zeros(2, 4, 6, dtype=torch.float64),
    )
    mask = torch.ones(2, 3, dtype=torch.float64)
    result = stack(feature, u, mask, temperature=0.7, generator=draw())
    z = stack.latent(feature, u)
    total, generator = torch.zeros_like(z), draw()
    for codebook in stack.quantizer:
        total = total + codebook.sample(z - total, temperature=0.7, generator=generator)[0]
    variance = sum(codebook.log_variance.exp() for codebook in stack.quantizer)
    expected = (z - total).square().sum((1, 2)) / (2 * variance)
    torch.testing.assert_close(
        result.terms["quadratic"].double(), expected.double(), rtol=1e-5, atol=1e-6
    )


def test_a_level_of_one_codebook_is_the_single_quantizer():
    stack = level(codebooks=1)
    feature, u = (
        torch.randn(2, 5, 6, dtype=torch.float64),
        torch.zeros(2, 4, 6, dtype=torch.float64),
    )
    result = stack(
        feature, u, torch.ones(2, 1, dtype=torch.float64), temperature=0.7, generator=draw()
    )
    codebook, z = stack.quantizer[0], stack.latent(feature, u)
    sample, entropies, codes = codebook.sample(z, temperature=0.7, generator=draw())
    quadratic = (z - sample).square().sum((1, 2)) / (2 * codebook.variance)
    torch.testing.assert_close(
        result.terms["quadratic"].double(), quadratic.double(), rtol=1e-5, atol=1e-6
    )
    torch.testing.assert_close(
        result.rates[:, 0].double(), 6 * math.log(8) - entropies.double(), rtol=1e-5, atol=1e-6
    )
    assert torch.equal(result.codes[0], codes)


def test_dropped_codebooks_leave_no_trace():
    """With a prefix kept, terms and state are those of a level that has only the prefix."""
    stack = level(codebooks=3)
    feature, u = (
        torch.randn(2, 5, 6, dtype=torch.float64),
        torch.zeros(2, 4, 6, dtype=torch.float64),
    )
    shorter = level(codebooks=3)
    shorter.quantizer = ResidualSQ(list(stack.quantizer)[:2])
    shorter.load_state_dict(
        {k: v for k, v in stack.state_dict().items() if not k.startswith("quantizer.2")}
    )
    mask = torch.tensor([[1.0, 1.0, 0.0]] * 2, dtype=torch.float64)
    kept = stack(feature, u, mask, temperature=0.7, generator=draw())
    alone = shorter(feature, u, mask[:, :2], temperature=0.7, generator=draw())
    torch.testing.assert_close(kept.z, alone.z)
    torch.testing.assert_close(kept.terms["quadratic"], alone.terms["quadratic"])
    torch.testing.assert_close(kept.rates[:, :2], alone.rates)
    assert not kept.rates[:, 2].any()
    nothing = stack(
        feature, u, torch.zeros(2, 3, dtype=torch.float64), temperature=0.7, generator=draw()
    )
    assert nothing.rates.abs().max() == 0
    assert nothing.terms["quadratic"].abs().max() == 0


def topdown(seed=0) -> TopDown:
    torch.manual_seed(seed)
    levels = [
        Level(
            5, 4, ResidualSQ([StochasticQuantizer(8, 3, initial_variance=1.0) for _ in range(2)])
        ),
        Level(6, 4, ResidualSQ([StochasticQuantizer(12, 2, initial_variance=1.0)])),
    ]
    return TopDown(levels, [2], 4)


def features(frames=6, batch=2, seed=3):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(batch, 5, frames, generator=generator),
        torch.randn(batch, 6, 2 * frames, generator=generator),
    ]


def test_terms_are_sums_over_positions_and_values_of_examples():
    """Doubling the sequence doubles the terms; another example changes nothing."""
    stack = topdown()
    for codebook in (q for lev in stack.levels for q in lev.quantizer):
        codebook.log_variance.data.fill_(math.log(1e-5))  # so that noise does not matter
    short = features()
    long = [torch.cat([f, f], -1) for f in short]
    count = torch.tensor([3, 3])
    once = stack(short, count, temperature=0.1, generator=draw())
    twice = stack(long, count, temperature=0.1, generator=draw())
    single = stack([f[:1] for f in short], count[:1], temperature=0.1, generator=draw())
    torch.testing.assert_close(twice.rates, 2 * once.rates, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(single.rates, once.rates[:1], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(
        twice.terms["quadratic"], 2 * once.terms["quadratic"], rtol=1e-3, atol=1e-3
    )
    torch.testing.assert_close(
        single.terms["quadratic"], once.terms["quadratic"][:1], rtol=1e-3, atol=1e-3
    )


def test_the_uniform_rate_is_zero_and_the_hard_rate_is_log_k():
    stack, count = topdown(), torch.tensor([3, 1])
    for log_variance, share in ((1e4, 0.0), (1e-6, 1.0)):
        for codebook in (q for lev in stack.levels for q in lev.quantizer):
            codebook.log_variance.data.fill_(math.log(log_variance))
        rate = stack(features(), count, temperature=1.0, generator=draw()).rates.sum(1)
        full = torch.tensor([6 * 2 * math.log(8) + 12 * math.log(12), 6 * math.log(8)])
        torch.testing.assert_close(rate, share * full, rtol=0.01, atol=0.05)


def test_codes_decode_to_what_was_quantized_bit_for_bit():
    stack = topdown().eval()
    codes = stack.encode(features())
    rebuilt = torch.zeros(2, 4, 6)
    rebuilt = stack.levels[0].encode(features()[0], rebuilt)[1]
    rebuilt = stack.levels[1].encode(features()[1], stack.up[0](rebuilt))[1]
    assert torch.equal(stack.decode(codes), rebuilt)
    assert torch.equal(stack(features()).z, rebuilt)


def test_codes_do_not_depend_on_the_batch():
    stack = topdown().eval()
    together = stack.encode(features(batch=2))
    for index in range(2):
        alone = stack.encode([f[index : index + 1] for f in features(batch=2)])
        for row, single in zip(together, alone, strict=True):
            assert torch.equal(row[index : index + 1], single)


@pytest.mark.parametrize("offset", [0.0, 3.0, 100.0])
def test_codes_do_not_depend_on_a_common_offset(offset):
    """In float32: without centring, offsets like these turn codes."""
    torch.manual_seed(0)
    codebook = StochasticQuantizer(64, 8, initial_variance=1.0).eval()
    z = torch.round(torch.randn(1, 8, 200) * 64) / 64
    codebook.codewords.data = torch.round(codebook.codewords.data * 64) / 64
    before = codebook.choose(z)
    codebook.codewords.data += offset
    assert torch.equal(codebook.choose(z + offset), before)


def test_every_prefix_decodes_and_adds_only_its_codebooks():
    stack = topdown().eval()
    codes = stack.encode(features())
    states = [stack.decode(codes[:count]) for count in (1, 2, 3)]
    for row, other in itertools.pairwise(states):
        assert row.shape == other.shape == (2, 4, 12)
        assert not torch.equal(row, other)
    changed = [*codes[:2], (codes[2] + 1) % 12]
    assert torch.equal(stack.decode(changed[:2]), states[1])


def test_every_codeword_and_variance_learns_at_the_first_step():
    """With a tiny variance, though, most codewords get nothing."""
    stack, inputs = topdown(), [f.requires_grad_() for f in features()]
    result = stack(inputs, torch.tensor([3, 3]), temperature=1.0, generator=draw())
    (
        result.z.square().mean() + result.terms["quadratic"].mean() + result.rates.sum(1).mean()
    ).backward()
    for codebook in (q for lev in stack.levels for q in lev.quantizer):
        assert codebook.codewords.grad.abs().sum(1).gt(0).all()
        assert codebook.log_variance.grad.abs() > 0
    assert all(f.grad.abs().max() > 0 for f in inputs)
    cold = ResidualSQ([quantizer(size=64, variance=1e-6)])
    cold(
        torch.randn(1, 3, 5, dtype=torch.float64), temperature=0.1, generator=draw()
    ).z.square().sum().backward()
    assert cold[0].codewords.grad.abs().sum(1).gt(1e-12).sum() <= 5


def test_cold_samples_follow_the_posterior():
    """Chi-square over 20,000 draws."""
    p = torch.tensor([0.5, 0.3, 0.15, 0.05])
    draws = gumbel_softmax(p.log().expand(20_000, 4), 0.1, draw()).argmax(1).bincount(minlength=4)
    chi_square = ((draws - 20_000 * p).square() / (20_000 * p)).sum()
    assert chi_square < 16.27  # 0.1 % for 3 degrees of freedom


def test_training_of_vector_quantizers_sees_what_inference_decodes():
    """RQ-VAE: what training sees is what inference decodes."""
    stack = vector_level()
    feature, u = (
        torch.randn(2, 5, 6, dtype=torch.float64),
        torch.randn(2, 4, 6, dtype=torch.float64),
    )
    result = stack(feature, u, torch.ones(2, 3, dtype=torch.float64))
    codes, after = stack.encode(feature, u)
    assert all(torch.equal(row, other) for row, other in zip(result.codes, codes, strict=True))
    torch.testing.assert_close(result.z, after, rtol=1e-6, atol=1e-6)
    assert result.rates.flatten().tolist() == pytest.approx([6 * math.log(8)] * 6)


def test_vector_quantizers_copy_the_gradient_to_z_once():
    """However many codebooks; the commitment term draws z alone, not the codewords."""
    stack = vector_level()
    feature = torch.randn(1, 5, 6, dtype=torch.float64)
    z = stack.latent(feature, torch.zeros(1, 4, 6, dtype=torch.float64)).detach().requires_grad_()
    stack.latent = lambda *_: z
    result = stack(feature, torch.zeros(1, 4, 6, dtype=torch.float64), torch.ones(1, 3).double())
    target = torch.randn_like(result.z)
    through = torch.autograd.grad((result.z * target).sum(), z, retain_graph=True)[0]
    expected = torch.einsum("bdf,dk->bkf", target, stack.add.weight[..., 0])
    torch.testing.assert_close(through.double(), expected, rtol=1e-5, atol=1e-6)
    drawn = torch.autograd.grad(result.terms["commitment"].sum(), z)[0]
    residual, expected, error = z.detach(), torch.zeros_like(z), 0.0
    for codebook, codes, inputs in zip(stack.quantizer, result.codes, result.inputs, strict=True):
        torch.testing.assert_close(inputs.double(), residual.double(), rtol=1e-5, atol=1e-6)
        residual = residual - codebook.lookup(codes)
        expected = expected + 2 * residual
        error += residual.square().sum().item()
    torch.testing.assert_close(drawn.double(), expected.double(), rtol=1e-5, atol=1e-6)
    assert result.terms["commitment"].item() == pytest.approx(error, rel=1e-5)
    assert not list(stack.quantizer[0].parameters())


@pytest.mark.parametrize("make", [vector_level, level])
def test_bypassed_examples_decode_from_z_and_still_teach_the_quantizers(make):
    stack = make(codebooks=2)
    feature, u = (
        torch.randn(2, 5, 6, dtype=torch.float64),
        torch.randn(2, 4, 6, dtype=torch.float64),
    )
    mask, skip = torch.ones(2, 2, dtype=torch.float64), torch.tensor([True, False])
    plain = stack(feature, u, mask, temperature=0.5, generator=draw())
    result = stack(feature, u, mask, temperature=0.5, generator=draw(), bypass=skip)
    torch.testing.assert_close(result.z[1], plain.z[1])
    torch.testing.assert_close(
        result.z[0].double(), (u + stack.add(stack.latent(feature, u).double()))[0]
    )
    assert all(
        torch.equal(row, other) for row, other in zip(result.inputs, plain.inputs, strict=True)
    )
    without = stack(
        feature, u, torch.tensor([[0.0, 0.0], [1.0, 1.0]]).double(), temperature=0.5, bypass=skip
    )
    torch.testing.assert_close(without.z[0].double(), u[0] + stack.add.bias[:, None])


def test_dead_code_reset_moves_dead_codewords_beside_frequent_ones_and_nothing_else():
    torch.manual_seed(0)
    codebook = VectorQuantizer(6, 3).double()
    before = codebook.codewords.clone()
    dead = codebook.reset_dead_codewords(torch.tensor([5.0, 0.0, 7.0, 0.0, 3.0, 4.0]), draw())
    assert dead.tolist() == [False, True, False, True, False, False]
    assert torch.equal(codebook.codewords[~dead], before[~dead])
    spread = before[~dead].std(0).norm()
    nearest_busy = (codebook.codewords[dead][:, None] - before[~dead]).norm(dim=-1).min(1).values
    assert (nearest_busy > 0).all()
    assert (nearest_busy < 0.3 * spread).all()
    assert not codebook.reset_dead_codewords(torch.ones(6), draw()).any()


def paired(counts, variance=1e-6):
    """The same stack with stochastic and with vector quantizers, equal in everything else."""
    torch.manual_seed(0)
    stochastic, vector = [
        TopDown(
            [Level(5, 4, stack([make() for _ in range(count)])) for count in counts],
            [2] * (len(counts) - 1),
            4,
        ).double()
        for stack, make in (
            (ResidualSQ, lambda: StochasticQuantizer(8, 3, initial_variance=variance)),
            (ResidualVQ, lambda: VectorQuantizer(8, 3)),
        )
    ]
    state = {
        name: value
        for name, value in stochastic.state_dict().items()
        if not name.endswith("log_variance")
    }
    vector.load_state_dict(state)
    return stochastic, vector


@pytest.mark.parametrize("counts", [(1, 1), (1, 1, 1), (3,), (2, 2)])
def test_stochastic_models_become_their_deterministic_twins(counts):
    """SQ-VAE-2 -> VQ-VAE-2, RSQ-VAE -> RQ-VAE, and mixed, as the variances vanish."""
    stochastic, vector = paired(counts)
    inputs = [torch.randn(2, 5, 3 * 2**level, dtype=torch.float64) for level in range(len(counts))]
    soft, hard = stochastic(inputs, temperature=0.05, generator=draw()), vector(inputs)
    assert all(torch.equal(row, other) for row, other in zip(soft.codes, hard.codes, strict=True))
    torch.testing.assert_close(soft.z, hard.z, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(soft.rates, hard.rates.double(), rtol=1e-6, atol=1e-4)
    assert all(
        torch.equal(row, other)
        for row, other in zip(stochastic.encode(inputs), vector.encode(inputs), strict=True)
    )


def test_an_injected_codebook_that_sees_the_residual_is_a_residual_codebook():
    """The second of two one-codebook levels is fed z - Z_1 by hand."""
    torch.manual_seed(0)
    codebooks = [StochasticQuantizer(8, 3, initial_variance=0.5 / (i + 1)) for i in range(2)]
    whole, first, second = (
        ResidualSQ(codebooks).double(),
        ResidualSQ(codebooks[:1]).double(),
        ResidualSQ(codebooks[1:]).double(),
    )
    z, generator = torch.randn(2, 3, 6, dtype=torch.float64), draw()
    injected = first(z, temperature=0.7, generator=generator)
    two = second(z - injected.z, temperature=0.7, generator=generator)
    together = whole(z, temperature=0.7, generator=draw())
    torch.testing.assert_close(injected.z + two.z, together.z)
    torch.testing.assert_close(torch.cat([injected.rates, two.rates], 1), together.rates)
    assert torch.equal(two.codes[0], together.codes[1])
    expected = (
        two.terms["quadratic"]
        * 2
        * codebooks[1].variance
        / (2 * (codebooks[0].variance + codebooks[1].variance))
    )
    torch.testing.assert_close(together.terms["quadratic"], expected)


def test_levels_of_one_codebook_have_a_quadratic_term_each():
    """SQ-VAE-2: the terms of its levels, each over its own variance, add up."""
    stochastic, _ = paired((1, 1), variance=0.8)
    inputs = [torch.randn(2, 5, 3, dtype=torch.float64), torch.randn(2, 5, 6, dtype=torch.float64)]
    result = stochastic(inputs, temperature=0.5, generator=draw())
    generator, u, expected = draw(), torch.zeros(2, 4, 3, dtype=torch.float64), 0.0
    for index, level_ in enumerate(stochastic.levels):
        u = stochastic.up[0](u) if index else u
        z, codebook = level_.latent(inputs[index], u), level_.quantizer[0]
        sample = codebook.sample(z, temperature=0.5, generator=generator)[0]
        expected = expected + (z - sample).square().sum((1, 2)) / (2 * codebook.variance)
        u = u + level_.add(sample)
    torch.testing.assert_close(result.terms["quadratic"], expected)
    torch.testing.assert_close(result.z, u)
