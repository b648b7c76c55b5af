# make run         installs what is missing, builds, and starts Tenantry with a demo app behind it
# make test        installs what is missing, and runs every test
# make check       installs what is missing, and runs the checks that are not tests
# make lighthouse  holds every page against Lighthouse's accessibility: some minutes
# make bench       prints what decisions, scoped reads, hashes and sign-ins cost on this machine
#
# Arguments for `tenantry dev`: make run ARGS="--port 8081". One test: make test ARGS="a_revoked_key".

TARGET := $(or $(CARGO_TARGET_DIR),target)
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

.PHONY: run test check lighthouse bench fmt clippy deny docs

run:
	@sh scripts/install run
	cargo build --release --locked --bin tenantry
	@exec $(TARGET)/release/tenantry dev $(ARGS)

test:
	@sh scripts/install test
	cargo test --workspace --locked $(ARGS)

check: fmt clippy deny docs

lighthouse:
	@sh scripts/lighthouse

bench:
	@sh scripts/install test
	cargo run --release --locked -p tenantry-edge --example limits
	cargo run --release --locked -p tenantry-platform --example scoped_read
	cargo run --release --locked -p tenantry-identity --example sign_ins

fmt:
	cargo fmt --all --check

clippy:
	@sh scripts/install test
	cargo clippy --workspace --all-targets --locked -- -D warnings

deny:
	@sh scripts/install check
	@sh scripts/deny

docs:
	RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace --locked
