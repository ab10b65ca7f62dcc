# Two commands do everything: `make run` and `make test`. `make help` lists the rest.
PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
# uv does not read pip's own find-links; hand it on, so that a wheel lying on disk is found.
export UV_FIND_LINKS ?= $(shell $(PY) -m pip config get global.find-links 2>/dev/null)

# Compiled modules are kept, whatever the caller's environment says: a command starts in half the time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-fast check format lock bench bench-digits bench-grokking bench-latency bench-store \
  bench-regret bench-figures bench-targets bench-queries bench-asynchronous bench-fidelities bench-tradeoffs \
  bench-transfer bench-adapters bench-forward bench-mixtures bench-extrapolation bench-trainer bench-prior-fitted \
  bench-related bench-picks bench-time-to-target train-prior-fitted clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(VENV)/.run: pyproject.toml constraints.txt
	$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "physai-inverse needs Python 3.11 or newer; set PY=python3.11")'
	test -x $(BIN)/python || $(PY) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check uv
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e .
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e ".[dev]"
	touch $@

$(VENV)/.bench: $(VENV)/.dev
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e ".[dev,bench]"
	touch $@

$(VENV)/.peers: $(VENV)/.bench
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e ".[dev,bench,peers]"
	touch $@

run: $(VENV)/.run ## install, then tune a real network on handwritten digits (about two minutes)
	$(BIN)/physai-inverse run configs/digits.yaml

test: $(VENV)/.dev ## install with the test extras, then run all tests
	$(BIN)/python -m pytest

test-fast: $(VENV)/.dev ## the tests that take a few seconds each at most
	$(BIN)/python -m pytest -m "not slow"

check: $(VENV)/.dev ## format, lint and types; changes no file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev ## rewrite the files in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/.run ## write constraints.txt anew from pyproject.toml
	env -u UV_FIND_LINKS $(BIN)/uv pip compile pyproject.toml --all-extras --universal --no-annotate --no-header -q -o constraints.txt

bench: bench-digits bench-grokking bench-latency bench-store bench-targets bench-queries bench-asynchronous bench-tradeoffs bench-transfer ## every quick benchmark; results in benchmarks/results

bench-digits: $(VENV)/.bench ## tuning digits against random search and Optuna
	$(BIN)/python benchmarks/digits.py --optuna

bench-grokking: $(VENV)/.bench ## the forward map on grokking phase diagrams (needs ../shared/data)
	$(BIN)/python benchmarks/grokking.py

bench-time-to-target: $(VENV)/.bench ## seconds to a fixed loss beside Optuna around the usual loop
	$(BIN)/python -m benchmarks.time_to_target

bench-picks: $(VENV)/.bench ## whether recommended configurations keep what is predicted of them (needs ../shared/data)
	$(BIN)/python -m benchmarks.picks

bench-related: $(VENV)/.bench ## what a metric with few rows gains from another one with many (needs ../shared/data)
	$(BIN)/python -m benchmarks.related

bench-mixtures: $(VENV)/.bench ## the map of published data mixtures and its way back, beside scikit-learn (needs ../shared/data)
	$(BIN)/python -m benchmarks.mixtures

bench-latency: $(VENV)/.bench ## seconds of a suggestion beside peers installed, and by the size of the study
	$(BIN)/python -m benchmarks.latency

bench-fidelities: $(VENV)/.bench ## several fidelities: regret against epochs, ours and peers (needs ../shared/data)
	$(BIN)/python -m benchmarks.fidelities

bench-transfer: $(VENV)/.bench ## what earlier studies and beliefs save or cost (needs ../shared/data)
	$(BIN)/python -m benchmarks.transfer

bench-extrapolation: $(VENV)/.bench ## laws, schedules and curves beyond the rows, with their peers (needs ../shared/data)
	$(BIN)/python -m benchmarks.extrapolation

bench-store: $(VENV)/.bench ## the store against Optuna's, and by size
	$(BIN)/python benchmarks/throughput.py --against optuna
	$(BIN)/python benchmarks/size.py

bench-tradeoffs: $(VENV)/.bench ## hypervolume of trade-offs against random weights and Optuna, and what a cost saves
	$(BIN)/python benchmarks/tradeoffs.py

bench-regret: $(VENV)/.peers ## regret of recommendations against every peer installed (hours; goes on where it was)
	$(BIN)/python -m benchmarks.regret

bench-adapters: $(VENV)/.bench ## our engine inside Optuna and Ax against their defaults
	$(BIN)/python benchmarks/adapters.py

bench-mediators: $(VENV)/.bench ## what stopping by early observables saves, and whether it stops the wrong ones (needs ../shared/data)
	$(BIN)/python -m benchmarks.mediators

bench-forward: $(VENV)/.bench ## the forward map on held-out rows of public tables, beside other regressors (an hour)
	$(BIN)/python -m benchmarks.forward
	$(BIN)/python -m benchmarks.forward --seconds

bench-trainer: $(VENV)/.dev ## the batched trainer against ordinary loops: trainings a minute, and exactness
	$(BIN)/python -m benchmarks.trainer

bench-figures: $(VENV)/.dev ## the figures of bench-regret, from its results
	$(BIN)/python -m benchmarks.regret.figures

bench-targets: $(VENV)/.bench ## seeking a target against minimising the distance to it
	$(BIN)/python -m benchmarks.targets

bench-queries: $(VENV)/.dev ## whether inverse queries keep what they promise, and refuse what cannot be
	$(BIN)/python -m benchmarks.queries

bench-prior-fitted: $(VENV)/.dev ## the prior-data fitted network beside the process and in pools (needs ../shared/data)
	$(BIN)/python -m benchmarks.prior_fitted

train-prior-fitted: $(VENV)/.dev ## train the weights that the package ships anew (docs/prior-fitted.md)
	$(BIN)/python -m benchmarks.pretraining.prior_fitted --steps 12000 --output physai_inverse/surrogates/prior_fitted/weights.npz

bench-asynchronous: $(VENV)/.dev ## eight trainings always running against one at a time
	$(BIN)/python -m benchmarks.asynchronous

clean: ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .hypothesis .mypy_cache .ruff_cache
