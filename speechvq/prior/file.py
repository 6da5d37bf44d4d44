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
from speechvq.codes import CodebookShape, ModelId
from speechvq.config import parse, to_dict
from speechvq.errors import ConfigError, ModelError, SpeechVQError, WrongModel, shown
from speechvq.input import checked_path
from speechvq.limits import (
    CODEBOOKS,
    CODER_BYTES,
    EMBEDDING_BYTES,
    checked_name,
    instance,
    whole_number,
)
from speechvq.nn.isolation import checked_device, isolated, with_weights
from speechvq.nn.precision import check_weights
from speechvq.output import new_file
from speechvq.prior.network import PriorConfig, PriorNetwork
from speechvq.weights import WeightsFile, parse_weights, read_weights

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
        """Raise WrongModel unless this prior covers the first `n_codebooks` of that model.

        Raise ModelError for a network whose weights were changed in type, and for what is no model;
        ConfigError for what is no number of codebooks.
        """
        check_weights(self.network)
        instance(model, ModelId, ModelError, "codes are those of a ModelId")
        whole_number(n_codebooks, range(1, CODEBOOKS + 1), ConfigError, "the number of codebooks")
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
    """Write a prior's file; replace one only with `force`.

    Raises OutputError, or ModelError for one that could not be read.
    """
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
    data = save(weights, {ENTRY: json.dumps(header)})
    _prior_of(parse_weights(data, path, ENTRY, "prior", FORMAT))
    with new_file(path, force=force) as result:
        result.write(data)


@isolated()
@torch.inference_mode(mode=False)
def load_prior(path: str | Path | None = None, *, device: str | torch.device = "cpu") -> Prior:
    """Read a prior from its file; without a path, the bundled prior of the default model.

    Raises ModelError when the file is missing, damaged or of another kind, and ConfigError for a
    device that is not there.
    """
    where = checked_device(device)
    path = shipped.PRIOR if path is None else checked_path(path, ModelError, "prior file")
    prior = _prior_of(read_weights(path, ENTRY, "prior", FORMAT))
    prior.network.to(where).eval()
    return prior


def _prior_of(file: WeightsFile) -> Prior:
    """The prior in a file. Raises ModelError."""
    try:
        header, weights = _current(file.header, file.weights())
        config, pairs = parse(PriorConfig, header["prior"]), header["shapes"]
        whole_number(len(pairs), range(1, CODEBOOKS + 1), ModelError, "the number of its codebooks")
        layers = "the number of its layers, which its file has weights for,"
        whole_number(len(pairs) * config.layers, range(1, len(weights) + 1), ModelError, layers)
        shapes = [CodebookShape(hop, size) for hop, size in pairs]
        table = [(shape.hop, shape.size) for shape in shapes]
        dims = range(2 * EMBEDDING_BYTES + 1)
        speaker_dim = whole_number(header["speaker_dim"], dims, ModelError, "its speaker_dim")
        network = with_weights(lambda: PriorNetwork(config, table, speaker_dim), weights)
        return Prior(
            network,
            checked_name(header["name"], ModelError, "its name"),
            ModelId(header["model"], bytes.fromhex(header["digest"])),
            _thresholds(header["anomaly_thresholds"], len(shapes)),
            file.digest[:CODER_BYTES],
        )
    except KeyError as error:
        raise _damaged(file, f"it lacks {shown(error.args[0])}") from error
    except (SpeechVQError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(file, error) from error


def _damaged(file: WeightsFile, reason: object) -> ModelError:
    return ModelError(f"{file.path} is damaged or made by another speechvq: {reason}")


def _thresholds(values: Any, codebooks: int) -> tuple[float, ...]:  # noqa: ANN401 - of any file
    """Raises ValueError."""
    if not isinstance(values, list) or len(values) not in (0, codebooks):
        raise ValueError(f"its anomaly_thresholds are {shown(values)}")
    if not all(type(bits) in (int, float) for bits in values):
        raise ValueError(f"its anomaly_thresholds are {shown(values)}")
    return tuple(float(bits) for bits in values)


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
        pattern.sub(lambda match: f"{match[1]}.{FORMER_MODULES[match[2]]}.", name): value
        for name, value in weights.items()
    }
    return header, renamed
