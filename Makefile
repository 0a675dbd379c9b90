# `make` alone lists the commands. Each does its own set-up, in .venv, and only when needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The editions of the site: make site LANGUAGES=en is faster.
LANGUAGES := en ko
PORT ?= 8000
# CPU=1: torch without the CUDA libraries, through uv, which knows where that build is published.
# On macOS the ordinary build is that one.
CPU ?=
ifeq ($(shell uname -s),Darwin)
override CPU :=
endif
# More arguments for pip or uv, for example the address of another package index.
PIP_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help site zip test test-site test-long test-gpu bench seeds check translations wheel serve clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 16

# A page that has warned is kept as read, and would not warn a second time; so after a failure
# nothing is kept but the gallery.
site: $(STAMP) ## run the gallery and build the site into build/site
	@for language in $(LANGUAGES); do \
	  DOCLANG=$$language DOCLANGS="$(LANGUAGES)" $(BIN)/sphinx-build -W --keep-going -q -b html \
	    -d build/doctrees/$$language docs build/site/$$language \
	    || { rm -rf build/doctrees/$$language; exit 1; }; \
	  echo "built build/site/$$language/index.html"; \
	done
	@DOCLANGS="$(LANGUAGES)" $(BIN)/python docs/root_page.py build/site

zip: site ## pack the site into build/cnnbook-site-VERSION.zip, which opens from a USB stick
	@zip=build/cnnbook-site-$$($(BIN)/python -c 'import cnnbook; print(cnnbook.__version__)').zip; \
	  $(BIN)/python docs/make_zip.py build/site $$zip && echo "built $$zip"

# Each worker computes on one core, and takes over tests from another when it has no more.
test: $(STAMP) ## run the tests and doctests, on all cores: minutes
	@$(BIN)/python -m pytest -n auto --dist worksteal

test-site: $(STAMP) ## go through all pages in every look, and thousands of actions: minutes
	@$(BIN)/python -m pytest -n auto --dist worksteal -m sweep

test-long: $(STAMP) ## all of them: every fault, page, kill, a thousand drawn cases a function: an hour
	@CNNBOOK_LONG=1 $(BIN)/python -m pytest -n auto --dist worksteal -m "long or not long"

# One process, since there may be one GPU. The workspace is the one with which cuBLAS repeats its bits.
test-gpu: $(STAMP) ## the tests that need an NVIDIA GPU; without one they fail: minutes
	@CNNBOOK_GPU=1 CUBLAS_WORKSPACE_CONFIG=:4096:8 $(BIN)/python -m pytest -m gpu tests

bench: $(STAMP) ## measure layers and trainer beside torch, the lecture's loop and peers; idle machine
	@$(BIN)/python tests/benchmarks/bench_layers.py
	@$(BIN)/python tests/benchmarks/bench_training.py

seeds: $(STAMP) ## train from ten starts what pages 4 and 5 compare, where it is not kept: an hour
	@$(BIN)/python tests/benchmarks/measure_seeds.py

check: $(STAMP) ## ruff, mypy --strict, and whether all of the book is translated
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@$(BIN)/python docs/translations.py check ko

translations: $(STAMP) ## put new texts of the book into the catalogues of docs/locale
	@$(BIN)/python docs/translations.py update ko

# Without isolation: what builds is what the constraints name, and no network is needed.
wheel: $(STAMP) ## build the sdist and the wheel into dist/ and check their metadata
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation > $(VENV)/build.log 2>&1 || { tail -20 $(VENV)/build.log; exit 1; }
	@$(BIN)/twine check --strict dist/*

serve: site ## build the site and show it on http://localhost:8000 (PORT=...)
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site $(PORT)

clean: ## remove everything that was built, but for .venv
	@rm -rf build dist docs/gallery .mypy_cache .ruff_cache .pytest_cache

# An environment that works is used as it is, whoever made it: python -m venv, uv or conda.
WORKS := $(BIN)/python -c '' 2>/dev/null
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
ANOTHER := name one with 'make PYTHON=python3.12 $(or $(MAKECMDGOALS),site)', or create $(VENV) with 'uv venv --python 3.13'

# Each check below ends in one line that says what is missing and what to do.
$(STAMP): pyproject.toml constraints.txt
	@test -z "$(CPU)" || command -v uv >/dev/null 2>&1 || { \
	  echo "CPU=1 needs uv, which knows where torch's CPU build is: install it ('python3 -m pip install uv'), or look up the address under 'Get started' on pytorch.org and run 'make $(or $(MAKECMDGOALS),site) PIP_ARGS=\"--extra-index-url ADDRESS\"'"; exit 1; }
	@$(WORKS) || command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "cnnbook needs Python 3.11 to 3.14, but there is no '$(PYTHON)': install it, $(ANOTHER)"; exit 1; }
	@$(WORKS) || $(PYTHON) -c '$(SUPPORTED)' || { \
	  echo "cnnbook needs Python 3.11 to 3.14, but '$(PYTHON)' is $$($(PYTHON) -V 2>&1): $(ANOTHER)"; exit 1; }
	@$(WORKS) || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments (no ensurepip): on Debian and Ubuntu, run 'apt-get install python3-venv', or create $(VENV) with 'uv venv'"; exit 1; }
	@$(WORKS) || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -c '$(SUPPORTED)' || { \
	  echo "cnnbook needs Python 3.11 to 3.14, but $(VENV) has $$($(BIN)/python -V 2>&1): remove the folder $(VENV) and repeat"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || command -v uv >/dev/null 2>&1 \
	  || $(BIN)/python -m ensurepip >/dev/null 2>&1 || { \
	  echo "$(VENV) has no pip, and there is no uv: install uv, or remove the folder $(VENV) and repeat"; exit 1; }
	@if [ -n "$(CPU)" ]; then \
	  set -- uv pip install --python $(BIN)/python --torch-backend=cpu; size="torch without CUDA"; \
	elif $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  set -- $(BIN)/python -m pip install --disable-pip-version-check; size="up to 6 GB"; \
	else \
	  set -- uv pip install --python $(BIN)/python; size="up to 6 GB"; \
	fi; \
	echo "installing into $(VENV): $$size, some minutes; details in $(VENV)/install.log"; \
	"$$@" -c constraints.txt -e '.[docs,test,release]' $(PIP_ARGS) > $(VENV)/install.log 2>&1 || { \
	  reason=$$(grep -E '^ *(ERROR|error|cause|Caused by)|No space|Failed to establish|Temporary failure' $(VENV)/install.log | tail -1); \
	  test -n "$$reason" || reason=$$(grep -v '^ *$$' $(VENV)/install.log | tail -1); \
	  reason=$$(echo "$${reason:-nothing was reported}" | sed 's/^ *//' | cut -c 1-300); \
	  echo "installing failed: $$reason; is there a network and 6 GB of room? Details in $(VENV)/install.log"; exit 1; }
	@touch $@
