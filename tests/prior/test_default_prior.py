"""The bundled prior: files coded with it, generated speech and scores, without naming it."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from speechvq import shipped
from speechvq.codes import read_codes, read_header
from speechvq.codes.header import PRIOR
from speechvq.prior.file import load_prior
from speechvq.prior.integer import coder
from speechvq.prior.integer.coder import PriorCoder
from speechvq.prior.integer.network import integer_streams
from tests.helpers.paths import CLIPS


def test_it_knows_the_default_model_and_is_small():
    prior = load_prior()
    header = read_header(CLIPS / "golden-prior.codes")
    assert prior.model == header.model
    assert prior.digest == header.coder
    assert shipped.PRIOR.stat().st_size <= 10e6


def test_files_are_smaller_with_it_and_decode_without_naming_it(run, clip, tmp_path):
    for entropy in ("tables", "wavenet"):
        assert run("encode", clip, tmp_path / f"{entropy}.codes", "--entropy", entropy).code == 0
        assert run("decode", tmp_path / f"{entropy}.codes", tmp_path / f"{entropy}.wav").code == 0
    small, known = tmp_path / "wavenet.codes", [PriorCoder(load_prior())]
    assert small.stat().st_size < 0.97 * (tmp_path / "tables.codes").stat().st_size
    assert read_header(small).coding == PRIOR
    assert read_codes(small, known) == read_codes(tmp_path / "tables.codes")
    assert (tmp_path / "wavenet.wav").read_bytes() == (tmp_path / "tables.wav").read_bytes()


def test_a_golden_file_decodes():
    """Every machine and every later version must read the same codes."""
    codes = read_codes(CLIPS / "golden-prior.codes", [PriorCoder(load_prior())])
    assert codes == read_codes(CLIPS / "golden-tables.codes")


def test_scores_and_samples(run, clip, tmp_path):
    random = np.random.default_rng(0)
    soundfile.write(tmp_path / "noise.wav", 0.1 * random.standard_normal(32_000), 16_000)
    scored = run("score", clip, tmp_path / "noise.wav")
    assert scored.code == 0, scored.err
    speech, noise = (float(line.split("\t")[3]) for line in scored.out.splitlines()[1:])
    assert speech < noise
    for name in ("a", "b"):
        made = run(
            "sample", tmp_path / f"{name}.wav", "--seconds", 1, "--speaker", "slt", "--seed", 3
        )
        assert made.code == 0, made.err
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert soundfile.info(tmp_path / "a.wav").frames == 16_000


@pytest.mark.parametrize("codebooks", [1, 3])
def test_prefixes_are_coded_with_it_too(run, clip, tmp_path, codebooks):
    encoded = run(
        "encode", clip, tmp_path / "a.codes", "--codebooks", codebooks, "--entropy", "wavenet"
    )
    assert encoded.code == 0, encoded.err
    assert re.search(rf"{codebooks} of 8 codebooks", encoded.err)
    assert len(read_codes(tmp_path / "a.codes", [PriorCoder(load_prior())]).codebooks) == codebooks


RECODE = """
import sys
import numpy as np
from speechvq import shipped
from speechvq.codes import dump, read_codes

from speechvq.prior.integer.coder import PriorCoder
from speechvq.prior.file import load_prior
known = [PriorCoder(load_prior())]
sys.stdout.buffer.write(dump(read_codes(sys.argv[1], known), known))
"""


@pytest.mark.parametrize(
    "settings",
    [
        {
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "MKL_CBWR": "COMPATIBLE",
            "ONEDNN_MAX_CPU_ISA": "SSE41",
        },
        {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Prescott"},
    ],
)
def test_other_kernels_and_threads_read_and_write_the_same_bytes(settings):
    golden = CLIPS / "golden-prior.codes"
    done = subprocess.run(
        [sys.executable, "-c", RECODE, golden],
        env=os.environ | settings,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == golden.read_bytes()


def test_int64_arithmetic_writes_the_same_bytes():
    """The reference arithmetic, slow, on a second of it."""
    network, codes = load_prior().network, read_codes(CLIPS / "golden-tables.codes")
    part = [codebook[: len(codebook) // 4] for codebook in codes.codebooks]
    speaker = np.frombuffer(codes.speaker_embedding, np.uint8)
    fast, reference = (
        coder.encode(integer_streams(network, dtype), part, speaker)
        for dtype in (np.float64, np.int64)
    )
    assert fast == reference
