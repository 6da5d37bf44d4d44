"""Initialization from the weights of a model, which may be smaller than what is trained."""

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
    """Initialize a network from a model file.

    Returns the codebooks that the network has and the model lacks.

    Blocks that the model lacks, at the ends of stages, pass everything on unchanged at first (Chen
    et al. 2016, "Net2Net"). Raises ModelError, or ConfigError when the model differs in more than
    having fewer codebooks in levels or blocks in stages.
    """
    model = load(None if source == "default" else source).network
    if not _fits(model.config, network.config):
        raise ConfigError(
            f"run.init_from: {source} has another network than [codec] describes; copy the [codec] "
            "of its experiment"
        )
    weights = _moved(model.state_dict(), model.config.decoder, network.config.decoder)
    missing = set(network.load_state_dict(weights, strict=False).missing_keys)
    for name, module in network.named_modules():
        if isinstance(module, Block) and f"{name}.contract.weight" in missing:
            nn.init.zeros_(module.contract.weight)
    return [
        module
        for name, module in network.named_modules()
        if isinstance(module, Codebook) and f"{name}.codewords" in missing
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
            replace(old, codebooks=new.codebooks, quantizer=new.quantizer)
            if old.quantizer.greedy == new.quantizer.greedy
            else old
            for old, new in levels
        ),
        encoder=_grown(have.encoder, want.encoder),
        decoder=_grown(have.decoder, want.decoder),
        content_codebooks=want.content_codebooks,
    )
    return grown == want and all(old.codebooks <= new.codebooks for old, new in levels)


def _grown(have: Sequence[StageConfig], want: Sequence[StageConfig]) -> tuple[StageConfig, ...]:
    """Stages with the blocks of `want`, where those follow the ones there are."""
    stages = []
    for old, new in zip(have, want, strict=True):
        follows = new.lookahead[: len(old.lookahead)] == old.lookahead
        stages.append(replace(old, lookahead=new.lookahead) if follows else old)
    return tuple(stages)


def _moved(
    weights: dict[str, Tensor], have: Sequence[StageConfig], want: Sequence[StageConfig]
) -> dict[str, Tensor]:
    """Weights under the names that a decoder with more blocks has for them.

    Its layers are numbered through all stages.
    """
    numbers, added = [], 0
    for old, new in zip(have, want, strict=True):
        numbers += [len(numbers) + added + i for i in range(1 + len(old.lookahead))]
        added += len(new.lookahead) - len(old.lookahead)
    numbers.append(len(numbers) + added)
    renamed = {}
    for name, weight in weights.items():
        if name.startswith(DECODER):
            index, _, rest = name.removeprefix(DECODER).partition(".")
            renamed[f"{DECODER}{numbers[int(index)]}.{rest}"] = weight
        else:
            renamed[name] = weight
    return renamed
