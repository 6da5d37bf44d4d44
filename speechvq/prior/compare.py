"""Bits per code of held-out codes: uniform, static tables, count models and the prior."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import torch
from numpy.typing import NDArray

from speechvq.data.uncertainty import standard_error
from speechvq.nn.speaker import unpack_embeddings
from speechvq.prior.counts import (
    Context,
    CountModel,
    coarser_code,
    joint,
    order_0,
    previous_codes,
)
from speechvq.prior.network import PriorNetwork
from speechvq.prior.tables import fit_tables, table_bits
from speechvq.prior.tokens import Tokens

Bits = NDArray[np.float64]
"""Bits of all codes of a recording, (recordings, codebooks)."""

QUANTILE = 0.95
"""Fraction of held-out clean speech below the anomaly threshold."""


@dataclass(frozen=True)
class Cost:
    """What a model of codes costs on held-out recordings.

    bits_per_code: of each codebook
    bits_per_second: over all codebooks
    saving: fraction of the static tables' bits per second that is saved
    bits_per_second_error, saving_error: their standard errors over voices
    """

    name: str
    bits_per_code: tuple[float, ...]
    bits_per_second: float
    saving: float
    bits_per_second_error: float
    saving_error: float


def compare(training: Tokens, held_out: Tokens, bits: Bits, sample_rate: int) -> list[Cost]:
    """The cost of held-out codes under each model, the prior last.

    bits: of the prior, as `recording_bits` gives them
    """
    ratios = [held_out.shapes[0].hop // shape.hop for shape in held_out.shapes]
    codes = held_out.frames[:, None] * np.array(ratios)
    tables = static_tables(training, held_out)
    models = {
        "uniform": codes * np.log2([shape.size for shape in held_out.shapes]),
        "static tables": tables,
        "order 2 and coarser code": order_2(training, held_out),
        "WaveNet": bits,
    }
    seconds = held_out.frames[:, None] * held_out.shapes[0].hop / sample_rate
    voices = [voice or index for index, voice in enumerate(held_out.voices)]
    reference, rows = tables.sum(1, keepdims=True), []
    for name, own in models.items():
        total = own.sum(1, keepdims=True)
        row = Cost(
            name,
            tuple((own.sum(0) / codes.sum(0)).tolist()),
            float(total.sum() / seconds.sum()),
            float(1 - total.sum() / reference.sum()),
            float(standard_error(total, seconds, voices)[0]),
            float(standard_error(total, reference, voices)[0]),
        )
        rows.append(row)
    return rows


def static_tables(training: Tokens, held_out: Tokens) -> Bits:
    """Bits of recordings under the static tables of code files."""
    fitted = fit_tables(training, held_out)
    return np.array([table_bits(row.table, held_out, index) for index, row in enumerate(fitted)]).T


def order_2(training: Tokens, held_out: Tokens) -> Bits:
    """Bits of recordings given the two previous codes and the coarser code, by back-off smoothing.

    Its tables would be too large to be bundled.
    """
    coarse = coarser_code
    contexts = [order_0, coarse, *(joint(coarse, previous_codes(order)) for order in (1, 2))]
    return count_model(training, held_out, contexts)


def count_model(training: Tokens, held_out: Tokens, contexts: Sequence[Context]) -> Bits:
    """Bits of recordings under a `CountModel`; contexts: the shortest first."""
    training_codes, held_out_codes = list(training.recordings()), list(held_out.recordings())
    costs = []
    for index, shape in enumerate(held_out.shapes):
        model = CountModel(training_codes, index, shape.size, contexts)
        costs.append([model.bits(codes).sum() for codes in held_out_codes])
    return np.array(costs).T


@torch.no_grad()
def recording_bits(network: PriorNetwork, held_out: Tokens) -> Bits:
    """Negative log-likelihood in bits of recordings under a prior, (recordings, codebooks)."""
    rows, embeddings = [], unpack_embeddings(held_out.speaker_embeddings)
    for index, codebooks in enumerate(held_out.recordings()):
        codes = [torch.from_numpy(codebook.astype(np.int64))[None] for codebook in codebooks]
        embedding = embeddings[index : index + 1] if network.speaker_dim else None
        rows.append([nats.sum().item() / log(2) for nats in network.nats(codes, embedding)])
    return np.array(rows)


def anomaly_thresholds(bits: Bits, held_out: Tokens, sample_rate: int) -> tuple[float, ...]:
    """Bits per second that 95 % of recordings stay below, with one codebook, two ... and all.

    bits: as `recording_bits` gives them. Every voice has the same weight, however many recordings
    it has; recordings of unknown voices count as those of one voice.
    """
    seconds = held_out.frames * held_out.shapes[0].hop / sample_rate
    voices = np.unique(held_out.voices, return_inverse=True)[1]
    weights = 1 / np.bincount(voices)[voices]
    thresholds = []
    for rates in (bits.cumsum(1) / seconds[:, None]).T:
        order = np.argsort(rates)
        below = np.cumsum(weights[order]) / weights.sum()
        rank = np.searchsorted(below, QUANTILE - 1e-9)
        thresholds.append(round(float(rates[order][rank]), 1))
    return tuple(thresholds)
