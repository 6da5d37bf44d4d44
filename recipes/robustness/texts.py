"""Damage to files of text: lines, words, numbers, line ends, encodings, and the bytes beneath."""

import re
from collections.abc import Callable, Sequence
from random import Random

from recipes.robustness.damage import damaged
from recipes.robustness.trees import NUMBERS, TEXTS

NUMERALS = (
    *(str(number) for number in NUMBERS),
    *("+1", "1.", ".5", "1e5", "1e-5", "1E+05", "--1", "1,5", "0x1F", "1_0", "1e999", "-1e999"),
    *("9" * 400, "9" * 5000, "1" * 10_000, "0." + "3" * 5000, "1e" + "9" * 300, "\u0661\u0662"),
)
LINE_ENDS = ("\n", "\r\n", "\r", "\n\n", "\u2028", "\x0b", "\x85", "\0")
CODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1", "utf-32")


def damaged_text(random: Random, text: str) -> str:
    """A text with one to several places changed."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        text = random.choice(WAYS)(random, text)
    return text


def encoded(random: Random, text: str, others: Sequence[bytes] = ()) -> bytes:
    """A text as bytes, rarely in another encoding, and some of these damaged further."""
    coding = random.choice(CODINGS) if random.random() < 0.15 else "utf-8"
    errors = "surrogatepass" if coding.startswith("utf") else "replace"
    data = text.encode(coding, errors)
    return damaged(random, data, others) if random.random() < 0.2 else data


def _number(random: Random, text: str) -> str:
    """Replace a number by another."""
    matches = list(re.finditer(r"-?\d+(?:\.\d+)?(?:[eE]-?\d+)?", text))
    if not matches:
        return text
    match = random.choice(matches)
    return text[: match.start()] + random.choice(NUMERALS) + text[match.end() :]


def _near(random: Random, text: str) -> str:
    """A number near the one that is there."""
    matches = list(re.finditer(r"\d{1,15}(?:\.\d{1,9})?", text))
    if not matches:
        return text
    match = random.choice(matches)
    value = float(match[0])
    near = random.choice((value + 1, value - 1, value * 2, value + 1e-3, value - 1e-3, -value))
    return text[: match.start()] + f"{near:.9g}" + text[match.end() :]


def _word(random: Random, text: str) -> str:
    """Another text in the place of a word."""
    matches = list(re.finditer(r'[^\s"]+', text))
    if not matches:
        return text
    match = random.choice(matches)
    return text[: match.start()] + random.choice(TEXTS) + text[match.end() :]


def _line(random: Random, text: str) -> str:
    """A line left out, doubled, or exchanged with another."""
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    first, second = random.randrange(len(lines)), random.randrange(len(lines))
    pick = random.randrange(4)
    if pick == 0:
        del lines[first]
    elif pick == 1:
        lines[second:second] = [lines[first]] * random.choice((1, 1, 2, 300))
    elif pick == 2:
        lines[first], lines[second] = lines[second], lines[first]
    else:
        lines[first] = lines[first].rstrip("\r\n") + random.choice(LINE_ENDS)
    return "".join(lines)


def _space(random: Random, text: str) -> str:
    """Replace a space by another, or by several."""
    matches = list(re.finditer(r"\s", text))
    if not matches:
        return text
    match = random.choice(matches)
    spaces = ("\t", "  ", "", "\xa0", "\u3000", " \t ", "\n", " " * 10_000, *LINE_ENDS)
    return text[: match.start()] + random.choice(spaces) + text[match.end() :]


def _sign(random: Random, text: str) -> str:
    """A character put in or taken out."""
    place = random.randint(0, len(text))
    if random.random() < 0.4:
        return text[:place] + text[place + 1 :]
    signs = '"\\#;=[]{}<>*?!|\0\x1b\ufeff\u202e\ud800é\U0001f600 \t'
    return text[:place] + random.choice(signs) * random.choice((1, 1, 1, 2, 3000)) + text[place:]


def _cut(random: Random, text: str) -> str:
    """Only the beginning or, rarely, the end."""
    place = random.randint(0, len(text))
    return text[:place] if random.random() < 0.8 else text[place:]


WAYS: tuple[Callable[[Random, str], str], ...] = (
    *(_number,) * 3,
    _near,
    _word,
    *(_line,) * 2,
    _space,
    _sign,
    _cut,
)
