"""A prior as a single file: safetensors, weights in half precision, nothing that is code.

One metadata entry, `speechvq-prior`, holds JSON: {"format": 1, "name", "model", "digest",
"shapes", "speaker_dim", "prior", "anomaly_thresholds"}; `model` and `digest` identify the model
whose codes the prior describes.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from speechvq import shipped
from speechvq.codes import ModelId
from speechvq.config import parse, to_dict
from speechvq.errors import ConfigError, ModelError, WrongModel
from speechvq.limits import CODER_BYTES
from speechvq.nn.isolation import isolated, with_weights
from speechvq.output import new_file
from speechvq.prior.network import PriorConfig, PriorNetwork
from speechvq.weights import read_weights

ENTRY, FORMAT = "speechvq-prior", 1


@dataclass(frozen=True)
class Prior:
    """A prior with its name and the model whose codes it describes.

    network: the probabilities of codes
    model: the model that makes the codes
    anomaly_thresholds: bits per second that 95 % of held-out clean speech stay below, with the
      first codebook, the first two ...; empty where not measured
    digest: the first bytes of the SHA-256 of the prior's file; empty where it has none
    """

    network: PriorNetwork
    name: str
    model: ModelId
    anomaly_thresholds: tuple[float, ...] = ()
    digest: bytes = b""

    def check(self, model: ModelId, n_codebooks: int) -> None:
        """Raise WrongModel unless this prior covers the first `n_codebooks` of that model."""
        if self.model != model:
            raise WrongModel(
                f"the prior {self.name} describes the codes of {self.model}, this is {model}; "
                "give one for it with --prior"
            )
        if len(self.network.shapes) < n_codebooks:
            raise WrongModel(
                f"the prior {self.name} has {len(self.network.shapes)} codebooks, the codes have "
                f"{n_codebooks}; give another one with --prior"
            )


def save_prior(path: Path, prior: Prior, *, force: bool = False) -> None:
    """Write a prior's file; replace one only with `force`. Raises OutputError."""
    header = {
        "format": FORMAT,
        "name": prior.name,
        "model": prior.model.name,
        "digest": prior.model.digest.hex(),
        "shapes": prior.network.shapes,
        "speaker_dim": prior.network.speaker_dim,
        "prior": to_dict(prior.network.config),
        "anomaly_thresholds": prior.anomaly_thresholds,
    }
    weights = {
        name: value.detach().cpu().half().contiguous()
        for name, value in prior.network.state_dict().items()
    }
    with new_file(path, force=force) as file:
        file.write(save(weights, {ENTRY: json.dumps(header)}))


@isolated()
@torch.inference_mode(mode=False)
def load_prior(path: str | Path | None = None, *, device: str | torch.device = "cpu") -> Prior:
    """Read a prior from its file; without a path, the bundled prior of the default model.

    Raises ModelError when the file is missing, damaged or of another kind.
    """
    path = Path(path) if path is not None else shipped.PRIOR
    file = read_weights(path, ENTRY, "prior", FORMAT)
    header, weights = _current(file.header, file.weights())
    try:
        shapes = [(int(hop), int(size)) for hop, size in header["shapes"]]
        config = parse(PriorConfig, header["prior"])
        speaker_dim = int(header["speaker_dim"])
        network = with_weights(lambda: PriorNetwork(config, shapes, speaker_dim), weights)
        model = ModelId(str(header["model"]), bytes.fromhex(header["digest"]))
        name = str(header["name"])
        thresholds = tuple(float(bits) for bits in header["anomaly_thresholds"])
    except (ConfigError, RuntimeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ModelError(f"{path} is damaged or made by another speechvq: {reason}") from error
    digest = file.digest[:CODER_BYTES]
    return Prior(network.to(device).eval(), name, model, thresholds, digest)


FORMER_KEYS = {"table": "shapes", "speaker": "speaker_dim", "usual": "anomaly_thresholds"}
FORMER_MODULES = {
    "around": "context_network",
    "before": "previous_code_embedding",
    "coarser": "coarser_embeddings",
    "place": "position_embedding",
    "speaker": "speaker_projection",
    "wavenet.gates": "wavenet.layers",
}


def _current(
    header: dict[str, Any], weights: dict[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Today's names for those of the first prior files, of which the bundled prior is one."""
    header = {FORMER_KEYS.get(key, key): value for key, value in header.items()}
    if isinstance(config := header.get("prior"), dict):
        names = {"around": "context_layers"}
        header["prior"] = {names.get(key, key): value for key, value in config.items()}
    pattern = re.compile(rf"(?<=^streams\.)(\d+)\.({'|'.join(FORMER_MODULES)})\.")
    renamed = {
        pattern.sub(lambda found: f"{found[1]}.{FORMER_MODULES[found[2]]}.", name): value
        for name, value in weights.items()
    }
    return header, renamed
