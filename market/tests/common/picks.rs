//! Commands picked by chance among those that make sense now.

use super::{MARKET, World, did, signed, verdict};
use contracts::beacon::Beacon;
use contracts::{Cause, ContractState, SlotState};
use market::event::SlotId;
use market::{Command, schedule};
use types::documents::{
    Acceptance, AuditKind, Confession, Confirmation, Revision, SlotSize, SlotVerdict,
    StorageReceipt, Voucher,
};
use types::{ContractId, Hash};

impl World {
    pub(crate) fn accept(&self, pick: usize) -> Option<Command> {
        let quote = self.quotes.get(pick % self.quotes.len().max(1))?;
        let acceptance = signed(Acceptance { client: quote.client, quote: quote.id() });
        Some(Command::Accept { acceptance, quote: Box::new(quote.clone()) })
    }

    fn contracts(&self, state: ContractState) -> Vec<ContractId> {
        self.market.open_contracts().filter(|c| c.state == state).map(|c| c.id).collect()
    }

    fn slots(&self, wanted: fn(&contracts::Slot) -> bool) -> Vec<SlotId> {
        let slots = self.market.open_contracts().flat_map(|c| {
            (0u16..).zip(&c.slots).map(|(slot, s)| (SlotId { contract: c.id, slot }, s))
        });
        slots.filter(|(_, slot)| wanted(slot)).map(|(id, _)| id).collect()
    }

    fn pick<T: Copy>(from: &[T], pick: usize) -> Option<T> {
        from.get(pick % from.len().max(1)).copied()
    }

    pub(crate) fn confirm(&self, pick: usize, declined: bool) -> Option<Command> {
        let waiting = self.slots(|s| {
            !s.confirmed && matches!(s.state, SlotState::Reserved | SlotState::Repairing)
        });
        let id = Self::pick(&waiting, pick)?;
        let provider = self.market.slot(id)?.1.provider();
        let declined = declined.then(|| "full".to_owned());
        Some(Command::Confirm(signed(Confirmation {
            provider,
            contract: id.contract,
            slot: id.slot,
            declined,
        })))
    }

    /// The first or the next revision of a contract, filling `permille` of each slot.
    pub(crate) fn revise(&mut self, pick: usize, permille: u64) -> Option<Command> {
        let mut open = self.contracts(ContractState::Agreed);
        open.extend(self.contracts(ContractState::Active));
        let contract = self.market.contract(&Self::pick(&open, pick)?)?.clone();
        let number = contract.revision + 1;
        let bytes = |slot: &contracts::Slot| (slot.capacity.0 * permille / 1000).max(1);
        let size = |slot: &contracts::Slot| {
            let root = Hash::of(&(slot.provider().0[0], number, permille).0.to_le_bytes());
            SlotSize { root, bytes: bytes(slot), shards: bytes(slot).div_ceil(1 << 20) }
        };
        let slots: Vec<SlotSize> = contract.slots.iter().map(size).collect();
        let receipts = (0u16..).zip(contract.slots.iter().zip(&slots)).map(|(slot, (s, size))| {
            let (provider, contract) = (s.provider(), contract.id);
            signed(StorageReceipt { provider, contract, slot, revision: number, size: *size })
        });
        let receipts = receipts.collect();
        let layout = Hash::of(&number.to_le_bytes());
        let revision =
            Revision { signer: contract.client, contract: contract.id, number, slots, layout };
        Some(Command::Revise { revision: signed(revision), receipts })
    }

    pub(crate) fn open_epoch(&self) -> Option<Command> {
        let epoch = self.market.epoch().plus(1);
        Some(Command::OpenEpoch { epoch, beacon: self.chain.value(epoch)? })
    }

    /// Audits one provider, of whose challenges `missed` of 256 fail; a silent one does not answer.
    pub(crate) fn audit(&self, pick: usize, missed: u32, silent: bool) -> Option<Command> {
        let routine: Vec<_> = schedule::routine(&self.market).into_iter().collect();
        let (provider, challenges) = routine.get(pick % routine.len().max(1))?;
        let slots = challenges.iter().map(|c| SlotVerdict {
            contract: c.contract,
            slot: c.slot,
            challenges: c.count,
            passed: if silent { 0 } else { c.count - c.count * missed / 256 },
            answered: !silent,
            latency_ms: if missed > 0 { 5_000 } else { 20 },
        });
        Some(verdict(*provider, self.market.epoch(), AuditKind::Routine, slots.collect()))
    }

    pub(crate) fn intensify(&self, pick: usize, missed: u32) -> Option<Command> {
        let suspects = self.slots(|s| {
            s.state == SlotState::AtFault
                && s.fault.is_some_and(|f| f.cause == Cause::Lost && f.penalised_ppm.is_none())
        });
        let id = Self::pick(&suspects, pick)?;
        let challenge = schedule::intensified(&self.market, id)?;
        let finding = SlotVerdict {
            contract: id.contract,
            slot: id.slot,
            challenges: challenge.count,
            passed: challenge.count - missed.min(challenge.count),
            answered: missed <= challenge.count,
            latency_ms: 20,
        };
        let provider = self.market.slot(id)?.1.provider();
        Some(verdict(provider, self.market.epoch(), AuditKind::Intensified, vec![finding]))
    }

    pub(crate) fn confess(&self, pick: usize, permille: u64) -> Option<Command> {
        let filled = self.slots(|s| s.state == SlotState::Filled);
        let id = Self::pick(&filled, pick)?;
        let (contract, slot) = self.market.slot(id)?;
        let lost_bytes = (slot.size.bytes * permille / 1000).max(1);
        let confession = Confession {
            provider: slot.provider(),
            contract: id.contract,
            slot: id.slot,
            revision: contract.revision,
            lost_bytes,
        };
        Some(Command::Confess(signed(confession)))
    }

    pub(crate) fn finish_rebuild(&self, pick: usize) -> Option<Command> {
        let ready = self.slots(|s| {
            let repaired = s.state == SlotState::Repairing && s.confirmed;
            repaired
                || s.state == SlotState::AtFault
                    && s.fault.is_some_and(|f| f.penalised_ppm.is_some())
        });
        let id = Self::pick(&ready, pick)?;
        let (contract, slot) = self.market.slot(id)?;
        let number = contract.revision + 1;
        let receipt = StorageReceipt {
            provider: slot.provider(),
            contract: id.contract,
            slot: id.slot,
            revision: number,
            size: slot.size,
        };
        let slots = contract.slots.iter().map(|s| s.size).collect();
        let layout = contract.layout?;
        let revision =
            Revision { signer: did(MARKET), contract: id.contract, number, slots, layout };
        Some(Command::FinishRebuild { receipt: signed(receipt), revision: signed(revision) })
    }

    pub(crate) fn voucher(&self, pick: usize, megabytes: u64) -> Option<Command> {
        let filled = self.slots(|s| s.state == SlotState::Filled);
        let id = Self::pick(&filled, pick)?;
        let (contract, slot) = self.market.slot(id)?;
        let bytes = slot.egress.bytes + megabytes * 1_000_000;
        let voucher = Voucher {
            client: contract.client,
            provider: slot.provider(),
            contract: id.contract,
            slot: id.slot,
            bytes,
        };
        Some(Command::RedeemVoucher(signed(voucher)))
    }
}
