"""No command puts its result in the place of a file that it is made from."""

import os
import shutil

import pytest

from speechvq import shipped
from speechvq.train.codec.config import write_experiment
from tests.helpers.training import tiny_experiment

SAYS = "the same file as"


@pytest.fixture
def own(clip, model, prior_file, tmp_path, run):
    """Copies of all that commands read, under names that results may have too."""
    folder = tmp_path / "own"
    folder.mkdir()
    shutil.copy(clip, folder / "in.flac")
    shutil.copy(model, folder / "m.safetensors")
    shutil.copy(prior_file, folder / "p.safetensors")
    done = run("encode", folder / "in.flac", folder / "in.codes", "-m", model)
    assert done.code == 0, done.err
    return folder


def ways(path):
    """A file under other names: a detour, links of both kinds."""
    soft, hard = path.with_name(f"soft{path.suffix}"), path.with_name(f"hard{path.suffix}")
    soft.symlink_to(path)
    os.link(path, hard)
    return [path, path.parent / ".." / path.parent.name / path.name, soft, hard]


def test_what_is_bundled(refused, own, monkeypatch):
    monkeypatch.setattr(shipped, "MODEL", own / "m.safetensors")
    monkeypatch.setattr(shipped, "PRIOR", own / "p.safetensors")
    for name in ("m.safetensors", "p.safetensors"):
        refused("encode", own / "in.flac", own / name, "--force", says=SAYS)


def test_convert_encode_decode_and_sample(refused, own):
    model, codes = ["-m", own / "m.safetensors", "-q"], own / "in.codes"
    for force in ([], ["--force"]):
        for way in ways(own / "in.flac") if force else [own / "in.flac"]:
            refused("convert", way, own / "in.flac", "-s", "bdl", *model, *force, says=SAYS)
            refused("convert", own / "in.flac", way, "-s", "bdl", *model, *force, says=SAYS)
        prompt = ["--prompt", own / "in.flac"]
        refused("sample", own / "in.flac", *prompt, *model, *force, says=SAYS)
    refused("encode", own / "in.flac", own / "m.safetensors", *model, "--force", says=SAYS)
    (own / "m.tables").write_bytes(b"precious")
    refused("encode", own / "in.flac", own / "m.tables", *model, "--force", says=SAYS)
    (own / "m.tables").unlink()
    wavenet = ["--entropy", "wavenet", "--prior", own / "p.safetensors"]
    target = own / "p.safetensors"
    refused("encode", own / "in.flac", target, *model, *wavenet, "--force", says=SAYS)
    shutil.copy(codes, own / "codes.wav")
    refused("decode", own / "codes.wav", own / "codes.wav", *model, "--force", says=SAYS)


def test_prepare(refused, own):
    refused("prepare", own, own / "in.flac", "--force", says=SAYS)


def test_units(refused, own, tmp_path):
    out, grids = tmp_path / "out", tmp_path / "out" / "textgrids"
    grids.mkdir(parents=True)
    (grids / "in.TextGrid").write_text(
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n3.755\n<exists>\n1\n'
        '"IntervalTier"\n"phones"\n0\n3.755\n2\n0\n1\n"a"\n1\n3.755\n"b"\n'
    )
    for number in range(4):
        shutil.copy(own / "in.codes", own / f"in{number}.codes")
        shutil.copy(grids / "in.TextGrid", grids / f"in{number}.TextGrid")
    files = [own / f"in{number}.codes" for number in range(4)]
    words = ("units", *files, "--align", grids, "--out", out, "--no-abx", "--force", "-q")
    refused(*words, says=SAYS)


def test_prior_tables(refused, own):
    shutil.copy(own / "in.codes", own / "codes.tables")
    words = ("prior", "tables", own / "m.safetensors", own / "codes.tables", own / "codes.tables")
    refused(*words, "--force", says=SAYS)


def test_trainings(refused, own, manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path)
    run = tmp_path / "run"
    run.mkdir()
    write_experiment(run / "experiment.toml", experiment)
    config = run / "experiment.toml"
    cpu = ("--accelerator", "cpu", "--folder", run)
    refused("train", config, "--steps", 3, *cpu, says=SAYS)
    shutil.copy(manifest, run / "train.csv")
    os.link(config, tmp_path / "config.toml")
    refused("train", tmp_path / "config.toml", "--steps", 3, *cpu, says=SAYS)
    refused("train", config, "--manifest", run / "train.csv", *cpu, says=SAYS)
    (tmp_path / "prior").mkdir()
    shutil.copy(own / "p.safetensors", tmp_path / "prior" / "prior.safetensors")
    plan = tmp_path / "plan.toml"
    plan.write_text('name = "tiny"\n[optim]\nsteps = 2\nbatch = 2\n')
    words = ("prior", "train", plan, own / "m.safetensors", own / "in.codes")
    begun = ("--init-from", tmp_path / "prior" / "prior.safetensors")
    refused(*words, "--folder", tmp_path / "prior", *begun, says=SAYS)
