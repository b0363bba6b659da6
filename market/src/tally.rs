//! Who got what out of a contract, read off its postings.

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
    for Posting { debit, credit, amount } in postings {
        match (*debit, *credit) {
            (Account::Escrow(id), Account::Available(party)) if id == contract.id => {
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
                if to == Account::Available(provider) {
                    let returned = &mut share(shares, provider).returned;
                    *returned = returned.add(*amount)?;
                    continue;
                }
                let slashed = &mut share(shares, provider).slashed;
                *slashed = slashed.add(*amount)?;
                if let Account::Available(party) = to {
                    let received = &mut share(shares, party).received;
                    *received = received.add(*amount)?;
                }
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

fn share(shares: &mut BTreeMap<Did, Share>, party: Did) -> &mut Share {
    let nothing = Share { party, received: Msat::ZERO, returned: Msat::ZERO, slashed: Msat::ZERO };
    shares.entry(party).or_insert(nothing)
}
