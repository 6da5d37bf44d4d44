"""The systems that a discovery compares: baselines, VQ-VAE, masked prediction, and the codec."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipes.phoneme_discovery.corpora.prepared import load_wave
from recipes.phoneme_discovery.models.autoencoder import Autoencoder
from recipes.phoneme_discovery.models.contrast import Contrast, dissimilarity
from recipes.phoneme_discovery.models.encoding import (
    Features,
    Rows,
    autoencoder_units,
    by_name,
    layer_features,
    log_mels,
    mfccs,
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
from recipes.phoneme_discovery.plan import CodebookSettings, Plan
from speechvq.arrays import read_array
from speechvq.codec.codec import Codec
from speechvq.errors import UnitsError
from speechvq.output import new_file
from speechvq.units.baselines import baseline_units, segment_means, shuffled_units
from speechvq.units.boundaries.baselines import energy_gated_change
from speechvq.units.boundaries.peaks import common_prominence, peaks
from speechvq.units.boundaries.scores import Times
from speechvq.units.features import RATE, pooled, standardized
from speechvq.units.recordings import Recording, Units

MFCC, MFCC_BY_SPEAKER = "MFCC k-means", "MFCC k-means, by speaker"
MEL, MEL_BY_SPEAKER = "log-mel k-means", "log-mel k-means, by speaker"
VQVAE, MASKED = "VQ-VAE", "masked prediction"
SEGMENTED, SHUFFLED = f"{MASKED}, learned segments", f"{MASKED}, shuffled"
TOPLINE = "supervised topline: MLP on MFCCs"

COMPARED = (MFCC, MEL, MFCC_BY_SPEAKER, MEL_BY_SPEAKER, VQVAE, MASKED, SEGMENTED, SHUFFLED)
"""The systems that are compared in each of the codebook settings."""

ENERGY_GATED = "peaks of energy-gated spectral change"
CONTRAST = "peaks of the contrastive boundary detector"
PRODUCT = "peaks of contrastive score x energy-gated change"
"""Boundary detectors without units."""

SEGMENTS = 11.0
"""Segments per second: about the rate of phones and pauses in read speech."""


def networks(plan: Plan, models: Path) -> dict[Path, Path]:
    """The folder of each network of a plan, and its last checkpoint, which may not exist yet."""
    steps = {
        models / f"predictor-{number}": iteration.steps
        for number, iteration in enumerate(plan.iterations, 1)
    }
    steps |= {models / "contrast": plan.contrasting.steps}
    steps |= {
        models / f"vqvae-{settings.size}-{settings.rate}": plan.autoencoding.steps
        for settings in plan.codebooks
    }
    return {folder: folder / f"step-{last:08d}" for folder, last in steps.items()}


@dataclass(frozen=True, eq=False)
class Discovery:
    """The speech, networks and units of a discovery; networks are trained when first needed.

    plan: sizes and steps
    models: the folder of checkpoints
    training: speech that networks learn from, without labels; None where they were trained before
    corpus: speech that gets units
    fit: the recordings of the corpus that clusters are fitted on
    device: where networks are trained
    """

    plan: Plan
    models: Path
    training: Speech | None
    corpus: Speech
    fit: tuple[str, ...]
    device: str = "cpu"

    @cached_property
    def predictor(self) -> Predictor:
        """The predictor of the last iteration of masked prediction."""
        plan = self.plan
        network: Predictor | None = None
        for number, iteration in enumerate(plan.iterations, 1):
            folder = self.models / f"predictor-{number}"
            optim = replace(plan.prediction, steps=iteration.steps)

            def build(
                weights: Mapping[str, Tensor], sets: int = len(iteration.clusters)
            ) -> Predictor:
                sizes = [len(weights[f"heads.{index}.bias"]) for index in range(sets)]
                return Predictor(plan.predictor, sizes)

            network = finished(folder, optim, build) or learn_predictor(
                self._training,
                self._targets(folder, network, iteration.clusters),
                plan.predictor,
                optim,
                folder,
                mask_share=plan.mask_share,
                mask_span=plan.mask_span,
                seed=plan.seed + number,
                device=self.device,
            )
        assert network is not None  # a plan has iterations
        return network

    @cached_property
    def contrast(self) -> Contrast:
        """The contrastive boundary detector."""
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
        """Boundaries in recordings of the corpus, in seconds, by method and recording.

        target: peaks per second in the recordings to fit on; it gives the prominence of peaks,
            without any label
        """
        numbers = {name: number for number, name in enumerate(self.corpus.names)}
        methods = (ENERGY_GATED, CONTRAST, PRODUCT)
        curves: dict[str, dict[str, NDArray[np.float64]]] = {method: {} for method in methods}
        for name in dict.fromkeys([*self.fit, *names]):
            change = energy_gated_change(self.corpus.log_mel(numbers[name]), RATE)
            score = dissimilarity(self.contrast, self.corpus.of(numbers[name]))
            for method, curve in zip(methods, (change, score, change * score), strict=True):
                curves[method][name] = curve
        prominences = {
            method: common_prominence([of_names[name] for name in self.fit], RATE, target)
            for method, of_names in curves.items()
        }
        return {
            method: {name: peaks(of_names[name], RATE, prominences[method]) for name in names}
            for method, of_names in curves.items()
        }

    @property
    def _training(self) -> Speech:
        """Speech to learn from. Raises UnitsError where networks are taken from another run."""
        if self.training is None:
            raise UnitsError(
                f"{self.models} does not hold all networks of this plan; finish that run, or "
                "train here"
            )
        return self.training

    def _targets(
        self, folder: Path, before: Predictor | None, sizes: Sequence[int]
    ) -> list[NDArray[np.integer]]:
        """The clusters that an iteration predicts, computed once."""
        path = folder / "clusters.npy"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            speech = self._training
            features = (
                mfccs(speech, FRAMES)
                if before is None
                else layer_features(before, speech, self.plan.layer)
            )
            clusters = np.stack(targets(speech, features, sizes, seed=self.plan.seed))
            with new_file(path, force=True) as file:
                np.save(file, clusters, allow_pickle=False)
        return list(read_array(path, UnitsError, advice="delete it, then it is made again"))

    @cached_property
    def predicted(self) -> dict[str, Rows]:
        """The predictor's features of the corpus, standardized by speaker, principal components."""
        features = by_name(
            self.corpus, layer_features(self.predictor, self.corpus, self.plan.layer)
        )
        return principal(features, self.fit, self.plan.components)

    def units(self, name: str, settings: CodebookSettings, read: Callable[[str], Units]) -> Units:
        """The units of one of the systems `COMPARED`; `read` gives those of another by its name."""
        if name == VQVAE:
            return self._autoencoder(settings)
        if name == SHUFFLED:
            return shuffled_units(read(MASKED), seed=self.plan.seed)
        rows, seed = self._features(name, settings.rate), self.plan.seed
        return baseline_units(rows, self.fit, settings.size, settings.rate, name, seed=seed)

    def _features(self, name: str, rate: int) -> dict[str, Rows]:
        """The features that a system clusters, at `rate` frames per second."""
        if name == MASKED:
            return {
                recording: pooled(rows, FRAMES // rate)
                for recording, rows in self.predicted.items()
            }
        if name == SEGMENTED:
            return self._segmental(rate)
        make: Features = (mfccs if name.startswith("MFCC") else log_mels)(self.corpus, rate)
        return by_name(self.corpus, make, standard=name.endswith("by speaker"))

    def _segmental(self, rate: int) -> dict[str, Rows]:
        """For each frame the mean of the predictor's features over its segment.

        There are `SEGMENTS` per second: no label is needed.
        """
        return {
            name: segment_means(rows, FRAMES, self.edges[name], rate)
            for name, rows in self.predicted.items()
        }

    @cached_property
    def edges(self) -> dict[str, Times]:
        """Where segments of all recordings of the corpus end, in seconds."""
        return self.boundaries(self.corpus.names, SEGMENTS)[PRODUCT]

    def _autoencoder(self, settings: CodebookSettings) -> Units:
        plan, factor = self.plan, RATE // settings.rate
        folder = self.models / f"vqvae-{settings.size}-{settings.rate}"

        def build(weights: Mapping[str, Tensor]) -> Autoencoder:
            speakers = len(weights["speaker.weight"])
            return Autoencoder(plan.autoencoder, settings.size, factor, speakers)

        network = finished(folder, plan.autoencoding, build) or learn_autoencoder(
            self._training,
            plan.autoencoder,
            plan.autoencoding,
            folder,
            size=settings.size,
            factor=factor,
            commitment=plan.commitment,
            seed=plan.seed,
            device=self.device,
        )
        return autoencoder_units(network, self.corpus, VQVAE)


def codec_units(
    codec: Codec, recordings: Sequence[Recording], fit: Sequence[str], *, seed: int
) -> list[Units]:
    """Units of a codec: codebook 0, and k-means of its latents, standardized by speaker."""
    network, quantizer = codec.network, codec.network.topdown.codebooks[0]
    rate = codec.sample_rate / codec.shapes[0].hop
    codes: dict[str, NDArray[np.integer]] = {}
    latents: dict[str, Rows] = {}
    with torch.inference_mode():
        for recording in recordings:
            wave = torch.from_numpy(load_wave(recording))
            feature = network.features(wave[None, None])[0]
            state = feature.new_zeros(1, network.config.state, feature.shape[-1])
            z = network.topdown.levels[0].latent(feature, state)
            latents[recording.name] = z[0].T.numpy()
            codes[recording.name] = quantizer.choose(z)[0].numpy()
    codewords = quantizer.lookup(torch.arange(quantizer.size)[None])[0].T.numpy()
    name = f"codec {codec.model.name}, codebook 0"
    own = Units(name, rate, quantizer.size, codes, latents, codewords)
    rows = standardized(latents, {recording.name: recording.speaker for recording in recordings})
    clustered = baseline_units(
        rows, fit, quantizer.size, rate, f"{name}, k-means by speaker", seed=seed
    )
    return [own, clustered]
