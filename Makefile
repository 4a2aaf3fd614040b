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
# The crates under test: the binding is tested through Python, xtask by the drift check.
CRATES := -p segengine -p segengine-server
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust -type f \( -path '*/src/*' -o -name Cargo.toml -o -name build.rs \))

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

.PHONY: run serve
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
	$(BIN)/pytest $(PYTEST_ARGS)
