# Two commands do all set-up: `make demo` and `make test`. Needs Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
CLIP := tests/clips/female.flac

.PHONY: demo test lint clean

demo: .venv/demo-ready
	rm -rf demo && mkdir demo
	$(BIN)/speechvq encode $(CLIP) demo/speech.codes
	$(BIN)/speechvq info demo/speech.codes
	$(BIN)/speechvq decode demo/speech.codes demo/decoded.wav
	$(BIN)/speechvq convert $(CLIP) demo/converted.wav --speaker bdl
	@echo "Listen to $(CLIP), demo/decoded.wav and demo/converted.wav"

test: .venv/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest

lint: .venv/test-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv demo

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo-ready: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/test-ready: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@
