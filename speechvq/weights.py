"""Weights with a header in one safetensors file; nothing in it is code."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from speechvq.errors import ModelError


def read_weights(
    path: Path, codeword: str, what: str, form: int
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The JSON under the metadata entry, and the weights by name in single precision.

    what: "model" or "prior", for messages
    Raises ModelError when the file is missing, of another kind, or of another format than `form`.
    """
    if not path.is_file():
        raise ModelError(f"there is no {what} file {path}")
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {}).get(codeword, "{}"))
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path} is not a speechvq {what}: {error}") from error
    if not isinstance(header, dict) or "format" not in header:
        raise ModelError(f"{path} is not a speechvq {what}: its header says nothing of one")
    if header["format"] != form:
        raise ModelError(f"{path} has {what} format {header['format']}, this speechvq reads {form}")
    return header, weights
