"""The learning rate as a function of the step."""

from typing import Protocol


class Schedule(Protocol):
    """What a learning rate follows from.

    steps: of the whole training
    learning_rate: at its highest
    warmup: steps in which it rises
    decay: the fraction of training, at its end, in which it falls
    """

    @property
    def steps(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def warmup(self) -> int: ...
    @property
    def decay(self) -> float: ...


def learning_rate(step: int, plan: Schedule) -> float:
    """Linear warm-up, constant, linear decay to zero."""
    rise = min(1.0, (step + 1) / max(1, plan.warmup))
    fall = min(1.0, (plan.steps - step) / max(1.0, plan.decay * plan.steps))
    return plan.learning_rate * min(rise, max(0.0, fall))
