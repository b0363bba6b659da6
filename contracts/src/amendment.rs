//! How an agreed contract is made longer or larger: at the price per byte and epoch that each slot has now.
//!
//! A slot's price pays for a number of byte-epochs: bytes × epochs, over its whole term. More of them cost
//! in proportion, rounded up. So the price of one byte-epoch never falls, what has been earned stays earned,
//! and no accrual has to be touched: an amendment costs nothing per epoch that has passed.

use crate::contract::Slot;
use crate::fixed;
use serde::{Deserialize, Serialize};
use types::documents::AuditPlan;
use types::{Bytes, CostVector, MoneyError, Msat, SlotCost};

/// What a contract began as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// Sealed bytes it had room for.
    pub capacity: Bytes,
    /// How many epochs it was to run.
    pub epochs: u64,
    /// What was escrowed, line by line.
    pub cost: CostVector,
}

/// What a contract is to be from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amendment {
    /// Sealed bytes it has room for.
    pub capacity: Bytes,
    /// How many epochs it runs in all.
    pub epochs: u64,
    /// How it is audited.
    pub audit: AuditPlan,
    /// What is added to its cost, line by line.
    pub added: CostVector,
    /// Slot by slot.
    pub slots: Vec<AmendedSlot>,
}

/// What a slot is to be from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmendedSlot {
    /// What it has room for.
    pub capacity: Bytes,
    /// What its price pays for keeping: bytes × epochs.
    pub byte_epochs: u128,
    /// What it earns at most.
    pub cost: SlotCost,
    /// What its bond is.
    pub bond: Msat,
}

impl AmendedSlot {
    /// `slot` with `capacity` and `more` epochs, of which `left` are to come, those included. The bond stays as it is.
    ///
    /// # Errors
    /// When the price does not fit an amount of money.
    pub fn of(slot: &Slot, capacity: Bytes, more: u64, left: u64) -> Result<Self, MoneyError> {
        let (before, after) = (slot.paid_capacity(), capacity.max(slot.quoted.minimum_use));
        let larger = u128::from(after.0.saturating_sub(before.0));
        let longer = u128::from(before.0).saturating_mul(u128::from(more));
        let byte_epochs = larger
            .saturating_mul(u128::from(left))
            .saturating_add(longer)
            .saturating_add(slot.byte_epochs);
        let cost = slot.quoted.cost;
        let keeping = |line| scaled(line, byte_epochs, slot.byte_epochs);
        let cost = SlotCost {
            base: keeping(cost.base)?,
            premium: keeping(cost.premium)?,
            bonus: keeping(cost.bonus)?,
            ingress: scaled(cost.ingress, capacity.0.into(), slot.capacity.0.into())?,
        };
        Ok(Self { capacity, byte_epochs, cost, bond: slot.quoted.bond })
    }

    /// What it costs more than `slot` did.
    pub fn added(&self, slot: &Slot) -> Result<SlotCost, MoneyError> {
        let before = slot.quoted.cost;
        Ok(SlotCost {
            base: self.cost.base.sub(before.base)?,
            premium: self.cost.premium.sub(before.premium)?,
            bonus: self.cost.bonus.sub(before.bonus)?,
            ingress: self.cost.ingress.sub(before.ingress)?,
        })
    }

    /// The part of its price that pays for keeping `byte_epochs`, each line rounded up.
    pub fn part(&self, byte_epochs: u128) -> Result<SlotCost, MoneyError> {
        let line = |line| scaled(line, byte_epochs, self.byte_epochs);
        Ok(SlotCost {
            base: line(self.cost.base)?,
            premium: line(self.cost.premium)?,
            bonus: line(self.cost.bonus)?,
            ingress: Msat::ZERO,
        })
    }
}

/// What `slot` could still earn for keeping in `left` epochs, rounded down.
pub fn could_earn(slot: &Slot, left: u64) -> Result<Msat, MoneyError> {
    let units = u128::from(slot.paid_capacity().0).saturating_mul(u128::from(left));
    let cost = slot.quoted.cost.keeping()?.add(slot.quoted.cost.bonus)?.non_negative()?;
    let amount = u128::from(cost.0.unsigned_abs());
    let earned = fixed::mul_div(amount, units.min(slot.byte_epochs), slot.byte_epochs);
    i64::try_from(earned.unwrap_or(0)).map(Msat).map_err(|_| MoneyError::Overflow)
}

/// `amount × to ÷ from`, rounded up; `amount` where nothing changes.
fn scaled(amount: Msat, to: u128, from: u128) -> Result<Msat, MoneyError> {
    if to == from {
        return Ok(amount);
    }
    let amount = u128::from(amount.non_negative()?.0.unsigned_abs());
    let up = fixed::mul_div_up(amount, to, from).ok_or(MoneyError::Overflow)?;
    i64::try_from(up).map(Msat).map_err(|_| MoneyError::Overflow)
}

#[cfg(test)]
mod tests;
