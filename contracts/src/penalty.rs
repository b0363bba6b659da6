//! What a broken promise costs its provider, and who gets it. No rule pays the judge.

use crate::fixed::{PERMILLE, PPM};
use types::terms::PenaltySchedule;
use types::{MoneyError, Msat};

/// What was lost, and how it came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The lost fraction of the slot, in parts per million; all of it for one unreachable beyond the repair time.
    pub fraction_ppm: u32,
    /// For how many epochs the promise has been broken.
    pub epochs_at_fault: u64,
    /// Whether the provider said so itself.
    pub confessed: bool,
}

/// What a loss costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slash {
    /// What the bond loses.
    pub amount: Msat,
    /// Whether the provider loses the slot.
    pub replace: bool,
}

/// The share of the bond that losing `fraction_ppm` costs before anything is added or halved, in permille.
pub fn step_permille(schedule: &PenaltySchedule, fraction_ppm: u32) -> u32 {
    if fraction_ppm == 0 {
        return 0;
    }
    let step = schedule.steps.iter().find(|step| fraction_ppm <= step.fraction_ppm);
    step.map_or(PERMILLE, |step| u32::from(step.slash_permille).min(PERMILLE))
}

/// What `loss` costs where `bond` is at stake: the step's share, and more with every epoch at fault, at most all of it.
///
/// Rounded up, and never above `bond`.
pub fn assess(schedule: &PenaltySchedule, loss: &Loss, bond: Msat) -> Result<Slash, MoneyError> {
    let bond = bond.non_negative()?;
    let step = u64::from(step_permille(schedule, loss.fraction_ppm));
    let added = u64::from(schedule.per_epoch_permille).saturating_mul(loss.epochs_at_fault);
    let share = step.saturating_add(added).min(u64::from(PERMILLE));
    let kept =
        if loss.confessed { u64::from(schedule.confessed_permille) } else { u64::from(PERMILLE) };
    let ppm = share.saturating_mul(kept).min(u64::from(PPM));
    let amount = bond.scale_up(u128::from(ppm), u128::from(PPM))?.min(bond);
    Ok(Slash { amount, replace: loss.fraction_ppm > schedule.replace_above_ppm })
}

/// Who gets a slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// To the repair pool.
    pub to_pool: Msat,
    /// To the client.
    pub to_client: Msat,
}

/// Divides a slash: the repair pool up to `repair_cost`, then the client up to what it `paid`, the rest to the pool.
///
/// So the client never gains by a loss, and the market's own accounts get nothing.
pub fn distribute(
    slashed: Msat,
    repair_cost: Msat,
    paid: Msat,
) -> Result<Distribution, MoneyError> {
    let slashed = slashed.non_negative()?;
    let left = slashed.sub(repair_cost.non_negative()?.min(slashed))?;
    let to_client = paid.non_negative()?.min(left);
    Ok(Distribution { to_pool: slashed.sub(to_client)?, to_client })
}
