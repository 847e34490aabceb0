# Everything from a bare clone: needs make and Python 3.11 or newer, and makes its own .venv.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help env demo paper paper-quick paper-full paper-cifar paper-cifar-night paper-page test test-all test-widths golden golden-arm64 test-oldest lint docs bench bench-avx2 bench-check bench-page campaign clean

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# PYTHON=... names another interpreter; otherwise the first of these that is new enough.
PYTHON ?=
CANDIDATES := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11

# Of `make test-oldest`: the oldest Python that pyproject.toml allows.
OLDEST := build/oldest
OLDEST_PYTHON ?= python3.11

# Of `make campaign`: the share of each part, and after how many minutes to stop.
SHARE ?=
MINUTES ?=

# Of `make paper` and the like.
EPOCHS ?=
WORKERS ?=
PAPER = $(if $(EPOCHS),--epochs $(EPOCHS)) $(if $(WORKERS),--workers $(WORKERS))

# An installation is done again only when what it installs has changed.
BASE := $(VENV)/.installed-base
SWEEP := $(VENV)/.installed-sweep
FULL := $(VENV)/.installed-full
BENCH := $(VENV)/.installed-bench
DOCS := $(VENV)/.installed-docs

help:  ## Show this list
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)$$/  make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null \
	  || sed -nE 's/^([a-z0-9-]+):.*## (.*)$$/  make \1  \2/p' Makefile

env: $(FULL)  ## Make .venv with everything: the package, the PyTorch reference, what the tests need

demo: $(BASE)  ## Run three scenarios on a small data set and compare them in one picture (under 3 minutes)
	$(BIN)/python scripts/demo.py

paper: $(SWEEP)  ## Test the paper's claims on MNIST, and write docs/results.md (about 40 minutes on two cores)
	$(BIN)/python -m scripts.paper $(PAPER)

paper-quick: $(SWEEP)  ## A cut of it, docs/results-quick.md (about 15 minutes)
	$(BIN)/python -m scripts.paper --quick $(PAPER)

paper-full: $(SWEEP)  ## The same at the paper's length and settings, docs/results-full.md (hours; stop it and go on any day)
	$(BIN)/python -m scripts.paper --full $(PAPER)

paper-cifar: $(SWEEP)  ## Test the claims on CIFAR-10, and write docs/results-cifar10.md (an hour or two)
	$(BIN)/python -m scripts.paper --cifar $(PAPER)

paper-cifar-night: $(SWEEP)  ## The rules on CIFAR-10 with the paper's network, docs/results-cifar10-paper.md (a night)
	$(BIN)/python -m scripts.paper --cifar-night $(PAPER)

paper-page: $(SWEEP)  ## Write the pages docs/results*.md again from the recorded runs
	$(BIN)/python -m scripts.paper --page

test: $(FULL)  ## Run the tests, on all cores
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-all: $(FULL)  ## Run all tests, including the long ones
	$(BIN)/python -m pytest -m ''

golden: $(FULL)  ## Record again the digests of small runs that every machine must meet (where results change on purpose)
	$(BIN)/python -m tests.laws.golden --write

golden-arm64:  ## Hold an emulated 64-bit ARM to them (Debian or Ubuntu; ten minutes, and 1 GiB in build/arm64)
	scripts/arm64.sh -m tests.laws.golden

campaign: $(FULL)  ## Kills, damage and missing things by the thousand (hours; SHARE=0.05: a part; goes on where it stopped)
	$(BIN)/python -m tests.campaign $(if $(SHARE),--share $(SHARE)) $(if $(MINUTES),--minutes $(MINUTES))

test-oldest: $(OLDEST)/.installed  ## Run the tests with the oldest versions that pyproject.toml allows, in build/oldest
	$(OLDEST)/bin/python -m pytest -W ignore::DeprecationWarning

test-widths: $(FULL)  ## Run the kernels' and the laws' tests with narrower vectors: 8, 4 and 1 values
	$(BIN)/python -m pytest -m slow tests/engine/test_widths.py

lint: $(FULL)  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(DOCS)  ## Build the site of the documentation, in build/docs; warnings are errors
	$(BIN)/python -m sphinx -b html -c docs -E -W --keep-going -n -q . build/docs
	@echo build/docs/index.html

bench: $(BENCH)  ## Measure speed and memory beside JAX and PyTorch, one core each (ten minutes, on a quiet machine)
	$(BIN)/python -m benchmarks.bench

bench-avx2: $(BENCH)  ## The same beside JAX and PyTorch without AVX-512, all contestants
	CHANNELSIM_LANES=8 $(BIN)/python -m benchmarks.bench --only libraries

bench-check: $(BENCH)  ## Compare the engine's speed relative to fixed code with the last record; fails if 15 % slower
	$(BIN)/python -m benchmarks.regression

bench-page: $(BASE)  ## Write the tables and the figure of docs/performance.md and its notebook again, without measuring
	$(BIN)/python -m benchmarks.report

clean:  ## Remove generated files, except .venv and runs/
	rm -rf build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(BIN)/python:
	@for python in $(CANDIDATES); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "making $(VENV) with $$($$python --version)"; \
	    $$python -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); exit 1; \
	  fi; \
	done; \
	echo "error: Python 3.11 or newer is needed (make PYTHON=/path/to/python names one)" >&2; exit 1

$(BASE): pyproject.toml | $(BIN)/python
	@echo "installing channelsim into $(VENV)"
	@$(PIP) install -qq --editable .
	@touch $@

$(SWEEP): pyproject.toml | $(BIN)/python
	@echo "installing channelsim with sweeps into $(VENV)"
	@$(PIP) install -qq --editable '.[sweep]'
	@touch $(BASE) $@

$(FULL): pyproject.toml | $(BIN)/python
	@echo "installing channelsim, its extras and the test tools into $(VENV)"
	@$(PIP) install -qq --editable '.[all,test]'
	@touch $(BASE) $(SWEEP) $@

$(DOCS): pyproject.toml | $(BIN)/python
	@echo "installing channelsim and Sphinx into $(VENV)"
	@$(PIP) install -qq --editable '.[docs]'
	@touch $(BASE) $@

# With the oldest Python. Dependencies of that time may use what others, which are new, call deprecated.
$(OLDEST)/.installed: pyproject.toml scripts/oldest.py
	@echo "installing the oldest versions into $(OLDEST)"
	@$(OLDEST_PYTHON) -m venv --clear $(OLDEST)
	@$(OLDEST)/bin/python scripts/oldest.py > $(OLDEST)/constraints.txt
	@$(OLDEST)/bin/python -m pip --disable-pip-version-check install -qq --constraint $(OLDEST)/constraints.txt \
	  --editable '.[all,test]'
	@touch $@

# What the engine is compared with. The feedback-alignment library is optional.
$(BENCH): pyproject.toml | $(BIN)/python
	@echo "installing channelsim, PyTorch and JAX into $(VENV)"
	@$(PIP) install -qq --editable '.[all,test,bench]'
	@$(PIP) install -qq --no-deps --upgrade --target build/peers biotorch || echo "going on without biotorch"
	@touch $(BASE) $(SWEEP) $(FULL) $@
