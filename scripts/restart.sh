#!/bin/sh
# How long a market with so many contracts (100,000 without a number) takes to start again, and how much memory.
#
#   scripts/restart.sh 1000000
#
# With RESTART_DATABASE, the URL of an empty PostgreSQL database, there; else with SQLite in a temporary directory.
set -eu
cd "$(dirname "$0")/.."
RESTART_CONTRACTS=${1:-100000}
RESTART_DIR=$(mktemp -d)
export RESTART_CONTRACTS RESTART_DIR
trap 'rm -rf "$RESTART_DIR"' EXIT
for step in a_state_of_many_contracts_is_saved a_market_of_many_contracts_starts_again; do
    cargo test -q -p market-server --profile bench --lib "$step" -- --ignored --nocapture
done
