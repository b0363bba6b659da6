//! Everything that one transaction of the writer changes, gathered in memory first.

use crate::journal::Block;
use market::Effect;
use std::borrow::Cow;
use std::collections::BTreeMap;
use types::{ContractId, Did, DocId, Hash, Signed, Timestamp};

/// A request's key: who sent it, under which name, with which body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// Whose key it is.
    pub principal: Did,
    /// The key.
    pub key: String,
    /// The hash of method, path and body.
    pub body: Hash,
}

/// The newest number in each table whose rows are numbered by the writer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) documents: i64,
    pub(crate) postings: i64,
    pub(crate) effects: i64,
}

/// A signed document that something rests on.
#[derive(Debug)]
pub(crate) struct NewDocument {
    pub(crate) row: i64,
    pub(crate) id: DocId,
    pub(crate) command: Cow<'static, str>,
    pub(crate) contract: Option<ContractId>,
    pub(crate) signed: Signed,
}

impl NewDocument {
    pub(super) fn contract(&self) -> Option<&[u8]> {
        self.contract.as_ref().map(|contract| contract.0.as_slice())
    }
}

/// A posting as the account history shows it, with its accounts in postcard.
#[derive(Debug)]
pub(crate) struct NewPosting {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    pub(crate) reason: &'static str,
    pub(crate) debit: Vec<u8>,
    pub(crate) credit: Vec<u8>,
    pub(crate) amount: i64,
    pub(crate) parties: [Option<Did>; 2],
    /// The contract whose money it is.
    pub(crate) contract: Option<ContractId>,
    /// The document that caused it.
    pub(crate) document: Option<DocId>,
}

/// What a block adds to the tree over the journal's entries.
#[derive(Debug)]
pub(crate) struct NewNodes {
    /// The place of the first hash.
    pub(crate) first: u64,
    /// The hashes of the nodes that became complete, in the order of their places.
    pub(crate) hashes: Vec<u8>,
    /// The tree's head, signed.
    pub(crate) head: Signed,
}

impl NewPosting {
    /// Whose account is debited (0), credited (1).
    pub(super) fn party(&self, side: usize) -> Option<&[u8]> {
        self.parties[side].as_ref().map(|did| did.0.as_slice())
    }

    pub(super) fn contract(&self) -> Option<&[u8]> {
        self.contract.as_ref().map(|contract| contract.0.as_slice())
    }

    pub(super) fn document(&self) -> Option<&[u8]> {
        self.document.as_ref().map(|document| document.0.as_slice())
    }
}

/// What a mark is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marked {
    /// An epoch, by its number.
    Epoch,
    /// An escrow, by the place of the entry in which something became of it.
    Escrow,
}

impl Marked {
    pub(super) const fn kind(self) -> i64 {
        match self {
            Self::Epoch => 1,
            Self::Escrow => 2,
        }
    }
}

/// What outsiders follow, as they are shown it.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) of: Marked,
    pub(crate) number: u64,
    /// Which of those that have the number.
    pub(crate) place: u64,
    pub(crate) said: String,
}

/// The first answer to a keyed request.
#[derive(Debug)]
pub(crate) struct NewAnswer {
    pub(crate) body: Hash,
    pub(crate) answer: Vec<u8>,
    pub(crate) at: Timestamp,
}

/// What happens to a contract's layouts, in order.
#[derive(Debug)]
pub(crate) enum LayoutChange {
    /// Kept beside the `current` one; those that were put long before without a revision go.
    Put { contract: ContractId, layout: Hash, bytes: bytes::Bytes, current: Option<Hash> },
    /// No longer any contract's.
    Drop { contract: ContractId, layout: Hash },
}

/// One transaction.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) block: Option<Block>,
    pub(crate) nodes: Option<NewNodes>,
    pub(crate) documents: Vec<NewDocument>,
    pub(crate) postings: Vec<NewPosting>,
    pub(crate) proofs: Vec<(DocId, Vec<u8>)>,
    pub(crate) keys: BTreeMap<(Did, String), NewAnswer>,
    pub(crate) effects: Vec<(i64, Effect)>,
    /// Outbox rows that are done.
    pub(crate) done: Vec<i64>,
    pub(crate) layouts: Vec<LayoutChange>,
    pub(crate) backups: BTreeMap<Did, (u64, Vec<u8>)>,
    pub(crate) epoch_opened: Option<Timestamp>,
    pub(crate) marks: Vec<Mark>,
}

impl Changes {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.block.is_none()
            && self.documents.is_empty()
            && self.keys.is_empty()
            && self.done.is_empty()
            && self.layouts.is_empty()
            && self.backups.is_empty()
    }
}
