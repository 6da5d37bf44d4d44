"""The systems that a discovery compares: baselines, the VQ-VAE, masked prediction, and the codec that comes along."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipes.phoneme_discovery.corpora.prepare import load_waves
from recipes.phoneme_discovery.models.autoencoder import Autoencoder
from recipes.phoneme_discovery.models.contrast import Contrast, dissimilarity
from recipes.phoneme_discovery.models.encoding import (
    Features,
    Rows,
    autoencoder_units,
    by_name,
    cepstra,
    codebook,
    log_mels,
    principal,
    targets,
)
from recipes.phoneme_discovery.models.learning import (
    finished,
    learn_autoencoder,
    learn_contrast,
    learn_predictor,
)
from recipes.phoneme_discovery.models.predictor import RATE as FRAMES
from recipes.phoneme_discovery.models.predictor import Predictor
from recipes.phoneme_discovery.models.speech import Speech
from recipes.phoneme_discovery.plan import Book, Plan
from speechvq.codec.codec import Codec
from speechvq.errors import UnitsError
from speechvq.output import new_file
from speechvq.units.baselines import baseline_units, segment_means, shuffled_units
from speechvq.units.boundaries.baselines import energy_gated_change
from speechvq.units.boundaries.peaks import common_prominence, peaks
from speechvq.units.boundaries.scores import Times
from speechvq.units.features import RATE, pooled, standardized
from speechvq.units.recordings import Recording, Units

MFCC, MFCC_BY_SPEAKER, MEL_BY_SPEAKER = (
    "MFCC k-means",
    "MFCC k-means, by speaker",
    "log-mel k-means, by speaker",
)
MEL, VQVAE, MASKED = "log-mel k-means", "VQ-VAE", "masked prediction"
SEGMENTED, SHUFFLED = f"{MASKED}, learned segments", f"{MASKED}, shuffled"
TOPLINE = "told the phones: perceptron on MFCCs"

COMPARED = (MFCC, MEL, MFCC_BY_SPEAKER, MEL_BY_SPEAKER, VQVAE, MASKED, SEGMENTED, SHUFFLED)
"""The systems that every book has."""

AUDIBLE, CONTRAST = "peaks of audible mel change", "peaks of learned contrast"
BOTH = f"{CONTRAST} x audible mel change"
"""What finds boundaries, beside units."""

SEGMENTS = 11.0
"""Segments a second: about as many as there are phones and pauses in speech that is read."""


def networks(plan: Plan, models: Path) -> dict[Path, Path]:
    """Of each network that a plan needs its folder, and the checkpoint there when it is finished."""
    steps = {
        models / f"predictor-{number}": iteration.steps
        for number, iteration in enumerate(plan.rounds, 1)
    }
    steps |= {models / "contrast": plan.contrasting.steps}
    steps |= {
        models / f"vqvae-{book.size}-{book.rate}": plan.autoencoding.steps for book in plan.books
    }
    return {folder: folder / f"step-{last:08d}" for folder, last in steps.items()}


@dataclass(frozen=True, eq=False)
class Discovery:
    """What systems are learned from, and where they are kept.

    plan: sizes and steps; models: the folder for checkpoints; device: where networks are trained
    training: speech that networks learn from, without labels; None where they were learned elsewhere
    corpus: speech that gets units
    fit: the recordings of the corpus that clusters are fitted on
    """

    plan: Plan
    models: Path
    training: Speech | None
    corpus: Speech
    fit: tuple[str, ...]
    device: str = "cpu"

    @cached_property
    def predictor(self) -> Predictor:
        """The predictor of the last round, trained, or read where it has been."""
        plan = self.plan
        network: Predictor | None = None
        for number, step in enumerate(plan.rounds, 1):
            folder, optim = (
                self.models / f"predictor-{number}",
                replace(plan.prediction, steps=step.steps),
            )

            def build(weights: Mapping[str, Tensor], sets: int = len(step.clusters)) -> Predictor:
                return Predictor(
                    plan.predictor, [len(weights[f"heads.{index}.bias"]) for index in range(sets)]
                )

            network = finished(folder, optim, build) or learn_predictor(
                self._training,
                self._targets(folder, network, step.clusters),
                plan.predictor,
                optim,
                folder,
                share=plan.share,
                span=plan.span,
                seed=plan.seed + number,
                device=self.device,
            )
        assert network is not None  # a plan has rounds
        return network

    @cached_property
    def contrast(self) -> Contrast:
        """The network that finds frames alike that touch, trained, or read where it has been."""
        plan, folder = self.plan, self.models / "contrast"
        network = finished(folder, plan.contrasting, lambda _: Contrast(plan.contrast))
        return network or learn_contrast(
            self._training,
            plan.contrast,
            plan.contrasting,
            folder,
            seed=plan.seed,
            device=self.device,
        )

    def boundaries(self, names: Sequence[str], target: float) -> dict[str, dict[str, Times]]:
        """Boundaries in recordings of the corpus, s, by method: peaks of what changes, of what was learned to, and of both.

        target: so many peaks per second the recordings to fit on have; the prominence of peaks
          follows from that, no label does
        """
        numbers = {name: number for number, name in enumerate(self.corpus.names)}
        curves: dict[str, dict[str, NDArray[np.float64]]] = {AUDIBLE: {}, CONTRAST: {}, BOTH: {}}
        for name in dict.fromkeys([*self.fit, *names]):
            change = energy_gated_change(self.corpus.log_mel(numbers[name]), RATE)
            learned = dissimilarity(self.contrast, self.corpus.of(numbers[name]))
            for method, curve in {
                AUDIBLE: change,
                CONTRAST: learned,
                BOTH: change * learned,
            }.items():
                curves[method][name] = curve
        chosen = {
            method: common_prominence([by_name[name] for name in self.fit], RATE, target)
            for method, by_name in curves.items()
        }
        return {
            method: {name: peaks(by_name[name], RATE, chosen[method]) for name in names}
            for method, by_name in curves.items()
        }

    @property
    def _training(self) -> Speech:
        """Speech to learn from. Raises UnitsError where networks were to be had from another run."""
        if self.training is None:
            raise UnitsError(
                f"{self.models} does not hold all networks of this plan; finish that run, or "
                "learn here"
            )
        return self.training

    def _targets(
        self, folder: Path, before: Predictor | None, sizes: Sequence[int]
    ) -> list[NDArray[np.integer]]:
        """The clusters that a round predicts, computed once."""
        path = folder / "clusters.npy"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            speech = self._training
            features = (
                cepstra(speech, FRAMES)
                if before is None
                else codebook(before, speech, self.plan.codebook)
            )
            clusters = np.stack(targets(speech, features, sizes, seed=self.plan.seed))
            with new_file(path) as partial, partial.open("wb") as file:
                np.save(file, clusters, allow_pickle=False)
        return list(np.load(path, allow_pickle=False))

    @cached_property
    def predicted(self) -> dict[str, Rows]:
        """What the predictor makes of the corpus, standardized by speaker, at the rate of its codebook."""
        features = by_name(self.corpus, codebook(self.predictor, self.corpus, self.plan.codebook))
        return principal(features, self.fit, self.plan.components)

    def units(self, name: str, book: Book, read: Callable[[str], Units]) -> Units:
        """The units of one of the systems `COMPARED`; read gives those of another by its name."""
        if name == VQVAE:
            return self._autoencoder(book)
        if name == MASKED:
            rows = {
                name: pooled(rows, FRAMES // book.rate) for name, rows in self.predicted.items()
            }
            return self._clusters(rows, book, name)
        if name == SEGMENTED:
            return self._clusters(self._segmental(book), book, name)
        if name == SHUFFLED:
            return shuffled_units(read(MASKED), seed=self.plan.seed)
        make: Features = (cepstra if name.startswith("MFCC") else log_mels)(self.corpus, book.rate)
        return self._clusters(
            by_name(self.corpus, make, standard=name.endswith("by speaker")), book, name
        )

    def _segmental(self, book: Book) -> dict[str, Rows]:
        """Of each frame, the mean of what the predictor makes of the stretch between two boundaries that were found.

        There are `SEGMENTS` a second: no label is asked.
        """
        ends = self.edges
        return {
            name: segment_means(rows, FRAMES, ends[name], book.rate)
            for name, rows in self.predicted.items()
        }

    @cached_property
    def edges(self) -> dict[str, Times]:
        """Where segments of all recordings of the corpus end, s."""
        return self.boundaries(self.corpus.names, SEGMENTS)[BOTH]

    def _clusters(self, rows: Mapping[str, Rows], book: Book, name: str) -> Units:
        return baseline_units(rows, self.fit, book.size, book.rate, name, seed=self.plan.seed)

    def _autoencoder(self, book: Book) -> Units:
        plan, folder, factor = (
            self.plan,
            self.models / f"vqvae-{book.size}-{book.rate}",
            RATE // book.rate,
        )

        def build(weights: Mapping[str, Tensor]) -> Autoencoder:
            return Autoencoder(plan.autoencoder, book.size, factor, len(weights["speaker.weight"]))

        network = finished(folder, plan.autoencoding, build) or learn_autoencoder(
            self._training,
            plan.autoencoder,
            plan.autoencoding,
            folder,
            size=book.size,
            factor=factor,
            commitment=plan.commitment,
            seed=plan.seed,
            device=self.device,
        )
        return autoencoder_units(network, self.corpus, VQVAE)


def codec_units(
    codec: Codec, recordings: Sequence[Recording], fit: Sequence[str], *, seed: int
) -> list[Units]:
    """Codebook 0 of a codec: its codes; and k-means of what they are made from, standardized by speaker."""
    network, quantizer = codec.network, codec.network.topdown.codebooks[0]
    rate = codec.sample_rate / codec.shapes[0].hop
    codes: dict[str, NDArray[np.integer]] = {}
    latents: dict[str, Rows] = {}
    with torch.inference_mode():
        for recording in recordings:
            feature = network.features(torch.from_numpy(load_waves(recording))[None, None])[0]
            z = network.topdown.levels[0].latent(
                feature, feature.new_zeros(1, network.config.state, feature.shape[-1])
            )
            latents[recording.name], codes[recording.name] = (
                z[0].T.numpy(),
                quantizer.choose(z)[0].numpy(),
            )
    codewords = quantizer.lookup(torch.arange(quantizer.size)[None])[0].T.numpy()
    name = f"codec {codec.model.name}, codebook 0"
    own = Units(name, rate, quantizer.size, codes, latents, codewords)
    rows = standardized(latents, {recording.name: recording.speaker for recording in recordings})
    return [
        own,
        baseline_units(rows, fit, quantizer.size, rate, f"{name}, k-means by speaker", seed=seed),
    ]
