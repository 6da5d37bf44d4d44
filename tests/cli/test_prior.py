"""speechvq prior train, prior tables, and files coded with either, as people type it."""

import json
import shutil
import subprocess
import sys

import pytest

from speechvq.codes import read_codes, read_header
from speechvq.codes.tables import load_tables
from speechvq.prior.file import load_prior
from tests.helpers.paths import CLIPS

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
context_layers = 1
[data]
held_out = { share = 0.3 }
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


def encode_clips(run, model, folder, *options):
    folder.mkdir()
    for path in CLIPS.glob("*.flac"):
        assert run("encode", path, folder / f"{path.stem}.codes", "-m", model, *options).code == 0


def training(plan, model, folder):
    """The command that trains a prior on `folder / "codes"`, in `folder / "run"`."""
    words = ("prior", "train", plan, model, folder / "codes", "--folder", folder / "run")
    return *words, "--accelerator", "cpu"


def test_a_prior_is_trained_on_code_files_and_resumes(run, model, plan, tmp_path):
    encode_clips(run, model, tmp_path / "codes")
    command = training(plan, model, tmp_path)
    first = run(*command, "--steps", 3)
    assert first.code == 0, first.err
    assert "prior.safetensors: tiny for" in first.out
    for row in ("uniform", "static tables", "order 2 and coarser code", "WaveNet"):
        assert f"| {row} |" in first.out
    again = run(*command)
    assert again.code == 0, again.err
    assert "step 6" in again.err
    assert "step 2 " not in again.err


def test_a_prior_of_the_first_codebooks(run, model, plan, clip, tmp_path):
    encode_clips(run, model, tmp_path / "codes", "--codebooks", 1)
    command = training(plan, model, tmp_path)
    fitted = run(*command, "--steps", 2)
    assert fitted.code == 0, fitted.err
    use = ("-m", model, "--prior", tmp_path / "run" / "prior.safetensors")
    assert run("score", tmp_path / "codes" / "male.codes", *use).code == 0
    for refused in (
        ("score", clip, *use),
        ("encode", clip, tmp_path / "a.codes", *use, "--entropy", "wavenet"),
    ):
        done = run(*refused)
        assert done.code == 1
        assert "has 1 codebooks" in done.err
    assert (
        run(
            "encode", clip, tmp_path / "a.codes", *use, "--entropy", "wavenet", "--codebooks", 1
        ).code
        == 0
    )


def test_a_prior_is_initialized_from_another(run, model, other_model, plan, tmp_path):
    files = {}
    for name, one in (("first", model), ("second", other_model)):
        for path in CLIPS.glob("*.flac"):
            (tmp_path / name).mkdir(exist_ok=True)
            assert run("encode", path, tmp_path / name / f"{path.stem}.codes", "-m", one).code == 0
        files[name] = (
            "prior",
            "train",
            plan,
            one,
            tmp_path / name,
            "--accelerator",
            "cpu",
            "--steps",
            1,
        )
    assert run(*files["first"], "--folder", tmp_path / "a").code == 0
    begun = tmp_path / "a" / "prior.safetensors"
    done = run(*files["second"], "--folder", tmp_path / "b", "--init-from", begun)
    assert done.code == 0, done.err
    weights = [
        load_prior(tmp_path / name / "prior.safetensors").network.state_dict() for name in "ab"
    ]
    changes = [(weights[0][name] - weights[1][name]).abs().max() for name in weights[0]]
    assert (
        0 < max(changes) < 1e-2
    )  # one step at the foot of the warmup; codewords of another codec are further away
    plan.write_text(PLAN.replace("width = 8", "width = 12"))
    refused = run(*files["second"], "--folder", tmp_path / "c", "--init-from", begun)
    assert refused.code == 1
    assert (
        "the prior tiny has other codebooks than these codes, or another shape than [prior] says"
        in refused.err
    )


def test_two_processes_train_one_prior(model, plan, tmp_path, run):
    encode_clips(run, model, tmp_path / "codes")
    command = [
        sys.executable,
        "-m",
        "speechvq",
        "prior",
        "train",
        plan,
        model,
        tmp_path / "codes",
        "--accelerator",
        "cpu",
    ]
    bits = {}
    for devices in (1, 2):
        folder = tmp_path / f"run{devices}"
        done = subprocess.run(
            [*command, "--folder", folder, "--devices", str(devices)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert (
            done.stdout.count("prior.safetensors: tiny for") == 1
        )  # the first process alone tells
        assert "Warning" not in done.stderr
        rows = (folder / "validation.csv").read_text().splitlines()
        bits[devices] = [float(row.split(",")[1]) for row in rows[1:]]
    assert len(bits[1]) == len(bits[2]) == 2
    assert bits[2] == pytest.approx(bits[1], abs=0.01)


def test_a_manifest_is_encoded_once(run, model, plan, tmp_path):
    rows = [
        {"audio": str(path), "seconds": 2.0, "speaker": path.stem} for path in CLIPS.glob("*.flac")
    ]
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = (
        "prior",
        "train",
        plan,
        model,
        manifest,
        "--folder",
        tmp_path / "run",
        "--accelerator",
        "cpu",
    )
    assert run(*command).code == 0
    kept = list((tmp_path / "run").glob("tokens-*.npz"))
    assert len(kept) == 1
    before = kept[0].stat().st_mtime_ns
    assert run(*command).code == 0
    assert kept[0].stat().st_mtime_ns == before


def test_wrong_codes_are_refused_before_anything_is_trained(run, model, plan, clip, tmp_path):
    assert run("encode", clip, tmp_path / "a.codes", "-m", model).code == 0
    other = run(
        "prior", "train", plan, "default", tmp_path / "a.codes", "--folder", tmp_path / "run"
    )
    assert other.code == 1
    assert "name the model that made them" in other.err
    assert not (tmp_path / "run").exists()
    alone = run(
        "prior",
        "train",
        plan,
        model,
        tmp_path / "a.codes",
        "--folder",
        tmp_path / "run",
        "--accelerator",
        "cpu",
    )
    assert alone.code == 1
    assert "of one voice" in alone.err
    plan.write_text(PLAN.replace("share = 0.3", "minutes = 0"))
    wrong = run("prior", "train", plan, model, tmp_path / "a.codes")
    assert wrong.code == 1
    assert "data.held_out.minutes must be above 0" in wrong.err


@pytest.fixture
def own(run, model, tmp_path):
    """A model file of one's own, and the codes of all clips in a folder."""
    path = shutil.copy(model, tmp_path / "own.safetensors")
    (tmp_path / "codes").mkdir()
    for clip in CLIPS.glob("*.flac"):
        assert run("encode", clip, tmp_path / "codes" / f"{clip.stem}.codes", "-m", path).code == 0
    return path


def test_tables_beside_a_model_make_its_files_smaller(run, own, clip, tmp_path):
    plain = read_codes(tmp_path / "codes" / "female.codes")
    made = run("prior", "tables", own, tmp_path / "own.tables", tmp_path / "codes", "--minutes", 1)
    assert made.code == 0, made.err
    assert "| 0 | " in made.out
    again = run("prior", "tables", own, tmp_path / "own.tables", tmp_path / "codes", "--minutes", 1)
    assert again.code == 1
    assert "--force" in again.err
    assert run("encode", clip, tmp_path / "small.codes", "-m", own).code == 0
    assert (tmp_path / "small.codes").stat().st_size < (
        tmp_path / "codes" / "female.codes"
    ).stat().st_size
    assert "coding: tables " in run("info", tmp_path / "small.codes").out
    for name in ("small", "codes/female"):
        decoded = run("decode", tmp_path / f"{name}.codes", tmp_path / f"{name}.wav", "-m", own)
        assert decoded.code == 0, decoded.err
    assert (tmp_path / "small.wav").read_bytes() == (tmp_path / "codes" / "female.wav").read_bytes()
    fitted = run(
        "prior",
        "tables",
        own,
        tmp_path / "new.tables",
        tmp_path / "small.codes",
        tmp_path / "codes",
        "--minutes",
        1,
    )
    assert fitted.code == 0, fitted.err  # coded files are read like others
    assert plain == read_codes(tmp_path / "small.codes", [load_tables(tmp_path / "own.tables")])
    male = tmp_path / "codes" / "male.codes"
    new = run(
        "prior",
        "tables",
        own,
        tmp_path / "own.tables",
        male,
        tmp_path / "codes",
        "--force",
        "--minutes",
        1,
    )
    assert new.code == 0, new.err
    assert (
        run("decode", tmp_path / "small.codes", tmp_path / "small.wav", "-m", own, "--force").code
        == 0
    )  # by the old ones, kept
    for path in tmp_path.glob("own*.tables"):
        path.unlink()
    lost = run("decode", tmp_path / "small.codes", tmp_path / "lost.wav", "-m", own)
    assert lost.code == 1
    assert "was coded with the tables" in lost.err
    assert not (tmp_path / "lost.wav").exists()


def test_tables_of_another_model_are_left_alone_and_odd_names_refused(
    run, own, other_model, clip, tmp_path
):
    wrong = run("prior", "tables", own, tmp_path / "tables.bin", tmp_path / "codes", "--minutes", 1)
    assert wrong.code == 1
    assert "should end in .tables" in wrong.err
    assert (
        run(
            "prior", "tables", own, tmp_path / "own.tables", tmp_path / "codes", "--minutes", 1
        ).code
        == 0
    )
    other = shutil.copy(other_model, tmp_path / "other.safetensors")
    shutil.copy(tmp_path / "own.tables", tmp_path / "other.tables")
    assert run("encode", clip, tmp_path / "x.codes", "-m", other).code == 0
    assert read_header(tmp_path / "x.codes").coding == 0  # they are left alone


def test_a_file_coded_with_a_prior_needs_it(run, own, plan, clip, tmp_path):
    plan.write_text(PLAN.replace("steps = 6", "steps = 80\nlearning_rate = 0.02\nwarmup = 0"))
    folder = tmp_path / "run"
    assert (
        run(
            "prior",
            "train",
            plan,
            own,
            tmp_path / "codes",
            "--folder",
            folder,
            "--accelerator",
            "cpu",
        ).code
        == 0
    )
    prior = folder / "prior.safetensors"
    encoded = run(
        "encode", clip, tmp_path / "a.codes", "-m", own, "--entropy", "wavenet", "--prior", prior
    )
    assert encoded.code == 0, encoded.err
    assert (tmp_path / "a.codes").stat().st_size < (
        tmp_path / "codes" / "female.codes"
    ).stat().st_size
    assert "coding: prior " in run("info", tmp_path / "a.codes").out
    without = run("decode", tmp_path / "a.codes", tmp_path / "a.wav", "-m", own)
    assert without.code == 1
    assert "give it with --prior" in without.err
    other = tmp_path / "other.safetensors"
    assert (
        run(
            "prior",
            "train",
            plan,
            own,
            tmp_path / "codes",
            "--folder",
            tmp_path / "two",
            "--steps",
            2,
        ).code
        == 0
    )
    shutil.copy(tmp_path / "two" / "prior.safetensors", other)
    wrong = run("decode", tmp_path / "a.codes", tmp_path / "a.wav", "-m", own, "--prior", other)
    assert wrong.code == 1
    assert "was coded with the prior" in wrong.err
    assert not (tmp_path / "a.wav").exists()
    for name, more in (("a", ["--prior", prior]), ("codes/female", [])):
        assert (
            run(
                "decode", tmp_path / f"{name}.codes", tmp_path / f"{name}.wav", "-m", own, *more
            ).code
            == 0
        )
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "codes" / "female.wav").read_bytes()
    default = run("encode", clip, tmp_path / "b.codes", "--entropy", "wavenet", "--prior", prior)
    assert default.code == 1
    assert "describes the codes of tiny@" in default.err
    alone = run("encode", clip, tmp_path / "b.codes", "-m", own, "--prior", prior)
    assert alone.code == 2
    assert "--prior is for --entropy wavenet" in alone.err
    own_prior = run("encode", clip, tmp_path / "b.codes", "-m", own, "--entropy", "wavenet")
    assert own_prior.code == 1
    assert "give one for it with --prior" in own_prior.err
    assert not (tmp_path / "b.codes").exists()
    tables = (
        "prior",
        "tables",
        own,
        tmp_path / "new.tables",
        tmp_path / "a.codes",
        tmp_path / "codes",
        "--minutes",
        1,
    )
    unread = run(*tables)
    assert unread.code == 1
    assert "give it with --prior" in unread.err
    assert run(*tables, "--prior", prior).code == 0
    plan.write_text(PLAN.replace("share = 0.3", "share = 0.1"))
    more = (
        "prior",
        "train",
        plan,
        own,
        tmp_path / "a.codes",
        tmp_path / "codes",
        "--folder",
        tmp_path / "three",
    )
    fitted = run(*more, "--steps", 2, "--prior", prior)
    assert fitted.code == 0, fitted.err
