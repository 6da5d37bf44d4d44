"""Print pip constraints: the oldest versions that pyproject.toml allows of what users install."""

import re
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
EXTRAS = ("train", "plots")
"""The suite needs these; its own tools may be new."""

BOUND = re.compile(r"([\w-]+)>=([\w.]+)")


def main() -> None:
    """Print a line for each dependency."""
    extras = PROJECT["optional-dependencies"]
    for requirement in sum((extras[extra] for extra in EXTRAS), PROJECT["dependencies"]):
        name, version = BOUND.match(requirement).groups()
        print(f"{name}=={version}")


if __name__ == "__main__":
    main()
