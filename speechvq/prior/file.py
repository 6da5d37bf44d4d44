"""A prior as a single file: safetensors, weights in half precision, no code.

One metadata entry, `speechvq-prior`, holds JSON: {"format": 1, "name", "model", "digest", "table",
"speaker", "prior", "usual"}; `model` and `digest` say whose codes it knows.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save

from speechvq.codes import ModelId
from speechvq.codes.header import CODER
from speechvq.config import parse, to_dict
from speechvq.errors import ConfigError, ModelError
from speechvq.output import new_file
from speechvq.prior.network import Prior, PriorConfig
from speechvq.weights import read_weights

ENTRY, FORMAT = "speechvq-prior", 1

DEFAULT = Path(__file__).parent.parent / "models" / "base5-prior.safetensors"


@dataclass(frozen=True)
class NamedPrior:
    """A prior, its name, and the model whose codes it knows.

    usual: bits a second that nearly all clean speech stays below, with the first codebook, the first
      two ...; empty: not known
    digest: the first bytes of the SHA-256 of its file, if it has one
    """

    prior: Prior
    name: str
    model: ModelId
    usual: tuple[float, ...] = ()
    digest: bytes = b""


def save_prior(path: Path, named: NamedPrior) -> None:
    """Write a prior's file. Raises OutputError."""
    prior = named.prior
    header = {
        "format": FORMAT,
        "name": named.name,
        "model": named.model.name,
        "digest": named.model.digest.hex(),
        "table": prior.shapes,
        "speaker": prior.speaker,
        "prior": to_dict(prior.config),
        "usual": named.usual,
    }
    weights = {
        name: value.detach().cpu().half().contiguous() for name, value in prior.state_dict().items()
    }
    with new_file(path) as partial:
        partial.write_bytes(save(weights, {ENTRY: json.dumps(header)}))


def load_prior(path: str | Path | None = None, *, device: str | torch.device = "cpu") -> NamedPrior:
    """Read a prior's file, or the default model's prior, which comes with the package. Raises ModelError."""
    path = Path(path) if path is not None else DEFAULT
    header, weights = read_weights(path, ENTRY, "prior", FORMAT)
    try:
        shapes = [(int(hop), int(size)) for hop, size in header["table"]]
        prior = Prior(parse(PriorConfig, header["prior"]), shapes, int(header["speaker"]))
        prior.load_state_dict(weights)
        model = ModelId(str(header["model"]), bytes.fromhex(header["digest"]))
        name, usual = str(header["name"]), tuple(float(bits) for bits in header["usual"])
    except (ConfigError, RuntimeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ModelError(f"{path} is damaged or made by another speechvq: {reason}") from error
    digest = hashlib.sha256(path.read_bytes()).digest()[:CODER]
    return NamedPrior(prior.to(device).eval(), name, model, usual, digest)
