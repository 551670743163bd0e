# `make help` lists what there is. Everything is installed into .venv, once, and only
# what the target at hand needs. Works with any make since 3.81, needs no git.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test check lint types docs bench format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/demo.ok ## run the main job on real data; writes one figure
	@MPLBACKEND=agg $(RUN) examples/plot_rare_angles.py rare_angles.png

test: $(VENV)/test.ok ## run the tests, with the examples in the documentation
	@$(RUN) -m pytest

check: lint types test docs demo ## all that has to pass before a commit

lint: $(VENV)/lint.ok ## check style and formatting
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: $(VENV)/lint.ok ## check types
	$(RUN) -m mypy

docs: $(VENV)/docs.ok ## build the documentation into docs/_build/html
	$(RUN) -m sphinx -q -W --keep-going docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

bench: $(VENV)/bench.ok ## measure the speed against scikit-learn and statsmodels
	@for file in benchmarks/[a-z]*.py; do echo "$$file"; $(RUN) "$$file" || exit 1; done

format: $(VENV)/lint.ok ## format the code and fix what can be fixed
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

clean: ## remove everything that make made
	rm -rf $(VENV) docs/_build docs/generated build dist .pytest_cache .mypy_cache .ruff_cache
	find benchmarks docs examples skrobust tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps. "ready" says that .venv is whole and holds the folder it was made in: while
# pip works it is called "busy", so that an installation cut short leaves no "ready"
# behind and the next call makes .venv anew, as it does for a .venv that was moved or
# whose python has gone. Renaming keeps its date, which the other stamps depend on.
READY := $(VENV)/ready
$(shell test -x $(RUN) && test "$$(cat $(READY) 2>/dev/null)" = "$$(pwd -P)" || rm -f $(READY))

$(VENV)/demo.ok: extra := plot
$(VENV)/test.ok: extra := test
$(VENV)/lint.ok: extra := lint
$(VENV)/docs.ok: extra := docs
$(VENV)/bench.ok: extra := bench

$(VENV)/%.ok: pyproject.toml $(READY)
	@echo "Installing skrobust[$(extra)] into $(VENV) (once; a minute or two) ..."
	@mv $(READY) $(VENV)/busy
	@$(RUN) -m pip install -q -e ".[$(extra)]"
	@mv $(VENV)/busy $(READY)
	@touch $@

FIT := import sys; v = sys.version_info; print("fit" if v >= (3, 11) else "%d.%d" % v[:2])
FOUND = $(shell command -v $(PYTHON) >/dev/null && $(PYTHON) -c '$(FIT)' 2>&1)
ASK := Install a newer one, or name it: make $(MAKECMDGOALS) PYTHON=python3.12
$(READY):
	$(if $(filter fit,$(FOUND)),,$(error \
	    skrobust needs Python 3.11 or newer, and $(PYTHON) is $(or $(FOUND),missing). $(ASK)))
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@pwd -P > $@
