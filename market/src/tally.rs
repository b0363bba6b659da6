//! Who got what out of a contract, read off its postings.

use contracts::rail::rail;
use contracts::{Account, Contract, Posting};
use std::collections::BTreeMap;
use types::documents::Share;
use types::{Did, MoneyError, Msat};

/// Adds to `shares` what `postings`, made on `contract` as it stands, give to each party.
pub(crate) fn tally(
    shares: &mut BTreeMap<Did, Share>,
    contract: &Contract,
    postings: &[Posting],
) -> Result<(), MoneyError> {
    let rail = rail(contract.terms.rail);
    for Posting { debit, credit, amount } in postings {
        match (*debit, *credit) {
            (Account::Escrow(id), Account::Available(party) | Account::OnChain(party))
                if id == contract.id =>
            {
                let share = share(shares, party);
                let line = if party == contract.client {
                    &mut share.returned
                } else {
                    &mut share.received
                };
                *line = line.add(*amount)?;
            }
            (Account::Bond(id, slot), to) if id == contract.id => {
                let Some(slot) = contract.slots.get(usize::from(slot)) else { continue };
                let provider = slot.provider();
                if to == rail.own(provider) {
                    // What was held back was received as earnings already.
                    let own = amount.sub(slot.held.min(*amount))?;
                    let returned = &mut share(shares, provider).returned;
                    *returned = returned.add(own)?;
                    continue;
                }
                let slashed = &mut share(shares, provider).slashed;
                *slashed = slashed.add(*amount)?;
                if let Some(party) = to.own_of() {
                    let received = &mut share(shares, party).received;
                    *received = received.add(*amount)?;
                }
            }
            (Account::Escrow(id), Account::Bond(to, slot)) if id == contract.id && to == id => {
                let Some(slot) = contract.slots.get(usize::from(slot)) else { continue };
                let received = &mut share(shares, slot.provider()).received;
                *received = received.add(*amount)?;
            }
            (Account::Contested(id, _), to)
                if id == contract.id && to == rail.own(contract.client) =>
            {
                let party = contract.client;
                let received = &mut share(shares, party).received;
                *received = received.add(*amount)?;
            }
            (Account::Contested(id, _), to) if id == contract.id => {
                reverse(shares, contract, (to, *amount))?;
            }
            (Account::RepairPool | Account::Available(_), Account::Available(party)) => {
                let received = &mut share(shares, party).received;
                *received = received.add(*amount)?;
            }
            (Account::Available(party), Account::RepairPool) => {
                let received = &mut share(shares, party).received;
                *received = received.sub(*amount)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A slash is taken back: to the bond, or to who posted that.
fn reverse(
    shares: &mut BTreeMap<Did, Share>,
    contract: &Contract,
    (to, amount): (Account, Msat),
) -> Result<(), MoneyError> {
    let provider = match to {
        Account::Available(provider) | Account::OnChain(provider) => {
            let returned = &mut share(shares, provider).returned;
            *returned = returned.add(amount)?;
            provider
        }
        Account::Bond(_, slot) => match contract.slots.get(usize::from(slot)) {
            Some(slot) => slot.provider(),
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    let slashed = &mut share(shares, provider).slashed;
    *slashed = slashed.sub(amount)?;
    Ok(())
}

fn share(shares: &mut BTreeMap<Did, Share>, party: Did) -> &mut Share {
    let nothing = Share { party, received: Msat::ZERO, returned: Msat::ZERO, slashed: Msat::ZERO };
    shares.entry(party).or_insert(nothing)
}
