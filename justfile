# Lists the recipes.
default:
    @just --list

# Shows the service at work on an embedded cluster.
demo *arguments:
    cargo run -- demo {{arguments}}

# Runs the service with a bundled snapshot in place of a cluster.
serve config="config/examples/snapshot.yaml":
    cargo run -- --config {{config}} serve

# Runs every test of every crate.
test *arguments:
    cargo test {{arguments}}

# Runs the scenarios by rules alone.
scenarios:
    cargo run -- eval tests/scenarios

# Formats the code.
fmt:
    cargo fmt --all

# Lints; warnings are errors.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Builds the API documentation of the crates; warnings are errors.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Writes the generated files.
generate:
    cargo run -- openapi > api/openapi.json
    cargo run -- causes > docs/causes.md
    cargo run -- eval tests/scenarios --output md > docs/evaluation.md

# Measures engine overhead, poll latency, triage and memory.
bench:
    cargo bench --bench overhead
    cargo bench --bench live_sessions
    cargo bench --bench triage

# Builds the release binary.
release:
    cargo build --release --locked --bin leadsman

# Builds the container image.
image tag="leadsman":
    docker build -t {{tag}} .

# Does all that a change must pass.
ci:
    .ci/run
