#!/usr/bin/env bash
# Time and memory of one simulated run of thirty days with so many providers, for each number given (10,000 without one).
#
#   scripts/scale_sim.sh 10000 100000 1000000
#
# A million take some half an hour and 5 GiB.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 10000
cargo build --locked --release --bin bondstore
python3 scripts/scale_sim.py "${CARGO_TARGET_DIR:-target}/release/bondstore" "$@"
