# Every chore has one name here; the work is done by cargo, by scripts/ (whose headers say more) and by xtask/.
# Times are those of two cores after a first build.

.DEFAULT_GOAL := help
.PHONY: help demo quick test lint style docs dashboards generated soak evaluate bench hostile golden pictures ci stack chart \
	release-files dashboards-load static reproducible cluster image deb fuzz

help: ## | lists the chores
	@awk -F ':.*## |[|] ' '/^[a-z-]+:.*## /{printf "  %-16s %-8s %s\n", $$1, $$2, $$3}' $(MAKEFILE_LIST)

demo: ## 5 min | the exporter beside a simulated Wolkvox, on http://localhost:10013/
	cargo run --locked --release -- demo

# Of the exporter's tests those that need no other program and wait for nothing.
quick: ## 2 min | tests without Prometheus, a browser or another program
	cargo test --locked --workspace --lib
	cargo test --locked --workspace --test exporter -- answers:: config:: documents:: exposition:: layout:: \
		metrics_reference:: names:: reference::

test: ## 10 min | all tests, with real Prometheus servers (fetches them)
	scripts/test

lint: ## 3 min | formatting, clippy, licences
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo deny --locked --workspace check --hide-inclusion-graph licenses bans sources

style: ## 1 s | how the source reads, in numbers
	cargo xtask style

docs: ## 1 min | the library's documentation, without a warning
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked

dashboards: ## 1 s | writes dashboards/
	cargo xtask dashboards

generated: ## 1 s | fails if dashboards/ is not what `make dashboards` writes
	cargo xtask dashboards --check

soak: ## 3 min | the binary under faults and kills, its counters against the truth
	scripts/soak --for 2m

evaluate: ## 8 min | how soon alerts fire, and how often for nothing
	cargo run --release --quiet --locked --package xtask -- evaluate --months 10

bench: ## 30 min | the benchmarks
	cargo bench

hostile: ## 10 min | scrapes among strangers, with figures
	HOSTILE_SECONDS=10 cargo test --locked --workspace --profile dist --test exporter hostile:: -- --nocapture

golden: ## 1 min | renews the golden exposition; then read the diff
	UPDATE_GOLDEN=1 scripts/test --test prometheus golden::

pictures: ## 1 min | renews the pictures of the status page; then look at them (needs fonts-noto-color-emoji)
	WOLKVOX_TEST_PICTURES=docs/pictures scripts/test --test exporter status_page::

ci: ## 1 h | everything that a change has to pass
	.ci/run

stack: ## 5 min | dashboards, compose file, Alertmanager, VictoriaMetrics against their own tools (needs Go)
	scripts/lint-stack

chart: ## 5 min | the Helm chart: lint, schemas, golden manifests (needs Go, pip; UPDATE_GOLDEN=1 renews them)
	scripts/chart-test

release-files: ## 5 min | Dockerfile, workflows, the image's compose file (needs Go, pip)
	scripts/lint-release

dashboards-load: ## 10 min | the dashboards' queries over a month of data (needs Go)
	scripts/dashboards-load

static: ## 8 min | the static binary
	scripts/build-static

reproducible: ## 10 min | the static binary, built twice in two places: the same bytes
	scripts/reproducible

cluster: ## 10 min | the Helm chart in a real API server (root; needs Go)
	scripts/cluster tests/cluster/chart

image: ## 10 min | the image in a real Docker engine (root; needs Go)
	scripts/image-test

deb: ## 8 min | the Debian package, installed and purged in an overlay (root; needs cargo-deb)
	scripts/deb-test

fuzz: ## 50 min | ten minutes of each fuzz target (needs nightly Rust, cargo-fuzz)
	for target in splitter row date config state; do \
		mkdir -p fuzz/corpus/$$target; \
		cargo +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=600 -timeout=25 || exit 1; \
	done
