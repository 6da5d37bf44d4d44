"""The contrastive boundary detector against loops, and on sounds that change."""

import numpy as np
import pytest
import torch

from recipes.phoneme_discovery.models import contrast, learning


def test_contrast_loss_by_hand():
    """In a circle of four frames non-neighbors are 2 apart, so that all negatives are equal."""
    angles = torch.tensor([[0.0, 0.3, 1.0, 2.0]])
    loss = contrast.contrast_loss(torch.stack([angles.cos(), angles.sin()], -1), torch.Generator())
    expected = 0.0
    for frame in range(3):
        near, far = (
            np.cos(float(angles[0, frame] - angles[0, (frame + distance) % 4]))
            for distance in (1, 2)
        )
        expected += np.log(1 + contrast.NEGATIVES * np.exp(far - near)) / 3
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_dissimilarity(monkeypatch):
    """1 - cosine of means of three frames either side, by loops; chunks change nothing."""
    torch.manual_seed(0)
    network, mel = (
        contrast.Contrast(contrast.ContrastConfig(16, 4)).eval(),
        np.random.default_rng(0).normal(size=(30, 40)),
    )
    mel = mel.astype(np.float32)
    with torch.no_grad():
        rows = network(torch.from_numpy(mel)[None])[0].numpy()
    assert np.allclose((rows**2).sum(1), 1, atol=1e-5)
    curve = contrast.dissimilarity(network, mel)
    for edge in range(29):
        before, after = rows[max(0, edge - 2) : edge + 1].mean(0), rows[edge + 1 : edge + 4].mean(0)
        assert curve[edge] == pytest.approx(
            1 - before @ after / np.linalg.norm(before) / np.linalg.norm(after), abs=1e-5
        )
    monkeypatch.setattr(contrast, "CHUNK", 7)
    assert np.allclose(contrast.dissimilarity(network, mel), curve, atol=1e-5)


def test_contrast_learns_where_sounds_change(speech, heard, tmp_path):
    """At phone boundaries the score is higher than elsewhere and than before training."""
    optim = learning.Optim(steps=40, batch=4, seconds=0.32, warmup=0)
    network = learning.learn_contrast(
        speech, contrast.ContrastConfig(32, 8), optim, tmp_path / "contrast", seed=0
    )
    torch.manual_seed(0)
    curve, before = (
        contrast.dissimilarity(values, speech.of(0))
        for values in (network, contrast.Contrast(contrast.ContrastConfig(32, 8)).eval())
    )
    edges = np.array(
        [round(100 * interval.start) - 1 for interval in heard[0][0].phones.intervals[1:]]
    )
    far = np.abs(np.arange(len(curve))[:, None] - edges).min(1) > 3
    assert curve[edges].mean() > 5 * curve[far].mean()
    assert curve[edges].mean() > 5 * before[edges].mean()
    again = learning.finished(
        tmp_path / "contrast", optim, lambda _: contrast.Contrast(contrast.ContrastConfig(32, 8))
    )
    assert again is not None
    assert np.array_equal(contrast.dissimilarity(again, speech.of(0)), curve)
