//! What a provider must lock for a slot: enough to deter, to repair and to be worth its price.
//!
//! The required bond is the largest of three:
//!
//! 1. **ratio × price**: the terms' multiple of what the slot earns for keeping;
//! 2. **repair cost**: k shards read for each one rebuilt, and the bytes taken in again;
//! 3. **the deterrence bound**: so much that no lost fraction pays.
//!
//! # The deterrence bound
//!
//! A provider drops a fraction f of a slot and hopes not to be asked for it. For every f, what it risks must
//! be more than what it saves: detection probability × (bond at risk + forfeited earnings) > savings.
//!
//! - **A step** is the least stretch of d epochs that never passes without a challenge; it brings n of them.
//!   Cheating has no memory: in each step anew it saves, and in each step anew it may be found.
//!   A whole term adds up to the same inequality, since after detection nothing more is saved.
//! - **Savings** of a step are at most f × d × p, where p is the slot's pay for one epoch: nobody keeps
//!   bytes for long below their cost, so not keeping a fraction saves at most its price.
//! - **Detection** in a step is q(f) = 1 − (1 − f)ⁿ.
//! - **At risk** is the cheapest of the ways to be found, since the provider sees the challenge first:
//!   - *judged*: the penalty step for the fraction found. The intensified audit estimates f from 256 draws; we
//!     count on half of f only. No earnings are counted: an epoch with one failed proof may be paid in full.
//!   - *confessed* before the verdict, and as little as possible: the lowest step at the confession's
//!     discount. But an epoch at fault earns nothing, which forfeits p.
//!   - *silent*: no bond is at risk within the repair time, but until it answers again nothing is earned, which
//!     forfeits d × p. Since q(f) ≥ f, that never pays, whatever the bond, while d epochs are left to be paid for.
//!
//! So the bond B must satisfy, for every f, with shares of the bond s:
//!
//! ```text
//! judged:     q(f) ×  s(f/2)·B              >  f·d·p
//! confessed:  q(f) × (s(0+)·confessed·B + p) >  f·d·p
//! ```
//!
//! f/q(f) rises with f (q is concave and q(0) = 0), and s(f/2) is constant between twice one step of the
//! schedule and twice the next. So each inequality is hardest at the upper end of such an interval, and checking
//! those ends and f = 1 proves it for every fraction.
//!
//! The last step of a term is one like the others: once the term is over, every slot is asked as many chunks as a step
//! brings at least ([`audit_plan::at_the_end`]). Judged, it is the same inequality, and there is no confessing any more.
//! Silent until the repair time is over, the whole bond is at risk. Silent for a while, until the chunks that are asked happen to
//! be there, all that was earned since the last challenge is forfeited, d × p at full length, which f × d × p never reaches.
//!
//! The bound is silent on what no audit sees, a provider that fetches missing chunks from other slots in time to answer, and on
//! silence by choice while the term lasts: a slot at fault is asked in every epoch, so that with steps of many epochs one may be
//! sound again after one of them, with another chunk. What ends that is the record.

use crate::audit_plan;
use crate::fixed::{self, Chance, PERMILLE, PPM};
use crate::penalty;
use types::documents::AuditPlan;
use types::{Bytes, GbPrice, MoneyError, Msat, PriceError, SlotCost, Span, Terms};

/// What a slot's bond depends on.
#[derive(Clone, Copy, Debug)]
pub struct BondInputs<'a> {
    /// What is promised.
    pub terms: &'a Terms,
    /// How it is audited.
    pub plan: &'a AuditPlan,
    /// What one epoch stands for.
    pub epoch: Span,
    /// For how many epochs `cost` pays.
    pub epochs: u64,
    /// What the slot earns at most.
    pub cost: &'a SlotCost,
    /// What rebuilding it costs ([`repair_cost`]).
    pub repair_cost: Msat,
}

/// The bond that a slot needs.
pub fn required(inputs: &BondInputs) -> Result<Msat, MoneyError> {
    let ratio = u128::from(inputs.terms.bond_ratio_permille);
    let by_price = keeping(inputs.cost)?.scale_up(ratio, u128::from(PERMILLE))?;
    Ok(by_price.max(inputs.repair_cost).max(deterrence(inputs)?))
}

/// How much of a bond of `required` may be bonded with earnings held back, where the provider's ask wants `permille` of
/// it to be.
///
/// What repairs and what deters must be at stake from the first epoch on, when nothing is earned yet. So only what
/// the ratio asks beyond both can come from earnings. As earnings are held back the stake grows to the whole bond,
/// and what is not posted yet is forfeited with the slot: held-back earnings never lower the deterrence.
pub fn held_max(inputs: &BondInputs, required: Msat, permille: u16) -> Result<Msat, MoneyError> {
    let wanted = required.scale_down(u128::from(permille.min(1000)), u128::from(PERMILLE))?;
    let at_once = inputs.repair_cost.max(deterrence(inputs)?);
    Ok(wanted.min(required.sub(at_once)?).max(Msat::ZERO))
}

/// What rebuilding a slot of `bytes` costs at most: as much read from each of the `data` dearest others, and taken in.
pub fn repair_cost(
    bytes: Bytes,
    data: u16,
    others: &[GbPrice],
    ingress: GbPrice,
) -> Result<Msat, PriceError> {
    let mut dearest = others.to_vec();
    dearest.sort_by(|a, b| b.cmp(a));
    let reads = dearest.iter().take(usize::from(data)).map(|egress| egress.charge(bytes));
    reads
        .chain([ingress.charge(bytes)])
        .try_fold(Msat::ZERO, |sum, charge| sum.add(charge?).map_err(|_| PriceError::Overflow))
}

/// The least bond with which no lost fraction pays.
pub fn deterrence(inputs: &BondInputs) -> Result<Msat, MoneyError> {
    let steps = inputs.terms.penalties.steps.iter();
    let ends = steps.map(|step| step.fraction_ppm.saturating_mul(2).min(PPM));
    ends.chain([PPM])
        .filter(|fraction| *fraction > 0)
        .try_fold(Msat::ZERO, |bond, fraction| Ok(bond.max(against(inputs, fraction)?)))
}

/// The least bond with which losing `fraction_ppm` does not pay, whichever way it comes out.
fn against(inputs: &BondInputs, fraction_ppm: u32) -> Result<Msat, MoneyError> {
    let price = keeping(inputs.cost)?;
    if price == Msat::ZERO {
        return Ok(Msat::ZERO);
    }
    let schedule = &inputs.terms.penalties;
    let epochs = inputs.epochs.max(1);
    let (step, challenges) = audit_plan::least_step(inputs.plan, inputs.epoch);
    let stake = stake(price, fraction_ppm, challenges, (step.min(epochs), epochs))?;
    let forfeited = price.scale_down(1, u128::from(epochs))?;

    let lowest = penalty::step_permille(schedule, 1);
    let found = penalty::step_permille(schedule, fraction_ppm.div_ceil(2));
    let judged = least_bond(stake, found * PERMILLE)?;
    let confessed = if stake < forfeited {
        Msat::ZERO
    } else {
        least_bond(stake.sub(forfeited)?, lowest * u32::from(schedule.confessed_permille))?
    };
    Ok(judged.max(confessed))
}

/// What must be lost by being found, so that a step is not worth it: f·d·p ÷ q, rounded up, with p = price ÷ epochs.
fn stake(
    price: Msat,
    fraction_ppm: u32,
    challenges: u64,
    (step, epochs): (u64, u64),
) -> Result<Msat, MoneyError> {
    let scale = u128::from(Chance::SCALE);
    let found = u128::from(fixed::all_missing(fraction_ppm, challenges).complement().max(1));
    let saved = u128::from(fraction_ppm) * scale;
    let ratio =
        fixed::mul_div_up(saved, scale, u128::from(PPM) * found).ok_or(MoneyError::Overflow)?;
    let steps = ratio.checked_mul(u128::from(step)).ok_or(MoneyError::Overflow)?;
    scale_up(price, steps, scale * u128::from(epochs))
}

/// The least bond of which `share_ppm` is more than `stake`.
fn least_bond(stake: Msat, share_ppm: u32) -> Result<Msat, MoneyError> {
    scale_up(stake.add(Msat(1))?, u128::from(PPM), u128::from(share_ppm.max(1)))
}

/// What the slot earns for keeping, bonus included.
fn keeping(cost: &SlotCost) -> Result<Msat, MoneyError> {
    cost.keeping()?.add(cost.bonus)?.non_negative()
}

/// `amount × numerator ÷ denominator`, rounded up, with a product of any size.
fn scale_up(amount: Msat, numerator: u128, denominator: u128) -> Result<Msat, MoneyError> {
    let amount = u128::from(amount.non_negative()?.0.unsigned_abs());
    let scaled = fixed::mul_div_up(amount, numerator, denominator);
    scaled.and_then(|up| i64::try_from(up).ok()).map(Msat).ok_or(MoneyError::Overflow)
}

#[cfg(test)]
mod tests;
