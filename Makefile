# Each target sets itself up on a fresh machine; only Python 3.11 to 3.13 has to be there.
PYTHON ?= python3
VENV ?= .venv
comma := ,
BIN := $(VENV)/bin
PROOF := $(if $(filter Linux-x86_64,$(shell uname -sm | tr ' ' -)),$(comma)trt-proof)

.PHONY: setup test test-quick test-gpu lint

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Python 3.11 to 3.13 is needed, $(PYTHON) is another; try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[train,dev$(PROOF)]'
	@$(BIN)/python -c 'import ctypes; [ctypes.CDLL(n) for n in ("libEGL.so.1", "libGLESv2.so.2")]' 2>/dev/null || \
		{ echo "MediaPipe needs libEGL and libGLESv2; installing libegl1 and libgles2"; \
		  $$([ "$$(id -u)" = 0 ] || echo sudo) sh -c 'apt-get update -qq && apt-get install -y -qq libegl1 libgles2'; }
	touch $@

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n 2 -m "not gpu"

test-quick: setup
	$(BIN)/python -m pytest -n 2 -m "not gpu and not slow"

test-gpu: setup
	$(BIN)/python -m pytest -m gpu -rs
