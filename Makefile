# Each target sets itself up on a fresh machine; only Python 3.11 to 3.13 has to be there.
PYTHON ?= python3
VENV ?= .venv
comma := ,
BIN := $(VENV)/bin
PROOF := $(if $(filter Linux-x86_64,$(shell uname -sm | tr ' ' -)),$(comma)trt-proof)
APT := $(shell [ "$$(id -u)" = 0 ] || echo sudo) sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$$@"' apt
# a real RTSP server; a real X server and its keys; a software GL driver; what MediaPipe needs; who talks to the network; hosts of
# their own; a real browser, which on Ubuntu is a snap and so not installed
FOR_TESTS := gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad \
	gstreamer1.0-plugins-ugly xvfb xdotool libgl1-mesa-dri libegl-mesa0 libgl1 \
	libegl1 libgles2 strace util-linux iproute2 $(shell grep -qs '^ID=debian' /etc/os-release && echo chromium)

# Installed in setuptools' strict mode, so that mypy and editors find every module under its imported name. The price: the
# folders are linked file by file, so a new or moved file asks for new links. The stamp's name is a sum over all names.
INSTALL := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --config-settings editable_mode=strict
LINKS := $(VENV)/.links-$(shell find ks engines realtime benchmarks -type f ! -name '*.pyc' | LC_ALL=C sort | cksum | cut -d' ' -f1)
LINK := [ -e $(LINKS) ] || { $(INSTALL) --no-deps -e . && rm -f $(VENV)/.links-* && touch $(LINKS); }
# What tests compare with. Its other dependencies are in the extra `dev`; with them it would bring opencv-contrib-python, which
# writes into the same folder as opencv-python. An older .venv may have both: whichever is taken out, the other breaks.
MEDIAPIPE := mediapipe>=1.2,<2
ONE_OPENCV = @! $(BIN)/python -m pip show --quiet opencv-contrib-python 2> /dev/null || { \
	$(BIN)/python -m pip uninstall --quiet --yes opencv-contrib-python opencv-python && \
	$(INSTALL) -e '.[train,dev$(PROOF)]'; }

.PHONY: demo docs setup test test-quick test-long test-soak test-gpu lint

demo: $(VENV)/.live
	@$(LINK)
	@mkdir -p demo
	$(BIN)/ks-live --demo --save demo/annotated.mp4 --csv demo/aus.csv --events demo/events.tsv --report demo/report.json
	@echo "the clip with its AUs: demo/annotated.mp4; a row per frame: demo/aus.csv; onsets: demo/events.tsv"
	@echo "for a page in the browser: pip install '.[studio]', then ks-studio"

setup: $(VENV)/.ready
	@$(LINK)

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -q -W --keep-going -c docs . build/docs
	@echo "the site: build/docs/index.html"

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Python 3.11 to 3.13 is needed, $(PYTHON) is another; try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@[ "$$(uname -s)" != Linux ] || $(BIN)/python -c 'import ctypes; [ctypes.CDLL(n) for n in ("libGL.so.1", "libgthread-2.0.so.0")]' 2>/dev/null || \
		{ echo "OpenCV needs libGL and GLib; installing libgl1 and libglib2.0-0"; $(APT) libgl1 libglib2.0-0; }
	touch $@

$(VENV)/.live: $(VENV)/.python pyproject.toml
	$(INSTALL) -e .
	rm -f $(VENV)/.links-* && touch $(LINKS) $@

$(VENV)/.docs: $(VENV)/.python pyproject.toml
	$(INSTALL) -e '.[docs]'
	rm -f $(VENV)/.links-* && touch $(LINKS) $@

$(VENV)/.ready: $(VENV)/.python pyproject.toml
	$(INSTALL) -e '.[train,dev$(PROOF)]'
	$(ONE_OPENCV)
	$(BIN)/python -m pip install --quiet --no-deps '$(MEDIAPIPE)'
	rm -f $(VENV)/.links-* && touch $(LINKS)
	@if command -v apt-get > /dev/null; then \
		dpkg -s $(FOR_TESTS) > /dev/null 2>&1 || { echo "installing what tests run: $(FOR_TESTS)"; $(APT) $(FOR_TESTS) || echo "could not: their tests are skipped"; }; \
	else echo "no apt-get: tests that need an RTSP server, an X server or a GL driver are skipped where it is missing"; fi
	touch $@

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not gpu and not long"

test-quick: setup
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not gpu and not long and not slow"

test-long: setup
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "long and not gpu"

test-soak: setup
	KS_SOAK_MINUTES=10 $(BIN)/python -m pytest -s tests/realtime/test_soak.py

test-gpu: setup
	$(BIN)/python -m pytest -m gpu -rs
