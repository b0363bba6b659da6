//! The journal: blocks of entries, each block sealed with the hash of the one before and with the root of the
//! Merkle tree over every entry so far.
//!
//! An entry has everything that its command was judged on but the state before it: whoever has that state and
//! the documents it names can judge it again.

use market::{Command, Event};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::documents::{TreeHead, evidence};
use types::tree::Tip;
use types::{DocId, Hash, Signed, Signer, Timestamp, Verified};

/// What a block's hash is derived under.
const BLOCK: &str = "bondstore 2026 journal block with a tree";

/// One command's events, with what caused them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// When it was judged.
    pub at: Timestamp,
    /// The command, with its documents' names in their places.
    pub command: Value,
    /// Further signed documents that came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<DocId>,
    /// Documents that the market signed because of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issued: Vec<DocId>,
    /// What happened.
    pub events: Vec<Event>,
}

impl Entry {
    /// Every document it names, each once.
    pub fn documents(&self) -> Vec<DocId> {
        evidence::documents(&self.command, self.evidence.iter().chain(&self.issued))
    }

    /// The command as it was judged; `find` gives a document by its name, and each is verified.
    ///
    /// # Errors
    /// What is missing or is not what it should be.
    pub fn command(
        &self,
        mut find: impl FnMut(DocId) -> Option<Signed>,
    ) -> Result<Command, String> {
        let mut command = self.command.clone();
        evidence::resolve(&mut command, &mut find)
            .map_err(|id| format!("document {id}, on which it rests, is missing"))?;
        serde_json::from_value(command).map_err(|error| format!("its command is none: {error}"))
    }
}

/// What one transaction of the writer added to the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its number; the first is 1.
    pub seq: u64,
    /// The market's time when it was sealed.
    pub time: Timestamp,
    /// Which run of the writer sealed it.
    pub term: u64,
    /// Its [`Entry`]s, as JSON.
    pub entries: String,
    /// The Merkle tree over every entry up to its last.
    pub tree: Tip,
    /// The hash of the block before; of the genesis for the first.
    pub prev: Hash,
    /// The hash of all that.
    pub hash: Hash,
}

impl Block {
    /// Seals `entries`, with which the tree has come to `tree`, behind the block that `head` names.
    pub fn seal(head: Head, (time, term): (Timestamp, u64), tree: Tip, entries: String) -> Self {
        let (seq, prev) = (head.blocks + 1, head.hash);
        let mut block = Self { seq, time, term, entries, tree, prev, hash: prev };
        block.hash = block.expected_hash();
        block
    }

    /// The hash that its content gives.
    pub fn expected_hash(&self) -> Hash {
        let parts: [&[u8]; 7] = [
            &self.seq.to_le_bytes(),
            &self.time.0.to_le_bytes(),
            &self.term.to_le_bytes(),
            &self.prev.0,
            &self.tree.size.to_le_bytes(),
            &self.tree.root.0,
            self.entries.as_bytes(),
        ];
        Hash::derive(BLOCK, &parts)
    }

    /// Whether it is the block behind `head`, unchanged since it was sealed.
    pub fn follows(&self, head: Head) -> Result<(), String> {
        if self.seq != head.blocks + 1 {
            return Err(format!("block {} is expected here", head.blocks + 1));
        }
        if self.prev != head.hash {
            return Err(format!("it continues {}, the block before is {}", self.prev, head.hash));
        }
        let found = self.expected_hash();
        if self.hash != found {
            return Err(format!("its content hashes to {found}, it was sealed as {}", self.hash));
        }
        Ok(())
    }

    /// What happened in it.
    pub fn decode(&self) -> Result<Vec<Entry>, serde_json::Error> {
        serde_json::from_str(&self.entries)
    }

    /// The text of each of its entries: the leaves that it adds to the tree.
    pub fn texts(&self) -> Vec<&str> {
        split(&self.entries)
    }

    /// The market's word for the journal up to this block.
    ///
    /// # Panics
    /// Never: the head names the key that signs it.
    pub fn tree_head(&self, signer: &dyn Signer) -> Signed {
        let Tip { size, root } = self.tree;
        let head = TreeHead { market: signer.did(), size, root, block: self.seq, time: self.time };
        let signed = Verified::sign(head, signer).expect("a head names the key that signs it");
        signed.signed().clone()
    }

    /// The journal's end when this is its newest block.
    pub fn head(&self) -> Head {
        Head { blocks: self.seq, hash: self.hash }
    }
}

/// Where the journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many blocks there are.
    pub blocks: u64,
    /// The newest block's hash; the genesis's while there is none.
    pub hash: Hash,
}

impl Head {
    /// The end of a journal that has no blocks yet.
    pub fn of_genesis(genesis: &str) -> Self {
        Self { blocks: 0, hash: Hash::of(genesis.as_bytes()) }
    }
}

/// Entries as a block has them.
pub fn join<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut entries = String::from("[");
    for text in texts {
        if entries.len() > 1 {
            entries.push(',');
        }
        entries.push_str(text);
    }
    entries.push(']');
    entries
}

/// The members of a JSON array of objects, as they are written.
fn split(array: &str) -> Vec<&str> {
    let inner = array.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or("");
    let (mut texts, mut start, mut depth, mut quoted, mut escaped) =
        (Vec::new(), 0, 0u32, false, false);
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                texts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if start < inner.len() {
        texts.push(&inner[start..]);
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_split_as_they_were_joined() {
        let texts = [r#"{"a":[1,{"b":"],}\\\""}]}"#, "{}", r#"{"c":","}"#];
        assert_eq!(split(&join(texts)), texts);
        assert_eq!(split("[]"), Vec::<&str>::new());
    }

    fn chain() -> (Head, Block, Block) {
        let genesis = Head::of_genesis("{}");
        let first = Block::seal(genesis, (Timestamp(5), 1), Tip::empty(), "[]".into());
        let second = Block::seal(first.head(), (Timestamp(6), 1), Tip::empty(), "[]".into());
        (genesis, first, second)
    }

    #[test]
    fn sealed_blocks_follow_each_other() {
        let (genesis, first, second) = chain();
        assert_eq!(first.follows(genesis), Ok(()));
        assert_eq!(second.follows(first.head()), Ok(()));
        assert!(second.follows(genesis).is_err());
    }

    #[test]
    fn every_field_is_sealed() {
        let (genesis, first, _) = chain();
        let tampered = [
            Block { time: Timestamp(4), ..first.clone() },
            Block { term: 2, ..first.clone() },
            Block { entries: "[ ]".into(), ..first.clone() },
            Block { tree: Tip { size: 1, ..first.tree }, ..first.clone() },
            Block { tree: Tip { root: Hash::of(b"other"), ..first.tree }, ..first.clone() },
            Block { prev: Hash::of(b""), ..first.clone() },
            Block { seq: 2, ..first.clone() },
            Block { hash: Hash::of(b""), ..first },
        ];
        for block in tampered {
            assert!(block.follows(genesis).is_err(), "{block:?}");
        }
    }
}
