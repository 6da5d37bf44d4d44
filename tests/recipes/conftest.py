"""Tiny inputs of the recipes' scripts, and stand-ins for optional packages that tests lack.

The stand-ins measure nothing sensible: they let the tests check what the scripts do with scores,
words, phones and embeddings.
"""

import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from tests.helpers.paths import CLIPS

ROWS = [
    {"audio": "male.flac", "speaker": "bdl", "text": "one two"},
    {"audio": "male_again.flac", "speaker": "bdl"},
    {"audio": "female.flac", "speaker": "slt"},
    {"audio": "female.flac", "speaker": "slt", "start": 1.0},
]


@pytest.fixture
def manifest(tmp_path):
    """Two recordings of each of two voices of the tiny model, 1 s each."""
    rows = [
        row | {"audio": str(CLIPS / row["audio"]), "seconds": 1.0, "corpus": "clips"}
        for row in ROWS
    ]
    path = tmp_path / "clips.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def table(capsys):
    """Run a function that prints Markdown tables; the rows of cells of the first, head included."""

    def run(function, *arguments, **options):
        capsys.readouterr()
        function(*arguments, **options)
        lines = iter(capsys.readouterr().out.splitlines())
        head = next(line for line in lines if line.startswith("|"))
        assert set(next(lines)) == {"|", "-"}
        rows = []
        for line in lines:
            if not line.startswith("|"):
                break
            rows.append(cells(line))
        assert {len(row) for row in rows} == {len(cells(head))}
        return [cells(head), *rows]

    return run


def cells(line):
    return [cell.strip() for cell in line[1:].rstrip("|").split("|")]


def module(monkeypatch, name, **names):
    """Put a stand-in for a package where `import` finds it first."""
    package = ModuleType(name)
    vars(package).update(names)
    monkeypatch.setitem(sys.modules, name, package)


@pytest.fixture
def fake_measures(monkeypatch):
    """PESQ and STOI: the energy of the error; PESQ fails for recordings of less than a second."""

    def pesq(rate, reference, decoded, mode):
        assert (rate, mode) == (16_000, "wb")
        if len(reference) < rate:
            raise ValueError("too short")
        return 4.64 - float(np.square(reference - decoded).mean())

    def stoi(reference, decoded, rate, *, extended=False):
        assert rate == 16_000
        return 1 - float(np.square(reference - decoded).mean()) * (2 if extended else 1)

    module(monkeypatch, "pesq", pesq=pesq)
    module(monkeypatch, "pystoi", stoi=stoi)


@pytest.fixture
def fake_speaker_encoder(monkeypatch):
    """Resemblyzer: the normalized spectrum in 16 bands; quiet recordings hold no speech."""

    class VoiceEncoder:
        def __init__(self, device, *, verbose):
            assert (device, verbose) == ("cpu", False)

        def embed_utterance(self, wave):
            bands = np.array_split(np.abs(np.fft.rfft(wave))[:4000], 16)
            vector = np.array([np.log(1e-3 + band.mean()) for band in bands], np.float32)
            return vector / np.linalg.norm(vector)

    def preprocess_wav(wave, source_sr):
        assert source_sr == 16_000
        return wave if np.abs(wave).max() > 1e-3 else wave[:0]

    module(monkeypatch, "resemblyzer", VoiceEncoder=VoiceEncoder, preprocess_wav=preprocess_wav)


@pytest.fixture
def fake_recognizer(monkeypatch):
    """PocketSphinx: hears "one" and a phone of 50 ms for each half second; jiwer: wrong texts."""

    class Decoder:
        def __init__(self, **options):
            assert options["loglevel"] == "FATAL"
            self.halves = 0

        def start_utt(self):
            self.halves = 0

        def process_raw(self, data, *, full_utt):
            assert full_utt
            self.halves = len(data) // 16_000

        def end_utt(self):
            pass

        def hyp(self):
            return SimpleNamespace(hypstr=" ".join(["one"] * self.halves)) if self.halves else None

        def seg(self):
            phones = [SimpleNamespace(word="AH", start_frame=0, end_frame=4)] * self.halves
            return [SimpleNamespace(word="SIL", start_frame=0, end_frame=99), *phones]

    def wer(references, hypotheses):
        return np.mean([a != b for a, b in zip(references, hypotheses, strict=True)])

    module(monkeypatch, "pocketsphinx", Decoder=Decoder, get_model_path=lambda name: name)
    module(monkeypatch, "jiwer", wer=wer)


@pytest.fixture
def fake_metrics(monkeypatch):
    """Opinion scores: 3 and the signal's power; Whisper: "loud" or "quiet" for each half second.

    Raises where what is heard is not as the metrics need it.
    """

    def power(wave):
        assert wave.dtype == np.float32
        assert np.abs(wave).max() <= 1
        return float(np.square(wave).mean())

    class ConvTransformerSQAModel:
        def eval(self):
            return self

        def __call__(self, waves):
            assert waves.shape[0] == 1
            return torch.tensor([3 + power(waves[0].numpy())])

    def run(wave, sr):
        assert sr == 16_000
        return {"sig_mos": 3.5, "ovrl_mos": 3 - power(wave)}

    class WhisperModel:
        def __init__(self, model, **options):
            if model == "unknown":
                raise ValueError("Invalid model size 'unknown'")
            assert options["device"] == "cpu"

        def transcribe(self, wave, **options):
            assert options["language"] == "en"
            halves = [wave[first : first + 8000] for first in range(0, len(wave), 8000)]
            words = ["Loud," if power(half) > 0.01 else "quiet..." for half in halves]
            return [SimpleNamespace(text=f" {word}") for word in words], None

    def process_words(reference, hypothesis):
        one, other = reference.split(), hypothesis.split()
        wrong = sum(a != b for a, b in zip(one, other, strict=False))
        return SimpleNamespace(
            substitutions=wrong,
            deletions=max(0, len(one) - len(other)),
            insertions=max(0, len(other) - len(one)),
        )

    module(monkeypatch, "distillmos", ConvTransformerSQAModel=ConvTransformerSQAModel)
    module(monkeypatch, "speechmos", dnsmos=SimpleNamespace(run=run))
    module(monkeypatch, "faster_whisper", WhisperModel=WhisperModel)
    module(monkeypatch, "jiwer", process_words=process_words)
