"""Code files and what is in them. Needs no torch."""

from speechvq.codes.file import dump, parse, read_codes, read_header, write_codes
from speechvq.codes.record import Codes, Layer, ModelId

__all__ = ["Codes", "Layer", "ModelId", "dump", "parse", "read_codes", "read_header", "write_codes"]
