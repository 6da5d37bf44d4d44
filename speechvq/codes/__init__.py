"""Code files and what is in them. Nothing here needs torch."""

from speechvq.codes.file import (
    CodeFile,
    dump,
    open_codes,
    parse,
    read_codes,
    read_header,
    write_codes,
)
from speechvq.codes.record import CodeArrays, CodebookShape, Codes, ModelId

__all__ = [
    "CodeArrays",
    "CodeFile",
    "CodebookShape",
    "Codes",
    "ModelId",
    "dump",
    "open_codes",
    "parse",
    "read_codes",
    "read_header",
    "write_codes",
]
