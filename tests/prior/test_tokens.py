"""Tokens: what goes in comes out, in any order; codes that do not belong together are refused."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from speechvq.codes import CodebookShape, Codes, ModelId, write_codes
from speechvq.errors import CodesError
from speechvq.prior import tokens
from speechvq.prior.tokens import from_files, gather, load_tokens

SHAPES = (CodebookShape(640, 512), CodebookShape(640, 512), CodebookShape(320, 16))


def codes(seed: int, seconds: float = 0.4, shapes: tuple[CodebookShape, ...] = SHAPES) -> Codes:
    random = np.random.default_rng(seed)
    samples = round(seconds * 16_000)
    coarse = -(-samples // shapes[0].hop)
    codebooks = tuple(
        random.integers(0, codebook.size, coarse * shapes[0].hop // codebook.hop).astype(np.uint16)
        for codebook in shapes
    )
    return Codes(
        ModelId("m", b"12345678"),
        16_000,
        16_000,
        samples,
        shapes,
        codebooks,
        bytes(random.integers(0, 256, 16).tolist()),
    )


def test_recordings_come_back_as_they_went_in_also_through_a_file(tmp_path):
    given = [codes(seed, seconds) for seed, seconds in enumerate((0.4, 1.0, 0.04))]
    tokens = gather(given, ["a", "", "c"], ["1", "2", "3"])
    tokens.save(tmp_path / "tokens.npz")
    for loaded in (tokens, load_tokens(tmp_path / "tokens.npz")):
        assert (len(loaded), loaded.shapes, loaded.model, loaded.voices) == (
            3,
            SHAPES,
            given[0].model,
            ("a", "", "c"),
        )
        for recording, codebooks in zip(given, loaded.recordings(), strict=True):
            assert all(map(np.array_equal, recording.codebooks, codebooks))
        assert [row.tobytes() for row in loaded.speaker_embeddings] == [
            recording.speaker_embedding for recording in given
        ]
    assert tokens.seconds(16_000) == pytest.approx(1.44)
    subset = tokens.select(np.array([False, True, True]))
    assert subset.voices == ("", "c")
    assert all(map(np.array_equal, subset.recording(0), given[1].codebooks))


def test_codes_are_gathered_from_files_and_folders(tmp_path):
    for seed, name in enumerate(("bdl/one.codes", "slt/two.codes", "three.codes")):
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_codes(path, codes(seed))
    write_codes(tmp_path / "single.codes", codes(9))
    tokens = from_files([tmp_path / "corpus", tmp_path / "single.codes"])
    assert tokens.voices == ("bdl", "slt", "corpus", "")
    assert np.array_equal(tokens.recording(3)[0], codes(9).codebooks[0])
    assert from_files([tmp_path / "corpus"]).voices == ("bdl", "slt", "")
    several = from_files(
        [tmp_path / "corpus" / "bdl", tmp_path / "corpus" / "slt", tmp_path / "corpus"]
    )
    assert several.voices == ("bdl", "slt", "corpus")


def test_codes_come_from_a_pipe(tmp_path):
    write_codes(tmp_path / "a.codes", codes(1))
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), os.fdopen(writing, "wb") as into:
        into.write((tmp_path / "a.codes").read_bytes())
        into.close()
        tokens = from_files([Path(f"/dev/fd/{reading}")])
    assert np.array_equal(tokens.recording(0)[0], codes(1).codebooks[0])


def test_codes_that_do_not_belong_together_are_refused_by_name(tmp_path):
    other = replace(codes(1), model=ModelId("other", b"87654321"))
    with pytest.raises(CodesError, match=r"two was made by other@\w+, one by m@\w+"):
        gather([codes(0), other], ["", ""], ["one", "two"])
    with pytest.raises(CodesError, match="two has 2 codebooks, one has 3"):
        gather([codes(0), codes(1).prefix(2)], ["", ""], ["one", "two"])
    with pytest.raises(CodesError, match="there are no codes"):
        from_files([tmp_path])
    with pytest.raises(CodesError, match="speaker embeddings of two and one differ"):
        gather([codes(0), replace(codes(1), speaker_embedding=b"12")], ["", ""], ["one", "two"])
    path = tmp_path / "tokens.npz"
    gather([codes(0)], ["a"], ["one"]).save(path)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 255
    for wrong in (b"PK nonsense", b"", bytes(damaged)):
        path.write_bytes(wrong)
        with pytest.raises(CodesError, match=r"tokens\.npz is not a file of tokens"):
            load_tokens(path)


WRONG = {
    "codebook0": np.full(4, 60_000, np.uint16),
    "codebook1": np.zeros(8, np.float32),
    "frames": np.array([5, -1]),
    "speaker_embeddings": np.zeros(2, np.uint8),
    "voices": np.array(["a"]),
    "shapes": np.array([[1, 2, 3]]),
    "model": np.array("\x1b[2J"),
    "digest": np.zeros(3, np.uint8),
}


@pytest.mark.parametrize("name", WRONG)
def test_arrays_that_are_no_tokens_are_refused(tmp_path, name):
    path = tmp_path / "tokens.npz"
    gather([codes(0), codes(1)], ["a", "b"], ["one", "two"]).save(path)
    with np.load(path) as file:
        arrays = dict(file) | {name: WRONG[name]}
    if name == "codebook0":
        arrays[name] = np.full_like(dict(np.load(path))[name], 60_000)
    np.savez(path, **arrays)
    with pytest.raises(CodesError, match=r"tokens\.npz is not a file of tokens"):
        load_tokens(path)


def test_hidden_folders_hold_no_voices(tmp_path, monkeypatch):
    for name in ("ann/a.codes", ".trash/b.codes", "ann/._a.codes"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    read = []
    monkeypatch.setattr(tokens, "read_codes", lambda file, _: read.append(file))
    monkeypatch.setattr(tokens, "gather", lambda rows, voices, _: (list(rows), voices))
    assert tokens.from_files([tmp_path])[1] == ["ann"]
    assert [file.name for file in read] == ["a.codes"]
