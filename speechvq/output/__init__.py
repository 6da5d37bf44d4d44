"""Results appear completely or not at all, and overwrite nothing unasked."""

from speechvq.output.files import new_file
from speechvq.output.folders import claimed_folder, make_folder, new_folder
from speechvq.output.partial import discard
from speechvq.output.targets import check_sources, check_writable, failure

__all__ = [
    "check_sources",
    "check_writable",
    "claimed_folder",
    "discard",
    "failure",
    "make_folder",
    "new_file",
    "new_folder",
]
