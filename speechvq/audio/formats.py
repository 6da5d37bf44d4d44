"""Which kinds of audio files can be read, by their suffixes, and what to do about the others.

The content of a file decides how it is read, never its name: the suffixes serve to find recordings
in a folder, and to give advice.
"""

import shlex
from pathlib import Path


def _suffixes(text: str) -> frozenset[str]:
    return frozenset(text.split())


READABLE = _suffixes(
    ".8svx .aif .aifc .aiff .au .bwf .caf .fla .flac .ircam .mp1 .mp2 .mp3 .mpga .nist .oga "
    ".ogg .opus .paf .pvf .rf64 .snd .sph .svx .voc .w64 .wav .wave"
)
"""Suffixes of audio that is read, in lower case."""

UNREADABLE = _suffixes(
    ".avr .sds .wve .xi "
    ".3g2 .3ga .3gp .3gpp .aa .aac .aax .ac3 .adts .aea .alac .amr .ape .asf .at3 .atrac .awb .dff "
    ".ds2 .dsf .dss .dts .dtshd .dvf .eac3 .ec3 .f4a .flv .gsm .m2a .m4a .m4b .m4p .m4r .m4v .mka "
    ".mkv .mlp .mov .mp4 .mpc .mpeg .mpg .msv .oma .ofr .ogv .ogx .pcm .qcp .ra .ram .raw .rm "
    ".rmvb .shn .sln .spx .tak .thd .tta .ts .vob .vox .vqf .weba .webm .wma .wmv .wv .avi"
)
"""Suffixes of audio, or of video with sound, that is not read, in lower case."""

HEADERLESS = frozenset({".raw", ".pcm", ".sln", ".vox"})
"""Suffixes of samples without a header, which say neither rate nor format."""

KNOWN = "wav, flac, ogg, opus, mp3, aiff, au, caf, w64, sph and more"


def advice(path: Path) -> str:
    """A command, quoted for a shell, that converts a file into one that can be read."""
    source, target = map(_argument, (path, path.with_suffix(".wav")))
    if path.suffix.lower() in HEADERLESS:
        return f"ffmpeg -f s16le -ar 16000 -ac 1 -i {source} {target}"
    if source == target:
        target = _argument(path.with_name(f"{path.stem} converted.wav"))
    return f"ffmpeg -i {source} {target}"


def _argument(path: Path) -> str:
    """A path that neither a shell nor ffmpeg misinterprets."""
    text = str(path)
    if text.startswith("-") or (":" in text and not path.is_absolute()):
        text = f"./{text}"
    return shlex.quote(text)
