//! What compliance earns: the payout curve, and accruals that are posted only when something needs them.

use crate::compliance::FULL;
use crate::fixed::{self, PERMILLE};
use serde::{Deserialize, Serialize};
use types::terms::{PayoutCurve, PayoutPoint};
use types::{Bytes, Epoch, MoneyError, Msat, SlotCost};

/// What an epoch earns of what it could earn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutShare {
    /// Of base and premium.
    pub paid_permille: u16,
    /// Of the bonus.
    pub bonus_permille: u16,
}

impl PayoutShare {
    /// Everything.
    pub const FULL: Self = Self { paid_permille: 1000, bonus_permille: 1000 };
    /// Nothing.
    pub const NOTHING: Self = Self { paid_permille: 0, bonus_permille: 0 };
}

/// What a compliance of 0..=1000 earns along `curve`, rounded down.
pub fn share(curve: &PayoutCurve, compliance: u16) -> PayoutShare {
    let compliance = compliance.min(FULL);
    PayoutShare {
        paid_permille: paid(&curve.points, compliance),
        bonus_permille: bonus(curve.target, compliance),
    }
}

/// Linear between points, flat outside them.
fn paid(points: &[PayoutPoint], compliance: u16) -> u16 {
    let next = points.partition_point(|point| point.compliance <= compliance);
    let Some(low) = next.checked_sub(1).and_then(|index| points.get(index)) else {
        return points.first().map_or(0, |first| first.paid_permille);
    };
    let Some(high) = points.get(next) else { return low.paid_permille };
    let run = i64::from(high.compliance) - i64::from(low.compliance);
    let rise = i64::from(high.paid_permille) - i64::from(low.paid_permille);
    let along = i64::from(compliance) - i64::from(low.compliance);
    let paid = i64::from(low.paid_permille) + (rise * along).div_euclid(run.max(1));
    u16::try_from(paid).unwrap_or(0)
}

/// Nothing up to the target, everything at [`FULL`], linear between.
fn bonus(target: u16, compliance: u16) -> u16 {
    if compliance >= FULL {
        return FULL;
    }
    let above = u32::from(compliance.saturating_sub(target));
    let room = u32::from(FULL.saturating_sub(target)).max(1);
    u16::try_from(above * u32::from(FULL) / room).unwrap_or(FULL)
}

/// What a slot has earned, counted lazily: an idle slot costs nothing however many epochs pass.
///
/// Earnings are counted in byte·epoch·permille, exactly; only [`Accrual::due`] turns the whole count
/// into money, and what is posted is that less what was posted before. So rounding never drifts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accrual {
    /// Epochs before this one are counted.
    pub through: Epoch,
    /// Towards base and premium: byte·epoch·permille.
    pub keeping: u128,
    /// Towards the bonus: byte·epoch·permille.
    pub bonus: u128,
    /// Bytes taken in.
    pub ingress_bytes: u64,
    /// What has been posted of it.
    pub posted: Msat,
}

impl Accrual {
    /// Counts every epoch before `to` that is not counted yet, at full pay for `bytes`.
    pub fn catch_up(&mut self, to: Epoch, bytes: u64) {
        let epochs = u128::from(to.since(self.through));
        let units = u128::from(bytes).saturating_mul(epochs);
        self.add(units, PayoutShare::FULL);
        self.through = self.through.max(to);
    }

    /// Counts `epoch` at `share` of full pay, and those before it that are not counted yet in full.
    ///
    /// An epoch that was counted in full already, because money was posted before its verdict came, loses
    /// the difference. What has been posted stays posted: later earnings make up for it.
    pub fn exception(&mut self, epoch: Epoch, bytes: u64, share: PayoutShare) {
        if epoch < self.through {
            let units = u128::from(bytes);
            let lost = |permille: u16| units * u128::from(FULL.saturating_sub(permille));
            self.keeping = self.keeping.saturating_sub(lost(share.paid_permille));
            self.bonus = self.bonus.saturating_sub(lost(share.bonus_permille));
            return;
        }
        self.catch_up(epoch, bytes);
        self.add(u128::from(bytes), share);
        self.through = epoch.plus(1);
    }

    /// Gives an epoch that was counted at `from` the rest up to `to`: its verdict was wrong.
    pub fn restore(&mut self, bytes: u64, from: PayoutShare, to: PayoutShare) {
        let rest =
            |from: u16, to: u16| u128::from(bytes) * u128::from(to.min(FULL).saturating_sub(from));
        self.keeping = self.keeping.saturating_add(rest(from.paid_permille, to.paid_permille));
        self.bonus = self.bonus.saturating_add(rest(from.bonus_permille, to.bonus_permille));
    }

    /// Takes back the last `epochs` of the `counted` that it has earned in, all of it where these are not more: their part of
    /// what was earned, and no more than `bytes` earn in them at full pay.
    pub fn withhold(&mut self, epochs: u64, counted: u64, bytes: u64) {
        let (epochs, counted) = (u128::from(epochs), u128::from(counted.max(epochs).max(1)));
        let most = u128::from(bytes).saturating_mul(epochs).saturating_mul(u128::from(PERMILLE));
        let part =
            |whole: u128| fixed::mul_div_up(whole, epochs, counted).unwrap_or(whole).min(most);
        self.keeping = self.keeping.saturating_sub(part(self.keeping));
        self.bonus = self.bonus.saturating_sub(part(self.bonus));
    }

    fn add(&mut self, units: u128, share: PayoutShare) {
        let counted = |permille: u16| units.saturating_mul(u128::from(permille.min(FULL)));
        self.keeping = self.keeping.saturating_add(counted(share.paid_permille));
        self.bonus = self.bonus.saturating_add(counted(share.bonus_permille));
    }

    /// All it comes to, posted or not, where `cost` pays for keeping `byte_epochs` and for taking in `capacity`;
    /// each line rounded down.
    ///
    /// Never above `cost`, whatever was counted.
    pub fn due(
        &self,
        cost: &SlotCost,
        byte_epochs: u128,
        capacity: Bytes,
    ) -> Result<Msat, MoneyError> {
        let whole = byte_epochs.saturating_mul(u128::from(PERMILLE));
        Msat::sum([
            part(cost.keeping()?, self.keeping, whole)?,
            part(cost.bonus, self.bonus, whole)?,
            part(cost.ingress, u128::from(self.ingress_bytes), u128::from(capacity.0))?,
        ])
    }
}

/// `amount × counted ÷ whole`, rounded down, at most `amount`. Nothing of an empty whole.
fn part(amount: Msat, counted: u128, whole: u128) -> Result<Msat, MoneyError> {
    let amount = amount.non_negative()?;
    let scaled = fixed::mul_div(u128::from(amount.0.unsigned_abs()), counted.min(whole), whole);
    i64::try_from(scaled.unwrap_or(0)).map(Msat).map_err(|_| MoneyError::Overflow)
}

#[cfg(test)]
mod tests;
