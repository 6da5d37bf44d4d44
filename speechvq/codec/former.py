"""Names in model files of the first months, of which the bundled model is one, as today's names.

The bytes of these files never change, so what they call otherwise is translated when it is read.
"""

import re
from typing import Any

_OPTIONS = {
    "vq": {"learned": "update", "shared": "shared", "candidates": "beam"},
    "cosine": {"lookup": "lookup_dim", "shared": "shared"},
    "sq": {"variance": "variance", "shared": "shared", "candidates": "beam"},
    "gumbel": {},
}
"""Options of each kind of quantizer."""


def current_config(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the network. Raises KeyError for a former one that lacks a key."""
    names = {"content_layers": "content_codebooks"}
    levels = [_current_level(level) for level in config["levels"]]
    return {names.get(key, key): value for key, value in config.items()} | {"levels": levels}


def current_name(weight: str) -> str:
    """The name of a weight."""
    return re.sub(r"\.codebook$", ".codewords", weight.replace(".quantizers.", ".quantizer."))


def current_voice(voice: dict[str, Any]) -> dict[str, Any]:
    """A voice."""
    names = {"vector": "embedding", "facts": "metadata"}
    return {names.get(key, key): value for key, value in voice.items()}


def _current_level(level: dict[str, Any]) -> dict[str, Any]:
    """A level, which formerly had the options of all quantizers side by side."""
    if isinstance(level["quantizer"], dict):
        return level
    names = {"size": "codebook_size", "width": "dim"} | _OPTIONS[level["quantizer"]]
    quantizer = {new: level[old] for old, new in names.items() if old in level}
    if "update" in quantizer:
        quantizer["update"] = {"means": "ema", "loss": "gradient"}[quantizer["update"]]
    kind = {"kind": level["quantizer"]}
    return {"stage": level["stage"], "codebooks": level["layers"], "quantizer": kind | quantizer}
