"""Numbers that change with the step: pure functions of the step and the plan."""

from typing import Protocol

from speechvq.train.codec.config import OptimConfig


class Plan(Protocol):
    """What a learning rate follows from."""

    @property
    def steps(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def warmup(self) -> int: ...
    @property
    def decay(self) -> float: ...


def learning_rate(step: int, plan: Plan) -> float:
    """Linear warm-up, constant, linear fall to zero."""
    rise = min(1.0, (step + 1) / max(1, plan.warmup))
    fall = min(1.0, (plan.steps - step) / max(1.0, plan.decay * plan.steps))
    return plan.learning_rate * min(rise, max(0.0, fall))


def bypass(step: int, plan: OptimConfig) -> float:
    """How many examples skip the quantizers: all at first, linearly fewer until none at the share `bypass` of the steps."""
    last = plan.bypass * plan.steps
    return max(0.0, 1.0 - step / last) if last else 0.0


def temperature(step: int, plan: OptimConfig) -> float:
    """Exponential from the first to the last temperature over the annealing share of the steps."""
    first, last = plan.temperature
    return first * (last / first) ** min(1.0, step / max(1.0, plan.anneal * plan.steps))
