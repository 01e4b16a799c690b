# Each target sets up all that it needs: a virtual environment in .venv, made once and again when the
# requirements change. `make PYTHON=python3.12 test` picks another interpreter, `make ARGS="…" gap` adds arguments.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
LATEST ?= .latest
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS := marl,fast,parquet,dist,bench,docs,test

.DELETE_ON_ERROR:
.PHONY: help install gap test test-slow test-latest lint bench docs clean

help:
	@echo "make gap        how far each scheme is from a proven optimum, on the bundled instances (results/)"
	@echo "make test       lint, types and the fast tests;  make test-slow  the rest"
	@echo "make test-latest  the fast tests and every --json command with the newest versions of everything, as a wheel;"
	@echo "                LATEST_ARGS=… adds arguments of pip install, such as a build of PyTorch without CUDA"
	@echo "make lint       ruff, mypy, import contracts and unused code;  make bench  the benchmarks;  make docs  the documentation (site/)"

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS)]"
	touch $@

install: $(STAMP)

gap: $(STAMP)
	$(BIN)/leosplit gap $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture

test: lint
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-slow: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) -m slow $(ARGS)

# The wheel, not this tree, is what the tests import: pytest appends the tree to the path instead of preceding it.
test-latest:
	rm -rf $(LATEST)
	$(PYTHON) -m venv $(LATEST)
	$(LATEST)/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir $(LATEST)/dist .
	$(LATEST)/bin/python -m pip install --quiet --disable-pip-version-check $(LATEST_ARGS) \
		"$$(echo $(LATEST)/dist/*.whl)[marl,fast,dist,test]"
	$(LATEST)/bin/python -m pip freeze --exclude leosplit > $(LATEST)/versions.txt
	$(LATEST)/bin/pytest -o pythonpath= --import-mode=append -n $(WORKERS) $(ARGS)
	$(LATEST)/bin/pytest -o pythonpath= --import-mode=append -m "" tests/test_json_commands.py

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(STAMP)
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) $(LATEST) build site .mypy_cache .ruff_cache .pytest_cache
