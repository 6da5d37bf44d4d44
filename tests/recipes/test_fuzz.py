"""The fuzzing command: a short run of every kind, and faults planted for it to find."""

import json
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from recipes.robustness import code_bytes, oracle
from recipes.robustness.audio_bytes import ogg_pages, with_checksum
from recipes.robustness.campaign import Campaign
from recipes.robustness.case import Case, WrongResultError, generator
from recipes.robustness.code_files import CodeFiles
from recipes.robustness.fuzz import main
from recipes.robustness.kinds import PLANS
from recipes.robustness.oracle import verdict_of
from speechvq.codes import parse
from speechvq.errors import CodesError, ConfigError
from tests.helpers.planted import make_crashing


class Planted:
    """A reader with a fault: what `check` does is given."""

    def __init__(self, check):
        self.run = check

    def make(self, random):
        return Case("a.bin", random.randbytes(4), "planted")

    def check(self, case, folder):  # noqa: ARG002
        self.run()


def refuses(message):
    def check():
        raise CodesError(message)

    return check


def loops():
    while True:
        pass


def catches_all():
    with suppress(Exception):
        loops()


def allocates():
    return len(b"x" * (300 << 20))


def is_wrong():
    raise WrongResultError("other codes")


def misses_a_key():
    return {}["a"]


def overflows():
    with np.errstate(all="warn"):
        return np.float32(3e38) * np.float32(10)


def fault_of(check, folder):
    kind = Planted(check)
    return verdict_of(kind, kind.make(generator(1)), folder)


def test_what_is_read_or_refused_in_a_plain_sentence_is_no_fault(tmp_path):
    assert fault_of(lambda: None, tmp_path) == oracle.Verdict("read")
    assert fault_of(refuses("a.bin is damaged"), tmp_path) == oracle.Verdict("CodesError")


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        (misses_a_key, "KeyError at test_fuzz.py"),
        (loops, "more than 0.2 s"),
        (catches_all, "more than 0.2 s"),
        (allocates, "MB of memory, then"),
        (is_wrong, "wrong result: other codes"),
        (overflows, "RuntimeWarning"),
        (refuses("b.bin is damaged"), "the file is not named"),
        (refuses("a.bin is " + "long " * 200), "characters"),
        (refuses("a.bin cannot allocate 10 bytes"), "more memory than there is"),
    ],
)
def test_planted_faults_are_found(check, fault, tmp_path, monkeypatch):
    monkeypatch.setattr(oracle, "CPU_SECONDS", 0.2)
    verdict = fault_of(check, tmp_path)
    assert verdict.outcome == "fault"
    assert fault in verdict.fault


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("a.bin is damaged:\n at 3", "not one line"),
        ("a.bin is \x1b[2J", "control characters"),
        ("a.bin is \ud800", "control characters"),
    ],
)
def test_messages_that_no_error_of_the_library_can_have_are_faults(message, fault):
    assert oracle.complaint(message, "a.bin") == fault


def other_codes(codes):
    row = codes.codebooks[-1].copy()
    row[0] = (int(row[0]) + 1) % codes.shapes[-1].size
    return replace(codes, codebooks=(*codes.codebooks[:-1], row))


@pytest.mark.parametrize(
    "change",
    [
        other_codes,
        lambda codes: replace(codes, speaker_embedding=codes.speaker_embedding[:31] + b"\1"),
        lambda codes: replace(codes, model=replace(codes.model, name=codes.model.name + "x")),
    ],
)
def test_a_reader_of_code_files_that_errs_is_found(change, tmp_path, monkeypatch):
    kind = CodeFiles(1)
    good = next(original for original in kind.originals if original.codes.model.name != "tiny")
    case = Case("good.codes", good.data + b"", "good", good.codes)
    assert verdict_of(kind, case, tmp_path).outcome == "read"

    def wrong(*arguments):
        return change(parse(*arguments))

    for name in ("parse", "read_codes"):
        monkeypatch.setattr(f"recipes.robustness.code_files.{name}", wrong)
    kind.check = lambda case, folder: CodeFiles.check(kind, replace(case, expected=None), folder)
    monkeypatch.setattr(Case, "written", lambda case, _: case.data)
    verdict = verdict_of(kind, case, tmp_path)
    assert "wrong result" in verdict.fault


def test_accepting_a_wrong_checksum_is_a_fault(tmp_path, monkeypatch):
    kind = CodeFiles(1)
    good = kind.originals[0]
    for name in ("parse", "read_codes"):
        monkeypatch.setattr(f"recipes.robustness.code_files.{name}", lambda *_: good.codes)
    case = Case("raw.codes", good.data[:-1] + bytes([good.data[-1] ^ 1]), "raw")
    assert "wrong checksum" in verdict_of(kind, case, tmp_path).fault


@pytest.mark.slow
def test_a_campaign_names_files_that_end_its_processes_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("PLANTED", "1")
    path, folder = tmp_path / "fuzz.json", tmp_path / "fuzz.json.faults"
    tally = Campaign.read(path, 1).run("crash", make_crashing, 8, 2, 5)
    assert tally.done == 8
    assert tally.outcomes == {"read": 6, "fault": 2}
    assert "SIGSEGV" in tally.faults[3]
    assert "did not come back" in tally.faults[4]
    assert sorted(file.name for file in folder.iterdir()) == ["crash-3-a.bin", "crash-4-a.bin"]
    assert (folder / "crash-3-a.bin").read_bytes() == generator(1, 3).randbytes(8)

    tally = Campaign.read(path, 1).run("crash", make_crashing, 12, 1, 5)
    assert tally.outcomes == {"read": 9, "fault": 3}
    assert sorted(tally.faults) == [3, 4, 9]

    monkeypatch.delenv("PLANTED")
    tally = Campaign.read(path, 1).run("crash", make_crashing, 12, 1, 5)
    assert tally.outcomes == {"read": 12}
    assert not list(folder.iterdir())
    assert json.loads(path.read_text())["kinds"]["crash"]["done"] == 12


def test_a_campaign_goes_on_only_with_its_own_seed_and_file(tmp_path):
    path = tmp_path / "fuzz.json"
    Campaign(path, 1).save()
    assert Campaign.read(path, 1).tallies == {}
    with pytest.raises(ConfigError, match="has the seed 1, not 2"):
        Campaign.read(path, 2)
    for text in ("", "[]", '{"seed": 1}', '{"seed": 1, "kinds": {"codes": 3}}'):
        path.write_text(text)
        with pytest.raises(ConfigError, match="not a campaign"):
            Campaign.read(path, 1)


def test_there_is_no_other_kind(tmp_path):
    with pytest.raises(ConfigError, match="there is no kind 'music'; kinds are codes,"):
        main(["music"], out=tmp_path / "fuzz.json")


def test_the_slow_reader_agrees_with_the_library():
    kind = CodeFiles(3)
    for original in kind.originals:
        facts = code_bytes.read_facts(original.data)
        assert facts.data() == original.data
        if not facts.coding:
            codes = [row.tolist() for row in original.codes.codebooks]
            assert code_bytes.read_codes(facts) == codes
            assert facts.with_codes(codes) == facts


def test_ogg_pages_keep_their_checksums():
    from recipes.robustness.audio_files import AudioFiles

    for good in AudioFiles(1).good:
        if good.suffix in ("ogg", "opus"):
            pages = ogg_pages(good.data)
            assert b"".join(pages) == good.data
            assert list(map(with_checksum, pages)) == pages


COUNTS = {"codes": 500, "models": 30, "priors": 30, "toml": 50}
"""Files of each kind in the short run; 100 of the others."""


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANS)
def test_a_short_run_finds_no_fault(name, tmp_path):
    kind = PLANS[name].make_kind(20)
    faults = []
    for index in range(COUNTS.get(name, 100)):
        verdict = verdict_of(kind, kind.make(generator(20, index)), tmp_path)
        if verdict.fault:
            faults.append(f"{index}: {verdict.fault}")
    assert not faults
