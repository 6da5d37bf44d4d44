"""The evaluation scripts on tiny inputs: their tables follow from codes, files and scores."""

import math
import sys

import numpy as np
import pytest

from recipes.evaluate import (
    anomaly,
    file_sizes,
    generation,
    intelligibility,
    measures,
    picture,
    quality,
    statistics,
    time_alignment,
    usage,
    utterances,
)
from speechvq.audio.reading import read_mono
from speechvq.codes import dump
from speechvq.errors import ManifestError, MissingExtra
from speechvq.prior.file import load_prior
from tests.helpers.paths import CLIPS
from tests.helpers.pictures import picture_size


@pytest.fixture
def waves(manifest):
    return [utterances.samples(row, 16_000) for row in utterances.select(manifest)]


def numbers(rows, name, *, skip=0):
    column = rows[0].index(name)
    return [float(row[column]) for row in rows[1 + skip :]]


@pytest.mark.usefixtures("fake_measures")
def test_quality_measures_every_prefix_and_counts_all_bytes(table, tiny, manifest, model, waves):
    rows = table(quality.main, manifest, model=model)
    assert [row[:3] for row in rows[1:]] == [["clips", "4", str(n)] for n in (1, 2, 3, 4)]
    codes = [tiny.encode(wave, 16_000, codebooks=2) for wave in waves]
    kbps = np.mean([8 * len(dump(row)) / row.seconds / 1000 for row in codes])
    assert numbers(rows, "file kbit/s")[1] == pytest.approx(kbps, abs=1e-3)
    error = [
        np.square(wave - tiny.decode(row)).mean() for wave, row in zip(waves, codes, strict=True)
    ]
    assert numbers(rows, "PESQ-WB")[1] == pytest.approx(4.64 - np.mean(error), abs=2e-3)
    assert numbers(rows, "failed") == [0] * 4
    options = {"noise": 10.0, "align": True, "by": "speaker", "count": 2, "seconds": 0.5}
    noisy = table(quality.main, manifest, model=model, **options)
    assert [row[0] for row in noisy[1::4]] == ["bdl", "slt", "all"]


@pytest.mark.usefixtures("fake_measures")
def test_measures_that_fail_are_counted_and_never_scored(table, manifest, model):
    rows = table(quality.main, manifest, model=model, seconds=0.5, count=2)
    assert numbers(rows, "failed") == [2] * 4
    assert all(math.isnan(value) for value in numbers(rows, "PESQ-WB"))
    assert all(value > 0 for value in numbers(rows, "STOI"))


def test_a_missing_package_is_an_error_not_a_failed_measure(manifest, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    with pytest.raises(MissingExtra, match=r"pip install 'speechvq\[eval\]'"):
        quality.main(manifest, model=model)


def test_noise_has_the_signal_to_noise_ratio(manifest, waves):
    files = utterances.select(manifest)
    noise = quality.add_noise(waves[0], quality.babble(files, 0, waves[0]), 10.0) - waves[0]
    snr = 10 * np.log10(np.square(waves[0]).mean() / np.square(noise).mean())
    assert snr == pytest.approx(10, abs=0.01)


def test_usage_counts_all_codes(table, tiny, manifest, model, waves):
    rows = table(usage.main, manifest, model=model)
    codes = [tiny.encode(wave, 16_000) for wave in waves]
    for index, shape in enumerate(tiny.shapes):
        together = np.concatenate([row.codebooks[index] for row in codes])
        counts = np.bincount(together, minlength=shape.size)
        assert numbers(rows, "codes")[index] == len(together)
        used = 100 * np.mean(counts > 0)
        assert numbers(rows, "used %")[index] == pytest.approx(used, abs=0.06)
    perplexity, bits = numbers(rows, "perplexity"), numbers(rows, "entropy bits")
    assert perplexity == pytest.approx([2**value for value in bits], rel=0.02)
    assert usage.entropy(np.array([2, 2, 0, 4])) == pytest.approx(1.5)


def test_file_sizes_stand_beside_the_ideal_code_length(
    table, tiny, manifest, model, prior_file, waves
):
    rows = table(file_sizes.main, manifest, model=model, prior=prior_file, count=2)
    codes = [tiny.encode(wave, codebooks=4) for wave in (waves[0], waves[2])]
    kbps = 8 * sum(len(dump(row)) for row in codes) / sum(row.seconds for row in codes) / 1000
    assert numbers(rows, "tables")[3] == pytest.approx(kbps, abs=1e-3)
    ideal, coded = numbers(rows, "ideal code length"), numbers(rows, "WaveNet")
    assert coded == pytest.approx(ideal, rel=0.1)


@pytest.mark.usefixtures("fake_recognizer")
def test_intelligibility_counts_errors_against_texts_or_originals(table, manifest, model):
    rows = table(intelligibility.main, manifest, model=model)
    assert [row[0] for row in rows[1:]] == ["original", "1", "2", "3", "4"]
    assert numbers(rows, "word error rate %") == [100] * 5  # "one two" is heard as "one one"
    manifest.write_text(manifest.read_text().replace('"text": "one two"', '"text": ""'))
    rows = table(intelligibility.main, manifest, model=model)
    assert numbers(rows, "above the originals") == [0] * 5
    assert intelligibility.words("Don't STOP, 3 times!") == "don't stop times"


@pytest.mark.usefixtures("fake_speaker_encoder", "fake_recognizer")
def test_generated_speech_stands_beside_real_speech(table, manifest, model, prior_file, tmp_path):
    rows = manifest.read_text().replace('"seconds": 1.0', '"seconds": 2.0').replace("1.0", "0.5")
    manifest.write_text(rows)
    options = {"voice": ["bdl", "slt"], "seconds": 1.0, "reference": 4, "model": model}
    plot = tmp_path / "picture.png"
    rows = table(
        generation.main,
        manifest,
        manifest,
        prior=prior_file,
        temperature=[1, 0.5],
        plot=plot,
        **options,
    )
    kinds = ["real, unseen", "its codes, shuffled"]
    assert [row[0] for row in rows[1:]] == [
        *kinds,
        "generated, temperature 1",
        "generated, temperature 0.5",
    ]
    assert numbers(rows, "unigrams")[0] == numbers(rows, "unigrams")[1]  # the order does not matter
    assert rows[1][-3:] == rows[2][-3:] == ["-"] * 3
    assert numbers(rows, "phones", skip=2) == pytest.approx([2, 2], abs=0.2)
    assert picture_size(plot) == (1200, 700)


def test_statistics_of_codes():
    codes = np.array([1, 2, 3, 9, 1, 2, 3, 3, 3, 3], np.uint16)
    assert statistics.longest_loop(codes, 10) == 3
    assert statistics.longest_loop(codes, 3) == 0  # the loop lies 4 frames back; 3 3 is one code
    uniform, point = np.full(4, 0.25), np.eye(4)[0]
    assert statistics.jensen_shannon(uniform, uniform) == 0
    assert statistics.jensen_shannon(np.eye(4)[1], point) == 1
    loud = np.sin(np.arange(16_000), dtype=np.float32)
    assert statistics.pauses(np.concatenate([loud, loud, 0 * loud])).mean() == pytest.approx(1 / 3)


def test_anomalies_are_above_the_thresholds_of_the_prior(
    table, manifest, model, prior_file, tmp_path
):
    plot = tmp_path / "anomaly.png"
    options = {"model": model, "prior": prior_file, "plot": plot}
    rows = table(anomaly.main, manifest, count=2, other=[manifest], **options)
    kinds = ["clean speech", "reversed", "in babble noise, 10 dB", "in white noise, 10 dB"]
    assert [row[0] for row in rows[1:]] == [*kinds, "white noise", "clips"]
    assert {row[4] for row in rows[1:]} == {"0"}  # below the threshold of all codebooks
    assert {row[7] for row in rows[1:]} == {"100"}  # above that of the first
    assert rows[1][5] == "-"
    assert rows[6][5] == "50"  # the same recordings as the clean ones
    assert picture_size(plot)[0] == 900
    assert load_prior(prior_file).anomaly_thresholds[-1] == 1e9
    assert anomaly.auc(np.array([1.0, 3.0]), np.array([0.0, 1.0])) == 0.875


def test_a_picture_of_spectrograms(model, tmp_path, capsys):
    target = tmp_path / "out.png"
    picture.main(CLIPS / "female.flac", target, seconds=0.5, speaker="bdl", model=model)
    assert picture_size(target) == (1200, 700)
    assert "out.png" in capsys.readouterr().err


def test_recordings_are_spread_over_the_speakers(manifest):
    rows = utterances.select(manifest, count=3)
    assert [row.speaker for row in rows] == ["bdl", "slt", "bdl"]
    assert utterances.metadata(rows[0], "sex") == "-"
    with pytest.raises(ManifestError, match="no recordings of corpus other"):
        utterances.select(manifest, corpus="other")


def test_log_mel_is_that_of_silence_for_silence():
    assert measures.log_mel(np.zeros(16_000, np.float32)) == pytest.approx(-5)


@pytest.mark.parametrize("late", [-60, 0, 37])
def test_time_alignment_finds_a_delay_without_phases(late):
    """Magnitudes are kept, phases are random: the delay is found and removed."""
    wave = read_mono(CLIPS / "female.flac", time_alignment.RATE)[:40_000]
    frames = np.fft.rfft(
        np.lib.stride_tricks.sliding_window_view(wave, 512)[::128] * np.hanning(512)
    )
    frames = np.abs(frames) * np.exp(2j * np.pi * np.random.default_rng(0).random(frames.shape))
    sound = np.zeros(len(wave), np.float32)
    for index, frame in enumerate(np.fft.irfft(frames) * np.hanning(512)):
        sound[128 * index : 128 * index + 512] += frame
    shift = late * time_alignment.STEP
    moved = np.pad(sound, (max(shift, 0), max(-shift, 0)))[max(-shift, 0) :][: len(sound)]
    assert abs(time_alignment.delay(wave, moved) - late) <= 1
    aligned = time_alignment.align(wave, moved)
    assert len(aligned) == len(wave)
    assert abs(time_alignment.delay(wave, aligned)) <= 1
