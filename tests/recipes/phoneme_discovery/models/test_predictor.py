"""Masked prediction: masked frames are not seen, and the loss is that of masked frames."""

import pytest
import torch

from recipes.phoneme_discovery.models import predictor


def test_masked_frames_are_not_seen():
    """Masked frames change nothing except at their edges, which convolutions see."""
    module = predictor
    torch.manual_seed(0)
    network = module.Predictor(module.PredictorConfig(16, 2, 2, 5), [8]).eval()
    mel, hide = torch.randn(1, 80, 40), torch.zeros(1, 40, dtype=torch.bool)
    hide[:, 10:30] = True
    other = mel.clone()
    other[:, 26:54] += torch.randn(1, 28, 40)
    with torch.no_grad():
        assert torch.allclose(network(mel, hide)[0], network(other, hide)[0], atol=1e-5)
        assert not torch.allclose(network(mel)[0], network(other)[0], atol=0.01)


def test_prediction_loss():
    """The mean of -log p over hidden frames, added up over two sets of clusters."""
    logits = [torch.randn(2, 6, 4), torch.randn(2, 6, 3)]
    loss = [torch.randint(4, (2, 6)), torch.randint(3, (2, 6))]
    hide = torch.tensor(
        [[True, False, True, False, False, False], [False, True, False, False, False, False]]
    )
    expected = sum(
        -sum(values[i, j].log_softmax(0)[want[i, j]] for i, j in ((0, 0), (0, 2), (1, 1))) / 3
        for values, want in zip(logits, loss, strict=True)
    )
    assert predictor.prediction_loss(logits, loss, hide) == pytest.approx(float(expected), rel=1e-5)
