//! Row 4: how many challenges find a loss, planned and drawn as the market plans and draws them.

use super::{Effort, Luck, Published, Row};
use crate::chance::{Draws, Seed, Stream};
use crate::theory::detection;
use contracts::{audit_plan, fixed};
use shards::{Root, SlotSummary, prove};
use types::{Bytes, Span, Terms};

/// The lost fraction in parts per million, and how many challenges find it with 99 %.
const PUBLISHED: [(u32, u32); 4] = [(10_000, 459), (50_000, 90), (100_000, 44), (500_000, 7)];
/// The confidence that is asked for, in parts per million.
const CONFIDENCE_PPM: u32 = 990_000;
/// A slot of a gigabyte.
const SLOT: SlotSummary = SlotSummary { root: Root([0; 32]), bytes: 1_000_000_000, shards: 1_000 };

/// Whether `count` picks of one audit find that the slot's first bytes are lost, `lost_ppm` of all.
fn finds(draws: &mut Draws, lost_ppm: u32, count: u32) -> bool {
    let lost = SLOT.bytes / u64::from(fixed::PPM) * u64::from(lost_ppm);
    prove::picks(draws.seed(), &SLOT, count).iter().any(|pick| pick.offset < lost)
}

fn finding(luck: Luck, runs: u64, mut finds: impl FnMut(&mut Draws) -> bool) -> (u64, u64) {
    let found = (0..runs).filter(|run| finds(&mut luck.draws(*run))).count();
    (found as u64, runs)
}

/// What a week of hourly audits finds that the standard terms plan: 1 % lost of a slot of a gigabyte.
fn planned(luck: Luck, effort: Effort) -> Row {
    let terms = Terms::standard(Bytes(SLOT.bytes), Span(30 * Span::DAY.0));
    let plan = audit_plan::plan(&terms);
    let epochs = plan.within.epochs(Span::HOUR);
    let week: Vec<u32> = (0..epochs)
        .map(|epoch| audit_plan::challenges_in_epoch(&plan, Span::HOUR, epoch))
        .collect();
    let lost_ppm = terms.detection.fraction_ppm;
    let count = finding(luck, effort.runs(10_000), |draws| {
        week.iter().any(|count| finds(draws, lost_ppm, *count))
    });
    let expected = detection::found(f64::from(lost_ppm) / 1e6, f64::from(plan.challenges));
    Row::proportion(
        (4, "a week as planned finds 1 % lost: share"),
        Published::exact(expected),
        count,
    )
}

pub(super) fn rows(seed: Seed, effort: Effort) -> Vec<Row> {
    let luck = |row| Luck { seed, stream: Stream::Market, row };
    let mut rows = Vec::new();
    for (row, (lost_ppm, challenges)) in (400..).zip(PUBLISHED) {
        let percent = lost_ppm / 10_000;
        let shipped = fixed::draws_to_find(lost_ppm, CONFIDENCE_PPM);
        let name = format!("{percent} % lost: challenges that find it with 99 %");
        let published = Published::exact(f64::from(challenges));
        rows.push(Row::certain((4, name), published, f64::from(shipped), 1));
        // A quarter as many: 1 − (1 − f)^c is far from one, where an error shows.
        for (apart, count) in [(10, challenges), (20, challenges.div_ceil(4))] {
            let expected = detection::found(f64::from(lost_ppm) / 1e6, f64::from(count));
            let runs = effort.runs(if apart == 10 { 10_000 } else { 20_000 });
            let found = finding(luck(row + apart), runs, |draws| finds(draws, lost_ppm, count));
            let name = format!("{percent} % lost, {count} challenges find it: share");
            rows.push(Row::proportion((4, name), Published::exact(expected), found));
        }
    }
    rows.push(planned(luck(440), effort));
    rows
}
