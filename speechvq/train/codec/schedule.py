"""Quantization bypass and temperature as functions of the step."""

from speechvq.train.codec.config import OptimConfig


def bypass(step: int, plan: OptimConfig) -> float:
    """The fraction of the examples that bypass the quantizers.

    It falls linearly from 1 at first to 0 after the fraction `bypass` of training.
    """
    last = plan.bypass * plan.steps
    return max(0.0, 1.0 - step / last) if last else 0.0


def temperature(step: int, plan: OptimConfig) -> float:
    """Exponential decay from the first to the last temperature over the fraction `anneal`."""
    first, last = plan.temperature
    return first * (last / first) ** min(1.0, step / max(1.0, plan.anneal * plan.steps))
