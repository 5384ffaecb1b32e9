# `make demo` and `make test` are all the set-up there is; both build .venv the first time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS ?= dev,docs
READY := $(VENV)/.ready
WEB := hil_app/page/web
PAGE := hil_app/page/static/index.html
PAGE_SOURCES := $(shell find $(WEB) -name node_modules -prune -o -type f -print)

.DEFAULT_GOAL := help
.PHONY: help demo page test test-slow coverage check docs format dist clean

help: ## show what there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(READY) $(PAGE) ## teach a simulated arm to pick up a cube (about two minutes)
	@$(BIN)/hil-app demo $(ARGS)

page: $(PAGE) ## build the operator's page for browsers, with npm
	@test -f $(PAGE)

test: $(READY) $(PAGE) ## run the tests, on two cores: the third worker has what mostly waits
	@echo "==> running the tests"
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

test-slow: $(READY) $(PAGE) ## run the tests that take minutes (half an hour on two cores)
	@echo "==> running the slow tests"
	@$(BIN)/python -m pytest -m slow --timeout 1800 -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: $(READY) $(PAGE) ## run the tests and print which branches of the code they take
	@echo "==> running the tests, traced"
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --timeout 900 --cov --cov-report term $(ARGS)

check: $(READY) ## lint, format check, types, and the handbook's links
	@echo "==> ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "==> mypy --strict"
	@$(BIN)/mypy
	@$(MAKE) --no-print-directory docs

docs: $(READY) ## build the handbook into site/
	@echo "==> mkdocs --strict"
	@$(BIN)/python -m docs.tools.reference
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

format: $(READY) ## format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

dist: $(READY) $(PAGE) ## build a wheel and an sdist into dist/
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist .

# All else works without it, so no npm, or no way to what it fetches, is no error.
$(PAGE): $(PAGE_SOURCES)
	@command -v npm >/dev/null || { echo "==> npm is not found: going on without the operator's page (install Node.js 20 or newer)"; exit 0; }; \
	  echo "==> building the operator's page"; \
	  cd $(WEB) && { test node_modules/.package-lock.json -nt package-lock.json || npm ci --silent --no-audit --no-fund; } \
  && npm run --silent build -- --logLevel warn \
	  || echo "==> npm could not build the operator's page: going on without it"

clean: ## remove the virtual environment, caches and builds; runs/ stays
	rm -rf $(VENV) $(dir $(PAGE)) $(WEB)/node_modules build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "hil-app needs Python 3.11 or newer: install it, or name it with make PYTHON=python3.11"; exit 1; }
	@echo "==> building $(VENV) (the first time this takes a few minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "==> installing hil-app and what it needs, in the tested versions"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $(READY)
