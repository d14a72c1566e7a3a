# Gatehouse. `make` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help run test test-sqlite test-postgres check bench screenshots lock clean
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest -q --dist loadgroup

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: ## serve the portal on http://127.0.0.1:$PORT with demo data (PORT, HOST, PORTAL_DATA_DIR, DEMO)
	@./deploy/setup.sh requirements.lock
	@exec env PORTAL_ENV=development $(PYTHON) manage.py serve

.PHONY: development
development: # everything that tests and gates need
	@./deploy/setup.sh requirements-dev.lock
	@./deploy/servers.sh

test: development test-sqlite test-postgres ## run all tests, on SQLite and on PostgreSQL

test-sqlite: development ## run all tests on SQLite
	TEST_DATABASE=sqlite $(PYTEST) -n 2 $(ARGS)

test-postgres: development ## run the tests on a real PostgreSQL
	TEST_DATABASE=postgres $(PYTEST) -n 2 -m "not once" $(ARGS)

check: development ## format, lint, types, import layers, migrations, system checks
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m tests.gates

.PHONY: bench-retention
bench-retention: development # what pruning millions of entries costs those who write meanwhile
	$(PYTHON) -m tests.bench.retention --json var/bench-retention.json $(ARGS)

bench: development ## measure guarded completion and stream beside the plain floor, and the matrix as CSV
	$(PYTHON) -m tests.bench --json var/bench.json $(ARGS)

screenshots: development ## pictures of every page in var/screenshots, and the README's in docs/images
	$(PYTHON) -m tests.looks --docs $(ARGS)

lock: ## pin the dependencies anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --upgrade pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --upgrade --extra dev --constraint requirements.lock \
		pyproject.toml -o requirements-dev.lock

clean: ## remove the virtual environment and what tools left behind (not the data)
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
