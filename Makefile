# every target sets up .venv first; nothing but Python 3.11+ and make is needed
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_FLAGS := -q --disable-pip-version-check -c constraints.txt

.PHONY: setup demo test bench lint clean

# base: what a user gets. dev: everything the tests and linters need
$(VENV)/.base: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(PIP_FLAGS) -e .
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(VENV)/.base
	$(BIN)/pip install $(PIP_FLAGS) torch
	$(BIN)/pip install $(PIP_FLAGS) -e '.[dev]'
	touch $@

setup: $(VENV)/.dev  ## everything, for developers

demo: $(VENV)/.base  ## compose a short piece and render it to demo.mp4
	$(BIN)/phosphene demo

test: $(VENV)/.dev  ## all tests
	$(BIN)/python -m pytest

bench: $(VENV)/.base  ## frames per second of the built-in model on this machine
	$(BIN)/phosphene bench stream --json bench-stream.json

lint: $(VENV)/.dev  ## formatting, style, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
