PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := $(shell find src -type f ! -name '*.pyc' 2>/dev/null)

.PHONY: help demo test gate docs docs-serve wheel fresh audit bench bench-quick clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   install, run the main job on the embedded images, say where the report is"
	@echo "make test   install with the tools, run the gate and all tests"
	@echo "make gate   formatting, lint, types, docstrings, floors, dependencies, spelling"
	@echo "make docs   the documentation site, in build/site; make docs-serve shows it and follows changes"
	@echo "make wheel  sdist and wheel, in dist"
	@echo "make fresh  from the wheel to a served model in an environment of its own, nothing shared"
	@echo "make audit  exact versions of all that is installed, known vulnerabilities in them, a bill of materials; needs pipx"
	@echo "make bench  benchmarks, side by side with what one would run instead"
	@echo "make bench-quick   the main ones, cut short: one table for this machine in ten minutes"

# venv needs the distribution's ensurepip; where that is missing, the pip that is there fills the environment.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }

# One environment, two ways to fill it: each stamp takes the other away, since the later installation wins.
$(VENV)/.demo: $(BIN)/python pyproject.toml $(SOURCES)
	@echo "Installing headstart (PyTorch is large; minutes on the first time) ..."
	$(PIP) install .
	@rm -f $(VENV)/.dev && touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml
	@echo "Installing headstart and its tools ..."
	$(PIP) install --editable ".[dev,elpv]"
	@rm -f $(VENV)/.demo && touch $@

demo: $(VENV)/.demo
	$(BIN)/headstart run --out runs/demo
	@echo "The report: $(CURDIR)/runs/demo/report.html"

test: gate
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

# Tests that start Ray clusters, which need a machine that does nothing else. A process is connected to one cluster at a time, so
# that each folder has a process of its own.
test-ray: $(VENV)/.dev
	HEADSTART_TEST_RAY=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/cluster -m slow
	HEADSTART_TEST_RAY=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/serving -m slow -k Ray

gate: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pydoclint src
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(BIN)/codespell

docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

docs-serve: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs serve

wheel: $(VENV)/.dev
	$(BIN)/python -m build --no-isolation --outdir dist .

fresh: $(VENV)/.dev
	$(BIN)/python -m scripts.four_commands

# The index of packages and a database of vulnerabilities have to be reachable.
audit:
	mkdir -p build
	pipx run uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet -o build/requirements.txt
	pipx run pip-audit --requirement build/requirements.txt --no-deps --disable-pip --strict
	pipx run --spec cyclonedx-bom cyclonedx-py requirements build/requirements.txt --pyproject pyproject.toml \
	  --output-reproducible --of JSON -o build/headstart.cdx.json

bench: $(VENV)/.dev
	@for script in $$(grep -l "^def main" benchmarks/[a-z]*.py | grep -v quick); do name=$$(basename $$script .py); echo "== $$name"; \
	  $(BIN)/python -m benchmarks.$$name || exit 1; done

bench-quick: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.quick

clean:
	rm -rf $(VENV) runs build dist
