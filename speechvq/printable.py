r"""Text of files, file names, options and libraries, made safe to print.

A terminal obeys what it is sent: escape characters color, move, retitle, and some terminals paste;
marks of direction turn words around; separators begin lines that look like ours. What this program
prints passes through here, so that such characters are seen, as `\x1b`, and not obeyed.
"""

import unicodedata

JOINERS = "\u200c\u200d"
"""Invisible, too, but they do no more than shape letters and emoji."""

CONTROL_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of control and format characters, lone surrogates, and separators of lines."""


def printable(text: str, *, keep: str = "") -> str:
    """The text with each character that a terminal might obey as an escape sequence of Python.

    keep: control characters that are ours
    """
    if text.isprintable():
        return text
    return "".join(
        character if character in keep or not _is_control(character) else _escape(character)
        for character in text
    )


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in CONTROL_CATEGORIES and character not in JOINERS


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
