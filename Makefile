# `make serve` and `make test` set up everything they need; a second run reinstalls nothing.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
TORCH = $(shell grep '^torch==' constraints.txt)
BIN = .venv/bin
LIGHT = .venv-light/bin
PIP = -m pip install -qq --disable-pip-version-check --constraint constraints.txt
NATIVE = $(shell find src/doubletime/kernels/cpu/native -type f) CMakeLists.txt
MODEL ?=
ARGS ?=

.PHONY: serve test lint light unit parity sanitize mutants clean
.NOTPARALLEL:

serve: .venv/.serve
	$(BIN)/doubletime serve $(MODEL) $(ARGS)

# The tests with everything installed come last, so that their summary closes the output.
test: lint light unit

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Files are shared out among a process for each core; torch's threads would only be in each other's way.
unit: export OMP_NUM_THREADS = 1
SHARED = -n auto --maxprocesses 4 --dist loadfile

# The rehearsal's part of the tests, where torch is not installed.
light: .venv-light/.test
	$(LIGHT)/python -c 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") and "torch is in .venv-light")'
	$(LIGHT)/python -m pytest -q $(SHARED) $(wildcard tests/core tests/policies tests/shapes tests/hardware tests/cluster tests/lab tests/executors/test_virtual.py)

unit: .venv/.dev
	$(BIN)/python -m pytest -q $(SHARED) --cov --cov-report=term $(ARGS)

parity: .venv/.dev
	$(BIN)/python -m pytest -m slow -k parity $(ARGS)

# The native kernels under the sanitizers: what they find ends the run.
sanitize: .venv/.dev
	cmake -B build/sanitize -DDOUBLETIME_SANITIZE=ON -DCMAKE_BUILD_TYPE=Debug
	cmake --build build/sanitize --parallel
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
	UBSAN_OPTIONS=halt_on_error=1 DOUBLETIME_LIBRARY=build/sanitize/_native.so \
	$(BIN)/python -m pytest -q tests/kernels/cpu tests/engine/test_model.py $(ARGS)

mutants: .venv/.dev
	$(BIN)/python -m tools.mutants $(ARGS)

clean:
	rm -rf .venv .venv-light .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage build

# torch goes in alone and pinned: resolved with the rest, a range would take whatever build is newest.
.venv/.torch: constraints.txt
	@test -n '$(PYTHON)' || { echo 'doubletime needs Python 3.11 or newer: make PYTHON=/path/to/python3'; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP) '$(TORCH)'
	@touch $@

.venv/.serve: .venv/.torch pyproject.toml $(NATIVE)
	$(BIN)/python $(PIP) --editable '.[serve]'
	@touch $@

.venv/.dev: .venv/.serve
	$(BIN)/python $(PIP) --editable '.[serve,dev,clients]'
	@touch $@

.venv-light/.test: constraints.txt pyproject.toml
	@test -n '$(PYTHON)' || { echo 'doubletime needs Python 3.11 or newer: make PYTHON=/path/to/python3'; exit 1; }
	$(PYTHON) -m venv .venv-light
	$(LIGHT)/python $(PIP) --config-settings=wheel.cmake=false --editable '.[test]'
	@touch $@
