# Two commands: `make run` runs the scenario library, `make test` runs every check. Both make the environment first;
# all that they need is Python 3.11 or newer and make. `make bench` adds what the benchmark needs to it.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# What holds packets back in the kernel is built here, from a compiler, Python.h and libnetfilter-queue-dev.
HOLDS := $(VENV)/.holds
BENCH := $(VENV)/.bench
MUTANTS := $(VENV)/.mutants
SITE := $(VENV)/.site
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
PIN = .make/lock/bin/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras --no-annotate \
  --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options -o $(1)

.PHONY: help run test wires pages images site site-serve bench mutants lock vendored clean

help:  ## Show what can be made.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(READY)  ## Run the scenario library.
	$(BIN)/fdl-harness run

test: $(READY)  ## Run all tests, the type checks and the lint, each in an environment of its own.
	$(BIN)/tox

wires: $(HOLDS)  ## Run the library against the real server program, too: as root, with what .ci/run installs.
	$(BIN)/pytest -n 2 -m wire --wires asgi,tls,netns tests/harness/wires

pages: $(READY)  ## Open the pages of the reports in Chromium, with what .ci/run installs.
	@test -n "$(CHROMIUM)" || { echo "No Chromium is on the path; name it: make pages CHROMIUM=/path/to/chromium"; exit 1; }
	$(BIN)/pytest -n 2 -m browser --browser "$(CHROMIUM)" tests/pages

images: $(READY)  ## Make the pictures in docs/images again.
	$(BIN)/python -m tests.pages.drawings
	$(BIN)/python -m tests.pages.screenshots "$(CHROMIUM)"

# Not --quiet, which would keep the warnings from being counted that fail it.
site: $(SITE)  ## Make the documentation a site, in the folder site, from pages that all lead somewhere.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

site-serve: $(SITE)  ## Show the site, with search, at an address of this machine, and again whenever a page changes.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --watch README.md --watch .ci --watch scenarios

bench: $(BENCH)  ## Measure LIC30 beside other simulators, at length; ARGS=--quick for less, ARGS=--help for more.
	$(BIN)/python -m benchmarks.bench $(ARGS)

mutants: $(MUTANTS)  ## Run the tests on mutants of the machines and the rule book, for hours; ARGS='--sample 200' for less.
	$(BIN)/python .ci/mutants.py run $(ARGS)
	$(BIN)/python .ci/mutants.py table

$(BENCH): .ci/bench.txt $(READY)
	$(PIP) --require-hashes -r .ci/bench.txt
	@touch $@

$(MUTANTS): .ci/mutants.txt $(READY)
	$(PIP) --require-hashes -r .ci/mutants.txt
	@touch $@

$(SITE): .ci/site.txt $(READY)
	$(PIP) --require-hashes -r .ci/site.txt
	@touch $@

$(READY): .ci/constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name it: make run PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) --require-hashes -r .ci/constraints.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(HOLDS): $(READY) .ci/netns-build.txt .ci/netns.txt
	$(PIP) --no-deps --require-hashes -r .ci/netns-build.txt
	$(PIP) --no-deps --require-hashes --no-build-isolation -r .ci/netns.txt
	@touch $@

lock: $(READY)  ## Pin the newest versions of everything in .ci.
	$(PYTHON) -m venv --clear .make/lock
	.make/lock/bin/pip install --quiet pip-tools
	$(call PIN,.ci/constraints.txt) --extra dev --all-build-deps pyproject.toml
	printf 'cython\nsetuptools\n' | $(call PIN,.ci/netns-build.txt) -
	echo netfilterqueue | $(call PIN,.ci/netns.txt) -
	printf 'matplotlib\nsalabim\n' | $(call PIN,.ci/bench.txt) -c .ci/constraints.txt -
	echo mutmut | $(call PIN,.ci/mutants.txt) -c .ci/constraints.txt -
	# Later ones of that extension want a newer Python 3.11 than Debian has.
	printf 'mkdocs-material\npymdown-extensions<13\n' | $(call PIN,.ci/site.txt) -c .ci/constraints.txt -

vendored:  ## Make what the clone carries of others again, from npm, as .ci/vendor/vendored.toml says.
	.ci/vendor/renew

clean:  ## Remove what was made.
	rm -rf $(VENV) .tox .make site benchmarks/results mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
