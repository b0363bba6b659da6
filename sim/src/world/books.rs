//! What the books hold, kept as sums that change with postings, so that looking costs the same however many accounts there are.

use super::members::Members;
use contracts::{Account, Posting};
#[cfg(any(test, debug_assertions))]
use market::Market;

/// Sums over the books, in msat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Books {
    available: i64,
    escrow: i64,
    bond: i64,
    fees: i64,
    pool: i64,
    /// Of what is available, what the parties of each group have.
    by_group: Vec<i64>,
}

impl Books {
    /// Empty books of so many groups.
    pub(super) fn new(groups: usize) -> Self {
        Self { by_group: vec![0; groups], ..Self::default() }
    }

    /// The sums by name.
    pub(super) const fn told(&self) -> [(&'static str, i64); 5] {
        [
            ("books.available_msat", self.available),
            ("books.escrow_msat", self.escrow),
            ("books.bond_msat", self.bond),
            ("books.fees_msat", self.fees),
            ("books.pool_msat", self.pool),
        ]
    }

    /// What the parties of each group can use.
    pub(super) fn available(&self) -> &[i64] {
        &self.by_group
    }

    /// These have been posted. A party's name must be known before it has any money.
    pub(super) fn post(&mut self, postings: &[Posting], members: &Members) {
        for Posting { debit, credit, amount } in postings {
            self.add(debit, -amount.0, members);
            self.add(credit, amount.0, members);
        }
    }

    fn add(&mut self, account: &Account, msat: i64, members: &Members) {
        let sum = match account {
            Account::Available(party) => {
                if let Some(group) = members.group_of_party(party) {
                    self.by_group[group] += msat;
                }
                &mut self.available
            }
            Account::Escrow(_) => &mut self.escrow,
            Account::Bond(..) => &mut self.bond,
            Account::Fees => &mut self.fees,
            Account::RepairPool => &mut self.pool,
            _ => return,
        };
        *sum = sum.saturating_add(msat);
    }

    /// The same, counted from scratch.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn counted(market: &Market, members: &Members) -> Self {
        let mut books = Self::new(members.groups().len());
        for (account, totals) in market.ledger().accounts() {
            books.add(account, totals.balance().0, members);
        }
        books
    }
}
