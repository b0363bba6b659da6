//! What the catalogue keeps of one object and of one contract.

use crate::keys::WrappedKey;
use crate::name::ObjectName;
use serde::{Deserialize, Serialize};
use shards::ObjectLayout;
use std::collections::BTreeMap;
use types::{Bytes, ContractId, Did, Hash, Redundancy, Timestamp};

/// A stored object: with its key and any k of its slots it can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRecord {
    /// What it is called.
    pub name: ObjectName,
    /// Under which contract it is kept.
    pub contract: ContractId,
    /// Which segment of the contract was its first when it was stored; others' removal moves it up.
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
    /// Its revision, the latest that was seen.
    pub revision: u64,
    /// Who keeps slot i.
    pub holders: Vec<Holder>,
    /// Bytes of reads paid so far, by slot and provider: a voucher never says less.
    pub paid: BTreeMap<(u16, Did), u64>,
}

impl ContractRecord {
    /// Takes what `other` has paid where that is more, and the revision that it has seen where that is later.
    pub fn raise(&mut self, other: &Self) {
        self.revision = self.revision.max(other.revision);
        for (slot, bytes) in &other.paid {
            let paid = self.paid.entry(*slot).or_default();
            *paid = (*paid).max(*bytes);
        }
    }
}
