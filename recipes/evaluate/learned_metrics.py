"""What stands in for a listener: learned mean opinion scores, and a recognizer of words.

    DistillMOS  Stahl and Gamper 2025, from 1 to 5, by the package distillmos
    DNSMOS      Reddy et al. 2022, signal and overall quality, from 1 to 5, by the package speechmos
    Whisper     Radford et al. 2022, by the package faster-whisper

All hear 16 kHz waveforms. None is a person, and none may be a training loss: a metric that is
optimized measures no longer what it did. The first two bring their weights; those of Whisper are
found by name on the Hugging Face Hub, or lie in a folder.
"""

import os
import re
import sys
import unicodedata
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

from recipes.evaluate.measures import RATE
from speechvq.audio.reading import Wave
from speechvq.errors import ConfigError
from speechvq.extras import needed

MOS = ("DistillMOS", "DNSMOS signal", "DNSMOS overall")
SHORTEST = 1.0
"""Seconds that these scores need."""


class LearnedMOS:
    """Learned mean opinion scores of waveforms, on the CPU. Raises MissingExtra."""

    def __init__(self) -> None:
        with needed("the evaluation", "eval"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torchaudio warns of its own future
            import distillmos
            from speechmos import dnsmos
        with redirect_stdout(sys.stderr):  # it prints where it lies
            self._distill, self._dnsmos = distillmos.ConvTransformerSQAModel().eval(), dnsmos

    def __call__(self, wave: Wave) -> dict[str, float]:
        """The scores of a waveform (t,) at 16 kHz by name; NaN for less than a second."""
        import torch

        if len(wave) < SHORTEST * RATE:
            return dict.fromkeys(MOS, float("nan"))
        wave = np.clip(wave, -1, 1).astype(np.float32)
        with torch.inference_mode():
            distilled = float(self._distill(torch.from_numpy(wave)[None]))
        scores = self._dnsmos.run(wave, sr=RATE)
        values = (distilled, float(scores["sig_mos"]), float(scores["ovrl_mos"]))
        return dict(zip(MOS, values, strict=True))


class Whisper:
    """What Whisper hears, greedily, on the CPU in 8-bit integers.

    model: a folder with a model in CTranslate2's format, or a name such as base or tiny.en, which
      is downloaded from the Hugging Face Hub
    language: two letters; None: found out for each recording
    Raises MissingExtra, and ConfigError when there is no such model.
    """

    def __init__(self, model: str, language: str | None = "en") -> None:
        with needed("the evaluation", "eval"):
            from faster_whisper import WhisperModel
        if os.sep in model and not Path(model).is_dir():
            raise ConfigError(f"there is no folder {model}: give the folder of a Whisper model")
        threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
        try:
            self._model = WhisperModel(
                model, device="cpu", compute_type="int8", cpu_threads=threads
            )
        except Exception as error:  # a hub that cannot be reached, a damaged file, another name
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise ConfigError(
                f"the Whisper model {model} cannot be loaded: {reason}; give a folder in "
                "CTranslate2's format, or a name such as base"
            ) from error
        self._language = language

    def __call__(self, wave: Wave) -> str:
        """The words of a waveform (t,) at 16 kHz, normalized."""
        segments, _ = self._model.transcribe(
            np.clip(wave, -1, 1).astype(np.float32),
            language=self._language,
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
        )
        return normalized(" ".join(segment.text for segment in segments))


def normalized(text: str) -> str:
    """Words as they are compared: letters, digits and apostrophes in lower case, single spaces.

    Compatible characters are made equal first (NFKC). Numbers are compared as they are written.
    """
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    return " ".join(re.findall(r"(?:[^\W_]|')+", folded))


def word_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Substituted, deleted and inserted words, and the words of the reference.

    Raises MissingExtra.
    """
    if not reference:
        return len(hypothesis.split()), 0
    with needed("the evaluation", "eval"):
        import jiwer
    found = jiwer.process_words(reference, hypothesis)
    errors = found.substitutions + found.deletions + found.insertions
    return errors, len(reference.split())
