"""The units of all systems of a discovery, each made once and kept in WORK/units."""

import sys
from collections.abc import Sequence
from pathlib import Path

import speechvq
from recipes.phoneme_discovery.corpora.prepared import load_recordings
from recipes.phoneme_discovery.models.encoding import by_name, mfccs
from recipes.phoneme_discovery.models.topline import topline_units
from recipes.phoneme_discovery.plan import CodebookSettings
from recipes.phoneme_discovery.systems import COMPARED, TOPLINE, Discovery, codec_units
from speechvq.output import make_folder
from speechvq.units.recordings import Recording, Units, read_units, write_units


def all_units(run: Discovery, work: Path, *, codec: bool) -> list[Units]:
    """The units of every system in every codebook setting; the toplines last, if there are phones.

    codec: include the default codec
    """
    folder = work / "units"
    make_folder(folder)
    by_recording = {recording.name: recording for recording in load_recordings(work)}
    recordings = [by_recording[name] for name in run.corpus.names]
    systems = [
        kept(folder, name, settings, run) for settings in run.plan.codebooks for name in COMPARED
    ]
    if codec:
        systems += kept_codec(folder, recordings, run)
    if any(by_recording[name].phones for name in run.fit):
        rates = sorted({settings.rate for settings in run.plan.codebooks})
        systems += [kept_topline(folder, recordings, rate, run) for rate in rates]
    return systems


def kept(folder: Path, name: str, settings: CodebookSettings, run: Discovery) -> Units:
    """The units of a system."""
    path = folder / f"{file_name(name, settings.size, settings.rate)}.units"
    if not path.exists():
        print(f"making {name}, {settings.size} codes at {settings.rate} Hz", file=sys.stderr)
        units = run.units(name, settings, lambda other: kept(folder, other, settings, run))
        write_units(path, units)
    return read_units(path)


def kept_codec(folder: Path, recordings: Sequence[Recording], run: Discovery) -> list[Units]:
    """The units of the default codec."""
    codec = speechvq.load()
    model = codec.model.digest.hex()
    paths = [folder / f"codec-{model}-{number}.units" for number in (0, 1)]
    if not all(path.exists() for path in paths):
        systems = codec_units(codec, recordings, run.fit, seed=run.plan.seed)
        for path, units in zip(paths, systems, strict=True):
            write_units(path, units, force=True)
    return [read_units(path) for path in paths]


def kept_topline(folder: Path, recordings: Sequence[Recording], rate: int, run: Discovery) -> Units:
    """The units of the supervised topline at a rate."""
    path = folder / f"topline-{rate}.units"
    if not path.exists():
        print(f"making {TOPLINE}, {rate} Hz", file=sys.stderr)
        features = by_name(run.corpus, mfccs(run.corpus, rate))
        labeled = [recording for recording in recordings if recording.phones]
        units = topline_units(features, labeled, run.fit, rate, TOPLINE, seed=run.plan.seed)
        write_units(path, units)
    return read_units(path)


def file_name(name: str, size: int, rate: float) -> str:
    """A system as the name of a file, without suffix."""
    return f"{name.replace(',', '').replace(' ', '-')}-{size}-{rate:g}"
