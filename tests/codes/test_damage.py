"""Whatever is wrong with a code file is noticed before memory is taken for it."""

import tracemalloc
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from speechvq.codes import dump, parse, read_codes
from speechvq.errors import CodesError, DamagedCodes, NewerVersion, NotACodesFile
from tests.helpers.code_files import forged, records, sealed, small


@pytest.mark.parametrize("byte", range(len(dump(small()))))
def test_every_flipped_bit_is_noticed(byte):
    for bit in range(8):
        data = bytearray(dump(small()))
        data[byte] ^= 1 << bit
        with pytest.raises(CodesError):
            parse(bytes(data))


@pytest.mark.parametrize("length", range(len(dump(small()))))
def test_every_truncation_is_noticed(length):
    with pytest.raises(CodesError):
        parse(dump(small())[:length])


@given(st.binary(min_size=1, max_size=20))
@example(b"\0")
@example(b"\0\0\0\0")
def test_what_is_appended_is_noticed(tail):
    with pytest.raises(DamagedCodes):
        parse(dump(small()) + tail)


@settings(max_examples=50, deadline=None)
@given(records(), st.data())
def test_bursts_up_to_32_bits_are_noticed(codes, data):
    written = dump(codes)
    burst = data.draw(st.integers(1, 2**32 - 1))
    shift = data.draw(st.integers(0, 8 * len(written) - 32))
    changed = int.from_bytes(written, "little") ^ (burst << shift)
    with pytest.raises(CodesError):
        parse(changed.to_bytes(len(written), "little"))


@pytest.mark.parametrize("version", [2, 3, 255])
def test_a_newer_version_is_told_from_damage(version):
    with pytest.raises(NewerVersion, match=f"version {version}.*update speechvq"):
        parse(forged(version=version))


def test_version_0_is_damage_and_so_is_a_coding_without_its_coder():
    for data in (forged(version=0), forged(coding=1)):
        with pytest.raises(DamagedCodes):
            parse(data)


def test_codings_to_come_are_newer():
    with pytest.raises(
        NewerVersion, match="coding 3, this speechvq reads up to 2: update speechvq"
    ):
        parse(forged(coding=3))


@pytest.mark.parametrize("data", [b"", b"S", b"SV", b"RIFF", b"svq\1", b"\0" * 100, b"\x89PNG"])
def test_other_files_are_told_from_damaged_ones(data):
    with pytest.raises(NotACodesFile):
        parse(data, "a.png")


LARGEST = 2**35 - 1
ABSURD = {
    "samples": forged(samples=LARGEST),
    "samples of a slow recording": forged(samples=LARGEST, source=1),
    "no samples": forged(samples=0),
    "a recording of a megahertz": forged(source=10**6, samples=1),
    "a recording of a hertz": forged(source=1, samples=1),
    "no name": forged(name=b""),
    "a name that turns the direction of writing": forged(name="a\u202eb".encode()),
    "a model without a rate": forged(rate=0),
    "a model of a gigahertz": forged(rate=10**9),
    "a recording of a gigahertz": forged(source=10**9, samples=1),
    "codebooks in one run": forged(runs=((LARGEST, 8, 4),)),
    "codebooks in many runs": forged(runs=((1, 8, 4),) * 65),
    "more runs than there are": sealed(forged()[:19] + b"\xff\xff\xff\xff\x7f" + forged()[20:-4]),
    "no runs": forged(runs=()),
    "a run of no codebooks": forged(runs=((0, 8, 4),)),
    "no codewords": forged(runs=((1, 8, 0),)),
    "one codeword": forged(runs=((1, 8, 1),), payload=b""),
    "70,000 codewords": forged(runs=((1, 8, 70_000),), payload=b"\0\0\0"),
    "endless codewords": forged(runs=((1, 8, LARGEST),)),
    "hop 0": forged(runs=((1, 0, 4),)),
    "hop 0 below": forged(runs=((1, 8, 4), (1, 0, 4))),
    "endless hop": forged(runs=((1, LARGEST, 4), (1, 1, 4))),
    "hops that do not divide": forged(runs=((1, 8, 4), (1, 3, 4)), payload=b"\0\0"),
    "a finer codebook first": forged(runs=((1, 4, 4), (1, 8, 4))),
    "a speaker of 33 bytes": forged(speaker=bytes(33)),
    "a speaker of 255 bytes": forged(speaker=bytes(255)),
    "a name that is not UTF-8": forged(name=b"\xff\xfe"),
    "a name that clears the screen": forged(name=b"\x1b[2J"),
    "a name of two lines": forged(name=b"a\nspeechvq: b"),
    "a number of six bytes": sealed(forged()[:15] + b"\x80\x80\x80\x80\x80\x00" + forged()[17:-4]),
    "a code beyond the last": forged(runs=((1, 8, 3),), payload=b"\xc0"),
    "something in the padding": forged(payload=b"\x01"),
    "a byte too few": forged(payload=b""),
    "a byte too many": forged(payload=b"\0\0"),
    "nothing behind the digest": sealed(b"SVQ\1\0" + bytes(8)),
    "a checksum alone": sealed(b"SVQ\1\0"),
}


def test_the_forged_file_is_good_before_it_is_changed():
    assert parse(forged()).codebooks[0].tolist() == [0]


@pytest.mark.parametrize("what", ABSURD)
def test_absurd_files_are_refused_without_taking_memory(what):
    tracemalloc.start()
    try:
        with pytest.raises(DamagedCodes, match=r"a\.codes is damaged: "):
            parse(ABSURD[what], "a.codes")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def codes_or_error(data):
    """Parse; what was read must be a valid record: written again, it is read as the same."""
    try:
        codes = parse(data)
    except CodesError:
        return
    assert parse(dump(codes)) == codes


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(noise):
    for data in (noise, b"SVQ" + noise, b"SVQ\1" + noise, sealed(b"SVQ\1\0" + noise)):
        codes_or_error(data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changes_with_a_right_checksum_raise_nothing_else(data):
    body = bytearray(dump(data.draw(st.just(small()) | records()))[:-4])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    codes_or_error(bytes(body) + zlib.crc32(body).to_bytes(4, "little"))


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "short.codes"
    path.write_bytes(dump(small())[:-1])
    with pytest.raises(DamagedCodes, match=r"short\.codes is truncated or damaged"):
        read_codes(path)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(NotACodesFile, match="there is no code file"):
        read_codes(tmp_path / "none.codes")
    with pytest.raises(NotACodesFile, match="is a folder"):
        read_codes(tmp_path)
    with pytest.raises(NotACodesFile, match="cannot read"):
        read_codes(tmp_path / ("x" * 300))
