"""What a run is of, checked before anything long: more speech, devices, networks of other runs, and what a folder was for."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from recipes.phoneme_discovery.corpora.holding_out import shortened
from recipes.phoneme_discovery.corpora.prepare import prepared
from recipes.phoneme_discovery.plan import Plan
from recipes.phoneme_discovery.systems import networks
from speechvq.audio.files import inspect
from speechvq.config import to_dict
from speechvq.data.manifest import read_manifest
from speechvq.errors import AudioError, ConfigError, ManifestError, OutputError, UnitsError
from speechvq.output import new_file
from speechvq.units.recordings import Recording


def more_speech(manifest: Path, recordings: Sequence[Recording]) -> list[Recording]:
    """The recordings of a manifest to learn from; whoever is not named counts as a speaker for each recording.

    Raises ManifestError for a speaker or a file that is in the corpus, too, as held-out speakers
    must not be learned from; AudioError for a file that cannot be read.
    """
    rows = read_manifest(manifest)
    both = {recording.speaker for recording in recordings}.intersection(row.speaker for row in rows)
    if both:
        raise ManifestError(
            f"{shortened(sorted(map(str, both)))} of {manifest} are in the corpus, too; leave "
            "them out of one"
        )
    own = {recording.audio.resolve() for recording in recordings if recording.audio}
    for row in rows:
        inspect(row.audio)
        if row.audio.resolve() in own:
            raise ManifestError(
                f"{row.audio} of {manifest} is in the corpus, too; leave it out of one"
            )
    return [
        Recording(
            f"train-{number}",
            row.speaker or f"train-{number}",
            row.seconds,
            None,
            row.audio,
            row.start,
        )
        for number, row in enumerate(rows)
    ]


def check_device(device: str) -> None:
    """Raises ConfigError for what cannot be trained on."""
    try:
        with torch.autocast(device, torch.bfloat16):
            torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"cannot train on {device!r} here; leave out --device, or give cpu or cuda"
        ) from error


def check_models(plan: Plan, models: Path, train: Path | None) -> None:
    """Raises ConfigError where more speech is given for networks that learn nothing, UnitsError where some are not there."""
    if train:
        raise ConfigError(
            "--models trains nothing, so there is nothing for --train; leave one of them out"
        )
    if lacking := [
        folder for folder, last in networks(plan, models / "models").items() if not last.exists()
    ]:
        raise UnitsError(
            f"{lacking[0]} holds no network of this plan; finish the run of {models}, or learn here"
        )


def check_strangers(recordings: Sequence[Recording], away: frozenset[str], models: Path) -> None:
    """Raises UnitsError when the networks of another run have learned from what is held out here."""
    if not (models / "manifest.jsonl").exists():
        return
    learned_from = {
        row.audio.resolve() for row in prepared(models) if not row.facts.get("held_out")
    }
    if both := [
        recording
        for recording in recordings
        if recording.name in away and recording.audio and recording.audio.resolve() in learned_from
    ]:
        raise UnitsError(
            f"the networks of {models} have learned from {both[0].audio}, which is held out here; "
            "hold out the same speakers"
        )


def check_plan(
    plan: Plan,
    recordings: Sequence[Recording],
    more: Sequence[Recording],
    work: Path,
    models: Path | None,
) -> None:
    """Keep what a folder is for. Raises OutputError when it holds what was learned by another plan or from other speech."""
    check_same(
        work / "discovery.json",
        inputs_of(plan, recordings, more, work) | {"models": models and str(models.resolve())},
    )


def inputs_of(
    plan: Plan, recordings: Sequence[Recording], more: Sequence[Recording], work: Path
) -> dict[str, Any]:
    """What networks, units and scores follow from, as JSON can hold it. Raises AudioError for files that are gone."""
    speech = hashlib.sha256(
        json.dumps(
            [
                [str(recording.audio), recording.start, recording.seconds]
                for recording in [*recordings, *more]
            ]
        ).encode()
    )
    audio = hashlib.sha256(
        json.dumps(
            [[recording.speaker, *state_of(recording)] for recording in [*recordings, *more]]
        ).encode()
    )
    corpus = hashlib.sha256((work / "manifest.jsonl").read_bytes())
    facts = {
        "plan": to_dict(plan),
        "speech": speech.hexdigest(),
        "audio": audio.hexdigest(),
        "corpus": corpus.hexdigest(),
    }
    return json.loads(json.dumps(facts))


def state_of(recording: Recording) -> tuple[int, int]:
    """The size and the date of its file. Raises AudioError."""
    try:
        status = Path(str(recording.audio)).stat()
    except OSError as error:
        raise AudioError(f"cannot read {recording.audio}: {error.strerror}") from error
    return status.st_size, status.st_mtime_ns


OTHERWISE = {
    "plan": "another plan",
    "speech": "other speech",
    "audio": "audio that has changed since, or other speakers of it",
    "corpus": "other phones or others held out",
    "models": "other models",
}
"""What was different, by the keys of a record."""


def check_same(path: Path, record: dict[str, Any]) -> None:
    """Write what a folder is for, or compare it; what a record does not say is added. Raises OutputError for another."""
    before: dict[str, Any] = {}
    try:
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be read: {error}; use another folder") from error
    if changed := [
        what for key, what in OTHERWISE.items() if completed(before, record, key) != record.get(key)
    ]:
        raise OutputError(
            f"{path.parent} holds a discovery with {', '.join(changed)}; use another folder, or "
            "delete that one"
        )
    if before != record:
        with new_file(path) as partial:
            partial.write_text(json.dumps(record, indent=1), encoding="utf-8")


def completed(before: dict[str, Any], record: dict[str, Any], key: str) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """What a record says under a key, or what is wanted where it says nothing; so for each field of a plan.

    A plan of before a network was thought of says nothing of it, and nothing was made with it.
    """
    said, now = before.get(key, record.get(key)), record.get(key)
    return now | said if isinstance(said, dict) and isinstance(now, dict) else said
