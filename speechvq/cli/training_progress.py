"""The line on the terminal while something is trained."""

import math
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from speechvq.cli.streams import console
from speechvq.printable import printable

Numbers = Mapping[str, float]


class TrainingBar:
    """A progress bar over steps, shown from the first report on, and so in the first process alone.

    Validations are printed as lines; where there is no terminal, the numbers of training are too.
    """

    def __init__(self, steps: int, line: Callable[[str, Numbers], str]) -> None:
        self.line = line
        columns = TextColumn("{task.completed}/{task.total}"), BarColumn()
        columns += TextColumn("{task.description}"), TimeRemainingColumn()
        self.bar = Progress(*columns, console=console())
        self.task = self.bar.add_task("starting", total=steps)

    def __call__(self, kind: str, step: int, numbers: Numbers) -> None:
        """Report numbers of "train", "validation" or "held out"."""
        line, training = self.line(kind, numbers), kind == "train"
        if self.bar.console.is_terminal:
            self.bar.start()
        if kind == "held out":
            self.print(line)
            return
        self.bar.update(self.task, completed=step, description=line if training else None)
        if not training or not self.bar.console.is_terminal:
            self.print(f"step {step}  {line}")

    def print(self, text: str) -> None:
        """Print a line above the bar."""
        self.bar.console.print(printable(text), highlight=False, soft_wrap=True, markup=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar.live.is_started:
            self.bar.stop()


def codec_line(kind: str, numbers: Numbers, *, seconds_per_step: float) -> str:
    """The numbers of a codec's training or validation that are worth a glance.

    seconds_per_step: of audio, in all examples of a step
    """
    if kind == "train":
        speed = seconds_per_step / max(1e-9, numbers["seconds_per_step"])
        parts = [
            f"loss {numbers['loss']:.3f}",
            f"distortion {numbers['distortion/nats_per_second']:.0f}",
            f"rate {numbers['rate/bits_per_second']:.0f} bit/s",
            f"{speed:.1f} s of audio per second",
        ]
        return "  ".join(parts)
    if kind == "held out":
        return held_out_line(numbers)
    prefixes = [name for name in numbers if name.startswith("prefix") and name.endswith("/mel")]
    errors = [f"{numbers[name]:.3f}{_error(numbers, name, 3)}" for name in prefixes]
    parts = [f"validation on {_amount(numbers)}: mel {' '.join(errors)}"]
    for name, label, form in (
        ("utilization", "used", "{:.0%}"),
        ("perplexity", "perplexity", "{:.0f}"),
        ("mutual_information", "mutual information", "{:.2f}"),
        ("variance", "s^2", "{:.3g}"),
    ):
        values = [form.format(value) for key, value in numbers.items() if key.endswith(f"/{name}")]
        parts += [f"{label} {' '.join(values)}"] if values else []
    return "  ".join(parts)


def prior_line(kind: str, numbers: Numbers) -> str:
    """Bits per code in training, or of held-out codes, by codebook and of all."""
    if kind == "held out":
        return held_out_line(numbers)
    names = [name for name in numbers if name.endswith("bits")]
    bits = " ".join(f"{numbers[name]:.3f}{_error(numbers, name, 3)}" for name in names)
    where = f"held out, {_amount(numbers)}: " if kind == "validation" else ""
    return f"{where}{bits} bits per code"


def held_out_line(numbers: Numbers) -> str:
    """What is held out, as `speechvq.data.split.amounts` has it."""
    if not numbers["minutes"]:
        return "held out: nothing, so nothing is validated"
    corpora = [name.removesuffix("/minutes") for name in numbers if name.endswith("/minutes")]
    parts = [
        f"{corpus} {numbers[f'{corpus}/minutes']:.1f} of {numbers[f'{corpus}/speakers']:.0f}"
        for corpus in corpora
        if f"{corpus}/speakers" in numbers
    ]
    by_corpus = f" ({', '.join(parts)})" if parts else ""
    left_out = numbers["left_out/minutes"]
    neither = f"; {left_out:.1f} minutes on neither side" if left_out else ""
    return f"held out: {_amount(numbers)}{by_corpus}{neither}"


def _amount(numbers: Numbers) -> str:
    minutes, speakers = numbers["minutes"], round(numbers["speakers"])
    return f"{minutes:.1f} minutes of {speakers} speaker{'s' if speakers != 1 else ''}"


def _error(numbers: Numbers, name: str, digits: int) -> str:
    """The standard error of a number, where there is one."""
    error = numbers.get(f"{name}_standard_error", math.nan)
    return f" ± {error:.{digits}f}" if math.isfinite(error) else ""
