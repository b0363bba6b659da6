//! Vanishing: the bond must be worth more than what somebody else offers for the room, less what the slot would still have
//! earned; and what is slashed must pay for the reads of the repair.

use super::setting::{BOUGHT, Setting, daily, slot_gigabytes, staked};
use super::{Bracketed, Effort, frontier};
use crate::chance::Seed;
use crate::statistics::whole;
use crate::theory::bounds::repair_cost;
use serde_json::{Value, json};

/// How long contracts run, in days.
const TERM: u64 = 20;
/// The first day after all contracts.
const END: u64 = BOUGHT + 1 + TERM;
/// What somebody offers for the room of a slot, in days' earnings.
const OFFERED: f64 = 60.0;
/// The days on which providers vanish: long before the end, so that the repair time has passed by then.
const LEAVES: [u64; 3] = [17, 11, 5];
/// What reads cost, msat per GB: the last is what Storj paid in 2024, 2 $/TB beside 1.50 $/TB and month.
const EGRESS: [f64; 3] = [500.0, 1_000.0, 2_000.0];
/// How many times the repair's cost a bond is of which a share is slashed.
const BOND_TIMES: f64 = 2.0;

fn deserters(way: &str, leaves: u64, terms: Value) -> Setting {
    let attackers = json!({
        "kind": "deserter", "count": 2, "per_operator": 2, "way": way, "leaves_epoch": leaves,
        "offered_msat": whole(OFFERED * daily()),
    });
    Setting { days: (END + 1, TERM), contracts: 6, honest: 5, attackers, terms }
}

/// The bound against an offer from outside.
pub(super) fn offer(seed: Seed, effort: Effort) -> Bracketed {
    let runs = effort.runs(2);
    let price = daily() * f64::from(u32::try_from(TERM).unwrap_or(u32::MAX));
    let point = |leaves: u64| {
        let remaining = crate::statistics::real(END - leaves) * daily();
        let analytic = OFFERED.mul_add(daily(), -remaining);
        let terms = |bond: f64| staked(1_000.0 * bond / price, 1_000);
        let honesty = deserters("stays", leaves, terms(analytic)).gains(seed, runs);
        frontier::falling(remaining, analytic, |bond| {
            deserters("vanishes", leaves, terms(bond)).gains_above(&honesty, seed)
        })
    };
    Bracketed {
        name: "vanishing: bond ≥ outside offer − remaining earnings",
        along: "remaining earnings of a slot, msat",
        found: "the bond, msat",
        points: LEAVES.map(point).to_vec(),
    }
}

/// The bound below which those are not paid in full who are read from.
pub(super) fn repair(seed: Seed, effort: Effort) -> Bracketed {
    let runs = effort.runs(2);
    let price = daily() * crate::statistics::real(TERM);
    let point = |egress: f64| {
        let analytic = repair_cost(slot_gigabytes(), (4, 1), (egress, 0.0));
        frontier::falling(egress, analytic, |slash| {
            let bond = BOND_TIMES * analytic;
            let share = whole(libm::round(1_000.0 * slash / bond));
            let mut market =
                deserters("vanishes", LEAVES[2], staked(1_000.0 * bond / price, share));
            market.attackers["count"] = json!(1);
            market.attackers["egress"] = json!(egress);
            // Somebody takes the slots over.
            market.honest = 8;
            let paid = market.runs(seed, runs, "repairs.reads_paid_permille");
            paid.into_iter().map(|permille| 1_000.0 - permille).collect()
        })
    };
    Bracketed {
        name: "repair: slash ≥ size × (k / (n − m) × egress + ingress)",
        along: "egress, msat per GB",
        found: "the slash, msat",
        points: EGRESS.map(point).to_vec(),
    }
}
