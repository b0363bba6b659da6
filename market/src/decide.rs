//! Judging commands: one file per part of a contract's life. Nothing here changes anything.

mod agree;
mod amend;
mod audit;
mod bond;
mod close;
mod conclude;
mod dispute;
mod extend;
mod grow;
mod hold;
mod leave;
mod maintenance;
mod measure;
mod money;
pub(crate) mod offer;
mod penalty;
mod rebuild;
mod repair;
mod share;
mod standing;

use crate::command::Command;
use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::beacon::course::Shown;
use contracts::{Contract, Posting, Slot};
use types::documents::Quote;
use types::{ContractId, Did, DocId, Timestamp, Verified};

/// A whole, in parts per million.
const WHOLE_PPM: u32 = 1_000_000;

impl Market {
    /// What `command` makes happen at `now`. An empty list says that it has happened already.
    ///
    /// # Errors
    /// [`Rejection`] says why it may not happen and what would be right; nothing has changed.
    pub fn decide(&self, now: Timestamp, command: &Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::PublishAsk { ask, network } => self.publish_ask(now, ask, network),
            Command::Deposit(deposit) => self.deposit(deposit),
            Command::Withdraw(withdrawal) => self.withdraw(withdrawal),
            Command::Accept { acceptance, quote } => self.accept(now, acceptance, quote),
            Command::Confirm(confirmation) => self.confirm(now, confirmation),
            Command::Revise { revision, receipts } => self.revise(now, revision, receipts),
            Command::Extend(extension) => self.extend(now, extension),
            Command::Grow(growth) => self.grow(now, growth),
            Command::Cancel(cancellation) => self.cancel(cancellation),
            Command::Depart(departure) => self.depart(departure),
            Command::TopUp(top_up) => self.top_up(top_up),
            Command::OpenEpoch { epoch, beacon, headers } => {
                self.open_epoch(&Shown { epoch: *epoch, link: *beacon, headers })
            }
            Command::RecordVerdict(verdict) => self.record_verdict(verdict),
            Command::Confess(confession) => self.confess(confession),
            Command::Dispute(contest) => self.dispute(contest),
            Command::Announce(notice) => self.announce(notice),
            Command::Measure(measurement) => self.measure(now, measurement),
            Command::HoldBack { contract, slot } => {
                self.hold_back(SlotId { contract: *contract, slot: *slot })
            }
            Command::Release { contract, slot } => {
                self.release(SlotId { contract: *contract, slot: *slot })
            }
            Command::FinishRebuild { receipt, revision } => self.finish_rebuild(receipt, revision),
            Command::RedeemVoucher(voucher) => self.redeem_voucher(voucher),
            Command::Grant(grant) => self.give_grant(now, grant),
            Command::Revoke(revocation) => self.revoke_grant(revocation),
            Command::Reassign { contract, slot } => {
                self.reassign_unanswered(now, SlotId { contract: *contract, slot: *slot })
            }
            Command::Expire(contract) => self.expire(now, *contract),
            Command::Replace { contract, slot, seed } => {
                self.replace(now, SlotId { contract: *contract, slot: *slot }, *seed)
            }
            Command::Renew(contract) => self.renew(now, *contract),
            Command::Complete(contract) => self.complete(*contract),
            Command::Conclude { contract, slot, provider } => {
                self.conclude(SlotId { contract: *contract, slot: *slot }, *provider)
            }
            Command::Settle(contract) => self.settle(*contract),
        }
    }

    pub(crate) fn known_contract(&self, id: &ContractId) -> Result<&Contract, Rejection> {
        self.contract(id).ok_or(Rejection::UnknownContract(*id))
    }

    pub(crate) fn known_slot(&self, id: SlotId) -> Result<(&Contract, &Slot), Rejection> {
        let contract = self.known_contract(&id.contract)?;
        let slot = contract.slots.get(usize::from(id.slot)).ok_or(Rejection::UnknownSlot(id))?;
        Ok((contract, slot))
    }

    /// The market itself must be the party that `document` names.
    fn only_market(&self, document: &'static str, found: Did) -> Result<(), Rejection> {
        only(document, found, self.genesis.market)
    }

    /// Whether `answer`, a document of `party` that names quote `named`, may still answer `quote`: made here, for that
    /// party, firm and not taken.
    pub(crate) fn check_answer(
        &self,
        now: Timestamp,
        quote: &Verified<Quote>,
        (answer, party, named): (&'static str, Did, DocId),
    ) -> Result<(), Rejection> {
        self.only_market("quote", quote.market)?;
        only(answer, party, quote.client)?;
        if named != quote.id() {
            let reason = format!("the {answer} names quote {named}, this is {}", quote.id());
            return Err(Rejection::Invalid { field: "quote", reason });
        }
        if self.by_quote.contains_key(&quote.id()) {
            let reference = quote.id().to_string();
            return Err(Rejection::AlreadyUsed { what: "quote", reference });
        }
        if now > quote.expires {
            return Err(Rejection::QuoteExpired { ago: now.since(quote.expires) });
        }
        Ok(())
    }

    /// Checks postings against the books and passes them on.
    fn posted(&self, postings: Vec<Posting>) -> Result<Vec<Posting>, Rejection> {
        self.ledger.check(&postings)?;
        Ok(postings)
    }
}

/// `expected` must be the party that `document` names.
fn only(document: &'static str, found: Did, expected: Did) -> Result<(), Rejection> {
    if found == expected {
        Ok(())
    } else {
        Err(Rejection::ForeignParty { document, found, expected })
    }
}

/// A command that the state of `what` does not allow.
fn wrong_state(what: String, state: &'static str, allowed: &'static str) -> Rejection {
    Rejection::WrongState { what, state, allowed }
}
