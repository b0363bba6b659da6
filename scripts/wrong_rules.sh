#!/usr/bin/env bash
# Puts a wrong rule into contracts, market or reputation, one after the other, in a copy of this tree, and asks that scenarios of the simulator
# are refuted by it: the simulator runs what ships. COUNT of the five rules, all without a number.
#
#   scripts/wrong_rules.sh 5
set -euo pipefail
cd "$(dirname "$0")/.."
count=${1:-5}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
# Not the tree's own: packages at other paths share their names there, and a wrong rule would stay behind.
target=$PWD/target/wrong-rules

# What is wrong; in which file; the right line; the wrong one; whose scenario is refuted.
rules=(
    'nothing is slashed|contracts/src/penalty.rs|    Ok(Slash { amount, replace|    let amount = amount.sub(amount)?;\n    Ok(Slash { amount, replace|ransom'
    'nobody is audited|market/src/schedule.rs|            if count > 0 {|            if count == u32::MAX {|milking'
    'losing bytes is no ground to expel|reputation/src/policy.rs|            expels: true,|            expels: false,|steady'
    'bonds are a thousandth of what they must be|contracts/src/bond.rs|    Ok(by_price.max(inputs.repair_cost).max(deterrence(inputs)?))|    by_price.max(inputs.repair_cost).max(deterrence(inputs)?).scale_up(1, 1_000)|exit'
    'new names are drawn like old ones|reputation/src/policy.rs|WeightPolicy { new: 20, low: 50,|WeightPolicy { new: 1000, low: 50,|whitewash'
)

refuted=0
for rule in "${rules[@]:0:$count}"; do
    IFS='|' read -r name file right wrong scenario <<<"$rule"
    rm -rf "${tree:?}"/*
    git ls-files -z | xargs -0 cp --parents -t "$tree"
    python3 - "$tree/$file" "$right" "$wrong" <<'PY'
import sys
path, right, wrong = sys.argv[1], *(text.replace("\\n", "\n") for text in sys.argv[2:4])
text = open(path).read()
assert text.count(right) >= 1, f"{path} has no {right!r} any more: mend this script"
open(path, "w").write(text.replace(right, wrong, 1))
PY
    printf '== %s: %s\n' "$name" "$scenario"
    log="$tree/log"
    if (cd "$tree" && CARGO_TARGET_DIR=$target SIM_ONLY=$scenario cargo test -q -p sim --test scenarios --locked -- --nocapture) >"$log" 2>&1; then
        printf 'nothing is refuted although %s\n' "$name"
        exit 1
    fi
    if ! grep REFUTED "$log" | grep -v ', mutant' >"$tree/shown"; then
        cat "$log"
        printf 'it failed for another reason\n'
        exit 1
    fi
    head -3 "$tree/shown"
    refuted=$((refuted + 1))
done
printf '%s passed, 0 failed\n' "$refuted"
