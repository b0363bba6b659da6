//! What outsiders can hold a market to: signed tree heads, and receipts that something is in its journal.

use super::{Anchor, document};
use crate::jws::Authentic;
use crate::tree::{self, InclusionProof, ProofError, Tip};
use crate::{Did, DocId, Hash, JwsError, Signed, Timestamp, Verified};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The market's word for its whole journal: the Merkle root over every entry so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TreeHead {
    /// Whose journal.
    pub market: Did,
    /// How many entries it has.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The newest block.
    pub block: u64,
    /// When that was sealed.
    pub time: Timestamp,
}
document!(TreeHead, "bondstore.tree-head", market);

impl TreeHead {
    /// The tree that it speaks of.
    pub fn tip(&self) -> Tip {
        Tip { size: self.size, root: self.root }
    }
}

/// Shows that a signed document is in a market's journal, with what it caused. Whoever holds it needs nothing else
/// but the market's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The document.
    pub document: Signed,
    /// The journal entry that names it, byte for byte.
    pub entry: String,
    /// That the entry is in the tree.
    pub inclusion: InclusionProof,
    /// The tree's head, signed by the market.
    #[schema(value_type = crate::Jws<TreeHead>)]
    pub head: Signed,
    /// That the journal was committed in Bitcoin, where it has been by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Anchor>,
}

/// What a receipt proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The document's name.
    pub document: DocId,
    /// What kind of document.
    pub typ: String,
    /// Who signed it.
    pub signer: Did,
    /// The kind of command that took it.
    pub command: String,
    /// When that was judged, in the market's time.
    pub at: Timestamp,
    /// The head that covers the entry.
    pub head: TreeHead,
}

/// Why a receipt proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The document is not what its signer signed.
    #[error("the document is not genuine: {0}")]
    Document(JwsError),
    /// The head is not what a market signed.
    #[error("the tree head is not genuine: {0}")]
    Head(JwsError),
    /// The head is another market's.
    #[error(
        "the tree head is signed by {found}, the market to check against is {expected}; ask that market for the receipt"
    )]
    OtherMarket {
        /// Who signed it.
        found: Did,
        /// Who should have.
        expected: Did,
    },
    /// The entry is none.
    #[error("the entry is no journal entry: {0}")]
    Entry(String),
    /// The entry is about something else.
    #[error(
        "the entry does not name document {0}; the receipt of a document has the entry that does"
    )]
    NotNamed(DocId),
    /// The entry is not in the tree.
    #[error("the entry is not proven to be in the journal: {0}")]
    NotIncluded(ProofError),
    /// What was anchored is another journal.
    #[error("what was anchored in Bitcoin does not continue the journal of the tree head: {0}")]
    NotAnchored(ProofError),
}

impl ReceiptError {
    /// The stable name of this kind of error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Document(_) => "receipt_document",
            Self::Head(_) => "receipt_head",
            Self::OtherMarket { .. } => "receipt_other_market",
            Self::Entry(_) => "receipt_entry",
            Self::NotNamed(_) => "receipt_not_named",
            Self::NotIncluded(_) => "receipt_not_included",
            Self::NotAnchored(_) => "receipt_not_anchored",
        }
    }
}

impl Receipt {
    /// Checks everything that can be checked of it without Bitcoin; against `market`'s key where that is given. Whether an anchor's
    /// transaction is in a block is for `contracts-bitcoin` to judge.
    ///
    /// # Errors
    /// [`ReceiptError`] says which check fails.
    pub fn verify(&self, market: Option<Did>) -> Result<Proven, ReceiptError> {
        let document: Authentic = self.document.authenticate().map_err(ReceiptError::Document)?;
        let head: Verified<TreeHead> = self.head.verify().map_err(ReceiptError::Head)?;
        if let Some(expected) = market.filter(|expected| *expected != head.market) {
            return Err(ReceiptError::OtherMarket { found: head.market, expected });
        }
        let id = self.document.id();
        let entry = EntryNames::read(&self.entry)?;
        if !entry.documents().contains(&id) {
            return Err(ReceiptError::NotNamed(id));
        }
        let leaf = tree::leaf(self.entry.as_bytes());
        self.inclusion.verify(leaf, &head.tip()).map_err(ReceiptError::NotIncluded)?;
        if let Some(anchor) = &self.anchor {
            anchor.covers(&head).map_err(ReceiptError::NotAnchored)?;
        }
        Ok(Proven {
            document: id,
            typ: document.typ,
            signer: document.signer,
            command: entry.kind().to_owned(),
            at: entry.at,
            head: head.into_inner(),
        })
    }
}

/// A journal entry as far as names go: what was asked, when, and on which documents it rests.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct EntryNames {
    /// When it was judged.
    pub at: Timestamp,
    /// The command, with the names of its documents in place of the documents.
    pub command: Value,
    /// Further documents that came with it.
    #[serde(default)]
    pub evidence: Vec<DocId>,
    /// Documents that the market signed because of it.
    #[serde(default)]
    pub issued: Vec<DocId>,
}

impl EntryNames {
    /// Reads an entry's text.
    ///
    /// # Errors
    /// [`ReceiptError::Entry`] where it is none.
    pub fn read(entry: &str) -> Result<Self, ReceiptError> {
        serde_json::from_str(entry).map_err(|error| ReceiptError::Entry(error.to_string()))
    }

    /// The kind of command.
    pub fn kind(&self) -> &str {
        let tagged = || self.command.as_object().and_then(|tagged| tagged.keys().next());
        self.command.as_str().or_else(|| tagged().map(String::as_str)).unwrap_or("unknown")
    }

    /// Every document it names: the command's own in the order in which it has them, then evidence, then what was
    /// issued; each once.
    pub fn documents(&self) -> Vec<DocId> {
        documents(&self.command, self.evidence.iter().chain(&self.issued))
    }
}

/// Every document that a written command and `further` name, in that order, each once.
pub fn documents<'a>(command: &Value, further: impl Iterator<Item = &'a DocId>) -> Vec<DocId> {
    let mut names = Vec::new();
    collect(command, &mut names);
    names.extend(further);
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    names
}

use crate::jws::NAME;

/// The document that a value names, where it is such a name.
fn named(value: &Value) -> Option<DocId> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.get(NAME)?.as_str()?.parse().ok()
}

fn collect(value: &Value, names: &mut Vec<DocId>) {
    if let Some(name) = named(value) {
        return names.push(name);
    }
    match value {
        Value::Object(fields) => fields.values().for_each(|field| collect(field, names)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        _ => {}
    }
}

/// Puts documents in the places of their names, so that the command can be read with them; `find` gives a
/// document by its name.
///
/// # Errors
/// The first document that `find` does not give.
pub fn resolve(
    value: &mut Value,
    find: &mut impl FnMut(DocId) -> Option<Signed>,
) -> Result<(), DocId> {
    if let Some(name) = named(value) {
        value[NAME] = Value::String(find(name).ok_or(name)?.0);
        return Ok(());
    }
    match value {
        Value::Object(fields) => fields.values_mut().try_for_each(|field| resolve(field, find)),
        Value::Array(items) => items.iter_mut().try_for_each(|item| resolve(item, find)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
