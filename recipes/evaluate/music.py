r"""Some music to measure the codec on: Bach chorales that music21 brings, played by FluidSynth.

    python -m recipes.evaluate.music music [--count 12] \
        [--sounds /usr/share/sounds/sf2/TimGM6mb.sf2]
    python -m recipes.evaluate.quality music/music.jsonl --by instrument

Writes ten seconds of each as FLAC at 16 kHz with a peak of a half, organ, strings and piano in
turn, and a manifest. Needs `pip install music21` and, on Debian, `apt install fluidsynth
timgm6mb-soundfont`.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import soxr
import typer

from recipes.script import run
from speechvq.audio.sink import new_sound
from speechvq.output import new_file

try:
    from music21 import corpus, instrument  # pyright: ignore[reportMissingImports]
except ModuleNotFoundError as error:
    sys.exit(f"music needs {error.name}: pip install music21")

RATE, SECONDS = 16_000, 10
INSTRUMENTS = {
    "organ": instrument.Organ,
    "strings": instrument.StringInstrument,
    "piano": instrument.Piano,
}


def main(
    folder: Annotated[Path, typer.Argument(help="Where to write; made if need be.")],
    count: Annotated[int, typer.Option(help="How many pieces.", min=1)] = 12,
    sounds: Annotated[Path, typer.Option(help="A SoundFont.")] = Path(
        "/usr/share/sounds/sf2/TimGM6mb.sf2"
    ),
) -> None:
    """Render chorales and write music.jsonl."""
    for needed, there in (
        ("the program fluidsynth", shutil.which("fluidsynth")),
        (str(sounds), sounds.exists()),
    ):
        if not there:
            sys.exit(
                f"{needed} is missing: apt install fluidsynth timgm6mb-soundfont, or name "
                "a --sounds file"
            )
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for index, chorale in enumerate(corpus.chorales.Iterator(1, count)):
        name = list(INSTRUMENTS)[index % len(INSTRUMENTS)]
        path = folder / f"{index:02d}-{name}.flac"
        with new_sound(path, RATE, "FLAC", "PCM_16", force=True) as file:
            file.write(played(chorale, INSTRUMENTS[name](), sounds))
        rows.append(
            {
                "audio": path.name,
                "seconds": soundfile.info(path).duration,
                "corpus": "music",
                "instrument": name,
            }
        )
    with new_file(folder / "music.jsonl", force=True) as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows).encode())


def played(chorale, plays, sounds: Path):  # noqa: ANN001, ANN201 - music21 objects; samples (t,)
    """The first seconds of a chorale, all voices by one instrument, as mono samples."""
    for part in chorale.parts:
        for old in list(part.recurse().getElementsByClass(instrument.Instrument)):
            old.activeSite.remove(old)
        part.insert(0, plays)
    with tempfile.TemporaryDirectory() as place:
        score, sound = Path(place) / "score.mid", Path(place) / "sound.wav"
        chorale.write("midi", score)
        command = [
            "fluidsynth",
            "-ni",
            "-q",
            "-F",
            str(sound),
            "-r",
            "48000",
            str(sounds),
            str(score),
        ]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - files of ours
        samples, rate = soundfile.read(sound, always_2d=True)
    found = soxr.resample(samples.mean(1), rate, RATE)[: SECONDS * RATE]
    return found / (2 * np.abs(found).max())


if __name__ == "__main__":
    run(main)
