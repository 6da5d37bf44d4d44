"""Everything that can go wrong for a user, as one small tree.

SpeechVQError
├── AudioError        a file that cannot be read, or holds nothing that can be encoded
├── CodesError        a code file that is not one, is damaged, or does not fit the model
│   ├── NotACodesFile
│   ├── NewerVersion
│   ├── DamagedCodes
│   ├── MissingCoder
│   └── WrongModel
├── AlignmentError    a phone alignment that cannot be read, or says something impossible
├── ConfigError       a configuration that cannot exist
├── ManifestError     a list of training files that cannot be used
├── ModelError        a model file that is missing or damaged
├── SpeakerError      a voice that the model does not have
├── OutputError       a result that cannot be written
├── TrainingError     a run that cannot start, resume or go on
├── UnitsError        codes, labels, items or boundaries that cannot be measured together
└── MissingExtra      an optional package that is not installed

Each message says what is wrong, where, and what to do. The command line prints it as one sentence
and exits with 1. What a message quotes of the input goes through `shown`; file names and all else
that a terminal might obey are printable in the text of every error.

An `AudioWarning` is no error: the work goes on, and the command line prints it even with --quiet.
"""

import reprlib

from speechvq.printable import printable

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_LONGEST = 120  # characters of tables within tables


def shown(value: object) -> str:
    """A value as a message quotes it: in one line, printable, and short however long it is."""
    try:
        text = " ".join(_SHORT.repr(value).split())
        text = text if text.isprintable() else ascii(text)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    except (ValueError, RecursionError):  # a number of thousands of digits
        return f"a value of type {type(value).__name__}"


class SpeechVQError(Exception):
    """Base of every error that bad input can cause."""

    def __str__(self) -> str:
        """The message as a terminal can show it, whatever file names it quotes."""
        return printable(super().__str__())


class AudioError(SpeechVQError):
    """An audio file cannot be read, or holds nothing that can be encoded."""


class AudioWarning(UserWarning):
    """Sound is missing, left out or clipped: what was read or written is not all that there is."""

    def __str__(self) -> str:
        """As that of errors."""
        return printable(super().__str__())


class CodesError(SpeechVQError):
    """A code file cannot be used."""


class NotACodesFile(CodesError):
    """The file does not begin like a code file."""


class NewerVersion(CodesError):
    """The file was written by a newer speechvq."""


class DamagedCodes(CodesError):
    """The file is truncated, changed, or says something impossible."""


class MissingCoder(CodesError):
    """The file was coded with tables or a prior that are not in hand."""


class WrongModel(CodesError):
    """The file was written with another model than the one in hand."""


class AlignmentError(SpeechVQError):
    """A phone alignment cannot be read or written, or says something impossible."""


class ConfigError(SpeechVQError):
    """A configuration value is unknown, of the wrong type, or impossible."""


class ManifestError(SpeechVQError):
    """A manifest cannot be read or lists nothing that can be used."""


class ModelError(SpeechVQError):
    """A model file is missing or damaged."""


class SpeakerError(SpeechVQError):
    """The model has no such voice."""


class OutputError(SpeechVQError):
    """A result cannot be written where it was asked for."""


class TrainingError(SpeechVQError):
    """A training run cannot start, resume or go on."""


class UnitsError(SpeechVQError):
    """Codes, labels, items or boundaries cannot be read, or not be measured together."""


class MissingExtra(SpeechVQError):
    """An optional package is needed and not installed."""
