//! What a provider that came later may cost its client: of that nobody has signed anything but the market, so what was accepted bounds it.
//!
//! A replacement's price comes out of what the lost escrow left unearned and of what its bond compensated the client with. So all
//! escrows that stand at a time never cost more than was accepted and what lost bonds may have given; and of one slot there are only so
//! many.

use super::accepted::Accepted;
use super::escrows::{EscrowLine, EscrowState};
use super::{Role, Treasurer};
use crate::deal::stakes;
use bitcoin::Amount;
use contracts::outcome::Stake;
use network::api::{ContractView, SlotView};
use std::collections::BTreeMap;
use types::{ContractId, Msat};

/// What a slot's escrows came to so far.
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    /// How many there have been.
    count: u16,
    /// What the last of them costs.
    price: Amount,
    /// What the bonds of those before may have compensated the client with.
    lost: Amount,
    /// What the last one's bond may.
    bond: Amount,
}

impl Treasurer {
    /// Whether `slot`, whose provider came later, may have an escrow beside those there are.
    ///
    /// # Errors
    /// Which bound it would break.
    pub(super) fn may_replace(
        &self,
        accepted: &Accepted,
        view: &ContractView,
        slot: &SlotView,
    ) -> Result<(), String> {
        let number = slot.slot;
        let past = self.past(view.id);
        let count = past.get(&number).map_or(0, |past| past.count);
        let most = self.manner.replacements_max;
        if count > most {
            return Err(format!(
                "slot {number} has had {count} escrows; {most} replacements are funded: allow more where that is right"
            ));
        }
        let least = least_bond(accepted, slot)?;
        if slot.quoted.bond < least {
            let found = slot.quoted.bond;
            return Err(format!(
                "slot {number}: a bond of {found}; the terms want {least} at least"
            ));
        }
        let price = price(view, slot)?;
        let most = room(accepted, &past, number)?;
        if price > most {
            return Err(format!(
                "slot {number}: its next provider costs {price}; what was accepted and lost bonds leave {most}"
            ));
        }
        Ok(())
    }

    /// Whether this client has signed escrows of a contract.
    pub(super) fn has_funded(&self, contract: ContractId) -> bool {
        use EscrowState::{GivenUp, Negotiating};
        self.own_lines(contract).any(|line| !matches!(line.state, GivenUp { .. } | Negotiating))
    }

    /// What this client has offered and not given up for a contract, slot by slot, in the order of its deals.
    fn past(&self, contract: ContractId) -> BTreeMap<u16, Past> {
        let lines = self.own_lines(contract);
        let stand = lines.filter(|line| !matches!(line.state, EscrowState::GivenUp { .. }));
        let mut past: BTreeMap<u16, Past> = BTreeMap::new();
        for EscrowLine { slot, client_sat, provider_sat, .. } in stand {
            let (price, bond) = (Amount::from_sat(client_sat), Amount::from_sat(provider_sat));
            let before = past.entry(slot).or_default();
            before.count = before.count.saturating_add(1);
            before.lost = before.lost.checked_add(before.bond).unwrap_or(Amount::MAX_MONEY);
            // Nobody is compensated with more than it paid.
            (before.price, before.bond) = (price, bond.min(price));
        }
        past
    }

    fn own_lines(&self, contract: ContractId) -> impl Iterator<Item = EscrowLine> {
        let own = self
            .deals
            .values()
            .filter(move |deal| (deal.about.contract, deal.about.role) == (contract, Role::Client));
        own.flat_map(|deal| self.lines(deal))
    }
}

/// What slot `number` may cost beside the others.
fn room(accepted: &Accepted, past: &BTreeMap<u16, Past>, number: u16) -> Result<Amount, String> {
    let told = |error: types::MoneyError| error.to_string();
    let accepted = accepted.slots_cost().and_then(Msat::non_negative).map_err(told)?;
    let slots = u64::try_from(past.len()).unwrap_or(u64::MAX).saturating_add(1);
    // Each part is rounded up by less than a satoshi.
    let accepted = u64::try_from(accepted.0).unwrap_or(0).div_ceil(1_000).saturating_add(slots);
    let others = past.iter().filter(|(slot, _)| **slot != number);
    let others = others.map(|(_, past)| past.price.to_sat()).fold(0, u64::saturating_add);
    let lost = past.values().map(|past| past.lost.to_sat()).fold(0, u64::saturating_add);
    let bond = past.get(&number).map_or(0, |past| past.bond.to_sat());
    let bonds = lost.saturating_add(bond);
    Ok(Amount::from_sat(accepted.saturating_add(bonds).saturating_sub(others)))
}

/// What the client puts into a slot's escrow.
fn price(view: &ContractView, slot: &SlotView) -> Result<Amount, String> {
    let told = |error: &dyn std::fmt::Display| format!("slot {}: {error}", slot.slot);
    let stake = Stake::of(&view.terms, &slot.quoted).map_err(|error| told(&error))?;
    Ok(stakes::parts(&stake).map_err(|error| told(&error))?.client)
}

/// The least bond that the accepted terms want for a slot of this price: their multiple of what keeping pays. What repairs would read, and what
/// deters over the epochs that are left, is not known here.
fn least_bond(accepted: &Accepted, slot: &SlotView) -> Result<Msat, String> {
    let ratio = u128::from(accepted.quote().terms.bond_ratio_permille);
    let cost = &slot.quoted.cost;
    let keeping = cost.keeping().and_then(|keeping| keeping.add(cost.bonus));
    let least = keeping.and_then(Msat::non_negative).and_then(|paid| paid.scale_up(ratio, 1_000));
    least.map_err(|error| format!("slot {}: {error}", slot.slot))
}
