"""Fitting a prior: it learns a known source, resumes to the same result, and comes back from its
file."""

import math
from dataclasses import replace
from pathlib import Path

import lightning_fabric
import numpy as np
import pytest
import torch
from torch.nn.functional import pdist

from speechvq.cli.prior import cost_lines
from speechvq.codes import CodebookShape, ModelId
from speechvq.data.manifest import Utterance
from speechvq.data.split import HeldOut, held_out_speakers
from speechvq.errors import CodesError, ConfigError, ModelError, TrainingError
from speechvq.nn.speaker import unpack_embeddings
from speechvq.prior.batches import Segments, hold_out
from speechvq.prior.compare import anomaly_thresholds, recording_bits
from speechvq.prior.file import load_prior
from speechvq.prior.network import PriorConfig, PriorNetwork
from speechvq.prior.tokens import Tokens
from speechvq.train.prior.config import (
    PriorData,
    PriorExperiment,
    PriorOptim,
    PriorRun,
    read_prior_experiment,
)
from speechvq.train.prior.init import init_codewords, new_prior
from speechvq.train.prior.loop import best_prior, claim, train
from speechvq.train.prior.run import export_prior

SIZE = 8
HELD_OUT = HeldOut(share=0.2)


def source(voices: int = 6, each: int = 6, seed: int = 0) -> Tokens:
    """A coarse codebook that steps by one or two, one bit a code, and a fine one that repeats it,
    per voice in one direction."""
    random = np.random.default_rng(seed)
    frames = random.integers(20, 40, voices * each)
    up = np.arange(voices * each) // each % 2 == 0
    coarse = [
        np.cumsum(random.integers(1, 3, n)) * (1 if u else -1) % SIZE
        for n, u in zip(frames, up, strict=True)
    ]
    codebooks = (
        np.concatenate(coarse).astype(np.uint16),
        np.concatenate([np.repeat(one, 2) for one in coarse]).astype(np.uint16),
    )
    speakers = np.where(up[:, None], 0xFF, 0x00).astype(np.uint8).repeat(4, 1)
    names = tuple(f"v{i // each}" for i in range(voices * each))
    return Tokens(
        ModelId("m", b"12345678"),
        (CodebookShape(640, SIZE), CodebookShape(320, SIZE)),
        codebooks,
        frames,
        speakers,
        names,
    )


def experiment(folder: Path, steps: int = 120, **optim) -> PriorExperiment:
    return PriorExperiment(
        "tiny",
        PriorOptim(
            steps=steps,
            **({"batch": 8, "learning_rate": 1e-2, "warmup": 5, "ema_decay": 0.9} | optim),
        ),
        prior=PriorConfig(width=16, skip=16, layers=2, cycle=2, context_layers=1, dropout=0.05),
        data=PriorData(held_out=HELD_OUT, longest=30),
        run=PriorRun(folder=str(folder), log_every=10, validate_every=60, save_every=20, seed=1),
    )


def fabric() -> lightning_fabric.Fabric:
    one = lightning_fabric.Fabric(accelerator="cpu", devices=1)
    one.launch()
    return one


def test_a_known_source_is_learned_and_the_file_gives_the_same_prior_back(tmp_path):
    logged: dict[str, float] = {}
    tokens, plan = source(), experiment(tmp_path / "run")
    train(
        plan,
        tokens,
        fabric(),
        sample_rate=16_000,
        report=lambda _, __, numbers: logged.update(numbers),
    )
    assert logged["codebook0/bits"] < 1.45
    assert logged["codebook1/bits"] < 0.15
    result = export_prior(tmp_path / "run", tokens, tmp_path / "prior.safetensors", 16_000)
    lines = cost_lines(result.costs)
    rows = {
        line.split("|")[1].strip(): [float(cell.split()[0]) for cell in line.split("|")[2:-1]]
        for line in lines[2:]
    }
    assert rows["uniform"][:3] == [3.0, 3.0, 225.0]
    assert rows["order 2 and coarser code"][0] < 1.3  # two codes tell the direction, one does not
    assert rows["static tables"][0] > 1.8
    assert rows["WaveNet"][0] == pytest.approx(logged["codebook0/bits"], abs=0.1)
    assert rows["WaveNet"][2] < rows["static tables"][2] < rows["uniform"][2]
    assert rows["WaveNet"][3] == pytest.approx(
        100 * (1 - rows["WaveNet"][2] / rows["static tables"][2]), abs=1
    )
    again, (_, exported) = (
        load_prior(tmp_path / "prior.safetensors"),
        best_prior(tmp_path / "run", tokens),
    )
    assert (again.name, again.model, again.network.shapes) == (
        "tiny",
        tokens.model,
        ((640, SIZE), (320, SIZE)),
    )
    codes, speaker = Segments(tokens, 30).batch(0, 2)
    with torch.no_grad():
        for one, other in zip(
            exported.nats(codes, speaker), again.network.nats(codes, speaker), strict=True
        ):
            assert torch.allclose(one, other, atol=0.02)
        right, wrong = (
            again.network.nats(codes, sign * unpack_embeddings(np.full((2, 4), 255, np.uint8)))[
                0
            ].mean()
            for sign in (1, -1)
        )
    assert abs(right - wrong) > 0.01
    assert read_prior_experiment(tmp_path / "run" / "experiment.toml") == plan
    held = hold_out(tokens, HELD_OUT, 16_000)[1]
    assert again.anomaly_thresholds == anomaly_thresholds(
        recording_bits(exported, held), held, 16_000
    )


def test_what_is_usual_counts_every_voice_alike():
    tokens = source(voices=2, each=20)
    few = tokens.select(
        np.arange(len(tokens)) < 22
    )  # twenty recordings of one voice, two of another
    seconds = few.frames * 640 / 16_000
    rates = np.concatenate([np.linspace(10, 20, 20), [50, 60]])
    found = anomaly_thresholds(np.stack([rates, rates], 1) * seconds[:, None], few, 16_000)
    assert found == (
        60.0,
        120.0,
    )  # of 95 % one half is the first voice, 45 % the other's: both of its recordings
    alone = few.select(np.arange(len(few)) < 20)
    assert anomaly_thresholds((rates[:20] * seconds[:20])[:, None], alone, 16_000) == (
        pytest.approx(np.sort(rates[:20])[18], abs=0.1),
    )


def test_a_prior_begins_with_what_the_codec_knows_of_its_codes():
    tokens, random = source(), torch.Generator().manual_seed(0)
    coarse, far = (
        3 * torch.randn(SIZE, 3, generator=random) + 5,
        torch.randn(SIZE, 20, generator=random),
    )
    shape, scale = PriorConfig(width=16, skip=16, layers=2, cycle=2), coarse.std()
    prior = PriorNetwork(shape, [(640, SIZE), (640, SIZE)], 8)
    init_codewords(prior, [coarse, coarse / 4], tokens)
    fine = prior.streams[1]
    above, own = (
        fine.coarser_embeddings[0].weight.detach(),
        fine.previous_code_embedding.weight.detach()[:SIZE],
    )
    sums = (above[:, None, :3] + own[None, :, :3]).flatten(0, 1)
    latents = (coarse[:, None] + coarse[None] / 4).flatten(0, 1)
    assert torch.allclose(
        pdist(sums), pdist(latents) / scale, atol=1e-4
    )  # codebooks of one rate add up as in the codec
    for known in (above, own):
        assert torch.allclose(
            pdist(known[:, 3:6]), pdist(coarse) / scale, atol=1e-4
        )  # each on its own scale too
    counts = (
        torch.bincount(torch.from_numpy(tokens.codebooks[0].astype(np.int64)), minlength=SIZE) + 1.0
    )
    assert torch.allclose(
        prior.streams[0].wavenet.head[-1].bias.softmax(0), counts / counts.sum(), atol=1e-5
    )
    for codebooks in (
        [coarse, far],
        [torch.ones(SIZE, 3)] * 2,
    ):  # more dimensions than there is room for; all the same
        other = PriorNetwork(shape, [(640, SIZE), (320, SIZE)])
        init_codewords(other, codebooks, tokens)
        assert all(parameter.isfinite().all() for parameter in other.parameters())


def test_a_damaged_note_on_the_codes_is_refused(tmp_path):
    for note in (b"\xff\xfe", b"x" * 5000):
        (tmp_path / "tokens.txt").write_bytes(note)
        with pytest.raises(TrainingError, match=r"tokens.txt|another --folder"):
            claim(tmp_path, source())


def test_a_fit_begins_there_and_learns_sooner(tmp_path):
    circle = 2 * math.pi * torch.arange(SIZE)[:, None] / SIZE
    codebooks, tokens, found = [torch.cat([circle.cos(), circle.sin()], 1)] * 2, source(), []
    for name, begin in (("random", ()), ("codec", codebooks)):
        logged: list[float] = []
        train(
            experiment(tmp_path / name, steps=20),
            tokens,
            fabric(),
            sample_rate=16_000,
            codebooks=begin,
            report=lambda _, __, n, to=logged: to.extend([n["bits"]] if "bits" in n else []),
        )
        found.append(logged)
    assert found[1][0] < found[0][0] - 0.05
    assert all(math.isfinite(bits) for bits in found[1])


def test_an_interrupted_run_ends_as_an_unbroken_one(tmp_path):
    tokens = source()
    whole = train(experiment(tmp_path / "a", steps=30), tokens, fabric(), sample_rate=16_000)
    train(experiment(tmp_path / "b", steps=30), tokens, fabric(), sample_rate=16_000, stop_at=13)
    pieces = train(experiment(tmp_path / "b", steps=30), tokens, fabric(), sample_rate=16_000)
    one, other = (best_prior(path.parent, tokens)[1].state_dict() for path in (whole, pieces))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_whole_voices_are_held_out():
    tokens = source()
    learned, held = hold_out(tokens, HELD_OUT, 16_000)
    assert not set(learned.voices) & set(held.voices)
    assert len(learned) + len(held) == len(tokens)
    assert 0.1 <= held.frames.sum() / tokens.frames.sum() < 0.5
    assert set(held.voices) == held_out_speakers(tokens.spoken(16_000), HELD_OUT)
    single = tokens.select(np.array([voice == "v0" for voice in tokens.voices]))
    with pytest.raises(CodesError, match="6 recordings are of one voice"):
        hold_out(single, HELD_OUT, 16_000)
    unknown = replace(single, voices=("",) * 6)
    assert len(hold_out(unknown, HELD_OUT, 16_000)[1]) == 1
    two = tokens.select(np.array([voice in ("v0", "v1") for voice in tokens.voices]))
    assert len(set(hold_out(two, HELD_OUT, 16_000)[1].voices)) == 1
    some = replace(tokens, voices=("",) * 6 + tokens.voices[6:])
    assert "" not in hold_out(some, HELD_OUT, 16_000)[1].voices


def test_held_out_texts_are_not_trained_on():
    tokens = source()
    rows = [
        Utterance(Path("x"), 1.0, voice, metadata={"corpus": "c", "text": f"Take {index % 36}"})
        for index, voice in enumerate(tokens.voices)
    ]
    told = tokens.described_by(rows)
    assert len(hold_out(told, HELD_OUT, 16_000)[0]) == 30
    rows[0] = replace(rows[0], metadata=rows[-1].metadata)
    voices = (set(hold_out(told, HELD_OUT, 16_000)[1].voices), {"v0", "v5"})
    assert len(voices[0] & voices[1]) <= 1  # they say the same, on two sides or on one
    expected = 30 - len(voices[0] & {"v5"}) - len(voices[0] & {"v0"})
    told = tokens.described_by(rows)
    learned, held = hold_out(told, HELD_OUT, 16_000)
    assert len(learned) == expected
    assert not set(learned.texts) & set(held.texts)
    assert learned.corpora == ("c",) * len(learned)


def test_pieces_are_all_of_it_in_lengths_that_fit():
    tokens = source()
    pieces = Segments(tokens, 30)
    assert sum(len(codebooks[0]) for codebooks in pieces.codebooks) == tokens.frames.sum()
    codes, speakers = pieces.batch(3, 5)
    assert [codebook.shape[0] for codebook in codes] == [5, 5]
    assert codes[1].shape[1] == 2 * codes[0].shape[1] <= 60
    assert torch.equal(codes[1], codes[0].repeat_interleave(2, 1))
    assert speakers.shape == (5, 8)


def test_a_folder_keeps_to_the_codes_it_began_with(tmp_path):
    plan = experiment(tmp_path / "run", steps=4)
    train(plan, source(), fabric(), sample_rate=16_000)
    kept = (tmp_path / "run" / "experiment.toml").read_bytes()
    for other in (source(seed=1), replace(source(), model=ModelId("m", b"87654321"))):
        with pytest.raises(TrainingError, match="trained on other codes"):
            train(plan, other, fabric(), sample_rate=16_000)
    with pytest.raises(TrainingError, match="cannot resume"):
        train(
            replace(plan, prior=replace(plan.prior, width=8)),
            source(),
            fabric(),
            sample_rate=16_000,
        )
    assert (tmp_path / "run" / "experiment.toml").read_bytes() == kept
    (tmp_path / "codec" / "step-00000001").mkdir(parents=True)
    with pytest.raises(TrainingError, match="not a prior's"):
        train(experiment(tmp_path / "codec"), source(), fabric(), sample_rate=16_000)
    with pytest.raises(ConfigError, match=r"log_every must be positive"):
        PriorRun(log_every=0)


def test_the_loss_must_be_a_number(tmp_path, monkeypatch):
    nats = PriorNetwork.nats
    monkeypatch.setattr(
        PriorNetwork, "nats", lambda *given: [codebook * torch.nan for codebook in nats(*given)]
    )
    with pytest.raises(TrainingError, match=r"lower optim\.learning_rate"):
        train(experiment(tmp_path), source(), fabric(), sample_rate=16_000)


def test_what_is_not_a_prior_is_refused(tmp_path):
    path = tmp_path / "p.safetensors"
    with pytest.raises(ModelError, match="there is no prior file"):
        load_prior(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="is not a speechvq prior"):
        load_prior(path)
    with pytest.raises(TrainingError, match="has no checkpoint"):
        export_prior(tmp_path, source(), path, 16_000)
    prior = new_prior(experiment(tmp_path), source())
    assert prior.speaker_dim == 8
    with pytest.raises(ConfigError, match=r"held_out.minutes must be"):
        PriorData(held_out=HeldOut(minutes=0.0))
    with pytest.raises(ConfigError, match=r"batch must be"):
        PriorOptim(steps=3, batch=0)
