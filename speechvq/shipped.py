"""Where the bundled files lie: the default model, its prior, and tables for its codes."""

from pathlib import Path

_FOLDER = Path(__file__).parent / "models"

MODEL = _FOLDER / "base5.safetensors"
"""The default model."""

PRIOR = _FOLDER / "base5-prior.safetensors"
"""The prior over the codes of the default model."""

TABLES = tuple(sorted(_FOLDER.glob("*.tables")))
"""Frequency tables for the codes of the default model, and of those that were bundled before."""
