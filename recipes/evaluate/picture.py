"""A picture of what the codec keeps: spectrograms of a clip, decoded at all codebooks, at few, and in another voice.

    python -m recipes.evaluate.picture clip.flac docs/img/spectrograms.png [--codebooks 2] [--speaker slt]

Each title gives the rate of the real file: of the clip as it is on disk, and of the code file of
what is shown.
"""

import sys
from io import BytesIO
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import speechvq
from speechvq.audio.files import Wave, inspect, read_mono
from speechvq.codes import Codes, dump
from speechvq.errors import SpeechVQError
from speechvq.output import check_writable, new_file

try:
    import librosa
    import matplotlib as mpl
    from matplotlib import pyplot as plt
    from matplotlib.figure import Figure
    from PIL import Image
except ModuleNotFoundError as error:
    sys.exit(f"the picture needs {error.name}: pip install 'speechvq[plots]'")

FLOOR = -70
"""Decibels below the loudest moment of each panel that are shown."""


def main(
    clip: Annotated[Path, typer.Argument(help="An audio file.")],
    picture: Annotated[Path, typer.Argument(help="The PNG to write.")],
    codebooks: Annotated[int, typer.Option(help="How many codebooks are few.", min=1)] = 2,
    speaker: Annotated[str, typer.Option(help="The other voice; see `speechvq speakers`.")] = "slt",
    seconds: Annotated[float, typer.Option(help="Use at most so much of the clip.")] = 4.0,
    model: Annotated[
        Path | None, typer.Option(help="A model file instead of the default one.")
    ] = None,
) -> None:
    """Draw four spectrograms of one clip into a PNG."""
    check_writable(picture, force=True)
    codec = speechvq.load(model)
    source = inspect(clip)
    rate = codec.sample_rate
    wave = read_mono(clip, rate)[: round(seconds * rate)]
    codes = codec.encode(wave)
    few, content = (
        codec.encode(wave, codebooks=depth) for depth in (codebooks, codec.content_codebooks)
    )
    on_disk = 8 * clip.stat().st_size / source.seconds / 1000
    panels = {
        f"recording, {clip.suffix[1:].upper()} file: {on_disk:.0f} kbit/s": wave,
        f"decoded from all {len(codes.shapes)} codebooks: {_kbps(codes)}": codec.decode(codes),
        f"decoded from {_layers(few)}: {_kbps(few)}": codec.decode(few),
        f"in the voice of {speaker}, from {_layers(content)}: {_kbps(content)}": codec.decode(
            content, speaker
        ),
    }
    draw(panels, rate, picture)
    print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB", file=sys.stderr)


def _kbps(codes: Codes) -> str:
    return f"{8 * len(dump(codes)) / codes.seconds / 1000:.2f} kbit/s"


def _layers(codes: Codes) -> str:
    count = len(codes.shapes)
    return f"{count} codebook{'s' if count > 1 else ''}"


def draw(panels: dict[str, Wave], rate: int, target: Path) -> None:
    """Write spectrograms of the waves, in two columns under their titles, as one PNG of 1200 x 700 in 128 colours."""
    quiet = {
        "axes.spines.top": False,
        "axes.spines.right": False,
        "font.size": 11,
        "axes.titlesize": 12,
    }
    with mpl.rc_context(quiet | {"axes.edgecolor": "#888888", "axes.titlelocation": "left"}):
        figure, axes = plt.subplots(
            2, 2, figsize=(12, 7), dpi=100, sharex=True, sharey=True, layout="constrained"
        )
        for place, (axis, (title, wave)) in enumerate(zip(axes.flat, panels.items(), strict=True)):
            power = librosa.feature.melspectrogram(
                y=wave, sr=rate, n_fft=1024, win_length=640, hop_length=160, n_mels=80
            )
            decibels = librosa.power_to_db(power, ref=np.max, top_db=-FLOOR)
            librosa.display.specshow(
                decibels,
                sr=rate,
                hop_length=160,
                x_axis="time",
                y_axis="mel",
                ax=axis,
                cmap="magma",
                vmin=FLOOR,
                vmax=0,
            )
            axis.set(
                title=title,
                xlabel="seconds" if place >= 2 else "",
                ylabel="" if place % 2 else "hertz",
            )
            axis.set_yticks(
                [hertz for hertz in (0, 500, 1000, 2000, 4000, 8000) if hertz <= rate / 2]
            )
        save(figure, target, 128)


def save(figure: Figure, target: Path, colours: int) -> None:
    """Write a figure as a PNG of few colours, and close it."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    with new_file(target) as partial:
        Image.open(buffer).convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(
            partial, "PNG", optimize=True
        )


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"picture: {error}")
