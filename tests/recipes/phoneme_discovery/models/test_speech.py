"""Standardized spectra, crops, VTLP and masks."""

import numpy as np
import pytest
import torch

from recipes.phoneme_discovery.models import speech as speech_module
from speechvq.units.features import log_mel
from speechvq.units.recordings import Recording


def test_speech_is_standardized_by_speaker(speech, heard):
    recordings, waves = heard
    for voice in range(4):
        rows = np.concatenate(
            [speech.of(index) for index in np.flatnonzero(speech.voices == voice)]
        )
        assert np.allclose(rows.mean(0), 0, atol=0.01)
        assert np.allclose(rows.std(0), 1, atol=0.01)
    for index in (0, 5):
        assert np.allclose(speech.log_mel(index), log_mel(waves[recordings[index].name]), atol=0.02)


def test_speech_is_kept(heard, tmp_path):
    recordings, waves = heard
    first = speech_module.speech_of(
        recordings[:3], lambda recording: waves[recording.name], tmp_path
    )
    again = speech_module.speech_of(
        recordings[:3], lambda item: pytest.fail(f"{item.name} was read again"), tmp_path
    )
    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.log_mel(2), again.log_mel(2))


def test_short_recordings(tmp_path):
    """A recording of 30 ms is left out; one shorter than declared ends with its last frame."""
    given = [Recording("a", "ann", 0.03), Recording("b", "ann", 0.2)]
    recording = speech_module.speech_of(
        given, lambda item: np.ones(480 if item.name == "a" else 2000, np.float32), tmp_path
    )
    assert recording.names == ("b",)
    assert len(recording.of(0)) == 20


def test_crops(speech):
    crops = speech_module.Crops(speech, 64, seed=3)
    at, chosen = crops.draw(7, 200)
    assert np.array_equal(at, crops.draw(7, 200)[0])
    assert not np.array_equal(at, crops.draw(8, 200)[0])
    assert (at % 4 == 0).all()
    assert (
        at >= speech.starts[chosen]
    ).mean() > 0.9  # but for those that the end of everything moves
    assert at.max() + 64 <= len(speech.frames)


def test_vtlp():
    vtlp = speech_module.vtlp
    mel = torch.arange(40.0).expand(3, 5, 40)
    assert torch.allclose(vtlp(mel, 0.0, torch.Generator().manual_seed(0)), mel, atol=0.01)
    moved = vtlp(mel, 0.2, torch.Generator().manual_seed(0))
    stretch = moved[:, 0, 20] / 20
    assert ((stretch - 1).abs() <= 0.2).all()
    assert torch.allclose(moved[:, 0, 10], 10 * stretch)  # a line stays one


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_spans(share):
    hidden = speech_module.spans(200, 400, share, 10, torch.Generator().manual_seed(0))
    assert hidden[:, 20:].float().mean() == pytest.approx(share, abs=0.02)
    inside = hidden[:, 1:-1] & ~hidden[:, :-2] & ~hidden[:, 2:]
    assert not inside[:, 20:].any()  # none stands alone
