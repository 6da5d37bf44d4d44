"""Training that is interrupted and resumed."""

import pytest
import torch

from recipes.phoneme_discovery.models import encoding, learning, predictor


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(speech, tmp_path):
    expected = encoding.targets(speech, encoding.mfccs(speech, 50), [8], seed=0)

    def trained(folder, steps, decay=1.0):
        optim = learning.Optim(steps=steps, batch=2, seconds=0.64, warmup=0, decay=decay)
        config = predictor.PredictorConfig(16, 2, 2, 5)
        return learning.learn_predictor(
            speech, expected, config, optim, folder, mask_share=0.5, mask_span=10, seed=0
        ).state_dict()

    straight = trained(tmp_path / "a", 4)
    saved = learning.SAVE_EVERY
    learning.SAVE_EVERY = 2
    try:
        real = learning.prediction_loss
        calls = []

        def interrupted(*given):
            calls.append(1)
            if len(calls) == 4:
                raise KeyboardInterrupt
            return real(*given)

        learning.prediction_loss = interrupted
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "b", 4)
        learning.prediction_loss = real
        resumed = trained(tmp_path / "b", 4)
    finally:
        learning.SAVE_EVERY, learning.prediction_loss = saved, real
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)
