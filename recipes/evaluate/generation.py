"""Generated speech beside real speech: statistics of codes, loops, pauses, phones and voices.

    python -m recipes.evaluate.generation eval.jsonl --voices train.jsonl [--temperature 1.0]
        [--plot picture.png] > generation.md

Data: `--seconds` of speech sampled from the prior in each voice, without a prompt, and equally much
real speech that the prior was not trained on, from the utterances of a manifest that are long
enough, decoded from its codes. The reference that both are compared with are recordings of the
second manifest, spread over its speakers. Of codebook 0, the coarsest:

- `unigrams`: Jensen-Shannon divergence in bits between the frequencies of codes and those of the
  reference; 0 to 1. Real speech is not at 0, as it is short.
- `known pairs`: share of neighboring codes that are neighbors somewhere in the reference.
- `run`: mean duration of a run of one code, in milliseconds; `longest` in seconds.
- `loop`: the longest segment, in seconds, that repeats codes of the ten seconds before it.

Of the sound: `pauses` is the share of 25 ms frames 40 dB below the loud ones (their 95th
percentile); `phones` per second and their 10, 50 and 90 % durations in ms by PocketSphinx's phone
loop, silence left out; `voice` the mean cosine of Resemblyzer embeddings with the mean of the
voice's real recordings, `others` with those of other voices, `nearest` how often its own is the
nearest.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

import speechvq
from recipes.evaluate.conversion import VOICES
from recipes.evaluate.speaker_similarity import Ear, Embedding, middle
from recipes.evaluate.utterances import chosen, samples, spread, watched
from speechvq.audio.files import Wave
from speechvq.codec.codec import Codec
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.errors import ManifestError, SpeechVQError
from speechvq.output import check_writable
from speechvq.prior.file import load_prior
from speechvq.prior.generate import generate
from speechvq.units.usage.rates import runs

try:
    from pocketsphinx import Decoder, get_model_path
except ModuleNotFoundError as error:
    sys.exit(f"counting phones needs {error.name}: pip install 'speechvq[eval]'")

RATE, FRAME = 16_000, 400
BACK = 10.0
"""Seconds to look back for repeated codes."""

COLUMNS = (
    "unigrams|known pairs %|run|longest|loop|pauses %|phones|10 %|50 %|90 %|voice|others|nearest %"
)


@dataclass(frozen=True)
class Speech:
    """Codes of codebook 0 (n,), the sound (t,) at RATE, and the name of its voice, if any."""

    codes: NDArray[np.uint16]
    wave: Wave
    voice: str


def main(
    manifest: Annotated[
        Path,
        typer.Argument(
            help="Real speech that the prior was not trained on: one JSON object per line."
        ),
    ],
    voices: Annotated[
        Path,
        typer.Option(
            help="A manifest with recordings of the voices, for example the training data."
        ),
    ],
    seconds: Annotated[
        float, typer.Option(help="Duration to generate in each voice.", min=5)
    ] = 30.0,
    temperature: Annotated[
        list[float] | None, typer.Option(help="Sampling temperature, once or more; default: 1.")
    ] = None,
    reference: Annotated[
        int, typer.Option(help="Number of recordings of the reference.", min=10)
    ] = 400,
    plot: Annotated[Path | None, typer.Option(help="A PNG with spectrograms to write.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="A model file instead of the default one.")
    ] = None,
    prior: Annotated[
        Path | None, typer.Option(help="A prior file instead of the default one.")
    ] = None,
) -> None:
    """Compare generated with real speech, as a Markdown table."""
    if plot is not None:
        check_writable(plot, force=True)
    codec, model_prior = speechvq.load(model), load_prior(prior)
    known = read_manifest(voices)
    comparison = Comparison(codec, known, reference)
    print(f"| | {COLUMNS.replace('|', ' | ')} |\n{'|---' * 14}|")
    real = real_speech(codec, manifest, seconds, len(VOICES))
    comparison.row("real, unseen", real)
    random = np.random.default_rng(0)
    comparison.row(
        "its codes, shuffled",
        [Speech(random.permutation(speech.codes), speech.wave, "") for speech in real],
        tokens_only=True,
    )
    shown, spent = {"real speech, unseen, decoded": real[0].wave}, 0.0
    for value in temperature or [1.0]:
        generated = []
        for seed, voice in enumerate(watched(VOICES, "generating")):
            start = time.process_time()
            codes = generate(
                codec, model_prior, seconds=seconds, seed=seed, speaker=voice, temperature=value
            )
            spent += time.process_time() - start
            generated.append(Speech(codes.codebooks[0], codec.decode(codes), voice))
        comparison.row(f"generated, temperature {value:g}", generated)
        shown |= {
            f"generated, {speech.voice}, temperature {value:g}": speech.wave
            for speech in generated[:3]
        }
    total = seconds * len(VOICES) * len(temperature or [1.0])
    print(f"\nCPU seconds per second of speech: {spent / total:.2f}")
    if plot is not None:
        from recipes.evaluate.picture import draw

        panels = list(shown.items())[:4]
        draw({title: wave[: 6 * RATE] for title, wave in panels}, RATE, plot)


def real_speech(codec: Codec, manifest: Path, seconds: float, count: int) -> list[Speech]:
    """Decoded real speech: `seconds` of each of `count` speakers, recordings concatenated."""
    by_speaker: dict[str | None, list[Utterance]] = {}
    for utterance in chosen(manifest):
        by_speaker.setdefault(utterance.speaker, []).append(utterance)
    enough = [rows for rows in by_speaker.values() if sum(row.seconds for row in rows) > seconds]
    if len(enough) < count:
        raise ManifestError(
            f"{manifest} has {len(enough)} speakers with {seconds:g} s, {count} are needed"
        )
    speech = []
    for rows in watched(enough[:: len(enough) // count][:count], "real speech"):
        wave = np.concatenate([samples(row, codec.sample_rate) for row in rows])[
            : round(seconds * codec.sample_rate)
        ]
        codes = codec.encode(wave)
        speech.append(Speech(codes.codebooks[0], codec.decode(codes), ""))
    return speech


class Comparison:
    """Measures speech against a reference."""

    def __init__(self, codec: Codec, known: Sequence[Utterance], reference: int) -> None:
        self.size, self.rate = codec.shapes[0].size, codec.sample_rate / codec.shapes[0].hop
        coded = [
            codec.encode(samples(utterance, codec.sample_rate))
            for utterance in watched(spread(known, reference), "reference")
        ]
        codebooks = [codes.codebooks[0] for codes in coded]
        self.unigrams = shares(np.concatenate(codebooks), self.size)
        self.pairs = np.unique(np.concatenate([pairs(row, self.size) for row in codebooks]))
        self.ear = Ear()
        self.voices = {name: self.mean_embedding(known, name) for name in VOICES}
        path = get_model_path("en-us")
        self.phones = Decoder(
            hmm=f"{path}/en-us", allphone=f"{path}/en-us-phone.lm.bin", lw=2.0, loglevel="FATAL"
        )

    def mean_embedding(self, known: Sequence[Utterance], name: str) -> Embedding:
        """The mean over at most ten real recordings of a voice. Raises ManifestError."""
        rows = [row for row in known if row.speaker == name and row.seconds >= 2][:10]
        embeddings = [self.ear(samples(row, RATE), RATE) for row in rows]
        if not any(embedding is not None for embedding in embeddings):
            raise ManifestError(f"the manifest has no recordings of the voice {name}")
        return middle([embedding for embedding in embeddings if embedding is not None])

    def row(self, name: str, speech: Sequence[Speech], *, tokens_only: bool = False) -> None:
        """Print a row of the table."""
        cells = self.tokens([item.codes for item in speech])
        cells += ["-"] * 8 if tokens_only else [*self.sound(speech), *self.likeness(speech)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)

    def tokens(self, codes: Sequence[NDArray[np.uint16]]) -> list[str]:
        """Statistics of codebook 0."""
        distance = divergence(shares(np.concatenate(codes), self.size), self.unigrams)
        known = np.mean(
            np.isin(np.concatenate([pairs(row, self.size) for row in codes]), self.pairs)
        )
        durations = np.concatenate([runs(row)[1] for row in codes]) / self.rate
        repeated = max(loop(row, round(BACK * self.rate)) for row in codes) / self.rate
        return [
            f"{distance:.3f}",
            f"{100 * known:.0f}",
            f"{1000 * durations.mean():.0f}",
            f"{durations.max():.2f}",
            f"{repeated:.2f}",
        ]

    def sound(self, speech: Sequence[Speech]) -> list[str]:
        """Pauses and phones."""
        quiet = np.concatenate([pauses(item.wave) for item in speech])
        lengths = np.concatenate([self.lengths(item.wave) for item in speech])
        total = sum(len(item.wave) for item in speech) / RATE
        return [
            f"{100 * quiet.mean():.0f}",
            f"{len(lengths) / total:.1f}",
            *(f"{length:.0f}" for length in np.percentile(lengths, [10, 50, 90])),
        ]

    def lengths(self, wave: Wave) -> NDArray[np.float64]:
        """Durations in ms of the recognized phones."""
        self.phones.start_utt()
        self.phones.process_raw((wave.clip(-1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
        self.phones.end_utt()
        return np.array(
            [
                10.0 * (segment.end_frame - segment.start_frame + 1)
                for segment in self.phones.seg()
                if segment.word[0].isupper() and segment.word != "SIL"
            ]
        )

    def likeness(self, speech: Sequence[Speech]) -> list[str]:
        """Cosines with the own voice and the others'."""
        own, others, nearest = [], [], []
        for item in speech:
            embedding = self.ear(item.wave, RATE) if item.voice else None
            if embedding is None:
                continue
            cosines = {name: float(embedding @ mean) for name, mean in self.voices.items()}
            own.append(cosines[item.voice])
            others += [cosine for name, cosine in cosines.items() if name != item.voice]
            nearest.append(max(cosines, key=cosines.__getitem__) == item.voice)
        return (
            [f"{np.mean(own):.2f}", f"{np.mean(others):.2f}", f"{100 * np.mean(nearest):.0f}"]
            if own
            else ["-"] * 3
        )


def shares(codes: NDArray[np.uint16], size: int) -> NDArray[np.float64]:
    """The relative frequency of each code."""
    return np.bincount(codes, minlength=size) / len(codes)


def pairs(codes: NDArray[np.uint16], size: int) -> NDArray[np.int64]:
    """Pairs of neighboring codes, each as one number."""
    return codes[:-1].astype(np.int64) * size + codes[1:]


def divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Jensen-Shannon divergence in bits."""
    mixture = (p + q) / 2
    return float(sum((r[r > 0] * np.log2(r[r > 0] / mixture[r > 0])).sum() for r in (p, q)) / 2)


def loop(codes: NDArray[np.uint16], back: int) -> int:
    """Frames of the longest segment equal to that 2 to `back` frames before; runs do not count."""
    longest = 0
    for lag in range(2, min(back, len(codes) - 1) + 1):
        same = np.flatnonzero(np.diff(codes[lag:] == codes[:-lag], prepend=False, append=False))
        for first, last in zip(same[::2], same[1::2], strict=True):
            if last - first > longest and len(np.unique(codes[lag + first : lag + last])) > 1:
                longest = last - first
    return int(longest)


def pauses(wave: Wave) -> NDArray[np.bool_]:
    """Which frames are 40 dB below the loud ones."""
    frames = wave[: len(wave) // FRAME * FRAME].reshape(-1, FRAME)
    level = 10 * np.log10(np.square(frames).mean(1) + 1e-10)
    return level < np.percentile(level, 95) - 40


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"generation: {error}")
