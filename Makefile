# The commands of the project; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 || command -v python3)
SOKOL_HOME ?= $(CURDIR)/.sokol
export SOKOL_HOME
RUN := $(BIN)/python -m include.local
RUNTIME := $(VENV)/.installed-runtime
DEVELOPMENT := $(VENV)/.installed-development

.PHONY: help demo online-retail forecasts finance start stop status clean install install-dev psql airflow dbt bench lint test \
	ruff mypy sqlfluff import-linter dbt-bouncer unit integration dags dbt-build e2e

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## simulated shops from their files to the KOL table, through Airflow; leaves the stack up
	@$(RUN) demo $(ARGS)

online-retail: $(RUNTIME) ## backfill the real Online Retail files ($$SOKOL_DATA) day by day
	@$(RUN) online-retail

forecasts: $(RUNTIME) ## train, forecast every customer and rebuild the marts, through Airflow
	@$(RUN) forecasts

finance: $(RUNTIME) ## reconcile orders, payments and bank, post the ledger and write the finance packs, through Airflow
	@$(RUN) finance

start: $(RUNTIME) ## start Postgres and Airflow as they were left
	@$(RUN) start

stop: ## stop both; no process is left
	@if [ -x $(BIN)/python ]; then $(RUN) stop; else echo "nothing is installed"; fi

status: ## say what runs and where
	@$(RUN) status

clean: stop ## remove all state (warehouse, landing zone, Airflow's metadata), not the installation
	rm -rf "$(SOKOL_HOME)" dbt_project/target dbt_project/logs

install: $(RUNTIME) ## the environment alone

install-dev: $(DEVELOPMENT) ## the environment with the tools that `make test` needs

psql: $(RUNTIME) ## psql on the warehouse, ARGS="-c 'select …'"
	@$(RUN) psql $(ARGS)

airflow: $(RUNTIME) ## Airflow's command line, ARGS="backfill create …"
	@$(RUN) airflow $(ARGS)

dbt: $(RUNTIME) ## dbt on the warehouse, ARGS="build --select …"
	@$(RUN) dbt $(ARGS)

bench: $(DEVELOPMENT) ## measure everything and write docs/performance.md
	@$(BIN)/python -m benchmarks $(ARGS)

lint: ruff mypy sqlfluff import-linter dbt-bouncer ## what needs no run: style, types, layers, SQL, dbt's rules

test: $(DEVELOPMENT) ## everything: lint, unit, integration, DAGs, dbt build and unit tests, end to end
	@$(BIN)/python -m tests.suite $(ARGS)

ruff mypy sqlfluff import-linter dbt-bouncer unit integration dags dbt-build e2e: $(DEVELOPMENT)
	@$(BIN)/python -m tests.suite $@

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	@if command -v uv >/dev/null; then uv venv --quiet --python "$(PYTHON)" $(VENV); \
		else "$(PYTHON)" -m venv $(VENV); fi

# The lock names everything that is needed, so two pips can each install every second line of it at once.
# --no-compile: what is not imported need not be compiled; the rest is at its first import.
define install_lock
	@echo "installing $(1) into $(VENV)"
	@if command -v uv >/dev/null; then uv pip install --quiet --python $(BIN)/python --no-deps -r $(1); else \
		awk '/^[^#]/ { print > "$(VENV)/lock-" (++n % 2) }' $(1); \
		printf '%s\n' $(VENV)/lock-0 $(VENV)/lock-1 | xargs -P 2 -n 1 \
			$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile -r; fi
endef

# The development lock holds the runtime one, so installing it serves both.
$(RUNTIME): requirements.lock | $(BIN)/python
	$(call install_lock,requirements.lock)
	@touch $@

$(DEVELOPMENT): requirements-dev.lock requirements.lock | $(BIN)/python
	$(call install_lock,requirements-dev.lock)
	@touch $(RUNTIME) $@
