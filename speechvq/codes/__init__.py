"""Code files and what is in them. Needs no torch."""

from speechvq.codes.file import dump, parse, read_codes, read_header, write_codes
from speechvq.codes.record import CodebookShape, Codes, ModelId

__all__ = [
    "CodebookShape",
    "Codes",
    "ModelId",
    "dump",
    "parse",
    "read_codes",
    "read_header",
    "write_codes",
]
