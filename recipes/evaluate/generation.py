r"""Generated speech beside real speech: code statistics, loops, pauses, phones and voices.

    python -m recipes.evaluate.generation eval.jsonl --voices train.jsonl \
        [--temperature 1.0] [--plot picture.png] > generation.md

`--seconds` of speech are generated in each voice, without a prompt. Beside them stands as much real
speech that the prior never saw, from utterances of a manifest, encoded and decoded. Both are
compared with a reference: recordings of the second manifest, spread over its speakers. Of the codes
of codebook 0, the coarsest:

- `unigrams`: Jensen-Shannon divergence in bits of the codes' frequencies from the reference's, 0 to
  1. Real speech is not at 0, as it is short.
- `known pairs`: share of neighboring codes that are neighbors somewhere in the reference.
- `run`: mean duration of a run of one code, in milliseconds; `longest`, in seconds.
- `loop`: the longest segment, in seconds, that repeats what came at most ten seconds before.

Of the waveform: `pauses` is the share of 25 ms frames 40 dB below the loud ones (their 95th
percentile); `phones` per second and the 10th, 50th and 90th percentile of their durations in ms,
by PocketSphinx's phone loop, without silence; `voice` the mean cosine of Resemblyzer embeddings
with the centroid of the voice's real recordings, `others` with those of other voices, `nearest` how
often its own voice is the nearest.
"""

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
from recipes.evaluate.conversion import Voices as VoiceOption
from recipes.evaluate.intelligibility import pcm
from recipes.evaluate.speaker_similarity import Embedding, SpeakerEncoder, centroid
from recipes.evaluate.statistics import (
    frequencies,
    jensen_shannon,
    longest_loop,
    pairs,
    pauses,
)
from recipes.evaluate.utterances import samples, select, spread
from recipes.script import (
    ManifestFile,
    ModelFile,
    PriorFile,
    print_header,
    print_row,
    progress,
    run,
)
from speechvq.audio.reading import Wave
from speechvq.codec.codec import Codec
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.errors import ManifestError
from speechvq.extras import needed
from speechvq.output import check_writable
from speechvq.prior.file import load_prior
from speechvq.prior.generate import generate
from speechvq.units.usage.rates import runs

RATE = 16_000
LOOK_BACK = 10.0
"""Seconds in which a repetition is looked for."""

CODE_COLUMNS = ("unigrams", "known pairs %", "run", "longest", "loop")
WAVE_COLUMNS = ("pauses %", "phones", "10 %", "50 %", "90 %")
VOICE_COLUMNS = ("voice", "others", "nearest %")


@dataclass(frozen=True)
class Speech:
    """Codes of codebook 0 (n,), the waveform (t,) at RATE, and the voice, empty where unknown."""

    codes: NDArray[np.uint16]
    wave: Wave
    voice: str = ""


class PhoneRecognizer:
    """PocketSphinx's phone loop. Raises MissingExtra."""

    def __init__(self) -> None:
        with needed("the evaluation", "eval"):
            from pocketsphinx import Decoder, get_model_path  # pyright: ignore[reportMissingImports]
        path = get_model_path("en-us")
        self._decoder = Decoder(
            hmm=f"{path}/en-us", allphone=f"{path}/en-us-phone.lm.bin", lw=2.0, loglevel="FATAL"
        )

    def durations(self, wave: Wave) -> NDArray[np.float64]:
        """Durations in ms of the phones in a waveform (t,), without silence and noise."""
        self._decoder.start_utt()
        self._decoder.process_raw(pcm(wave), full_utt=True)
        self._decoder.end_utt()
        return np.array(
            [
                10.0 * (segment.end_frame - segment.start_frame + 1)
                for segment in self._decoder.seg()
                if segment.word[0].isupper() and segment.word != "SIL"
            ]
        )


def main(
    manifest: ManifestFile,
    voices: Annotated[
        Path, typer.Option(help="A manifest with recordings of the voices, e.g. the training data.")
    ],
    voice: VoiceOption = None,
    seconds: Annotated[float, typer.Option(help="Seconds per voice.", min=1)] = 30.0,
    temperature: Annotated[
        list[float] | None, typer.Option(help="Once or more; default: 1.")
    ] = None,
    reference: Annotated[int, typer.Option(help="Number of reference recordings.", min=1)] = 400,
    plot: Annotated[Path | None, typer.Option(help="A PNG of spectrograms to write.")] = None,
    model: ModelFile = None,
    prior: PriorFile = None,
) -> None:
    """Compare generated speech with real speech; print a Markdown table."""
    if plot is not None:
        check_writable(plot, force=True)
    codec, prior_model, names = speechvq.load(model), load_prior(prior), voice or list(VOICES)
    comparison = Comparison(codec, read_manifest(voices), names, reference)
    print_header("", *CODE_COLUMNS, *WAVE_COLUMNS, *VOICE_COLUMNS)
    real = decoded_speech(codec, manifest, seconds, len(names))
    print_row("real, unseen", *comparison.cells(real))
    print_row("its codes, shuffled", *comparison.shuffled_cells(real))
    panels, cpu_seconds, temperatures = {"real speech, unseen, decoded": real[0].wave}, 0.0, []
    for heat in temperature or [1.0]:
        temperatures.append(heat)
        speech = []
        for seed, name in enumerate(progress(names, "generating")):
            start = time.process_time()
            codes = generate(
                codec, prior_model, seconds=seconds, seed=seed, speaker=name, temperature=heat
            )
            cpu_seconds += time.process_time() - start
            speech.append(Speech(codes.codebooks[0], codec.decode(codes), name))
        print_row(f"generated, temperature {heat:g}", *comparison.cells(speech))
        panels |= {f"generated, {row.voice}, temperature {heat:g}": row.wave for row in speech[:3]}
    total = seconds * len(names) * len(temperatures)
    print(f"\nCPU seconds per second of generated codes: {cpu_seconds / total:.2f}")
    if plot is not None:
        from recipes.evaluate.picture import draw

        draw({title: wave[: 6 * RATE] for title, wave in list(panels.items())[:4]}, RATE, plot)


def decoded_speech(codec: Codec, manifest: Path, seconds: float, count: int) -> list[Speech]:
    """Real speech, encoded and decoded: `seconds` of each of `count` speakers, concatenated.

    Raises ManifestError where too few speakers have so much speech.
    """
    by_speaker: dict[str | None, list[Utterance]] = {}
    for utterance in select(manifest):
        by_speaker.setdefault(utterance.speaker, []).append(utterance)
    long = [rows for rows in by_speaker.values() if sum(row.seconds for row in rows) > seconds]
    if len(long) < count:
        raise ManifestError(
            f"{manifest} has {len(long)} speakers with {seconds:g} s, {count} are needed"
        )
    speech = []
    for rows in progress(long[:: len(long) // count][:count], "real speech"):
        wave = np.concatenate([samples(row, codec.sample_rate) for row in rows])
        codes = codec.encode(wave[: round(seconds * codec.sample_rate)])
        speech.append(Speech(codes.codebooks[0], codec.decode(codes)))
    return speech


class Comparison:
    """Compares speech with a reference: the codes of real recordings and the voices' centroids."""

    def __init__(
        self, codec: Codec, recordings: Sequence[Utterance], voices: Sequence[str], count: int
    ) -> None:
        self.size, self.rate = codec.shapes[0].size, codec.sample_rate / codec.shapes[0].hop
        self.encoder, self.phones = SpeakerEncoder(), PhoneRecognizer()
        self.centroids = {name: self._centroid(recordings, name) for name in voices}
        codes = [
            codec.encode(samples(row, codec.sample_rate)).codebooks[0]
            for row in progress(spread(recordings, count), "reference")
        ]
        self.frequencies = frequencies(np.concatenate(codes), self.size)
        self.pairs = np.unique(np.concatenate([pairs(row, self.size) for row in codes]))

    def _centroid(self, recordings: Sequence[Utterance], name: str) -> Embedding:
        """Of up to ten real recordings of a voice. Raises ManifestError where there are none."""
        rows = [row for row in recordings if row.speaker == name and row.seconds >= 2][:10]
        embeddings = [self.encoder(samples(row, RATE), RATE) for row in rows]
        known = [embedding for embedding in embeddings if embedding is not None]
        if not known:
            raise ManifestError(f"the manifest of --voices has no recordings of {name}")
        return centroid(known)

    def cells(self, speech: Sequence[Speech]) -> list[str]:
        """All cells of a row of the table."""
        codes = self.code_cells([row.codes for row in speech])
        return [*codes, *self.wave_cells(speech), *self.voice_cells(speech)]

    def shuffled_cells(self, speech: Sequence[Speech]) -> list[str]:
        """The row of a baseline: the same codes in random order."""
        random = np.random.default_rng(0)
        cells = self.code_cells([random.permutation(row.codes) for row in speech])
        return [*cells, *["-"] * len(WAVE_COLUMNS + VOICE_COLUMNS)]

    def code_cells(self, codes: Sequence[NDArray[np.uint16]]) -> list[str]:
        """Statistics of codebook 0."""
        all_pairs = np.concatenate([pairs(row, self.size) for row in codes])
        durations = np.concatenate([runs(row)[1] for row in codes]) / self.rate
        repeated = max(longest_loop(row, round(LOOK_BACK * self.rate)) for row in codes) / self.rate
        divergence = jensen_shannon(frequencies(np.concatenate(codes), self.size), self.frequencies)
        return [
            f"{divergence:.3f}",
            f"{100 * np.isin(all_pairs, self.pairs).mean():.0f}",
            f"{1000 * durations.mean():.0f}",
            f"{durations.max():.2f}",
            f"{repeated:.2f}",
        ]

    def wave_cells(self, speech: Sequence[Speech]) -> list[str]:
        """Pauses and phones."""
        quiet = np.concatenate([pauses(row.wave) for row in speech])
        durations = np.concatenate([self.phones.durations(row.wave) for row in speech])
        seconds = sum(len(row.wave) for row in speech) / RATE
        percentiles = np.percentile(durations, [10, 50, 90]) if len(durations) else [np.nan] * 3
        return [
            f"{100 * quiet.mean():.0f}",
            f"{len(durations) / seconds:.1f}",
            *(f"{duration:.0f}" for duration in percentiles),
        ]

    def voice_cells(self, speech: Sequence[Speech]) -> list[str]:
        """Speaker similarity with the own voice and with the others."""
        own, others, nearest = [], [], []
        for row in speech:
            embedding = self.encoder(row.wave, RATE) if row.voice else None
            if embedding is None:
                continue
            cosines = {name: float(embedding @ other) for name, other in self.centroids.items()}
            own.append(cosines[row.voice])
            others += [cosine for name, cosine in cosines.items() if name != row.voice]
            nearest.append(cosines[row.voice] == max(cosines.values()))
        if not own:
            return ["-"] * len(VOICE_COLUMNS)
        return [f"{np.mean(own):.2f}", f"{np.mean(others):.2f}", f"{100 * np.mean(nearest):.0f}"]


if __name__ == "__main__":
    run(main)
