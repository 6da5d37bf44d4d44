"""Models, priors and tables: damaged, loaded, and used where they load."""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from recipes.robustness import tiny
from recipes.robustness.case import Case, generator, require, use
from recipes.robustness.tensor_files import TensorFile
from speechvq.codec.codec import Codec
from speechvq.codec.file import load, save_model
from speechvq.codec.header import read_model
from speechvq.codec.voices import Voice
from speechvq.codes import dump, parse
from speechvq.codes.coder import Coder, check_size, payload, unpacked
from speechvq.codes.tables import load_tables, save_tables
from speechvq.prior.file import Prior, load_prior, save_prior
from speechvq.prior.integer.coder import PriorCoder

SAMPLES = 1600
"""Samples of noise that are encoded and decoded."""

MOST_CODES = 300
"""Codes that are coded with a prior or tables; a damaged one may have longer recordings."""


class Models:
    """Models of a tiny codec. Where one loads, noise is encoded and decoded."""

    def __init__(self, seed: int) -> None:
        voices = [
            Voice("bdl", b"abc", {"sex": "m", "seconds": 12.5, "corpus": "arctic"}),
            Voice("größer", b"xyz"),
        ]
        with TemporaryDirectory() as folder:
            path = Path(folder, "tiny.safetensors")
            save_model(path, tiny.codec().network, "tiny", voices)
            self.file = TensorFile(path.read_bytes(), "speechvq")
        self.noise = np.random.default_rng(seed).standard_normal(SAMPLES).astype(np.float32)

    def make(self, random: Random) -> Case:
        how, data = self.file.damaged(random)
        return Case("model.safetensors", data, how)

    def check(self, case: Case, folder: Path) -> None:
        path = case.written(folder)
        header, _ = read_model(path)
        shapes, rates, latency = header.shapes, header.bitrates, header.latency
        require(latency > 0 and all(0 < rate < 1e9 for rate in rates), "rates or a latency of 0")
        for voice in header.voices:
            require(isinstance(voice.name, str), "a voice whose name is no text")
        codec = load(path)
        require(codec.shapes == shapes, "other codebooks in the network than in the header")
        require(codec.network.latency == latency, "another latency in the network")
        with use(case.name):
            self._use(codec)

    def _use(self, codec: Codec) -> None:
        """Encode and decode a little."""
        wave = self.noise
        codes = codec.encode(wave)
        require(parse(dump(codes)) == codes, "its codes are not written alike")
        for speaker in (None, *codec.voices[:1]):
            decoded = codec.decode(codes, speaker)
            require(decoded.shape == wave.shape, f"sound of shape {decoded.shape}")
            require(bool(np.isfinite(decoded).all()), "sound that is not finite")


class Priors:
    """Priors of a tiny codec. Where one loads, codes are coded with it and come back."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        with TemporaryDirectory() as folder:
            path = Path(folder, "tiny.prior")
            save_prior(path, Prior(tiny.prior_network(), "tiny", tiny.MODEL, (1.0, 2.0, 3.0, 4.0)))
            self.file = TensorFile(path.read_bytes(), "speechvq-prior")

    def make(self, random: Random) -> Case:
        how, data = self.file.damaged(random)
        return Case("prior.safetensors", data, how)

    def check(self, case: Case, folder: Path) -> None:
        prior = load_prior(case.written(folder))
        with use(case.name):
            coder = PriorCoder(prior)
            _round_trip(coder, bytes(-(-prior.network.speaker_dim // 2)), self.seed)


class Tables:
    """Tables for a tiny codec. Where they load, codes are coded with them and come back."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        with TemporaryDirectory() as folder:
            path = Path(folder, "tiny.tables")
            tables = tiny.tables("previous code", "coarser code", "order 0", "coarser code")
            save_tables(path, tiny.MODEL, tiny.shapes(), tiny.LEVELS, tables)
            self.file = TensorFile(path.read_bytes(), "speechvq-tables")

    def make(self, random: Random) -> Case:
        how, data = self.file.damaged(random)
        return Case("model.tables", data, how)

    def check(self, case: Case, folder: Path) -> None:
        coder = load_tables(case.written(folder))
        with use(case.name):
            _round_trip(coder, b"", self.seed)


def _round_trip(coder: Coder, speaker: bytes, seed: int) -> None:
    """Random codes of two frames of the coarsest codebook, to bytes and back."""
    random = generator(seed, "codes")
    first = coder.shapes[0]
    counts = [2 * first.hop // shape.hop for shape in coder.shapes]
    if sum(counts) > MOST_CODES:
        return
    codebooks = [
        np.array([random.randrange(shape.size) for _ in range(count)], np.uint16)
        for count, shape in zip(counts, coder.shapes, strict=True)
    ]
    data = payload(coder, codebooks, speaker)
    check_size(counts, data)
    again = unpacked(coder, counts, data, speaker)
    require(all(map(np.array_equal, codebooks, again)), "codes do not come back")
