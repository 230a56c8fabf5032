# `make` alone lists the targets. The set-up is pip and npm with hashes; it needs a Python (3.11 or newer) and nothing else.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo console bench compiled test test-compiled chaos fuzz check format lock clean

VENV := .venv
RUN := $(VENV)/bin
# Arguments for the command of a target: make demo ARGS="--for 150 --json"
ARGS ?=
# All tests: workers as tests/conftest.py counts them. With ARGS, for few tests, one process: no worker has to start.
MOST_WORKERS = 4
WORKERS = $(if $(ARGS),,-n auto --maxprocesses $(MOST_WORKERS) --dist worksteal)

# The first of these that runs and is new enough; set PYTHON=… for another.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	  "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' </dev/null >/dev/null 2>&1 && echo "$$name" && break; \
	done)

PIP := $(RUN)/python -m pip --disable-pip-version-check --no-input --quiet
say = @echo "make: $(1)" >&2

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(VENV)/runtime.stamp ## make the command haulwatch in .venv (no tools for developers)
	@$(TRY_CONSOLE)
	@echo 'make: run `. $(RUN)/activate` once in each shell, then `haulwatch --help`; docs/first-hour.md goes on from here' >&2

demo: $(VENV)/runtime.stamp ## run the whole path on this machine with simulated devices (ARGS="--for 150 --json")
	@$(TRY_CONSOLE)
	@$(RUN)/haulwatch demo $(ARGS)
	@echo 'make: for a city of your own: `. $(RUN)/activate`, then docs/first-hour.md' >&2

# The page for people, built by npm: Node 20 or newer from PATH, else from a wheel in the environment.
WEB := api/console/web
TRY_CONSOLE := $(MAKE) --no-print-directory console || echo "make: going on without the console; its page says how to mend it" >&2

console: api/console/built/stamp ## build the console (half a minute; brings Node into .venv where PATH has none)

api/console/built/stamp: $(shell find $(WEB) -type f -not -path '*/node_modules/*') requirements-node.lock | $(RUN)/python
	$(call say,building the console (half a minute on a fresh machine))
	@sh $(WEB)/build.sh $(CURDIR)/$(RUN)
	@touch $@

bench: $(VENV)/dev.stamp ## measure cost and speed of the path on this machine (ARGS="--quick --json")
	@$(MAKE) --no-print-directory compiled || echo "make: measured as interpreted Python" >&2
	@$(WITH_COMPILED):. $(RUN)/python -m tests.bench $(ARGS)

# Modules in this folder take the place of the source. Without it the same modules run interpreted.
COMPILED := $(CURDIR)/build/compiled
WITH_COMPILED := PYTHONSAFEPATH=1 PYTHONPATH=$(COMPILED)
# The same modules for tests: the same C with less optimisation, which the compiler makes in a fraction of the time.
TESTED := $(CURDIR)/build/compiled-for-tests
# `make test` begins with it beside its tests, many of which wait.
COMPILE_FOR_TESTS = $(MAKE) --no-print-directory $(TESTED)/stamp
CAN_COMPILE := command -v $${CC:-cc} >/dev/null && \
	$(RUN)/python -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
NO_COMPILER := no C compiler, or no Python headers: on Debian, apt-get install gcc libc6-dev python3-dev
LIST_SOURCES := find api devices grafana haulwatch ingest rules simulators -type f -not -name '*.pyc' \
	-not -path 'api/console/web/*' -not -path 'api/console/built*' | LC_ALL=C sort
SOURCES := $(shell $(LIST_SOURCES))

# Changes when a file is added or removed. A folder would not do: whoever imports a module makes __pycache__ in it.
build/sources.txt: FORCE
	@mkdir -p $(@D)
	@$(LIST_SOURCES) | cmp -s - $@ || $(LIST_SOURCES) > $@
FORCE:

compiled: $(COMPILED)/stamp ## compile the judgement to C extensions in build/compiled (a few minutes; needs a C compiler)

$(TESTED)/stamp: export COMPILE_OPT_LEVEL := 1
$(COMPILED)/stamp $(TESTED)/stamp: setup.py pyproject.toml requirements-dev.lock Makefile $(SOURCES) build/sources.txt | $(VENV)/dev.stamp
	@$(CAN_COMPILE) || { rm -rf $(@D); echo "make: $(NO_COMPILER)" >&2; exit 1; }
	$(call say,compiling the judgement (a few minutes))
	@rm -rf $(@D) $(@D).work $(@D).made && mkdir -p build
	@COMPILE_JUDGEMENT=1 $(RUN)/python setup.py --quiet build --build-base $(@D).work --build-lib $(@D).made \
	  >$(@D).log 2>&1 || { cat $(@D).log >&2; rm -rf $(@D).work $(@D).made; exit 1; }
	@mv $(@D).made $(@D)
	@touch $@

# What make test runs on compiled judgement only, where there is a compiler: the other tests run all of it interpreted.
JUDGED := tests/devices tests/rules tests/field_cases tests/ingest/test_admission.py tests/ingest/ledger \
	tests/ingest/judge tests/haulwatch/evaluation/test_run.py tests/fuzz/test_fuzz.py

test: $(VENV)/dev.stamp ## run the tests on real servers, which it installs if it is allowed to (ARGS="-k words")
	@sh tests/servers/install.sh
	@$(TRY_CONSOLE)
	@sh tests/servers/oidc_provider/install.sh $(CURDIR)/$(RUN)
	@sh tests/servers/kafka_jars/install.sh
	@$(if $(ARGS),,{ $(CAN_COMPILE) && exec $(COMPILE_FOR_TESTS); } & trap "kill $$!" INT TERM;) \
	  $(if $(ARGS),,LEFT_TO_COMPILED="$$($(CAN_COMPILE) && echo $(JUDGED))") \
	  $(RUN)/python -m pytest $(WORKERS) $(ARGS); ended=$$?; wait; exit $$ended
	@test -n "$(ARGS)" || $(MAKE) --no-print-directory test-compiled

test-compiled: MOST_WORKERS = 3
# They compute and seldom wait: another worker would only load and collect all of them once more.
test-compiled: $(VENV)/dev.stamp ## run the tests of the compiled modules on the compiled modules
	@if $(CAN_COMPILE); then $(COMPILE_FOR_TESTS) && \
	  PYTHONSAFEPATH=1 PYTHONPATH=$(TESTED):. TEST_COMPILED=1 $(RUN)/python -m pytest --import-mode=importlib \
	    -p no:cacheprovider -q $(JUDGED) $(WORKERS) $(ARGS); \
	else echo "test: skipped: compiled judgement: $(NO_COMPILER)" >&2; fi

chaos: $(VENV)/dev.stamp ## kill, disconnect and fill up the real processes under load, and account for every reading (ARGS="--quick --json")
	@sh tests/servers/install.sh
	@$(MAKE) --no-print-directory compiled || echo "make: on interpreted Python" >&2
	@$(WITH_COMPILED):. $(RUN)/python -m tests.chaos $(ARGS)
	@$(if $(ARGS),,$(RUN)/python -m pytest -q tests/chaos/three_brokers.py tests/judge_workers/workers_day.py)

fuzz: $(VENV)/dev.stamp ## send a million mutated messages through the whole path (ARGS="--seconds 60 --seed 7", "--payloads 20000", "--frames 1000000", "--dialects 1000000")
	@$(MAKE) --no-print-directory compiled || echo "make: on interpreted Python" >&2
	@$(WITH_COMPILED):. $(RUN)/python -m tests.fuzz $(ARGS)

check: $(VENV)/dev.stamp ## check format, lint, types and import contracts; must pass before a commit
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	@$(TRY_CONSOLE)
	@if [ -d $(WEB)/node_modules ]; then PATH="$$PATH:$(CURDIR)/$(RUN)" npm --prefix $(WEB) run --silent check; \
	else echo "check: skipped: types of the console: npm did not install its packages" >&2; fi

format: $(VENV)/dev.stamp ## format the code, and fix what the linter can fix
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

LOCK := uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	--no-annotate --universal --quiet

lock: $(VENV)/dev.stamp ## pin the dependencies of pyproject.toml, with hashes, in the lock files (ARGS=--upgrade)
	PATH="$(CURDIR)/$(RUN):$$PATH" $(LOCK) $(ARGS) --extra build -o requirements.lock
	PATH="$(CURDIR)/$(RUN):$$PATH" $(LOCK) $(ARGS) --extra dev --extra build --extra plots --extra timestamps -o requirements-dev.lock
	PATH="$(CURDIR)/$(RUN):$$PATH" $(subst pyproject.toml,--group node,$(LOCK)) $(ARGS) -o requirements-node.lock

clean: ## remove the environment and the files of all tools; keeps var/, where the data is
	rm -rf $(VENV) build api/console/built $(WEB)/node_modules tests/servers/oidc_provider/node_modules tests/servers/kafka_jars/jars *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer found: install one, or set PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is not Python 3.11 or newer: set PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "make: $(PYTHON) has no venv or ensurepip: on Debian, apt-get install python3-venv" >&2; exit 1; }
	$(call say,creating an environment in $(VENV))
	@$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.stamp: requirements.lock pyproject.toml | $(RUN)/python
	$(call say,installing the pinned packages (a minute on a fresh machine))
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock pyproject.toml | $(RUN)/python
	$(call say,installing the pinned packages and the tools (a minute or two on a fresh machine))
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
