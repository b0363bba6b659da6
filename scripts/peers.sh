#!/usr/bin/env bash
# How many turns of agents a second the simulator's engine carries beside other simulators and beside bare loops: one model, one run,
# in alternating rounds, counted by the processor's time and by the clock. SIZE is how many agents there are, 10,000, 100,000 and
# 1,000,000 without a number; PEERS_ROUNDS how many rounds there are (5), PEERS_SECONDS how long each is at least (1).
# A peer that cannot be installed from its registry is named with the reason and skipped.
#
#   scripts/peers.sh 10000
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 10000 100000 1000000
rounds=${PEERS_ROUNDS:-5} seconds=${PEERS_SECONDS:-1}
place=$PWD/target/peers
mkdir -p "$place"
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1

skipped=0
skip() {
    printf '%s is skipped: %s\n' "$1" "$2"
    skipped=$((skipped + 1))
}

# What is measured: a name, the order in which agents act, the command.
names=() orders=() commands=()
measured() {
    names+=("$1") orders+=("$2") commands+=("$3")
}

# A Python that makes environments; 3.12 is what the newest releases of all peers have wheels for.
find_python() {
    local python
    for python in python3.12 python3; do
        if "$python" -c 'import venv, ensurepip' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

# An environment in $place/$2 that has the newest of the packages $3, of which the first is $1's.
install_python() {
    local name=$1 module=$2 venv=$place/$2 packages=$3 python
    if ! "$venv/bin/python" -c "import $module" 2>/dev/null; then
        python=$(find_python) || { skip "$name" 'there is no python3 that makes environments'; return 1; }
        # Packages are words.
        # shellcheck disable=SC2086
        if ! { "$python" -m venv --clear "$venv" && "$venv/bin/pip" install --quiet --only-binary :all: $packages &&
            "$venv/bin/python" -c "import $module"; } >"$venv.log" 2>&1; then
            skip "$name" "$(tail -n 1 "$venv.log")"
            return 1
        fi
    fi
    printf '%s: ' "$name"
    # shellcheck disable=SC2086
    "$venv/bin/python" -c 'import sys, importlib.metadata as m
print(", ".join(f"{p} {m.version(p)}" for p in sys.argv[1:]), "on Python", sys.version.split()[0])' $packages
}

install_krabmaga() {
    mkdir -p "$place/krabmaga"
    cp -R scripts/peers/krabmaga/. "$place/krabmaga/"
    if ! cargo build --quiet --release --manifest-path "$place/krabmaga/Cargo.toml" --target-dir "$place/krabmaga/target" \
        >"$place/krabmaga.log" 2>&1; then
        skip krABMaga "$(grep -m 1 '^error' "$place/krabmaga.log" || tail -n 1 "$place/krabmaga.log")"
        return 1
    fi
    printf 'krABMaga: %s, %s\n' "$(sed -n '/^name = "krabmaga"/{n;s/version = "\(.*\)"/\1/p}' "$place/krabmaga/Cargo.lock")" "$(rustc --version)"
}

# The profile of releases, as the peer in Rust has it.
cargo build --locked --release -p sim --bench engine
engine=$(cargo bench --locked --profile release --no-run -p sim --bench engine 2>&1 | sed -n 's/.*engine\.rs (\(.*\))$/\1/p')
measured 'bare loop' 'shuffled each step' "$engine bare"
measured 'bare loop' 'fixed' "$engine fixed"
measured 'our engine' 'times drawn each step' "$engine engine"
measured 'our engine' 'as its wheel has it' "$engine queued"
if install_krabmaga; then
    measured krABMaga 'ranks drawn each step' "$place/krabmaga/target/release/peer-krabmaga drawn"
    measured krABMaga "as its queue has it" "$place/krabmaga/target/release/peer-krabmaga queued"
fi
if install_python Mesa mesa "mesa networkx"; then
    measured Mesa 'shuffled each step' "$place/mesa/bin/python scripts/peers/mesa_wealth.py shuffled"
fi
if install_python mesa-frames mesa_frames "mesa-frames polars numpy"; then
    measured mesa-frames 'at once, by masks' "$place/mesa_frames/bin/python scripts/peers/mesa_frames_wealth.py masks"
    measured mesa-frames 'at once, by columns' "$place/mesa_frames/bin/python scripts/peers/mesa_frames_wealth.py columns"
fi

printf '\nThe Gini coefficient of 10,000 agents after 100 steps (in turn .64 in the long run, drawn one at a time .67, all at once .58):\n'
for which in "${!names[@]}"; do
    # Commands are words.
    # shellcheck disable=SC2086
    printf '%-12s %-22s %s\n' "${names[which]}" "${orders[which]}" "$(${commands[which]} 10000 99 0 | cut -d ' ' -f 5)"
done

figures=$(mktemp)
trap 'rm -f "$figures"' EXIT
for size in "$@"; do
    for _ in $(seq "$rounds"); do
        for which in "${!names[@]}"; do
            # shellcheck disable=SC2086
            printf '%s %s\n' "$which" "$(${commands[which]} "$size" 1 "$seconds")" >>"$figures"
        done
    done
done

# The median of column $3, turns a second, of what is measured as $1 with $2 agents.
median() {
    awk -v which="$1" -v size="$2" -v time="$3" '$1 == which && $2 == size { print $2 * $3 / $time }' "$figures" |
        sort -g | awk '{ all[NR] = $1 } END { print (all[int((NR + 1) / 2)] + all[int(NR / 2) + 1]) / 2 }'
}
# The median over rounds of $1's turns a core-second by those of $2 in the same round, with $3 agents; a dash where $2 is not there.
ratio() {
    awk -v which="$1" -v other="$2" -v size="$3" '
        $2 == size && $1 == which { mine[++m] = $3 / $4 }
        $2 == size && $1 == other { others[++o] = $3 / $4 }
        END { for (i = 1; i <= m && i <= o; i++) print mine[i] / others[i] }' "$figures" |
        sort -g | awk '{ all[NR] = $1 } END { if (NR) printf "%.3g", (all[int((NR + 1) / 2)] + all[int(NR / 2) + 1]) / 2; else print "-" }'
}
# Which is measured as $1 in order $2.
find() {
    local which
    for which in "${!names[@]}"; do
        [ "${names[which]}, ${orders[which]}" = "$1, $2" ] && echo "$which" && return
    done
    echo none
}
drawn=$(find krABMaga 'ranks drawn each step') queued=$(find krABMaga 'as its queue has it') bare=$(find 'bare loop' 'shuffled each step')

printf '\nMedians of %s rounds. Turns a core-second; turns a second by the clock; times krABMaga in an order that is drawn, in its own; of the bare loop that shuffles:\n' "$rounds"
printf '%9s %-12s %-22s %12s %12s %8s %8s %8s\n' agents who order core-second clock drawn queued bare
for size in "$@"; do
    for which in "${!names[@]}"; do
        printf '%9s %-12s %-22s %12.0f %12.0f %8s %8s %8s\n' "$size" "${names[which]}" "${orders[which]}" \
            "$(median "$which" "$size" 4)" "$(median "$which" "$size" 5)" \
            "$(ratio "$which" "$drawn" "$size")" "$(ratio "$which" "$queued" "$size")" "$(ratio "$which" "$bare" "$size")"
    done
done
printf '%s measured, %s skipped\n' "$(printf '%s\n' "${names[@]}" | sort -u | wc -l)" "$skipped"
