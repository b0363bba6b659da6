//! Dropping data: the slash must be g / P at least where the gain g is kept, and less by what is forfeited with it.
//!
//! A provider drops a part of a slot of one day as soon as it has it, and somebody pays it for the room. It is asked in that day
//! and once the term is over, and whatever part of it is found missing costs its whole bond.

use super::setting::{Setting, daily, staked};
use super::{Bracketed, Effort, Point, frontier};
use crate::chance::Seed;
use crate::theory::bounds::least_slash;
use crate::theory::detection;
use contracts::audit_plan;
use serde_json::{Value, json};
use types::{Bytes, Span, Terms};

/// The shares that are dropped.
const DROPPED: [f64; 2] = [0.3, 0.6];
/// What is gained by that, in days' earnings of a slot.
const GAIN: f64 = 4.0;
/// Half of a slot is to be found missing within a day with three quarters' chance: three challenges.
const DETECTION: (u32, u32) = (500_000, 750_000);
/// Contracts of a run: two slots of each are dropped of, which can be spared.
const CONTRACTS: u32 = 30;
/// How many days pass until everything is paid: it is bought on the second, and settled once nothing can be disputed.
const DAYS: u64 = 8;
/// A whole, in parts per million.
const PPM: f64 = 1e6;

fn detection() -> Value {
    let (fraction_ppm, confidence_ppm) = DETECTION;
    json!({ "fraction_ppm": fraction_ppm, "confidence_ppm": confidence_ppm, "within": "1d" })
}

/// How many chunks a slot is asked for in its day, and how many in all, by the shipped plan.
fn challenges() -> (f64, f64) {
    let mut terms = Terms::standard(Bytes(100_000_000_000), Span::DAY);
    let target = &mut terms.detection;
    (target.fraction_ppm, target.confidence_ppm) = DETECTION;
    target.within = Span::DAY;
    let plan = audit_plan::plan(&terms);
    let in_term = audit_plan::challenges_in_epoch(&plan, Span::DAY, 0);
    let at_the_end = audit_plan::at_the_end(&plan, Span::DAY);
    (f64::from(in_term), f64::from(in_term + at_the_end))
}

/// A market of cheats that drop this share, where `stake` msat are at stake and `points` say what is paid.
fn cheats(dropped: f64, stake: f64, points: &Value) -> Setting {
    let mut terms = staked(1_000.0 * stake / daily(), 1_000);
    terms["detection"] = detection();
    terms["payout"] = json!({ "points": points, "target": 1_000 });
    let ppm = crate::statistics::whole(libm::round(dropped * PPM));
    let gain = crate::statistics::whole(libm::round(GAIN * daily()));
    // Each has room for one slot, so that no loss that is found makes another of its slots suspect.
    let attackers = json!({
        "kind": "lazy", "count": 2 * CONTRACTS, "per_operator": CONTRACTS, "drop_ppm": ppm, "gain_msat": gain,
        "capacity": "40GB",
    });
    Setting { days: (DAYS, 1), contracts: CONTRACTS, honest: 4, attackers, terms }
}

fn honest(mut setting: Setting) -> Setting {
    setting.attackers["drop_ppm"] = json!(0);
    setting
}

fn points(seed: Seed, effort: Effort, paid: &Value, forfeited: f64) -> Vec<Point> {
    let runs = effort.runs(8);
    let point = |dropped: f64| {
        let (in_term, in_all) = challenges();
        let found = detection::found(dropped, in_all);
        // What is found only when the term is over was found in no epoch.
        let forfeited = forfeited * detection::found(dropped, in_term) / found;
        let analytic = least_slash(GAIN * daily(), found, forfeited);
        let honesty = honest(cheats(dropped, analytic, paid)).gains(seed, runs);
        frontier::falling(found, analytic, |stake| {
            cheats(dropped, stake, paid).gains_above(&honesty, seed)
        })
    };
    DROPPED.map(point).to_vec()
}

/// The bound where an epoch is paid whatever is found in it.
pub(super) fn kept(seed: Seed, effort: Effort) -> Bracketed {
    let always = json!([{ "compliance": 0, "paid_permille": 1000 }]);
    Bracketed {
        name: "dropping data, the gain is kept: S ≥ g / P",
        along: "the chance to be found",
        found: "the slash, msat",
        points: points(seed, effort, &always, 0.0),
    }
}

/// The bound where an epoch in which something is found is not paid.
pub(super) fn forfeited(seed: Seed, effort: Effort) -> Bracketed {
    let never = json!([
        { "compliance": 999, "paid_permille": 0 }, { "compliance": 1000, "paid_permille": 1000 },
    ]);
    Bracketed {
        name: "dropping data, earnings are forfeited: S + forfeited ≥ g / P",
        along: "the chance to be found",
        found: "the slash, msat",
        points: points(seed, effort, &never, daily()),
    }
}
