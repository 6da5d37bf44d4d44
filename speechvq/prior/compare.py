"""How many bits held-out codes take: under the uniform code, counting models, and the prior, codebook by codebook."""

from collections.abc import Sequence
from math import log

import numpy as np
import torch
from numpy.typing import NDArray

from speechvq.prior.batches import vectors
from speechvq.prior.counts import Context, CountModel, above, both, nothing, past
from speechvq.prior.network import Prior
from speechvq.prior.tables import fitted
from speechvq.prior.tokens import Tokens

Bits = NDArray[np.float64]
"""Bits a code, of every codebook."""


def uniform(held: Tokens) -> Bits:
    """What fixed width would take if a code could have a fraction of a bit."""
    return np.log2([codebook.size for codebook in held.shapes])


def static(learned: Tokens, held: Tokens) -> Bits:
    """The tables of code files."""
    return np.array(fitted(learned, held)[1])


def order_two(learned: Tokens, held: Tokens) -> Bits:
    """The two codes before and the codebook above, smoothed by ever shorter contexts: larger than any table one would ship."""
    return counting(learned, held, [nothing, above, both(above, past(1)), both(above, past(2))])


def counting(learned: Tokens, held: Tokens, contexts: Sequence[Context]) -> Bits:
    """Bits under counts of contexts, the shortest first."""
    known, asked = list(learned.recordings()), list(held.recordings())
    found = []
    for depth, codebook in enumerate(held.shapes):
        model = CountModel(known, depth, codebook.size, contexts)
        found.append(np.concatenate([model.bits(codebooks) for codebooks in asked]).mean())
    return np.array(found)


@torch.no_grad()
def taken(prior: Prior, held: Tokens) -> Bits:
    """Bits that whole recordings take under the prior, (recordings, codebooks)."""
    found, speakers = [], vectors(held.speakers)
    for index, codebooks in enumerate(held.recordings()):
        codes = [torch.from_numpy(codebook.astype(np.int64))[None] for codebook in codebooks]
        nats = prior.nats(codes, speakers[index : index + 1] if prior.speaker else None)
        found.append([codebook.sum().item() / log(2) for codebook in nats])
    return np.array(found)


def usual(bits: Bits, held: Tokens, sample_rate: int) -> tuple[float, ...]:
    """Bits a second that 95 % of recordings stay below, with the first codebook, the first two ...; bits: `taken`.

    Every voice counts alike, however many recordings it has; those of nobody known count as one
    voice's.
    """
    seconds = held.frames * held.shapes[0].hop / sample_rate
    voices = np.unique(held.voices, return_inverse=True)[1]
    shares = 1 / np.bincount(voices)[voices]
    found = []
    for rates in (bits.cumsum(1) / seconds[:, None]).T:
        order = np.argsort(rates)
        below = np.cumsum(shares[order]) / shares.sum()
        found.append(round(float(rates[order][np.searchsorted(below, 0.95 - 1e-9)]), 1))
    return tuple(found)


def table(learned: Tokens, held: Tokens, bits: Bits, sample_rate: int) -> list[str]:
    """Markdown lines: bits a code by codebook, bits a second over all codebooks, and how much less than the static tables that is.

    bits: what the prior takes, `taken`
    """
    rates = np.array([sample_rate / codebook.hop for codebook in held.shapes])
    fixed = static(learned, held)
    rows = {
        "uniform": uniform(held),
        "static tables": fixed,
        "order 2 and the codebook above": order_two(learned, held),
        "WaveNet": bits.sum(0) / [len(codebook) for codebook in held.codebooks],
    }
    names = [f"codebook {depth}" for depth in range(len(held.shapes))]
    lines = [
        f"| bits a code | {' | '.join(names)} | bits a second | below static tables |",
        "|---" * (len(names) + 3) + "|",
    ]
    for name, costs in rows.items():
        total, least = float(costs @ rates), float(fixed @ rates)
        lines.append(
            f"| {name} | {' | '.join(f'{one:.2f}' for one in costs)} | {total:.0f} | "
            f"{100 * (1 - total / least):.1f} % |"
        )
    return lines
