"""Phones by manner of articulation, and the published rates."""

# ruff: noqa: RUF001 - letters of the IPA
import pytest

from speechvq.units.evaluation.published import ZEROSPEECH_2019
from speechvq.units.phones.manner import ARPABET, IPA, MANNERS, OTHER, manner, ordered


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("AA AA1 iy IH0 ax-h ER ə ɪ aː ɔ̃ Á Ω Ώ Έ ˈa aa̰", "vowels"),
        ("AY oy0 aɪ oʊ a͡ɪ ɛi", "diphthongs"),
        ("Y W R L el j ɹ ɾ ɥ", "glides and liquids"),
        ("M ng en ŋ ɲ n̩", "nasals"),
        ("S hh dh ʃ ç x xʷ ɣ", "fricatives"),
        ("CH jh ts t͡ʃ dʒ tɕʰ", "affricates"),
        ("P b dx q kcl tʰ kʷ ɡ ʔ", "stops"),
        ("SIL sil <NOISE> pau", "silence"),
        ("MB NZ 7 字 (rest) <script ??", OTHER),
    ],
)
def test_manners(labels, expected):
    assert {label: manner(label) for label in labels.split()} == dict.fromkeys(
        labels.split(), expected
    )


def test_nothing_is_there_twice():
    for inventory in (ARPABET, IPA):
        every = [phone for phones in inventory.values() for phone in phones.split()]
        assert len(set(every)) == len(every)
        assert tuple(inventory) == MANNERS[: len(inventory)]


def test_every_phone_has_its_own_manner():
    for kind, phones in IPA.items():
        own = {phone for phone in phones.split() if phone != "y"}  # the glide of ARPAbet
        assert {phone: manner(phone) for phone in own} == dict.fromkeys(own, kind)
    for kind, phones in ARPABET.items():
        assert {manner(form) for phone in phones.split() for form in (phone, phone.upper())} == {
            kind
        }


def test_order():
    frequencies = {
        "SIL": 90,
        "MB": 3,
        "ND": 8,
        "NZ": 3,
        "T": 1,
        "P": 2,
        "AA": 5,
        "IY": 2,
        "S": 9,
        "N": 4,
        "AA1": 1,
    }
    assert ordered(frequencies) == ["IY", "AA", "AA1", "N", "S", "P", "T", "ND", "MB", "NZ", "SIL"]
    assert ordered({}) == []


def test_published():
    assert len({system.key for system in ZEROSPEECH_2019}) == len(ZEROSPEECH_2019) == 15
    assert all(0.1 < system.abx < 0.5 and 30 < system.bitrate < 2000 for system in ZEROSPEECH_2019)
    by_key = {system.key: system for system in ZEROSPEECH_2019}
    assert by_key["Nie20b"][2:] == (412, 0.1404)
