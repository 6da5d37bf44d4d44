"""The VQ-VAE paper's speech system: steps are the full pass; from speech to a table and sound."""

import json
import math
import subprocess
import sys

import pytest
import torch

from recipes.vqvae2017.mu_law import mu_law_decoding, mu_law_encoding
from tests.helpers.paths import CLIPS, ROOT

RECIPE = ROOT / "recipes" / "vqvae2017"
PLAN = """
crop = 0.128
held_out = { share = 0.3 }
[system]
latent = "codes"
channels = 8
size = 8
width = 4
dimensions = 2
[system.decoder]
width = 8
skip = 8
layers = 4
cycle = 4
[optim]
steps = 40
batch = 2
warmup = 0
reset_every = 5
"""
PRIOR = """
name = "p"
speaker = false
[prior]
width = 8
skip = 8
layers = 2
cycle = 2
[data]
held_out = { share = 0.4 }
longest = 200
[optim]
steps = 4
batch = 2
"""


@pytest.fixture(scope="module")
def recipe():
    from recipes.vqvae2017 import plan, system

    return system, plan


def small(system, latent="codes"):
    torch.manual_seed(0)
    decoder = system.WaveNetConfig(width=8, skip=8, layers=4, cycle=4)
    return system.System(system.SystemConfig(latent, 8, 8, 4, 2, decoder), voices=3).eval()


def test_mu_law_is_that_of_g711_with_equal_classes():
    """Against the formula, slowly; and classes come back from the samples that they stand for."""
    wave = torch.linspace(-1, 1, 1001, dtype=torch.float64)
    for x, value in zip(wave.tolist(), mu_law_encoding(wave, 256).tolist(), strict=True):
        compressed = math.copysign(math.log1p(255 * abs(x)) / math.log1p(255), x)
        assert abs((compressed + 1) / 2 * 255 - value) <= 0.5 + 1e-9
    classes = torch.arange(256)
    assert torch.equal(mu_law_encoding(mu_law_decoding(classes, 256), 256), classes)


@torch.no_grad()
def test_steps_are_the_full_pass(recipe, monkeypatch):
    """Logits sample by sample give the nats of the whole, whatever the size of the pieces."""
    module, _ = recipe
    net, waves, voices = small(module), 0.3 * torch.randn(2, 4 * module.HOP), torch.tensor([1, -1])
    condition = net.condition(net.encode(waves).z, voices)
    whole = net.nats(waves, condition)
    monkeypatch.setattr(module, "CHUNK", 100)
    torch.testing.assert_close(net.nats(waves, condition), whole)
    samples = mu_law_encoding(waves.clamp(-1, 1), 256)
    state, before, found = net.wavenet.initial_state(2), torch.full((2,), 128), []
    for place in range(samples.shape[1]):
        logits, state = net.step(before, condition[..., place : place + 1], state)
        before = samples[:, place]
        found.append(torch.nn.functional.cross_entropy(logits, before, reduction="none"))
    torch.testing.assert_close(torch.stack(found, 1), whole, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_what_is_drawn_follows_from_the_seed_and_has_the_probability_it_is_given(recipe):
    module, _ = recipe
    net = small(module)
    condition = net.condition(
        net.encode(torch.zeros(1, 2 * module.HOP)).z, torch.tensor([0])
    ).expand(64, -1, -1)
    waves, again = (
        net.sample(condition, generator=torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert torch.equal(waves, again)
    assert torch.equal(mu_law_decoding(mu_law_encoding(waves, 256), 256), waves)
    nats = net.nats(waves, condition).mean()  # of its own draws: the entropy
    other = net.sample(condition, generator=torch.Generator().manual_seed(2))
    assert nats.item() == pytest.approx(net.nats(other, condition).mean().item(), rel=0.01)
    assert nats.item() <= math.log(256)


@torch.no_grad()
def test_speakers_and_codes_are_heard_where_they_belong(recipe):
    module, _ = recipe
    net = small(module)
    latent = net.encode(0.3 * torch.randn(1, 6 * module.HOP)).z
    condition = net.condition(latent, torch.tensor([0]))
    assert condition.shape[-1] == 6 * module.HOP
    assert not torch.equal(condition, net.condition(latent, torch.tensor([2])))
    assert torch.equal(
        net.condition(latent, torch.tensor([-1])), net.condition(latent, torch.tensor([3]))
    )
    latent[..., 5] += 1
    changed = (net.condition(latent, torch.tensor([0])) - condition).abs().sum(1)[0] > 0
    assert not changed[: 3 * module.HOP].any()  # the context network sees two codes back and ahead
    assert changed[3 * module.HOP :].all()
    silent = small(module, "none")
    assert torch.equal(
        silent.condition(latent, torch.tensor([1]))[..., 0],
        silent.condition(0 * latent, torch.tensor([1]))[..., -1],
    )


def test_a_gaussian_latents_bound_counts_its_rate(recipe):
    module, _ = recipe
    net, waves = small(module, "gaussian").train(), 0.3 * torch.randn(2, 4 * module.HOP)
    torch.manual_seed(3)
    loss, nats, quantized = module.objective(net, waves, torch.tensor([-1, -1]), 0.25)
    assert loss.item() == pytest.approx(
        nats.mean().item() + quantized.rates.sum(1).mean().item() / waves.shape[1]
    )


def test_from_speech_to_a_table_and_sound(tmp_path):
    rows = [
        {"audio": str(path), "seconds": 3.0, "speaker": path.stem}
        for path in sorted(CLIPS.glob("*.flac"))
    ]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "prior.toml").write_text(PRIOR)

    def run(script, *words, folder="runs"):
        command = [sys.executable, "-m", f"recipes.vqvae2017.{script}", "--folder", folder, *words]
        return subprocess.run(
            list(map(str, command)), cwd=tmp_path, capture_output=True, text=True, check=False
        )

    for latent in ("codes", "gaussian", "none"):
        done = run("train", "m.jsonl", "--config", "plan.toml", "--latent", latent)
        assert done.returncode == 0, done.stderr
    again = run("train", "m.jsonl", "--config", "plan.toml")
    assert (again.returncode, again.stderr) == (0, "")  # nothing is left to do
    half = run("train", "m.jsonl", "--config", "plan.toml", "--bf16", folder="half")
    assert half.returncode == 0, half.stderr
    whole, rounded = (
        bits(tmp_path / folder / "codes" / "train.csv") for folder in ("runs", "half")
    )
    assert rounded == pytest.approx(whole, abs=0.005)  # it learns as much, in other digits
    assert rounded != whole
    assert whole < 7.99
    fitted = run("prior", "m.jsonl", "--config", "prior.toml")
    assert fitted.returncode == 0, fitted.stderr
    table = run("evaluate", "m.jsonl", "--count", 2, "--seconds", 0.5)
    assert table.returncode == 0, table.stderr
    found = {
        cells[1]: [float(cell) for cell in cells[2:6]]
        for cells in map(split, table.stdout.splitlines()[2:])
    }
    assert found["uniform"][3] == 8
    plain, prior = found["their codes, all equally likely"], found["their codes, by the prior"]
    assert plain[0] == prior[0]
    assert plain[1] == pytest.approx(math.log2(8) / 64, abs=1e-4)
    assert all(row[3] == pytest.approx(row[0] + row[1], abs=2e-3) for row in found.values())
    assert len(found) == 7
    sound = run(
        "sample", "new.wav", "--seconds", 0.05, "--speaker", "male", "--manifest", "m.jsonl"
    )
    assert sound.returncode == 0, sound.stderr
    assert run("sample", "new.wav").returncode == 1
    back = run("sample", "back.wav", "--input", CLIPS / "male.flac", "--seconds", 0.05)
    assert back.returncode == 0, back.stderr
    unknown = run("sample", "no.wav", "--speaker", "x", "--manifest", "m.jsonl")
    assert unknown.returncode == 1
    assert "has no speaker 'x'" in unknown.stderr


def bits(log):
    header, *_, last = (line.split(",") for line in log.read_text().splitlines())
    return float(dict(zip(header, last, strict=True))["bits"])


def split(line):
    return [cell.strip() for cell in line.split("|")]


def test_mu_law_has_every_class_and_gives_it_back():
    """Classes survive decoding and encoding; samples follow the formula, also at both ends."""
    classes = torch.arange(256)
    waves = mu_law_decoding(classes)
    assert torch.equal(mu_law_encoding(waves), classes)
    assert torch.equal(mu_law_encoding(torch.tensor([-1.0, 0.0, 1.0])), torch.tensor([0, 128, 255]))
    for index, wave in enumerate(waves.tolist()):
        compressed = 2 * index / 255 - 1
        expected = math.copysign((256 ** abs(compressed) - 1) / 255, compressed)
        assert wave == pytest.approx(expected, abs=1e-6)
