# Every chore under one name. The work itself is in cargo, in scripts/ and in xtask/; CONTRIBUTING.md says more.
# `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help build test ci lint docs dashboards generated soak evaluate fuzz bench static image deb golden

help: ## lists the chores
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the exporter, optimized, in target/release
	cargo build --locked --release

test: ## all tests, with real Prometheus servers
	scripts/test

ci: ## everything that a change has to pass
	.ci/run

lint: ## formatting, clippy, scripts, licences
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo deny --locked check --hide-inclusion-graph licenses bans sources

docs: ## the library's documentation, without a warning
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked

dashboards: ## writes dashboards/
	cargo xtask dashboards

generated: ## fails if something generated is not up to date
	cargo xtask dashboards --check

soak: ## the binary under fire for two minutes, its counters against the truth
	scripts/soak --for 2m

evaluate: ## how soon alerts fire, and how often for nothing
	cargo run --release --quiet --locked --package xtask -- evaluate

fuzz: ## ten minutes of each fuzz target (nightly, cargo-fuzz)
	for target in splitter row date config state; do \
		mkdir -p fuzz/corpus/$$target; \
		cargo +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=600 -timeout=25 || exit 1; \
	done

bench: ## the benchmarks
	cargo bench

golden: ## renews the golden exposition; then read the diff
	UPDATE_GOLDEN=1 scripts/test --test prometheus golden::

static: ## the static binary
	scripts/build-static

image: static ## the image's content, run as its user with a read-only root (root; buildah)
	scripts/image-test "target/$$(rustc -vV | sed -n 's/^host: //p')/release/wolkvox-exporter"

deb: ## the Debian package, installed and purged in an overlay (root; cargo-deb)
	scripts/deb-test
