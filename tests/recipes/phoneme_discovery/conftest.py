"""A small corpus of tones and hiss, and a finished discovery on it."""

import json
import subprocess
import sys

import pytest
import soundfile

from recipes.phoneme_discovery.models.speech import speech_of
from speechvq.units.alignments.writers import write_textgrid
from tests.helpers.discovery import PLAN, RATE, wave_of
from tests.helpers.unit_corpus import corpus


@pytest.fixture(scope="package")
def heard():
    """Recordings of four speakers, and their samples."""
    recordings, labels = corpus(each=2)
    pitches = {f"s{number}": 100 + 20 * number for number in range(4)}
    return recordings, {
        recording.name: wave_of(recording, labels, pitches[recording.speaker])
        for recording in recordings
    }


@pytest.fixture(scope="package")
def speech(heard, tmp_path_factory):
    recordings, waves = heard
    return speech_of(
        recordings, lambda recording: waves[recording.name], tmp_path_factory.mktemp("spectra")
    )


@pytest.fixture(scope="package")
def work(heard, tmp_path_factory):
    """A finished run on recordings with alignments, and how to run it again."""
    recordings, waves = heard
    root = tmp_path_factory.mktemp("corpus")
    (root / "plan.toml").write_text(PLAN)
    for recording in recordings:
        for folder in ("audio", "align"):
            (root / folder / recording.speaker).mkdir(parents=True, exist_ok=True)
        soundfile.write(
            root / "audio" / recording.speaker / f"{recording.name}.wav",
            waves[recording.name],
            RATE,
        )
        write_textgrid(
            root / "align" / recording.speaker / f"{recording.name}.TextGrid",
            [recording.phones],
            seconds=recording.seconds,
        )
    more = {"audio": str(root / "more.wav"), "seconds": 2.0}
    soundfile.write(root / "more.wav", waves[recordings[0].name][: 2 * RATE], RATE)
    (root / "more.jsonl").write_text(json.dumps(more) + "\n")

    def run(*options):
        command = [
            sys.executable,
            "-m",
            "recipes.phoneme_discovery.run",
            root / "audio",
            root / "work",
            "--align",
            root / "align",
        ]
        command += [
            "--train",
            root / "more.jsonl",
            "--held-out",
            "s3",
            "--config",
            root / "plan.toml",
            "--no-codec",
            *options,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    first = run()
    assert first.returncode == 0, first.stderr
    return root, run, first
