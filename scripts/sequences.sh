#!/usr/bin/env bash
# Random command sequences against the market's rules: SIZE of them, 1,000,000 by default, from SEED, the time of day by
# default. The seed is said first: the same seed gives the same sequences. A breach ends it, with the shortest sequence
# that shows it.
set -euo pipefail
cd "$(dirname "$0")/.."
size=${1:-1000000}
seed=${2:-$(date +%s)}
printf '%s sequences from seed %s\n' "$size" "$seed"
PROPTEST_CASES=$size SEQUENCES_SEED=$seed exec cargo test --release -p market --test sequences --locked -- \
    --nocapture every_invariant
