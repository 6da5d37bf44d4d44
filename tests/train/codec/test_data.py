"""The speech of an experiment."""

from pathlib import Path

from speechvq.data.manifest import Utterance, read_manifest
from speechvq.train.codec.data import validation_speakers


def test_validation_speakers_depend_on_names_alone(manifest):
    rows = read_manifest(manifest)
    chosen = validation_speakers(rows, 1)
    assert len(chosen) == 1
    assert chosen == validation_speakers(rows[::-1], 1)
    assert validation_speakers([*rows, Utterance(Path("x"), 1.0)], 1) == chosen
    assert validation_speakers(rows, 12) == chosen  # at most a third of four
    assert not validation_speakers(
        [row for row in rows if row.speaker in ("speaker0", "speaker1")], 12
    )
