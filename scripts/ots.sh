#!/usr/bin/env bash
# Verifies our .ots files with other programs than ours: the stock OpenTimestamps client and its library, from Python's package index.
# Blocks come from a small regtest chain that an example mines, and, where this binary has `chain dev run`, from a development chain over
# RPC. Where the client cannot be installed it says so and skips.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${BONDSTORE_OTS_VENV:-target/ots}

skip() {
    echo "the stock OpenTimestamps client is skipped: $1"
    exit 0
}
command -v python3 >/dev/null || skip "there is no python3"
if ! "$venv/bin/python" -c 'import otsclient, bitcoin' 2>/dev/null; then
    python3 -m venv "$venv" || skip "python3 cannot make an environment"
    "$venv/bin/pip" install --quiet 'opentimestamps-client==0.7.2' 'opentimestamps==0.4.5' 'python-bitcoinlib==0.12.2' ||
        skip "opentimestamps-client cannot be installed"
fi

built=$PWD/${CARGO_TARGET_DIR:-target}/debug
case ${CARGO_TARGET_DIR:-} in /*) built=$CARGO_TARGET_DIR/debug ;; esac
cargo build --locked --package contracts-bitcoin --example anchored
home=$(mktemp -d)
chain=
trap '[ -z "$chain" ] || kill "$chain"; rm -rf "$home"' EXIT
"$built/examples/anchored" mined "$home/mined"
"$venv/bin/python" scripts/ots.py mined "$home/mined"

if [ -z "${BONDSTORE:-}" ]; then
    cargo build --locked --bin bondstore
    BONDSTORE=$built/bondstore
fi
if ! "$BONDSTORE" chain dev run --help >/dev/null 2>&1; then
    echo "the development chain over RPC is skipped: this bondstore has no command for it"
    exit 0
fi
"$BONDSTORE" chain dev run --listen 127.0.0.1:0 --data "$home/chain" --json >"$home/told" 2>"$home/log" &
chain=$!
"$venv/bin/python" scripts/ots.py devchain "$home/chain" "$home/served" "$built/examples/anchored"
