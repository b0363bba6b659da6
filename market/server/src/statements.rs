//! Statements and invoices, read off the postings: what they say adds up to the ledger, to the msat.

mod invoice;

pub(crate) use invoice::{Client, Earned, invoice};

use crate::store::postings::{Posted, Subject};
use crate::store::{Store, StoreError};
use contracts::Account;
use network::statements::{Balance, Statement, StatementLine};
use std::collections::BTreeMap;
use types::{Msat, Timestamp};

/// The most lines of one statement.
pub(crate) const LINES_MAX: usize = 100_000;

/// A period: from the first instant on, up to and without the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// The statement of `subject` over `period`; nothing where it would have more than [`LINES_MAX`] lines.
pub(crate) fn statement(
    store: &Store,
    subject: Subject,
    period: Period,
) -> Result<Option<Statement>, StoreError> {
    let mut books = Books::default();
    let mut opening = None;
    let mut lines = Vec::new();
    store.postings(subject, period.to, |posted| {
        if posted.at >= period.from && opening.is_none() {
            opening = Some(books.balances());
        }
        for side in [Side::Debit, Side::Credit] {
            if !owns(subject, &posted, side) {
                continue;
            }
            let balance = books.post(&posted, side);
            if posted.at >= period.from && lines.len() <= LINES_MAX {
                lines.push(line(&posted, side, balance));
            }
        }
    })?;
    if lines.len() > LINES_MAX {
        return Ok(None);
    }
    let closing = books.balances();
    let of = match subject {
        Subject::Party(party) | Subject::House(party) => party.to_string(),
        Subject::Contract(contract) => contract.to_string(),
    };
    let opening = opening.unwrap_or_else(|| closing.clone());
    Ok(Some(Statement { of, from: period.from, to: period.to, opening, lines, closing }))
}

/// A side of a posting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Debit,
    Credit,
}

impl Side {
    fn account(self, posted: &Posted) -> Account {
        match self {
            Self::Debit => posted.debit,
            Self::Credit => posted.credit,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Debit => Self::Credit,
            Self::Credit => Self::Debit,
        }
    }

    /// What the posting brings the account on this side.
    fn amount(self, posted: &Posted) -> i64 {
        match self {
            Self::Debit => -posted.amount.0,
            Self::Credit => posted.amount.0,
        }
    }
}

/// Whether the account on this side is one that the statement is about.
fn owns(subject: Subject, posted: &Posted, side: Side) -> bool {
    let party = posted.parties[usize::from(side == Side::Credit)];
    match subject {
        Subject::Party(of) => party == Some(of),
        Subject::House(of) => party.is_none_or(|party| party == of),
        Subject::Contract(of) => contract_of(side.account(posted)) == Some(of),
    }
}

/// The contract whose money an account holds.
pub(crate) fn contract_of(account: Account) -> Option<types::ContractId> {
    match account {
        Account::Escrow(contract)
        | Account::Bond(contract, _)
        | Account::Contested(contract, _) => Some(contract),
        _ => None,
    }
}

/// What accounts hold.
#[derive(Default)]
struct Books(BTreeMap<Account, i64>);

impl Books {
    fn post(&mut self, posted: &Posted, side: Side) -> i64 {
        let balance = self.0.entry(side.account(posted)).or_default();
        *balance = balance.saturating_add(side.amount(posted));
        *balance
    }

    fn balances(&self) -> Vec<Balance> {
        let balance = |(account, balance): (&Account, &i64)| Balance {
            account: account.to_string(),
            balance: Msat(*balance),
        };
        self.0.iter().map(balance).collect()
    }
}

fn line(posted: &Posted, side: Side, balance: i64) -> StatementLine {
    StatementLine {
        posting: posted.id,
        at: posted.at,
        reason: posted.reason.clone(),
        contract: posted.contract,
        document: posted.document,
        account: side.account(posted).to_string(),
        counterpart: side.other().account(posted).to_string(),
        amount: Msat(side.amount(posted)),
        balance: Msat(balance),
    }
}
