# Every verb sets up what it needs by itself; `make` alone shows them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check fmt bench lock clean
SHELL := /bin/bash
export PYTHON
bin := .venv/bin
setup := tests/parts/setup.sh
# scenarios mostly wait, each for an engine and a daemon of its own
at_a_time := 3
# what pytest ends with where ARGS picks nothing of a part
nothing_picked := 5

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' Makefile

setup: ## prepare this machine: packages, .venv, a Docker Engine, a registry
	@$(setup)

demo: setup ## watch the main job happen (ARGS=--keep leaves it running)
	@$(bin)/moorline demo $(ARGS)

test: setup ## run all tests, on a real engine (ARGS='-k drift' picks some)
	@$(bin)/coverage run -m pytest --ignore=tests/e2e $(ARGS) || [ $$? = $(nothing_picked) ]
	@$(bin)/pytest tests/e2e -n $(at_a_time) --dist worksteal $(ARGS) || [ $$? = $(nothing_picked) ]

check: ## lint, format, types, architecture: no engine needed
	@$(setup) venv
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports

fmt: ## format, and mend what the linter can mend
	@$(setup) venv
	$(bin)/ruff check --fix
	$(bin)/ruff format

bench: setup ## measure the promised figures, writes docs/benchmarks.md
	@$(bin)/python -m tests.bench $(ARGS)

# Python 3.11 is the oldest we promise; --universal holds the newer ones as well.
lock: ## resolve pyproject.toml anew into requirements.lock (needs uv; ARGS=--upgrade)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet $(ARGS) -o requirements.lock

clean: ## remove .venv, .tools and caches (containers and the engine stay)
	rm -rf .venv .tools .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache dist
	find . -name __pycache__ -prune -exec rm -rf {} +
