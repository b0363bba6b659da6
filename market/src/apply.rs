//! Turning events into the next state. An event has been judged, so nothing here can refuse it.

mod amended;
mod docket;
mod slots;

use crate::event::{Event, SlotId};
use crate::reviews::Known;
use crate::shared::Shared;
use crate::state::{Market, Offer};
use crate::tally::tally;
use contracts::beacon::course::OpeningBlock;
use contracts::payout::Accrual;
use contracts::{Account, Contract, ContractState, ContractStep, Posting, Slot, SlotStep};
use reputation::{Evidence, Outcome, Record, ReputationPolicy};
use std::collections::BTreeSet;
use types::documents::{Ask, Settlement, SlotSize};
use types::{ContractId, Did, DocId, Epoch, Hash, Msat};

impl Market {
    /// Makes `event` part of the state.
    ///
    /// # Panics
    /// When the event does not follow from this state: a journal of another market, or a bug. The state is
    /// then worth nothing, and stopping is the only safe answer.
    pub fn apply(&mut self, event: &Event) {
        let touched = match event {
            Event::VerdictRecorded { accruals, .. } | Event::EarningsPosted { accruals, .. } => {
                self.holding_back(accruals)
            }
            other => other.contract().into_iter().collect(),
        };
        let before: Vec<_> = touched.into_iter().map(|id| (id, self.reminder_of(&id))).collect();
        self.change(event);
        self.escrows.hear(event);
        for (id, before) in before {
            let after = self.reminder_of(&id);
            self.reminders.move_to(id, before, after);
        }
    }

    /// The contracts of these slots in which earnings are held back: when that is due next depends on what they have
    /// earned.
    fn holding_back(&self, accruals: &[(SlotId, Accrual)]) -> BTreeSet<ContractId> {
        let held = |id: &SlotId| self.slot(*id).is_some_and(|(_, slot)| slot.lacking > Msat::ZERO);
        accruals.iter().filter(|(id, _)| held(id)).map(|(id, _)| id.contract).collect()
    }

    fn change(&mut self, event: &Event) {
        self.post(event);
        match event {
            Event::AskPublished { id, ask, network } => self.ask_published(*id, ask, network),
            Event::Deposited { document, reference, .. } => {
                self.references.insert(reference.clone(), *document);
            }
            Event::Withdrawn { document, party, nonce, .. } => {
                self.withdrawals.insert(*party, (*nonce, *document));
            }
            Event::ContractAgreed { contract, .. } => self.contract_agreed(contract),
            Event::SlotConfirmed { slot, answer_by, lacking, .. } => {
                self.slot_confirmed(*slot, *answer_by, *lacking);
            }
            Event::SlotReassigned { slot, with, .. } => self.slot_reassigned(*slot, with),
            Event::ContractExpired { contract, .. } => self.close(*contract, ContractStep::Expire),
            Event::RevisionAccepted { .. } => self.take_revision(event),
            Event::ContractExtended { .. }
            | Event::ContractRenewed { .. }
            | Event::RenewalRefused { .. }
            | Event::ContractGrown { .. }
            | Event::ContractCancelled { .. }
            | Event::ContractLeft { .. }
            | Event::SlotDeparting { .. }
            | Event::BondToppedUp { .. } => self.changed_by_agreement(event),
            Event::EpochOpened { epoch, beacon, block } => {
                self.epoch_opened(*epoch, *beacon, block.as_deref());
            }
            Event::VerdictRecorded { .. } => self.verdict_recorded(event),
            Event::LossConfessed { .. } | Event::AvailabilityNoted { .. } => self.learnt(event),
            Event::SlotFaulted { slot, fault, accrual, .. } => {
                self.slot_faulted(*slot, *fault, *accrual);
            }
            Event::SlotRecovered { slot, accrual, .. } => self.slot_recovered(*slot, *accrual),
            Event::Penalised { .. } => self.penalised(event),
            Event::DisputeUpheld { .. }
            | Event::DisputeDismissed { .. }
            | Event::PenaltyReversed { .. }
            | Event::PenaltyReleased { .. }
            | Event::MaintenanceAnnounced { .. }
            | Event::Measured { .. } => self.docket_changed(event),
            Event::PayRestored { slot, accrual, .. } => self.slot_mut(*slot).accrual = *accrual,
            // What the one moves, and what the other says of its escrow, is all that they do.
            Event::PayCompensated { .. } | Event::EscrowConcluded { .. } => {}
            Event::SlotRelieved { slot, .. } => self.relieved(*slot),
            Event::EarningsHeld { slot, accrual, amount, .. } => {
                self.earnings_held(*slot, *accrual, *amount);
            }
            Event::SlotVacated { slot, accrual, .. } => self.slot_vacated(*slot, *accrual),
            Event::RepairOrdered { slot, with, .. } => self.repair_ordered(*slot, with),
            Event::RepairDelayed { slot, epoch, .. } => {
                self.delayed.insert(*slot, *epoch);
            }
            Event::RebuildFinished { slot, number, accrual, .. } => {
                self.rebuild_finished(*slot, *number, *accrual);
            }
            Event::EarningsPosted { accruals, .. } => self.accrued(accruals),
            Event::VoucherRedeemed { .. } => self.voucher_redeemed(event),
            Event::Granted { .. } | Event::GrantRevoked { .. } | Event::GuestPaid { .. } => {
                self.shared(event);
            }
            Event::ContractCompleted { contract: id, .. } => self.step(id, ContractStep::Complete),
            Event::ContractFailed { contract, .. } => self.step(contract, ContractStep::Fail),
            Event::ContractSettled { settlement, accruals, .. } => {
                self.settled(settlement, accruals);
            }
            Event::StandingChanged { provider, epoch, change } => {
                self.change_record(provider, |policy, record| {
                    record.adopt(policy, change, *epoch);
                });
            }
        }
    }

    fn take_revision(&mut self, event: &Event) {
        let Event::RevisionAccepted {
            contract, number, layout, first_epoch, sizes, accruals, ..
        } = event
        else {
            return;
        };
        let contract = self.contract_mut(contract);
        contract.layout = Some(*layout);
        contract.first_epoch = Some(*first_epoch);
        revised(contract, *number, sizes, accruals);
    }

    /// What an event makes of who shares what with whom.
    fn shared(&mut self, event: &Event) {
        match event {
            Event::Granted { id, nonce, grant, over } => {
                for id in over {
                    self.sharing.take_back(id);
                }
                self.sharing.give(*id, *nonce, grant);
            }
            Event::GrantRevoked { grant, .. } => self.sharing.take_back(grant),
            Event::GuestPaid { slot, provider, guest, reads, .. } => {
                self.sharing.read((*slot, *provider, *guest), *reads);
            }
            _ => {}
        }
    }

    /// Moves the event's money, and counts it for the parties of its contract.
    fn post(&mut self, event: &Event) {
        let postings = event.postings();
        if let (false, Some(id)) = (postings.is_empty(), event.contract())
            && let Some(contract) = self.contracts.get_mut(&id).map(Shared::changing)
        {
            let mut shares = std::mem::take(&mut contract.shares);
            tally(&mut shares, contract, postings).expect("shares of money that exists fit");
            contract.shares = shares;
        }
        if let Event::EarningsPosted { accruals, postings } = event {
            self.tally_earnings(accruals, postings);
        }
        if let Some(id) = event.contract() {
            self.count_pool(id, postings);
        }
        self.ledger
            .post_all(postings)
            .expect("an event's postings were checked when it was decided");
    }

    /// What a contract's penalties pay into the repair pool is its repairs' to use.
    fn count_pool(&mut self, id: ContractId, postings: &[Posting]) {
        for Posting { debit, credit, amount } in postings {
            let own = self.pooled(&id);
            let own = match (*debit, *credit) {
                (_, Account::RepairPool | Account::PoolOnChain) => own.add(*amount),
                (Account::RepairPool | Account::PoolOnChain, _) => own.sub(*amount),
                _ => continue,
            };
            self.pooled
                .insert(id, own.expect("a contract's part of the pool fits as the pool does"));
        }
    }

    fn tally_earnings(&mut self, accruals: &[(SlotId, Accrual)], postings: &[Posting]) {
        for ((id, _), posting) in accruals.iter().zip(postings) {
            let contract = self.contract_mut(&id.contract);
            let mut shares = std::mem::take(&mut contract.shares);
            tally(&mut shares, contract, &[*posting]).expect("shares of money that exists fit");
            contract.shares = shares;
        }
    }

    fn contract_mut(&mut self, id: &ContractId) -> &mut Contract {
        self.contracts.get_mut(id).expect("an event names a contract that exists").changing()
    }

    fn slot_mut(&mut self, id: SlotId) -> &mut Slot {
        let contract = self.contract_mut(&id.contract);
        contract.slots.get_mut(usize::from(id.slot)).expect("an event names a slot that exists")
    }

    fn step(&mut self, id: &ContractId, step: ContractStep) {
        advance(self.contract_mut(id), step);
    }

    fn move_slot(&mut self, id: SlotId, step: SlotStep) -> &mut Slot {
        let slot = self.slot_mut(id);
        slot.state = slot.state.after(step).expect("the step was allowed when it was decided");
        slot
    }

    fn ask_published(&mut self, id: DocId, ask: &Ask, network: &str) {
        let joined = self.epoch;
        let record = self.records.entry(ask.provider);
        let score = record.or_insert_with(|| Record::new(joined).into()).score();
        let committed = self.committed(&ask.provider);
        self.roster.publish(ask, network, committed, score);
        let offer = Offer { id, ask: ask.clone(), network: network.to_owned() };
        self.offers.insert(ask.provider, offer.into());
    }

    fn contract_agreed(&mut self, contract: &Contract) {
        for (slot, s) in (0u16..).zip(&contract.slots) {
            self.take(s.provider(), SlotId { contract: contract.id, slot }, s.capacity);
        }
        self.open.insert(contract.id);
        self.by_client.entry(contract.client).or_default().insert(contract.id);
        self.by_quote.insert(contract.quote, contract.id);
        self.contracts.insert(contract.id, contract.clone().into());
    }

    fn epoch_opened(&mut self, epoch: Epoch, beacon: Hash, block: Option<&OpeningBlock>) {
        self.epoch = epoch;
        self.course.take(beacon, block);
        self.prune_docket(epoch);
    }

    fn verdict_recorded(&mut self, event: &Event) {
        let Event::VerdictRecorded {
            document,
            provider,
            epoch,
            kind,
            slots,
            accruals,
            excused,
            charges,
            outcomes,
        } = event
        else {
            return;
        };
        if *kind == types::documents::AuditKind::Routine {
            for id in slots {
                self.slot_mut(*id).audited = Some(*epoch);
            }
        }
        self.accrued(accruals);
        for id in excused {
            self.slot_mut(*id).maintained = self.used_with(*id, *epoch);
        }
        self.accused(*document, *provider, charges);
        self.learn(provider, *document, outcomes);
    }

    /// Reputation learns the one outcome that an event is about.
    fn learnt(&mut self, event: &Event) {
        if let Event::LossConfessed { document, provider, outcome, .. }
        | Event::AvailabilityNoted { document, provider, outcome } = event
        {
            self.learn(provider, *document, std::slice::from_ref(outcome));
        }
    }

    /// Reputation learns what `document` shows of `provider`.
    fn learn(&mut self, provider: &Did, document: DocId, outcomes: &[Outcome]) {
        let evidence = Evidence { epoch: self.epoch, document };
        self.change_record(provider, |policy, record| {
            for outcome in outcomes {
                record.note(policy, *outcome, evidence);
            }
        });
    }

    /// Changes what is known of a provider, and whatever follows from that.
    fn change_record(
        &mut self,
        provider: &Did,
        change: impl FnOnce(&ReputationPolicy, &mut Record),
    ) {
        let policy = &self.genesis.reputation;
        let record = self.records.entry(*provider).or_default().changing();
        let (before, score) = (Known::of(record, policy), record.score());
        change(policy, record);
        self.reviews.change(*provider, before, Known::of(record, policy));
        // Whose score stays has the same row: among very many, finding it costs as much as all else here.
        if record.score() != score {
            self.roster.rate(provider, record.score());
        }
    }

    fn accrued(&mut self, accruals: &[(SlotId, Accrual)]) {
        for (id, accrual) in accruals {
            self.slot_mut(*id).accrual = *accrual;
        }
    }

    fn voucher_redeemed(&mut self, event: &Event) {
        let Event::VoucherRedeemed { slot: id, bytes, from_escrow, paid, .. } = event else {
            return;
        };
        let slot = self.slot_mut(*id);
        slot.egress.bytes = *bytes;
        slot.egress.paid = *paid;
        let contract = self.contract_mut(&id.contract);
        contract.egress_spent = contract
            .egress_spent
            .add(*from_escrow)
            .expect("the allowance fits and is never overspent");
    }

    fn settled(&mut self, settlement: &Settlement, accruals: &[Accrual]) {
        let contract = self.contract_mut(&settlement.contract);
        for (slot, accrual) in contract.slots.iter_mut().zip(accruals) {
            slot.accrual = *accrual;
        }
        self.sharing.forget_reads(&settlement.contract);
        self.close(settlement.contract, ContractStep::Settle);
    }
}

/// Brings a contract to where `step` takes it. Once it is past its beginning nobody steps in for anybody any more.
fn advance(contract: &mut Contract, step: ContractStep) {
    contract.state = contract.state.after(step).expect("the step was allowed when it was decided");
    contract.reserves = Vec::new();
}

/// What a revision makes of a contract and its slots.
fn revised(contract: &mut Contract, number: u64, sizes: &[SlotSize], accruals: &[Accrual]) {
    let step = if contract.state == ContractState::Agreed {
        ContractStep::Store
    } else {
        ContractStep::Revise
    };
    advance(contract, step);
    contract.revision = number;
    for (slot, (size, accrual)) in contract.slots.iter_mut().zip(sizes.iter().zip(accruals)) {
        slot.size = *size;
        slot.accrual = *accrual;
        slot.state = slot.state.after(SlotStep::Store).unwrap_or(slot.state);
    }
}
