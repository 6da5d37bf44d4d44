"""Model files: reading one into a codec, and writing one. `codec/header.py` has the format."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save

from speechvq.codec.codec import Codec
from speechvq.codec.config import CodecConfig
from speechvq.codec.former import current_name
from speechvq.codec.header import ENTRY, FORMAT, ModelHeader, model_header, read_model
from speechvq.codec.network import Network
from speechvq.codec.voices import Voice
from speechvq.config import parse, to_dict
from speechvq.errors import ConfigError, ModelError
from speechvq.nn.isolation import checked_device, isolated, with_weights
from speechvq.output import new_file
from speechvq.weights import WeightsFile, parse_weights


@isolated()
@torch.inference_mode(mode=False)
def load(path: str | Path | None = None, *, device: str | torch.device = "cpu") -> Codec:
    """Load a model file, or the default model, which is bundled.

    Its weights are frozen; `codec.network.requires_grad_()` prepares them for fine-tuning. Raises
    ModelError, and ConfigError for a device that is not there.
    """
    where = checked_device(device)
    header, file = read_model(path)
    network = _network(header, file).requires_grad_(requires_grad=False)
    return Codec(network.to(where), header.model, header.voices)


def _network(header: ModelHeader, file: WeightsFile) -> Network:
    """The network of a file. Raises ModelError."""
    weights = {current_name(name): value for name, value in file.weights().items()}
    try:
        config = parse(CodecConfig, header.config)
        return with_weights(lambda: Network(config), weights)
    except (ConfigError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ModelError(f"{file.path} is damaged or made by another speechvq: {reason}") from error


def save_model(
    path: Path, network: Network, name: str, voices: Sequence[Voice], *, force: bool = False
) -> None:
    """Write a model file; replace one only with `force`.

    Raises OutputError, or ModelError for one that could not be read.
    """
    rows = [
        {"name": voice.name, "embedding": voice.embedding.hex(), "metadata": dict(voice.metadata)}
        for voice in voices
    ]
    header = {"format": FORMAT, "name": name, "codec": to_dict(network.config), "voices": rows}
    weights = {
        key: value.detach().cpu().half().contiguous() for key, value in network.state_dict().items()
    }
    data = save(weights, {ENTRY: json.dumps(header, ensure_ascii=False)})
    file = parse_weights(data, path, ENTRY, "model", FORMAT)
    _network(model_header(file), file)
    with new_file(path, force=force) as result:
        result.write(data)
