"""Normalised log-mel spectrograms of a manifest, cut by the package's own sampler."""

import numpy as np
import torch
from torch import Tensor

from recipes.quantizers.config import Speech
from speechvq.data.corpus import Corpus, Sampler
from speechvq.data.split import HeldOut
from speechvq.errors import ManifestError
from speechvq.losses.mel import MelConfig, MelLikelihood
from speechvq.train.codec.config import DataConfig
from speechvq.train.codec.data import load_speech, validation_waves

SAMPLE_RATE = 16_000
WINDOW = 640
"""The hop is a quarter: 100 frames a second."""

DECIBELS = 20 / np.log(10)
"""In a neper, the unit of log-mel amplitudes here."""


class Spectrograms:
    """Training batches and complete validation files.

    The latter are those of the held-out speakers, up to 20 s each.

    scale: decibels in one unit of the normalized spectrograms
    """

    def __init__(self, speech: Speech, *, bands: int, seconds: float, seed: int) -> None:
        plan = DataConfig(
            str(speech.manifest), held_out=HeldOut(speech.held_out), cache=str(speech.cache)
        )
        data = load_speech(plan, SAMPLE_RATE)
        training, validation = data.training, data.validation
        if not len(validation.lengths):
            raise ManifestError(
                f"{speech.manifest} names fewer than three speakers, so none can be held out"
            )
        self.mel = MelLikelihood(MelConfig((WINDOW,), (bands,)), SAMPLE_RATE)
        self.sampler = _sampler(training, seconds, seed)
        waves = validation_waves(validation, plan, SAMPLE_RATE)
        first = self._log_mel(
            torch.from_numpy(_sampler(training, seconds, 0).batch(0, 0, 256).waves)
        )
        self.mean, self.spread = first.mean(), first.std()
        self.scale = float(self.spread) * DECIBELS
        self.validation = [self._normalized(wave[0]) for wave in waves]

    def batch(self, step: int, count: int) -> Tensor:
        """Training examples (b, bands, f)."""
        return self._normalized(torch.from_numpy(self.sampler.batch(step, 0, count).waves))

    @torch.no_grad()
    def _log_mel(self, waves: Tensor) -> Tensor:
        return self.mel.log_mel(waves, WINDOW).transpose(1, 2)[
            ..., : waves.shape[-1] // (WINDOW // 4)
        ]

    def _normalized(self, waves: Tensor) -> Tensor:
        return (self._log_mel(waves) - self.mean) / self.spread


def _sampler(corpus: Corpus, seconds: float, seed: int) -> Sampler:
    return Sampler(
        corpus,
        crop=round(seconds * SAMPLE_RATE),
        references=1,
        gain_db=(-6.0, 6.0),
        seed=seed,
        sample_rate=SAMPLE_RATE,
    )
