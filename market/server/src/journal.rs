//! The journal: blocks of events, each sealed with the hash of the one before.

use market::Event;
use serde::{Deserialize, Serialize};
use types::{DocId, Hash, Timestamp};

/// What a block's hash is derived under.
const BLOCK: &str = "bondstore 2026 journal block";

/// One command's events, with what caused them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The kind of command.
    pub command: String,
    /// The signed documents it rests on.
    pub documents: Vec<DocId>,
    /// What its chance was drawn from, where it drew any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<Hash>,
    /// What happened.
    pub events: Vec<Event>,
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
    /// The hash of the block before; of the genesis for the first.
    pub prev: Hash,
    /// The hash of all that.
    pub hash: Hash,
}

impl Block {
    /// Seals `entries` behind the block that `head` names.
    pub fn seal(head: Head, time: Timestamp, term: u64, entries: String) -> Self {
        let mut block =
            Self { seq: head.blocks + 1, time, term, entries, prev: head.hash, hash: head.hash };
        block.hash = block.expected_hash();
        block
    }

    /// The hash that its content gives.
    pub fn expected_hash(&self) -> Hash {
        let parts: [&[u8]; 5] = [
            &self.seq.to_le_bytes(),
            &self.time.0.to_le_bytes(),
            &self.term.to_le_bytes(),
            &self.prev.0,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> (Head, Block, Block) {
        let genesis = Head::of_genesis("{}");
        let first = Block::seal(genesis, Timestamp(5), 1, "[]".into());
        let second = Block::seal(first.head(), Timestamp(6), 1, "[]".into());
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
            Block { prev: Hash::of(b""), ..first.clone() },
            Block { seq: 2, ..first.clone() },
            Block { hash: Hash::of(b""), ..first },
        ];
        for block in tampered {
            assert!(block.follows(genesis).is_err(), "{block:?}");
        }
    }
}
