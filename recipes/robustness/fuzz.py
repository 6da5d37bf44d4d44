"""Fuzzing: damaged files of each kind are read correctly or refused in one plain sentence.

    python -m recipes.robustness.fuzz all --out fuzz.json
    python -m recipes.robustness.fuzz codes manifests --count 1000 --seed 7 --out short.json
    python -m recipes.robustness.fuzz codes --seed 7 --replay 17

The same command resumes where it stopped. Files with faults are saved in `fuzz.json.faults` and
checked first in the next run. `oracle.py` defines a fault. The exit code is 1 after faults.
"""

import os
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from recipes.robustness.campaign import Campaign
from recipes.robustness.case import generator
from recipes.robustness.kinds import PLANS, Plan
from recipes.robustness.oracle import verdict_of
from recipes.script import print_header, print_row, run
from speechvq.errors import ConfigError


def main(
    kinds: Annotated[list[str], typer.Argument(help=f"all, or some of {', '.join(PLANS)}.")],
    count: Annotated[
        int | None, typer.Option(help="Files of each kind, in all runs together.", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Each seed gives other files.")] = 1,
    out: Annotated[Path, typer.Option(help="File of counts, by which a campaign resumes.")] = Path(
        "fuzz.json"
    ),
    processes: Annotated[int, typer.Option(help="Files checked at a time.", min=1)] = 1,
    replay: Annotated[
        int | None, typer.Option(help="Check this file alone, and show what happens.", min=0)
    ] = None,
) -> None:
    """Check damaged files; print a Markdown table."""
    plans = _plans(kinds)
    if replay is not None:
        for name, plan in plans.items():
            _replay(name, plan, seed, replay)
        return
    campaign = Campaign.read(out, seed)
    print_header("kind", "files", "files/s per process", "outcomes", "faults")
    faulty = False
    with Progress(console=Console(stderr=True), transient=True) as bar:
        for name, plan in plans.items():
            total = plan.count if count is None else count
            task = bar.add_task(name, total=total)
            tally = campaign.run(
                name,
                plan.make_kind,
                total,
                processes,
                plan.chunk,
                lambda done, task=task: bar.update(task, completed=done),
            )
            faulty = faulty or bool(tally.faults)
            outcomes = ", ".join(f"{what} {n:,}" for what, n in tally.outcomes.most_common())
            rate = f"{tally.done / max(tally.seconds, 1e-9):,.0f}"
            print_row(name, f"{tally.done:,}", rate, outcomes, len(tally.faults))
    for name in plans:
        _print_faults(name, campaign.tallies[name].faults)
    if faulty:
        sys.exit(1)


def _print_faults(name: str, faults: dict[int, str]) -> None:
    """Print the index of one file for each fault, and the number of similar faults."""
    alike: dict[str, list[int]] = {}
    for index, fault in sorted(faults.items()):
        alike.setdefault(re.sub(r"[\d]+(?![^:]*:)", "0", fault)[:60], []).append(index)
    for indices in alike.values():
        more = f" (and {len(indices) - 1} more)" if len(indices) > 1 else ""
        print(f"{name} {indices[0]}{more}: {faults[indices[0]]}")


def _plans(names: Sequence[str]) -> dict[str, Plan]:
    """The kinds of these names. Raises ConfigError."""
    if names == ["all"]:
        return PLANS
    for name in names:
        if name not in PLANS:
            raise ConfigError(f"there is no kind {name!r}; kinds are {', '.join(PLANS)}, or all")
    return {name: PLANS[name] for name in names}


def _replay(name: str, plan: Plan, seed: int, index: int) -> None:
    """Check one file in this process, and print how the reader ends."""
    kind = plan.make_kind(seed)
    case = kind.make(generator(seed, index))
    print(f"{name} {index}: {case.name}, {len(case.data)} bytes, {case.how}: {case.data[:200]!r}")
    with TemporaryDirectory() as folder:
        verdict = verdict_of(kind, case, Path(folder))
        print(f"{verdict.outcome} {verdict.fault}", flush=True)
        try:
            kind.check(case, Path(folder))
        except Exception:  # noqa: BLE001 - to be shown
            traceback.print_exc(limit=-8, file=sys.stdout)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    run(main)
