# Headwater: everything that is done with a checkout. `make help` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Whatever pip installs here, and into the isolated folders that it builds in, is pinned.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

# Tests over the whole app, or of laws: not in the quick form.
WHOLE := api cli console crash destinations docs folder jobs laws real server transfer

.PHONY: help setup setup-dev run test bench proof lint format reference docs clean

help: ## Print this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | column -t -s "$$(printf '\t')"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt package.json hatch_build.py | $(BIN)/python
	@echo "installing Headwater into $(VENV)"
	@$(PIP) install --editable .
	@$(BIN)/python hatch_build.py 2>/dev/null || $(PIP) install --force-reinstall --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "installing what tests and lint need"
	@$(PIP) install --editable '.[test,dev]'
	@touch $@

setup: $(VENV)/.run ## Install all that running needs, into .venv

setup-dev: $(VENV)/.dev ## Install what tests, lint and docs need as well

run: $(VENV)/.run ## Run Headwater over ./data on http://127.0.0.1:8321
	@exec $(BIN)/cdp serve --data ./data --host 127.0.0.1 --port 8321 --welcome

test: $(VENV)/.dev ## Set up all that the tests need and run them; FAST=1: under a minute, needs nothing
ifeq ($(FAST),1)
	@CDP_PROOF_EXAMPLES=6 $(BIN)/python -m pytest -q -n auto --dist worksteal $(addprefix --ignore=tests/,$(WHOLE)) -m "not slow and not real and not browser and not postgres and not redis and not crash"
else
	@$(BIN)/python -m tests.setup.prepare
	@PYTEST_XDIST_AUTO_NUM_WORKERS=$$(($$(nproc) + 1)) $(BIN)/python -m pytest -q -n auto --maxprocesses 4 \
	  --dist loadfile --no-loadscope-reorder --durations 30 --durations-min 5
endif

bench: $(VENV)/.dev ## Measure against the bare limits of this machine; QUICK=1: within a minute
	@$(BIN)/python -m tests.bench $(if $(filter 1,$(QUICK)),--quick)

proof: $(VENV)/.dev ## The long forms of the crash and property tests; ARGS="--only 'law 3' --processes 2"
	@$(BIN)/python -m tests.setup.prepare
	@$(BIN)/python -m tests.proof $(ARGS)

lint: $(VENV)/.dev ## Style, types, and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev ## Put the code into shape
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

reference: $(VENV)/.dev ## Rewrite the parts of the documentation that come from the code
	@$(BIN)/python -m tests.docs.generate

docs: $(VENV)/.dev ## Build the documentation into build/docs
	@$(BIN)/mkdocs build --quiet --strict --site-dir build/docs

clean: ## Remove .venv and everything that was built
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis cdp/console/static/vendor
