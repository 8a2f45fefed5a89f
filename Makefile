# `make demo` and `make test` do all set-up on a fresh machine with Python 3.11+, Node 20+ and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NODE_READY := node_modules/.ready

export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

.PHONY: help setup demo scale test unit synth conformance integration typing e2e chaos-minute chaos lint types format bench cost clean

help: ## Show what there is
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): requirements.txt requirements-dev.txt constraints.txt runtime/pyproject.toml constructs/pyproject.toml
	@echo "installing Python packages into $(VENV) (once, about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rota needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@touch $@

$(NODE_READY): package.json package-lock.json
	@command -v npm >/dev/null || { echo "rota needs Node 20 or newer with npm, for the AWS CDK command line"; exit 1; }
	@echo "installing the AWS CDK command line, and what the tests run in Node, into node_modules (once)"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

setup: $(READY) $(NODE_READY) ## Install everything the other targets need

demo: setup ## Deploy the example to the local AWS and watch three servers share its runs
	@python -m examples.demo

scale: setup ## Deploy 2,000 jobs over 32 stacks to the local AWS, edit three, and see that they alone change (a minute)
	@python -m examples.scale

test: lint types unit synth conformance integration typing e2e chaos-minute ## All the tests

unit: setup ## Rules of one module each
	@python -m pytest -q -n 2 tests/unit tests/packaging

synth: setup ## What the CloudFormation templates say
	@python -m pytest -q -n 2 tests/synth

conformance: setup ## One suite, every backend
	@python -m pytest -q -n 2 tests/conformance

integration: setup ## Real processes, real signals
	@python -m pytest -q tests/integration

typing: setup ## What mypy and pyright must accept and refuse in users' code
	@python -m pytest -q tests/typing

e2e: setup ## The real CDK CLI against the local AWS
	@python -m pytest -q tests/e2e

chaos-minute: setup ## A short chaos of a fixed seed, and its judge on made-up logs
	@python -m pytest -q tests/chaos

chaos: setup ## Kill, stop and mislead a fleet for minutes, and count what became of its runs (CHAOS_OPTIONS="--seed 7")
	@python -m chaos $(CHAOS_OPTIONS)

lint: setup ## ruff and the import contracts
	@ruff check .
	@ruff format --check .
	@lint-imports --no-cache

types: setup ## mypy, strict
	@mypy

format: setup ## Let ruff rewrite
	@ruff check --fix .
	@ruff format .

bench: setup ## Measure the worker and the constructs beside their peers (about 18 minutes; BENCH_OPTIONS=--quick for a look)
	@python -m benchmarks $(BENCH_OPTIONS)

cost: setup ## Count what runs cost at AWS, into docs/cost.md (about 2 minutes)
	@python -m benchmarks.cost --write

clean: ## Remove what the targets made
	rm -rf $(VENV) node_modules cdk.out .mypy_cache .ruff_cache .hypothesis
