# `make run` and `make test` do everything, the set-up included.

PYTHON ?= python3
VENV ?= .venv
SPEC ?= experiments/regularization.yaml
BIN := $(VENV)/bin

.PHONY: run test fast check format dist bench torture clean

run: $(VENV)/installed  ## Train the main experiment, or SPEC=...
	$(BIN)/signs-sweep run $(SPEC)

test: check  ## Linters, types and all tests.
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

fast: $(VENV)/installed-dev  ## The part of the tests that takes less than a minute.
	$(BIN)/pytest -m "not slow"

check: $(VENV)/installed-dev  ## Linters and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-dev  ## Bring all files into form.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dist: $(VENV)/installed-dev  ## Build the wheel and the source distribution, in dist/.
	$(BIN)/python -m build --no-isolation

bench: $(VENV)/installed-dev  ## Measure speed and memory beside other ways to train; see docs/benchmarks.md.
	$(BIN)/python bench/bench.py

torture: $(VENV)/installed-dev  ## Kill sweeps fifty times and compare with undisturbed ones (an hour).
	SIGNS_SWEEP_KILLS=50 $(BIN)/pytest -s tests/usage/test_interrupted.py

clean:  ## Remove the set-up and caches; results in mlruns/ stay.
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
