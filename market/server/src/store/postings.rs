//! Postings as statements and invoices need them: both accounts, whose they are, what caused them.

use super::driver::{Row, StoreError};
use super::{Store, catalogue};
use contracts::Account;
use types::{ContractId, Did, DocId, Msat, Timestamp};

/// How many postings are read at once.
const PAGE: usize = 1_000;

/// A posting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Posted {
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    pub(crate) reason: String,
    pub(crate) debit: Account,
    pub(crate) credit: Account,
    pub(crate) amount: Msat,
    /// Whose the debited and the credited account are.
    pub(crate) parties: [Option<Did>; 2],
    pub(crate) contract: Option<ContractId>,
    pub(crate) document: Option<DocId>,
}

/// Whose postings are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A party's.
    Party(Did),
    /// The market's: accounts that are no party's, and those of its own key.
    House(Did),
    /// A contract's.
    Contract(ContractId),
}

impl Store {
    /// Shows every posting of `subject` before `to` to `see`, in order.
    pub(crate) fn postings(
        &self,
        subject: Subject,
        to: Timestamp,
        mut see: impl FnMut(Posted),
    ) -> Result<(), StoreError> {
        let mut after = 0i64;
        loop {
            let page = self.postings_behind(subject, after)?;
            let last = page.len() < PAGE;
            for posted in page {
                // Time does not go back in a journal, so all that follow are later too.
                if posted.at >= to {
                    return Ok(());
                }
                after = posted.id.cast_signed();
                see(posted);
            }
            if last {
                return Ok(());
            }
        }
    }

    fn postings_behind(&self, subject: Subject, after: i64) -> Result<Vec<Posted>, StoreError> {
        match subject {
            Subject::Party(Did(key)) | Subject::Contract(types::Hash(key)) => {
                self.postings_about(&key, after, PAGE)
            }
            Subject::House(Did(key)) => {
                let values = [after.into(), key.into(), (PAGE as u64).into()];
                let rows = self.driver.query(catalogue::HOUSE_POSTINGS, &values)?;
                rows.into_iter().map(posted).collect()
            }
        }
    }
}

pub(super) fn posted(mut row: Row) -> Result<Posted, StoreError> {
    let account = |bytes: Vec<u8>| -> Result<Account, StoreError> {
        postcard::from_bytes(&bytes)
            .map_err(|error| StoreError::Malformed(format!("an account that is none: {error}")))
    };
    Ok(Posted {
        id: row.count(0)?,
        at: Timestamp(row.int(1)?),
        reason: row.text(2)?,
        debit: account(row.bytes(3)?)?,
        credit: account(row.bytes(4)?)?,
        amount: Msat(row.int(5)?),
        parties: [row.maybe_hash(6)?, row.maybe_hash(7)?].map(|key| key.map(|key| Did(key.0))),
        contract: row.maybe_hash(8)?,
        document: row.maybe_hash(9)?,
    })
}
