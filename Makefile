# The whole of Tidegate's chores. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /usr/bin/env bash

.PHONY: help run test bench lint doc deny

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

run: ## a simulated organisation and a node that measures it (Ctrl-C ends it)
	cargo run --release -- demo

test: ## every test; brings what the tests need (promtool, GitHub's published schemas)
	scripts/test.sh

bench: ## every benchmark: a table on the screen, JSON in target/bench/
	scripts/bench.sh

lint: ## formatting and lints, as CI runs them
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

doc: ## the crates' documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

deny: ## licences, sources and bans of every dependency
	cargo deny check bans licenses sources
