"""Campaigns: how many files of each kind were checked, in a JSON file that is written whole.

    {"seed": 1, "kinds": {"codes": {"done": 1000, "seconds": 0.9, "outcomes": {"read": 30, ...},
    "faults": {"17": "KeyError at header.py:88: ..."}}}}

The file with index 17 follows from the seed and from 17. It is also saved beside the JSON file, in
a folder named after it.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recipes.robustness.case import generator
from recipes.robustness.workers import MakeKind, Results, results
from recipes.script import read_result
from speechvq.errors import ConfigError, OutputError
from speechvq.output import make_folder, new_file

MOST_FAULTS = 100
"""Faults of a kind after which its campaign stops: they are fixed first."""

SAVE_SECONDS = 2.0


@dataclass
class Tally:
    """The campaign of a kind.

    done: the files from 0 up to this one are checked
    """

    done: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: dict[int, str] = field(default_factory=dict)

    def add(self, results: Results) -> None:
        """Add the results of files."""
        self.outcomes.update(results.outcomes)
        self.faults.update(results.faults)
        self.seconds += results.seconds


@dataclass
class Campaign:
    """The campaigns of all kinds with one seed."""

    path: Path
    seed: int
    tallies: dict[str, Tally] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, seed: int) -> "Campaign":
        """The campaign of a file, or a new one where there is none.

        Raises ConfigError for a file of another seed, or of something else.
        """
        campaign = cls(path, seed)
        if not path.exists():
            return campaign
        try:
            values = read_result(path)
            campaign.tallies = {name: _tally(row) for name, row in values["kinds"].items()}
            own_seed = values["seed"]
        except (OutputError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(f"{path} is not a campaign of this command: {error!r}") from error
        if own_seed != seed:
            raise ConfigError(f"{path} has the seed {own_seed}, not {seed}; give another --out")
        return campaign

    def save(self) -> None:
        """Write the file. Raises OutputError."""
        kinds = {
            name: {
                "done": tally.done,
                "seconds": round(tally.seconds, 3),
                "outcomes": dict(sorted(tally.outcomes.items())),
                "faults": tally.faults,
            }
            for name, tally in self.tallies.items()
        }
        text = json.dumps({"seed": self.seed, "kinds": kinds}, indent=2)
        with new_file(self.path, force=True) as file:
            file.write(f"{text}\n".encode())

    def run(
        self,
        name: str,
        make_kind: MakeKind,
        count: int,
        processes: int,
        chunk: int,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Tally:
        """Check the files of a kind up to `count`; those that were faulty are checked again."""
        tally = self.tallies.setdefault(name, Tally())
        faulty, tally.faults = sorted(tally.faults), {}
        tally.outcomes["fault"] -= len(faulty)
        for span_results in results(
            make_kind, self.seed, [range(i, i + 1) for i in faulty], processes
        ):
            tally.add(span_results)
        starts = range(tally.done, count, chunk)
        spans = [range(first, min(first + chunk, count)) for first in starts]
        saved = time.monotonic()
        for span_results in self._in_order(make_kind, spans, processes):
            tally.add(span_results)
            tally.done = span_results.span.stop
            progress(tally.done)
            if time.monotonic() > saved + SAVE_SECONDS:
                self.save()
                saved = time.monotonic()
            if len(tally.faults) >= MOST_FAULTS:
                break
        tally.outcomes = +tally.outcomes
        self.save()
        self._save_inputs(name, make_kind, tally)
        return tally

    def _in_order(
        self, make_kind: MakeKind, spans: list[range], processes: int
    ) -> Iterator[Results]:
        """The results of spans in the order of their files, not of their completion."""
        early: dict[int, Results] = {}
        next_index = spans[0].start if spans else 0
        for span_results in results(make_kind, self.seed, spans, processes):
            early[span_results.span.start] = span_results
            while next_index in early:
                done = early.pop(next_index)
                next_index = done.span.stop
                yield done

    def _save_inputs(self, name: str, make_kind: MakeKind, tally: Tally) -> None:
        """Save the faulty files in the folder, and remove those that are faulty no more."""
        folder = self.path.with_name(f"{self.path.name}.faults")
        for former in folder.glob(f"{name}-*"):
            former.unlink()
        if tally.faults:
            kind = make_kind(self.seed)
            make_folder(folder)
            for index in tally.faults:
                case = kind.make(generator(self.seed, index))
                (folder / f"{name}-{index}-{case.name}").write_bytes(case.data)


def _tally(row: dict[str, Any]) -> Tally:
    """A row of the file. Raises an error of any kind."""
    faults = {int(index): str(fault) for index, fault in row["faults"].items()}
    return Tally(int(row["done"]), float(row["seconds"]), Counter(row["outcomes"]), faults)
