"""Learned metrics of decoded and converted speech, and the speaker probe."""

import json
import sys

import numpy as np
import pytest

from recipes.evaluate import (
    conversion,
    intervals,
    learned_metrics,
    listening,
    speaker_probe,
    utterances,
)
from recipes.evaluate.results import Results
from speechvq.audio.reading import read_mono
from speechvq.codes import dump
from speechvq.errors import ConfigError, ManifestError, MissingExtra, OutputError
from tests.helpers.paths import CLIPS


def column(rows, name):
    return [row[rows[0].index(name)] for row in rows[1:]]


def values(rows, name):
    """The values of a column, without their intervals."""
    return [float(cell.split()[0]) for cell in column(rows, name)]


@pytest.mark.usefixtures("fake_metrics")
def test_listening_judges_the_bytes_of_files_beside_the_originals(
    table, tiny, manifest, model, tmp_path
):
    path = tmp_path / "found.json"
    options = {"whisper": "base", "codebooks": [2], "model": model, "results": path}
    rows = table(listening.main, manifest, **options)
    assert column(rows, "codebooks") == ["original", "2"]
    waves = [utterances.samples(row, 16_000) for row in utterances.select(manifest)]
    codes = [tiny.encode(wave, 16_000, codebooks=2) for wave in waves]
    kbps = np.mean([8 * len(dump(row)) / row.seconds / 1000 for row in codes])
    assert values([rows[0], rows[2]], "file kbit/s") == pytest.approx([kbps], abs=6e-3)
    power = [[np.square(wave).mean() for wave in waves]]
    power.append([np.square(tiny.decode(row).clip(-1, 1)).mean() for row in codes])
    expected = [3 + np.mean(row) for row in power]
    assert values(rows, "DistillMOS") == pytest.approx(expected, abs=6e-3)
    assert column(rows, "DNSMOS signal") == ["3.50 (3.50 to 3.50)"] * 2
    errors = values(rows, "word error rate %")
    assert errors[0] == 0
    assert errors[1] > 0  # an untrained model is quiet
    found = json.loads(path.read_text())
    assert found["table"][1]["word error rate %"]["value"] == pytest.approx(errors[1], abs=0.1)
    assert len(found["recordings"]) == 4
    without = table(listening.main, manifest, codebooks=[2], model=model, count=1)
    assert "word error rate %" not in without[0]


@pytest.mark.usefixtures("fake_metrics")
def test_what_was_found_is_not_measured_again(table, manifest, model, tmp_path, monkeypatch):
    path = tmp_path / "found.json"
    options = {"codebooks": [1], "model": model, "results": path}
    table(listening.main, manifest, count=3, **options)
    measured = []
    listen = listening.listen
    monkeypatch.setattr(
        listening, "listen", lambda *given: measured.append(given) or listen(*given)
    )
    resumed = table(listening.main, manifest, **options)
    assert len(measured) == 1
    assert resumed == table(listening.main, manifest, codebooks=[1], model=model)
    with pytest.raises(OutputError, match="holds results of other settings"):
        listening.main(manifest, **options | {"codebooks": [2]})
    path.write_text("[]")
    with pytest.raises(OutputError, match="does not hold results"):
        listening.main(manifest, **options)


@pytest.mark.usefixtures("fake_speaker_encoder", "fake_metrics")
def test_conversion_compares_with_target_and_source(table, manifest, model, tmp_path):
    options = {
        "voices": ["bdl", "slt"],
        "codebooks": [1, 4],
        "min_seconds": 0.5,
        "model": model,
        "whisper": "base",
        "results": tmp_path / "found.json",
    }
    rows = table(conversion.main, manifest, manifest, **options)
    keys = [(row[0], row[1], row[-1]) for row in rows[1:]]
    assert keys[:3] == [("1", "bdl", "2"), ("1", "slt", "2"), ("1", "all", "4")]
    kinds = [kind for kind in ("4", "plain 1", "plain 4") for _ in range(3)]
    assert [key[0] for key in keys[3:]] == [*kinds, "real", "real"]
    assert all(-1 <= value <= 1 for value in values(rows, "to target"))
    assert all(0 <= value <= 100 for value in values(rows[:-2], "target wins %"))
    assert "(" in rows[3][rows[0].index("word error rate %")]
    assert rows == table(conversion.main, manifest, manifest, **options)
    silent = table(
        conversion.main, manifest, manifest, **options | {"whisper": None, "results": None}
    )
    assert "word error rate %" not in silent[0]
    with pytest.raises(ManifestError, match="at least two recordings of 'bdl'"):
        conversion.main(manifest, manifest, voices=["bdl"], min_seconds=9, model=model)


def test_the_probe_names_speakers_by_their_codewords(table, manifest, model, tiny):
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    rows = [
        row | {"speaker": speaker, "start": 0.25 * take, "seconds": 1.0}
        for row, speaker in zip((lines[0], lines[2]), ("m", "f"), strict=True)
        for take in range(6)
    ]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = table(speaker_probe.main, manifest, each=6, min_seconds=0.5, model=model)
    assert column(found, "codebooks") == [
        *"0123",
        "content, 1 together",
        "all 4 together",
        "mean spectrum",
        "chance",
    ]
    assert values(found, "speakers named, %")[-2:] == [100, 50]
    with pytest.raises(ManifestError, match="lower --each or --min-seconds"):
        speaker_probe.main(manifest, each=9, min_seconds=0.5, model=model)
    first, other = (np.array(row, np.uint16) for row in ([0, 0, 1], [1, 1, 0]))
    codes = [(first, *[other[2:]] * 3), (other, *[other[2:]] * 3)] * 4
    features = speaker_probe.described(tiny, codes, np.zeros((8, 2)))["0"]
    assert features[0, :3] == pytest.approx(np.sqrt([2 / 3, 1 / 3, 0]))
    assert speaker_probe.identified(features, ["a", "b"] * 4).all()
    random = np.random.default_rng(0).normal(size=(80, 4))
    names = [f"s{index % 8}" for index in range(80)]
    chance = speaker_probe.accuracy(speaker_probe.identified(random, names), names)
    assert chance.low < 12.5 < chance.high + 5


def test_intervals_hold_the_truth_as_often_as_they_say():
    random, inside = np.random.default_rng(0), 0
    for _ in range(100):
        sources = random.normal(size=30)[:, None] + random.normal(size=(30, 3))
        found = intervals.mean(sources.tolist())
        inside += found.low <= 0 <= found.high
    assert inside >= 85
    rate = intervals.word_error_rate([(1, 10), (3, 10)])
    assert (rate.value, rate.low, rate.high) == (20, 10, 30)
    assert intervals.mean([[1.0], [float("nan"), None], []]).text() == "1.00 (1.00 to 1.00)"
    assert intervals.mean([[], []]).text() == "-"
    assert intervals.mean([[1.0, 2.0], [3.0]]) == intervals.mean([[1.0, 2.0], [3.0]])


def test_words_are_compared_without_case_and_punctuation():
    assert (
        learned_metrics.normalized("Don\u2019t \u2014 STOP, 3 caf\u00e9s_now!")
        == "don't stop 3 caf\u00e9s now"
    )
    assert learned_metrics.word_errors("", "some words") == (2, 0)


@pytest.mark.usefixtures("fake_metrics")
def test_a_judge_that_is_missing_or_unknown_is_one_sentence(monkeypatch, tmp_path):
    with pytest.raises(ConfigError, match="Whisper model unknown cannot be loaded: Invalid model"):
        learned_metrics.Whisper("unknown")
    with pytest.raises(ConfigError, match="there is no folder"):
        learned_metrics.Whisper(str(tmp_path / "none"))
    assert all(np.isnan(score) for score in learned_metrics.LearnedMOS()(np.zeros(8000)).values())
    for package, metric in (
        ("faster_whisper", lambda: learned_metrics.Whisper("base")),
        ("distillmos", learned_metrics.LearnedMOS),
        ("speechmos", learned_metrics.LearnedMOS),
        ("jiwer", lambda: learned_metrics.word_errors("a", "b")),
    ):
        with monkeypatch.context() as without:
            without.setitem(sys.modules, package, None)
            with pytest.raises(MissingExtra, match=r"pip install 'speechvq\[eval\]'"):
                metric()


def test_results_without_a_file_are_kept_in_memory(manifest):
    (row, *_), kept = utterances.select(manifest), Results(None, {})
    assert kept.get(row) is None
    kept.add(row, {"words": "one", "score": float("nan")})
    kept.finish([])
    assert kept.get(row) == {"words": "one", "score": None}


def test_the_real_scores_are_between_one_and_five():
    pytest.importorskip("distillmos")
    pytest.importorskip("speechmos")
    wave = read_mono(CLIPS / "female.flac", 16_000)
    noise = 0.1 * np.random.default_rng(0).normal(size=len(wave)).astype(np.float32)
    metric = learned_metrics.LearnedMOS()
    clean, noisy = metric(wave), metric(wave + noise)
    assert all(1 <= noisy[name] < clean[name] <= 5 for name in learned_metrics.MOS)


def test_the_real_word_errors_are_counted():
    pytest.importorskip("jiwer")
    assert learned_metrics.word_errors("a b c d", "a x d e f") == (4, 4)
    assert learned_metrics.word_errors("a b", "") == (2, 2)
