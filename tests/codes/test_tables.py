"""Coded files: codes come back, in as few bytes as tables allow; what does not fit is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from speechvq.codes import (
    CodebookShape,
    Codes,
    ModelId,
    dump,
    parse,
    read_codes,
    read_header,
    write_codes,
)
from speechvq.codes.coder import MOST_CODES_PER_BYTE
from speechvq.codes.tables import (
    EARLIER_NAMES,
    FrequencyTable,
    TablesCoder,
    load_tables,
    row_count,
    save_tables,
    shipped_tables,
    tables_beside,
)
from speechvq.errors import CodesError, DamagedCodes, MissingCoder, ModelError
from speechvq.prior.tables import LEVELS, fit_tables
from speechvq.prior.tokens import gather
from tests.helpers.code_files import forged

MODEL = ModelId("m", b"12345678")
SHAPES = (
    CodebookShape(640, 16),
    CodebookShape(640, 8),
    CodebookShape(320, 16),
    CodebookShape(320, 4),
)
CONTEXTS = ("previous code", "coarser code", "previous code", "order 0")


def save(path, seed=0):
    """Tables in which every context has its own few likely codes."""
    random = np.random.default_rng(seed)
    tables = [
        FrequencyTable(
            context,
            random.integers(0, 256, (row_count(context, index, SHAPES), shape.size)).astype(
                np.uint8
            ),
        )
        for index, (context, shape) in enumerate(zip(CONTEXTS, SHAPES, strict=True))
    ]
    save_tables(path, MODEL, SHAPES, LEVELS, tables)
    return path


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return load_tables(save(tmp_path_factory.mktemp("tables") / "m.tables"))


def drawn(tables, frames, seed=0, depth=4):
    """Codes drawn from the tables, and their ideal code length in bits."""
    random, codebooks, bits = np.random.default_rng(seed), [], 0.0
    for index, (table, shape) in enumerate(zip(tables.tables[:depth], SHAPES, strict=False)):
        codes = np.zeros(frames * 640 // shape.hop, np.uint16)
        for place in range(len(codes)):
            match table.context:
                case "order 0":
                    row = 0
                case "previous code":
                    row = codes[place - 1] if place else shape.size
                case "coarser code":
                    row = codebooks[index - 1][place * len(codebooks[index - 1]) // len(codes)]
            weights = LEVELS[table.indices[row]].astype(np.float64)
            codes[place] = random.choice(shape.size, p=weights / weights.sum())
            bits -= np.log2(weights[codes[place]] / weights.sum())
        codebooks.append(codes)
    return Codes(
        MODEL, 16_000, 16_000, frames * 640 - 5, SHAPES[:depth], tuple(codebooks), bytes(16)
    ), bits


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_codes_come_back_any_prefix(tables, data):
    frames, depth = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 4))
    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    drawn_codes = tuple(
        random.integers(0, shape.size, frames * 640 // shape.hop).astype(np.uint16)
        for shape in SHAPES[:depth]
    )
    codes = Codes(MODEL, 16_000, 16_000, 640 * frames, SHAPES[:depth], drawn_codes, bytes(3))
    assert parse(dump(codes, [tables]), coders=[tables]) == codes
    back = tables.decode(codes.frames, tables.encode(drawn_codes, b""), b"")
    assert all(map(np.array_equal, drawn_codes, back))


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_bytes_are_as_few_as_the_ideal_code_length(tables, depth):
    codes, bits = drawn(tables, 1500, depth=depth)  # more than a chunk
    data = dump(codes, [tables])
    assert data[4] == 1
    assert 8 * (len(data) - len(dump(codes)) + codes_bytes(codes)) == pytest.approx(
        bits + 8 * 4, rel=0.001, abs=48
    )
    assert parse(data, coders=[tables]) == codes


def codes_bytes(codes):
    return -(
        -sum(
            codebook.bits * len(row)
            for codebook, row in zip(codes.shapes, codes.codebooks, strict=True)
        )
        // 8
    )


def test_fixed_width_stays_where_it_is_smaller(tables):
    unlikely = tables.tables[0].indices.argmin(1)
    codebook = [16]
    for _ in range(50):
        codebook.append(unlikely[codebook[-1]])
    codes = Codes(
        MODEL, 16_000, 16_000, 640 * 50, SHAPES[:1], (np.array(codebook[1:], np.uint16),), b""
    )
    assert dump(codes, [tables]) == dump(codes)
    other = Codes(
        ModelId("m", bytes(8)),
        16_000,
        16_000,
        640 * 300,
        SHAPES,
        drawn(tables, 300)[0].codebooks,
        b"",
    )
    assert dump(other, [tables])[4] == 0  # of another model


def test_bytes_are_pinned():
    """Of these tables and codes for ever: a file must decode wherever it goes."""
    indices = [
        (np.arange(size * count).reshape(count, size) * 37 % 256).astype(np.uint8)
        for count, size in ((17, 16), (16, 8))
    ]
    frequency_tables = [
        FrequencyTable(context, row) for context, row in zip(CONTEXTS, indices, strict=False)
    ]
    pinned = TablesCoder(MODEL, SHAPES[:2], LEVELS, frequency_tables, b"1234")
    codes = (np.arange(12, dtype=np.uint16) * 5 % 16, np.arange(12, dtype=np.uint16) * 3 % 8)
    data = bytes.fromhex("72240000b872ebec74fc462e1aafc74d7ec1f88f550db0e5b5e65fbba5a45765")
    assert pinned.encode(codes, b"").hex() == data.hex()
    assert all(map(np.array_equal, pinned.decode([12, 12], data, b""), codes))


def test_without_its_tables_a_file_is_refused_by_name_and_still_described(tables, tmp_path):
    codes, _ = drawn(tables, 100)
    write_codes(tmp_path / "a.codes", codes, [tables])
    other = load_tables(save(tmp_path / "other.tables", seed=1))
    for coders in ([], [other]):
        with pytest.raises(
            MissingCoder,
            match=rf"a.codes was coded with the tables {tables.digest.hex()} of the model m@3132",
        ):
            read_codes(tmp_path / "a.codes", coders)
    header = read_header(tmp_path / "a.codes")
    assert (header.coding, header.coder, header.frames) == (1, tables.digest, codes.frames)
    assert read_codes(tmp_path / "a.codes", [other, tables]) == codes


def coded(tables, *, samples=640 * 32, runs=((1, 640, 16),), payload=bytes(2), speaker=b""):
    facts = {"digest": MODEL.digest, "name": MODEL.name.encode(), "speaker": speaker}
    body = forged(
        coding=1, rate=16_000, samples=samples, runs=runs, payload=tables.digest + payload, **facts
    )
    return parse(body, "x.codes", [tables])


def test_forged_payloads_are_refused(tables):
    assert len(coded(tables).codebooks[0]) == 32  # a byte for every 16 codes is enough
    for payload in (bytes(1), bytes(32 * 4 + 9)):
        with pytest.raises(DamagedCodes, match=f"32 codes cannot lie in {len(payload)} bytes"):
            coded(tables, payload=payload)
    with pytest.raises(DamagedCodes, match="codes cannot lie in 2 bytes"):
        coded(tables, samples=2**34)
    with pytest.raises(DamagedCodes, match="its model or codebooks are not those of its tables"):
        parse(
            forged(coding=1, rate=16_000, runs=((1, 640, 16),), payload=tables.digest + b"1"),
            "x.codes",
            [tables],
        )
    with pytest.raises(DamagedCodes, match="its model or codebooks are not those of its tables"):
        coded(tables, runs=((1, 640, 32),))
    with pytest.raises(DamagedCodes, match="its model or codebooks are not those of its tables"):
        coded(tables, runs=((5, 640, 16),), payload=bytes(99))
    with pytest.raises(DamagedCodes, match="its header ends too early"):
        parse(forged(coding=1, payload=b"123"), "x.codes", [tables])
    assert MOST_CODES_PER_BYTE == 16


def test_every_flipped_bit_and_truncation_is_refused(tables):
    data = dump(drawn(tables, 12)[0], [tables])
    assert data[4] == 1
    for place in range(8 * len(data)):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(CodesError):
            parse(bytes(changed), coders=[tables])
    for length in range(len(data)):
        with pytest.raises(CodesError):
            parse(data[:length], coders=[tables])


def test_files_that_are_no_tables_are_refused(tmp_path):
    path = save(tmp_path / "m.tables")
    good = load_file(path)
    with pytest.raises(ModelError, match=r"there is no tables file .*no\.tables"):
        load_tables(tmp_path / "no.tables")
    (tmp_path / "text.tables").write_text("hello")
    with pytest.raises(ModelError, match=r"text\.tables is not a file of tables"):
        load_tables(tmp_path / "text.tables")
    header = read_entry(path)
    fall = "the hop of each codebook must be a multiple of the next one's"
    cases = [
        ({"format": 2}, {}, "has tables format 2, this speechvq reads 1"),
        (
            {"contexts": ["coarser code", *CONTEXTS[1:]]},
            {},
            "codebook 0 cannot have the context 'coarser code'",
        ),
        ({"contexts": ["left", *CONTEXTS[1:]]}, {}, "codebook 0 cannot have the context 'left'"),
        ({"contexts": CONTEXTS[:2]}, {}, "not a file of tables"),
        (
            {"shapes": [[8, shape.size] for shape in SHAPES[:-1]] + [[16, SHAPES[-1].size]]},
            {},
            fall,
        ),
        (
            {},
            {"frequency1": good["frequency1"][:3]},
            r"the table of codebook 1 has shape \(3, 8\), not \(16, 8\)",
        ),
        ({}, {"levels": np.zeros(256, np.uint32)}, "levels are not 256 integers"),
        ({}, {"levels": LEVELS[:9]}, "levels are not 256 integers"),
    ]
    for change, arrays, message in cases:
        save_file(
            good | arrays, tmp_path / "bad.tables", {"speechvq-tables": json.dumps(header | change)}
        )
        with pytest.raises(ModelError, match=message):
            load_tables(tmp_path / "bad.tables")


def read_entry(path):
    with safe_open(path, "np") as file:
        return json.loads(file.metadata()["speechvq-tables"])


def test_fitting_finds_the_contexts_that_help(tables, tmp_path):
    """Codes drawn from tables: the contexts are the same, and cost as much as under the source."""
    given = [drawn(tables, 800, seed) for seed in range(6)]
    tokens = gather([codes for codes, _ in given], list("aabbcc"), list("123456"))
    learned, held = (
        tokens.select(np.array([1, 1, 1, 1, 0, 0], bool)),
        tokens.select(np.array([0, 0, 0, 0, 1, 1], bool)),
    )
    fits = fit_tables(learned, held)
    codebooks, bits = [fit.table for fit in fits], [fit.bits_per_code for fit in fits]
    assert tuple(table.context for table in codebooks) == CONTEXTS
    total = sum(cost * len(codebook) for cost, codebook in zip(bits, held.codebooks, strict=True))
    assert total == pytest.approx(sum(bits for _, bits in given[4:]), rel=0.02)
    save_tables(tmp_path / "fitted.tables", MODEL, SHAPES, LEVELS, codebooks)
    data = [dump(codes, [load_tables(tmp_path / "fitted.tables")]) for codes, _ in given[4:]]
    assert 8 * sum(map(len, data)) == pytest.approx(total + 2 * 8 * 60, rel=0.01)


def test_the_default_models_tables_make_speech_smaller(codec, speech):
    (own,) = shipped_tables()
    assert own.digest.hex() == "7b837904"  # for ever: without them code files cannot be read
    assert (own.model, own.shapes) == (codec.model, codec.shapes)
    codes = codec.encode(speech)
    for depth, share in ((1, 0.85), (2, 0.93), (len(codes.shapes), 1.0)):
        part = codes.prefix(depth)
        data = dump(part)
        assert data[4] == 1
        assert len(data) - 61 < share * codes_bytes(part)
        assert parse(data) == part


def test_a_files_earlier_names_of_contexts_are_read(tables, tmp_path):
    """The bundled file, whose bytes never change, has them."""
    path = save(tmp_path / "m.tables")
    header = read_entry(path)
    earlier = {now: before for before, now in EARLIER_NAMES.items()}
    old = {"table": header["shapes"], "contexts": [earlier[name] for name in header["contexts"]]}
    del header["shapes"]
    save_file(load_file(path), path, {"speechvq-tables": json.dumps(header | old)})
    codes, _ = drawn(tables, 100)
    read = load_tables(path)
    assert [table.context for table in read.tables] == list(CONTEXTS)
    assert read.encode(codes.codebooks, b"") == tables.encode(codes.codebooks, b"")


def test_tables_beside_a_model_and_earlier_ones(tmp_path):
    for name in ("a.tables", "a.01234567.tables", "a.b.tables", "b.tables"):
        save(tmp_path / name)
    assert len(tables_beside(tmp_path / "a.safetensors")) == 2
    assert tables_beside(tmp_path / "c.safetensors") == []
    assert tables_beside(None) == []
