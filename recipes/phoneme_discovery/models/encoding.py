"""Features of each recording, standardized by speaker, their clusters, and units."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import autocast
from torch.nn import functional

from recipes.phoneme_discovery.models.autoencoder import Autoencoder
from recipes.phoneme_discovery.models.predictor import RATE as FRAMES
from recipes.phoneme_discovery.models.predictor import Predictor
from recipes.phoneme_discovery.models.speech import Speech
from speechvq.errors import UnitsError
from speechvq.units import features as spectra
from speechvq.units.features import RATE, mfcc, pooled
from speechvq.units.recordings import Units

Rows = NDArray[np.float32]
Features = Callable[[int], Rows]
"""The features of a recording, given its number: (f, d)."""

LONGEST, AROUND = 4000, 200
"""Frames of 10 ms in a chunk, and frames of context on either side of it."""

SAMPLE = 200_000
"""Number of frames that clusters are fitted on."""


def mfccs(speech: Speech, rate: int) -> Features:
    """MFCCs with differences, at a lower rate."""
    return lambda index: pooled(mfcc(speech.log_mel(index)), RATE // rate)


def log_mels(speech: Speech, rate: int) -> Features:
    """Log-mel power at a lower rate."""
    return lambda index: pooled(speech.log_mel(index), RATE // rate)


def layer_features(network: Predictor, speech: Speech, number: int) -> Features:
    """The output of a layer of a predictor at 50 Hz, normalized over its width."""

    def run(mel: torch.Tensor) -> torch.Tensor:
        rows = network.features(mel)[number]
        return functional.layer_norm(rows.float(), rows.shape[-1:])

    return lambda index: _in_chunks(run, network, speech.of(index))


def latents(network: Autoencoder, speech: Speech) -> Features:
    """The quantizer input of a VQ-VAE."""
    return lambda index: _in_chunks(
        lambda mel: network.latents(mel).transpose(1, 2), network, speech.of(index)
    )


@torch.no_grad()
def _in_chunks(
    run: Callable[[torch.Tensor], torch.Tensor], network: torch.nn.Module, mel: Rows
) -> Rows:
    """The rows of a recording, a chunk at a time, so that long ones need little memory."""
    device = next(network.parameters()).device
    chunks = []
    for first in range(0, len(mel), LONGEST):
        begin = max(0, first - AROUND)
        chunk = torch.from_numpy(mel[begin : first + LONGEST + AROUND])[None].to(device)
        with autocast(device.type, torch.bfloat16):
            rows = run(chunk)[0].float().cpu().numpy()
        ratio = chunk.shape[1] // len(rows)
        chunks.append(rows[(first - begin) // ratio :][: min(LONGEST, len(mel) - first) // ratio])
    return np.concatenate(chunks)


def standardized_rows(speech: Speech, features: Features) -> Iterator[tuple[int, Rows]]:
    """The number of every recording and its rows, standardized by speaker, speaker by speaker."""
    for voice in range(speech.voices.max() + 1):
        rows = {index: features(index) for index in np.flatnonzero(speech.voices == voice).tolist()}
        yield from spectra.standardized(rows, dict.fromkeys(rows, "")).items()


def targets(
    speech: Speech, features: Features, sizes: Sequence[int], *, seed: int
) -> list[NDArray[np.int16]]:
    """The cluster of every frame of speech at 50 Hz, for k-means of several sizes, (n / 2,) each.

    features: at 50 Hz

    Raises UnitsError where there are fewer frames than clusters.
    """
    from sklearn.cluster import MiniBatchKMeans

    random = np.random.default_rng(seed)
    share = min(1.0, SAMPLE / (len(speech.frames) * FRAMES / RATE))
    sample = np.concatenate(
        [rows[random.random(len(rows)) < share] for _, rows in standardized_rows(speech, features)]
    )
    if len(sample) < max(sizes):
        raise UnitsError(
            f"{len(sample)} frames cannot make {max(sizes)} clusters; give more speech, or fewer "
            "in the plan"
        )
    fits = [
        MiniBatchKMeans(
            size,
            batch_size=8192,
            n_init=3,  # pyright: ignore[reportArgumentType]
            random_state=seed,
        ).fit(sample)
        for size in sizes
    ]
    clusters = [np.zeros(len(speech.frames) * FRAMES // RATE, np.int16) for _ in sizes]
    for index, rows in standardized_rows(speech, features):
        start, length = (
            int(number[index]) * FRAMES // RATE for number in (speech.starts, speech.lengths)
        )
        for codes, fit in zip(clusters, fits, strict=True):
            codes[start : start + length] = fit.predict(rows)
    return clusters


def by_name(speech: Speech, features: Features, *, standard: bool = True) -> dict[str, Rows]:
    """The rows of each recording by its name.

    standard: standardize them by speaker
    """
    pairs = (
        standardized_rows(speech, features)
        if standard
        else ((index, features(index)) for index in range(len(speech.names)))
    )
    return {speech.names[index]: rows for index, rows in pairs}


def principal(features: Mapping[str, Rows], fit: Sequence[str], most: int = 64) -> dict[str, Rows]:
    """The first principal components of features, fitted on the recordings `fit`.

    They are fewer, and clusters barely change.
    """
    from sklearn.decomposition import PCA

    rows = np.concatenate([features[name] for name in fit])
    count = min(most, *rows.shape)
    basis = PCA(count, random_state=0).fit(rows[:: max(1, len(rows) // SAMPLE)])
    return {name: basis.transform(rows).astype(np.float32) for name, rows in features.items()}


def autoencoder_units(network: Autoencoder, speech: Speech, name: str) -> Units:
    """The codes of a VQ-VAE, with its latents and its codebook."""
    features = by_name(speech, latents(network, speech), standard=False)
    codewords = network.quantizer.codewords.detach().cpu()
    codes = {
        name: network.quantizer.cpu().choose(torch.from_numpy(rows).T[None])[0].numpy()
        for name, rows in features.items()
    }
    factor = int(speech.lengths[0]) // len(features[speech.names[0]])
    return Units(name, RATE / factor, len(codewords), codes, features, codewords.numpy())
