//! What one provider holds of a contract, and the root that commits to it.
//!
//! A slot is a list of shards. Its root is a Merkle sum tree: a leaf is a shard's root and length, a
//! node names the digest and the bytes of either half. So a byte offset leads to one shard only, and
//! who knows root, bytes and number of shards can check that it was the right one.
//!
//! ```text
//! leaf  = BLAKE3(0 ‖ shard root ‖ bytes as u64)
//! node  = BLAKE3(1 ‖ left digest ‖ left bytes as u64 ‖ right digest ‖ right bytes as u64)
//! ```
//!
//! Numbers are little-endian. The tree is left-balanced as in RFC 6962: nodes pair up level by level,
//! and an odd last one moves up as it is. The root of an empty slot is the BLAKE3 hash of nothing.

use crate::hash::Root;
use serde::{Deserialize, Serialize};

/// One shard of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The shard's root.
    pub root: Root,
    /// Its length in bytes.
    pub bytes: u32,
}

/// What a verifier must know of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotSummary {
    /// Commits to the slot's list of shards.
    pub root: Root,
    /// The shards' bytes together.
    pub bytes: u64,
    /// How many shards.
    pub shards: u64,
}

/// A node of the sum tree: a digest, and how many bytes of shards lie under it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Commits to everything under this node.
    pub digest: [u8; 32],
    /// How many bytes of shards lie under it.
    pub bytes: u64,
}

impl Node {
    /// The leaf of a shard.
    pub fn leaf(entry: &Entry) -> Self {
        let bytes = u64::from(entry.bytes);
        let mut input = [0; 41];
        input[1..33].copy_from_slice(&entry.root.0);
        input[33..].copy_from_slice(&bytes.to_le_bytes());
        Self { digest: blake3::hash(&input).into(), bytes }
    }

    /// The node above two others; `None` where their bytes together exceed 64 bits.
    pub fn above(left: &Self, right: &Self) -> Option<Self> {
        let bytes = left.bytes.checked_add(right.bytes)?;
        let mut input = [1; 81];
        input[1..33].copy_from_slice(&left.digest);
        input[33..41].copy_from_slice(&left.bytes.to_le_bytes());
        input[41..73].copy_from_slice(&right.digest);
        input[73..].copy_from_slice(&right.bytes.to_le_bytes());
        Some(Self { digest: blake3::hash(&input).into(), bytes })
    }
}

/// The shards of a slot in order, with the tree over them; some 150 bytes of memory a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotList {
    entries: Vec<Entry>,
    /// The leaves, then each level above them; the last has one node. An empty slot has no levels.
    levels: Vec<Vec<Node>>,
}

impl SlotList {
    /// The slot that holds these shards.
    ///
    /// ```
    /// use shards::{Entry, Root, SlotList};
    ///
    /// let slot = SlotList::new(vec![Entry { root: Root::of(b"abc"), bytes: 3 }]);
    /// assert_eq!((slot.bytes(), slot.shards()), (3, 1));
    /// ```
    pub fn new(entries: Vec<Entry>) -> Self {
        let mut level: Vec<Node> = entries.iter().map(Node::leaf).collect();
        let mut levels = Vec::new();
        while level.len() > 1 {
            let above = level.chunks(2).map(pair).collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        if !level.is_empty() {
            levels.push(level);
        }
        Self { entries, levels }
    }

    /// Adds a shard at the end; only the nodes above it are hashed again.
    pub fn push(&mut self, entry: Entry) {
        let mut place = self.entries.len();
        self.entries.push(entry);
        let mut node = Node::leaf(&entry);
        for at in 0.. {
            if self.levels.len() == at {
                self.levels.push(Vec::new());
            }
            let level = &mut self.levels[at];
            level.truncate(place);
            level.push(node);
            if level.len() == 1 {
                return;
            }
            let left = place & !1;
            node = pair(&level[left..]);
            place >>= 1;
        }
    }

    /// The root that commits to the list.
    pub fn root(&self) -> Root {
        let top = self.levels.last().and_then(|level| level.first());
        top.map_or_else(|| Root::of(b""), |node| Root(node.digest))
    }

    /// The shards' bytes together.
    pub fn bytes(&self) -> u64 {
        self.levels.last().and_then(|level| level.first()).map_or(0, |node| node.bytes)
    }

    /// How many shards there are.
    pub fn shards(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The shards, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What a verifier must know of this slot.
    pub fn summary(&self) -> SlotSummary {
        SlotSummary { root: self.root(), bytes: self.bytes(), shards: self.shards() }
    }

    /// The number of the shard in which byte `offset` of the slot lies, and its place in that shard.
    pub fn locate(&self, offset: u64) -> Option<(usize, u32)> {
        if offset >= self.bytes() {
            return None;
        }
        let mut rest = offset;
        let mut place = 0;
        for level in self.levels.iter().rev() {
            place *= 2;
            let node = level.get(place)?;
            // What the left half does not hold, the right one does: the offset is below both together.
            if rest >= node.bytes {
                rest -= node.bytes;
                place += 1;
            }
        }
        u32::try_from(rest).ok().map(|within| (place, within))
    }

    /// The siblings on the way from shard number `place` up to the root.
    pub(crate) fn path(&self, place: usize) -> Vec<Node> {
        let mut place = place;
        let mut path = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            path.extend(level.get(place ^ 1));
            place >>= 1;
        }
        path
    }
}

impl FromIterator<Entry> for SlotList {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        Self::new(entries.into_iter().collect())
    }
}

/// The node above one or two.
fn pair(nodes: &[Node]) -> Node {
    match nodes {
        [left, right, ..] => {
            Node::above(left, right).expect("no list in memory has 2⁶⁴ bytes of 4 GiB shards")
        }
        [single] => *single,
        [] => Node::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(count: u32) -> Vec<Entry> {
        (0..count)
            .map(|i| Entry { root: Root::of(&i.to_le_bytes()), bytes: 64 + i * 7 % 13 })
            .collect()
    }

    #[test]
    fn a_list_that_grew_is_the_list_built_at_once() {
        let mut grown = SlotList::default();
        for count in 1..70 {
            let entries = entries(count);
            grown.push(entries[entries.len() - 1]);
            let built = SlotList::new(entries);
            assert_eq!(grown, built, "{count}");
        }
    }

    #[test]
    fn every_offset_leads_to_the_shard_that_holds_it() {
        for count in 1..20 {
            let list = SlotList::new(entries(count));
            let mut offset = 0;
            for (place, entry) in list.entries().iter().enumerate() {
                for within in [0, entry.bytes - 1] {
                    assert_eq!(list.locate(offset + u64::from(within)), Some((place, within)));
                }
                offset += u64::from(entry.bytes);
            }
            assert_eq!(offset, list.bytes());
            assert_eq!(list.locate(offset), None);
        }
    }

    #[test]
    fn order_length_and_root_all_count() {
        let roots: Vec<Root> = [[0, 1, 2], [1, 0, 2], [0, 2, 1]]
            .map(|order| {
                order.map(|i: usize| entries(3)[i]).into_iter().collect::<SlotList>().root()
            })
            .to_vec();
        assert_ne!(roots[0], roots[1]);
        assert_ne!(roots[0], roots[2]);
        let mut longer = entries(3);
        longer[1].bytes += 1;
        assert_ne!(SlotList::new(longer).root(), roots[0]);
    }

    #[test]
    fn an_empty_slot_has_a_root_and_no_bytes() {
        let empty = SlotList::default();
        assert_eq!(empty, SlotList::new(Vec::new()));
        assert_eq!((empty.root(), empty.bytes(), empty.shards()), (Root::of(b""), 0, 0));
        assert_eq!(empty.locate(0), None);
    }

    #[test]
    fn the_tree_is_the_documented_one() {
        let three = entries(3);
        let leaf = |i: usize| Node::leaf(&three[i]);
        let left = Node::above(&leaf(0), &leaf(1));
        let root = left.and_then(|left| Node::above(&left, &leaf(2)));
        assert_eq!(root.map(|node| Root(node.digest)), Some(SlotList::new(three.clone()).root()));
        let mut input = vec![0];
        input.extend(three[0].root.0);
        input.extend(u64::from(three[0].bytes).to_le_bytes());
        assert_eq!(leaf(0).digest, *blake3::hash(&input).as_bytes());
    }
}
