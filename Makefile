# Two commands do everything on a fresh machine: `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON := target/tools/venv/bin/python
YEAR := target/data/2024-12-01

.PHONY: help run test test-azure test-homes test-outages bench data fmt lint doc setup cluster cluster-stop torture-cluster

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS=$$'\t' read -r name text; do printf '  make %-15s %s\n' "$$name" "$$text"; done

run: ## Install what is missing, build, make a clinic's year around today, serve and import it, say where to look
	@scripts/setup run
	@scripts/run

test: ## Install what is missing, then run every check and every test, with the minutes of each stage
	@scripts/setup test
	@scripts/test

cluster: ## Start three nodes on three brokers with every store on loopback, say where to look (cluster-stop ends it)
	@scripts/setup cluster
	@scripts/cluster start

cluster-stop: ## End what make cluster started
	@scripts/cluster stop

test-azure: ## Run the contract of blobs on Azurite, Microsoft's emulator (npm fetches 365 MB)
	@scripts/setup test
	@scripts/test_azure

torture-cluster: ## Kill, stop, cut off and starve a cluster under load for long, with a checker over every answer
	@scripts/setup test
	@cargo build --workspace --all-targets
	@CARELOG_TORTURE=long cargo test --workspace --test cluster -- --nocapture

test-homes: ## Tell the clinic's whole year on every home, with 1 and 4 partitions, and compare every cell (an hour or so)
	@scripts/setup test
	@CARELOG_TEST_DAYS=all cargo test --workspace --test homes one_history -- --nocapture

test-outages: ## Take each store away for a minute while a clinic works
	@scripts/setup test
	@CARELOG_TEST_OUTAGE_SECONDS=60 cargo test --workspace --test outages -- --nocapture

bench: ## Measure everything in one run and print the table that docs/benchmarks.md keeps
	@scripts/setup bench
	@scripts/bench

data: ## Make the year that tests and benches use (ref date 2024-12-01, seeds 1, 2, 3)
	@scripts/setup data
	@$(PYTHON) scripts/make_data.py $(YEAR)

fmt: ## Format the code
	@cargo fmt --all

lint: ## Check formatting, and clippy with warnings denied
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings

doc: ## Build the API documentation
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
	@echo "target/doc/carelog_domain/index.html"

setup: ## Install what every other target needs
	@scripts/setup run test bench data
