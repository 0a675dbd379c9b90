# `make` alone lists the commands. Each does its own set-up, in .venv, and only when needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LANGUAGES := en
PORT ?= 8000
# More words for pip, for example to choose a CPU build of torch: see README.md.
PIP_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help site test test-long bench seeds check serve clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 16

# A page that has warned is kept as read, and would not warn a second time; so after a failure
# nothing is kept but the gallery.
site: $(STAMP) ## run the gallery and build the site into build/site
	@for language in $(LANGUAGES); do \
	  DOCLANG=$$language $(BIN)/sphinx-build -W --keep-going -q -b html \
	    -d build/doctrees/$$language docs build/site/$$language \
	    || { rm -rf build/doctrees/$$language; exit 1; }; \
	  echo "built build/site/$$language/index.html"; \
	done

# Each worker computes on one core, and takes over tests from another when it has no more.
test: $(STAMP) ## run the tests and doctests, on all cores: minutes
	@$(BIN)/python -m pytest -n auto --dist worksteal

test-long: $(STAMP) ## all of them: every fault, page, kill, a thousand drawn cases a function: an hour
	@CNNBOOK_LONG=1 $(BIN)/python -m pytest -n auto --dist worksteal -m "long or not long"

bench: $(STAMP) ## measure layers and trainer beside torch, the lecture's loop and peers; idle machine
	@$(BIN)/python tests/benchmarks/bench_layers.py
	@$(BIN)/python tests/benchmarks/bench_training.py

seeds: $(STAMP) ## train from ten starts what pages 3 and 4 compare, where it is not kept: an hour
	@$(BIN)/python tests/benchmarks/measure_seeds.py

check: $(STAMP) ## ruff and mypy --strict
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

serve: site ## build the site and show it on http://localhost:8000 (PORT=...)
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site $(PORT)

clean: ## remove everything that was built, but for .venv
	@rm -rf build docs/gallery .mypy_cache .ruff_cache .pytest_cache

# Each check below ends in one line that says what is missing and what to do.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "cnnbook needs Python 3.11 to 3.14, but there is no '$(PYTHON)': install it, or name one with 'make PYTHON=python3.12 $(or $(MAKECMDGOALS),site)'"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || { \
	  echo "cnnbook needs Python 3.11 to 3.14, but '$(PYTHON)' is $$($(PYTHON) -V 2>&1): name another with 'make PYTHON=python3.12 $(or $(MAKECMDGOALS),site)'"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments (no ensurepip): on Debian and Ubuntu, run 'apt-get install python3-venv'"; exit 1; }
	@test -x $(BIN)/python && $(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "installing into $(VENV): up to 5.5 GB, some minutes; details in $(VENV)/install.log"
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[docs,test]' $(PIP_ARGS) \
	  > $(VENV)/install.log 2>&1 || { \
	  echo "installing failed: $$(grep -E '^ *ERROR|No space|Failed to establish|Temporary failure' $(VENV)/install.log | tail -1 | sed 's/^ *//' | cut -c 1-300); is there a network and 6 GB of room? Details in $(VENV)/install.log"; exit 1; }
	@touch $@
