//! What the audits of a contract's plan find, and how soon: the plan's own epochs and the picks that a provider is asked for.

use contracts::audit_plan;
use shards::{Root, SlotSummary, prove};
use types::documents::{AuditKind, AuditPlan, SlotChallenge, SlotSize};
use types::{Bytes, Epoch, Hash, Span, Terms};

const WEEK: u64 = 168;
const GB: u64 = 1_000_000_000;

/// How many runs: 16,000 in CI, so many times as many as `DETECTION_RUNS` says.
#[expect(clippy::disallowed_methods, reason = "how long a test runs is whoever runs it to say")]
fn runs() -> u64 {
    let times = std::env::var("DETECTION_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    16_000 * std::cmp::max(1u64, times)
}

/// A slot that has lost something.
struct Loss {
    slot: SlotSize,
    plan: AuditPlan,
    /// How far into the contract that happened, in epochs.
    since: u64,
}

impl Loss {
    /// Of one run: at another time in each.
    fn of(run: u64) -> Self {
        let terms = Terms::standard(Bytes(100 * GB), Span(90 * Span::DAY.0));
        let bytes = terms.slot_capacity().0;
        let slot = SlotSize { root: Hash::of(b"root"), bytes, shards: bytes.div_ceil(1 << 20) };
        Self { slot, plan: audit_plan::plan(&terms), since: run * 7 % 1_000 }
    }

    /// After how many hours an audit asks for a byte that `is_lost`, so early that its epoch is over within `hours`.
    ///
    /// The loss comes when the audit of its own hour has been answered.
    fn found_after(&self, run: u64, hours: u64, is_lost: impl Fn(u64) -> bool) -> Option<u64> {
        let contract = Hash::derive("contract", &[&run.to_le_bytes()]);
        let SlotSize { bytes, shards, .. } = self.slot;
        let summary = SlotSummary { root: Root::of(b"root"), bytes, shards };
        (1..hours).find(|hour| {
            let epoch = self.since + hour;
            let count = audit_plan::challenges_in_epoch(&self.plan, Span::HOUR, epoch);
            let challenge = SlotChallenge { contract, slot: 0, size: self.slot, count };
            let beacon = Hash::derive("beacon", &[&run.to_le_bytes(), &epoch.to_le_bytes()]);
            let seed = challenge.seed(&beacon, Epoch(epoch), AuditKind::Routine);
            prove::picks(seed, &summary, count).iter().any(|pick| is_lost(pick.offset))
        })
    }
}

/// The hours after which what `is_lost` was found, of those runs in which that took no more than a week.
fn found(is_lost: impl Fn(u64, u64) -> bool) -> Vec<u64> {
    let one = |run| {
        let loss = Loss::of(run);
        loss.found_after(run, WEEK, |offset| is_lost(offset, loss.slot.bytes))
    };
    let mut hours: Vec<u64> = (0..runs()).filter_map(one).collect();
    hours.sort_unstable();
    hours
}

#[test]
fn one_percent_lost_is_found_within_a_week_as_surely_as_the_plan_says() {
    // However it is spread: the last hundredth, every hundredth shard, or every hundredth chunk.
    let spreads = [
        ("the end", found(|offset, bytes| offset >= bytes - bytes.div_ceil(100))),
        ("shards", found(|offset, _| (offset >> 20).is_multiple_of(100))),
        ("chunks", found(|offset, _| (offset >> 10).is_multiple_of(100))),
    ];
    let all = runs();
    for (what, hours) in &spreads {
        let (half, most) = (hours[hours.len() / 2], hours[hours.len() * 95 / 100]);
        println!(
            "1 % lost ({what}): found within a week in {} of {all} runs, half within {half} h, 95 % within {most} h",
            hours.len()
        );
        let found = u64::try_from(hours.len()).expect("a count fits 64 bits");
        assert!(found * 100 >= all * 99, "{what}: {found} of {all}");
    }
    assert!(Loss::of(0).plan.confidence_ppm >= 990_000);
}

#[test]
fn nothing_lost_is_never_found_and_everything_lost_at_once() {
    for run in 0..50 {
        let loss = Loss::of(run);
        assert_eq!(loss.found_after(run, WEEK, |_| false), None);
        assert!(loss.found_after(run, 2, |_| true).is_some(), "there are challenges in every hour");
    }
}
