//! Commands picked by chance among those that make sense now.

use super::blocks;
use super::chances::kept;
use super::court::{Case, verdict_of};
use super::{MARKET, World, did, signed};
use contracts::beacon::Beacon;
use contracts::{Cause, ContractState, SlotState};
use market::event::SlotId;
use market::{Command, schedule};
use types::documents::{
    Acceptance, AuditKind, Challenge, Confession, Confirmation, Revision, SlotChallenge, SlotSize,
    SlotVerdict, StorageReceipt, Voucher,
};
use types::{ContractId, Did, Hash};

/// Above so many thousandths, a revision is of real bytes.
const REAL: u64 = 1_001;
/// How many chunks of a slot a dispute has to show: the rule is the same for few as for many.
const SHOWN: u32 = 6;

impl World {
    pub(crate) fn accept(&self, pick: usize) -> Option<Command> {
        let quote = self.quotes.get(pick % self.quotes.len().max(1))?;
        let acceptance = signed(Acceptance { client: quote.client, quote: quote.id() });
        Some(Command::Accept { acceptance, quote: Box::new(quote.clone()) })
    }

    pub(super) fn contracts(&self, state: ContractState) -> Vec<ContractId> {
        self.market.open_contracts().filter(|c| c.state == state).map(|c| c.id).collect()
    }

    pub(super) fn slots(&self, wanted: fn(&contracts::Slot) -> bool) -> Vec<SlotId> {
        let slots = self.market.open_contracts().flat_map(|c| {
            (0u16..).zip(&c.slots).map(|(slot, s)| (SlotId { contract: c.id, slot }, s))
        });
        slots.filter(|(_, slot)| wanted(slot)).map(|(id, _)| id).collect()
    }

    pub(super) fn pick<T: Copy>(from: &[T], pick: usize) -> Option<T> {
        from.get(pick % from.len().max(1)).copied()
    }

    pub(crate) fn confirm(&self, pick: usize, declined: bool) -> Option<Command> {
        let waiting = self.slots(|s| {
            !s.confirmed && matches!(s.state, SlotState::Reserved | SlotState::Repairing)
        });
        let id = Self::pick(&waiting, pick)?;
        let (_, slot) = self.market.slot(id)?;
        let (provider, answer_by) = (slot.provider(), slot.answer_by);
        let declined = declined.then(|| "full".to_owned());
        Some(Command::Confirm(signed(Confirmation {
            provider,
            contract: id.contract,
            slot: id.slot,
            answer_by,
            declined,
        })))
    }

    /// The first or the next revision of a contract, filling `permille` of each slot; above [`REAL`]
    /// with real bytes, which are few.
    pub(crate) fn revise(&self, pick: usize, permille: u64) -> Option<Command> {
        let mut open = self.contracts(ContractState::Agreed);
        open.extend(self.contracts(ContractState::Active));
        self.revision_of(Self::pick(&open, pick)?, permille)
    }

    fn revision_of(&self, id: ContractId, permille: u64) -> Option<Command> {
        let contract = self.market.contract(&id)?;
        let number = contract.revision + 1;
        let bytes = |slot: &contracts::Slot| (slot.capacity.0 * permille / 1000).max(1);
        let size = |slot: &contracts::Slot| {
            let root = Hash::of(&(slot.provider().0[0], number, permille).0.to_le_bytes());
            SlotSize { root, bytes: bytes(slot), shards: bytes(slot).div_ceil(1 << 20) }
        };
        let slots: Vec<SlotSize> = if permille > REAL {
            (0u16..).zip(&contract.slots).map(|(slot, _)| kept(slot).size()).collect()
        } else {
            contract.slots.iter().map(size).collect()
        };
        let receipts = (0u16..).zip(contract.slots.iter().zip(&slots)).map(|(slot, (s, size))| {
            let (provider, contract) = (s.provider(), contract.id);
            signed(StorageReceipt { provider, contract, slot, revision: number, size: *size })
        });
        let receipts = receipts.collect();
        let layout = Hash::of(&number.to_le_bytes());
        // Every other revision is a guest's, where one may write.
        let may_write = |guest: &Did| self.market.may_write(self.now, contract, guest);
        let guests = self.book.grants.iter().map(|grant| grant.grantee);
        let guest = guests.filter(|_| number.is_multiple_of(2)).find(may_write);
        let signer = guest.unwrap_or(contract.client);
        let revision = Revision { signer, contract: contract.id, number, slots, layout };
        Some(Command::Revise { revision: signed(revision), receipts })
    }

    /// Everything that an agreed contract waits for: its confirmations and its first revision.
    pub(crate) fn store_all(&mut self, pick: usize, permille: u64) -> Result<(), String> {
        let Some(id) = Self::pick(&self.contracts(ContractState::Agreed), pick) else {
            return Ok(());
        };
        let slots = self.market.contract(&id).map_or(0, |contract| contract.slots.len());
        for slot in (0u16..).take(slots) {
            let confirm = self.confirmation(id, slot, None);
            self.run(&confirm)?;
        }
        let revise = self.revision_of(id, permille).ok_or("a contract that is agreed is known")?;
        self.run(&revise).map(drop)
    }

    pub(crate) fn open_epoch(&self) -> Option<Command> {
        let epoch = self.market.epoch().plus(1);
        let beacon = self.chain.value(epoch)?;
        let headers = blocks::that_open(&self.market, epoch);
        Some(Command::OpenEpoch { epoch, beacon, headers })
    }

    /// Audits one provider, of whose challenges `missed` of 256 fail; a silent one does not answer.
    pub(crate) fn audit(&mut self, pick: usize, missed: u32, silent: bool) -> Option<Command> {
        let routine: Vec<_> = schedule::routine(&self.market).into_iter().collect();
        let (provider, challenges) = routine.get(pick % routine.len().max(1))?;
        Some(self.routine_verdict(*provider, challenges, (missed, silent)))
    }

    fn routine_verdict(
        &mut self,
        provider: Did,
        challenges: &[SlotChallenge],
        (missed, silent): (u32, bool),
    ) -> Command {
        let slots = challenges.iter().map(|c| SlotVerdict {
            contract: c.contract,
            slot: c.slot,
            challenges: c.count,
            passed: if silent {
                0
            } else {
                c.count - (c.count * missed).div_ceil(256).min(c.count)
            },
            answered: !silent,
            latency_ms: if missed > 0 { 5_000 } else { 20 },
        });
        let slots = slots.collect();
        self.judgement((provider, AuditKind::Routine), challenges, slots)
    }

    /// Audits everyone, of whom one has always lost a little, mends what can be mended, and has a
    /// verdict disputed.
    pub(crate) fn audit_all(&mut self, villain: Did) -> Result<(), String> {
        for (provider, challenges) in schedule::routine(&self.market) {
            let missed = u32::from(provider == villain);
            let verdict = self.routine_verdict(provider, &challenges, (missed, false));
            self.run(&verdict)?;
        }
        for pick in 0..3 {
            let estimate = self.intensify(pick, 0);
            estimate.map_or(Ok(false), |estimate| self.run(&estimate))?;
            let mended = self.mend(pick, 1);
            mended.map_or(Ok(false), |mended| self.run(&mended))?;
        }
        // The first verdict on the loss, whose estimate came after it.
        let dispute = self.contest(1, false);
        dispute.map_or(Ok(false), |dispute| self.run(&dispute))?;
        Ok(())
    }

    pub(crate) fn intensify(&mut self, pick: usize, missed: u32) -> Option<Command> {
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
        Some(self.judgement((provider, AuditKind::Intensified), &[challenge], vec![finding]))
    }

    /// What an audit comes to; it is kept where it found something wrong.
    fn judgement(
        &mut self,
        (provider, kind): (Did, AuditKind),
        asked: &[SlotChallenge],
        found: Vec<SlotVerdict>,
    ) -> Command {
        let epoch = self.market.epoch();
        let slots = asked.iter().map(|s| SlotChallenge { count: s.count.min(SHOWN), ..*s });
        let challenge = signed(Challenge {
            auditor: did(MARKET),
            provider,
            epoch,
            beacon: self.market.beacon(),
            kind,
            slots: slots.collect(),
            answer_by: self.now,
        });
        let wanting = !found.iter().all(SlotVerdict::is_pass);
        let verdict = verdict_of(&challenge, epoch, found);
        if wanting {
            self.book.filed.push(Case { challenge, verdict: verdict.clone() });
        }
        Command::RecordVerdict(verdict)
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
        self.rebuild_of(Self::pick(&ready, pick)?)
    }

    pub(super) fn rebuild_of(&self, id: SlotId) -> Option<Command> {
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
