"""speechvq sample and score, as people type them."""

import pytest
import soundfile

from speechvq.codes import read_codes


def test_sample_and_score_as_commands(run, clip, model, prior_file, tmp_path):
    out = tmp_path / "new.wav"
    common = ("--prior", prior_file, "-m", model)
    first = run("sample", out, *common, "--seconds", 0.4, "--seed", 3, "--speaker", "bdl")
    assert first.code == 0, first.err
    assert soundfile.info(out).duration == pytest.approx(0.4, abs=0.04)
    again = run("sample", out, *common)
    assert again.code == 1
    assert "--force" in again.err
    assert run("encode", clip, tmp_path / "clip.codes", "-m", model).code == 0
    longer = run(
        "sample",
        tmp_path / "on.wav",
        *common,
        "--seconds",
        0.4,
        "--prompt",
        tmp_path / "clip.codes",
    )
    assert longer.code == 0, longer.err
    assert soundfile.info(tmp_path / "on.wav").duration == pytest.approx(
        read_codes(tmp_path / "clip.codes").seconds + 0.4, abs=0.08
    )
    scores = run("score", clip, tmp_path / "clip.codes", *common, "--threshold", 1, "--each-second")
    assert scores.code == 0, scores.err
    rows = [line.split("\t") for line in scores.out.splitlines()]
    assert rows[0] == ["file", "second", "nominal", "prior", "anomaly"]
    assert len(rows) == 1 + 2 * (1 + 5)
    assert rows[1][1:] == rows[7][1:]
    assert {row[4] for row in rows[1:]} == {"yes"}
    missing = run("score", tmp_path / "nothing.wav", *common)
    assert missing.code == 1
    assert "there is no audio file" in missing.err
    assert run("sample", tmp_path / "x.wav", "--prior", clip, "-m", model).code == 1


def test_anomalies_are_above_the_threshold_of_their_number_of_codebooks(
    run, clip, model, prior_file, tmp_path
):
    for n in (1, 4):
        done = run("encode", clip, tmp_path / f"{n}.codes", "-m", model, "--codebooks", n)
        assert done.code == 0, done.err
    files = [tmp_path / f"{n}.codes" for n in (1, 4)]
    scores = run("score", *files, "--each-second", "--prior", prior_file, "-m", model)
    assert scores.code == 0, scores.err
    rows = [line.split("\t") for line in scores.out.splitlines()[1:]]
    assert [row[4] for row in rows if row[1] == "all"] == ["yes", "no"]  # 1 bit/s, and 1e9
    assert {row[4] for row in rows if row[1] != "all"} == {"?"}


def test_what_the_system_refuses_is_said_as_by_other_commands(run, tmp_path):
    source = tmp_path / f"{'x' * 300}.wav"
    for words in (["score", source], ["sample", tmp_path / "a.wav", "--prompt", source]):
        result = run(*words)
        assert result.code == 1
        assert "cannot read the audio file" in result.err
    assert "cannot read the folder" in run("export", source, tmp_path / "m.safetensors").err


def test_a_prior_that_is_not_needed_is_read_and_said(run, clip, model, prior_file, tmp_path):
    codes, out = tmp_path / "a.codes", tmp_path / "a.wav"
    assert run("encode", clip, codes, "-m", model).code == 0
    wrong = run("decode", codes, out, "-m", model, "--prior", tmp_path / "nothing")
    assert wrong.code == 1
    assert "there is no prior file" in wrong.err
    assert not out.exists()
    done = run("decode", codes, out, "-m", model, "--prior", prior_file)
    assert done.code == 0
    assert "--prior is not needed" in done.err
