//! What the catalogue keeps of one object and of one contract.

use super::CatalogueError;
use crate::keys::WrappedKey;
use crate::name::ObjectName;
use serde::{Deserialize, Serialize};
use shards::{ObjectLayout, SegmentLayout};
use std::collections::BTreeMap;
use std::ops::Range;
use types::{Bytes, ContractId, Did, Hash, Redundancy, Timestamp};

/// A stored object: with its key and any k of its slots it can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRecord {
    /// What it is called.
    pub name: ObjectName,
    /// Under which contract it is kept.
    pub contract: ContractId,
    /// Which segment of the contract is its first.
    pub first_segment: u64,
    /// How it was cut, and the roots of its shards.
    pub layout: ObjectLayout,
    /// Its key, wrapped by its bucket's key.
    pub wrapped: WrappedKey,
    /// The BLAKE3 hash of its plain bytes.
    pub hash: Hash,
    /// When it was stored.
    pub stored_at: Timestamp,
}

/// Who keeps a slot, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The provider.
    pub provider: Did,
    /// Where its data plane answered last.
    pub endpoint: Option<String>,
}

/// A contract as far as a client must know it to read its objects without the market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractRecord {
    /// Its name.
    pub id: ContractId,
    /// Its room.
    pub capacity: Bytes,
    /// k and m.
    pub redundancy: Redundancy,
    /// The largest shard.
    pub shard_bytes: u32,
    /// Its revision, as last seen.
    pub revision: u64,
    /// Who keeps slot i.
    pub holders: Vec<Holder>,
    /// Bytes of reads paid so far, by slot and provider: a voucher never says less.
    pub paid: BTreeMap<(u16, Did), u64>,
}

/// What removing an object changes: its segments go, and those behind them move up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The segments of the contract that go.
    pub segments: Range<usize>,
    /// The other objects that move, as they are afterwards.
    pub moved: Vec<ObjectRecord>,
}

impl ContractRecord {
    /// Takes what `other` has paid where that is more.
    pub fn raise_paid(&mut self, other: &Self) {
        for (slot, bytes) in &other.paid {
            let paid = self.paid.entry(*slot).or_default();
            *paid = (*paid).max(*bytes);
        }
    }
}

impl ObjectRecord {
    /// Where its segments are in its contract.
    pub fn segments(&self) -> Range<u64> {
        self.first_segment..self.first_segment + self.layout.segments.len() as u64
    }

    /// Plans its removal from a contract that holds `segments`, beside `others` of the catalogue.
    ///
    /// # Errors
    /// [`CatalogueError::Misplaced`] where the contract holds other segments in its place, or in the place of
    /// an object that would have to move.
    pub fn removal<'a>(
        &self,
        segments: &[SegmentLayout],
        others: impl IntoIterator<Item = &'a Self>,
    ) -> Result<Removal, CatalogueError> {
        let place = self.place_in(segments)?;
        let gone = place.len() as u64;
        let mut moved = Vec::new();
        for other in others {
            if other.contract == self.contract && other.first_segment > self.first_segment {
                other.place_in(segments)?;
                moved.push(Self { first_segment: other.first_segment - gone, ..other.clone() });
            }
        }
        Ok(Removal { segments: place, moved })
    }

    /// Its segments' place, when the contract holds them there.
    fn place_in(&self, segments: &[SegmentLayout]) -> Result<Range<usize>, CatalogueError> {
        let range = self.segments();
        usize::try_from(range.start)
            .ok()
            .zip(usize::try_from(range.end).ok())
            .map(|(start, end)| start..end)
            .filter(|place| segments.get(place.clone()) == Some(&self.layout.segments))
            .ok_or_else(|| CatalogueError::Misplaced {
                object: self.name.clone(),
                first: self.first_segment,
            })
    }
}
