r"""Spectrograms of a clip: recorded, decoded from all codebooks, from few, and in another voice.

    python -m recipes.evaluate.picture clip.flac docs/img/spectrograms.png \
        [--codebooks 2] [--speaker slt]

Each title gives the bit rate of the real file: of the clip as it is on disk, and of the code file
of what is shown.
"""

import sys
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

import speechvq
from recipes.script import ModelFile, run
from speechvq.audio.reading import Wave, inspect, read_mono
from speechvq.codes import Codes, dump
from speechvq.extras import needed
from speechvq.output import check_writable, new_file

with needed("the picture", "plots"):
    import librosa
    import librosa.display
    import matplotlib as mpl
    from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DYNAMIC_RANGE = 70
"""Decibels below the maximum of each panel that are shown."""

TICKS = (0, 500, 1000, 2000, 4000, 8000)
"""Of the frequency axis, in hertz."""


def main(
    clip: Annotated[Path, typer.Argument(help="An audio file.")],
    picture: Annotated[Path, typer.Argument(help="The PNG file to write.")],
    codebooks: Annotated[int, typer.Option(help="How many codebooks are few.", min=1)] = 2,
    speaker: Annotated[str, typer.Option(help="The other voice; see `speechvq speakers`.")] = "slt",
    seconds: Annotated[float, typer.Option(help="Use at most this much of the clip.")] = 4.0,
    model: ModelFile = None,
) -> None:
    """Draw four spectrograms of one clip into a PNG file."""
    check_writable(picture, force=True, sources=[clip, *([model] if model else [])])
    codec = speechvq.load(model)
    source, rate = inspect(clip), codec.sample_rate
    wave = read_mono(clip, rate)[: round(seconds * rate)]
    codes = codec.encode(wave)
    few = codec.encode(wave, codebooks=codebooks)
    content = codec.encode(wave, codebooks=codec.content_codebooks)
    on_disk = 8 * clip.stat().st_size / source.seconds / 1000
    panels = {
        f"recording, {clip.suffix[1:].upper()} file: {on_disk:.0f} kbit/s": wave,
        f"decoded from all {len(codes.shapes)} codebooks: {_kbps(codes)}": codec.decode(codes),
        f"decoded from {_count(few)}: {_kbps(few)}": codec.decode(few),
        f"in the voice of {speaker}, from {_count(content)}: {_kbps(content)}": codec.decode(
            content, speaker
        ),
    }
    draw(panels, rate, picture)
    print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB", file=sys.stderr)


def _kbps(codes: Codes) -> str:
    return f"{8 * len(dump(codes)) / codes.seconds / 1000:.2f} kbit/s"


def _count(codes: Codes) -> str:
    count = len(codes.shapes)
    return f"{count} codebook{'s' if count > 1 else ''}"


def style() -> AbstractContextManager[None]:
    """The style of the pictures of the documentation."""
    return mpl.rc_context(
        {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": "#888888",
            "axes.titlelocation": "left",
            "axes.titlesize": 12,
            "font.size": 11,
        }
    )


def draw(panels: dict[str, Wave], rate: int, target: Path) -> None:
    """Write four spectrograms as one PNG file of 1200 x 700 pixels. panels: title to wave (t,)."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(
            2, 2, figsize=(12, 7), dpi=100, sharex=True, sharey=True, layout="constrained"
        )
        for position, (axis, (title, wave)) in enumerate(
            zip(axes.flat, panels.items(), strict=True)
        ):
            power = librosa.feature.melspectrogram(
                y=wave, sr=rate, n_fft=1024, win_length=640, hop_length=160, n_mels=80
            )
            decibels = librosa.power_to_db(power, ref=np.max, top_db=DYNAMIC_RANGE)
            librosa.display.specshow(
                decibels,
                sr=rate,
                hop_length=160,
                x_axis="time",
                y_axis="mel",
                ax=axis,
                cmap="magma",
                vmin=-DYNAMIC_RANGE,
                vmax=0,
            )
            bottom, left = position >= 2, position % 2 == 0
            axis.set(
                title=title, xlabel="seconds" if bottom else "", ylabel="hertz" if left else ""
            )
            axis.set_yticks([hertz for hertz in TICKS if hertz <= rate / 2])
        save(figure, target, 128)


def save(figure: "Figure", target: Path, colors: int) -> None:
    """Write a figure as a PNG file with few colors, and close it."""
    from matplotlib import pyplot as plt

    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    picture = Image.open(buffer).convert("RGB").quantize(colors, dither=Image.Dither.NONE)
    with new_file(target, force=True) as file:
        picture.save(file, "PNG", optimize=True)


if __name__ == "__main__":
    run(main)
