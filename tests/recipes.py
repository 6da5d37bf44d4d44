"""Recipes are scripts in folders, not packages: how tests import their modules, and leave no trace of them."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

RECIPES = Path(__file__).parent.parent / "recipes"


@contextmanager
def recipe_modules(recipe: str, *names: str) -> Iterator[list[ModuleType]]:
    """Modules of a recipe by their names; outside, all that were imported from its folder are forgotten."""
    folder, before = str(RECIPES / recipe), set(sys.modules)
    sys.path.insert(0, folder)
    try:
        yield [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(folder)
        for name in set(sys.modules) - before:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(folder):
                del sys.modules[name]
