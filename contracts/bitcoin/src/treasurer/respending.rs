//! Escrows whose money goes on in others: which of this party's they are, and with which keys it signs for them.

use super::record::{Deal, Watching};
use super::{Treasurer, TreasurerError};
use crate::deal::message::{Offer, SlotOffer};
use crate::deal::respend::Spent;
use crate::deal::watch::SlotState;
use crate::escrow::funding::FundingInput;
use crate::keys::Key;
use bitcoin::OutPoint;
use types::{ContractId, Did};

impl Treasurer {
    /// The escrow of a slot's provider that is open, as deep as it must be, and judged by nobody, as a later deal spends it.
    pub(super) fn spendable(
        &self,
        contract: ContractId,
        (slot, provider): (u16, Did),
    ) -> Option<Spent> {
        let own = self.deals.values().rev().filter(|deal| deal.about.contract == contract);
        let own = own.filter_map(|deal| {
            let subjects = deal.about.subjects.iter();
            let mut this = subjects.filter(|s| (s.slot, s.provider) == (slot, provider));
            Some((deal.watching()?, this.next()?.index))
        });
        own.filter_map(|(watching, index)| self.deep(watching, index)).next()
    }

    fn deep(&self, Watching { watch, look, .. }: &Watching, index: usize) -> Option<Spent> {
        let look = look.as_ref()?;
        let open = matches!(look.slots.get(&index), Some(SlotState::Open));
        let spent = watch.spent(index).filter(|_| open && watch.due(index).is_none())?;
        let deep = self.follower.confirmations(&spent.outpoint) >= self.manner.confirmations.get();
        deep.then_some(spent)
    }

    /// The keys of the escrows that these slots of an offer spend, in their order.
    pub(super) fn old_keys<'o>(
        &self,
        slots: impl Iterator<Item = &'o SlotOffer>,
    ) -> Result<Vec<Key>, TreasurerError> {
        let numbers = slots.filter_map(|slot| self.deal_at(slot.spends.as_ref()?.outpoint));
        numbers.map(|number| self.key(number)).collect()
    }

    /// The number of the deal that made the escrow at `outpoint`.
    fn deal_at(&self, outpoint: OutPoint) -> Option<u32> {
        let made = |deal: &Deal| {
            let watching = deal.watching()?;
            let mut slots = watching.watch.slots().map(|(_, terms)| terms.coin.outpoint());
            slots.any(|coin| coin == outpoint).then_some(())
        };
        self.deals.iter().find(|(_, deal)| made(deal).is_some()).map(|(number, _)| *number)
    }
}

/// The escrows that an offer spends, as coins to be looked up.
pub(super) fn coins(offer: &Offer) -> Vec<FundingInput> {
    let slots = offer.slots.iter().enumerate();
    let spends = slots.filter_map(|(number, slot)| slot.spends.as_ref()?.input(number).ok());
    spends.collect()
}
