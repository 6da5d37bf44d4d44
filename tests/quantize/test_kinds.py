"""Every kind of quantizer: the contract they share, and each against an oracle of its own."""

import itertools
import math

import pytest
import torch
from torch.nn import functional

from speechvq.config import kinds, parse
from speechvq.errors import ConfigError
from speechvq.quantize.codebook import half_distances, smallest
from speechvq.quantize.config import AnyQuantizerConfig, LevelConfig
from speechvq.quantize.cosine import CosineQuantizer
from speechvq.quantize.gaussian import GaussianLatent
from speechvq.quantize.gumbel import GumbelQuantizer
from speechvq.quantize.joint import JointQuantizer, capacity_cost
from speechvq.quantize.kmeans import kmeans
from speechvq.quantize.learning import CodebookLearner
from speechvq.quantize.residual import ResidualVQ
from speechvq.quantize.stochastic import ResidualSQ, StochasticQuantizer
from speechvq.quantize.vector import VectorQuantizer
from speechvq.quantize.vimco import SampledCategorical, vimco

KINDS = kinds(AnyQuantizerConfig)
RESIDUAL = tuple(kind for kind, config in KINDS.items() if config.residual)
DECODED = (*RESIDUAL, "gumbel", "vimco")


def draw(seed=1):
    return torch.Generator().manual_seed(seed)


def made(kind, *, codebooks=None, seed=0, **changes):
    torch.manual_seed(seed)
    codebooks = codebooks or (3 if kind in RESIDUAL else 1)
    options = {"codebook_size": 11, "lookup_dim": 3, "continuous_dim": 2} | changes
    known = {name for name in options if hasattr(KINDS[kind], name)} | changes.keys()
    quantizer = KINDS[kind](dim=6, **{name: options[name] for name in known})
    return LevelConfig(0, codebooks, quantizer).build().double()


def latents(batch=2, frames=7, seed=2):
    return torch.randn(batch, 6, frames, generator=draw(seed), dtype=torch.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_the_record_has_the_shapes_of_the_contract(kind):
    quantizer, z = made(kind), latents()
    result = quantizer(z, temperature=0.5, generator=draw())
    assert result.z.shape == z.shape
    assert len(result.codes) == len(result.inputs) == len(quantizer.codebooks)
    assert all(
        code.shape == (2, 7) and code.min() >= 0 and code.max() < 11 for code in result.codes
    )
    assert result.rates.shape[0] == 2
    assert (result.rates >= 0).all()
    assert all(term.shape == (2,) for term in result.terms.values())


@pytest.mark.parametrize("kind", KINDS)
def test_eval_mode_is_deterministic_and_an_example_stands_alone(kind):
    quantizer, z = made(kind).eval(), latents()
    together = quantizer(z).z
    assert torch.equal(together, quantizer(z).z)
    for index in range(2):
        torch.testing.assert_close(
            quantizer(z[index : index + 1]).z[0], together[index], rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("kind", DECODED)
def test_eval_mode_gives_what_its_codes_decode_to(kind):
    quantizer, z = made(kind).eval(), latents()
    result = quantizer(z)
    codes = quantizer.encode(z)
    assert all(torch.equal(a, b) for a, b in zip(codes, result.codes, strict=True))
    assert torch.equal(quantizer.decode(codes), result.z)


@pytest.mark.parametrize("kind", KINDS)
def test_codebooks_not_in_use_leave_no_trace(kind):
    quantizer, z = made(kind), latents()
    count = max(1, len(quantizer.codebooks))
    result = quantizer(
        z, torch.zeros(2, count, dtype=torch.float64), temperature=0.5, generator=draw()
    )
    assert not result.z.any()
    assert not result.rates.any()
    assert not any(term.any() for term in result.terms.values())


@pytest.mark.parametrize("kind", KINDS)
def test_the_decoders_gradient_reaches_z(kind):
    quantizer, z = made(kind), latents().requires_grad_()
    result = quantizer(z, temperature=0.7, generator=draw())
    loss = (result.z * torch.randn(z.shape, generator=draw(), dtype=z.dtype)).sum()
    if kind == "vimco":  # hard draws have no gradient: the encoder learns by log q
        loss = loss + result.terms["log_posterior"].sum()
    (gradient,) = torch.autograd.grad(loss, z)
    assert (gradient.abs().sum(1) > 0).all()


@pytest.mark.parametrize("kind", ["gaussian", "none"])
def test_continuous_latents_refuse_codes(kind):
    quantizer = made(kind)
    assert quantizer.encode(latents()) == []
    with pytest.raises(ValueError, match="has no codes"):
        quantizer.decode([torch.zeros(1, 3, dtype=torch.long)])


@pytest.mark.parametrize("kind", RESIDUAL)
def test_a_shared_codebook_is_one_codebook(kind):
    quantizer = made(kind, shared=True)
    assert len(quantizer.codebooks) == 3
    assert len(set(quantizer.codebooks)) == 1
    assert len({name.split(".")[0] for name in quantizer.state_dict()}) == 1
    result = quantizer(latents(), temperature=0.5, generator=draw())
    assert len(result.codes) == 3
    torch.testing.assert_close(
        quantizer.eval()(latents()).z, quantizer.decode(quantizer.encode(latents()))
    )


def test_a_shared_codebook_learns_from_all_its_residuals():
    quantizer = made("vq", shared=True)
    learner = CodebookLearner(quantizer.codebooks, decay=0.5)
    table = torch.zeros(3, 11, 7)
    table[0, 4] = torch.cat([torch.ones(1), torch.full((6,), 2.0)])
    table[2, 4] = torch.cat([torch.ones(1), torch.full((6,), 5.0)])
    before = quantizer.codebooks[0].codewords[4].clone()
    learner.update(table)
    torch.testing.assert_close(
        quantizer.codebooks[0].codewords[4], (10 * before + 7.0) / 12
    )  # PRIOR 20, half forgotten
    assert learner.recent[0, 4] == 2


def test_a_stack_has_one_codebook_or_all_of_them():
    with pytest.raises(ValueError, match="3 codebooks cannot share 2"):
        ResidualVQ([VectorQuantizer(4, 2), VectorQuantizer(4, 2)], 3)


# beam search


@pytest.mark.parametrize("kind", ["vq", "sq"])
def test_a_full_beam_finds_the_best_codes_of_all(kind):
    quantizer, z = made(kind, codebooks=2, beam=11).eval(), latents()
    coarse, fine = (codebook.codewords for codebook in quantizer.codebooks)
    sums = (coarse[:, None] + fine).flatten(0, 1)
    best = half_distances(z.transpose(1, 2).flatten(0, 1), sums).argmin(1)
    first, second = quantizer.encode(z)
    assert torch.equal(first.flatten(), best // 11)
    assert torch.equal(second.flatten(), best % 11)
    assert torch.equal(quantizer(z).z, quantizer.decode([first, second]))


def test_a_wider_beam_leaves_a_smaller_residual_and_a_beam_of_one_is_greedy():
    errors = []
    for beam in (1, 2, 4, 11):
        quantizer, z = made("vq", beam=beam).eval(), latents(batch=4, frames=50)
        errors.append((z - quantizer(z).z).square().sum().item())
        alone = quantizer.encode(z[:1, :, 3:4])
        assert all(
            torch.equal(row[:1, 3:4], other)
            for row, other in zip(quantizer.encode(z), alone, strict=True)
        )
    assert errors[0] > errors[1] > errors[2] > errors[3]
    greedy, left = made("vq"), latents(batch=4, frames=50)
    for codebook, row in zip(greedy.codebooks, greedy.encode(left), strict=True):
        assert torch.equal(row, codebook.choose(left))
        left = left - codebook.lookup(row)


@pytest.mark.parametrize("kind", ["vq", "sq"])
def test_a_beam_search_finds_the_best_codes_for_any_number_of_codebooks(kind):
    quantizer, z = made(kind, beam=11).eval(), latents(frames=50)

    def left(codes):
        return (z - quantizer.decode(codes)).square().sum().item()

    complete = quantizer.encode(z)
    for count in (1, 2):
        codes = quantizer.encode(z, count)
        assert len(codes) == count
        assert left(codes) < left(complete[:count])
    two = made(kind, codebooks=2, beam=11)
    two.load_state_dict(quantizer.state_dict(), strict=False)
    assert all(
        torch.equal(row, other)
        for row, other in zip(quantizer.encode(z, 2), two.encode(z), strict=True)
    )


@pytest.mark.parametrize("training", [True, False])
def test_each_example_gets_the_best_codes_for_the_codebooks_that_it_uses(training):
    quantizer, z = made("vq", beam=11).train(training), latents(batch=3, frames=20)
    counts = [1, 3, 2]
    mask = (torch.tensor(counts)[:, None] > torch.arange(3)).double()
    result = quantizer(z, mask)
    for index, count in enumerate(counts):
        alone = quantizer.encode(z[index : index + 1], count)
        torch.testing.assert_close(result.z[index : index + 1], quantizer.decode(alone))
        assert all(
            torch.equal(row[index : index + 1], other)
            for row, other in zip(result.codes, alone, strict=False)
        )
    if training:
        total, error = torch.zeros_like(z[2]), 0.0
        for codebook, codes in zip(quantizer.codebooks, quantizer.encode(z[2:], 2), strict=False):
            total = total + codebook.lookup(codes)[0]
            error += (z[2] - total).square().sum().item()
        assert result.terms["commitment"][2].item() == pytest.approx(error)


@pytest.mark.parametrize("width", [7, 64, 512])
@pytest.mark.parametrize("count", [1, 3, 7])
def test_the_smallest_are_those_of_a_full_order(width, count):
    errors = torch.randn(300, width, generator=draw())
    result = smallest(errors, count)
    assert torch.equal(result.sort(1).values, errors.argsort(1)[:, :count].sort(1).values)


# vq, cosine


def test_codewords_that_learn_by_gradient_are_drawn_to_what_chose_them_alone():
    quantizer, z = made("vq", codebooks=1, update="gradient"), latents()
    codebook = quantizer.codebooks[0]
    result = quantizer(z)
    assert not result.z.requires_grad
    (gradient,) = torch.autograd.grad(result.terms["codebook"].sum(), codebook.codewords)
    flat, codes = z.transpose(1, 2).flatten(0, 1), result.codes[0].flatten()
    expected = torch.stack(
        [2 * (codebook.codewords[k] - flat[codes == k]).sum(0) for k in range(11)]
    )
    torch.testing.assert_close(gradient, expected)
    torch.testing.assert_close(result.terms["codebook"], result.terms["commitment"])


def test_cosine_goes_by_direction_alone():
    torch.manual_seed(0)
    quantizer = CosineQuantizer(11, 6, lookup_dim=3).double()
    z = latents()
    e = quantizer.down(z)
    similarity = torch.stack(
        [
            functional.cosine_similarity(e, b[None, :, None].expand_as(e))
            for b in quantizer.codewords
        ]
    )
    assert torch.equal(quantizer.choose(z), similarity.argmax(0))
    quantizer.down.bias.data.zero_()
    before = quantizer.choose(z)
    quantizer.codewords.data *= torch.rand(11, 1, dtype=torch.float64) + 0.1
    assert torch.equal(quantizer.choose(3 * z), before)


def test_cosine_trains_its_maps_and_its_codewords():
    quantizer, z = made("cosine", codebooks=2), latents().requires_grad_()
    result = quantizer(z)
    ((result.z - z).square().sum() + sum(term.sum() for term in result.terms.values())).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in quantizer.parameters())


# sq


def test_gradients_of_relaxed_samples_agree_with_finite_differences():
    """With the noise fixed, in float64: slopes in z, in a codeword and in log s^2."""
    torch.manual_seed(0)
    quantizer = ResidualSQ(
        [StochasticQuantizer(5, 2, initial_variance=0.8) for _ in range(2)]
    ).double()
    z = torch.randn(1, 2, 3, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(1, 2, 3, dtype=torch.float64)

    def value():
        result = quantizer(z, temperature=0.6, generator=draw())
        return (result.z * weights).sum() + result.terms["quadratic"].sum() + result.rates.sum()

    expected = torch.autograd.grad(value(), [z, *quantizer.parameters()])
    for parameter, gradient in zip([z, *quantizer.parameters()], expected, strict=True):
        flat = parameter.data.view(-1)
        for index in range(0, flat.numel(), 3):
            before = flat[index].item()
            values = []
            for step in (1e-5, -1e-5):
                flat[index] = before + step
                values.append(value().item())
            flat[index] = before
            assert (values[0] - values[1]) / 2e-5 == pytest.approx(
                gradient.view(-1)[index].item(), rel=1e-4, abs=1e-6
            )


def test_at_temperature_zero_draws_are_codewords_and_follow_the_posterior():
    torch.manual_seed(0)
    quantizer = ResidualSQ([StochasticQuantizer(4, 2, initial_variance=0.7)]).double()
    z = torch.randn(1, 2, 1, dtype=torch.float64).expand(1, 2, 20_000)
    drawn = quantizer(z, temperature=0.0, generator=draw()).z[0].T
    codeword = half_distances(drawn, quantizer[0].codewords).argmin(1)
    torch.testing.assert_close(drawn, quantizer[0].codewords[codeword])
    p = quantizer[0].posterior(z[..., :1])[0, 0]
    chi_square = ((codeword.bincount(minlength=4) - 20_000 * p).square() / (20_000 * p)).sum()
    assert chi_square < 16.27  # 0.1 % for 3 degrees of freedom


def test_naive_residual_term_is_never_below_the_grouped_one():
    """One quadratic term a codebook, each over its own variance, asks for more than RSQ-VAE's."""
    for seed in range(20):
        torch.manual_seed(seed)
        quantizer = ResidualSQ(
            [StochasticQuantizer(5, 2, initial_variance=1.0 / (i + 1)) for i in range(3)]
        ).double()
        z = torch.randn(1, 2, 4, dtype=torch.float64)
        result = quantizer(z, temperature=0.5, generator=draw(seed))
        generator, total, naive = draw(seed), torch.zeros_like(z), 0.0
        for codebook in quantizer.codebooks:
            total = total + codebook.sample(z - total, temperature=0.5, generator=generator)[0]
            naive += ((z - total).square().sum() / (2 * codebook.variance)).item()
        assert naive >= result.terms["quadratic"].item()


# gumbel


def test_gumbels_rate_is_the_kl_from_the_uniform_prior():
    quantizer, z = made("gumbel"), latents()
    p = torch.softmax(quantizer.logits(z.transpose(1, 2)), -1)
    uniform = torch.full_like(p, 1 / 11)
    expected = (p * (p / uniform).log()).sum((1, 2))
    torch.testing.assert_close(quantizer(z, generator=draw()).rates[:, 0], expected)


def test_gumbel_hardens_with_the_temperature():
    quantizer, z = made("gumbel"), latents()
    cold = quantizer(z, temperature=1e-3, generator=draw()).z
    exact = quantizer(z, temperature=0.0, generator=draw()).z
    torch.testing.assert_close(cold, exact, rtol=1e-3, atol=1e-3)


# vimco


def test_vimco_is_unbiased_by_enumeration():
    """Averaged over all draws, the estimate is the gradient of the exact expectation."""
    torch.manual_seed(0)
    logits = torch.randn(3, dtype=torch.float64, requires_grad=True)
    log_joint = torch.randn(3, dtype=torch.float64, requires_grad=True)
    for n in (2, 3):
        log_q_all = torch.log_softmax(logits, 0)
        exact, estimate = 0.0, 0.0
        for draws in itertools.product(range(3), repeat=n):
            index = torch.tensor(draws)
            log_q, joint = log_q_all[index], log_joint[index]
            probability = log_q.sum().exp()
            bound = torch.logsumexp(joint - log_q, 0) - math.log(n)
            exact = exact + probability * bound
            loss = vimco((joint - log_q)[:, None], log_q[:, None])
            assert loss.item() == pytest.approx(-bound.item())
            estimate = estimate - probability.detach() * loss.sum()
        for result, expected in zip(
            torch.autograd.grad(estimate, [logits, log_joint], retain_graph=True),
            torch.autograd.grad(exact, [logits, log_joint], retain_graph=True),
            strict=True,
        ):
            torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-12)


def test_vimco_compares_each_draw_with_the_geometric_mean_of_the_others():
    """Equations 4 and 9, draw by draw: unbiasedness does not tell baselines apart."""
    log_f = torch.tensor([-3.0, -1.0, -0.5, -4.0], dtype=torch.float64)
    log_q = torch.zeros(4, 1, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(vimco(log_f[:, None], log_q).sum(), log_q)
    for index in range(4):
        others = [value for i, value in enumerate(log_f.tolist()) if i != index]
        without = math.log((sum(map(math.exp, others)) + math.exp(sum(others) / 3)) / 4)
        bound = math.log(sum(map(math.exp, log_f.tolist())) / 4)
        assert gradient[index].item() == pytest.approx(-(bound - without))
    equal = torch.full((4, 1), -7.0, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(vimco(equal, log_q).sum(), log_q)
    assert gradient.abs().max() < 1e-12  # a draw like all others tells nothing


def test_vimcos_draws_are_hard_and_know_their_probability():
    torch.manual_seed(0)
    quantizer, z = SampledCategorical(11, 6).double(), latents()
    result = quantizer(z, generator=draw())
    torch.testing.assert_close(result.z, quantizer.lookup(result.codes[0]))
    log_p = torch.log_softmax(quantizer.logits(z.transpose(1, 2)), -1)
    expected = log_p.gather(-1, result.codes[0][..., None]).sum((1, 2))
    torch.testing.assert_close(result.terms["log_posterior"], expected)
    assert not torch.equal(result.codes[0], quantizer.choose(z))


# gaussian, joint


def test_the_gaussian_rate_is_the_kl_from_the_unit_gaussian():
    torch.manual_seed(0)
    quantizer, z = GaussianLatent(6).double(), latents()
    mean, log_variance = quantizer.moments(z).chunk(2, 1)
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    p = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    torch.testing.assert_close(
        quantizer(z, generator=draw()).rates[:, 0],
        torch.distributions.kl_divergence(q, p).sum((1, 2)),
    )
    torch.testing.assert_close(quantizer.eval()(z).z, mean)


def test_joint_latents_have_a_continuous_and_a_discrete_rate():
    torch.manual_seed(0)
    quantizer, z = JointQuantizer(11, 6, continuous_dim=2).double(), latents()
    result = quantizer(z, temperature=0.5, generator=draw())
    torch.testing.assert_close(result.rates[:, 0], quantizer.gaussian(z).rates[:, 0])
    torch.testing.assert_close(result.rates[:, 1], quantizer.discrete(z).rates[:, 0])
    quantizer.eval()
    decoded, whole = quantizer.decode(quantizer.encode(z)), quantizer(z).z
    assert not decoded[:, :2].any()
    assert torch.equal(decoded[:, 2:], whole[:, 2:])


def test_capacity_draws_a_rate_to_its_target_from_both_sides():
    for rate, sign in ((3.0, -1.0), (9.0, 1.0)):
        value = torch.tensor(rate, requires_grad=True)
        cost = capacity_cost(value, 5.0, 2.0)
        assert cost.item() == pytest.approx(2 * abs(rate - 5))
        assert torch.autograd.grad(cost, value)[0].item() == 2 * sign


# k-means


def test_kmeans_finds_clusters_and_makes_up_for_missing_points():
    centers = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    points = centers.repeat(20, 1) + 0.01 * torch.randn(60, 2, generator=draw())
    result = kmeans(points, 3)
    assert (centers[:, None] - result).norm(dim=-1).min(1).values.max() < 0.05
    assert kmeans(points[:2], 5).shape == (5, 2)
    assert torch.equal(kmeans(points, 3, seed=4), kmeans(points, 3, seed=4))


def test_kmeans_initialization_fits_each_codebook_to_its_residuals():
    """Each start is better than random, and the second is fitted to the first one's residuals."""
    quantizer, z = made("vq", codebooks=2), 5 + 3 * latents(batch=8, frames=50)
    before = (z - quantizer.eval()(z).z).square().mean()
    CodebookLearner(quantizer.codebooks, decay=0.9).init_kmeans(lambda: quantizer(z).inputs, seed=0)
    first = z.transpose(1, 2).flatten(0, 1)
    torch.testing.assert_close(quantizer.codebooks[0].codewords, kmeans(first, 11))
    rest = (
        (z - quantizer.codebooks[0].lookup(quantizer.codebooks[0].choose(z)))
        .transpose(1, 2)
        .flatten(0, 1)
    )
    torch.testing.assert_close(quantizer.codebooks[1].codewords, kmeans(rest, 11))
    assert (z - quantizer(z).z).square().mean() < 0.2 * before


# configuration


@pytest.mark.parametrize(
    ("quantizer", "message"),
    [
        ({"kind": "vq", "codebook_size": 1}, "l.quantizer.codebook_size must be 2 to 65536, not 1"),
        ({"kind": "gumbel", "dim": 0}, "l.quantizer.dim must be 1 to 16384, not 0"),
        ({"kind": "vq", "variance": 9.0}, ('l.quantizer.variance is no option of kind "vq"; its '
         "options are dim, codebook_size, update, shared, beam")),
        ({"kind": "sq", "update": "ema"}, 'l.quantizer.update is no option of kind "sq"'),
        ({"kind": "cosine", "beam": 4}, 'l.quantizer.beam is no option of kind "cosine"'),
        ({"kind": "none", "codebook_size": 4}, "l.quantizer.codebook_size is no option of kind"),
        ({"kind": "vq", "update": "magic"},
         'l.quantizer.update must be one of "ema", "gradient", not "magic"'),
        ({"kind": "cosine", "lookup_dim": 99}, "l.quantizer.lookup_dim must be 1 to dim = 16, not"),
        ({"kind": "joint", "continuous_dim": 16}, "l.quantizer.continuous_dim must be 1 to 15"),
        ({"kind": "vq", "beam": 0}, "l.quantizer.beam must be 1 to the codebook size 1024, not 0"),
        ({"kind": "sq", "beam": 2000}, "l.quantizer.beam must be 1 to the codebook size 1024"),
        ({"kind": "sq", "variance": 0.0}, "l.quantizer.variance must be positive, not 0.0"),
        ({"kind": "svq"}, ('l.quantizer.kind must be one of "vq", "cosine", "sq", "gumbel", '
         '"vimco", "joint", "gaussian", "none", not "svq"')),
        ("vq", 'l.quantizer must be a table; write it as quantizer = { kind = "vq", ... }'),
    ],
)  # fmt: skip
def test_an_option_of_another_kind_or_out_of_range_is_refused_with_its_path(quantizer, message):
    with pytest.raises(ConfigError) as refused:
        parse(LevelConfig, {"stage": 0, "codebooks": 1, "quantizer": quantizer}, "l")
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("codebooks", "kind", "message"),
    [
        (0, "vq", "l.codebooks must be at least 1, not 0"),
        (2, "gumbel", "l.codebooks must be 1 for a quantizer of kind 'gumbel', not 2"),
    ],
)
def test_a_number_of_codebooks_that_a_kind_cannot_have_is_refused(codebooks, kind, message):
    with pytest.raises(ConfigError) as refused:
        parse(LevelConfig, {"stage": 0, "codebooks": codebooks, "quantizer": {"kind": kind}}, "l")
    assert str(refused.value) == message


def test_one_word_swaps_one_quantizer_for_another():
    built = {kind: type(made(kind)) for kind in KINDS}
    assert built["vq"] is built["cosine"] is ResidualVQ
    assert built["gumbel"] is GumbelQuantizer
    assert len(set(built.values())) == len(KINDS) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_configuration_says_what_its_quantizer_is(kind):
    """The facts that training and studies ask the configuration for are those of the module."""
    config, quantizer, z = KINDS[kind](), made(kind), latents()
    level = LevelConfig(0, 3 if config.residual else 1, config)
    assert len(level.sizes) == len(quantizer.codebooks)
    terms = quantizer(z, temperature=0.5, generator=draw()).terms.keys()
    assert terms - {"log_posterior"} == config.terms
    several = [quantizer(z, temperature=0.5, generator=draw(seed)).z for seed in (1, 2)]
    assert torch.equal(*several) == (config.draws == "none")
    assert quantizer.decodable or not config.in_codec
    if quantizer.searchable:
        assert quantizer.options(torch.zeros(3, 6).double(), 0, 1, 2)[0].shape == (3, 2)
    else:
        with pytest.raises(NotImplementedError, match="cannot be searched"):
            quantizer.options(torch.zeros(3, 6), 0, 1, 2)


def test_codebooks_say_which_parameters_are_codewords_and_which_variances():
    roles = {
        kind: [
            {
                name
                for name, p in codebook.named_parameters()
                if any(p is parameter for parameter in role)
            }
            for codebook in made(kind).codebooks[:1]
            for role in (codebook.codebook_parameters, codebook.variance_parameters)
        ]
        for kind in KINDS
    }
    assert roles["vq"] == [set(), set()]
    assert roles["sq"] == [{"codewords"}, {"log_variance"}]
    for kind in ("cosine", "gumbel", "vimco", "joint"):
        assert roles[kind] == [{"codewords"}, set()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_greedy_configuration_differs_in_the_beam_alone(kind):
    config = KINDS[kind](**({"beam": 4} if hasattr(KINDS[kind], "beam") else {}))
    assert config.greedy == KINDS[kind]()
    assert config.greedy.greedy == config.greedy


@pytest.mark.parametrize("kind", DECODED)
def test_the_chosen_code_is_the_most_probable_one(kind):
    codebook, z = made(kind).codebooks[0], latents()
    posterior = codebook.posterior(z)
    torch.testing.assert_close(posterior.sum(-1), torch.ones(2, 7, dtype=torch.float64))
    assert torch.equal(posterior.argmax(-1), codebook.choose(z))
