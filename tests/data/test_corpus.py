"""Batches depend on seed, step and rank alone."""

import numpy as np
import pytest
import soundfile

from speechvq.data.augment import Augmentation
from speechvq.data.corpus import Sampler, pack
from speechvq.data.manifest import read_manifest
from speechvq.errors import ManifestError


def test_batches_depend_on_seed_step_and_rank_alone(manifest, tmp_path):
    rows = read_manifest(manifest)
    corpus = pack(
        rows, tmp_path, 16_000, lambda row, _rate: soundfile.read(row.audio, dtype="float32")[0]
    )

    def make(seed: int, augment: Augmentation | None = None) -> Sampler:
        plan = {"crop": 1600, "references": 2, "gain_db": (-6.0, 0.0), "sample_rate": 16_000}
        return Sampler(corpus, **plan, seed=seed, augment=augment)

    one, same = make(0).batch(3, 0, 5), make(0).batch(3, 0, 5)
    assert np.array_equal(one.waves, same.waves)
    assert np.array_equal(one.references, same.references)
    assert one.references.shape == (5, 2, 1600)
    for other in (make(1).batch(3, 0, 5), make(0).batch(4, 0, 5), make(0).batch(3, 1, 5)):
        assert not np.array_equal(one.waves, other.waves)
    changes = Augmentation(noise=0.5, filter_db=3.0)
    changed, again = make(0, changes).batch(3, 0, 5), make(0, changes).batch(3, 0, 5)
    assert np.array_equal(changed.waves, again.waves)
    assert np.array_equal(changed.references, again.references)
    assert changed.references.shape == one.references.shape
    assert not np.array_equal(changed.waves, one.waves)


def test_sampler_leaves_out_what_is_too_short(manifest, tmp_path):
    rows = read_manifest(manifest)
    corpus = pack(
        rows, tmp_path, 16_000, lambda row, _rate: soundfile.read(row.audio, dtype="float32")[0]
    )
    with pytest.raises(ManifestError, match=r"shorter data\.crop"):
        Sampler(corpus, crop=64_000, references=1, gain_db=(0.0, 0.0), seed=0, sample_rate=16_000)
