"""EnCodec, Mimi, SNAC and DAC as pairs of functions, with random weights: nothing is downloaded.

Random weights need exactly the arithmetic of trained ones. Weight normalization is folded into the
weights first, as for use, and codebooks, which are initialized as zeros, are filled with noise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.utils import parametrize

from speechvq.extras import needed

Coder = Callable[[Any], Any]


@dataclass(frozen=True)
class System:
    """A codec to time: a waveform at `rate` Hz to codes, and codes to a waveform.

    parameters: number of parameters, without codebooks
    encode: this codec takes arrays (t,), the others tensors (1, 1, t)
    """

    name: str
    parameters: int
    rate: int
    encode: Coder
    decode: Coder


def encodec(kbps: float) -> System:
    """EnCodec 24 kHz (Défossez et al. 2022)."""
    hub = transformers()
    model = ready(hub.EncodecModel(hub.EncodecConfig()))
    name = f"EnCodec 24 kHz, {kbps:g} kbit/s"
    return System(
        name,
        weights(model),
        24_000,
        lambda wave: model.encode(wave, bandwidth=kbps),
        lambda codes: model.decode(codes.audio_codes, codes.audio_scales).audio_values,
    )


def mimi() -> System:
    """Mimi with 8 codebooks, 1.1 kbit/s (Défossez et al. 2024)."""
    hub = transformers()
    model = ready(hub.MimiModel(hub.MimiConfig()))
    return System(
        "Mimi, 8 codebooks",
        weights(model),
        24_000,
        lambda wave: model.encode(wave, num_quantizers=8).audio_codes,
        lambda codes: model.decode(codes).audio_values,
    )


def snac() -> System:
    """SNAC 24 kHz, 0.98 kbit/s (Siuzdak et al. 2024), in the shape of its speech model."""
    with needed("timing other codecs", "bench"):
        from snac import SNAC  # pyright: ignore[reportMissingImports]
    shape: dict[str, Any] = {
        "encoder_dim": 48,
        "encoder_rates": [2, 4, 8, 8],
        "decoder_dim": 1024,
        "decoder_rates": [8, 8, 4, 2],
    }
    model = ready(SNAC(sampling_rate=24_000, attn_window_size=None, vq_strides=[4, 2, 1], **shape))
    return System("SNAC 24 kHz", weights(model), 24_000, model.encode, model.decode)


def dac() -> System:
    """DAC 16 kHz, 6 kbit/s (Kumar et al. 2023)."""
    rates = {
        "downsampling_ratios": [2, 4, 5, 8],
        "upsampling_ratios": [8, 5, 4, 2],
        "hop_length": 320,
    }
    hub = transformers()
    model = ready(hub.DacModel(hub.DacConfig(n_codebooks=12, **rates)))
    return System(
        "DAC 16 kHz",
        weights(model),
        16_000,
        lambda wave: model.encode(wave).audio_codes,
        lambda codes: model.decode(audio_codes=codes).audio_values,
    )


PEERS: dict[str, Callable[[], System]] = {
    "encodec": lambda: encodec(1.5),
    "encodec-6": lambda: encodec(6.0),
    "mimi": mimi,
    "snac": snac,
    "dac": dac,
}


def transformers() -> Any:  # noqa: ANN401 - a module
    """The package of that name. Raises MissingExtra."""
    with needed("timing other codecs", "bench"):
        import transformers  # pyright: ignore[reportMissingImports]
    return transformers


def weights(model: nn.Module) -> int:
    """Number of parameters, without codebooks (most of the others keep theirs as buffers)."""
    return sum(value.numel() for name, value in model.named_parameters() if "codebook" not in name)


def ready(model: nn.Module) -> Any:  # noqa: ANN401 - a model of transformers or of snac
    """Fold weight normalization into weights, and fill empty codebooks."""
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
    for name, value in model.named_buffers():
        if name.endswith((".embed", ".embed_sum")):
            value.normal_()
    return model.eval()
