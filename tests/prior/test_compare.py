"""Bits per code of held-out codes under the models that the prior is compared with."""

import numpy as np
import pytest
import torch

from speechvq.codes import CodebookShape, ModelId
from speechvq.nn.speaker import unpack_embeddings
from speechvq.prior.compare import compare, recording_bits
from speechvq.prior.network import PriorConfig, PriorNetwork
from speechvq.prior.tokens import Tokens

SHAPES = (CodebookShape(640, 8), CodebookShape(320, 8))


def source(seed: int, recordings: int = 40, frames: int = 50) -> Tokens:
    """Coarse codes at random among the first four of eight; fine codes that copy them."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 4, recordings * frames).astype(np.uint16)
    return Tokens(
        ModelId("m", b"12345678"),
        SHAPES,
        (coarse, np.repeat(coarse, 2)),
        np.full(recordings, frames),
        random.integers(0, 256, (recordings, 2)).astype(np.uint8),
        tuple(f"v{index % 4}" for index in range(recordings)),
    )


def test_costs_are_the_entropies_of_a_known_source():
    held_out = source(1)
    costs = compare(source(0), held_out, np.full((len(held_out), 2), 100.0), 16_000)
    uniform, tables, order_2, prior = costs
    assert uniform.bits_per_code == (3, 3)
    assert uniform.bits_per_second == 25 * 3 + 50 * 3
    assert tables.bits_per_code == pytest.approx((2, 0), abs=0.05)
    assert tables.saving == 0
    assert order_2.bits_per_code == pytest.approx((2, 0), abs=0.1)
    assert prior.bits_per_code == (2, 1)  # 100 bits for 50 and for 100 codes
    assert prior.saving == pytest.approx(1 - 100 / tables.bits_per_second)


@torch.no_grad()
def test_bits_of_recordings_are_those_of_the_network():
    torch.manual_seed(0)
    config = PriorConfig(width=8, skip=8, layers=2, cycle=2)
    shapes = [(shape.hop, shape.size) for shape in SHAPES]
    network, tokens = PriorNetwork(config, shapes, speaker_dim=4).eval(), source(2, recordings=3)
    bits = recording_bits(network, tokens)
    assert bits.shape == (3, 2)
    codes = [torch.from_numpy(row.astype(np.int64))[None] for row in tokens.recording(1)]
    embedding = unpack_embeddings(tokens.speaker_embeddings[1:2])
    expected = [nats.sum().item() / np.log(2) for nats in network.nats(codes, embedding)]
    assert bits[1] == pytest.approx(expected)
