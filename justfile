# Everything that is done often. `just` lists it.

_default:
    @just --list

# The main job, on one file.
demo FILE='README.md':
    cargo run --release -- demo {{FILE}}

# What `cargo check` finds, quickly.
check:
    cargo check --workspace --all-targets

# All tests.
test:
    cargo test --workspace

# What CI runs.
ci:
    bash .ci/run

# Format everything.
fmt:
    cargo fmt --all

# All benches; figures go to docs/BENCHMARKS.md by hand, with the machine they were measured on.
bench:
    cargo bench --workspace

# Kills of the market and of a provider at random moments: ROUNDS each.
kills ROUNDS='10000':
    BONDSTORE_KILL_ROUNDS={{ROUNDS}} cargo test --release --test kills -- --nocapture

# The writer on PostgreSQL killed once and paused once under load in each of ROUNDS; a standby must write within ten seconds.
# Every ten rounds a line says how it goes, and the last one sums up.
failover ROUNDS='200':
    BONDSTORE_FAILOVER_ROUNDS={{ROUNDS}} BONDSTORE_FAILOVER_SECONDS=10 cargo test --release -p market-server --test postgres failover -- --nocapture

# Random command sequences against the market's rules: SIZE of them.
sequences SIZE='1000000':
    bash scripts/sequences.sh {{SIZE}}

# Asks a running market what its description says, and much that it does not: EXAMPLES for each operation.
schemathesis EXAMPLES='200':
    bash scripts/schemathesis.sh {{EXAMPLES}}

# Cheats, honest years and newcomers under the reputation's rules: TIMES as many runs as in CI.
reputation TIMES='20':
    REPUTATION_RUNS={{TIMES}} cargo test --release -p reputation -- --nocapture

# How surely and how soon audits find a loss: TIMES as many runs as in CI.
detection TIMES='5':
    DETECTION_RUNS={{TIMES}} cargo test --release -p contracts --test detection -- --nocapture

# A market with CONTRACTS of six slots each is saved and started again: time and memory of both.
restart CONTRACTS='1000000':
    scripts/restart.sh {{CONTRACTS}}

# Memory for each contract, with CONTRACTS of six slots each.
scale CONTRACTS='1000000':
    cargo bench -p market --bench scale -- {{CONTRACTS}}

# Every scenario with its mutant, SEEDS runs of each arm; ONLY names those whose files are called so.
scenarios SEEDS='30' ONLY='':
    SIM_SEEDS={{SEEDS}} SIM_ONLY={{ONLY}} cargo test --release -p sim --test scenarios -- --nocapture

# The simulator's engine beside other simulators and beside bare loops, with SIZES agents each; krABMaga, Mesa and mesa-frames are
# installed from their registries into target/peers.
peers *SIZES:
    scripts/peers.sh {{SIZES}}

# What is known, reproduced at full length.
validate:
    cargo run --release -- sim validate

# One seed is one run: traces of SCENARIOS in debug and release builds, with one thread and two.
traces *SCENARIOS:
    scripts/traces.sh {{SCENARIOS}}

# COUNT of five wrong rules, put into contracts, market or reputation one after the other: scenarios must be refuted by each.
wrong-rules COUNT='5':
    scripts/wrong_rules.sh {{COUNT}}

# Time and memory of a simulated month with so many providers each: `just providers 10000 100000 1000000`.
providers *SIZES='10000':
    scripts/scale_sim.sh {{SIZES}}
