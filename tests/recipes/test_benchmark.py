"""The benchmark scripts on tiny inputs; other codecs are stand-ins where they are not installed."""

import shutil
import sys

import numpy as np
import pytest
import torch

from recipes.benchmark import benchmark, faster, long, peers, programs, speech, speed
from speechvq.errors import AudioError, ConfigError, MissingExtra
from tests.helpers.paths import CLIPS
from tests.helpers.pictures import picture_size


def half(wave):
    """A coder that halves waveforms and takes 3 bits for each sample."""
    return wave / 2, 3 * len(wave)


@pytest.fixture
def fake_programs(monkeypatch):
    """One other coder, and none of the programs."""
    monkeypatch.setattr(benchmark, "programs", lambda _: ({"Half 48": half}, ["no others"]))


@pytest.fixture
def fake_peers(monkeypatch):
    """Two other codecs that do nothing, quickly."""

    def build(name):
        return peers.System(name, 1_500_000, 16_000, lambda wave: wave, lambda codes: codes)

    fakes = {"encodec": lambda: build("EnCodec"), "mimi": lambda: build("Mimi, 8 codebooks")}
    monkeypatch.setattr(speed, "PEERS", fakes)
    monkeypatch.setattr(benchmark, "PEERS", fakes)
    monkeypatch.setattr(speed, "SECONDS", 0.5)
    monkeypatch.setattr(speed, "memory", lambda *_: (1.0, 2.0))


@pytest.mark.usefixtures("fake_measures", "fake_programs", "fake_peers")
def test_the_benchmark_scores_all_systems_and_times_them(
    manifest, model, tmp_path, capsys, monkeypatch
):
    plot, counts = tmp_path / "plot.png", []
    monkeypatch.setattr(torch, "set_num_threads", counts.append)
    options = {"count": 2, "seconds": 0.5, "rounds": 1, "plot": plot, "model": model}
    benchmark.main(manifest, **options)
    said = capsys.readouterr()
    assert "no others" in said.err
    first, second = said.out.split("\n\n")[1:]
    rows = [line.strip("| ").split(" | ") for line in first.splitlines()]
    assert [row[0] for row in rows[2:]] == [
        *(f"speechvq tiny, {n} codebook{'s' * (n > 1)}" for n in (1, 2, 3, 4)),
        "Half 48",
    ]
    assert float(rows[-1][1]) == 48
    assert {row[-1] for row in rows[2:]} == {"2"}  # the stand-in of PESQ fails for half seconds
    rows = [line.strip("| ").split(" | ") for line in second.splitlines()]
    assert [row[0] for row in rows[2:5]] == ["speechvq tiny", "EnCodec", "Mimi, 8 codebooks"]
    assert rows[0][5:9] == [
        "encode x EnCodec",
        "decode x EnCodec",
        "encode x Mimi",
        "decode x Mimi",
    ]
    assert rows[3][5:7] == ["1.00", "1.00"]
    assert counts == [1, 2]
    assert picture_size(plot)[0] > 1000


def test_codes_of_a_search_are_scored_beside_plain_ones(codec, speech, monkeypatch):
    from speechvq.prior.file import load_prior
    from speechvq.prior.rate_distortion import RateDistortion

    seen = []
    monkeypatch.setattr(
        benchmark, "prefixes", lambda *_, search, **__: seen.append(search) or [{"kbps": 1.0}]
    )
    search = RateDistortion(load_prior(), 1.0)
    names = [name for name, _ in benchmark.score_codec(codec, speech, search)]
    assert names == ["speechvq base5, 1 codebook", "speechvq base5 with its prior, 1 codebook"]
    assert seen == [None, search]


def test_means_leave_out_what_failed():
    rows = [{name: float(n) for name in benchmark.COLUMNS} for n in (1, 2)]
    rows.append(dict.fromkeys(benchmark.COLUMNS, np.nan))
    assert set(benchmark.mean_scores(rows).values()) == {1.5}


def test_speedups_are_medians_of_ratios_within_rounds():
    times = {"a": [(2.0, 9.0), (4.0, 3.0), (6.0, 3.0)], "b": [(1.0, 3.0), (1.0, 3.0), (1.0, 1.0)]}
    assert speed.speedups(times, "a", "b") == [4.0, 3.0]


def test_memory_is_measured_in_a_process_of_its_own(model):
    added, total = speed.memory(speed.OURS, [CLIPS / "male.flac"], model)
    assert 0 <= added < total
    assert total > 50  # torch alone takes more
    assert speed.peak() > 50


def test_codecs_that_are_unknown_or_not_installed_are_named(monkeypatch):
    with pytest.raises(ConfigError, match="no codec 'x' to compare with; there are encodec"):
        speed.build("x")
    for name in ("transformers", "snac"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("dac", "snac"):
        with pytest.raises(MissingExtra, match=r"pip install 'speechvq\[bench\]'"):
            speed.build(name)


def test_long_files_are_coded_by_the_commands(table, model):
    rows = table(long.main, [CLIPS / "male.flac"], minutes=[0.02], model=model)
    (row,) = rows[1:]
    assert row[0] == "0.02"
    assert all(float(cell) > 0 for cell in row[1:])


def test_a_command_that_fails_ends_the_benchmark(capfd):
    with pytest.raises(SystemExit, match="speechvq info failed with exit code 1"):
        long.measure("info", "nowhere.codes")
    assert "nowhere.codes" in capfd.readouterr().err


def test_ways_to_be_faster_are_compared_with_the_plain_one(table, model, monkeypatch):
    ways = {name: faster.WAYS[name] for name in ("plain", "bfloat16")}
    monkeypatch.setattr(faster, "WAYS", ways)
    monkeypatch.setattr(faster, "SECONDS", 0.5)
    monkeypatch.setattr(speed, "SECONDS", 0.5)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    rows = table(faster.main, [CLIPS / "male.flac"], rounds=1, threads=[1], model=model)
    plain, rounded = rows[1:]
    assert plain[4:] == ["1.00", "1.00", "0.0", "same"]
    assert float(rounded[7]) < 80


def test_clips_are_repeated_to_a_length(tmp_path, monkeypatch):
    wave = speech.tiled([CLIPS / "male.flac", CLIPS / "female.flac"], 8000, 20)
    assert len(wave) == 160_000
    once = speech.tiled([CLIPS / "male.flac"], 8000, 1)
    assert np.array_equal(wave[:8000], once)
    assert [path.name for path in speech.clips_or([])] == [
        "female.flac",
        "male.flac",
        "male_again.flac",
    ]
    monkeypatch.setattr(speech, "CLIPS", tmp_path)
    with pytest.raises(AudioError, match="name an audio file"):
        speech.clips_or([])


def test_programs_that_are_missing_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    coders, missing = programs.programs(None)
    assert coders == {}
    assert [sentence.split()[0] for sentence in missing] == ["Opus", "Codec2", "Lyra"]
    with pytest.raises(ConfigError, match=r"Lyra V2 needs|has no soundstream_encoder"):
        programs.programs(tmp_path)


@pytest.mark.skipif(shutil.which("opusenc") is None, reason="opus-tools are not installed")
def test_opus_takes_about_its_bit_rate(speech):
    decoded, bits = programs.opus(speech[:32_000], kbps=12)
    assert len(decoded) == 32_000
    assert 6 < bits / 2 / 1000 < 24
