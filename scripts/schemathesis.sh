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
running=()
stop() {
    for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$home"
}
trap stop EXIT
export BONDSTORE_PASSWORD='a password for tests'

# Waits until a command does what it is to do, a minute at most.
until_done() {
    for _ in $(seq 120); do
        if "$@" >"$home/tried" 2>&1; then return; fi
        sleep 0.5
    done
    cat "$home/tried"
    exit 1
}
"$bondstore" market run --data "$home/market" --listen 127.0.0.1:0 --json >"$home/said" &
market=$!
running+=("$market")
until_done test -s "$home/said"
field() { python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
url=$(field url <"$home/said")
"$bondstore" client init --data "$home/client" --market "$url" >/dev/null
session() { "$bondstore" session --data "$home/client" --json "$@"; }
party=$(session | field party)
"$bondstore" market credit --data "$home/market" "$party" 1000000000 >/dev/null

# Two providers and an object, so that there are contracts to ask for.
for number in 1 2; do
    node=$home/provider$number
    "$bondstore" provider init --data "$node" --market "$url" --listen 127.0.0.1:0 --capacity 1GB --json >"$home/node"
    "$bondstore" market credit --data "$home/market" "$(field did <"$home/node")" 1000000000 >/dev/null
    "$bondstore" provider run --data "$node" >"$node.log" 2>&1 &
    running+=("$!")
done
head -c 300000 /dev/urandom >"$home/file"
until_done "$bondstore" put "$home/file" thing --data "$home/client" --for 90d --data-shards 1 --parity-shards 1 \
    --same-operator --same-network
guest=$("$bondstore" session --operator "$home/market" --data "$home/client" --json | field party)
grants=$("$bondstore" share thing --with "$guest" --data "$home/client" --json | field grant)
contracts=$("$bondstore" contract list --data "$home/client" --json |
    python3 -c 'import json,sys; print(*[one["id"] for one in json.load(sys.stdin)])')
layouts=$(for one in $contracts; do "$bondstore" contract show "$one" --data "$home/client" --json | field layout; done)
echo "contracts: $contracts"
# The hooks sign with a key of their own: one with money, so that what it signs can be done.
signer=$("$venv/bin/python" scripts/schemathesis_hooks.py)
"$bondstore" market credit --data "$home/market" "$signer" 1000000000 >/dev/null

run() {
    local who=$1 spoken
    shift
    spoken=$(session "$@")
    echo "== as $who"
    BONDSTORE_CONTRACTS=$contracts BONDSTORE_LAYOUTS=$layouts BONDSTORE_GRANTS=$grants BONDSTORE_PARTY=$(field party <<<"$spoken") BONDSTORE_MARKET=$(field market <<<"$spoken") \
        SCHEMATHESIS_HOOKS=scripts/schemathesis_hooks.py \
        "$venv/bin/schemathesis" --config-file scripts/schemathesis.toml run "$url/openapi.json" \
        --header "Authorization: Bearer $(field session <<<"$spoken")" \
        --seed 1 --max-examples "$examples" --max-time 100 --generation-deterministic
}
run "a client"
run "the operator" --operator "$home/market"
kill -0 "$market" || { echo "the market did not survive"; exit 1; }
