//! Markets with one bug each: what the rules decided is changed before it is applied.

use crate::common::Fault;
use contracts::{Account, Posting};
use market::{Event, Market};
use reputation::Outcome;
use types::{Did, Dimension, Epoch, Hash, Msat};

/// Changes the events of one kind.
fn each(events: Vec<Event>, name: &str, change: impl Fn(&mut Event)) -> Vec<Event> {
    let changed = events.into_iter().map(|mut event| {
        if event.name() == name {
            change(&mut event);
        }
        event
    });
    changed.collect()
}

/// Changes the postings of events of one kind.
fn posting(events: Vec<Event>, name: &str, change: fn(&mut Vec<Posting>)) -> Vec<Event> {
    each(events, name, |event| postings(event).map_or((), change))
}

fn postings(event: &mut Event) -> Option<&mut Vec<Posting>> {
    match event {
        Event::Deposited { postings, .. }
        | Event::Withdrawn { postings, .. }
        | Event::ContractAgreed { postings, .. }
        | Event::SlotConfirmed { postings, .. }
        | Event::ContractExpired { postings, .. }
        | Event::RevisionAccepted { postings, .. }
        | Event::ContractExtended { postings, .. }
        | Event::ContractRenewed { postings, .. }
        | Event::ContractGrown { postings, .. }
        | Event::ContractCancelled { postings, .. }
        | Event::ContractLeft { postings, .. }
        | Event::SlotDeparting { postings, .. }
        | Event::BondToppedUp { postings, .. }
        | Event::Penalised { postings, .. }
        | Event::PayCompensated { postings, .. }
        | Event::PenaltyReversed { postings, .. }
        | Event::PenaltyReleased { postings, .. }
        | Event::EarningsHeld { postings, .. }
        | Event::SlotVacated { postings, .. }
        | Event::RepairOrdered { postings, .. }
        | Event::RebuildFinished { postings, .. }
        | Event::EarningsPosted { postings, .. }
        | Event::VoucherRedeemed { postings, .. }
        | Event::GuestPaid { postings, .. }
        | Event::ContractSettled { postings, .. } => Some(postings),
        _ => None,
    }
}

/// The events without those of one kind.
fn without(events: Vec<Event>, name: &str) -> Vec<Event> {
    events.into_iter().filter(|event| event.name() != name).collect()
}

/// The events, with those of one kind twice.
fn doubled(events: Vec<Event>, name: &str) -> Vec<Event> {
    let again: Vec<Event> = events.iter().filter(|event| event.name() == name).cloned().collect();
    again.into_iter().chain(events).collect()
}

fn drop_last(postings: &mut Vec<Posting>) {
    postings.pop();
}

#[expect(clippy::ptr_arg, reason = "one of several changes of a list")]
fn one_more(postings: &mut Vec<Posting>) {
    if let Some(posting) = postings.first_mut() {
        posting.amount = Msat(posting.amount.0 + 1);
    }
}

fn one_less(postings: &mut Vec<Posting>) {
    postings.retain_mut(|posting| {
        posting.amount = Msat(posting.amount.0 - 1);
        posting.amount > Msat::ZERO
    });
}

#[expect(clippy::ptr_arg, reason = "one of several changes of a list")]
fn pool_to_market(postings: &mut Vec<Posting>) {
    for posting in postings.iter_mut().filter(|p| p.credit == Account::RepairPool) {
        posting.credit = Account::Fees;
    }
}

fn to_fees(postings: &mut Vec<Posting>) {
    for posting in postings {
        posting.credit = Account::Fees;
    }
}

fn from_world(postings: &mut Vec<Posting>) {
    for posting in postings {
        posting.debit = Account::World;
    }
}

fn twice(postings: &mut Vec<Posting>) {
    let again = postings.clone();
    postings.extend(again);
}

/// What is measured is noted of everybody, whether verdicts tell of them or not.
fn noted_of_all(_: &Market, events: Vec<Event>) -> Vec<Event> {
    let each = |event: Event| match &event {
        Event::Measured { provider, reading, .. } => {
            let (provider, document) = (*provider, reading.document);
            let outcome = Outcome { dimension: Dimension::Availability, good: 1, bad: 0 };
            vec![event, Event::AvailabilityNoted { provider, document, outcome }]
        }
        Event::AvailabilityNoted { .. } => Vec::new(),
        _ => vec![event],
    };
    events.into_iter().flat_map(each).collect()
}

/// Each bug in words, with the market that has it.
pub(crate) const BROKEN: &[(&str, Fault)] = &[
    ("a deposit is credited twice", |_, e| posting(e, "deposited", twice)),
    ("a withdrawal takes one msat more", |_, e| posting(e, "withdrawn", one_more)),
    ("an escrow is not locked", |_, e| posting(e, "contract_agreed", drop_last)),
    ("an escrow is one msat short", |_, e| posting(e, "contract_agreed", one_less)),
    ("a bond is not locked", |_, e| posting(e, "slot_confirmed", drop_last)),
    ("a bond is locked twice", |_, e| posting(e, "slot_confirmed", twice)),
    ("an expired contract keeps a bond", |_, e| posting(e, "contract_expired", drop_last)),
    ("fees are rounded the other way", |_, e| posting(e, "revision_accepted", one_less)),
    ("fees are taken twice", |_, e| posting(e, "revision_accepted", twice)),
    ("a slash is one msat short", |_, e| posting(e, "penalised", one_less)),
    ("a slash pays the market", |_, e| posting(e, "penalised", pool_to_market)),
    ("a vacated slot keeps its bond", |_, e| posting(e, "slot_vacated", drop_last)),
    ("a settlement forgets the client", |_, e| posting(e, "contract_settled", drop_last)),
    ("a settlement pays one msat more", |_, e| posting(e, "contract_settled", one_more)),
    ("a reader's payment is one msat more", |_, e| posting(e, "voucher_redeemed", one_more)),
    ("a repair's reads are paid twice", |_, e| posting(e, "rebuild_finished", twice)),
    ("an extension is one msat short", |_, e| posting(e, "contract_extended", one_less)),
    ("an extension is not paid for", |_, e| posting(e, "contract_extended", Vec::clear)),
    ("a renewal locks no money", |_, e| posting(e, "contract_renewed", Vec::clear)),
    ("growth is one msat short", |_, e| posting(e, "contract_grown", one_less)),
    ("growth locks bonds twice", |_, e| posting(e, "contract_grown", twice)),
    ("a cancelled contract keeps a bond", |_, e| posting(e, "contract_cancelled", drop_last)),
    ("an early end pays one msat more", |_, e| posting(e, "contract_left", one_more)),
    ("who leaves pays one msat more", |_, e| posting(e, "slot_departing", one_more)),
    ("who leaves pays the market", |_, e| posting(e, "slot_departing", to_fees)),
    ("a top-up is posted twice", |_, e| posting(e, "bond_topped_up", twice)),
    ("a top-up adds nothing", |_, e| posting(e, "bond_topped_up", Vec::clear)),
    ("what is held back is not locked", |_, e| posting(e, "earnings_held", Vec::clear)),
    ("what is held back is the market's", |_, e| posting(e, "earnings_held", to_fees)),
    ("a release pays twice", |_, e| posting(e, "penalty_released", twice)),
    ("a release pays nobody", |_, e| posting(e, "penalty_released", Vec::clear)),
    ("a reversal is made from nothing", |_, e| posting(e, "penalty_reversed", from_world)),
    ("a reversal is one msat short", |_, e| posting(e, "penalty_reversed", one_less)),
    ("a guest pays the market", |_, e| posting(e, "guest_paid", to_fees)),
    ("earnings are posted twice", |_, e| posting(e, "earnings_posted", twice)),
    ("a fault is forgotten", |_, e| without(e, "slot_faulted")),
    ("a lost slot is not vacated", |_, e| without(e, "slot_vacated")),
    ("a contract without data goes on", |_, e| without(e, "contract_failed")),
    ("a completion is skipped", |_, e| without(e, "contract_completed")),
    ("a revision is taken twice", |_, e| doubled(e, "revision_accepted")),
    ("a measurement counts twice", |_, e| doubled(e, "measured")),
    ("an availability is noted twice", |_, e| doubled(e, "availability_noted")),
    ("who is audited is noted too", noted_of_all),
    ("a dispute is forgotten", |_, e| without(e, "dispute_dismissed")),
    ("a verdict is not recorded", |_, e| without(e, "verdict_recorded")),
    ("a grant stands though it was revoked", |_, e| without(e, "grant_revoked")),
    ("a penalty has no evidence", |_, e| {
        each(e, "penalised", |event| {
            if let Event::Penalised { fault, .. } = event {
                fault.evidence = Hash([0; 32]);
            }
        })
    }),
    ("a penalty cannot be disputed", |_, e| {
        each(e, "penalised", |event| {
            if let Event::Penalised { contested, .. } = event {
                *contested = None;
            }
        })
    }),
    ("a penalty's window never ends", |_, e| {
        each(e, "penalised", |event| {
            if let Event::Penalised { contested: Some(contested), .. } = event {
                contested.until = Epoch(1_000);
            }
        })
    }),
    ("a slot goes to one that is in the contract", |market, e| {
        each(e, "repair_ordered", |event| {
            if let Event::RepairOrdered { slot, with, .. } = event
                && let Some(contract) = market.contract(&slot.contract)
                && let Some(other) = contract.slots.get(usize::from(slot.slot == 0))
            {
                with.quoted.provider = other.provider();
            }
        })
    }),
    ("an epoch is skipped", |_, e| {
        each(e, "epoch_opened", |event| {
            if let Event::EpochOpened { epoch, .. } = event {
                *epoch = epoch.plus(u64::from(epoch.0 == 7));
            }
        })
    }),
    ("a fault names another than the slot's holder", |_, e| {
        each(e, "slot_faulted", |event| {
            if let Event::SlotFaulted { provider, .. } = event {
                *provider = Did([0; 32]);
            }
        })
    }),
    ("a settlement does not say who held the slots", |_, e| {
        each(e, "contract_settled", |event| {
            if let Event::ContractSettled { holders, .. } = event {
                holders.clear();
            }
        })
    }),
    ("who is put out of a slot is not told", |_, e| {
        each(e, "slot_reassigned", |event| {
            if let Event::SlotReassigned { provider, with, .. } = event {
                *provider = with.provider();
            }
        })
    }),
    ("a revocation does not name the guest", |_, e| {
        each(e, "grant_revoked", |event| {
            if let Event::GrantRevoked { owner, grantee, .. } = event {
                *grantee = *owner;
            }
        })
    }),
    ("a repair pays for one msat more than there is", |_, e| {
        each(e, "slot_vacated", |event| {
            if let Event::SlotVacated { accrual, .. } = event {
                accrual.posted = Msat(accrual.posted.0 + 1);
            }
        })
    }),
];
