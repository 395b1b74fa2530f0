# What a developer and CI run. `make` alone lists the targets.

VENV   := .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
INSTALLED := $(VENV)/installed
BUILT  := $(VENV)/built
DEBUG_VENV := $(CURDIR)/build/debug-venv

# A change of these installs anew; one of the compiled sources recompiles what depends on it.
# Python sources need neither: the install is editable.
FRAME  := setup.py pyproject.toml constraints.txt
SOURCES := $(wildcard _fast/*.pyx _fast/*.pxd bench/compiled/*.pyx)

.DEFAULT_GOAL := help
.PHONY: help build run test lint bench bench-page peers soak fuzz instructions mutants faults charts debug sanitize clean system-packages

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: $(BUILT) ## create .venv, install, compile the hot path in place

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Without isolation the compilers are those of constraints.txt, like everything else.
INSTALL = -m pip install --quiet --disable-pip-version-check -c constraints.txt

$(INSTALLED): $(FRAME) | $(BIN)/python
	$(BIN)/python $(INSTALL) setuptools Cython numpy
	ENGINE_BENCH=1 $(BIN)/python $(INSTALL) --no-build-isolation -e ".[test]"
	@touch $@ $(BUILT)

# To install is to compile, too: what is older than that need not be compiled again.
$(BUILT): $(INSTALLED) $(SOURCES)
	@test -z "$$(find $^ -newer $@ 2>&1)" || ENGINE_BENCH=1 $(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

run: build ## run the engine: make run ARGS="--help"
	@$(BIN)/engine run $(ARGS)

test: build system-packages lint ## lint, types, tests; the summary of pytest is the last line
	@$(BIN)/python -m pytest -n auto --maxprocesses 4

lint: build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# --record appends the medians to bench/results.jsonl; a choice (ARGS="-k journal") is not kept.
bench: build ## measure; prints a table, appends a line to bench/results.jsonl
	@$(BIN)/python -m pytest bench -o python_files='bench_*.py' -q --record \
	  --benchmark-enable --benchmark-quiet --benchmark-max-time=0.4 $(ARGS); \
	  done=$$?; $(BIN)/python -m bench.page; exit $$done

bench-page: build ## docs/performance.md with its pictures, from bench/results.jsonl
	@$(BIN)/python -m bench.page

# What needs another numpy, or another Python, than we do. The second one is left out where there
# is no Python from 3.12 on.
peers: ## environments of their own for the benchmark's peers, below build/peers
	$(PYTHON) -m venv build/peers/nautilus-1
	build/peers/nautilus-1/bin/python -m pip install --quiet "nautilus_trader>=1.2,<2" talipp
	@for python in python3.14 python3.13 python3.12; do \
	  $$python -c "" 2>/dev/null || continue; \
	  $$python -m venv build/peers/nautilus-2 && exec \
	    build/peers/nautilus-2/bin/python -m pip install --quiet --pre "nautilus_trader>=2.0.0rc0"; \
	done; echo "no Python from 3.12 on: nautilus_trader 2.0 is not measured"

soak: build ## half an hour of 200,000 trades a second: is one lost, does memory grow?
	@$(BIN)/python -m bench.soak $(ARGS)

fuzz: build ## damaged messages for the decoders, ten minutes of each format
	@$(BIN)/python -m tests.fast.fuzz text $(ARGS)
	@$(BIN)/python -m tests.fast.fuzz protobuf $(ARGS)

instructions: build system-packages ## count the instructions of each stage; ARGS=--renew writes them down
	@$(BIN)/python -m bench.instructions $(ARGS)

mutants: build ## break the core on purpose, fault by fault, and see who finds it (long)
	$(BIN)/python -m tests.campaign.mutants $(ARGS)

faults: build ## play every fault in twelve trades, and write docs/faults.md (minutes)
	$(BIN)/python -m tests.campaign.fault_table docs/faults.md

charts: build ## draw docs/statecharts from the charts
	$(BIN)/python -m statecharts.diagram docs/statecharts md svg

# Array bounds and assertions compiled in, in its own copy of the tree: the optimised modules of
# the working copy stay as they are.
debug: ## build with checks compiled in, beside the working copy, and run the fast tests there
	rm -rf build/debug && mkdir -p build/debug
	git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cf - -T - | tar -xf - -C build/debug
	test -x $(DEBUG_VENV)/bin/python || $(PYTHON) -m venv $(DEBUG_VENV)
	$(DEBUG_VENV)/bin/python $(INSTALL) setuptools Cython numpy
	cd build/debug && ENGINE_DEBUG=1 ENGINE_BENCH=1 $(DEBUG_VENV)/bin/python $(INSTALL) --no-build-isolation -e ".[test]"
	cd build/debug && $(DEBUG_VENV)/bin/python -m pytest -m "not slow and not data" --deselect tests/test_layout.py $(ARGS)

# The address sanitiser in every module of the hot path, in a copy of the tree of its own. Memory
# comes from malloc, piece by piece, so that it sees the end of each. Python's own leaks at exit
# are none of ours.
SANITIZER = LD_PRELOAD="$$(gcc -print-file-name=libasan.so)" PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:handle_segv=0
sanitize: build ## the fast tests with an address sanitiser compiled in, beside the working copy
	rm -rf build/sanitize && mkdir -p build/sanitize
	git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cf - -T - | tar -xf - -C build/sanitize
	cd build/sanitize && ENGINE_SANITIZE=1 ENGINE_BENCH=1 $(CURDIR)/$(BIN)/python setup.py --quiet build_ext --inplace
	cd build/sanitize && $(SANITIZER) $(CURDIR)/$(BIN)/python -m pytest tests/fast tests/backtest/test_quiet.py tests/sim/test_stretch.py tests/sim/test_bursts.py tests/sim/test_wire_bodies.py -m "not slow and not data" $(ARGS)
	cd build/sanitize && for style in text protobuf; do \
	  $(SANITIZER) $(CURDIR)/$(BIN)/python -m tests.fast.fuzz $$style --seconds 60 || exit 1; done

# The dashboard's tests need a browser; that numbers are read alike under any locale needs one with
# a decimal comma, and instructions are counted by Valgrind. Where they cannot be installed their
# tests are skipped and say so.
APT = command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq --no-install-recommends
system-packages:
	@locale -a 2>/dev/null | grep -qi '^de_DE' || { $(APT) locales && localedef -i de_DE -f UTF-8 de_DE.UTF-8; } >/dev/null 2>&1 \
	  || echo "no locale with a decimal comma could be installed; its test is skipped"
	@command -v chromium >/dev/null || { $(APT) chromium; } >/dev/null 2>&1 \
	  || echo "chromium could not be installed; the dashboard is not tested in a browser"
	@command -v valgrind >/dev/null || { $(APT) valgrind; } >/dev/null 2>&1 \
	  || echo "valgrind could not be installed; the hot path's instructions are not counted"

clean: ## remove everything that was built
	rm -rf $(VENV) build dist *.egg-info _fast/*.so bench/compiled/*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
