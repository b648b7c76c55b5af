# make run         installs what is missing, builds, and starts Tenantry with a demo app behind it
# make test        installs what is missing, and runs every test
# make check       installs what is missing, and runs the checks that are not tests
# make lighthouse  holds every page against Lighthouse's accessibility: some minutes
# make soak        three nodes, faults, and a checker of their decisions: SOAK_S=600 seconds, SOAK_SEED=1
# make soak-planted  the same with faults planted in Tenantry, each of which it has to find
# make revocations revokes 10,000 keys on three nodes, and draws how long that took: some minutes
# make rls-corpus  judges `tenantry rls` by its corpus of planted holes: docs/rls-corpus.md, some minutes
# make rls-random  5,000 random schemas, on which `tenantry rls verify` and `attack` have to agree: twenty minutes
# make bench       prints what decisions, scoped reads, hashes and sign-ins cost on this machine, and measures the gateway
#                  beside nginx and HAProxy, and as it grows: docs/benchmarks/
#
# Arguments for `tenantry dev`: make run ARGS="--port 8081". One test: make test ARGS="a_revoked_key".

TARGET := $(or $(CARGO_TARGET_DIR),target)
SOAK_S ?= 600
SOAK_SEED ?= 1
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

.PHONY: run test check lighthouse soak soak-planted revocations rls-corpus rls-random bench bench-gateway bench-growth fmt clippy deny docs

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

soak:
	@sh scripts/install test
	cargo build --release --locked --bin tenantry
	python3 soak/stage.py $(TARGET)/release/tenantry --seconds $(SOAK_S) --seed $(SOAK_SEED) --report docs/benchmarks/soak.md

soak-planted:
	@sh scripts/install test
	python3 soak/planted.py run

# How many: make revocations REVOCATIONS=500
REVOCATIONS := 10000
revocations:
	@sh scripts/install test
	cargo build --release --locked --bin tenantry
	TENANTRY_NODE="$(abspath $(TARGET))/release/tenantry" TENANTRY_REVOCATIONS=$(REVOCATIONS) TENANTRY_REVOCATIONS_AT_ONCE=8 \
		TENANTRY_REVOCATIONS_TO="$(CURDIR)/docs" \
		cargo test --locked -p tenantry --test it -- --nocapture what_is_sent_after_a_revocation_has_answered

rls-corpus:
	@sh scripts/install test
	cargo test --locked -p tenantry-rls --test it -- corpus::

# How many, and from where: make rls-random TENANTRY_RLS_SCHEMAS=1000 TENANTRY_RLS_SEED=7
TENANTRY_RLS_SCHEMAS ?= 5000
TENANTRY_RLS_SEED ?= 1
rls-random:
	@sh scripts/install test
	TENANTRY_RLS_SCHEMAS=$(TENANTRY_RLS_SCHEMAS) TENANTRY_RLS_SEED=$(TENANTRY_RLS_SEED) \
		cargo test --locked -p tenantry-rls --test it -- --nocapture verify_and_attack_agree

bench:
	@sh scripts/install test
	cargo run --release --locked -p tenantry-edge --example limits
	cargo run --release --locked -p tenantry-platform --example scoped_read
	cargo run --release --locked -p tenantry-identity --example sign_ins
	$(MAKE) bench-gateway bench-growth

bench-gateway:
	@sh scripts/install bench
	cargo build --release --locked --bin tenantry --example steady
	python3 bench/gateway.py $(TARGET)/release/tenantry $(TARGET)/release/examples/steady --callgrind

bench-growth:
	@sh scripts/install bench
	cargo build --release --locked --bin tenantry --example steady
	python3 bench/growth.py $(TARGET)/release/tenantry $(TARGET)/release/examples/steady

fmt:
	cargo fmt --all --check

clippy:
	@sh scripts/install test
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --workspace --no-default-features --locked -- -D warnings

deny:
	@sh scripts/install check
	@sh scripts/deny

docs:
	RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace --locked
