//! Which contracts and parties an event touches.

use contracts::Account;
use market::event::SlotId;
use market::{Event, Market};
use types::{ContractId, Did};

/// Names everything whose answers an event changes; `false` where that cannot be said, so that all are.
pub(super) fn touched(market: &Market, event: &Event, touch: &mut impl FnMut(&[u8; 32])) -> bool {
    for posting in event.postings() {
        account(market, posting.debit, touch);
        account(market, posting.credit, touch);
    }
    match event {
        Event::Deposited { party, .. } | Event::Withdrawn { party, .. } => touch(&party.0),
        Event::VerdictRecorded { provider, slots, accruals, .. } => {
            touch(&provider.0);
            for id in slots.iter().chain(accruals.iter().map(|(id, _)| id)) {
                slot(market, *id, touch);
            }
        }
        Event::EarningsPosted { accruals, .. } => {
            for (id, _) in accruals {
                slot(market, *id, touch);
            }
        }
        Event::Penalised { provider, .. } | Event::SlotVacated { provider, .. } => {
            touch(&provider.0);
        }
        // Standings are shown in the list of providers alone, which each block changes.
        Event::StandingChanged { .. } => return true,
        _ if event.contract().is_none() => return false,
        _ => {}
    }
    if let Some(id) = event.contract() {
        contract(market, id, touch);
    }
    true
}

fn account(market: &Market, account: Account, touch: &mut impl FnMut(&[u8; 32])) {
    match account {
        Account::Available(party) | Account::Held(party) | Account::OnChain(party) => {
            touch(&party.0);
        }
        Account::Escrow(id) => {
            touch(&id.0);
            if let Some(Did(client)) = market.contract(&id).map(|contract| contract.client) {
                touch(&client);
            }
        }
        Account::Bond(contract, number) => slot(market, SlotId { contract, slot: number }, touch),
        _ => {}
    }
}

fn slot(market: &Market, id: SlotId, touch: &mut impl FnMut(&[u8; 32])) {
    touch(&id.contract.0);
    if let Some((_, slot)) = market.slot(id) {
        touch(&slot.provider().0);
    }
}

/// A contract with its client and all who hold its slots.
fn contract(market: &Market, id: ContractId, touch: &mut impl FnMut(&[u8; 32])) {
    touch(&id.0);
    if let Some(contract) = market.contract(&id) {
        touch(&contract.client.0);
        contract.slots.iter().for_each(|slot| touch(&slot.provider().0));
    }
}
