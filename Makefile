# segengine: `make run` and `make test` set up what is missing; `make help` lists everything.
#
# Set-up is three stamps in .venv/.stamps, each made again only when what it was made from changes: the virtual
# environment with a pinned uv, the locked Python packages, the extension. Nothing outside the clone is written but the
# download caches of cargo, pip and uv. One cargo target directory serves extension, tests, lints and documents.
# A virtual environment holds absolute paths: the stamps' folder carries the clone's path, so a moved clone sets up again.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:

ARGS ?=
PYTEST_ARGS ?=
VENV := .venv
STAMPS := $(VENV)/.stamps$(subst /,-,$(CURDIR))
BIN := $(VENV)/bin
CARGO_SH := tools/cargo.sh
# The binding is tested through Python; it is named so that tests and extension share one set of features, hence one
# build of every dependency. xtask is tested by the drift check.
CRATES := -p segengine -p segengine-load -p segengine-proofs -p segengine-server -p segengine-python
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust -type f -not -path 'rust/segengine-proofs/*' \( -path '*/src/*' -o -name Cargo.toml -o -name build.rs \))

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##
## Set-up
##

.PHONY: setup build
setup: $(STAMPS)/packages ## Make .venv with the locked packages, without building anything of ours
build: $(STAMPS)/extension ## Set up and build the extension module into the virtual environment

$(STAMPS)/uv: tools/bootstrap.txt tools/toolchain.sh
	@python=$$(tools/toolchain.sh) || exit 1; \
	echo "set-up: $$($$python --version), $$(rustc --version | cut -d' ' -f1-2), $$($${CC:-cc} --version 2>&1 | head -n 1)"; \
	echo "set-up: making $(VENV) with a pinned uv"; \
	$$python -m venv --clear $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tools/bootstrap.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/packages: $(STAMPS)/uv pyproject.toml uv.lock
	@echo "set-up: installing the locked Python packages"
	@$(BIN)/uv sync --quiet --locked --no-install-project
	@touch $@

$(STAMPS)/extension: $(STAMPS)/packages $(RUST_SOURCES)
	@tools/toolchain.sh >/dev/null
	@echo "set-up: building the extension module (the first time takes some minutes)"
	@$(BIN)/uv sync --quiet --locked --offline --no-build-isolation --reinstall-package segengine
	@touch $@

##
## Running
##

.PHONY: run
run: build ## Tell the story on a demo data directory, then serve until Ctrl-C (ARGS=--once ends after the story)
	@$(BIN)/python -m segengine.story $(ARGS)

##
## Tests
##

.PHONY: test test-rust test-doc test-python test-root
test: test-rust test-doc test-python ## Every test that needs no root and no tool beyond the toolchain

test-rust: build ## Unit and integration tests of the Rust crates
	$(CARGO_SH) nextest run --locked $(CRATES)

test-doc: build ## The examples in the Rust documentation
	$(CARGO_SH) test --quiet --locked --doc $(CRATES)

test-python: build ## The Python tests: pytest, in random order, warnings as errors
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-root: build ## The tests that need root or strace: the durability of every write (CI runs them)
	$(BIN)/python -m pytest -m root $(PYTEST_ARGS)

ROWS ?= 1,3
BUDGET ?= 600
.PHONY: reliability
reliability: build ## The long tier: each promise of ROWS for BUDGET seconds, written down in docs/reliability
	$(BIN)/python tools/reliability.py run --rows $(ROWS) --budget $(BUDGET)

##
## Checks
##

# Tests and benchmarks narrow numbers that they made themselves, and print what they counted.
TEST_LENIENCE := $(addprefix -A clippy::,cast_possible_truncation cast_possible_wrap cast_sign_loss print_stderr print_stdout)
CHECKS := format clippy ruff types stubs docs generated layers style deny benches reliability compare
.PHONY: check generate format fix $(addprefix check-,$(CHECKS))
check: $(addprefix check-,$(CHECKS)) ## Every check that is no test; each also runs alone

check-format: $(STAMPS)/packages ## rustfmt and ruff find nothing to lay out
	$(CARGO_SH) fmt --all --check
	$(BIN)/ruff format --quiet --check

check-clippy: build ## Clippy, pedantic with a short list of exceptions, no warnings
	$(CARGO_SH) clippy --quiet --locked --workspace -- -D warnings
	$(CARGO_SH) clippy --quiet --locked --workspace --all-targets -- -D warnings $(TEST_LENIENCE)

check-ruff: $(STAMPS)/packages ## Ruff, all rules less a list with reasons
	$(BIN)/ruff check --quiet

check-types: build ## mypy --strict over the package and the tools
	$(BIN)/mypy
	MYPYPATH=tools $(BIN)/mypy --no-incremental tools/*.py

check-stubs: build ## The stub of the extension says what the extension has
	MYPYPATH=python $(BIN)/stubtest --concise --mypy-config-file pyproject.toml segengine._segengine

check-docs: build ## The Rust documentation builds without a warning
	RUSTDOCFLAGS="-D warnings" $(CARGO_SH) doc --quiet --locked --no-deps $(CRATES)

check-generated: build ## Committed generated code is what its sources generate
	tools/check_generated.sh

check-layers: $(STAMPS)/packages ## Nothing imports what ARCHITECTURE.md forbids
	$(BIN)/python tools/layering.py

check-style: $(STAMPS)/packages ## Files and functions have the measures of a page
	$(BIN)/python tools/style.py

check-deny: $(STAMPS)/packages ## Licences and sources of every crate (offline)
	$(CARGO_SH) deny --offline --log-level error check bans licenses sources

check-benches: $(STAMPS)/packages ## The baselines that speed is measured against are unedited
	$(BIN)/python tools/check_benches.py

check-compare: $(STAMPS)/packages ## COMPARE.md and the figures of README are what benches/record says
	$(BIN)/python benches/compare/table.py --check

check-reliability: $(STAMPS)/packages ## docs/RELIABILITY.md is what its recorded runs say
	$(BIN)/python tools/reliability.py check

generate: build ## Write the generated code again, from proto/ and the asynchronous client
	tools/generate.sh

format: $(STAMPS)/packages ## Lay out all code
	$(CARGO_SH) fmt --all
	$(BIN)/ruff format --quiet
	$(BIN)/ruff check --quiet --fix

fix: build ## Apply what clippy and ruff can mend by themselves, then lay out
	$(CARGO_SH) clippy --fix --quiet --locked --workspace --all-targets --allow-dirty --allow-staged
	$(MAKE) --no-print-directory format

.PHONY: defects
defects: setup ## Plant a defect for each invariant in a copy of the tree, and see its test fail (about 20 minutes)
	$(BIN)/python tools/planted_defects.py

##
## Measures
##

# The comparisons run in a virtual environment of their own, with peers that the project never depends on, and with the
# extension as it is released; both stand below target/bench, as do generated workloads and the peers' builds. Every round
# is kept under benches/record, and COMPARE.md is written from it. Budgets hold on 2 cores, beyond building.
BENCH := target/bench
BENCH_PYTHON := PYTHONPATH=$(BENCH)/python $(BENCH)/venv/bin/python
QUICK := --record $(BENCH)/record

.PHONY: bench bench-rust bench-python bench-compare bench-quick bench-growth bench-equality bench-setup compare
bench: bench-setup ## Everything beside its peers: the table of COMPARE.md, every round in benches/record (20 minutes)
	@$(MAKE) --no-print-directory bench-compare; ended=$$?; $(MAKE) --no-print-directory compare && exit $$ended

bench-rust: build ## Criterion: the questions of the core (half an hour)
	$(CARGO_SH) bench --locked --package segengine

bench-python: bench-setup ## pytest-benchmark: the binding (minutes)
	PYTHONPATH=$(BENCH)/python $(BIN)/python -m pytest -o addopts= --benchmark-only benches/python

bench-setup: build $(BENCH)/venv/.locked ## Build for release, and set up the peers
	$(CARGO_SH) build --quiet --release --locked -p segengine-load -p segengine-server -p segengine-python --lib --bins --examples
	@mkdir -p $(BENCH)/python && cp -R python/segengine $(BENCH)/python/
	@cp target/release/lib_segengine.$(if $(filter Darwin,$(shell uname)),dylib,so) $(BENCH)/python/segengine/_segengine.abi3.so

$(BENCH)/venv/.locked: benches/compare/requirements.txt $(STAMPS)/packages
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(BENCH)/venv
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BENCH)/venv/bin/python benches/compare/requirements.txt
	@touch $@

# Each comparison is a process of its own; one that fails does not keep the others from running, but the target fails.
define compare_all
@failed=0; began=$$(date +%s); \
while IFS= read -r line; do \
	[ -n "$$line" ] || continue; \
	echo "== $$line ($$(($$(date +%s) - began)) s)"; \
	$(BENCH_PYTHON) benches/compare/$$line $(1) </dev/null || failed=1; \
done <<< "$$COMPARISONS"; \
echo "== $$(($$(date +%s) - began)) s in all"; exit $$failed
endef

define FULL
matching.py --definition W1
matching.py --definition W8
matching.py --definition W6
edits.py
reach.py
upload.py
memory.py
start.py
unary.py --seconds 3
under_changes.py --seconds 3
endef

define SMALL
matching.py --definition quick
edits.py --adgroups 20000 --edits 20 --rounds 3
reach.py --profiles 200000 --expressions 20 --rounds 3
upload.py --lines 500000 --pandas-lines 200000 --rounds 3
memory.py --users 100000
start.py --profiles 500000 --rounds 1
unary.py --users 50000 --adgroups 20000 --rounds 3 --seconds 1
under_changes.py --users 100000 --adgroups 20000 --rounds 2 --seconds 1
endef

bench-compare: export COMPARISONS = $(FULL)
bench-compare: SHELL := /bin/bash
bench-compare: bench-setup ## Matching, edits, reach, uploads, memory, starts and unary calls beside their peers
	$(call compare_all,)

bench-quick: export COMPARISONS = $(SMALL)
bench-quick: SHELL := /bin/bash
bench-quick: bench-setup ## The same on small data, recorded below target only (3 minutes)
	$(call compare_all,$(QUICK))

bench-growth: bench-setup ## Time and memory against adgroups, segments, segments a user, profiles; curves into docs/growth
	$(BENCH_PYTHON) benches/compare/growth.py
	$(MAKE) --no-print-directory compare

bench-equality: bench-setup ## Ten million answers on every workload, and a dense one, against the naive oracle
	$(BENCH_PYTHON) benches/compare/equality.py
	$(MAKE) --no-print-directory compare

compare: $(STAMPS)/packages ## Write COMPARE.md and the figures of README from benches/record
	$(BIN)/python benches/compare/table.py
	$(BIN)/python benches/compare/sizing.py
