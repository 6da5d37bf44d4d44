"""Where things lie in the repository."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "speechvq"
CLIPS = ROOT / "tests" / "clips"
