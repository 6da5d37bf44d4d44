"""Models as single files: weights in half precision, configuration and voices in the header, no code.

A model file is a safetensors file with one metadata entry, `speechvq`, holding JSON:

    {"format": 1, "name": ..., "codec": {...}, "voices": [{"name": ..., "vector": hex, "facts":
    {...}}, ...]}

Its identity is the SHA-256 of the whole file, so codes name exactly the weights that made them.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from glob import escape
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from speechvq.codec.codec import Codec
from speechvq.codec.config import CodecConfig
from speechvq.codec.network import Network
from speechvq.codec.voices import Voice
from speechvq.codes import ModelId
from speechvq.codes.tables import SUFFIX, Tables, load_tables
from speechvq.config import parse, to_dict
from speechvq.errors import ConfigError, ModelError
from speechvq.output import new_file
from speechvq.weights import read_weights

DEFAULT = Path(__file__).parents[1] / "models" / "base5.safetensors"
FORMAT = 1


def load(path: str | Path | None = None, *, device: str | torch.device = "cpu") -> Codec:
    """Load a model file, or the default model that comes with the package. Raises ModelError."""
    path = Path(path) if path is not None else DEFAULT
    header, weights = _current(*read_weights(path, "speechvq", "model", FORMAT))
    digest = hashlib.sha256(path.read_bytes()).digest()[:8]
    try:
        network = Network(parse(CodecConfig, header["codec"]))
        network.load_state_dict(weights)
        voices = [_voice(row, network.config.speaker.size) for row in header["voices"]]
        name = str(header["name"])
    except (ConfigError, RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ModelError(f"{path} is damaged or made by another speechvq: {reason}") from error
    return Codec(network.to(device), ModelId(name, digest), voices)


def tables_beside(path: str | Path | None) -> list[Tables]:
    """The tables for codes of a model file NAME.safetensors: NAME.tables, and earlier ones, kept as NAME.<digest>.tables.

    Those of other weights, which had the file's name before, are left out. None as path is the
    default model, whose tables are found without help. Raises ModelError.
    """
    if path is None or not Path(path).is_file():
        return []
    path = Path(path)
    digest = hashlib.sha256(path.read_bytes()).digest()[:8]
    names = [
        path.with_suffix(SUFFIX),
        *sorted(path.parent.glob(f"{escape(path.stem)}.????????{SUFFIX}")),
    ]
    found = [load_tables(name) for name in names if name.is_file()]
    return [one for one in found if one.model.digest == digest]


def _current(
    header: dict[str, Any], weights: dict[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A model file of the first months, which the default model still is, in today's names."""
    codec = dict(header.get("codec", {}))
    codec = {"content_codebooks": codec.pop("content_layers", 1)} | codec
    if "levels" in codec:
        codec["levels"] = [_current_level(level) for level in codec["levels"]]
    renamed = {
        re.sub(r"\.codebook$", ".codewords", name.replace(".quantizers.", ".quantizer.")): value
        for name, value in weights.items()
    }
    return header | {"codec": codec}, renamed


OPTIONS = {
    "vq": {"learned": "update", "shared": "shared", "candidates": "beam"},
    "cosine": {"lookup": "lookup_dim", "shared": "shared"},
    "sq": {"variance": "variance", "shared": "shared", "candidates": "beam"},
    "gumbel": {},
}
"""Options of quantizers as the first model files call them, and as they are called today."""


def _current_level(level: dict[str, Any]) -> dict[str, Any]:
    """A level that had the options of all quantizers side by side, in today's names."""
    if isinstance(level.get("quantizer"), dict):
        return level
    kind = level.get("quantizer", "vq")
    names = {"size": "codebook_size", "width": "dim"} | OPTIONS[kind]
    quantizer = {new: level[old] for old, new in names.items() if old in level}
    if "update" in quantizer:
        quantizer["update"] = {"means": "ema", "loss": "gradient"}[quantizer["update"]]
    return {
        "stage": level["stage"],
        "codebooks": level["layers"],
        "quantizer": {"kind": kind} | quantizer,
    }


def _voice(row: dict[str, Any], size: int) -> Voice:
    voice = Voice(row["name"], bytes.fromhex(row["vector"]), row["facts"])
    if 2 * len(voice.vector) < size:
        raise ValueError(f"the vector of voice {voice.name} is too short")
    return voice


def save_model(path: Path, network: Network, name: str, voices: Sequence[Voice]) -> None:
    """Write a model file. Raises OutputError."""
    rows = [
        {"name": voice.name, "vector": voice.vector.hex(), "facts": voice.facts} for voice in voices
    ]
    header = {"format": FORMAT, "name": name, "codec": to_dict(network.config), "voices": rows}
    weights = {
        key: value.detach().cpu().half().contiguous() for key, value in network.state_dict().items()
    }
    with new_file(path) as partial:
        partial.write_bytes(save(weights, {"speechvq": json.dumps(header, ensure_ascii=False)}))
