"""Quantization bypass and temperature."""

import pytest
import torch

from speechvq.train.codec.config import OptimConfig
from speechvq.train.codec.objective import Objective
from speechvq.train.codec.schedule import bypass, temperature
from speechvq.train.schedule import learning_rate


def test_fewer_and_fewer_examples_skip_the_quantizers():
    plan = OptimConfig(steps=1000, bypass=0.2)
    assert [bypass(step, plan) for step in (0, 50, 100, 200, 999)] == pytest.approx(
        [1.0, 0.75, 0.5, 0.0, 0.0]
    )
    assert bypass(0, OptimConfig(steps=1000, bypass=0.0)) == 0.0
    skips = Objective.bypasses(10_000, 0.75, torch.Generator().manual_seed(0))
    assert skips.float().mean().item() == pytest.approx(0.75, abs=0.02)


def test_schedules():
    plan = OptimConfig(
        steps=1000, learning_rate=1.0, warmup=10, decay=0.2, temperature=(1.0, 0.25), anneal=0.5
    )
    rates = [learning_rate(step, plan) for step in range(1000)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:800] == [1.0] * 790
    assert rates[999] == pytest.approx(1 / 200)
    assert [temperature(step, plan) for step in (0, 250, 500, 599)] == pytest.approx(
        [1.0, 0.5, 0.25, 0.25]
    )
