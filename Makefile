# Two commands need nothing but Python >= 3.11 and make: `make demo` and `make test`.
# Each sets up a virtual environment in $(VENV) first, once.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo test bench lint clean

help:  ## these lines
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

setup: $(READY)  ## a virtual environment with evalkit and its development tools

$(READY): setup.py pyproject.toml
	@echo "Setting up $(VENV) (some minutes, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(READY)  ## train a tiny Flax language model and watch its accuracy rise
	@$(BIN)/evalkit demo

test: $(READY)  ## the whole test suite
	@$(BIN)/python -m pytest -n 2

bench: $(READY)  ## figures, beside seqio and lm-eval in environments of their own (EVALKIT_SEQIO_PYTHON, EVALKIT_HF_PYTHON name others)
	@$(BIN)/python -m tests.benchmarks.run

lint: $(READY)  ## what CI checks besides the tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

clean:  ## removes what the commands above made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
