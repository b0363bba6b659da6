#!/usr/bin/env bash
# One seed is one run, in a debug build and in a release build, with one thread and with two: the traces of some scenarios, compared.
#
#   scripts/traces.sh grinding wash
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- grinding lazy wash
cargo build --locked --bin bondstore
cargo build --locked --release --bin bondstore
target=${CARGO_TARGET_DIR:-target}
trace() {
    "$target/$1/bondstore" sim run "sim/scenarios/$2.toml" --seeds 3 --threads "$3" --json |
        python3 -c 'import json,sys; print(json.loads(sys.stdin.readline())["trace_hash"])' || true
}
passed=0
for scenario in "$@"; do
    first=$(trace debug "$scenario" 1)
    for other in "$(trace debug "$scenario" 2)" "$(trace release "$scenario" 1)" "$(trace release "$scenario" 2)"; do
        [ -n "$first" ] && [ "$other" = "$first" ] || { printf '%s: %s is not %s\n' "$scenario" "$other" "$first"; exit 1; }
    done
    printf '%s: trace %s in debug and release, with one thread and two\n' "$scenario" "$first"
    passed=$((passed + 1))
done
printf '%s passed, 0 failed\n' "$passed"
