//! How slots come to hold bytes: reservations, the client's first revision, rebuilds.

use super::real::Real;
use super::{Happening, World, named};
use crate::disks::{Gone, Kept};
use contracts::{ContractState, SlotState};
use market::event::SlotId;
use market::{Command, Effect, schedule};
use types::documents::{Confirmation, Reservation, Revision, SlotSize, StorageReceipt};
use types::{Bytes, ContractId, Did, Span, Verified};

/// How long a client takes until its bytes are everywhere.
const UPLOAD: Span = Span(10 * 60 * Span::SECOND.0);
/// How long a rebuild takes from when it is ordered.
const REBUILD: Span = Span(30 * 60 * Span::SECOND.0);
/// How long a message takes.
const MESSAGE: Span = Span(Span::SECOND.0);

impl World {
    /// An effect is on its way.
    pub(super) fn get_going(&mut self, effect: Effect) {
        match effect {
            Effect::Reserve(slot, provider) => {
                self.soon(MESSAGE, Happening::Reserved(slot, provider));
                let answer_by = self.market().slot(slot).map(|(_, s)| s.answer_by);
                if let Some(answer_by) = answer_by {
                    self.wheel.put(answer_by.after(MESSAGE), Happening::Due);
                }
            }
            Effect::Intensify(..) => self.soon(MESSAGE, Happening::Tried(effect)),
            Effect::Rebuild(..) => self.soon(REBUILD, Happening::Tried(effect)),
            Effect::Release(slot, provider) => {
                if self.settings.market.real_bytes {
                    self.disks.put_aside(&provider, &slot);
                } else {
                    self.disks.forget(&provider, &slot);
                }
                self.weigh(&provider);
            }
            Effect::Enlarge(..) => {}
        }
    }

    /// What could not be done before is tried again.
    pub(super) fn try_again(&mut self) {
        for effect in std::mem::take(&mut self.pending) {
            self.try_effect(effect);
        }
    }

    /// Tries an effect; what cannot be done now waits for the next epoch.
    pub(super) fn try_effect(&mut self, effect: Effect) {
        if !effect.is_wanted(self.market()) {
            return;
        }
        let reached = self.reach.contains(&effect.provider());
        let done = reached
            && match effect {
                Effect::Intensify(slot, provider) => self.intensify(slot, provider),
                Effect::Rebuild(slot, provider) => self.rebuild(slot, provider),
                _ => true,
            };
        if !done {
            self.pending.insert(effect);
        }
    }

    /// A reservation reaches a provider, if anything does.
    pub(super) fn reserved(&mut self, id: SlotId, provider: Did) {
        let wanted = Effect::Reserve(id, provider).is_wanted(self.market());
        let Some(reservation) = self.reservation(id).filter(|_| wanted) else { return };
        if !self.reach.contains(&provider) {
            return;
        }
        let Some(party) = self.members.party(&provider) else { return };
        let agent = party.agent;
        self.members.count_document(agent);
        let view = (self.desk.market(), &self.disks, self.now);
        let (answer, deeds) =
            self.members.ask(agent, view, |agent, seat| agent.reserved(seat, &reservation));
        self.perform_all(agent, deeds);
        let Reservation { contract, slot, answer_by, .. } = reservation;
        let confirmation =
            Confirmation { provider, contract, slot, answer_by, declined: answer.err() };
        self.submit(&Command::Confirm(Verified::simulated(confirmation)));
    }

    fn reservation(&self, id: SlotId) -> Option<Reservation> {
        let market = self.market();
        let (contract, slot) = market.slot(id)?;
        let rebuild = (slot.state == SlotState::Repairing).then_some(slot.size);
        Some(Reservation {
            market: market.genesis().market,
            provider: slot.provider(),
            client: contract.client,
            contract: id.contract,
            slot: id.slot,
            capacity: slot.capacity,
            redundancy: contract.terms.redundancy,
            shard_bytes: contract.terms.shard_bytes,
            quoted: slot.quoted.clone(),
            rebuild,
            rail: contract.terms.rail,
            answer_by: slot.answer_by,
        })
    }

    /// Once every slot is confirmed, the client's bytes are on their way.
    pub(super) fn fill_soon(&mut self, id: ContractId) {
        let agreed = self.market().contract(&id).is_some_and(|contract| {
            contract.state == ContractState::Agreed && contract.slots.iter().all(|s| s.confirmed)
        });
        if agreed && self.wishes.get(&id).is_some_and(|permille| *permille > 0) {
            self.soon(UPLOAD, Happening::Filled(id));
        }
    }

    /// The client's bytes are in every slot: receipts and the first revision.
    pub(super) fn fill(&mut self, id: ContractId) {
        let Some(permille) = self.wishes.remove(&id) else { return };
        let Some(contract) = self.market().contract(&id) else { return };
        if contract.state != ContractState::Agreed {
            return;
        }
        let (client, number) = (contract.client, contract.revision + 1);
        let shard = u64::from(contract.terms.shard_bytes);
        let holders: Vec<(Did, SlotSize)> = (0u16..)
            .zip(&contract.slots)
            .map(|(slot, s)| (s.provider(), self.sized((id, slot), s.capacity, permille, shard)))
            .collect();
        let receipts = (0u16..).zip(&holders).map(|(slot, (provider, size))| {
            let (provider, size) = (*provider, *size);
            let receipt = StorageReceipt { provider, contract: id, slot, revision: number, size };
            Verified::simulated(receipt)
        });
        let receipts = receipts.collect();
        let slots = holders.iter().map(|(_, size)| *size).collect();
        let layout = named("layout", &[&id.0]);
        let revision = Revision { signer: client, contract: id, number, slots, layout };
        let revision = Verified::simulated(revision);
        if self.submit(&Command::Revise { revision, receipts }).is_none() {
            return;
        }
        for (slot, (provider, size)) in (0u16..).zip(holders) {
            self.keep(provider, SlotId { contract: id, slot }, size);
        }
        self.note_holders(id);
    }

    /// A provider has these bytes from now on, and does with them what it likes.
    fn keep(&mut self, provider: Did, id: SlotId, size: SlotSize) {
        self.disks.put(provider, id, Kept { size, gone: Gone::Nothing });
        self.weigh(&provider);
        let Some(party) = self.members.party(&provider) else { return };
        let agent = party.agent;
        // Its receipt.
        self.members.count_document(agent);
        let view = (self.desk.market(), &self.disks, self.now);
        let ((), deeds) =
            self.members.ask(agent, view, |agent, seat| agent.stored(seat, provider, id));
        self.perform_all(agent, deeds);
    }

    /// Makes a slot's bytes again from k others that have all of theirs; `false` where there are too few today.
    fn rebuild(&mut self, id: SlotId, provider: Did) -> bool {
        let market = self.market();
        let Some((contract, slot)) = market.slot(id) else { return true };
        let (needed, size) = (usize::from(contract.terms.redundancy.data), slot.size);
        let whole = |(number, did): &(u16, Did)| {
            let source = SlotId { contract: id.contract, slot: *number };
            self.serves_whole(did, source)
        };
        if schedule::sources(market, id).iter().filter(|source| whole(source)).count() < needed {
            self.watch.count("rebuilds.without_sources");
            return false;
        }
        let number = contract.revision + 1;
        let layout = contract.layout.unwrap_or_default();
        let slots = contract.slots.iter().map(|s| s.size).collect();
        let signer = market.genesis().market;
        let receipt = StorageReceipt {
            provider,
            contract: id.contract,
            slot: id.slot,
            revision: number,
            size,
        };
        let revision = Revision { signer, contract: id.contract, number, slots, layout };
        let (receipt, revision) = (Verified::simulated(receipt), Verified::simulated(revision));
        if self.submit(&Command::FinishRebuild { receipt, revision }).is_some() {
            self.keep(provider, id, size);
        }
        true
    }
}

impl World {
    fn sized(&self, id: (ContractId, u16), room: Bytes, permille: u16, shard: u64) -> SlotSize {
        if self.settings.market.real_bytes {
            Real::of(SlotId { contract: id.0, slot: id.1 }).size()
        } else {
            size(id, room, permille, shard)
        }
    }
}

/// What a slot holds that is filled to so many thousandths.
fn size(
    (contract, slot): (ContractId, u16),
    capacity: Bytes,
    permille: u16,
    shard: u64,
) -> SlotSize {
    let bytes = u128::from(capacity.0) * u128::from(permille.min(1_000)) / 1_000;
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).max(1);
    let root = named("slot root", &[&contract.0, &slot.to_le_bytes()]);
    SlotSize { root, bytes, shards: bytes.div_ceil(shard.max(1)) }
}
