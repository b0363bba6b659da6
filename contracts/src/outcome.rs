//! A slot's outcome: one number for its whole term, on which a rail that pays once, at the end, divides all that is locked for it.
//!
//! An outcome is the compliance, 0..=1000, at which a slot kept full through its whole term would have come to the same. So a
//! payout curve and a bond say what each of 1001 outcomes is worth to everyone, before the contract begins; and whatever the
//! term brought (penalties, bytes never stored, an early end), [`Stake::outcome`] expresses it as one of them. What a market's books conclude has
//! been through the terms' own curve already: [`Stake::of`] divides evenly.
//!
//! Above the highest compliance that pays nothing (500 on the standard curve) the bond is whole and the curve divides the
//! price. Below it nothing is earned and the bond is forfeit in proportion; at 0 all of it.
#![warn(clippy::arithmetic_side_effects)]

use crate::bond::repair_cost;
use crate::compliance::FULL;
use crate::payout::{self, PayoutShare};
use crate::penalty::{self, Distribution};
use types::documents::QuotedSlot;
use types::terms::{PayoutCurve, PayoutPoint};
use types::{ContractId, Did, Hash, MoneyError, Msat, PriceError, SlotCost, Terms};

/// The name of the escrow that a client and `provider` fund for slot `slot` of `contract`. Whoever loses a slot is never in it
/// again, so each escrow has a name of its own, and everybody can tell it.
pub fn escrow_id(contract: ContractId, slot: u16, provider: Did) -> Hash {
    Hash::derive("bondstore escrow v1", &[&contract.0, &slot.to_be_bytes(), &provider.0])
}

/// What is locked for one slot, and on what terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stake {
    /// What compliance earns.
    pub curve: PayoutCurve,
    /// The client's part: everything that the slot can earn.
    pub cost: SlotCost,
    /// The provider's part.
    pub bond: Msat,
    /// What rebuilding the slot costs.
    pub repair_cost: Msat,
}

/// Who gets what of a stake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Earnings, and what is left of the bond.
    pub provider: Msat,
    /// What was not earned, and the compensation.
    pub client: Msat,
    /// What the bond gives for repairs.
    pub pool: Msat,
}

impl Split {
    /// All of it.
    pub fn total(&self) -> Result<Msat, MoneyError> {
        Msat::sum([self.provider, self.client, self.pool])
    }
}

/// What a stake is divided by: nothing up to 500, everything at 1000, linear between.
fn settlement_curve() -> PayoutCurve {
    let point = |compliance, paid_permille| PayoutPoint { compliance, paid_permille };
    PayoutCurve { points: vec![point(FULL / 2, 0), point(FULL, 1000)], target: FULL }
}

impl Stake {
    /// What a slot of `terms` that was quoted as `quoted` locks on a rail that pays once. Rebuilding it is reckoned at its own
    /// prices, so that whoever knows the slot knows its stake.
    ///
    /// What comes out of the term has been through the terms' payout curve already. So the stake divides the whole price evenly
    /// over the outcomes from 500 on: whatever the provider is due, it gets to less than a five-hundredth of its price.
    ///
    /// # Errors
    /// Where reading or taking in the whole slot costs more than can be expressed.
    pub fn of(terms: &Terms, quoted: &QuotedSlot) -> Result<Self, PriceError> {
        let reads = vec![quoted.egress; usize::from(terms.redundancy.data)];
        let (bytes, data) = (terms.slot_capacity(), terms.redundancy.data);
        let base = quoted.cost.total().map_err(|_| PriceError::Overflow)?;
        Ok(Self {
            curve: settlement_curve(),
            cost: SlotCost { base, ..SlotCost::default() },
            bond: quoted.bond,
            repair_cost: repair_cost(bytes, data, &reads, quoted.ingress)?,
        })
    }

    /// All that is locked: price and bond.
    pub fn collateral(&self) -> Result<Msat, MoneyError> {
        self.cost.total()?.add(self.bond.non_negative()?)
    }

    /// Who gets what at `outcome`; above 1000 as at 1000. The parts come to the collateral, to the msat.
    pub fn split(&self, outcome: u16) -> Result<Split, MoneyError> {
        let earned = self.earned(outcome)?;
        let slashed = self.slashed(outcome)?;
        let paid = self.cost.keeping()?;
        let Distribution { to_pool, to_client } =
            penalty::distribute(slashed, self.repair_cost, paid)?;
        Ok(Split {
            provider: earned.add(self.bond)?.sub(slashed)?,
            client: self.cost.total()?.sub(earned)?.add(to_client)?,
            pool: to_pool,
        })
    }

    /// The outcome of a slot whose provider is due `provider` of the collateral, its bond's rest included: the highest that gives
    /// it no more.
    pub fn outcome(&self, provider: Msat) -> Result<u16, MoneyError> {
        let (mut low, mut high) = (0, FULL);
        while low < high {
            let middle = low.midpoint(high.saturating_add(1));
            if self.split(middle)?.provider <= provider {
                low = middle;
            } else {
                high = middle.saturating_sub(1);
            }
        }
        Ok(low)
    }

    /// What a slot kept full earns at `outcome`; taking the bytes in is paid whatever comes.
    fn earned(&self, outcome: u16) -> Result<Msat, MoneyError> {
        let share = match outcome {
            0 => PayoutShare::NOTHING,
            outcome => payout::share(&self.curve, outcome),
        };
        let part = |amount: Msat, permille: u16| {
            amount.non_negative()?.scale_down(permille.into(), FULL.into())
        };
        Msat::sum([
            part(self.cost.keeping()?, share.paid_permille)?,
            part(self.cost.bonus, share.bonus_permille)?,
            self.cost.ingress.non_negative()?,
        ])
    }

    /// What the bond loses at `outcome`, rounded up: all at 0, nothing from where the curve begins to pay.
    fn slashed(&self, outcome: u16) -> Result<Msat, MoneyError> {
        let whole = self.unpaid().max(1);
        let short = whole.saturating_sub(outcome);
        self.bond.non_negative()?.scale_up(short.into(), whole.into())
    }

    /// The highest compliance that pays nothing.
    fn unpaid(&self) -> u16 {
        let paying = self.curve.points.partition_point(|point| point.paid_permille == 0);
        let last = paying.checked_sub(1).and_then(|index| self.curve.points.get(index));
        last.map_or(0, |point| point.compliance.min(FULL))
    }
}

#[cfg(test)]
mod tests;
