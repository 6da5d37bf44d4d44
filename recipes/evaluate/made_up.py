"""Is made-up speech like speech? Token statistics, loops, pauses, phones and voices of samples, beside real recordings.

    python -m recipes.evaluate.made_up eval.jsonl --voices train.jsonl [--temperature 1.0] [--plot picture.png] > made_up.md

Data: `--seconds` of speech made up in each voice, with no prompt, and real speech that the prior
never saw, as much of it, from the utterances of a manifest that are long enough, through the codec.
What they are compared with, the reference, are recordings of the second manifest, spread over its
speakers. All of codebook 0, the coarsest:

- `unigrams`: Jensen-Shannon divergence in bits of how often each code comes, from the reference; 0
  to 1. Real speech is not at 0, as it is short.
- `known pairs`: share of neighbouring codes that are neighbours somewhere in the reference.
- `run`: how long a code stays, mean, in milliseconds; `longest` in seconds.
- `loop`: the longest stretch, in seconds, that repeats what was said up to ten seconds before.

Of sound: `pauses` is the share of 25 ms frames 40 dB below the loud ones (their 95th percentile);
`phones` a second and their 10, 50 and 90 % durations in ms as PocketSphinx's phone loop hears them,
silence left out; `voice` the mean cosine of Resemblyzer embeddings with the middle of the voice's
real recordings, `others` with those of other voices, `closest` how often its own is the closest.
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
from recipes.evaluate.resemblance import Ear, Embedding, middle
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
    sys.exit(f"hearing phones needs {error.name}: pip install 'speechvq[eval]'")

RATE, FRAME = 16_000, 400
BACK = 10.0
"""Seconds to look back for what is repeated."""

COLUMNS = (
    "unigrams|known pairs %|run|longest|loop|pauses %|phones|10 %|50 %|90 %|voice|others|closest %"
)


@dataclass(frozen=True)
class Speech:
    """Codebook 0 (n,), the sound (t,) at RATE, and whose voice it should be."""

    codes: NDArray[np.uint16]
    wave: Wave
    voice: str


def main(
    manifest: Annotated[
        Path, typer.Argument(help="Real speech that the prior never saw: one JSON object a line.")
    ],
    voices: Annotated[
        Path,
        typer.Option(help="A manifest with recordings of the voices, say of the training data."),
    ],
    seconds: Annotated[
        float, typer.Option(help="How much to make up in each voice.", min=5)
    ] = 30.0,
    temperature: Annotated[
        list[float] | None, typer.Option(help="Once or more; default: 1.")
    ] = None,
    reference: Annotated[
        int, typer.Option(help="Recordings that they are compared with.", min=10)
    ] = 400,
    plot: Annotated[Path | None, typer.Option(help="A PNG with spectrograms to write.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="A model file instead of the default one.")
    ] = None,
    prior: Annotated[
        Path | None, typer.Option(help="A prior instead of the one that comes along.")
    ] = None,
) -> None:
    """Judge samples, as a markdown table."""
    if plot is not None:
        check_writable(plot, force=True)
    codec, named = speechvq.load(model), load_prior(prior)
    known = read_manifest(voices)
    judge = Judge(codec, known, reference)
    print(f"| | {COLUMNS.replace('|', ' | ')} |\n{'|---' * 14}|")
    real = heard(codec, manifest, seconds, len(VOICES))
    judge.row("real, unseen", real)
    random = np.random.default_rng(0)
    judge.row(
        "its codes in any order",
        [Speech(random.permutation(one.codes), one.wave, "") for one in real],
        tokens_only=True,
    )
    shown, spent = {"real speech, unseen, decoded": real[0].wave}, 0.0
    for heat in temperature or [1.0]:
        made = []
        for seed, voice in enumerate(watched(VOICES, "making up speech")):
            begun = time.process_time()
            codes = generate(
                codec, named, seconds=seconds, seed=seed, speaker=voice, temperature=heat
            )
            spent += time.process_time() - begun
            made.append(Speech(codes.codebooks[0], codec.decode(codes), voice))
        judge.row(f"made up, temperature {heat:g}", made)
        shown |= {f"made up, {one.voice}, temperature {heat:g}": one.wave for one in made[:3]}
    total = seconds * len(VOICES) * len(temperature or [1.0])
    print(f"\nCPU seconds for a second of codes: {spent / total:.2f}")
    if plot is not None:
        from recipes.evaluate.picture import draw

        panels = list(shown.items())[:4]
        draw({title: wave[: 6 * RATE] for title, wave in panels}, RATE, plot)


def heard(codec: Codec, manifest: Path, seconds: float, count: int) -> list[Speech]:
    """Real speech through the codec: recordings of one speaker end to end, `seconds` for each of `count` speakers."""
    by_speaker: dict[str | None, list[Utterance]] = {}
    for one in chosen(manifest):
        by_speaker.setdefault(one.speaker, []).append(one)
    enough = [rows for rows in by_speaker.values() if sum(one.seconds for one in rows) > seconds]
    if len(enough) < count:
        raise ManifestError(
            f"{manifest} has {len(enough)} speakers with {seconds:g} s, {count} are needed"
        )
    found = []
    for rows in watched(enough[:: len(enough) // count][:count], "real speech"):
        wave = np.concatenate([samples(one, codec.sample_rate) for one in rows])[
            : round(seconds * codec.sample_rate)
        ]
        codes = codec.encode(wave)
        found.append(Speech(codes.codebooks[0], codec.decode(codes), ""))
    return found


class Judge:
    """Measures speech beside a reference."""

    def __init__(self, codec: Codec, known: Sequence[Utterance], reference: int) -> None:
        self.size, self.rate = codec.shapes[0].size, codec.sample_rate / codec.shapes[0].hop
        coded = [
            codec.encode(samples(one, codec.sample_rate))
            for one in watched(spread(known, reference), "reference")
        ]
        codebooks = [codes.codebooks[0] for codes in coded]
        self.unigrams = shares(np.concatenate(codebooks), self.size)
        self.pairs = np.unique(
            np.concatenate([pairs(codebook, self.size) for codebook in codebooks])
        )
        self.ear = Ear()
        self.voices = {name: self.middle_of(known, name) for name in VOICES}
        path = get_model_path("en-us")
        self.phones = Decoder(
            hmm=f"{path}/en-us", allphone=f"{path}/en-us-phone.lm.bin", lw=2.0, loglevel="FATAL"
        )

    def middle_of(self, known: Sequence[Utterance], name: str) -> Embedding:
        """The middle of some real recordings of a voice. Raises ManifestError when there are none."""
        rows = [one for one in known if one.speaker == name and one.seconds >= 2][:10]
        found = [self.ear(samples(one, RATE), RATE) for one in rows]
        if not any(one is not None for one in found):
            raise ManifestError(f"the manifest has no recordings of the voice {name}")
        return middle([one for one in found if one is not None])

    def row(self, name: str, speech: Sequence[Speech], *, tokens_only: bool = False) -> None:
        """Print a line of the table."""
        cells = self.tokens([one.codes for one in speech])
        cells += ["-"] * 8 if tokens_only else [*self.sound(speech), *self.likeness(speech)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)

    def tokens(self, codes: Sequence[NDArray[np.uint16]]) -> list[str]:
        """Statistics of codebook 0."""
        found = divergence(shares(np.concatenate(codes), self.size), self.unigrams)
        known = np.mean(
            np.isin(np.concatenate([pairs(one, self.size) for one in codes]), self.pairs)
        )
        stays = np.concatenate([runs(one)[1] for one in codes]) / self.rate
        repeated = max(loop(one, round(BACK * self.rate)) for one in codes) / self.rate
        return [
            f"{found:.3f}",
            f"{100 * known:.0f}",
            f"{1000 * stays.mean():.0f}",
            f"{stays.max():.2f}",
            f"{repeated:.2f}",
        ]

    def sound(self, speech: Sequence[Speech]) -> list[str]:
        """Pauses and phones."""
        quiet = np.concatenate([pauses(one.wave) for one in speech])
        lengths = np.concatenate([self.lengths(one.wave) for one in speech])
        total = sum(len(one.wave) for one in speech) / RATE
        return [
            f"{100 * quiet.mean():.0f}",
            f"{len(lengths) / total:.1f}",
            *(f"{length:.0f}" for length in np.percentile(lengths, [10, 50, 90])),
        ]

    def lengths(self, wave: Wave) -> NDArray[np.float64]:
        """Durations in ms of the phones that are heard."""
        self.phones.start_utt()
        self.phones.process_raw((wave.clip(-1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
        self.phones.end_utt()
        return np.array(
            [
                10.0 * (one.end_frame - one.start_frame + 1)
                for one in self.phones.seg()
                if one.word[0].isupper() and one.word != "SIL"
            ]
        )

    def likeness(self, speech: Sequence[Speech]) -> list[str]:
        """Cosines with the own voice and the others'."""
        own, others, closest = [], [], []
        for one in speech:
            found = self.ear(one.wave, RATE) if one.voice else None
            if found is None:
                continue
            near = {name: float(found @ other) for name, other in self.voices.items()}
            own.append(near[one.voice])
            others += [near[name] for name in near if name != one.voice]
            closest.append(max(near, key=lambda name, near=near: near[name]) == one.voice)
        return (
            [f"{np.mean(own):.2f}", f"{np.mean(others):.2f}", f"{100 * np.mean(closest):.0f}"]
            if own
            else ["-"] * 3
        )


def shares(codes: NDArray[np.uint16], size: int) -> NDArray[np.float64]:
    """How often each code comes."""
    return np.bincount(codes, minlength=size) / len(codes)


def pairs(codes: NDArray[np.uint16], size: int) -> NDArray[np.int64]:
    """Neighbours as one number."""
    return codes[:-1].astype(np.int64) * size + codes[1:]


def divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Jensen-Shannon, in bits."""
    between = (p + q) / 2
    return float(
        sum((one[one > 0] * np.log2(one[one > 0] / between[one > 0])).sum() for one in (p, q)) / 2
    )


def loop(codes: NDArray[np.uint16], back: int) -> int:
    """The longest stretch that repeats, code by code, what was 2 to `back` frames before it, and is not one code that stays."""
    longest = 0
    for lag in range(2, min(back, len(codes) - 1) + 1):
        same = np.flatnonzero(np.diff(codes[lag:] == codes[:-lag], prepend=False, append=False))
        for first, last in zip(same[::2], same[1::2], strict=True):
            if last - first > longest and len(np.unique(codes[lag + first : lag + last])) > 1:
                longest = last - first
    return int(longest)


def pauses(wave: Wave) -> NDArray[np.bool_]:
    """Which frames are quiet."""
    frames = wave[: len(wave) // FRAME * FRAME].reshape(-1, FRAME)
    level = 10 * np.log10(np.square(frames).mean(1) + 1e-10)
    return level < np.percentile(level, 95) - 40


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"made_up: {error}")
