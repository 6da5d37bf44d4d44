# Each command makes the environment that it needs; Python 3.11 or newer and `make` are enough.
#
#   make demo         encode, decode and convert a clip
#   make check        lint, types and the fast tests: under two minutes
#   make test         everything: what CI runs
#   make test-oldest  codes and commands with the oldest versions that pyproject.toml allows
#   make fix          repair format and imports
#   make clean        remove what these made
#
# An environment is made anew whenever pyproject.toml has changed, and without pip's cache: what is
# tested is what a newcomer gets today, not what an older installation chose.

PYTHON ?= python3
BIN := .venv/bin
OLDEST := .venv-oldest/bin
INSTALL := -m pip install --quiet --no-cache-dir
CLIP := tests/clips/female.flac

# Several workers with several threads each are far slower than with one.
export OMP_NUM_THREADS := 1
PYTEST := -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal

.PHONY: demo check test test-oldest fix clean

demo: .venv/demo-ready
	rm -rf demo && mkdir demo
	$(BIN)/speechvq encode $(CLIP) demo/speech.codes
	$(BIN)/speechvq info demo/speech.codes
	$(BIN)/speechvq decode demo/speech.codes demo/decoded.wav
	$(BIN)/speechvq convert $(CLIP) demo/converted.wav --speaker bdl
	@echo "Listen to $(CLIP), demo/decoded.wav and demo/converted.wav"

check: .venv/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/python $(PYTEST) -m "not slow"

test: .venv/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/python $(PYTEST) --cov

test-oldest: .venv-oldest/ready
	$(OLDEST)/python $(PYTEST) -m "not slow" tests/codec tests/codes tests/cli

fix: .venv/test-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-oldest demo

.venv/created: pyproject.toml
	rm -rf .venv
	$(PYTHON) -m venv .venv
	touch $@

.venv/demo-ready: .venv/created
	$(BIN)/python $(INSTALL) --editable .
	touch $@

.venv/test-ready: .venv/created
	$(BIN)/python $(INSTALL) --editable ".[test]"
	touch $@

.venv-oldest/ready: pyproject.toml .ci/oldest.py
	rm -rf .venv-oldest
	$(PYTHON) -m venv .venv-oldest
	$(OLDEST)/python .ci/oldest.py > .venv-oldest/constraints.txt
	$(OLDEST)/python $(INSTALL) --constraint .venv-oldest/constraints.txt --editable ".[test]"
	touch $@
