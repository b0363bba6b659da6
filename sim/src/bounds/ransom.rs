//! Holding shards: how much of the market falls into an attacker's hand, and what a ransom may be until it pays.

use super::setting::{BOUGHT, Setting, daily, staked};
use super::{Bracketed, CONFIDENCE, Effort, Point, frontier};
use crate::chance::Seed;
use crate::statistics::{real, whole, wilson};
use crate::theory::bounds::ransomed;
use serde_json::json;

/// How many providers there are where shares are counted, and how many of them are the attacker's.
const PROVIDERS: u32 = 80;
const ATTACKERS: [u32; 3] = [32, 44, 56];
/// Contracts of a run where shares are counted.
const CONTRACTS: u32 = 40;
/// How long contracts run where a ransom is demanded, when the attackers fall silent, and the first day after all.
const TERM: u64 = 20;
const SILENT: u64 = 5;
const END: u64 = BOUGHT + 1 + TERM;
/// What is demanded, in permille of what the contract cost.
const RANSOMS: [u64; 3] = [1_000, 2_000, 4_000];
/// The market's fees on what slots cost: 5 % for the network, 2 % for the escrow.
const FEES: f64 = 0.07;
/// What the reads cost that the standard terms pay in advance: 100 GB at the usual 10 msat.
const READS: f64 = 1_000.0;

/// The share of contracts that an attacker holds whose providers nobody knows as one's.
pub(super) fn share(seed: Seed, effort: Effort) -> Bracketed {
    let runs = effort.runs(16);
    let point = |count: u32| {
        let attackers = json!({ "kind": "honest", "count": count });
        let honest = PROVIDERS - count;
        let market = Setting {
            days: (BOUGHT, 30),
            contracts: CONTRACTS,
            honest,
            attackers,
            terms: json!({}),
        };
        let shares = market.runs(seed, runs, "attacker.held_share");
        let all = u64::from(CONTRACTS) * runs;
        let held: f64 = shares.iter().map(|share| share * f64::from(CONTRACTS)).sum();
        let held = whole(libm::round(held));
        let x = f64::from(count) / f64::from(PROVIDERS);
        let interval = wilson(held, all, CONFIDENCE);
        Point { x, analytic: ransomed(x, 6, 4), measured: real(held) / real(all), interval }
    };
    Bracketed {
        name: "ransom: contracts held with a share of all slots, Σ C(n, i) aⁱ (1 − a)ⁿ⁻ⁱ",
        along: "the attacker's share of all slots",
        found: "the share of contracts of which too few slots are with others",
        points: ATTACKERS.map(point).to_vec(),
    }
}

/// The bond of a slot at which a ransom costs what it brings: three slots of six are held, and lost.
pub(super) fn price(seed: Seed, effort: Effort) -> Bracketed {
    let runs = effort.runs(2);
    let price = daily() * real(TERM);
    let point = |permille: u64| {
        let ransom = real(permille) / 1_000.0 * (6.0 * price * (1.0 + FEES) + READS);
        let forfeited = real(END - SILENT) * daily();
        let analytic = ransom / 3.0 - forfeited;
        let market = |bond: f64, from: Option<u64>| {
            let attackers = json!({
                "kind": "ransomer", "count": 3, "accomplices": 3, "from_epoch": from,
                "paid_after_epochs": 4, "ransom_permille": permille,
            });
            let terms = staked(1_000.0 * bond / price, 1_000);
            Setting { days: (END + 1, TERM), contracts: 4, honest: 3, attackers, terms }
        };
        let honesty = market(analytic, None).gains(seed, runs);
        frontier::falling(ransom, analytic, |bond| {
            market(bond, Some(SILENT)).gains_above(&honesty, seed)
        })
    };
    Bracketed {
        name: "ransom: bonds + remaining earnings ≥ what is paid",
        along: "the ransom for a contract, msat",
        found: "the bond of a slot, msat",
        points: RANSOMS.map(point).to_vec(),
    }
}
