"""Manner of articulation of phones, for tables and pictures, in ARPAbet (TIMIT, CMU) and IPA.

Labels are looked up in ARPAbet first, in any case and without stress; so `y` is the glide, not the
front vowel of the IPA. Then they are looked up as IPA, without tones, stress, length and secondary
articulation, also in capitals, as some orthographies use them (Á is a vowel). A label that is in
neither is `OTHER`. No score depends on manner: it only orders and colors labels.
"""

# ruff: noqa: RUF001 - letters of the IPA that look like others are what this is about
import unicodedata
from collections.abc import Mapping

from speechvq.units.alignments.alignment import SIL, is_silence

OTHER = "other"
SILENCE = "silence"

ARPABET: Mapping[str, str] = {
    "vowels": "iy ih ix ey eh ae aa ao ah ax ax-h er axr uh uw ux ow",
    "diphthongs": "ay aw oy",
    "glides and liquids": "y w r l el",
    "nasals": "m em n en nx ng eng",
    "fricatives": "f v th dh s z sh zh hh hv",
    "affricates": "ch jh",
    "stops": "p b t d dx k g q pcl bcl tcl dcl kcl gcl",
}
"""Phones by manner, in the order of tables. CMU's `ey` and `ow` stand with the nearest vowels."""

IPA: Mapping[str, str] = {
    "vowels": "i y ɨ ʉ ɯ u ɪ ʏ ʊ e ø ɘ ɵ ɤ o ə ɚ ɛ ε œ ɜ ɝ ɞ ʌ ɔ ω æ ɐ a ɶ ɑ ɒ",
    "diphthongs": "",
    "glides and liquids": "j ɥ ɰ w ʍ ʋ ɹ ɻ r ɾ ɽ ʀ l ɫ ɭ ʎ ʟ ɬ ɮ",
    "nasals": "m ɱ n ɳ ɲ ŋ ɴ",
    "fricatives": "ɸ β f v θ ð s z ʃ ʒ ʂ ʐ ɕ ʑ ç ʝ x ɣ χ ʁ ħ ʕ h ɦ",
    "affricates": "pf ts dz tʃ dʒ ʧ ʤ tɕ dʑ tʂ dʐ",
    "stops": "p b ɓ t d ɗ ʈ ɖ c ɟ k g ɡ ɠ q ɢ ʔ",
}
"""The same of the IPA. Greek letters are Mboshi's ɛ and ɔ; diphthongs are two vowels."""

MANNERS = (*ARPABET, OTHER, SILENCE)
"""All manners in the order of tables."""

_ARPABET = {phone: manner for manner, phones in ARPABET.items() for phone in phones.split()}
_IPA = {phone: manner for manner, phones in IPA.items() for phone in phones.split()}
_PLACES = {phone: place for place, phone in enumerate((*_ARPABET, *_IPA))}


def manner(label: str) -> str:
    """The manner of a phone, one of `MANNERS`."""
    return _found(label)[0]


def ordered(frequencies: Mapping[str, int]) -> list[str]:
    """Labels by manner, then in the order of `ARPABET` and `IPA`; those of `OTHER` by frequency.

    frequencies: how often each label occurs
    """

    def place(label: str) -> tuple[int, int, str]:
        kind, phone = _found(label)
        return (
            MANNERS.index(kind),
            -frequencies[label] if kind == OTHER else _PLACES.get(phone, 0),
            label,
        )

    return sorted(frequencies, key=place)


def _found(label: str) -> tuple[str, str]:
    """The manner of a label, and the entry of `ARPABET` or `IPA` that it matched."""
    if label == SIL or is_silence(label):
        return SILENCE, label
    arpabet = label.lower().rstrip("012")
    if arpabet in _ARPABET:
        return _ARPABET[arpabet], arpabet
    letters = unicodedata.normalize("NFD", label.casefold())
    letters = letters.replace("c\u0327", "ç")  # the only letter of the IPA that comes apart
    bare = "".join(
        letter for letter in letters if unicodedata.category(letter) in {"Ll", "Lo", "Nd"}
    )
    if bare in _IPA:
        return _IPA[bare], bare
    if len(bare) > 1 and all(_IPA.get(letter) == "vowels" for letter in bare):
        return ("vowels" if len(set(bare)) == 1 else "diphthongs"), bare[0]
    return OTHER, label
