"""speechvq: a neural speech codec that turns a waveform into a few streams of tokens and back.

    import speechvq
    codec = speechvq.load()
    codes = codec.encode(wave, sample_rate=16000)
    back = codec.decode(codes)

The names below are the public interface. They are imported when they are first used: importing this
package, or `speechvq.codes`, does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speechvq.codec.codec import Codec
    from speechvq.codec.file import load
    from speechvq.codec.reconstruction import Reconstruction
    from speechvq.codec.voices import Voice
    from speechvq.codes import Codes, read_codes, write_codes
    from speechvq.errors import SpeechVQError
    from speechvq.prior.file import Prior, load_prior
    from speechvq.prior.generate import generate
    from speechvq.prior.integer.coder import PriorCoder
    from speechvq.prior.rate_distortion import RateDistortion
    from speechvq.prior.score import score

__version__ = "0.1.0"
__all__ = [
    "Codec",
    "Codes",
    "Prior",
    "PriorCoder",
    "RateDistortion",
    "Reconstruction",
    "SpeechVQError",
    "Voice",
    "__version__",
    "generate",
    "load",
    "load_prior",
    "read_codes",
    "score",
    "write_codes",
]

_MODULES = {
    "Codec": "codec.codec",
    "Codes": "codes",
    "Prior": "prior.file",
    "PriorCoder": "prior.integer.coder",
    "RateDistortion": "prior.rate_distortion",
    "Reconstruction": "codec.reconstruction",
    "SpeechVQError": "errors",
    "Voice": "codec.voices",
    "generate": "prior.generate",
    "load": "codec.file",
    "load_prior": "prior.file",
    "read_codes": "codes",
    "score": "prior.score",
    "write_codes": "codes",
}
"""The module of each public name."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the public names
    if name not in _MODULES:
        raise AttributeError(f"module 'speechvq' has no attribute {name!r}")
    return getattr(import_module(f"speechvq.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
