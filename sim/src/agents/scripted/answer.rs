//! What a scripted provider can prove without having it on the disk that is asked.

use super::{BUYER, Scripted};
use crate::agents::Seat;
use crate::disks::Kept;
use market::event::SlotId;
use types::Did;

impl Scripted {
    /// Whether one of its names can prove all of a slot: it is there, or what it bought from itself and can make again, or
    /// its names keep enough of the contract's other slots together to make it, where they do so for each other.
    pub(super) fn can_prove(&self, seat: &Seat<'_>, party: &Did, id: SlotId) -> bool {
        if seat.disks.kept(party, &id).is_some_and(Kept::is_whole) {
            return true;
        }
        let Some(contract) = seat.market.contract(&id.contract) else { return false };
        if contract.client == seat.party(BUYER) {
            return true;
        }
        let needed = usize::from(contract.terms.redundancy.data);
        self.colludes && self.whole_of(seat, id) >= needed
    }

    /// How many of a contract's slots its names have all of.
    fn whole_of(&self, seat: &Seat<'_>, id: SlotId) -> usize {
        let names = self.names.iter();
        let whole = names.flat_map(|name| seat.disks.of(&name.party));
        whole.filter(|(slot, kept)| slot.contract == id.contract && kept.is_whole()).count()
    }
}
