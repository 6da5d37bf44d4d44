"""What most tests need: speech, the default model, a tiny model, and the command line."""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import speechvq
from speechvq.cli import main
from speechvq.cli.signals import ENDING
from speechvq.codec.file import save_model
from speechvq.codec.voices import Voice
from speechvq.data.manifest import write_manifest
from speechvq.data.prepare import find_audio, survey
from speechvq.nn.speaker import SpeakerConfig
from speechvq.prior.file import Prior, save_prior
from speechvq.prior.network import PriorConfig, PriorNetwork
from tests.helpers.networks import tiny_network
from tests.helpers.paths import CLIPS


@pytest.fixture(scope="session")
def codec():
    """The default model."""
    return speechvq.load()


@pytest.fixture(scope="session")
def clip():
    """Four seconds of speech, 16 kHz, one channel."""
    return CLIPS / "female.flac"


@pytest.fixture(scope="session")
def speech(clip):
    wave, _ = soundfile.read(clip, dtype="float32")
    wave.flags.writeable = False
    return wave


@pytest.fixture(scope="session")
def manifest(tmp_path_factory):
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
    surveyed = survey(folder, find_audio(folder), shortest=1.0, longest=60.0)
    assert not surveyed.left_out
    write_manifest(folder / "manifest.jsonl", surveyed.kept)
    return folder / "manifest.jsonl"


def make_model(path, seed):
    """The file of an untrained network at 25 and 50 Hz, with two voices."""
    network = tiny_network(seed, window=640, hop=160, speaker=SpeakerConfig(size=32))
    voices = [
        Voice(
            "bdl",
            bytes(range(16)),
            {"sex": "m", "language": "en", "corpus": "arctic", "seconds": 20},
        ),
        Voice(
            "slt",
            bytes(range(240, 256)),
            {"sex": "f", "language": "en", "corpus": "arctic", "seconds": 10},
        ),
    ]
    save_model(path, network, "tiny", voices)
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model") / "tiny.safetensors", seed=0)


@pytest.fixture(scope="session")
def other_model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model") / "other.safetensors", seed=1)


@pytest.fixture(scope="session")
def tiny(model):
    return speechvq.load(model)


@pytest.fixture(scope="session")
def prior_file(tiny, tmp_path_factory):
    """The file of an untrained prior for the tiny model, with thresholds that tell them apart."""
    torch.manual_seed(0)
    shapes = [(shape.hop, shape.size) for shape in tiny.shapes]
    config = PriorConfig(width=8, skip=8, layers=3, cycle=3)
    network = PriorNetwork(config, shapes, tiny.network.config.speaker.size).eval()
    path = tmp_path_factory.mktemp("prior") / "prior.safetensors"
    save_prior(path, Prior(network, "p", tiny.model, (1.0, 2.0, 3.0, 1e9)))
    return path


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command as if typed; its exit code and what it said."""

    def type_in(*words):
        monkeypatch.setattr(sys, "argv", ["speechvq", *map(str, words)])
        capsys.readouterr()
        code = 0
        handlers = {each: signal.getsignal(each) for each in ENDING}
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        finally:
            for each, handler in handlers.items():
                signal.signal(each, handler)
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    return type_in


def contents(folder):
    """The content of every file below a folder, hidden ones too; None for folders and pipes."""
    paths = (
        Path(root) / name for root, folders, files in os.walk(folder) for name in folders + files
    )
    return {path: path.read_bytes() if path.is_file() else None for path in paths}


@pytest.fixture
def refused(run, tmp_path):
    """Run a command that must fail with one sentence that holds `says`, and change no file."""

    def attempt(*words, says, code=1):
        before = contents(tmp_path)
        result = run(*words)
        assert result.code == code, result
        assert result.out == ""
        (line,) = result.err.splitlines()
        assert line.startswith("speechvq: ")
        assert says in line
        assert contents(tmp_path) == before
        return line

    return attempt


SLOW = ("train", "recipes", "prior", "cli/test_prior", "cli/test_generation", "cli/test_units")
"""Where tests train networks, run commands, or use the default model's prior."""


def pytest_collection_modifyitems(items):
    """Mark as slow all tests of some places: `make check` leaves them out."""
    for item in items:
        if str(item.path.relative_to(Path(__file__).parent)).startswith(SLOW):
            item.add_marker(pytest.mark.slow)
