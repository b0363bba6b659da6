//! Which promises are sensible: every field of the terms with its range, then fields that contradict each other.

mod contradiction;

use std::ops::RangeInclusive;
use types::terms::{Detection, PayoutCurve, PenaltySchedule, Placement};
use types::{Bytes, Span, Terms};

/// The largest contract, and the most reads paid for in advance: 100 PB, which fits in 63 bits even when stored 65 times.
pub const CAPACITY_MAX: Bytes = Bytes(100_000_000_000_000_000);
/// The shortest contract.
pub const DURATION_MIN: Span = Span(60 * Span::SECOND.0);
/// The longest contract: ten years.
pub const DURATION_MAX: Span = Span(3_653 * Span::DAY.0);
/// The most data shards, and the most parity shards, of a segment.
pub const SHARDS_MAX: u16 = 64;
/// The smallest full shard.
pub const SHARD_BYTES_MIN: u32 = 256 << 10;
/// The largest full shard.
pub const SHARD_BYTES_MAX: u32 = 4 << 20;
/// A full shard is a whole number of these, in bytes.
pub const SHARD_BYTES_STEP: u32 = 64;
/// The most entries of a list in the terms: regions, tags, payout points, penalty steps.
pub const ENTRIES_MAX: usize = 64;
/// The most throughput that can be promised: 100 GB per second.
pub const THROUGHPUT_MAX: u64 = 100_000_000_000;
/// What the maintenance allowance is counted in.
pub const MAINTENANCE_PER: Span = Span(30 * Span::DAY.0);

/// Why terms are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// A number is out of its range.
    #[error("{field} is {found}; give {least} to {most}{unit}")]
    OutOfRange {
        /// Which field.
        field: &'static str,
        /// What it says.
        found: u64,
        /// The least it may say.
        least: u64,
        /// The most it may say.
        most: u64,
        /// What it counts.
        unit: &'static str,
    },
    /// A size is out of its range.
    #[error("{field} is {found}; give 1 B to {most}")]
    Size {
        /// Which field.
        field: &'static str,
        /// What it says.
        found: Bytes,
        /// The most it may say.
        most: Bytes,
    },
    /// A length of time is out of its range.
    #[error("{field} is {found}; give {least} to {most}")]
    Time {
        /// Which field.
        field: &'static str,
        /// What it says.
        found: Span,
        /// The least it may say.
        least: Span,
        /// The most it may say.
        most: Span,
    },
    /// Shards of a length that cannot be cut.
    #[error("shard_bytes is {0}; give a multiple of {SHARD_BYTES_STEP}")]
    ShardStep(u32),
    /// A list has too few or too many entries.
    #[error("{field} has {found} entries; give {least} to {ENTRIES_MAX}")]
    Entries {
        /// Which list.
        field: &'static str,
        /// How many it has.
        found: usize,
        /// The least it must have.
        least: usize,
    },
    /// A name in a list is empty or too long.
    #[error("{field} holds a name of {found} bytes; give each 1 to 64")]
    Name {
        /// Which list.
        field: &'static str,
        /// How long the name is.
        found: usize,
    },
    /// A list is out of order.
    #[error(
        "{field}: entry {index} does not rise above the one before it; sort them by {by}, each once"
    )]
    Unsorted {
        /// Which list.
        field: &'static str,
        /// The entry that is out of place, counted from 0.
        index: usize,
        /// What must rise.
        by: &'static str,
    },
    /// More compliance would earn less, or a larger loss cost less.
    #[error("{field}: entry {index} falls below the one before it; {what} must never fall")]
    Falls {
        /// Which list.
        field: &'static str,
        /// The entry that falls, counted from 0.
        index: usize,
        /// What must not fall.
        what: &'static str,
    },
    /// Full compliance would not be paid in full.
    #[error(
        "payout.points end at {0} permille; the last must pay 1000, since kept promises are paid in full"
    )]
    NeverPaidInFull(u16),
    /// Two fields, each fine by itself, cannot both be meant.
    #[error("{fields} contradict each other: {reason}")]
    Contradiction {
        /// Which fields.
        fields: &'static str,
        /// Why, with what would be right.
        reason: String,
    },
}

/// Whether `terms` can be promised; the first field that cannot is named, or the fields that contradict each other.
pub fn validate(terms: &Terms) -> Result<(), TermsError> {
    size("capacity", terms.capacity, 1)?;
    time("duration", terms.duration, DURATION_MIN, DURATION_MAX)?;
    within("redundancy.data", terms.redundancy.data, 1..=SHARDS_MAX.into(), " data shards")?;
    within("redundancy.parity", terms.redundancy.parity, 1..=SHARDS_MAX.into(), " parity shards")?;
    let shard_range = SHARD_BYTES_MIN.into()..=SHARD_BYTES_MAX.into();
    within("shard_bytes", terms.shard_bytes, shard_range, " bytes")?;
    if !terms.shard_bytes.is_multiple_of(SHARD_BYTES_STEP) {
        return Err(TermsError::ShardStep(terms.shard_bytes));
    }
    within("availability_permille", terms.availability_permille, 1..=1000, " permille")?;
    time("first_byte", terms.first_byte, Span::from_millis(1), Span::HOUR)?;
    within("throughput", terms.throughput, 0..=THROUGHPUT_MAX, " bytes per second")?;
    time("repair_time", terms.repair_time, Span::SECOND, Span(30 * Span::DAY.0))?;
    detection(&terms.detection)?;
    placement(&terms.placement)?;
    payout(&terms.payout)?;
    penalties(&terms.penalties)?;
    within("bond_ratio_permille", terms.bond_ratio_permille, 0..=100_000, " permille")?;
    within("early_exit_permille", terms.early_exit_permille, 0..=1000, " permille")?;
    time("maintenance", terms.maintenance, Span(0), MAINTENANCE_PER)?;
    size("egress", terms.egress, 0)?;
    contradiction::none(terms)
}

fn detection(target: &Detection) -> Result<(), TermsError> {
    let ppm = " parts per million";
    within("detection.fraction_ppm", target.fraction_ppm, 1_000..=1_000_000, ppm)?;
    within("detection.confidence_ppm", target.confidence_ppm, 1..=999_999, ppm)?;
    time("detection.within", target.within, Span::DAY, Span(366 * Span::DAY.0))
}

fn placement(placement: &Placement) -> Result<(), TermsError> {
    names("placement.regions", &placement.regions)?;
    names("placement.tags", &placement.tags)
}

fn names(field: &'static str, names: &[String]) -> Result<(), TermsError> {
    entries(field, names.len(), 0)?;
    let odd = names.iter().map(String::len).find(|length| !(1..=64).contains(length));
    odd.map_or(Ok(()), |found| Err(TermsError::Name { field, found }))
}

fn payout(curve: &PayoutCurve) -> Result<(), TermsError> {
    let field = "payout.points";
    entries(field, curve.points.len(), 1)?;
    for point in &curve.points {
        within("payout.points.compliance", point.compliance, 0..=1000, "")?;
        within("payout.points.paid_permille", point.paid_permille, 0..=1000, " permille")?;
    }
    let pairs = || curve.points.iter().zip(curve.points.iter().skip(1));
    rises(field, "compliance", pairs().map(|(a, b)| a.compliance < b.compliance))?;
    never_falls(field, "the share paid", pairs().map(|(a, b)| a.paid_permille <= b.paid_permille))?;
    let last = curve.points.last().map_or(0, |point| point.paid_permille);
    if last != 1000 {
        return Err(TermsError::NeverPaidInFull(last));
    }
    within("payout.target", curve.target, 0..=1000, "")
}

fn penalties(schedule: &PenaltySchedule) -> Result<(), TermsError> {
    let field = "penalties.steps";
    entries(field, schedule.steps.len(), 0)?;
    let ppm = " parts per million";
    for step in &schedule.steps {
        within("penalties.steps.fraction_ppm", step.fraction_ppm, 1..=1_000_000, ppm)?;
        within("penalties.steps.slash_permille", step.slash_permille, 1..=1000, " permille")?;
    }
    let pairs = || schedule.steps.iter().zip(schedule.steps.iter().skip(1));
    rises(field, "fraction_ppm", pairs().map(|(a, b)| a.fraction_ppm < b.fraction_ppm))?;
    let slashes = pairs().map(|(a, b)| a.slash_permille <= b.slash_permille);
    never_falls(field, "the share slashed", slashes)?;
    within("penalties.per_epoch_permille", schedule.per_epoch_permille, 0..=1000, " permille")?;
    within("penalties.confessed_permille", schedule.confessed_permille, 1..=1000, " permille")?;
    within("penalties.replace_above_ppm", schedule.replace_above_ppm, 0..=999_999, ppm)
}

fn within(
    field: &'static str,
    found: impl Into<u64>,
    range: RangeInclusive<u64>,
    unit: &'static str,
) -> Result<(), TermsError> {
    let found = found.into();
    if range.contains(&found) {
        return Ok(());
    }
    Err(TermsError::OutOfRange { field, found, least: *range.start(), most: *range.end(), unit })
}

fn size(field: &'static str, found: Bytes, least: u64) -> Result<(), TermsError> {
    if (least..=CAPACITY_MAX.0).contains(&found.0) {
        return Ok(());
    }
    Err(TermsError::Size { field, found, most: CAPACITY_MAX })
}

fn time(field: &'static str, found: Span, least: Span, most: Span) -> Result<(), TermsError> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(TermsError::Time { field, found, least, most })
}

fn entries(field: &'static str, found: usize, least: usize) -> Result<(), TermsError> {
    if (least..=ENTRIES_MAX).contains(&found) {
        return Ok(());
    }
    Err(TermsError::Entries { field, found, least })
}

/// `in_order` says of each entry after the first whether it rises.
fn rises(
    field: &'static str,
    by: &'static str,
    mut in_order: impl Iterator<Item = bool>,
) -> Result<(), TermsError> {
    let broken = in_order.position(|fine| !fine);
    broken.map_or(Ok(()), |index| Err(TermsError::Unsorted { field, index: index + 1, by }))
}

fn never_falls(
    field: &'static str,
    what: &'static str,
    mut in_order: impl Iterator<Item = bool>,
) -> Result<(), TermsError> {
    let broken = in_order.position(|fine| !fine);
    broken.map_or(Ok(()), |index| Err(TermsError::Falls { field, index: index + 1, what }))
}

#[cfg(test)]
mod tests;
