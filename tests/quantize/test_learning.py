"""CodebookLearner against sums written out by hand, and on clusters that it must find."""

import torch

from speechvq.quantize.base import Quantized
from speechvq.quantize.kmeans import kmeans
from speechvq.quantize.learning import PRIOR_COUNT, CodebookLearner, codeword_sums
from speechvq.quantize.residual import ResidualVQ
from speechvq.quantize.stochastic import StochasticQuantizer
from speechvq.quantize.vector import VectorQuantizer


def draw(seed=1):
    return torch.Generator().manual_seed(seed)


def quantizers(count=1, size=4, width=2) -> list[VectorQuantizer]:
    torch.manual_seed(0)
    return [VectorQuantizer(size, width) for _ in range(count)]


def test_codeword_sums_are_over_the_examples_that_use_the_codebook():
    codes = (torch.tensor([[0, 2, 2], [1, 1, 0]]), torch.tensor([[3, 3, 3], [0, 1, 2]]))
    inputs = (torch.randn(2, 2, 3), torch.randn(2, 5, 3))
    count = torch.tensor([1, 2])
    table = codeword_sums(
        Quantized(torch.empty(0), codes, torch.empty(0), {}, {}, inputs), count, 4
    )
    assert table.shape == (2, 4, 6)
    for codebook in range(2):
        for codeword in range(4):
            got = [
                inputs[codebook][b, :, f]
                for b in range(2)
                for f in range(3)
                if count[b] > codebook and codes[codebook][b, f] == codeword
            ]
            expected = torch.stack(got).sum(0) if got else torch.zeros(inputs[codebook].shape[1])
            assert table[codebook, codeword, 0] == len(got)
            torch.testing.assert_close(table[codebook, codeword, 1 : 1 + len(expected)], expected)
    assert not table[0, :, 3:].any()  # narrower than the widest


def test_a_codeword_is_the_moving_average_of_what_chose_it():
    (codebook,) = quantizers()
    first = codebook.codewords.clone()
    learner = CodebookLearner([codebook], decay=0.9)
    gifts = [torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0])]
    for gift in gifts:
        table = torch.zeros(1, 4, 3)
        table[0, 1] = torch.cat([torch.ones(1), gift])
        learner.update(table)
    weights = torch.tensor([PRIOR_COUNT * 0.81, 0.9, 1.0])[:, None]
    expected = (weights * torch.stack([first[1], *gifts])).sum(0) / weights.sum()
    torch.testing.assert_close(codebook.codewords[1], expected)
    torch.testing.assert_close(codebook.codewords[[0, 2, 3]], first[[0, 2, 3]])
    assert learner.recent[0].tolist() == [0, 2, 0, 0]


def test_codewords_find_the_clusters_though_all_but_one_start_far_away():
    """Eight tight clusters, eight codewords, seven of them out of reach."""
    centers = torch.tensor([[x, y] for x in (-3.0, -1.0, 1.0, 3.0) for y in (-2.0, 2.0)])
    (codebook,) = quantizers(size=8)
    codebook.codewords[1:] += 100
    learner = CodebookLearner([codebook], decay=0.9)
    random = draw()
    for step in range(600):
        picked = centers[torch.randint(8, (64,), generator=random)]
        z = (picked + 0.05 * torch.randn(64, 2, generator=random)).T[None]
        codes = codebook.choose(z)
        learner.update(
            codeword_sums(
                Quantized(z, (codes,), torch.empty(0), {}, {}, (z,)),
                torch.ones(1, dtype=torch.long),
                8,
            )
        )
        if step % 20 == 19 and step < 500:
            learner.reset_dead(random)
    distances = (centers[:, None] - codebook.codewords).norm(dim=-1).min(1).values
    assert distances.max() < 0.1


def test_dead_code_reset_counts_what_it_moved_and_starts_anew():
    learner = CodebookLearner(quantizers(count=2), decay=0.9)
    table = torch.zeros(2, 4, 3)
    table[0, :, 0] = 1.0
    table[1, 2:, 0] = 1.0
    learner.update(table)
    assert learner.reset_dead(draw()) == 2
    assert not learner.recent.any()
    assert learner.ema[1, :2, 0].tolist() == [1.0, 1.0]
    torch.testing.assert_close(learner.ema[1, :2, 1:], learner.distinct[1].codewords[:2])


def test_stochastic_quantizers_are_left_alone():
    both = [*quantizers(), StochasticQuantizer(4, 2, initial_variance=1.0)]
    before = both[1].codewords.detach().clone()
    learner = CodebookLearner(both, decay=0.9)
    learner.update(torch.ones(2, 4, 3) * torch.tensor([1.0, 0.0, 1.0, 0.0])[None, :, None])
    assert learner.reset_dead(draw()) == 2
    assert torch.equal(both[1].codewords, before)


def test_every_process_moves_codewords_alike():
    """The same table and generator give the same codebooks, whatever each process saw itself."""
    table = (
        torch.rand(1, 4, 3, generator=draw()) * torch.tensor([1.0, 0.0, 1.0, 0.0])[None, :, None]
    )
    result = []
    for _ in range(2):
        learner = CodebookLearner(quantizers(), decay=0.99)
        learner.update(table)
        learner.reset_dead(draw(7))
        result.append(learner.distinct[0].codewords.clone())
    assert torch.equal(*result)
    assert result[0].isfinite().all()


def test_codewords_that_nothing_chooses_stay_where_they_are():
    (codebook,) = quantizers()
    before = codebook.codewords.clone()
    learner = CodebookLearner([codebook], decay=0.5)
    for _ in range(3000):
        learner.update(torch.zeros(1, 4, 3))
    torch.testing.assert_close(codebook.codewords, before)


def test_a_shared_codebook_starts_from_its_inputs_at_all_depths():
    """First from what it quantizes first, then also from the residuals that this leaves."""
    (codebook,) = quantizers()
    stack = ResidualVQ([codebook], 2).eval()
    z = torch.randn(3, 2, 40, generator=draw())
    seen = []

    def inputs():
        seen.append([x.transpose(1, 2).flatten(0, 1) for x in stack(z).inputs])
        return stack(z).inputs

    CodebookLearner(stack.codebooks, decay=0.9).init_kmeans(inputs, seed=0)
    assert len(seen) == 2
    torch.testing.assert_close(codebook.codewords, kmeans(torch.cat(seen[1]), 4))


def test_there_is_nothing_to_do_without_vector_quantizers():
    learner = CodebookLearner([StochasticQuantizer(4, 2, initial_variance=1.0)], decay=0.9)
    assert not learner.active
    learner.update(torch.ones(1, 4, 3))
    assert not learner.ema.any()
    assert not learner.recent.any()
    assert not CodebookLearner([], decay=0.9).active
