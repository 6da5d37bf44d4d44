"""A run that begins with the weights of a model, which may be smaller than what is trained."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from speechvq.codec.config import CodecConfig
from speechvq.codec.file import load
from speechvq.codec.network import Network
from speechvq.errors import ConfigError
from speechvq.nn.blocks import Block
from speechvq.nn.encoder import StageConfig
from speechvq.quantize.codebook import Codebook

DECODER = "decoder.layers."


def init_from(network: Network, source: str) -> list[Codebook]:
    """Give a new network the weights of a model file.

    Returns the codebooks that the network has and the model lacks.

    Blocks that the model lacks, at the ends of stages, pass everything on unchanged at first (Chen
    et al. 2016, "Net2Net"). Raises ModelError, or ConfigError when the model differs in more than
    having fewer codebooks in levels or blocks in stages.
    """
    model = load(None if source == "default" else source).network
    if not _fits(model.config, network.config):
        raise ConfigError(
            f"run.init_from: {source} has another network than [codec] describes; copy its [codec]"
        )
    weights = _moved(model.state_dict(), model.config.decoder, network.config.decoder)
    missing = set(network.load_state_dict(weights, strict=False).missing_keys)
    for name, one in network.named_modules():
        if isinstance(one, Block) and f"{name}.contract.weight" in missing:
            nn.init.zeros_(one.contract.weight)
    return [
        one
        for name, one in network.named_modules()
        if isinstance(one, Codebook) and f"{name}.codewords" in missing
    ]


def _fits(have: CodecConfig, want: CodecConfig) -> bool:
    """Whether `want` is `have` but for further codebooks, further blocks and the search."""
    if any(
        len(getattr(have, name)) != len(getattr(want, name))
        for name in ("levels", "encoder", "decoder")
    ):
        return False
    levels = list(zip(have.levels, want.levels, strict=True))
    grown = replace(
        have,
        levels=tuple(
            replace(one, codebooks=more.codebooks, quantizer=more.quantizer)
            if one.quantizer.greedy == more.quantizer.greedy
            else one
            for one, more in levels
        ),
        encoder=_grown(have.encoder, want.encoder),
        decoder=_grown(have.decoder, want.decoder),
        content_codebooks=want.content_codebooks,
    )
    return grown == want and all(one.codebooks <= more.codebooks for one, more in levels)


def _grown(have: Sequence[StageConfig], want: Sequence[StageConfig]) -> tuple[StageConfig, ...]:
    """Stages with the blocks of `want`, where those follow the ones there are."""
    found = []
    for one, more in zip(have, want, strict=True):
        follows = more.lookahead[: len(one.lookahead)] == one.lookahead
        found.append(replace(one, lookahead=more.lookahead) if follows else one)
    return tuple(found)


def _moved(
    weights: dict[str, Tensor], have: Sequence[StageConfig], want: Sequence[StageConfig]
) -> dict[str, Tensor]:
    """Weights under the names that a decoder with more blocks has for them.

    Its layers are numbered through all stages.
    """
    place, further = [], 0
    for one, more in zip(have, want, strict=True):
        place += [len(place) + further + i for i in range(1 + len(one.lookahead))]
        further += len(more.lookahead) - len(one.lookahead)
    place.append(len(place) + further)
    found = {}
    for name, weight in weights.items():
        if name.startswith(DECODER):
            index, _, rest = name.removeprefix(DECODER).partition(".")
            found[f"{DECODER}{place[int(index)]}.{rest}"] = weight
        else:
            found[name] = weight
    return found
