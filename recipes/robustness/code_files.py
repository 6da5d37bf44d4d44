"""Code files: damaged with and without a repaired checksum, and composed of impossible fields."""

from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from recipes.robustness import code_bytes, tiny
from recipes.robustness.case import Case, generator, require, use
from recipes.robustness.code_bytes import Facts, is_sealed, sealed, varint
from recipes.robustness.damage import LARGE, damaged
from speechvq.codes import Codes, ModelId, dump, parse, read_codes
from speechvq.codes.coder import Coder
from speechvq.codes.record import CodebookShape
from speechvq.codes.tables import load_tables, save_tables
from speechvq.prior.file import Prior, load_prior, save_prior
from speechvq.prior.integer.coder import PriorCoder

ORIGINALS = 200
"""Good files of a seed, which are damaged."""

EDGES = (3, 4, 8, 9, 999, 1000, 8000, 16_000, 44_100, 48_000, 384_000, 384_001, 2**20, 2**20 + 1)
NUMBERS = (*LARGE, *EDGES, 160, 320, 10**6, 2**35 - 1, 2**35)
SPARE = (b"\x80\x00", b"\xff\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x00", b"\x80\x80\x80\x80\x80\x00")
"""Numbers that are written too long."""


@dataclass(frozen=True)
class _Original:
    codes: Codes
    data: bytes


class CodeFiles:
    """Code files of a tiny codec and of made-up models, in all three codings."""

    def __init__(self, seed: int) -> None:
        random = generator(seed, "code files")
        self.codec, self.coders = tiny.codec(), coders()
        self.originals = [_original(random, self.coders) for _ in range(ORIGINALS)]
        self.files = [original.data for original in self.originals]

    def make(self, random: Random) -> Case:
        """One of `WAYS`."""
        original = random.choice(self.originals)
        pick = random.random()
        if pick < 0.03:
            return Case("good.codes", original.data, "good", original.codes)
        if pick < 0.10:
            return Case("raw.codes", damaged(random, original.data, self.files), "raw")
        if pick < 0.45:
            body = damaged(random, original.data[:-4], self.files)
            return Case("sealed.codes", sealed(body), "sealed")
        if pick < 0.75:
            return Case("fields.codes", _other_fields(random, original.data), "fields")
        return Case("composed.codes", _composed(random, original.data), "composed")

    def check(self, case: Case, folder: Path) -> None:
        """Read it, from memory or from a file; decode some to sound."""
        if len(case.data) % 64:
            codes = parse(case.data, case.name, self.coders)
        else:
            codes = read_codes(case.written(folder), self.coders)
        if case.expected is not None:
            require(codes == case.expected, "an undamaged file has other codes")
        require(is_sealed(case.data), "it was accepted with a wrong checksum")
        _check_facts(codes, code_bytes.read_facts(case.data))
        require(parse(dump(codes, self.coders), "again", self.coders) == codes, "not written alike")
        if codes.model == self.codec.model and not case.data[-1] & 31:
            with use(case.name):
                self._check_sound(codes)

    def _check_sound(self, codes: Codes) -> None:
        """Decode to sound: of the promised length, and finite."""
        wave = self.codec.decode(codes)
        require(wave.shape == (codes.samples,), f"sound of shape {wave.shape}")
        require(bool(np.isfinite(wave).all()), "sound that is not finite")


def coders() -> list[Coder]:
    """Tables and a prior for the codes of the tiny codec."""
    with TemporaryDirectory() as folder:
        tables, prior = Path(folder, "tiny.tables"), Path(folder, "tiny.prior")
        contexts = tiny.tables("previous code", "coarser code", "order 0", "coarser code")
        save_tables(tables, tiny.MODEL, tiny.shapes(), tiny.LEVELS, contexts)
        save_prior(prior, Prior(tiny.prior_network(), "tiny", tiny.MODEL))
        return [load_tables(tables), PriorCoder(load_prior(prior))]


def _original(random: Random, coders: list[Coder]) -> _Original:
    """A good file of any coding."""
    coding = random.choice((0, 0, 0, 1, 1, 2))
    if coding or random.random() < 0.3:
        codes = _tiny_codes(random)
        chosen = [coder for coder in coders if coder.coding == coding]
        return _Original(codes, dump(codes, chosen))
    return _any_codes(random)


def _tiny_codes(random: Random) -> Codes:
    """Codes of the tiny codec."""
    count = random.randint(1, 4)
    shapes, source = tiny.shapes()[:count], random.choice((16_000, 16_000, 8000, 44_100))
    facts = Facts(samples=random.randint(1, 400), source=source, runs=_runs(shapes))
    arrays = [
        np.array([random.randrange(size) for _ in range(n)], np.uint16)
        for n, (_, size) in zip(facts.counts(), facts.shapes, strict=True)
    ]
    speaker = random.randbytes(3)
    return Codes(tiny.MODEL, 16_000, source, facts.samples, shapes, tuple(arrays), speaker)


def _any_codes(random: Random) -> _Original:
    """Codes of a model that nobody has, written by hand."""
    rate = random.choice((8000, 11_025, 16_000, 24_000, 48_000, random.randint(1000, 384_000)))
    source = random.choice((rate, 8000, 16_000, 44_100, random.randint(1000, 384_000)))
    finest, hops = random.randint(1, 50), [1]
    for _ in range(random.randint(0, 4)):
        hops.insert(0, hops[0] * random.choice((1, 2, 3, 4)))
    sizes = [random.choice((2, 3, 5, 256, 500, 1024, random.randint(2, 65536))) for _ in hops]
    shapes = tuple(CodebookShape(hop * finest, size) for hop, size in zip(hops, sizes, strict=True))
    longest = random.randint(1, 8) * shapes[0].hop * source // rate
    name = random.choice(("m", "base5", "größer", "x" * 40, "名"))
    facts = Facts(
        digest=random.randbytes(8),
        name=name.encode(),
        rate=rate,
        source=0 if source == rate else source,
        samples=random.randint(1, max(1, longest)),
        runs=_runs(shapes),
        speaker=random.randbytes(random.choice((0, 1, 16, 32))),
    )
    numbers = [
        [random.randrange(s) for _ in range(n)] for n, s in zip(facts.counts(), sizes, strict=True)
    ]
    facts = facts.with_codes(numbers)
    arrays = tuple(np.array(row, np.uint16) for row in numbers)
    model = ModelId(name, facts.digest)
    codes = Codes(model, rate, source, facts.samples, shapes, arrays, facts.speaker)
    return _Original(codes, facts.data())


def _runs(shapes: tuple[CodebookShape, ...]) -> tuple[tuple[int, int, int], ...]:
    """Runs of equal codebooks."""
    runs: list[tuple[int, int, int]] = []
    for shape in shapes:
        if runs and runs[-1][1:] == (shape.hop, shape.size):
            runs[-1] = (runs[-1][0] + 1, *runs[-1][1:])
        else:
            runs.append((1, shape.hop, shape.size))
    return tuple(runs)


def _other_fields(random: Random, data: bytes) -> bytes:
    """A file with some of its fields replaced, left out, doubled or exchanged."""
    fields = code_bytes.read_facts(data).fields()
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        place = random.randrange(len(fields))
        name, part = fields[place]
        pick = random.random()
        if pick < 0.75:
            fields[place] = name, _other_part(random, name, part)
        elif pick < 0.85:
            del fields[place]
        elif pick < 0.93:
            fields.insert(place, fields[place])
        else:
            other = random.randrange(len(fields))
            fields[place], fields[other] = fields[other], fields[place]
    return sealed(b"".join(part for _, part in fields))


def _other_part(random: Random, name: str, part: bytes) -> bytes:
    """Other bytes for a field."""
    pick = random.random()
    if pick < 0.2:
        return damaged(random, part)
    if name in ("digest", "name", "embedding", "coder", "payload", "magic"):
        texts = ("é", "\x1b[2J", "a\nb", "\u202e", "\x7f", "a" * 300, "\u2028", "\0", "名" * 85)
        return random.choice((b"", b"\xff\xfe", *(text.encode() for text in texts)))
    if len(part) == 1 and pick < 0.4:
        return bytes([random.randrange(256)])
    return random.choice(SPARE) if pick < 0.5 else varint(random.choice(NUMBERS))


def _composed(random: Random, data: bytes) -> bytes:
    """A file from its grammar, with likely and unlikely numbers and a payload that fits."""
    facts = code_bytes.read_facts(data)
    changes = {
        "rate": lambda: random.choice(NUMBERS),
        "source": lambda: random.choice(NUMBERS),
        "samples": lambda: random.choice((*NUMBERS, random.randint(1, 10**6))),
        "speaker": lambda: random.randbytes(random.choice((0, 1, 2, 3, 4, 32, 33, 255))),
        "name": lambda: random.choice(("", "m" * 255, "\x1b]0;x\x07", "é\u0301")).encode(),
        "version": lambda: random.choice((0, 1, 2, 255)),
        "coding": lambda: random.choice((0, 1, 2, 3, 255)),
        "runs": lambda: _any_runs(random),
    }
    names = random.sample(list(changes), random.choice((1, 1, 2, 3)))
    facts = replace(facts, **{name: changes[name]() for name in names})
    if random.random() < 0.9:
        facts = replace(facts, payload=_fitting(random, facts))
    return facts.data()


def _any_runs(random: Random) -> tuple[tuple[int, int, int], ...]:
    """Codebooks whose hops may divide each other."""
    hop = random.choice((1, 2, 64, 320, 1024, random.choice(NUMBERS)))
    runs = []
    for _ in range(random.choice((0, 1, 1, 2, 3, 64, 65))):
        count = random.choice((1, 1, 2, 64, 65, random.choice(NUMBERS)))
        size = random.choice((0, 1, 2, 3, 256, 65536, 65537, random.choice(NUMBERS)))
        runs.append((count, hop, size))
        hop = random.choice((hop, hop // 2, hop // 4 or 1, random.choice(NUMBERS)))
    return tuple(runs)


def _fitting(random: Random, facts: Facts) -> bytes:
    """A payload of about the length that the other fields ask for, if it is not long."""
    try:
        needed = code_bytes.needed_bytes(facts)
    except (ZeroDivisionError, IndexError):
        return facts.payload
    if facts.coding:
        needed = sum(facts.counts()) // random.choice((1, 4, 15, 16))
    if needed > 4000:
        return facts.payload
    return random.choice(
        (bytes(needed), random.randbytes(needed), facts.payload.ljust(needed, b"\0")[:needed])
    )


def _check_facts(codes: Codes, facts: Facts) -> None:
    """Compare what was read with what the bytes say."""
    require((facts.version, codes.model.digest) == (1, facts.digest), "another version or model")
    require(codes.model.name.encode() == facts.name, "another name")
    rates = (facts.rate, facts.source or facts.rate, facts.samples)
    require((codes.sample_rate, codes.source_rate, codes.samples) == rates, "other rates")
    require([(s.hop, s.size) for s in codes.shapes] == facts.shapes, "other codebooks")
    require(codes.speaker_embedding == facts.speaker, "another embedding")
    require([len(row) for row in codes.codebooks] == facts.counts(), "other numbers of codes")
    if not facts.coding:
        numbers = code_bytes.read_codes(facts)
        require([row.tolist() for row in codes.codebooks] == numbers, "other codes")
