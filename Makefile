# `make run` and `make test` include the setup.

PYTHON ?= python3
VENV ?= .venv
SPEC ?= experiments/regularization.yaml
BIN := $(VENV)/bin
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: run test fast check format dist bench honesty replication pictures torture clean

run: $(VENV)/installed  ## Train the main experiment, or SPEC=...
	$(BIN)/signs-sweep run $(SPEC)

test: check  ## Linters, type checks and all tests.
	$(BIN)/pytest $(PARALLEL)

fast: $(VENV)/installed-dev  ## The tests that take less than a minute in total.
	$(BIN)/pytest $(PARALLEL) -m "not slow"

check: $(VENV)/installed-dev  ## Linters and type checks.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-dev  ## Format all files.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dist: $(VENV)/installed-dev  ## Build the wheel and the source distribution, in dist/.
	$(BIN)/python -m build --no-isolation

bench: $(VENV)/installed-dev  ## Compare speed and memory with other tools; see docs/benchmarks.md.
	$(BIN)/python bench/bench.py

honesty: $(VENV)/installed  ## Measure how often verdicts are false, with real training (ten minutes); see docs/honesty.md.
	$(BIN)/python bench/honesty.py

replication: $(VENV)/installed  ## Write docs/replication.md from the runs of experiments/replication.yaml in the store.
	$(BIN)/python bench/replication.py

pictures: $(VENV)/installed-dev  ## Make the pictures of the README from real runs (minutes; needs Chromium).
	$(BIN)/python docs/pictures/make.py

torture: $(VENV)/installed-dev  ## Kill sweeps fifty times and compare with undisturbed sweeps (an hour).
	SIGNS_SWEEP_KILLS=50 $(BIN)/pytest -s tests/usage/test_interrupted.py

clean:  ## Remove the virtual environment and caches; results in mlruns/ are kept.
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -c "import sys; sys.exit('signs-sweep needs Python 3.11 or later: make PYTHON=python3.12' if sys.version_info < (3, 11) else 0)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-dev: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@ $(VENV)/installed
