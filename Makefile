# Moshtari: everything a person or CI runs. `make help` lists it.
# Needs Python 3.11 to 3.13 and make; the rest is installed into .uv and .venv here, nothing outside.

.DEFAULT_GOAL := help
.SUFFIXES:

UV_VERSION := 0.13.9
BIN := .venv/bin
# The interpreter to build .venv with; empty: the first fitting one on PATH.
PYTHON ?=
# Further arguments for the command a target calls, e.g. make demo ARGS=--help
ARGS ?=

# One environment, in this tree, from the interpreter at hand, with compiled bytecode: it halves start-up.
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
export UV_COMPILE_BYTECODE := 1
# Trust what this machine trusts, as pip does: an organisation's own CA, too.
export UV_SYSTEM_CERTS := 1
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

# --- set-up ------------------------------------------------------------------------------------------

.PHONY: setup
setup: ## Install the locked environment into .venv, if it is not there yet
	@PYTHON='$(PYTHON)' UV_VERSION='$(UV_VERSION)' sh deploy/setup.sh

# --- the product -------------------------------------------------------------------------------------

.PHONY: demo up down
demo: setup ## Set up, load the demo's two years and three nights, show what came out
	@$(BIN)/moshtari demo $(ARGS)

up: setup ## Keep Airflow and the database running on your own configuration
	@$(BIN)/moshtari up $(ARGS)

down: setup ## Stop what `make demo` or `make up` left running
	@$(BIN)/moshtari down $(ARGS)

# --- checks ------------------------------------------------------------------------------------------

.PHONY: test test-all test-unit lint lint-python lint-sql lint-yaml lint-containers format
test: ## Set up, then run every lint and every test, side by side
	@$(MAKE) --no-print-directory -j2 test-all lint

# Two files of tests at a time: most of them wait for a database or for Airflow more than they compute.
test-all: setup
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-unit: setup ## Run the unit tests only
	@$(BIN)/pytest tests/unit $(ARGS)

lint: lint-python lint-sql lint-yaml lint-containers ## Run every lint, no test

lint-python: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

lint-sql: setup
	@# Its pool ends without closing a semaphore, which Python would mention on a clean run.
	@PYTHONWARNINGS=ignore:resource_tracker $(BIN)/sqlfluff lint --disable-progress-bar --processes 0 dbt_project

lint-yaml: setup
	@$(BIN)/yamllint --strict .

lint-containers: setup
	@$(BIN)/hadolint --failure-threshold style Dockerfile
	@sh deploy/check_compose.sh

format: setup ## Rewrite Python and SQL to the house style
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff format --disable-progress-bar dbt_project

.PHONY: bench
bench: setup ## Run the benchmarks that take minutes; those below take much longer
	@for file in $(filter-out %/million_customers.py %/publication_history.py $(LANDING),$(wildcard benchmarks/*.py)); do \
	    echo "== $$file"; $(BIN)/python "$$file" $(ARGS) || exit 1; \
	done

LANDING := benchmarks/landing_postgres.py benchmarks/landing_increment.py benchmarks/landing_http.py \
    benchmarks/landing_files.py
.PHONY: bench-landing
bench-landing: setup ## Landing beside its limit and dlt; ARGS="--rows 200000 --without-peer" for less
	@for file in $(LANDING); do echo "== $$file"; $(BIN)/python "$$file" $(ARGS) || exit 1; done

.PHONY: bench-million
bench-million: setup ## First and nightly build of a million customers; ARGS="--size 0.05" for fewer
	@$(BIN)/python benchmarks/million_customers.py $(ARGS)

.PHONY: bench-history
bench-history: setup ## A mart with a history published; ARGS="--rows 1000000" for fewer
	@$(BIN)/python benchmarks/publication_history.py $(ARGS)

.PHONY: bench-texts
bench-texts: setup ## Texts classified a second; with ARGS="100000 rated.tsv" also how well
	@$(BIN)/python benchmarks/text_classification.py $(ARGS)

.PHONY: soak
soak: setup ## 300 nights under 500 faults beside a twin without; ARGS="--nights 50 --seed 7"
	@$(BIN)/python -m tests.soak $(ARGS)

.PHONY: fault-matrix
fault-matrix: setup ## Run the tests of faults and write docs/fault-matrix.md by what they found
	@report=$$(mktemp) && trap 'rm -f "$$report"' EXIT && \
	$(BIN)/pytest tests/faults --ignore=tests/faults/test_page.py \
	    -o junit_family=xunit1 --junitxml="$$report" $(ARGS) && \
	$(BIN)/python -m tests.faults.page "$$report"

.PHONY: docs
docs: setup ## Bring the tables of docs/published.md up to date with the marts
	@$(BIN)/python -m moshtari.publication.dictionary

# --- housekeeping ------------------------------------------------------------------------------------

.PHONY: env clean distclean
env: ## Write .env for docker-compose.yml with fresh secrets, if there is none
	@sh deploy/make_env.sh

clean: ## Remove caches and build output
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist dbt_project/target dbt_project/logs
	@find . \( -name .venv -o -name .uv -o -name .git \) -prune -o -type d -name __pycache__ -exec rm -rf {} +

distclean: clean ## Remove the environment too; data stays
	@rm -rf .venv .uv
