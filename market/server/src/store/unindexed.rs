//! Rows that are durable and that no index finds yet: an index over random names is kept up in sorted bulk.

use std::borrow::Cow;
use std::collections::BTreeSet;
use types::{ContractId, Did, DocId};

/// Documents and postings, in the order in which they came.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unindexed {
    /// Each document with the commands that took it.
    taken: BTreeSet<(DocId, Cow<'static, str>)>,
    documents: Vec<(DocId, i64)>,
    /// A posting for each party and contract that it is about.
    postings: Vec<([u8; 32], i64)>,
    /// How many postings those are.
    posted: u64,
}

impl Unindexed {
    pub(crate) fn add_document(&mut self, id: DocId, row: i64, command: Cow<'static, str>) {
        self.taken.insert((id, command));
        self.documents.push((id, row));
    }

    pub(crate) fn add_posting(
        &mut self,
        posting: i64,
        parties: [Option<Did>; 2],
        contract: Option<ContractId>,
    ) {
        self.posted += 1;
        self.postings.extend(subjects(parties, contract).map(|subject| (subject, posting)));
    }

    /// Each document and its row.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (&DocId, i64)> {
        self.documents.iter().map(|(id, row)| (id, *row))
    }

    /// Each party and contract that a posting is about, and the posting.
    pub(crate) fn postings(&self) -> impl Iterator<Item = (&[u8; 32], i64)> {
        self.postings.iter().map(|(subject, posting)| (subject, *posting))
    }

    /// How many documents or postings there are, whichever are more.
    pub(crate) fn count(&self) -> u64 {
        self.posted.max(self.documents.len() as u64)
    }

    /// Whether `command` took the document.
    pub(crate) fn was_taken(&self, id: &DocId, command: &'static str) -> bool {
        self.taken.contains(&(*id, command.into()))
    }

    /// Adds what came after.
    pub(crate) fn merge(&mut self, other: Self) {
        // One by one: appending a set would build the whole of it anew.
        self.taken.extend(other.taken);
        self.documents.extend(other.documents);
        self.postings.extend(other.postings);
        self.posted += other.posted;
    }
}

/// The parties and the contract that a posting is about, each once.
pub(crate) fn subjects(
    parties: [Option<Did>; 2],
    contract: Option<ContractId>,
) -> impl Iterator<Item = [u8; 32]> {
    let [debit, credit] = parties.map(|party| party.map(|Did(key)| key));
    let credit = credit.filter(|key| Some(*key) != debit);
    let contract = contract.map(|id| id.0).filter(|id| ![debit, credit].contains(&Some(*id)));
    [debit, credit, contract].into_iter().flatten()
}
