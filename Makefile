# The verbs of this project. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast check bench clean
MAKEFLAGS += --no-print-directory

PYTHON_IN_VENV := .venv/bin/python
# How the whole suite is run; say `make test PYTEST_ARGUMENTS="-x tests/unit"` for something else.
PYTEST_ARGUMENTS ?= -q -n 2 --dist loadgroup

# More options for `python -m local up`, as in `make run UP_ARGUMENTS="--port 8071"`.
UP_ARGUMENTS ?=

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Create .venv and install everything (quick when it is up to date)
	@sh scripts/setup.sh

run: setup ## Start table emulator, simulator and connector with a demo; Ctrl-C ends all of it
	@exec $(PYTHON_IN_VENV) -m local up --demo $(UP_ARGUMENTS)

test: setup ## Run the whole test suite
	@$(PYTHON_IN_VENV) -m pytest $(PYTEST_ARGUMENTS)

test-fast: setup ## Run the tests without the slow ones
	@$(PYTHON_IN_VENV) -m pytest $(PYTEST_ARGUMENTS) -m "not slow"

check: setup ## Lint, format, types and unit tests
	@$(PYTHON_IN_VENV) -m ruff check .
	@$(PYTHON_IN_VENV) -m ruff format --check .
	@$(PYTHON_IN_VENV) -m mypy
	@$(PYTHON_IN_VENV) -m pytest -q tests/unit

bench: setup ## Run the benchmarks
	@$(PYTHON_IN_VENV) -m bench

clean: ## Remove .venv, node_modules, logs and caches
	@rm -rf .venv node_modules .local .pytest_cache .mypy_cache .ruff_cache .hypothesis
