"""The kinds of files that campaigns check."""

from dataclasses import dataclass

from recipes.robustness.case import Kind
from recipes.robustness.workers import MakeKind


@dataclass(frozen=True)
class Plan:
    """A campaign of a kind.

    make_kind: makes it
    count: files of a full campaign
    chunk: files that a process checks at a time
    """

    make_kind: MakeKind
    count: int = 20_000
    chunk: int = 100


def code_files(seed: int) -> Kind:
    from recipes.robustness.code_files import CodeFiles

    return CodeFiles(seed)


def models(seed: int) -> Kind:
    from recipes.robustness.models import Models

    return Models(seed)


def priors(seed: int) -> Kind:
    from recipes.robustness.models import Priors

    return Priors(seed)


def tables(seed: int) -> Kind:
    from recipes.robustness.models import Tables

    return Tables(seed)


def manifests(seed: int) -> Kind:
    from recipes.robustness.manifests import Manifests

    return Manifests(seed)


def configurations(seed: int) -> Kind:
    from recipes.robustness.configurations import Configurations

    return Configurations(seed)


def alignments(seed: int) -> Kind:
    from recipes.robustness.alignments import Alignments

    return Alignments(seed)


def audio_files(seed: int) -> Kind:
    from recipes.robustness.audio_files import AudioFiles

    return AudioFiles(seed)


PLANS: dict[str, Plan] = {
    "codes": Plan(code_files, 1_000_000, 2_000),
    "models": Plan(models),
    "priors": Plan(priors),
    "tables": Plan(tables),
    "manifests": Plan(manifests),
    "toml": Plan(configurations),
    "alignments": Plan(alignments),
    "audio": Plan(audio_files),
}
