//! Events as a party may see them.

use crate::app::App;
use contracts::{Account, Contract};
use market::event::SlotId;
use market::{Event, Market};
use network::api::{EventView, PostingView};
use std::collections::BTreeMap;
use types::{ContractId, Did, Timestamp};

/// What `party` may see of an event, contract by contract; everything at once for the operator.
pub(super) fn event(
    app: &App,
    party: Did,
    event: &Event,
    (id, at): (&str, Timestamp),
) -> Vec<EventView> {
    let view = app.view();
    let market = &view.market;
    let blank = EventView {
        id: id.to_owned(),
        at,
        kind: event.name().to_owned(),
        contract: event.contract(),
        slots: Vec::new(),
        party: subject(event),
        postings: Vec::new(),
        event: None,
    };
    if party == app.did {
        let postings = event.postings().iter().map(posting).collect();
        let whole = serde_json::to_value(event).expect("events have only text as keys");
        let slots = slots(event).iter().map(|slot| slot.slot).collect();
        return vec![EventView { postings, slots, event: Some(whole), ..blank }];
    }
    let mine = |account| is_of(market, account, party);
    let postings = event.postings().iter().filter(|p| mine(p.debit) || mine(p.credit));
    let postings: Vec<PostingView> = postings.map(posting).collect();
    let about = concerned(market, party, event);
    if about.is_empty() {
        let public = matches!(event, Event::EpochOpened { .. });
        let own = blank.party == Some(party) || !postings.is_empty();
        return if public || own { vec![EventView { postings, ..blank }] } else { Vec::new() };
    }
    let mut views: Vec<EventView> = about
        .into_iter()
        .map(|(contract, slots)| EventView { contract: Some(contract), slots, ..blank.clone() })
        .collect();
    // What is booked at once is shown at once.
    views[0].postings = postings;
    views
}

/// The contracts of the party's that an event is about, with the slots of each.
fn concerned(market: &Market, party: Did, event: &Event) -> BTreeMap<ContractId, Vec<u16>> {
    let mut about: BTreeMap<ContractId, Vec<u16>> = BTreeMap::new();
    if let Some(contract) = event.contract() {
        about.insert(contract, Vec::new());
    }
    for SlotId { contract, slot } in slots(event) {
        about.entry(contract).or_default().push(slot);
    }
    let own = subject(event) == Some(party);
    let sees = |contract: &Contract| contract.concerns(&party);
    about.retain(|id, _| own || market.contract(id).is_some_and(sees));
    about
}

/// The slots that an event is about.
fn slots(event: &Event) -> Vec<SlotId> {
    match event {
        Event::SlotConfirmed { slot, .. }
        | Event::SlotReassigned { slot, .. }
        | Event::LossConfessed { slot, .. }
        | Event::SlotFaulted { slot, .. }
        | Event::SlotRecovered { slot, .. }
        | Event::Penalised { slot, .. }
        | Event::SlotVacated { slot, .. }
        | Event::RepairOrdered { slot, .. }
        | Event::RepairDelayed { slot, .. }
        | Event::RebuildFinished { slot, .. }
        | Event::VoucherRedeemed { slot, .. } => vec![*slot],
        Event::VerdictRecorded { slots, .. } => slots.clone(),
        Event::EarningsPosted { accruals, .. } => accruals.iter().map(|(id, _)| *id).collect(),
        _ => Vec::new(),
    }
}

/// The one party that an event is about, where there is one.
fn subject(event: &Event) -> Option<Did> {
    match event {
        Event::AskPublished { ask, .. } => Some(ask.provider),
        Event::Deposited { party, .. } | Event::Withdrawn { party, .. } => Some(*party),
        Event::VerdictRecorded { provider, .. }
        | Event::LossConfessed { provider, .. }
        | Event::Penalised { provider, .. }
        | Event::SlotVacated { provider, .. }
        | Event::StandingChanged { provider, .. } => Some(*provider),
        _ => None,
    }
}

fn posting(posting: &contracts::Posting) -> PostingView {
    PostingView {
        debit: posting.debit.to_string(),
        credit: posting.credit.to_string(),
        amount: posting.amount,
    }
}

/// Whether an account is `party`'s.
fn is_of(market: &Market, account: Account, party: Did) -> bool {
    match account {
        Account::Available(of) | Account::Held(of) => of == party,
        Account::Escrow(id) => market.contract(&id).is_some_and(|c| c.client == party),
        Account::Bond(contract, slot) => {
            let found = market.slot(SlotId { contract, slot });
            found.is_some_and(|(_, slot)| slot.provider() == party)
        }
        _ => false,
    }
}
