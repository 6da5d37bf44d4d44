"""TIMIT's 61 labels folded to the 48 and the 39 phones that results are reported on.

Lee and Hon 1989, "Speaker-independent phone recognition using hidden Markov models" (IEEE Trans.
ASSP 37(11), table I): models are of 48 phones; confusions within {sil, cl, vcl, epi}, {el, l}, {en,
n}, {sh, zh}, {ao, aa}, {ih, ix} and {ah, ax} are not counted, which leaves 39. The glottal stop q
is removed.
"""

from speechvq.errors import AlignmentError

VOWELS = (
    "iy",
    "ih",
    "eh",
    "ae",
    "ix",
    "ax",
    "ah",
    "uw",
    "uh",
    "ao",
    "aa",
    "ey",
    "ay",
    "oy",
    "aw",
    "ow",
    "er",
)
SONORANTS = ("l", "el", "r", "y", "w", "m", "n", "en", "ng", "dx")
OBSTRUENTS = (
    "ch",
    "jh",
    "dh",
    "b",
    "d",
    "g",
    "p",
    "t",
    "k",
    "z",
    "zh",
    "v",
    "f",
    "th",
    "s",
    "sh",
    "hh",
)
SILENT = ("cl", "vcl", "epi", "sil")

KEPT = frozenset(VOWELS + SONORANTS + OBSTRUENTS + SILENT)
"""The 48."""

TO_48 = (
    {"ux": "uw", "axr": "er", "ax-h": "ax", "em": "m", "nx": "n", "eng": "ng", "hv": "hh"}
    | dict.fromkeys(("pcl", "tcl", "kcl", "qcl"), "cl")
    | dict.fromkeys(("bcl", "dcl", "gcl"), "vcl")
    | dict.fromkeys(("h#", "#h", "pau"), "sil")
)
"""The other labels of the 61 except q; qcl and #h occur in some versions of the corpus."""

TO_39 = {
    "cl": "sil",
    "vcl": "sil",
    "epi": "sil",
    "el": "l",
    "en": "n",
    "zh": "sh",
    "ao": "aa",
    "ix": "ih",
    "ax": "ah",
}
"""The labels of the 48 that are not among the 39."""


def to48(label: str) -> str | None:
    """The phone of the 48 for a label of the 61 or the 48; None for q.

    Raises AlignmentError for any other label.
    """
    if label == "q":
        return None
    phone = TO_48.get(label, label)
    if phone not in KEPT:
        raise AlignmentError(
            f"{label!r} is not one of TIMIT's 61 phones; fold only what is labeled with them"
        )
    return phone


def to39(label: str) -> str | None:
    """The phone of the 39 for a label of the 61, the 48 or the 39; None for q.

    Raises AlignmentError for any other label.
    """
    phone = to48(label)
    return phone and TO_39.get(phone, phone)
