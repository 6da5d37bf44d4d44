"""Measurements and studies that take longer than a test: `python -m recipes.evaluate.quality`."""

import sys

if sys.argv[0] == "-m":  # a recipe is being started: what it needs is imported before its `main`
    from speechvq.cli import signals

    signals.start()
    from speechvq.cli import program

    sys.excepthook = program.report_import
