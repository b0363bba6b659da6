//! What must hold of the indexes beside contracts and offers.

use super::Breaches;
use crate::due::Reminders;
use crate::event::SlotId;
use crate::reviews::Reviews;
use crate::roster::{Place, Row};
use crate::shared::Shared;
use crate::state::{Market, Offer};
use contracts::{Slot, SlotState};
use imbl::{OrdMap, OrdSet};
use reputation::Record;
use types::{Bytes, ContractId, Did};

/// Every index says what the contracts and offers say.
pub(super) fn check(market: &Market, breaches: &mut Breaches) {
    let mut committed: OrdMap<Did, Bytes> = OrdMap::new();
    let mut holdings: OrdMap<Did, OrdSet<SlotId>> = OrdMap::new();
    let mut by_client: OrdMap<Did, OrdSet<ContractId>> = OrdMap::new();
    for contract in market.contracts.values() {
        by_client.entry(contract.client).or_default().insert(contract.id);
        for (slot, s) in (0u16..).zip(&contract.slots) {
            if holds_room(s) {
                let sum = committed.entry(s.provider()).or_default();
                *sum = Bytes(sum.0.saturating_add(s.capacity.0));
                holdings
                    .entry(s.provider())
                    .or_default()
                    .insert(SlotId { contract: contract.id, slot });
            }
        }
    }
    let found: OrdMap<Did, Bytes> =
        market.committed.iter().filter(|(_, b)| b.0 > 0).map(|(d, b)| (*d, *b)).collect();
    breaches.expect(found == committed, "committed room is the room of held slots", || {
        format!("{found:?}")
    });
    breaches.expect(market.holdings == holdings, "holdings are the held slots", || {
        format!("{:?}", market.holdings)
    });
    breaches.expect(
        market.by_client == by_client,
        "clients are listed with their contracts",
        String::new,
    );
    let waits = |id: &SlotId| {
        let slot = market.slot(*id);
        slot.is_some_and(|(_, s)| s.state == SlotState::Vacated || s.leaving.is_some())
    };
    breaches.expect(
        market.delayed.keys().all(waits),
        "only vacated and leaving slots wait for a provider",
        String::new,
    );
    let sought = |id: &SlotId| {
        let states =
            [SlotState::Vacated, SlotState::Repairing, SlotState::Filled, SlotState::AtFault];
        market.slot(*id).is_some_and(|(_, slot)| states.contains(&slot.state))
    };
    breaches.expect(
        market.former.keys().all(sought),
        "only open slots have former providers",
        || format!("{:?}", market.former),
    );
    reminders(market, breaches);
    let quotes = market.contracts.values().map(|c| (c.quote, c.id)).collect();
    breaches.expect(market.by_quote == quotes, "a quote becomes one contract", String::new);
    roster(market, breaches);
    reviews(market, breaches);
}

/// What may be due is looked for when it may be.
fn reminders(market: &Market, breaches: &mut Breaches) {
    let mut reminders = Reminders::default();
    for contract in market.contracts.values() {
        reminders.move_to(contract.id, None, market.reminder_of(&contract.id));
    }
    breaches.expect(
        market.reminders == reminders,
        "reminders come when something may be due",
        || format!("{:?}, not {reminders:?}", market.reminders),
    );
}

/// The next opening of an epoch looks at everybody whose record it may change.
fn reviews(market: &Market, breaches: &mut Breaches) {
    let policy = &market.genesis.reputation;
    let reviews = Reviews::of(&market.records, policy);
    breaches.expect(market.reviews == reviews, "reviews are listed as the records have it", || {
        format!("{:?}, not {reviews:?}", market.reviews)
    });
    let next = market.epoch.plus(1);
    let looked_at = reviews.in_epoch(next, policy);
    let changes = |(did, record): (&Did, &Shared<Record>)| {
        record.review(policy, next).is_some() && !looked_at.contains(did)
    };
    let overlooked = market.records.iter().find(|one| changes(*one)).map(|(did, _)| *did);
    breaches.expect(overlooked.is_none(), "no review that is due is overlooked", || {
        format!("{overlooked:?}")
    });
}

/// Placement sees what the offers say.
fn roster(market: &Market, breaches: &mut Breaches) {
    let offers = market.offers.iter().map(|(provider, offer)| {
        let Offer { ask, network, .. } = &**offer;
        let row = Row::of(ask, market.committed(provider), market.score(provider));
        (provider, row, Place::of(ask, network))
    });
    breaches.expect(market.roster.says(offers), "the roster says what the offers say", String::new);
}

const fn holds_room(slot: &Slot) -> bool {
    !matches!(slot.state, SlotState::Vacated | SlotState::Closed)
}
