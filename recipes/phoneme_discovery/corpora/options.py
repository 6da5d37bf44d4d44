"""The options of a corpus, shared by `prepare` and `run`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

CorpusPath = Annotated[Path, typer.Argument(help="The folder of a corpus, or a manifest.")]
Work = Annotated[Path, typer.Argument(help="The folder to work in; it is created.")]
Name = Annotated[
    str | None, typer.Option("--corpus", help="Which corpus it is, if its files do not tell.")
]
Align = Annotated[Path | None, typer.Option(help="Alignments: a folder, or a .ctm file.")]
HeldOut = Annotated[
    list[str] | None, typer.Option(help="A speaker to hold out; may be given several times.")
]
Share = Annotated[float, typer.Option(help="The share of speakers to hold out, if none is named.")]
Tier = Annotated[
    str | None,
    typer.Option(help="The tier of TextGrids, its name or number, if it is not called phones."),
]
Inventory = Annotated[
    int, typer.Option(help="The number of phones that TIMIT is folded to: 39, 48, or 61 for none.")
]
Stress = Annotated[bool, typer.Option("--stress", help="Keep the 0, 1 or 2 after vowels.")]
Pattern = Annotated[
    str | None,
    typer.Option(
        "--speaker-pattern", help="A regular expression whose group is the speaker in a path."
    ),
]


@dataclass(frozen=True)
class CorpusOptions:
    """How a corpus is read and split.

    name: one of `corpus.KNOWN`; None: recognized from its files
    align: a folder of alignments or a .ctm file, see `alignments.folder_of`; None: alignments are
        next to the audio
    held_out, share: see `holding_out.held_out_rows`
    tier: of TextGrids, see `textgrid.read_textgrid`
    inventory: the number of phones that the labels of TIMIT's own .phn are folded to
    stress: keep the digits after vowels
    pattern: for speakers, see `corpus.in_folder`
    """

    name: str | None = None
    align: Path | None = None
    held_out: tuple[str, ...] = ()
    share: float = 0.33
    tier: str | None = None
    inventory: int = 39
    stress: bool = False
    pattern: str | None = None
