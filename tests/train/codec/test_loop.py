"""Training: a step of every shipped configuration, resuming, guards, export."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import lightning_fabric
import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from speechvq.codec.config import CODEC_KINDS
from speechvq.codec.file import load
from speechvq.codec.network import Network
from speechvq.config import kinds
from speechvq.data.augment import Augmentation
from speechvq.data.corpus import Sampler, pack
from speechvq.data.manifest import Utterance, read_manifest, write_manifest
from speechvq.data.prepare import find_audio, survey
from speechvq.errors import ConfigError, ManifestError, ModelError, TrainingError
from speechvq.losses.discriminators import AdversaryConfig
from speechvq.losses.likelihood import MelConfig, MelLikelihood, PhaseConfig, PhaseLikelihood, total
from speechvq.nn.blocks import Block
from speechvq.nn.speaker import rounded
from speechvq.quantize.config import AnyQuantizerConfig, LevelConfig
from speechvq.quantize.stochastic import StochasticConfig
from speechvq.quantize.vimco import VimcoConfig
from speechvq.train.codec.config import (
    DataConfig,
    Experiment,
    OptimConfig,
    RunConfig,
    read_experiment,
    write_experiment,
)
from speechvq.train.codec.export import export_run
from speechvq.train.codec.init_from import begin_with
from speechvq.train.codec.loop import held_out, train
from speechvq.train.codec.objective import Objective
from speechvq.train.optimizer import parameter_groups
from speechvq.train.schedule import bypass, learning_rate, temperature
from tests.helpers.networks import tiny_config
from tests.helpers.paths import ROOT

RECIPES = sorted((ROOT / "recipes" / "default").glob("base*.toml"))


@pytest.fixture(scope="session")
def manifest(tmp_path_factory) -> Path:
    """Four speakers, two files of two seconds each: buzzes of different pitch."""
    folder = tmp_path_factory.mktemp("corpus")
    random = np.random.default_rng(0)
    for speaker in range(4):
        for take in range(2):
            time = np.arange(32_000) / 16_000
            buzz = 0.3 * np.sign(
                np.sin(2 * np.pi * (80 + 40 * speaker + 5 * take) * time)
            ) + 0.01 * random.normal(size=32_000)
            path = folder / f"speaker{speaker}" / f"take{take}.wav"
            path.parent.mkdir(exist_ok=True)
            soundfile.write(path, buzz, 16_000)
    kept, left_out = survey(folder, find_audio(folder), shortest=1.0, longest=60.0)
    assert not left_out
    write_manifest(folder / "manifest.jsonl", kept)
    return folder / "manifest.jsonl"


def tiny_experiment(manifest: Path, folder: Path, **optim) -> Experiment:
    plan = {"steps": 6, "batch": 4, "warmup": 2, "learning_rate": 1e-3, "reset_every": 2} | optim
    return Experiment(
        name="tiny",
        data=DataConfig(
            manifest=str(manifest),
            validation_speakers=1,
            validation_files=2,
            crop=0.5,
            cache=str(folder / "cache"),
        ),
        codec=tiny_config(),
        optim=OptimConfig(**plan),
        mel=MelConfig(windows=(256, 64), bands=(16, 8)),
        run=RunConfig(
            folder=str(folder / "run"), log_every=2, validate_every=3, save_every=2, seed=1
        ),
    )


def sampled(experiment: Experiment) -> Experiment:
    """The same with stochastic quantizers."""
    levels = tuple(
        replace(level, quantizer=StochasticConfig(codebook_size=level.sizes[0], dim=4))
        for level in experiment.codec.levels
    )
    return replace(experiment, codec=replace(experiment.codec, levels=levels), weights={})


def unchanged(experiment: Experiment) -> Experiment:
    return experiment


def judged(experiment: Experiment) -> Experiment:
    """With discriminators from the second step on."""
    discriminators = AdversaryConfig(windows=(256,), periods=(3,), channels=2, start=0.2)
    return replace(
        experiment,
        discriminators=discriminators,
        weights={"adversarial": 0.1, "feature_matching": 1.0},
    )


def averaged(experiment: Experiment) -> Experiment:
    return replace(experiment, optim=replace(experiment.optim, ema_decay=0.9))


def fabric() -> lightning_fabric.Fabric:
    one = lightning_fabric.Fabric(accelerator="cpu", devices=1)
    one.launch()
    return one


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "network.safetensors")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_configuration_takes_a_step(path, manifest, tmp_path):
    experiment = read_experiment(path)
    experiment = replace(
        experiment,
        data=replace(
            experiment.data, manifest=str(manifest), validation_speakers=1, cache=str(tmp_path)
        ),
        optim=replace(experiment.optim, batch=2),
        run=replace(experiment.run, folder=str(tmp_path / "run")),
    )
    told = {}
    last = train(experiment, fabric(), stop_at=1, report=lambda _, numbers: told.update(numbers))
    assert (last / "network.safetensors").exists()
    assert math.isfinite(told["loss"])
    assert told["gradient_norm"] > 0
    assert read_experiment(tmp_path / "run" / "experiment.toml") == experiment


@pytest.mark.parametrize("kind", [unchanged, sampled, averaged, judged])
def test_resuming_equals_never_stopping(kind, manifest, tmp_path):
    """Weights, optimizer, codebooks and averages are the same to the last bit."""
    whole = train(kind(tiny_experiment(manifest, tmp_path / "a")), fabric())
    experiment = kind(tiny_experiment(manifest, tmp_path / "b"))
    train(experiment, fabric(), stop_at=3)
    torch.manual_seed(99)  # a new process has other random numbers
    resumed = train(experiment, fabric())
    for name in sorted(path.name for path in whole.glob("*.safetensors")):
        one, other = load_file(whole / name), load_file(resumed / name)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_averaged_weights_are_the_mean_and_what_is_exported(manifest, tmp_path):
    """Early on the mean of all steps so far, as step/(step + 10) says; validation does not disturb the weights."""
    experiment = averaged(tiny_experiment(manifest, tmp_path))
    experiment = replace(experiment, run=replace(experiment.run, validate_every=1))
    seen = []
    for stop in range(1, 5):
        last = train(experiment, fabric(), stop_at=stop)
        seen.append(weights(last))
    run = replace(experiment.run, folder=str(tmp_path / "plain"))
    plain = weights(
        train(
            replace(experiment, optim=replace(experiment.optim, ema_decay=0.0), run=run),
            fabric(),
            stop_at=4,
        )
    )
    assert all(torch.equal(plain[name], value) for name, value in seen[-1].items())
    mean = load_file(last / "average.safetensors")
    name = "decoder.layers.0.conv.weight"
    shares = [
        10 / (step + 10) * math.prod(later / (later + 10) for later in range(step + 1, 5))
        for step in range(1, 5)
    ]
    first = 1 - sum(shares)
    rest = mean[name] - sum(share * one[name] for share, one in zip(shares, seen, strict=True))
    torch.manual_seed(experiment.run.seed)
    assert torch.allclose(rest, first * Network(experiment.codec).state_dict()[name], atol=1e-5)
    exported = export_run(
        Path(experiment.run.folder), tmp_path / "m.safetensors", 1.0
    ).network.state_dict()
    assert torch.allclose(exported[name], mean[name].half().float())


def test_perceptual_terms_weigh_what_they_say(manifest, tmp_path):
    """Their gradient is that of D log(error): the same for an error of another size. They need what they need."""
    experiment = tiny_experiment(manifest, tmp_path)
    experiment = replace(
        experiment,
        weights={"distortion": 0.0, "phase": 0.0, "commitment": 0.0, "rate": 0.0, "pesq_like": 2.0},
    )
    told = {}
    train(experiment, fabric(), stop_at=2, report=lambda _, numbers: told.update(numbers))
    seconds, values = experiment.data.crop, MelLikelihood(experiment.mel, 16_000).values_per_second
    assert told["loss"] == pytest.approx(2 * told["pesq_like/nats_per_second"] / values, rel=1e-4)
    assert told["pesq_like"] > 0
    assert seconds == 0.5
    for data, codec in ((replace(experiment.data, crop=0.3), experiment.codec),
                        (experiment.data, replace(experiment.codec, sample_rate=24_000))):  # fmt: skip
        with pytest.raises(
            ConfigError,
            match=r"weights\.pesq_like needs a sample rate of 16000 Hz and data.crop of",
        ):
            replace(experiment, data=data, codec=codec)


def test_frozen_parts_keep_their_weights_and_their_codes(manifest, tmp_path):
    """Decoder-only refinement against discriminators: the judges come in at their time, and codes stay valid."""
    experiment = judged(
        tiny_experiment(manifest, tmp_path, steps=8, frozen=("encoder", "topdown"), bypass=0.0)
    )
    torch.manual_seed(experiment.run.seed)
    begun, told = Objective(experiment).network.state_dict(), []
    last = train(experiment, fabric(), report=lambda _, numbers: told.append(numbers))
    found = weights(last)
    moved = {name.split(".")[0] for name in found if not torch.equal(found[name], begun[name])}
    assert moved == {"decoder", "reference"}
    losses = [numbers for numbers in told if "loss" in numbers]
    assert [numbers["judges"] > 0 for numbers in losses] == [False, True, True, True]
    with pytest.raises(
        ConfigError,
        match=r"frozen lists parts of encoder, topdown, decoder, reference, not "
        r"'quantizers'",
    ):
        replace(experiment.optim, frozen=("quantizers",))


def test_training_lowers_the_loss_and_logs(manifest, tmp_path):
    told = []
    experiment = tiny_experiment(manifest, tmp_path, steps=60, learning_rate=3e-3)
    train(experiment, fabric(), report=lambda _, numbers: told.append(numbers))
    losses = [numbers["loss"] for numbers in told if "loss" in numbers]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3
    run = Path(experiment.run.folder)
    header, *lines = (run / "train.csv").read_text().splitlines()
    assert header.startswith("step,")
    assert len(lines) == 30
    assert "codebook0/perplexity" in (run / "validation.csv").read_text()
    assert list(run.glob("events.out.tfevents.*"))


def test_nan_stops_the_run_and_keeps_the_checkpoint(manifest, tmp_path, monkeypatch):
    experiment = tiny_experiment(manifest, tmp_path)
    kept = train(experiment, fabric(), stop_at=2)
    before = weights(kept)
    monkeypatch.setattr(
        MelLikelihood, "log_mel", lambda _self, wave, _size: wave[..., None] * math.nan
    )
    with pytest.raises(TrainingError, match="at step 2"):
        train(experiment, fabric())
    assert all(torch.equal(before[key], value) for key, value in weights(kept).items())


def test_damaged_checkpoint_is_named(manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path)
    kept = train(experiment, fabric(), stop_at=2)
    data = (kept / "network.safetensors").read_bytes()
    (kept / "network.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(TrainingError, match=r"cannot resume from .*step-00000002"):
        train(experiment, fabric())


def test_two_processes_share_one_objective(manifest, tmp_path):
    """The error scale is that of the whole batch: halves that know of each other give the whole's gradient."""
    experiment = tiny_experiment(manifest, tmp_path)
    likelihood = MelLikelihood(experiment.mel, 16_000)
    target, estimate = torch.randn(4, 2000), torch.randn(4, 2000, requires_grad=True)
    groups = torch.tensor([0, 1, 1, 1])
    likelihood(target, estimate, groups, 2)[0].mean().backward()
    whole = estimate.grad.clone()
    recorded = []
    for half in (slice(0, 2), slice(2, 4)):
        likelihood(
            target[half],
            estimate[half],
            groups[half],
            2,
            lambda sums: recorded.append(sums.clone()) or sums,
        )
    shared = [a + b for a, b in zip(recorded[:2], recorded[2:], strict=True)]
    estimate.grad = None
    for half in (slice(0, 2), slice(2, 4)):
        replies = iter(shared)
        loss = likelihood(
            target[half], estimate[half], groups[half], 2, lambda _, replies=replies: next(replies)
        )[0]
        (loss.mean() / 2).backward()
    torch.testing.assert_close(estimate.grad, whole, rtol=1e-4, atol=1e-6)


def test_likelihood_is_that_of_the_best_laplace_scale():
    """For one example: no other scale gives a lower negative log-likelihood."""
    likelihood = MelLikelihood(MelConfig(windows=(256,), bands=(16,)), 16_000)
    target, estimate = torch.randn(1, 4000), torch.randn(1, 4000)
    nats, stats = likelihood(target, estimate, torch.zeros(1, dtype=torch.long), 1)
    errors = (likelihood.log_mel(target, 256) - likelihood.log_mel(estimate, 256)).abs()
    scales = torch.linspace(0.2, 5, 2000)[:, None, None] * errors.mean()
    oracle = (errors / scales + (2 * scales).log()).sum((1, 2)).min()
    torch.testing.assert_close(nats[0], oracle, rtol=1e-4, atol=1e-2)
    assert stats["mel256"] == pytest.approx(errors.mean().item(), rel=1e-5)


def test_phases_are_compared_by_their_cosine():
    """Against a loop over frames and bins; a shift by half a period turns the cosine round, a change of level does nothing."""
    one = PhaseLikelihood(PhaseConfig(window=256, highest=500.0), 16_000)
    assert one.last == 8
    target, estimate = torch.randn(2, 2000), torch.randn(2, 2000)
    nats, mean = one(target, estimate)
    wanted, found = one.spectrum(target), one.spectrum(estimate)
    for b in range(2):
        weights = wanted[b].abs() ** 0.6 / (wanted[b].abs() ** 0.6).mean()
        errors = []
        for weight, s, y in zip(
            weights.flatten(), wanted[b].flatten(), found[b].flatten(), strict=True
        ):
            cosine = (s.conj() * y).real / (
                s.abs() * torch.sqrt(y.abs() ** 2 + (0.1 * s.abs()) ** 2)
            )
            errors.append(weight * (1 - cosine))
        assert nats[b].item() == pytest.approx(sum(errors).item(), rel=1e-3)
        assert mean[b].item() == pytest.approx(1 - (sum(errors) / len(errors)).item(), abs=1e-3)
    sine = torch.sin(2 * math.pi * 250 / 16_000 * torch.arange(4000))[None]
    assert one(sine, 3 * sine)[1].item() > 0.99
    assert one(sine[:, :3960], sine[:, 32:3992])[1].item() < -0.9


def test_phases_reach_the_estimate_with_finite_gradients():
    one = PhaseLikelihood(PhaseConfig(), 16_000)
    for estimate in (torch.zeros(1, 4000), torch.randn(1, 4000)):
        estimate.requires_grad_()
        one(torch.randn(1, 4000), estimate)[0].sum().backward()
        assert estimate.grad.isfinite().all()
        assert estimate.grad.abs().max() > 0


def test_t5_loss_does_not_depend_on_how_often_an_example_stands_in_the_batch(manifest, tmp_path):
    objective = Objective(sampled(tiny_experiment(manifest, tmp_path))).double()
    for one in (q for lev in objective.network.topdown.levels for q in lev.quantizer):
        one.log_variance.data.fill_(math.log(1e-6))
    waves, references = torch.randn(2, 2048).double(), torch.randn(2, 1, 2048).double()
    depth = torch.tensor([4, 2])
    skip = torch.zeros(2, dtype=torch.bool)
    once, _ = objective(waves, references, depth, skip, 0.1, torch.Generator(), lambda sums: sums)
    doubled = (waves.repeat(2, 1), references.repeat(2, 1, 1), depth.repeat(2), skip.repeat(2))
    twice, _ = objective(*doubled, 0.1, torch.Generator(), lambda sums: sums)
    torch.testing.assert_close(once, twice, rtol=1e-5, atol=1e-6)


def test_misspelt_weights_are_refused():
    with pytest.raises(ConfigError, match="distorsion"):
        total({"distortion": torch.ones(())}, {"distorsion": 1.0})


def test_fewer_and_fewer_examples_skip_the_quantizers():
    plan = OptimConfig(steps=1000, bypass=0.2)
    assert [bypass(step, plan) for step in (0, 50, 100, 200, 999)] == pytest.approx(
        [1.0, 0.75, 0.5, 0.0, 0.0]
    )
    assert bypass(0, OptimConfig(steps=1000, bypass=0.0)) == 0.0
    skips = Objective.bypasses(10_000, 0.75, torch.Generator().manual_seed(0))
    assert skips.float().mean().item() == pytest.approx(0.75, abs=0.02)


def test_schedules():
    plan = OptimConfig(
        steps=1000, learning_rate=1.0, warmup=10, decay=0.2, temperature=(1.0, 0.25), anneal=0.5
    )
    rates = [learning_rate(step, plan) for step in range(1000)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:800] == [1.0] * 790
    assert rates[999] == pytest.approx(1 / 200)
    assert [temperature(step, plan) for step in (0, 250, 500, 599)] == pytest.approx(
        [1.0, 0.5, 0.25, 0.25]
    )


def test_batches_depend_on_seed_step_and_rank_alone(manifest, tmp_path):
    rows = read_manifest(manifest)
    corpus = pack(
        rows, tmp_path, 16_000, lambda path, _rate: soundfile.read(path, dtype="float32")[0]
    )

    def make(seed: int, augment: Augmentation | None = None) -> Sampler:
        plan = {"crop": 1600, "references": 2, "gain_db": (-6.0, 0.0), "sample_rate": 16_000}
        return Sampler(corpus, **plan, seed=seed, augment=augment)

    one, same = make(0).batch(3, 0, 5), make(0).batch(3, 0, 5)
    assert np.array_equal(one.waves, same.waves)
    assert np.array_equal(one.references, same.references)
    assert one.references.shape == (5, 2, 1600)
    for other in (make(1).batch(3, 0, 5), make(0).batch(4, 0, 5), make(0).batch(3, 1, 5)):
        assert not np.array_equal(one.waves, other.waves)
    changes = Augmentation(noise=0.5, filter_db=3.0)
    changed, again = make(0, changes).batch(3, 0, 5), make(0, changes).batch(3, 0, 5)
    assert np.array_equal(changed.waves, again.waves)
    assert np.array_equal(changed.references, again.references)
    assert changed.references.shape == one.references.shape
    assert not np.array_equal(changed.waves, one.waves)


def test_sampler_leaves_out_what_is_too_short(manifest, tmp_path):
    rows = read_manifest(manifest)
    corpus = pack(
        rows, tmp_path, 16_000, lambda path, _rate: soundfile.read(path, dtype="float32")[0]
    )
    with pytest.raises(ManifestError, match=r"shorter data\.crop"):
        Sampler(corpus, crop=64_000, references=1, gain_db=(0.0, 0.0), seed=0, sample_rate=16_000)


def test_validation_speakers_depend_on_names_alone(manifest):
    rows = read_manifest(manifest)
    chosen = held_out(rows, 1)
    assert len(chosen) == 1
    assert chosen == held_out(rows[::-1], 1)
    assert held_out([*rows, Utterance(Path("x"), 1.0)], 1) == chosen
    assert held_out(rows, 12) == chosen  # at most a third of four
    assert not held_out([row for row in rows if row.speaker in ("speaker0", "speaker1")], 12)


def test_export_makes_a_model_with_voices(manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path)
    train(experiment, fabric(), stop_at=2)
    codec = export_run(Path(experiment.run.folder), tmp_path / "tiny.safetensors", 1.0)
    assert sorted(voice.name for voice in codec.voices) == [f"speaker{i}" for i in range(4)]
    again = load(tmp_path / "tiny.safetensors")
    assert again.model == codec.model
    assert again.model.name == "tiny"
    wave = np.random.default_rng(0).normal(size=8000).astype(np.float32) * 0.1
    assert len(again.convert(wave, "speaker1", 16_000)) == 8000
    shutil.rmtree(Path(experiment.run.folder))
    with pytest.raises(TrainingError, match="no checkpoint"):
        export_run(Path(experiment.run.folder), tmp_path / "other.safetensors", 1.0)


def test_experiments_survive_toml(manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path)
    write_experiment(tmp_path / "e.toml", experiment)
    assert read_experiment(tmp_path / "e.toml") == experiment


BAD = {
    "[optim]\nsteps = 5\nstep = 3": r"optim\.step is not a known key",
    "[optim]\nsteps = 'many'": r"optim\.steps must be a whole number",
    "[optim]\nsteps = true": r"optim\.steps must be a whole number",
    "[optim]\nsteps = 0": r"optim\.steps must be positive",
    "[optim]\nsteps = 5\ncodebook_learning_rate = -1": r"optim\.codebook_learning_rate must be positive",
    "[optim]\nsteps = 5\nbypass = 2": r"optim\.bypass must be between 0 and 1",
    "[optim]\nsteps = 5\nwarmup = -1": r"optim\.warmup must not be negative",
    "[optim]": r"optim\.steps is missing",
    "[optim]\nsteps = 5\n[codec]\nlevels = 3": r"codec\.levels must be a list",
    "not toml": "cannot read the configuration",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_configurations_are_refused_by_name(text, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    if "[codec]\nlevels" in text:
        path.write_text(
            'name = "x"\n[data]\nmanifest = "m"\n' + text + "\nencoder = []\ndecoder = []"
        )
    elif "not" not in text:
        path.write_text('name = "x"\n[data]\nmanifest = "m"\n[codec]\nencoder = [{width = 2, '
                        'lookahead = [0]}]\n'
                        'levels = [{stage = 0, codebooks = 1, quantizer = {kind = "vq"}}]\ndecoder = [{width = 2, lookahead = '
                        '[0]}]\n' + text)  # fmt: skip
    with pytest.raises(ConfigError, match=BAD[text]):
        read_experiment(path)


def test_a_run_can_begin_with_a_models_weights(manifest, tmp_path):
    """Its first loss is that of the model; another network is refused; going on does not begin again."""
    first = tiny_experiment(manifest, tmp_path / "a", steps=40, learning_rate=3e-3)
    train(first, fabric())
    model = tmp_path / "first.safetensors"
    export_run(Path(first.run.folder), model, 1.0)
    second = tiny_experiment(manifest, tmp_path / "b", learning_rate=1e-9, bypass=0.0)
    second = replace(second, run=replace(second.run, init_from=str(model)))
    last = train(second, fabric(), stop_at=2)
    begun, found = load(model).network.state_dict(), weights(last)
    moved = {name for name in found if not torch.allclose(begun[name], found[name], atol=1e-6)}
    assert all(name.endswith("codewords") for name in moved)  # running means learn at any rate
    model.unlink()
    assert train(second, fabric(), stop_at=3).name == "step-00000003"
    with pytest.raises(ModelError, match="there is no model file"):
        train(replace(second, run=replace(second.run, folder=str(tmp_path / "c"))), fabric())
    with pytest.raises(
        ConfigError, match=r"run\.init_from: default has another network than \[codec\]"
    ):
        train(
            replace(
                second, run=replace(second.run, init_from="default", folder=str(tmp_path / "c"))
            ),
            fabric(),
        )


def test_a_run_can_begin_with_a_model_of_fewer_layers(manifest, tmp_path):
    """What is there is taken over; the new codebooks' codewords are centres of what is left to quantize, not random."""
    first = tiny_experiment(manifest, tmp_path / "a", steps=40, learning_rate=3e-3)
    train(first, fabric())
    model = tmp_path / "first.safetensors"
    export_run(Path(first.run.folder), model, 1.0)
    levels = (
        *first.codec.levels[:-1],
        replace(first.codec.levels[-1], codebooks=first.codec.levels[-1].codebooks + 2),
    )
    second = tiny_experiment(manifest, tmp_path / "b", learning_rate=1e-9, bypass=0.0)
    second = replace(
        second,
        codec=replace(first.codec, levels=levels),
        run=replace(second.run, init_from=str(model)),
    )
    found, begun = weights(train(second, fabric(), stop_at=1)), load(model).network.state_dict()
    new = sorted(found.keys() - begun.keys())
    assert len(new) == 2
    same = {name for name in begun if torch.allclose(begun[name], found[name], atol=1e-4)}
    assert all(
        name.endswith("codewords") for name in begun.keys() - same
    )  # running means learn at any rate
    assert all(found[name].std() < 0.8 * torch.randn_like(found[name]).std() for name in new)
    fewer = (
        *first.codec.levels[:-1],
        replace(first.codec.levels[-1], codebooks=first.codec.levels[-1].codebooks - 1),
    )
    third = replace(
        second,
        codec=replace(first.codec, levels=fewer),
        run=replace(second.run, folder=str(tmp_path / "c")),
    )
    with pytest.raises(ConfigError, match="has another network than"):
        train(third, fabric())


def test_a_run_can_begin_with_a_model_of_fewer_blocks(manifest, tmp_path):
    """Further blocks at the ends of stages change nothing at first, then learn; blocks in between are another network."""
    first = tiny_experiment(manifest, tmp_path / "a", steps=40, learning_rate=3e-3)
    train(first, fabric())
    model = tmp_path / "first.safetensors"
    export_run(Path(first.run.folder), model, 1.0)
    small = load(model).network
    deeper = {
        "encoder": tuple(
            replace(one, lookahead=(*one.lookahead, 0)) for one in first.codec.encoder
        ),
        "decoder": tuple(
            replace(one, lookahead=(*one.lookahead, 0, 0)) for one in first.codec.decoder
        ),
    }
    network = Network(replace(first.codec, **deeper))
    assert begin_with(network, str(model)) == []
    wave = torch.randn(1, 1, 4000, generator=torch.Generator().manual_seed(0)) / 10
    vector = rounded(small.reference(wave))
    decoded = network.eval().decode(small.encode(wave), vector)
    assert torch.equal(decoded, small.decode(small.encode(wave), vector))
    assert all(
        torch.equal(a, b) for a, b in zip(network.encode(wave), small.encode(wave), strict=True)
    )
    decoded.square().sum().backward()
    last = [one for one in network.decoder.layers if isinstance(one, Block)][-1]
    assert not last.contract.weight.any()
    assert last.contract.weight.grad is not None
    assert last.contract.weight.grad.any()
    before = tuple(replace(one, lookahead=(0, 1, *one.lookahead)) for one in first.codec.decoder)
    with pytest.raises(ConfigError, match="has another network than"):
        begin_with(Network(replace(first.codec, decoder=before)), str(model))


def test_weights_follow_the_quantizers(manifest, tmp_path):
    """One line swaps a quantizer: its terms have weights; those given must be of terms that are there."""
    plain = tiny_experiment(manifest, tmp_path)
    always = {
        "distortion",
        "phase",
        "pesq_like",
        "stoi_like",
        "adversarial",
        "feature_matching",
        "rate",
    }
    assert plain.weights.keys() == always | {"commitment"}
    assert sampled(plain).weights.keys() == always | {"quadratic"}
    assert replace(plain, weights={"phase": 2.0}).weights == plain.weights | {"phase": 2.0}
    with pytest.raises(
        ConfigError,
        match=r"weights\.quadratic is of no term here; the terms are adversarial, commitment, "
        r"distortion",
    ):
        replace(plain, weights={"quadratic": 1.0})


@pytest.mark.parametrize("kind", CODEC_KINDS)
def test_every_kind_of_codec_trains_from_a_kmeans_start_and_validates(kind, manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path, codebook_init="kmeans")
    config = kinds(AnyQuantizerConfig)[kind]
    options = {"lookup_dim": 2} if kind == "cosine" else {}
    levels = tuple(
        LevelConfig(
            level.stage,
            level.codebooks if config.residual else 1,
            config(codebook_size=level.sizes[0], dim=4, **options),
        )
        for level in experiment.codec.levels
    )
    experiment = replace(experiment, codec=replace(experiment.codec, levels=levels), weights={})
    told = {}
    train(experiment, fabric(), stop_at=3, report=lambda _, numbers: told.update(numbers))
    assert math.isfinite(told["loss"])
    count = sum(level.codebooks for level in levels)
    assert told[f"codebook{count - 1}/perplexity"] >= 1
    bits = sum(16_000 / hop * math.log2(size) for hop, size in experiment.codec.codebooks)
    assert told["rate/bits_per_second"] == pytest.approx(bits, rel=0.01)  # hard codes: log K each
    assert math.isfinite(told["distortion/nats_per_second"])


def test_gaussian_errors_of_the_best_variance():
    one = MelLikelihood(MelConfig((64,), (8,), errors="gaussian"), 16_000)
    target, estimate = torch.randn(2, 640), torch.randn(2, 640)
    nats, stats = one(target, estimate, torch.zeros(2, dtype=torch.long), 1)
    errors = one.log_mel(estimate, 64) - one.log_mel(target, 64)
    variance = errors.square().mean()
    expected = -torch.distributions.Normal(0.0, variance.sqrt()).log_prob(errors).sum((1, 2))
    torch.testing.assert_close(nats, expected, rtol=1e-4, atol=1e-2)
    assert stats["mel64"] == pytest.approx(errors.abs().mean().item(), rel=1e-5)


def test_every_parameter_learns_once_and_codebooks_at_their_own_rate(manifest, tmp_path):
    objective = Objective(sampled(tiny_experiment(manifest, tmp_path)))
    groups = parameter_groups(
        objective, weight_decay=0.01, codebook_learning_rate=10.0, variance_learning_rate=5.0
    )
    found = {
        id(one): (group["scale"], group["weight_decay"])
        for group in groups
        for one in group["params"]
    }
    assert (
        sum(len(group["params"]) for group in groups)
        == len(found)
        == len(list(objective.parameters()))
    )
    named = dict(objective.named_parameters())
    for end, expected in (
        ("codewords", (10.0, 0.0)),
        ("log_variance", (5.0, 0.0)),
        ("bias", (1.0, 0.0)),
    ):
        assert {found[id(one)] for name, one in named.items() if name.endswith(end)} == {expected}
    assert (1.0, 0.01) in found.values()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hop": 40}, "window must be even"),
        ({"levels": ()}, "levels must not be empty"),
        ({"content_codebooks": 9}, "content_codebooks must be between 1 and 4"),
        ({"decoder": tiny_config().decoder[:1]}, "decoder: strides must multiply"),
        ({"levels": tiny_config().levels[::-1]}, r"levels: stages must be"),
        (
            {"levels": (tiny_config().levels[0], LevelConfig(1, 1, VimcoConfig()))},
            r"levels\[1\]\.quantizer\.kind of a codec must be one of vq, .*, not vimco",
        ),
    ],
)
def test_networks_that_cannot_exist_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        tiny_config(**changes)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: not JSON"),
        ("[]", 'needs a table with "audio"'),
        ('{"audio": "x", "seconds": -1}', '"seconds" must be'),
        ('{"audio": "x", "seconds": 1, "speaker": 3}', '"speaker" must be a text'),
        ("", "lists no audio"),
    ],
)
def test_bad_manifests_are_refused_by_line(line, message, tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text(line)
    with pytest.raises(ManifestError, match=message):
        read_manifest(path)
