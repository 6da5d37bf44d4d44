"""Numbers that change with the step: pure functions of the step and the plan."""

from speechvq.train.config import OptimConfig


def learning_rate(step: int, plan: OptimConfig) -> float:
    """Linear warm-up, constant, linear fall to zero."""
    rise = min(1.0, (step + 1) / max(1, plan.warmup))
    fall = min(1.0, (plan.steps - step) / max(1.0, plan.decay * plan.steps))
    return plan.rate * min(rise, max(0.0, fall))


def temperature(step: int, plan: OptimConfig) -> float | None:
    """Exponential from the first to the last temperature over the annealing share of the steps; None when codes are hard."""
    if step >= plan.hard * plan.steps:
        return None
    first, last = plan.temperature
    return first * (last / first) ** min(1.0, step / max(1.0, plan.anneal * plan.steps))
