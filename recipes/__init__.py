"""Experiments around the package, each run as `python -m recipes.NAME`."""
