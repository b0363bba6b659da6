//! How many slots of one contract one agent holds, by whatever names.

use super::World;
use market::event::SlotId;
use types::Did;

/// What is seen of one group's shares in contracts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    /// The most slots of one contract that one agent ever held.
    pub(super) slots_max: u64,
    /// How often an agent came to hold more slots of a contract than may be lost.
    pub(super) over_parity: u64,
}

impl World {
    /// `provider` has confirmed a slot: counts what its agent holds of the contract now.
    pub(super) fn see_share(&mut self, slot: SlotId, provider: &Did) {
        let agent = |did: &Did| self.members.party(did).map(|party| party.agent);
        let Some(owner) = agent(provider) else { return };
        let Some(contract) = self.market().contract(&slot.contract) else { return };
        let held = contract.slots.iter().filter(|slot| slot.confirmed);
        let held = held.filter(|slot| agent(&slot.provider()) == Some(owner)).count() as u64;
        let parity = u64::from(contract.terms.redundancy.parity);
        let share = &mut self.watch.groups[self.members.group_of(owner)].share;
        share.slots_max = share.slots_max.max(held);
        share.over_parity += u64::from(held == parity + 1);
    }
}
