"""Speech, networks and folders that do not fit together are refused."""

import json

import pytest

from recipes.phoneme_discovery.corpora.prepared import held_out_of, load_recordings
from recipes.phoneme_discovery.inputs import (
    check_device,
    check_models,
    check_plan,
    check_same,
    check_unseen,
    more_speech,
)
from recipes.phoneme_discovery.plan import read_plan
from speechvq.errors import AudioError, ConfigError, ManifestError, OutputError, UnitsError
from speechvq.units.recordings import Recording


def test_speakers_on_both_sides(heard, tmp_path):
    recordings, _ = heard
    (tmp_path / "more.jsonl").write_text(
        json.dumps({"audio": "a.wav", "seconds": 1, "speaker": "s1"}) + "\n"
    )
    with pytest.raises(ManifestError, match=r"s1 .*in the corpus, too"):
        more_speech(tmp_path / "more.jsonl", recordings)


@pytest.mark.parametrize(
    ("change", "message"),
    [("phones", "other phones or others held out"), ("audio", "audio that has")],
)
def test_what_was_made_from_something_else_is_not_used(work, tmp_path, change, message):
    """Scores of other phones, networks trained on held-out speech, codes of changed audio."""
    root, _, _ = work
    (tmp_path / "manifest.jsonl").write_text((root / "work" / "manifest.jsonl").read_text())
    audio = tmp_path / "a.wav"
    audio.write_bytes(b"1")
    given = (
        read_plan(root / "plan.toml"),
        [Recording("a", "ann", 1.0, None, audio)],
        [],
        tmp_path,
        None,
    )
    check_plan(*given)
    check_plan(*given)
    if change == "audio":
        audio.write_bytes(b"12")
    else:
        text = (tmp_path / "manifest.jsonl").read_text()
        (tmp_path / "manifest.jsonl").write_text(
            text.replace('"held_out": true', '"held_out": false')
        )
    with pytest.raises(OutputError, match=message):
        check_plan(*given)


def test_a_record_that_says_less_is_completed(tmp_path):
    path = tmp_path / "record.json"
    path.write_text('{"plan": 1, "models": null}')
    check_same(path, {"plan": 1, "models": None, "audio": "x"})
    with pytest.raises(OutputError, match="audio that has changed"):
        check_same(path, {"plan": 1, "models": None, "audio": "y"})
    with pytest.raises(OutputError, match="other models"):
        check_same(path, {"plan": 1, "audio": "x", "models": "m"})


def test_a_plan_without_a_later_network_is_completed(tmp_path):
    check, path = check_same, tmp_path / "record.json"
    check(path, {"plan": {"seed": 0}})
    check(path, {"plan": {"seed": 0, "contrast": {"width": 16}}})
    for other in (
        {"seed": 1, "contrast": {"width": 16}},
        {"seed": 0, "contrast": {"width": 8}},
        {"seed": 0},
    ):
        with pytest.raises(OutputError, match="another plan"):
            check(path, {"plan": other})


def test_files_on_both_sides(work):
    """A file that --train has, too, without saying who speaks."""
    root, _, _ = work
    recordings = load_recordings(root / "work")
    (root / "both.jsonl").write_text(
        json.dumps({"audio": str(recordings[0].audio), "seconds": 1}) + "\n"
    )
    with pytest.raises(ManifestError, match="is in the corpus, too"):
        more_speech(root / "both.jsonl", recordings)
    (root / "gone.jsonl").write_text(json.dumps({"audio": "gone.wav", "seconds": 1}) + "\n")
    with pytest.raises(AudioError, match=r"gone\.wav"):
        more_speech(root / "gone.jsonl", recordings)


def test_models_that_cannot_be_used(work, tmp_path):
    root, _, _ = work
    plan, recordings = read_plan(root / "plan.toml"), load_recordings(root / "work")
    check_models(plan, root / "work", None)
    with pytest.raises(UnitsError, match="holds no network"):
        check_models(plan, tmp_path, None)
    with pytest.raises(ConfigError, match="leave one of them out"):
        check_models(plan, root / "work", root / "more.jsonl")
    check_unseen(recordings, held_out_of(root / "work"), root / "work")
    with pytest.raises(UnitsError, match="have learned from"):
        check_unseen(recordings, frozenset({recordings[0].name}), root / "work")


def test_devices_that_are_not_there():
    check_device("cpu")
    for device in ("gpu", "cuda:99"):
        with pytest.raises(ConfigError, match="cannot train on"):
            check_device(device)
