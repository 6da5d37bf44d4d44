"""Code files and what is in them. Needs numpy alone: a file can be inspected without torch."""

from speechvq.codes.file import dump, parse, read_codes, write_codes
from speechvq.codes.record import Codes, Layer, ModelId

__all__ = ["Codes", "Layer", "ModelId", "dump", "parse", "read_codes", "write_codes"]
