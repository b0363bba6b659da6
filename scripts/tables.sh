#!/usr/bin/env bash
# Reads what a simulated run leaves behind with other programs than ours: DuckDB and Polars, from Python's package index, and holds it
# against summary.json. Where they cannot be installed it says so and skips.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${BONDSTORE_TABLES_VENV:-target/tables}

skip() {
    echo "reading tables is skipped: $1"
    exit 0
}
command -v python3 >/dev/null || skip "there is no python3"
if ! "$venv/bin/python" -c 'import duckdb, polars' 2>/dev/null; then
    python3 -m venv "$venv" || skip "python3 cannot make an environment"
    "$venv/bin/pip" install --quiet 'duckdb==2.0.1' 'polars>=1,<2' || skip "DuckDB and Polars cannot be installed"
fi

cargo build --locked --bin bondstore
bondstore=$PWD/${CARGO_TARGET_DIR:-target}/debug/bondstore
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
"$bondstore" sim run sim/scenarios/grinding.toml --seeds 4 --out "$home/run" --json >"$home/told" || grep -q trace_hash "$home/told"
"$venv/bin/python" scripts/tables.py "$home/run"
