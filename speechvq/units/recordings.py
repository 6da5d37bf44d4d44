"""What is scored: recordings with their phones, and the units of a system with their file."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from speechvq.errors import UnitsError, shown
from speechvq.input import open_input
from speechvq.limits import CODEBOOK_SIZES, SECONDS, UNITS_BYTES, checked_name, whole_number
from speechvq.output import check_writable, new_file
from speechvq.parsing import parse_json
from speechvq.units.alignments.alignment import Alignment

Ints = NDArray[np.integer]

SIZES = range(1, CODEBOOK_SIZES.stop)
"""Possible numbers of codes of a system; 1 is a baseline without information."""

SLOWEST, FASTEST = 1e-3, 1e5
"""Codes per second."""


@dataclass(frozen=True)
class Recording:
    """A recording, or a segment of one.

    name: unique, without spaces
    speaker: who speaks
    seconds: duration
    phones: the alignment with clean labels (see `alignment.labeled`), in seconds from the start of
        the segment; None: unknown
    audio: the audio file, if there is one; `start`: where the segment starts in it, in seconds
    channel: of the file, counted from 1; None: as `audio.mixing` chooses
    """

    name: str
    speaker: str
    seconds: float
    phones: Alignment | None = None
    audio: Path | None = None
    start: float = 0.0
    channel: int | None = None

    def __post_init__(self) -> None:
        for what, name in (("recording", self.name), ("speaker", self.speaker)):
            checked_name(name, UnitsError, f"the name of a {what}")
        if not 0 <= self.seconds <= SECONDS:
            raise UnitsError(
                f"{self.name} cannot last {shown(self.seconds)} s; check the rate of its codes"
            )


@dataclass(frozen=True, eq=False)
class Units:
    """The units of many recordings by one system.

    name: of the system, as tables show it
    rate: codes per second; code i of a recording covers i / rate to (i + 1) / rate seconds
    size: number of possible codes
    codes: of each recording by its name, (f,), from 0 to size - 1
    features: what was quantized, of each recording by its name, (f, d); empty if unknown
    codewords: the vector of each code, (size, d), in the space of the features; None if unknown

    Raises UnitsError for codes, features or codewords that do not fit together.
    """

    name: str
    rate: float
    size: int
    codes: Mapping[str, Ints]
    features: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    codewords: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        checked_name(self.name, UnitsError, "the name of units")
        whole_number(self.size, SIZES, UnitsError, f"{self.name}: the number of codes")
        if not SLOWEST <= self.rate <= FASTEST:
            raise UnitsError(
                f"{self.name}: codes have a rate from {SLOWEST:g} to {FASTEST:g} per second, not "
                f"{shown(self.rate)}"
            )
        for name, codes in self.codes.items():
            checked_name(name, UnitsError, f"{self.name}: the name of a recording")
            integers = codes.ndim == 1 and np.issubdtype(codes.dtype, np.integer)
            if not integers or (len(codes) and not 0 <= codes.min() <= codes.max() < self.size):
                raise UnitsError(
                    f"{self.name}: the codes of {name} are not one row of numbers from 0 to "
                    f"{self.size - 1}"
                )
        for name, features in self.features.items():
            if (
                features.ndim != 2
                or not np.issubdtype(features.dtype, np.floating)
                or name not in self.codes
                or len(features) != len(self.codes[name])
            ):
                raise UnitsError(
                    f"{self.name}: the features of {name} do not fit its codes; both have a row "
                    "for each frame"
                )
            if not np.isfinite(features).all():
                raise UnitsError(
                    f"{self.name}: the features of {name} have a number that is not finite"
                )
        if self.codewords is not None and (
            self.codewords.ndim != 2
            or len(self.codewords) != self.size
            or not np.isfinite(self.codewords).all()
        ):
            raise UnitsError(
                f"{self.name}: a codebook {self.codewords.shape} is not one of {self.size} vectors "
                "of finite numbers"
            )


def length_slack(rate: float) -> float:
    """Tolerance between the durations of codes and recording, s: 0.1, or two codes if longer."""
    return max(2 / rate, 0.1)


def check_lengths(units: Units, recordings: Sequence[Recording]) -> None:
    """Raises UnitsError for the first recording without codes or with codes of another duration."""
    for recording in recordings:
        if recording.name not in units.codes:
            raise UnitsError(
                f"{units.name} has no codes of {recording.name}; make them, or leave that "
                "recording out"
            )
        seconds = len(units.codes[recording.name]) / units.rate
        if abs(seconds - recording.seconds) > length_slack(units.rate) + 1e-6:
            raise UnitsError(
                f"{units.name}: the codes of {recording.name} last {seconds:.2f} s at "
                f"{units.rate:g} per second, and the recording {recording.seconds:.2f} s; check "
                "the rate, and that both are of the same recording"
            )


def write_units(path: Path, units: Units, *, force: bool = False) -> None:
    """Write units as safetensors, codes exactly and features in half precision.

    Raises UnitsError for features that half precision cannot hold; OutputError.
    """
    check_writable(path, force=force)
    arrays: dict[str, NDArray] = {
        f"codes/{name}": codes.astype(np.int32) for name, codes in units.codes.items()
    }
    for name, rows in units.features.items():
        if np.abs(rows).max(initial=0) > np.finfo(np.float16).max:
            raise UnitsError(f"{path}: the features of {name} exceed half precision; scale them")
    arrays |= {
        f"features/{name}": np.ascontiguousarray(rows, np.float16)
        for name, rows in units.features.items()
    }
    if units.codewords is not None:
        arrays["codebook"] = np.ascontiguousarray(units.codewords, np.float32)
    facts = {"name": units.name, "rate": units.rate, "size": units.size}
    with new_file(path, force=force) as file:
        file.write(save(arrays, {"units": json.dumps(facts)}))


def read_units(path: str | Path) -> Units:
    """Read a file of `write_units`. Raises UnitsError."""
    with open_input(path, UnitsError, what="file of units") as opened:
        if os.fstat(opened.fileno()).st_size > UNITS_BYTES:
            raise UnitsError(
                f"{path} is too large: files of units have at most {UNITS_BYTES} bytes"
            )
    try:
        with safe_open(path, "np") as file:
            facts = parse_json((file.metadata() or {})["units"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
        parts = {
            kind: {n.partition("/")[2]: a for n, a in arrays.items() if n.startswith(kind)}
            for kind in ("codes/", "features/")
        }
        return Units(
            facts["name"],
            facts["rate"],
            facts["size"],
            parts["codes/"],
            {name: rows.astype(np.float32) for name, rows in parts["features/"].items()},
            arrays.get("codebook"),
        )
    except OSError as error:
        raise UnitsError(f"cannot read {path}: {error.strerror or error}") from error
    except UnitsError as error:
        raise UnitsError(f"{path} is not a file of units: {error}") from error
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnitsError(f"{path} is not a file of units ({error}); make it again") from error
