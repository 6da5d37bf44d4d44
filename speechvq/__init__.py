"""speechvq: a neural speech codec that turns a waveform into a few streams of tokens and back.

    import speechvq
    codec = speechvq.load()
    codes = codec.encode(wave, sample_rate=16000)
    back = codec.decode(codes)

Importing this package, or `speechvq.codes`, does not import torch.
"""

from typing import TYPE_CHECKING, Any

from speechvq.codes import Codes, read_codes, write_codes
from speechvq.errors import SpeechVQError

if TYPE_CHECKING:
    from speechvq.codec.codec import Codec
    from speechvq.codec.file import load

__version__ = "0.1.0"
__all__ = ["Codec", "Codes", "SpeechVQError", "__version__", "load", "read_codes", "write_codes"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is asked for
    if name == "load":
        from speechvq.codec.file import load

        return load
    if name == "Codec":
        from speechvq.codec.codec import Codec

        return Codec
    raise AttributeError(f"module 'speechvq' has no attribute {name!r}")
