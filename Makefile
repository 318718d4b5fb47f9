# What a person runs: `make demo` shows the main job, `make test` proves everything. Both set up what they need.

export CARGO_TARGET_DIR ?= $(HOME)/.cache/infra/target
export INSTA_WORKSPACE_ROOT := $(CURDIR)
VENV ?= $(HOME)/.cache/infra/venv
TEST_PYTHON := tests/requirements.txt
# What it needs does not go with what the others need.
MINISTACK := tests/ministack.txt

# Clippy compiles our own crates and says what it thinks of them on the way; the clouds' SDKs, which are nine tenths of the work,
# are not gone through a second time for it. Not for releases: it leaves optimisations out.
LINTED := RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-Dwarnings__CLIPPY_HACKERY__

.PHONY: demo build test fast lint fmt tidy deny tools venv bench clean

demo: build
	@./tests/demo.sh "$(CARGO_TARGET_DIR)/debug/infra"

# One set of artifacts for building, linting and testing: the cloud SDKs are compiled once, and every test binary is linked once.
build:
	$(LINTED) cargo test --workspace --all-targets --locked --no-run

# With moto and MiniStack as second opinions on AWS: INFRA_PYTHON and INFRA_MINISTACK are the Pythons that have them.
# A test waits more than it computes: for servers, pauses and other processes.
test: build venv tools fmt tidy deny
	INFRA_PYTHON="$(VENV)/bin/python" INFRA_MINISTACK="$(VENV)-ministack/bin/python" RUST_TEST_THREADS=4 \
		$(LINTED) cargo test --workspace --locked --no-fail-fast
	INFRA_BIN="$(CARGO_TARGET_DIR)/debug/infra" "$(VENV)/bin/python" -m pytest -q tests/sandbox tests/oracles

# Without the clouds: seconds, for work on the engine and the language.
fast:
	$(LINTED) cargo test -p infra-model -p infra-lang -p infra-engine -p infra-state -p infra-components -p infra-builtin

lint: fmt
	cargo clippy --workspace --all-targets --locked -- -D warnings

fmt:
	cargo fmt --all --check

tidy:
	$(LINTED) cargo run -q -p xtask --locked -- tidy

# It reads the crates of every platform; a build has fetched those of one.
deny:
	cargo fetch -q --locked
	@command -v cargo-deny >/dev/null || cargo install --locked --root "$(HOME)/.cache/infra/tools" cargo-deny
	PATH="$(HOME)/.cache/infra/tools/bin:$$PATH" cargo deny --offline check bans licenses sources

# A real Kubernetes control plane, helm, and what checks rules and policies: built by Go, once per version.
tools:
	@./tests/tools/build.sh

# moto and MiniStack are second opinions on AWS; the official clients drive the sandbox.
venv: $(VENV)/.ready-$(shell sha256sum $(TEST_PYTHON) | cut -c1-12) $(VENV)-ministack/.ready-$(shell sha256sum $(MINISTACK) | cut -c1-12)

$(VENV)/.ready-%: WANTED = $(TEST_PYTHON)
$(VENV)-ministack/.ready-%: WANTED = $(MINISTACK)
$(VENV)/.ready-% $(VENV)-ministack/.ready-%:
	rm -rf "$(@D)"
	python3 -m venv "$(@D)"
	"$(@D)/bin/pip" install -q --disable-pip-version-check -r $(WANTED)
	touch "$@"

bench:
	cargo run -q --release -p xtask --locked -- bench

clean:
	rm -rf "$(CARGO_TARGET_DIR)" "$(VENV)" "$(VENV)-ministack"
