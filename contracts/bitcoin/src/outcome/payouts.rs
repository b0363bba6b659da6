//! The split of a collateral for every compliance, and how payouts that are nearly the same become one.

use super::prefix::HIGHEST;
use crate::escrow::spend::Split;
use bitcoin::Amount;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU16;

/// Full compliance. Attested values above it count as this.
pub const FULL: u16 = 1000;

/// Why a table of payouts is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayoutError {
    /// Some compliance has no payout, or there are too many.
    #[error("payouts for {0} outcomes; there are 1001, from 0 to 1000")]
    Coverage(usize),
    /// A split does not share the collateral out.
    #[error("at compliance {outcome} the shares do not sum to the collateral of {collateral}")]
    Sum {
        /// At which compliance.
        outcome: usize,
        /// What they should sum to.
        collateral: Amount,
    },
}

/// Neighbouring outcomes with one payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutRange {
    /// The lowest attested value.
    pub first: u16,
    /// The highest attested value, included.
    pub last: u16,
    /// What is paid.
    pub split: Split,
}

/// What each outcome pays: ranges that cover 0 to 1023 without gap or overlap, each summing to the collateral.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayoutTable {
    collateral: Amount,
    ranges: Vec<PayoutRange>,
}

impl PayoutTable {
    /// The table of `splits` for compliances 0, 1, … 1000.
    ///
    /// # Errors
    /// Where there are not 1001 of them, or one does not sum to `collateral`.
    pub fn new(collateral: Amount, splits: &[Split]) -> Result<Self, PayoutError> {
        if splits.len() != usize::from(FULL) + 1 {
            return Err(PayoutError::Coverage(splits.len()));
        }
        if let Some(outcome) = splits.iter().position(|split| split.total() != Some(collateral)) {
            return Err(PayoutError::Sum { outcome, collateral });
        }
        Ok(Self { collateral, ranges: merge(splits) })
    }

    /// The same with payouts moved to one of `steps` equal steps (and the end of the last) between the least and the most that the
    /// table pays, so that neighbours share a transaction: 100 steps round to 1 %. Provider and pool are moved to the nearest step
    /// each, down from the middle; the client has the rest. The least and the most stay exactly what they are.
    #[must_use]
    pub fn rounded(&self, steps: NonZeroU16) -> Self {
        let provider = Steps::over(self.ranges.iter().map(|range| range.split.provider), steps);
        let pool = Steps::over(self.ranges.iter().map(|range| range.split.pool), steps);
        let splits: Vec<Split> = (0..=FULL)
            .map(|outcome| {
                let split = self.at(outcome);
                let provider = provider.nearest(split.provider);
                let rest = self.collateral.checked_sub(provider).unwrap_or(Amount::ZERO);
                let pool = pool.nearest(split.pool).min(rest);
                Split { provider, client: rest.checked_sub(pool).unwrap_or(Amount::ZERO), pool }
            })
            .collect();
        Self { collateral: self.collateral, ranges: merge(&splits) }
    }

    /// What every split sums to.
    pub fn collateral(&self) -> Amount {
        self.collateral
    }

    /// The ranges in order: one transaction each.
    pub fn ranges(&self) -> &[PayoutRange] {
        &self.ranges
    }

    /// Which range an attested value is in. Values above 1023 cannot be attested and count as that.
    pub fn range_of(&self, value: u16) -> usize {
        let value = value.min(HIGHEST);
        self.ranges.partition_point(|range| range.last < value)
    }

    /// What an attested value pays.
    pub fn at(&self, value: u16) -> Split {
        self.ranges[self.range_of(value)].split
    }
}

/// Equal neighbours become one range; the last goes to the end of what can be attested.
fn merge(splits: &[Split]) -> Vec<PayoutRange> {
    let mut ranges: Vec<PayoutRange> = vec![];
    for (value, split) in (0..=HIGHEST).zip(splits.iter().chain(splits.last().into_iter().cycle()))
    {
        match ranges.last_mut() {
            Some(range) if range.split == *split => range.last = value,
            _ => ranges.push(PayoutRange { first: value, last: value, split: *split }),
        }
    }
    ranges
}

/// Equal steps between two amounts.
struct Steps {
    least: u64,
    span: u64,
    count: u64,
}

impl Steps {
    fn over(amounts: impl Iterator<Item = Amount>, steps: NonZeroU16) -> Self {
        let (least, most) = amounts.fold((u64::MAX, 0), |(least, most), amount| {
            (least.min(amount.to_sat()), most.max(amount.to_sat()))
        });
        Self { least, span: most.saturating_sub(least), count: u64::from(steps.get()) }
    }

    /// The step's end that is nearest to `amount`, the lower one from the middle.
    fn nearest(&self, amount: Amount) -> Amount {
        if self.span == 0 {
            return amount;
        }
        let (span, steps) = (u128::from(self.span), u128::from(self.count));
        let above = u128::from(amount.to_sat().saturating_sub(self.least)).min(span);
        let end = |step: u128| step * span / steps;
        let lower = above * steps / span;
        let candidates = [lower.saturating_sub(1), lower, (lower + 1).min(steps)].map(end);
        let nearest = candidates.into_iter().min_by_key(|end| end.abs_diff(above)).unwrap_or(above);
        let nearest = u64::try_from(nearest).unwrap_or(self.span);
        Amount::from_sat(self.least.saturating_add(nearest))
    }
}
