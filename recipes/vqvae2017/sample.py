r"""Speech from the trained system: a decoded recording, in any voice, or generated speech.

    python -m recipes.vqvae2017.sample OUT.wav --input talk.wav [--speaker bdl]  # decoded
    python -m recipes.vqvae2017.sample OUT.wav --seconds 2 [--speaker bdl]       # from the prior

The decoder draws sample after sample. It knows its speakers by number: those of the manifest it was
trained on. The same --seed gives the same speech.
"""

from pathlib import Path
from typing import Annotated

import torch
import typer
from torch.nn import functional

from recipes.script import run
from recipes.vqvae2017.plan import SAMPLE_RATE
from recipes.vqvae2017.prior import PRIOR
from recipes.vqvae2017.system import HOP
from recipes.vqvae2017.train import trained
from speechvq.audio.reading import read_mono
from speechvq.audio.sink import new_sound
from speechvq.data.manifest import read_manifest
from speechvq.errors import ConfigError
from speechvq.output import check_writable
from speechvq.prior.file import load_prior
from speechvq.prior.sampling import sample


def main(
    target: Annotated[Path, typer.Argument(help="The WAV file to write.")],
    source: Annotated[
        Path | None,
        typer.Option("--input", help="A recording to decode; none: codes from the prior."),
    ] = None,
    seconds: Annotated[float, typer.Option(help="Length, at most.", min=0.01)] = 2.0,
    speaker: Annotated[
        str | None, typer.Option(help="A speaker of the manifest; none: unknown.")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="What it was trained on, for the names of speakers.")
    ] = None,
    temperature: Annotated[float, typer.Option(help="Of the samples.", min=0.0)] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same speech.")] = 0,
    folder: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/vqvae2017"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output.")] = False,
) -> None:
    """Sample speech and write it."""
    check_writable(target, force=force, sources=[path for path in (source, manifest) if path])
    _, system, name = trained(folder / "codes")
    voice = torch.tensor([number(speaker, manifest)])
    generator = torch.Generator().manual_seed(seed)
    if source is not None:
        wave = torch.from_numpy(read_mono(source, SAMPLE_RATE)[: round(seconds * SAMPLE_RATE)])
        padded = functional.pad(wave, (0, -len(wave) % HOP))[None]
        with torch.no_grad():
            latent = system.encode(padded).z
    else:
        prior = load_prior(folder / PRIOR)
        if prior.model != name:
            raise ConfigError(
                f"{folder / PRIOR} was trained on codes of {prior.model}, this is {name}: run "
                "prior.py again"
            )
        codes = sample(
            prior.network, [max(1, round(seconds * SAMPLE_RATE / HOP))], generator=generator
        )
        latent = system.quantizer.decode(codes)
    with torch.no_grad():
        condition = system.condition(latent, voice)
    waves = system.sample(condition, generator=generator, temperature=temperature)
    with new_sound(target, SAMPLE_RATE, "WAV", "PCM_16", force=force) as file:
        file.write(waves[0].numpy())
    print(f"{target}: {waves.shape[1] / SAMPLE_RATE:.2f} s")


def number(speaker: str | None, manifest: Path | None) -> int:
    """A speaker's number, -1 for unknown. Raises ConfigError."""
    if speaker is None:
        return -1
    if manifest is None:
        raise ConfigError(
            "give --manifest, what the system was trained on, for the names of its speakers"
        )
    names = sorted({row.speaker for row in read_manifest(manifest) if row.speaker is not None})
    if speaker not in names:
        raise ConfigError(
            f"{manifest} has no speaker {speaker!r}; some it has are {', '.join(names[:8])}"
        )
    return names.index(speaker)


if __name__ == "__main__":
    run(main)
