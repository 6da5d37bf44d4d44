"""Features in chunks, and clusters of standardized features."""

import numpy as np
import pytest
import torch

from recipes.phoneme_discovery.models import encoding, predictor
from speechvq.errors import UnitsError


def test_long_recordings_go_in_chunks(speech, monkeypatch):
    torch.manual_seed(0)
    module = predictor
    network = module.Predictor(module.PredictorConfig(16, 2, 2, 5), [8]).eval()
    features = encoding.layer_features(network, speech, 0)
    full = features(1)
    monkeypatch.setattr(encoding, "LONGEST", 120)
    assert features(1).shape == full.shape
    assert (
        np.abs(features(1) - full).mean() < 0.3 * np.abs(full).mean()
    )  # attention sees less; rows are where they were


def test_targets_are_clusters_of_standardized_rows(speech):
    row = encoding.targets(speech, encoding.mfccs(speech, 50), [4, 8], seed=0)
    assert [item.shape for item in row] == [(len(speech.frames) // 2,)] * 2
    assert [len(np.unique(item)) for item in row] == [4, 8]
    rows = np.zeros((len(speech.frames) // 2, 39))
    for index, values in encoding.standardized_rows(speech, encoding.mfccs(speech, 50)):
        rows[speech.starts[index] // 2 :][: len(values)] = values
    means = np.stack([rows[row[0] == code].mean(0) for code in range(4)])
    nearest = ((rows[:, None] - means) ** 2).sum(2).argmin(1)
    assert (nearest == row[0]).mean() > 0.95


def test_too_little_speech_for_clusters(speech):
    with pytest.raises(UnitsError, match="cannot make 5000 clusters"):
        encoding.targets(speech, encoding.mfccs(speech, 50), [5000], seed=0)
