//! Events as a party may see them: by what the event says, never by how things stand when it is read.

use contracts::{Account, Posting};
use market::{Event, Market};
use network::api::{EventView, PostingView};
use std::collections::{BTreeMap, BTreeSet};
use types::{ContractId, Did, Timestamp};

/// What `party` may see of an event, contract by contract; everything at once for the operator, which is `market`'s own
/// key.
///
/// Of the state only this is asked: whose a contract is, which never changes.
pub(super) fn event(
    market: &Market,
    party: Did,
    event: &Event,
    (id, at): (&str, Timestamp),
) -> Vec<EventView> {
    let blank = EventView {
        id: id.to_owned(),
        at,
        kind: event.name().to_owned(),
        contract: event.contract(),
        slots: Vec::new(),
        party: subject(event, party),
        postings: Vec::new(),
        event: None,
    };
    if party == market.genesis().market {
        let postings = event.postings().iter().map(posting).collect();
        let whole = serde_json::to_value(event).expect("events have only text as keys");
        let slots = event.slots().iter().map(|slot| slot.slot).collect();
        return vec![EventView { postings, slots, event: Some(whole), ..blank }];
    }
    let reader = Reader { market, party, event, named: event.parties() };
    let postings = event.postings().iter().filter(|posting| reader.sees(posting));
    let postings: Vec<PostingView> = postings.map(posting).collect();
    let about = reader.concerned();
    if about.is_empty() {
        let own = event.is_public() || reader.is_named() || !postings.is_empty();
        return if own { vec![EventView { postings, ..blank }] } else { Vec::new() };
    }
    let mut views: Vec<EventView> = about
        .into_iter()
        .map(|(contract, slots)| EventView { contract: Some(contract), slots, ..blank.clone() })
        .collect();
    // What is booked at once is shown at once.
    views[0].postings = postings;
    if views.len() > 1 {
        // Whoever has come as far as one part resumes with the next.
        (1..).zip(&mut views).for_each(|(part, view): (u32, _)| view.id = format!("{id}.{part}"));
    }
    views
}

/// Who reads an event.
struct Reader<'a> {
    market: &'a Market,
    party: Did,
    event: &'a Event,
    /// Whom the event names.
    named: BTreeSet<Did>,
}

impl Reader<'_> {
    fn is_named(&self) -> bool {
        self.named.contains(&self.party)
    }

    fn is_client_of(&self, id: &ContractId) -> bool {
        self.market.contract(id).is_some_and(|contract| contract.client == self.party)
    }

    /// The contracts that the event is about and the reader has a part in, with the slots of each.
    fn concerned(&self) -> BTreeMap<ContractId, Vec<u16>> {
        let contracts = self.event.contracts().into_iter();
        let mine = contracts.filter(|id| self.is_named() || self.is_client_of(id));
        let mut about: BTreeMap<_, _> = mine.map(|id| (id, Vec::new())).collect();
        for id in self.event.slots() {
            if let Some(slots) = about.get_mut(&id.contract) {
                slots.push(id.slot);
            }
        }
        about
    }

    /// Whether a posting is on an account of the reader's.
    fn sees(&self, posting: &Posting) -> bool {
        self.owns(posting.debit) || self.owns(posting.credit)
    }

    fn owns(&self, account: Account) -> bool {
        match account {
            Account::Available(of) | Account::Held(of) | Account::OnChain(of) => of == self.party,
            Account::Escrow(id) | Account::Contested(id, _) => self.is_client_of(&id),
            // An event that moves one slot's bond names its holder; those that move several move each to or from its
            // holder's own account.
            Account::Bond(contract, slot) => {
                let own = |id: &market::event::SlotId| (id.contract, id.slot) == (contract, slot);
                self.is_named() && matches!(&self.event.slots()[..], [id] if own(id))
            }
            Account::World
            | Account::Fees
            | Account::FeesOnChain
            | Account::RepairPool
            | Account::PoolOnChain
            | Account::Rounding => false,
        }
    }
}

/// The one party that an event is about, where there is one. Who is put out of a slot is not told who comes.
fn subject(event: &Event, reader: Did) -> Option<Did> {
    match event {
        Event::SlotReassigned { provider, .. } if *provider == reader => Some(reader),
        Event::SlotReassigned { with, .. } | Event::RepairOrdered { with, .. } => {
            Some(with.provider())
        }
        Event::AskPublished { ask, .. } => Some(ask.provider),
        Event::Deposited { party, .. } | Event::Withdrawn { party, .. } => Some(*party),
        Event::RevisionAccepted { signer, .. } => Some(*signer),
        Event::Granted { grant, .. } => Some(grant.grantee),
        Event::GrantRevoked { grantee, .. } => Some(*grantee),
        Event::GuestPaid { guest, .. } => Some(*guest),
        Event::RepairDelayed { provider, .. } => *provider,
        Event::SlotConfirmed { provider, .. }
        | Event::SlotDeparting { provider, .. }
        | Event::BondToppedUp { provider, .. }
        | Event::VerdictRecorded { provider, .. }
        | Event::LossConfessed { provider, .. }
        | Event::SlotFaulted { provider, .. }
        | Event::SlotRecovered { provider, .. }
        | Event::Penalised { provider, .. }
        | Event::DisputeUpheld { provider, .. }
        | Event::DisputeDismissed { provider, .. }
        | Event::PayRestored { provider, .. }
        | Event::PayCompensated { provider, .. }
        | Event::PenaltyReversed { provider, .. }
        | Event::MaintenanceAnnounced { provider, .. }
        | Event::Measured { provider, .. }
        | Event::SlotRelieved { provider, .. }
        | Event::EarningsHeld { provider, .. }
        | Event::SlotVacated { provider, .. }
        | Event::RebuildFinished { provider, .. }
        | Event::EscrowConcluded { provider, .. }
        | Event::VoucherRedeemed { provider, .. }
        | Event::StandingChanged { provider, .. }
        | Event::AvailabilityNoted { provider, .. } => Some(*provider),
        Event::ContractAgreed { .. }
        | Event::ContractExpired { .. }
        | Event::ContractExtended { .. }
        | Event::ContractRenewed { .. }
        | Event::RenewalRefused { .. }
        | Event::ContractGrown { .. }
        | Event::ContractCancelled { .. }
        | Event::ContractLeft { .. }
        | Event::EpochOpened { .. }
        | Event::PenaltyReleased { .. }
        | Event::EarningsPosted { .. }
        | Event::ContractCompleted { .. }
        | Event::ContractFailed { .. }
        | Event::ContractSettled { .. } => None,
    }
}

fn posting(posting: &Posting) -> PostingView {
    PostingView {
        debit: posting.debit.to_string(),
        credit: posting.credit.to_string(),
        amount: posting.amount,
    }
}

#[cfg(test)]
mod tests;
