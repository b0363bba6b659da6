//! What slots cost, and the quote they make.
//!
//! ```text
//! base        = Σ over slots  price(tier) × bytes × time
//! premium     = 10 % of base, where the terms carry guarantees
//! network fee =  5 % of (base + premium)
//! escrow fee  =  2 % of (base + premium)
//! bonus       = 15 % of base, and what reserves can cost beyond the slots; what is not needed returns
//! ```

use crate::policy::WHOLE_PPM;
use crate::{PricingError, PricingPolicy};
use types::documents::{Ask, QuotedSlot};
use types::{Bytes, CostVector, GbPrice, Msat, Price, SlotCost, Span, Terms};

#[cfg(test)]
pub(crate) mod tests;

/// At what price a slot is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// The slot's price, after the tier's multiplier and discounts.
    pub price: Price,
    /// How long it is paid for.
    pub span: Span,
}

/// What one slot under `terms` costs with the provider of `ask`, each line rounded up.
///
/// The slot pays for its whole capacity, or for the ask's minimum use where that is more.
///
/// # Errors
/// [`PricingError`] when there is nothing to keep or an amount does not fit.
pub fn slot_cost(
    policy: &PricingPolicy,
    ask: &Ask,
    terms: &Terms,
    keeping: Keeping,
) -> Result<SlotCost, PricingError> {
    if terms.capacity.0 == 0 || keeping.span.0 == 0 {
        return Err(PricingError::NothingToKeep { bytes: terms.capacity, span: keeping.span });
    }
    let capacity = terms.slot_capacity();
    let paid_for = capacity.max(ask.minimum_use);
    let base = keeping.price.validated()?.charge(paid_for, keeping.span)?;
    let cost = SlotCost {
        base,
        premium: share(base, policy.premium_for(terms))?,
        bonus: share(base, policy.bonus_for(terms))?,
        ingress: ask.ingress.validated()?.charge(capacity)?,
    };
    cost.total()?;
    Ok(cost)
}

/// What the reads that `terms` pay for in advance cost at most: any k slots answer a read, so the k dearest count.
///
/// # Errors
/// [`PricingError`] when fewer than k prices are given or the amount does not fit.
pub fn egress_cost(terms: &Terms, prices: &[GbPrice]) -> Result<Msat, PricingError> {
    let data = terms.redundancy.data.max(1);
    let needed = usize::from(data);
    if terms.egress.0 == 0 {
        return Ok(Msat::ZERO);
    }
    if prices.len() < needed {
        return Err(PricingError::TooFewSlots { found: prices.len(), needed });
    }
    let from_each = Bytes(terms.egress.0.div_ceil(u64::from(data)));
    let mut dearest = prices.to_vec();
    dearest.sort_unstable_by(|a, b| b.cmp(a));
    dearest[..needed]
        .iter()
        .try_fold(Msat::ZERO, |sum, price| Ok(sum.add(price.validated()?.charge(from_each)?)?))
}

/// The cost of a contract of these `slots`, line by line, with `egress` for reads and `bond` locked by the
/// providers.
///
/// # Errors
/// [`PricingError::Money`] when a line or the escrow does not fit an amount of money.
pub fn cost_vector(
    policy: &PricingPolicy,
    slots: &[SlotCost],
    egress: Msat,
    bond: Msat,
) -> Result<CostVector, PricingError> {
    let sum = |line: fn(&SlotCost) -> Msat| Msat::sum(slots.iter().map(line));
    let storage = sum(|slot| slot.base)?;
    let premium = sum(|slot| slot.premium)?;
    let charged_on = storage.add(premium)?;
    let cost = CostVector {
        storage,
        premium,
        network_fee: share(charged_on, policy.network_fee_ppm)?,
        escrow_fee: share(charged_on, policy.escrow_fee_ppm)?,
        bonus: sum(|slot| slot.bonus)?,
        ingress: sum(|slot| slot.ingress)?,
        egress: egress.non_negative()?,
        bond: bond.non_negative()?,
    };
    cost.escrow()?;
    Ok(cost)
}

/// The cost of a contract of these quoted `slots`, reads and bonds included. It covers whichever of the `reserves` step in:
/// what they ask beyond the slots is held with the bonus, and returns where it is not needed.
///
/// # Errors
/// [`PricingError`] as [`egress_cost`] and [`cost_vector`].
pub fn quoted_cost(
    policy: &PricingPolicy,
    terms: &Terms,
    slots: &[QuotedSlot],
    reserves: &[QuotedSlot],
) -> Result<CostVector, PricingError> {
    let prices: Vec<GbPrice> = slots.iter().chain(reserves).map(|slot| slot.egress).collect();
    let costs: Vec<SlotCost> = slots.iter().map(|slot| slot.cost).collect();
    let bond = Msat::sum(slots.iter().map(|slot| slot.bond))?;
    let mut cost = cost_vector(policy, &costs, egress_cost(terms, &prices)?, bond)?;
    cost.bonus = cost.bonus.add(beyond(slots, reserves)?)?;
    cost.escrow()?;
    Ok(cost)
}

/// What `reserves` can cost beyond the `slots` that they step in for: the dearest of them in place of the cheapest.
fn beyond(slots: &[QuotedSlot], reserves: &[QuotedSlot]) -> Result<Msat, PricingError> {
    let totals =
        |of: &[QuotedSlot]| of.iter().map(|slot| slot.cost.total()).collect::<Result<Vec<_>, _>>();
    let (mut slots, mut reserves) = (totals(slots)?, totals(reserves)?);
    slots.sort_unstable();
    reserves.sort_unstable_by(|a, b| b.cmp(a));
    slots.iter().zip(&reserves).try_fold(Msat::ZERO, |sum, (slot, reserve)| {
        Ok(sum.add(reserve.sub(*slot)?.max(Msat::ZERO))?)
    })
}

/// `rate_ppm` of `amount`, rounded up.
fn share(amount: Msat, rate_ppm: u32) -> Result<Msat, PricingError> {
    Ok(amount.scale_up(u128::from(rate_ppm), u128::from(WHOLE_PPM))?)
}
