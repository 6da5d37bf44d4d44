"""speechvq prior train, as people type it."""

import json

import pytest

from tests.conftest import CLIPS

PLAN = """
name = "tiny"
[optim]
steps = 6
batch = 2
[prior]
width = 8
skip = 8
layers = 2
cycle = 2
around = 1
[data]
held_out = 0.3
longest = 40
[run]
log_every = 2
validate_every = 3
save_every = 3
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return path


def test_a_prior_is_fitted_to_code_files_and_goes_on_where_it_stopped(run, model, plan, tmp_path):
    (tmp_path / "codes").mkdir()
    for path in CLIPS.glob("*.flac"):
        assert run("encode", path, tmp_path / "codes" / f"{path.stem}.codes", "-m", model).code == 0
    command = ("prior", "train", plan, model, tmp_path / "codes", "--folder", tmp_path / "run", "--accelerator", "cpu")
    first = run(*command, "--steps", 3)
    assert first.code == 0, first.err
    assert "prior.safetensors: tiny for" in first.out
    for row in ("uniform", "static tables", "order 2 and the layer above", "WaveNet"):
        assert f"| {row} |" in first.out
    again = run(*command)
    assert again.code == 0, again.err
    assert "step 6" in again.err
    assert "step 2 " not in again.err


def test_a_manifest_is_encoded_once(run, model, plan, tmp_path):
    rows = [{"audio": str(path), "seconds": 2.0, "speaker": path.stem} for path in CLIPS.glob("*.flac")]
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ("prior", "train", plan, model, manifest, "--folder", tmp_path / "run", "--accelerator", "cpu")
    assert run(*command).code == 0
    kept = list((tmp_path / "run").glob("tokens-*.npz"))
    assert len(kept) == 1
    before = kept[0].stat().st_mtime_ns
    assert run(*command).code == 0
    assert kept[0].stat().st_mtime_ns == before


def test_wrong_codes_are_refused_before_anything_is_fitted(run, model, plan, clip, tmp_path):
    assert run("encode", clip, tmp_path / "a.codes", "-m", model).code == 0
    other = run("prior", "train", plan, "default", tmp_path / "a.codes", "--folder", tmp_path / "run")
    assert other.code == 1
    assert "name the model that made them" in other.err
    assert not (tmp_path / "run").exists()
    alone = run("prior", "train", plan, model, tmp_path / "a.codes", "--folder", tmp_path / "run", "--accelerator", "cpu")
    assert alone.code == 1
    assert "1 recordings of one voice" in alone.err
    plan.write_text(PLAN.replace("held_out = 0.3", "held_out = 2"))
    wrong = run("prior", "train", plan, model, tmp_path / "a.codes")
    assert wrong.code == 1
    assert "data.held_out must be between 0 and 1" in wrong.err
