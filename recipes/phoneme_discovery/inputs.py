"""Checks before anything long: more speech, devices, other runs' networks, what a folder is for."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from recipes import script
from recipes.phoneme_discovery.corpora.holding_out import shortened
from recipes.phoneme_discovery.corpora.prepared import prepared
from recipes.phoneme_discovery.plan import Plan
from recipes.phoneme_discovery.systems import networks
from speechvq.audio.reading import inspect
from speechvq.config import to_dict
from speechvq.data.manifest import read_manifest
from speechvq.data.speech import channel_of
from speechvq.errors import AudioError, ConfigError, ManifestError, OutputError, UnitsError
from speechvq.output import new_file
from speechvq.units.recordings import Recording


def more_speech(manifest: Path, recordings: Sequence[Recording]) -> list[Recording]:
    """The recordings of a manifest to learn from; each one without a speaker is its own speaker.

    Raises ManifestError for a speaker or a file that is in the corpus as well, because nothing may
    be learned from held-out speakers; AudioError for a file that cannot be read.
    """
    rows = read_manifest(manifest)
    speakers = {recording.speaker for recording in recordings}
    if both := speakers.intersection(row.speaker for row in rows):
        raise ManifestError(
            f"{shortened(sorted(map(str, both)))} of {manifest} are in the corpus, too; leave "
            "them out of one"
        )
    files = {recording.audio.resolve() for recording in recordings if recording.audio}
    for row in rows:
        inspect(row.audio, channel_of(row))
        if row.audio.resolve() in files:
            raise ManifestError(
                f"{row.audio} of {manifest} is in the corpus, too; leave it out of one"
            )
    names = [f"train-{number}" for number in range(len(rows))]
    return [
        Recording(
            name, row.speaker or name, row.seconds, None, row.audio, row.start, channel_of(row)
        )
        for name, row in zip(names, rows, strict=True)
    ]


def check_device(device: str) -> None:
    """Raises ConfigError for a device that training cannot use."""
    try:
        with torch.autocast(device, torch.bfloat16):
            torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"cannot train on {device!r} here; leave out --device, or give cpu or cuda"
        ) from error


def check_models(plan: Plan, models: Path, train: Path | None) -> None:
    """Check another run's networks.

    Raises ConfigError for speech to train on, as nothing is trained, and UnitsError where networks
    are missing.
    """
    if train:
        raise ConfigError(
            "--models trains nothing, so there is nothing for --train; leave one of them out"
        )
    if missing := [
        folder for folder, last in networks(plan, models / "models").items() if not last.exists()
    ]:
        raise UnitsError(
            f"{missing[0]} holds no network of this plan; finish the run of {models}, or train here"
        )


def check_unseen(recordings: Sequence[Recording], held_out: frozenset[str], models: Path) -> None:
    """Raises UnitsError when another run's networks have learned from held-out recordings."""
    if not (models / "manifest.jsonl").exists():
        return
    trained = {row.audio.resolve() for row in prepared(models) if not row.metadata.get("held_out")}
    for recording in recordings:
        if recording.name in held_out and recording.audio and recording.audio.resolve() in trained:
            raise UnitsError(
                f"the networks of {models} have learned from {recording.audio}, which is held out "
                "here; hold out the same speakers"
            )


def check_plan(
    plan: Plan,
    recordings: Sequence[Recording],
    more: Sequence[Recording],
    work: Path,
    models: Path | None,
) -> None:
    """Record what a folder is for.

    Raises OutputError when it holds results of another plan or of other speech.
    """
    record = inputs_of(plan, recordings, more, work)
    record["models"] = models and str(models.resolve())
    check_same(work / "discovery.json", record)


def inputs_of(
    plan: Plan, recordings: Sequence[Recording], more: Sequence[Recording], work: Path
) -> dict[str, Any]:
    """What networks, units and scores depend on, as JSON can hold it.

    Raises AudioError for files that are gone.
    """
    speech = [*recordings, *more]
    segments = [[str(part.audio), part.start, part.seconds] for part in speech]
    files = [[part.speaker, *state_of(part)] for part in speech]
    record = {
        "plan": to_dict(plan),
        "speech": hashlib.sha256(json.dumps(segments).encode()).hexdigest(),
        "audio": hashlib.sha256(json.dumps(files).encode()).hexdigest(),
        "corpus": hashlib.sha256((work / "manifest.jsonl").read_bytes()).hexdigest(),
    }
    return json.loads(json.dumps(record))


def state_of(recording: Recording) -> tuple[int, int]:
    """The size and the modification time of a recording's file. Raises AudioError."""
    try:
        status = Path(str(recording.audio)).stat()
    except OSError as error:
        raise AudioError(f"cannot read {recording.audio}: {error.strerror}") from error
    return status.st_size, status.st_mtime_ns


DIFFERENCES = {
    "plan": "another plan",
    "speech": "other speech",
    "audio": "audio that has changed since, or other speakers of it",
    "corpus": "other phones or others held out",
    "models": "other models",
}
"""What differs, by the keys of a record."""


def check_same(path: Path, record: dict[str, Any]) -> None:
    """Write a record, or compare it with the one written before, whose missing keys are added.

    Raises OutputError when they differ.
    """
    earlier: dict[str, Any] = script.read_result(path) if path.exists() else {}
    if changed := [
        difference
        for key, difference in DIFFERENCES.items()
        if completed(earlier, record, key) != record.get(key)
    ]:
        raise OutputError(
            f"{path.parent} holds a discovery with {', '.join(changed)}; use another folder, or "
            "delete that one"
        )
    if earlier != record:
        with new_file(path, force=True) as file:
            file.write(json.dumps(record, indent=1).encode())


def completed(earlier: dict[str, Any], record: dict[str, Any], key: str) -> Any:  # noqa: ANN401 - any JSON
    """The value of a key in an earlier record, with missing fields taken from the present one.

    A plan written before a network was introduced says nothing of it, and did not use it.
    """
    then, now = earlier.get(key, record.get(key)), record.get(key)
    return now | then if isinstance(then, dict) and isinstance(now, dict) else then
