#!/usr/bin/env bash
# Asks a running market what /openapi.json describes, and much that it does not: no answer may be a 5xx or undocumented.
# Needs Python with its package index; where that is missing it says so and skips. EXAMPLES per operation, 20 unless told.
set -euo pipefail
cd "$(dirname "$0")/.."
examples=${1:-${EXAMPLES:-20}}
venv=${BONDSTORE_VENV:-target/schemathesis}

skip() {
    echo "schemathesis is skipped: $1"
    exit 0
}
command -v python3 >/dev/null || skip "there is no python3"
if ! [ -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv" || skip "python3 cannot make an environment"
    "$venv/bin/pip" install --quiet 'schemathesis==4.32.5' cryptography || skip "it cannot be installed"
fi

cargo build --locked --bin bondstore
bondstore=$PWD/${CARGO_TARGET_DIR:-target}/debug/bondstore
home=$(mktemp -d)
market=
stop() {
    if [ -n "$market" ]; then kill "$market" 2>/dev/null || true; fi
    rm -rf "$home"
}
trap stop EXIT
export BONDSTORE_PASSWORD='a password for tests'

"$bondstore" market run --data "$home/market" --listen 127.0.0.1:0 --json >"$home/said" &
market=$!
for _ in $(seq 600); do
    [ -s "$home/said" ] && break
    sleep 0.1
done
field() { python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
url=$(field url <"$home/said")
"$bondstore" client init --data "$home/client" --market "$url" >/dev/null
session() { "$bondstore" session --data "$home/client" --json "$@"; }
party=$(session | field party)
"$bondstore" market credit --data "$home/market" "$party" 1000000000 >/dev/null

run() {
    local who=$1 spoken
    shift
    spoken=$(session "$@")
    echo "== as $who"
    BONDSTORE_PARTY=$(field party <<<"$spoken") BONDSTORE_MARKET=$(field market <<<"$spoken") \
        SCHEMATHESIS_HOOKS=scripts/schemathesis_hooks.py \
        "$venv/bin/schemathesis" --config-file scripts/schemathesis.toml run "$url/openapi.json" \
        --header "Authorization: Bearer $(field session <<<"$spoken")" \
        --seed 1 --max-examples "$examples" --max-time 100 --generation-deterministic
}
run "a client"
run "the operator" --operator "$home/market"
kill -0 "$market" || { echo "the market did not survive"; exit 1; }
