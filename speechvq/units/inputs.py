"""Units from files: code files, .npy, .km and .units files, and the recordings they belong to."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speechvq.arrays import read_array
from speechvq.codes import Codes, read_codes
from speechvq.codes.coder import Coder
from speechvq.data.folders import passed_over, tree
from speechvq.errors import UnitsError
from speechvq.input import read_text
from speechvq.limits import MANIFEST_BYTES
from speechvq.units.alignments.readers import read_km
from speechvq.units.recordings import SIZES, Units, read_units

Ints = NDArray[np.integer]


@dataclass(frozen=True)
class Inputs:
    """The content of input files: the units of each system, all of the same recordings.

    units: of each codebook or file
    seconds: duration of each recording by its name; of its codes, where no file says it
    places: of each recording its file without suffix, or its name as a path
    """

    units: tuple[Units, ...]
    seconds: Mapping[str, float]
    places: Mapping[str, Path]


@dataclass
class _System:
    """The codes of one system while files are read."""

    name: str
    rate: float
    size: int
    codes: dict[str, Ints] = field(default_factory=dict)


def input_files(paths: Iterable[Path]) -> list[Path]:
    """The given files, and the .codes files in given folders, in the order of their paths.

    Raises UnitsError for no files or a file given twice.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        below = tree(path, {".codes"}, UnitsError, "give files or folders")
        if not below.files:
            raise UnitsError(
                f"there are no .codes files in {path}; give files by their names if they are "
                f"called otherwise{passed_over(below)}"
            )
        files += below.files
    if twice := [path for path, count in Counter(files).items() if count > 1]:
        raise UnitsError(f"{twice[0]} is given twice; give each file once")
    return files


def holds_codes(path: Path) -> bool:
    """Whether a file is read as a code file, by its suffix."""
    return path.suffix.lower() not in {".units", ".npy", ".km"}


def read_inputs(
    paths: Sequence[Path],
    *,
    codebook: int | None = 0,
    rate: float | None = None,
    size: int | None = None,
    coders: Sequence[Coder] = (),
) -> Inputs:
    """Read .units, .npy (integers) and .km (fairseq, with its .tsv), and other files as code files.

    paths: all code files belong to one system, and all .npy; each .units and .km is a system of its
        own
    codebook: of code files, 0 is the coarsest; None: each codebook is a system
    rate: codes per second of .npy and .km files
    size: number of possible codes in .npy and .km files; None: the largest code plus 1
    coders: entropy coders that code files may need, see `read_codes`

    Raises UnitsError for files that cannot be read or do not fit together, CodesError and
    AlignmentError for damaged files.
    """
    kinds: dict[str, list[Path]] = {}
    for path in paths:
        kinds.setdefault(".codes" if holds_codes(path) else path.suffix.lower(), []).append(path)
    if kinds.keys() & {".npy", ".km"} and rate is None:
        raise UnitsError(
            f"{[*kinds.get('.npy', []), *kinds.get('.km', [])][0]} does not say its rate; give "
            "--rate"
        )
    units: list[Units] = []
    seconds: dict[str, float] = {}
    places: dict[str, Path] = {}
    for kind, files in kinds.items():
        match kind:
            case ".units":
                more, names = [read_units(file) for file in files], {}
            case ".npy":
                names = named(files)
                more = [
                    _numbers(
                        "codes", {name: _row(file) for name, file in names.items()}, rate or 1, size
                    )
                ]
            case ".km":
                lines = {file: _lines(file) for file in files}
                more = [
                    _numbers(file.stem, codes, rate or 1, size)
                    for file, (codes, _) in lines.items()
                ]
                names = {
                    name: place for _, known in lines.values() for name, place in known.items()
                }
            case _:
                names = named(files)
                more, known = _code_files(names, codebook, coders)
                seconds |= known
        units += more
        places |= {name: file.with_name(file.stem) for name, file in names.items()}
    _check_same(units)
    for system in units:
        for name, codes in system.codes.items():
            seconds.setdefault(name, len(codes) / system.rate)
            places.setdefault(name, Path(name))
    return Inputs(tuple(units), seconds, places)


def named(files: Sequence[Path]) -> dict[str, Path]:
    """Files by their stems, or by folder-stem where stems repeat.

    Raises UnitsError where that is not unique.
    """
    stems = Counter(file.stem for file in files)
    by_name: dict[str, Path] = {}
    for file in files:
        name = file.stem if stems[file.stem] == 1 else f"{file.parent.name}-{file.stem}"
        if name in by_name:
            raise UnitsError(f"{by_name[name]} and {file} would both be called {name}; rename one")
        by_name[name] = file
    return by_name


def _code_files(
    names: Mapping[str, Path], codebook: int | None, coders: Sequence[Coder]
) -> tuple[list[Units], dict[str, float]]:
    """The codebooks of code files of one model, and the duration of each recording.

    Raises UnitsError and CodesError.
    """
    systems: list[_System] = []
    seconds: dict[str, float] = {}
    first: Codes | None = None
    for name, file in names.items():
        codes = read_codes(file, coders)
        first = first or codes
        if codes.model != first.model or codes.shapes != first.shapes:
            raise UnitsError(
                f"{file} has {len(codes.shapes)} codebooks of {codes.model}, and "
                f"{next(iter(names.values()))} has {len(first.shapes)} of {first.model}; give "
                "code files of one model and as many codebooks"
            )
        chosen = range(len(codes.shapes)) if codebook is None else [codebook]
        if chosen[-1] >= len(codes.shapes):
            raise UnitsError(
                f"{file} has {len(codes.shapes)} codebooks, counted from 0, and no codebook "
                f"{codebook}"
            )
        if not systems:
            rates = {number: codes.sample_rate / codes.shapes[number].hop for number in chosen}
            systems = [
                _System(f"{codes.model.name} codebook {n}", rates[n], codes.shapes[n].size)
                for n in chosen
            ]
        seconds[name] = codes.seconds
        for system, number in zip(systems, chosen, strict=True):
            count = ceil(
                codes.seconds * system.rate - 1e-6
            )  # finer codebooks fill up the last code of the coarsest
            system.codes[name] = codes.codebooks[number][:count].astype(np.int64)
    return [
        Units(system.name, system.rate, system.size, system.codes) for system in systems
    ], seconds


def _numbers(name: str, codes: Mapping[str, Ints], rate: float, size: int | None) -> Units:
    """Units of plain integers. Raises UnitsError."""
    most = max((int(row.max()) for row in codes.values() if len(row)), default=0)
    return Units(name, rate, most + 1 if size is None else size, codes)


def _row(file: Path) -> Ints:
    """The codes of a .npy file. Raises UnitsError."""
    codes = read_array(file, UnitsError, advice="save it again")
    if codes.ndim != 1 or not np.issubdtype(codes.dtype, np.integer):
        raise UnitsError(
            f"{file} is not a row of integers; save the codes of one recording, of shape (frames,)"
        )
    if len(codes) and not 0 <= int(codes.min()) <= int(codes.max()) < SIZES[-1]:
        raise UnitsError(
            f"{file} has codes from {codes.min()} to {codes.max()}: they can be from 0 to "
            f"{SIZES[-1] - 1}; give codes"
        )
    return codes.astype(np.int64)


def _lines(file: Path) -> tuple[dict[str, Ints], dict[str, Path]]:
    """The codes of a .km file, and their audio files, by the stems of these.

    Raises UnitsError and AlignmentError.
    """
    listed, rows = file.with_suffix(".tsv"), read_km(file)
    text = read_text(
        listed,
        UnitsError,
        limit=MANIFEST_BYTES,
        what="list of recordings",
        advice=f"it must say in order whose codes {file} holds",
    )
    audio = [Path(line.partition("\t")[0]) for line in text.removesuffix("\n").split("\n")[1:]]
    for number, path in enumerate(audio, 2):
        if not path.name or path.name == ".." or "\0" in path.name:
            raise UnitsError(
                f"{listed}, line {number}: needs the path of a recording; fix it there"
            )
    if len(audio) != len(rows):
        raise UnitsError(
            f"{file} has {len(rows)} lines and {listed} lists {len(audio)} files; they must be of "
            "the same set"
        )
    places = named(audio)
    return dict(zip(places, rows, strict=True)), places


def _check_same(units: Sequence[Units]) -> None:
    """Raises UnitsError where systems have other recordings than the first."""
    for system in units:
        if differ := units[0].codes.keys() ^ system.codes.keys():
            raise UnitsError(
                f"{system.name} and {units[0].name} are not of the same recordings: {min(differ)} "
                "is in one of them only; score them apart, or make what is missing"
            )
