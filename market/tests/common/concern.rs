//! Whom events must name: told by the state in which their command was judged, and not by what they say.

use contracts::SlotState;
use market::event::SlotId;
use market::{Event, Market};
use std::collections::BTreeSet;
use types::{ContractId, Did};

/// Whether every event of one command names exactly whom it concerns.
pub(super) fn named(before: &Market, events: &[Event]) -> Result<(), String> {
    for event in events {
        let (expected, found) = (concerned(before, event), event.parties());
        if found != expected {
            let name = event.name();
            return Err(format!("{name} names {found:?} and concerns {expected:?}: {event:?}"));
        }
    }
    Ok(())
}

/// Without a wildcard: who a new kind of event concerns is to be said here.
fn concerned(before: &Market, event: &Event) -> BTreeSet<Did> {
    match event {
        Event::EpochOpened { .. } => BTreeSet::new(),
        Event::AskPublished { ask, .. } => [ask.provider].into(),
        Event::Deposited { party, .. } | Event::Withdrawn { party, .. } => [*party].into(),
        Event::MaintenanceAnnounced { provider, .. }
        | Event::StandingChanged { provider, .. }
        | Event::AvailabilityNoted { provider, .. } => [*provider].into(),
        Event::Measured { provider, reading, .. } => [*provider, reading.auditor].into(),
        Event::ContractAgreed { contract, .. } => {
            let slots = contract.slots.iter().map(|slot| slot.quoted.provider);
            slots.chain([contract.client]).collect()
        }
        Event::RevisionAccepted { contract, signer, .. } => {
            holders(before, contract).into_iter().chain([*signer]).collect()
        }
        Event::ContractExpired { contract, .. }
        | Event::ContractExtended { contract, .. }
        | Event::ContractRenewed { contract, .. }
        | Event::RenewalRefused { contract, .. }
        | Event::ContractGrown { contract, .. }
        | Event::ContractCancelled { contract, .. }
        | Event::ContractLeft { contract, .. }
        | Event::ContractCompleted { contract, .. }
        | Event::ContractFailed { contract, .. } => holders(before, contract),
        Event::ContractSettled { settlement, .. } => holders(before, &settlement.contract),
        Event::SlotReassigned { slot, with, .. } => {
            holder(before, slot).into_iter().chain([with.quoted.provider]).collect()
        }
        Event::RepairOrdered { with, .. } => [with.quoted.provider].into(),
        Event::SlotConfirmed { slot, .. }
        | Event::SlotDeparting { slot, .. }
        | Event::BondToppedUp { slot, .. }
        | Event::LossConfessed { slot, .. }
        | Event::SlotFaulted { slot, .. }
        | Event::SlotRecovered { slot, .. }
        | Event::Penalised { slot, .. }
        | Event::PayRestored { slot, .. }
        | Event::SlotRelieved { slot, .. }
        | Event::EarningsHeld { slot, .. }
        | Event::SlotVacated { slot, .. }
        | Event::RepairDelayed { slot, .. }
        | Event::RebuildFinished { slot, .. } => holder(before, slot).into_iter().collect(),
        // A slot that is vacated is judged, and its reads are paid, as its last provider's.
        Event::VoucherRedeemed { slot, .. } => last(before, slot).into_iter().collect(),
        Event::VerdictRecorded { slots, .. } => {
            slots.iter().filter_map(|slot| last(before, slot)).collect()
        }
        Event::EarningsPosted { accruals, .. } => {
            accruals.iter().filter_map(|(slot, _)| holder(before, slot)).collect()
        }
        Event::GuestPaid { slot, guest, .. } => {
            last(before, slot).into_iter().chain([*guest]).collect()
        }
        // These are about who held the slot when the verdict was given.
        Event::DisputeUpheld { verdict, .. }
        | Event::DisputeDismissed { verdict, .. }
        | Event::PenaltyReversed { verdict, .. } => {
            before.docket().accusations().get(verdict).map(|a| a.provider).into_iter().collect()
        }
        Event::EscrowConcluded { slot, provider, .. } => party_of(before, *slot, *provider),
        Event::PayCompensated { slot, provider, .. } => accused(before, slot, *provider),
        Event::PenaltyReleased { slot, .. } => {
            let over = before.docket().contested(*slot).iter();
            over.filter(|p| p.until < before.epoch()).map(|p| p.provider).collect()
        }
        Event::Granted { grant, .. } => [grant.owner, grant.grantee].into(),
        Event::GrantRevoked { grant, .. } => {
            let given = before.sharing().grant(grant).into_iter();
            given.flat_map(|grant| [grant.owner, grant.grantee]).collect()
        }
    }
}

/// A provider, where it has or had an escrow in that slot.
fn party_of(market: &Market, slot: SlotId, provider: Did) -> BTreeSet<Did> {
    market.escrows().get(slot, provider).map(|_| provider).into_iter().collect()
}

/// A provider, where a verdict that can be disputed holds something against it for a slot.
fn accused(market: &Market, slot: &SlotId, provider: Did) -> BTreeSet<Did> {
    let accusations = market.docket().accusations().values();
    let own = accusations.filter(|accusation| accusation.provider == provider);
    let mut charges = own.flat_map(|accusation| &accusation.charges);
    charges.any(|charge| charge.slot == *slot).then_some(provider).into_iter().collect()
}

/// Who is in a slot; nobody where it is vacated.
fn holder(market: &Market, id: &SlotId) -> Option<Did> {
    let slot = market.slot(*id).map(|(_, slot)| slot);
    slot.filter(|slot| slot.state != SlotState::Vacated).map(|slot| slot.quoted.provider)
}

/// Who is in a slot, or was until it was vacated.
fn last(market: &Market, id: &SlotId) -> Option<Did> {
    market.slot(*id).map(|(_, slot)| slot.quoted.provider)
}

fn holders(market: &Market, id: &ContractId) -> BTreeSet<Did> {
    let slots = market.contract(id).map_or(0, |contract| contract.slots.len());
    let ids = (0u16..).take(slots).map(|slot| SlotId { contract: *id, slot });
    ids.filter_map(|id| holder(market, &id)).collect()
}
