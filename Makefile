# Everything runs in a virtual environment of its own; nothing needs to be installed beforehand but Python 3.11+ and Git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JOBS ?= 2

# Compiled modules start several times faster; some machines turn writing them off.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint types layers unit faults interop proofs format bench lock clean

help:
	@echo "make demo    run the main job on real data, in ./demo-project"
	@echo "make test    check style, types and layers, and run all tests"
	@echo "make faults  kill each data command 1,000 times, and what else can befall it (make test: 200 times)"
	@echo "make interop ask the real DVC about everything again, also where make test goes by its recorded answers"
	@echo "make proofs  run the longer proofs that make test leaves out"
	@echo "make bench   run every benchmark beside its peers (see docs/benchmarks.md)"

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Siglum needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check uv
	$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python -r requirements-dev.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

demo: $(READY)
	@$(BIN)/siglum demo demo-project

test: lint types layers unit

lint: $(READY)
	$(BIN)/ruff check -q .
	$(BIN)/ruff format -q --check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

# A file's tests stay together, with the servers and recordings that they share.
unit: $(READY)
	$(BIN)/pytest -n $(JOBS) --dist loadfile $(ARGS)

faults: $(READY)
	$(BIN)/pytest -n $(JOBS) tests/faults --faults 1000 $(ARGS)

interop: $(READY)
	$(BIN)/pytest -n $(JOBS) --dist loadfile tests/interop --peers $(ARGS)

proofs: $(READY)
	$(BIN)/pytest -n $(JOBS) --dist loadfile --long -m long $(ARGS)

format: $(READY)
	$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

bench: $(READY)
	$(BIN)/python -m benchmarks

lock: $(READY)
	$(BIN)/uv pip compile -q --universal --no-header --no-annotate --extra dev pyproject.toml -o requirements-dev.lock
	for peer in dvc mlflow; do \
	  $(BIN)/uv pip compile -q --universal --no-header --no-annotate tests/peers/$$peer.in -o tests/peers/$$peer.lock; done

clean:
	rm -rf $(VENV) .peers .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
