"""The prior's network: steps are the full pass, it is causal, and learns a known source."""

import pytest
import torch

from speechvq.errors import ConfigError
from speechvq.prior import network
from speechvq.prior.network import PriorConfig, PriorNetwork
from speechvq.prior.sampling import CodeSampler, sample
from speechvq.prior.wavenet import WaveNet

SHAPES = ((640, 7), (640, 5), (320, 6), (320, 4))
TINY = PriorConfig(width=8, skip=12, layers=4, cycle=2, context_layers=1)


def tiny(speaker_dim: int = 3) -> PriorNetwork:
    torch.manual_seed(0)
    return PriorNetwork(TINY, SHAPES, speaker_dim).eval()


def codes(frames: int = 9, batch: int = 2, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randint(size, (batch, frames * 640 // hop), generator=generator)
        for hop, size in SHAPES
    ]


@torch.no_grad()
@pytest.mark.parametrize("chunks", [[1] * 12, [5, 7], [3, 1, 8]])
def test_a_wavenet_fed_in_chunks_gives_what_the_full_pass_gives(chunks):
    torch.manual_seed(0)
    net = WaveNet(6, 8, 5, layers=5, cycle=3, condition=4, kernel=3)
    x, condition = torch.randn(2, 6, 12), torch.randn(2, 4, 12)
    state, outputs = net.initial_state(2), []
    for part, frame_condition in zip(x.split(chunks, -1), condition.split(chunks, -1), strict=True):
        y, state = net.step(part, frame_condition, state)
        outputs.append(y)
    assert torch.allclose(torch.cat(outputs, -1), net(x, condition), atol=1e-6)
    assert sum(part.numel() for part in state) == sum(part.numel() for part in net.initial_state(2))


@torch.no_grad()
def test_an_output_depends_on_the_receptive_field_alone():
    torch.manual_seed(0)
    net = WaveNet(6, 8, 5, layers=5, cycle=3, kernel=2).double()
    x = torch.randn(1, 6, 40, dtype=torch.double)
    changed = x.clone()
    changed[..., 10] += 1
    moved = (net(x) - net(changed)).abs().amax(1)[0].nonzero().flatten()
    assert net.past == 1 + 2 + 4 + 1 + 2
    assert (moved.min(), moved.max()) == (10, 10 + net.past)


@torch.no_grad()
def test_steps_give_the_probabilities_of_the_full_pass():
    prior, given, speaker = tiny(), codes(), torch.randn(2, 3)
    for depth, (stream, codebook) in enumerate(zip(prior.streams, given, strict=True)):
        condition = stream.condition(given[:depth], codebook.shape[1], speaker)
        logits_of_all = stream(codebook, condition)
        state, previous = stream.wavenet.initial_state(2), None
        for t in range(codebook.shape[1]):
            logits, state = stream.step(previous, condition[..., t : t + 1], state)
            assert torch.allclose(logits, logits_of_all[..., t], atol=1e-5)
            previous = codebook[:, t]


@torch.no_grad()
def test_a_code_changes_what_is_said_of_later_ones_of_its_codebook_and_of_finer_codebooks_only():
    prior, given, speaker = tiny(), codes(frames=20), torch.zeros(2, 3)
    first = prior.nats(given, speaker)
    other = [codebook.clone() for codebook in given]
    other[1][:, 12] = (other[1][:, 12] + 1) % SHAPES[1][1]
    again = prior.nats(other, speaker)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1][:, :12], again[1][:, :12])
    assert not torch.allclose(first[1][:, 13:], again[1][:, 13:])
    moved = (first[2] - again[2]).abs().sum(0).nonzero().flatten()
    assert moved.min() < 24 <= moved.max()
    assert [codebook.shape for codebook in first] == [codebook.shape for codebook in given]


@torch.no_grad()
def test_any_prefix_has_its_probability_and_the_voice_matters():
    prior, given = tiny(), codes()
    full = prior.nats(given, torch.zeros(2, 3))
    part = prior.nats(given[:2], torch.zeros(2, 3))
    assert len(part) == 2
    assert all(torch.equal(few, many) for few, many in zip(part, full, strict=False))
    assert not torch.allclose(full[0], prior.nats(given, torch.ones(2, 3))[0])
    logits = prior.streams[0](given[0], prior.streams[0].condition([], 9, torch.zeros(2, 3)))
    assert torch.allclose(torch.softmax(logits, 1).sum(1), torch.ones(2, 9))


@torch.no_grad()
def test_long_recordings_pass_in_chunks(monkeypatch):
    prior, given, speaker = tiny(), codes(frames=30), torch.zeros(2, 3)
    full = prior.nats(given, speaker)
    monkeypatch.setattr(network, "CHUNK", 7)
    assert all(
        torch.allclose(*pair, atol=1e-5)
        for pair in zip(full, prior.nats(given, speaker), strict=True)
    )


def test_a_known_source_is_learned_to_its_entropy():
    """Codebook 0 moves by 1 or 2 in a cycle, at random: 1 bit. Codebook 1 copies it: 0 bits."""
    torch.manual_seed(0)
    shapes = ((640, 8), (320, 8))
    prior = PriorNetwork(
        PriorConfig(width=16, skip=16, layers=2, cycle=2, context_layers=1), shapes
    )
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(prior.parameters(), lr=1e-2)

    def drawn() -> list[torch.Tensor]:
        coarse = torch.randint(1, 3, (16, 30), generator=generator).cumsum(1) % 8
        return [coarse, coarse.repeat_interleave(2, 1)]

    for _ in range(150):
        loss = torch.stack([nats.mean() for nats in prior.nats(drawn())]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        coarse, fine = (
            codebook[:, 2:].mean() / torch.log(torch.tensor(2.0))
            for codebook in prior.nats(drawn())
        )
    assert coarse == pytest.approx(1, abs=0.05)
    assert fine < 0.05


@pytest.mark.parametrize("change", [{"width": 0}, {"layers": -1}, {"context_layers": -1}])
def test_values_out_of_range_are_refused_by_name(change):
    with pytest.raises(ConfigError, match=rf"{next(iter(change))} must"):
        PriorConfig(**change)


def drawn(
    prior: PriorNetwork, frames: tuple[int, ...] = (9, 9, 18, 18), seed: int = 0, **more
) -> list[torch.Tensor]:
    return sample(
        prior,
        frames,
        generator=torch.Generator().manual_seed(seed),
        speaker_embedding=torch.zeros(1, 3),
        **more,
    )


def test_a_draw_is_repeatable_and_of_the_shape_asked_for():
    prior = tiny()
    first, again, other = drawn(prior), drawn(prior), drawn(prior, seed=1)
    assert [codebook.shape for codebook in first] == [(1, 9), (1, 9), (1, 18), (1, 18)]
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
    assert not all(torch.equal(*pair) for pair in zip(first, other, strict=True))
    assert all(
        codebook.min() >= 0 and codebook.max() < size
        for codebook, (_, size) in zip(first, SHAPES, strict=True)
    )
    assert len(drawn(prior, frames=(9, 9))) == 2
    several = sample(
        prior,
        (9, 9),
        generator=torch.Generator().manual_seed(0),
        speaker_embedding=torch.zeros(3, 3),
    )
    assert [codebook.shape for codebook in several] == [(3, 9), (3, 9)]


def test_a_prompt_is_kept_and_what_follows_is_what_would_have_followed():
    """Continuing the beginning of a draw with the most probable codes gives the same draw."""
    prior = tiny()
    full = drawn(prior, temperature=0)
    going_on = drawn(prior, temperature=0, prompt=[codebook[:, :4] for codebook in full])
    assert all(torch.equal(*pair) for pair in zip(full, going_on, strict=True))
    other = [
        torch.full((1, 3), 1),
        torch.full((1, 3), 2),
        torch.full((1, 6), 3),
        torch.full((1, 6), 0),
    ]
    outputs = drawn(prior, prompt=other)
    assert all(
        torch.equal(codebook[:, : begun.shape[1]], begun)
        for codebook, begun in zip(outputs, other, strict=True)
    )


def test_draws_have_the_probabilities_of_the_logits():
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0]]).expand(20_000, -1)
    generator = torch.Generator().manual_seed(0)
    for temperature in (1.0, 0.5):
        shares = torch.bincount(CodeSampler(generator, temperature)(logits), minlength=4) / len(
            logits
        )
        assert torch.allclose(shares, torch.softmax(logits[0] / temperature, 0), atol=0.015)
    kept = torch.bincount(CodeSampler(generator, top_p=0.7)(logits), minlength=4) / len(logits)
    assert kept[0] == kept[3] == 0
    assert kept[2] == pytest.approx(torch.softmax(logits[0, 1:3], 0)[1].item(), abs=0.015)
    assert torch.equal(CodeSampler(generator, top_p=1e-9)(logits), logits.argmax(1))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"top_p": 0.0}, "top-p"),
        ({"frames": (1,) * 5}, "has 4 codebooks"),
        ({"prompt": [torch.zeros(2, 1, dtype=torch.long)]}, "are of 1 and 2 recordings"),
    ],
)
def test_draws_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        drawn(tiny(), **wrong)
