//! Two copies of a catalogue become one: the machine's own and the one from the backup.

use super::{Catalogue, ContractRecord, Entry};
use serde::Serialize;
use std::collections::BTreeMap;

impl Catalogue {
    /// Takes from `other` what is newer there. The order of merging does not matter, and merging twice changes
    /// nothing.
    ///
    /// What was paid to a slot's provider never goes back, nor does the revision that was seen: the higher figure counts,
    /// whichever copy is newer.
    pub fn merge(&mut self, other: &Self) {
        merge_newer(&mut self.objects, &other.objects, written);
        let mut contracts = self.contracts.clone();
        let lasting = |record: &ContractRecord| {
            written(&ContractRecord { paid: BTreeMap::new(), revision: 0, ..record.clone() })
        };
        merge_newer(&mut contracts, &other.contracts, lasting);
        for (id, entry) in &mut contracts {
            for copy in [self.contracts.get(id), other.contracts.get(id)].into_iter().flatten() {
                entry.value.raise(&copy.value);
            }
        }
        self.contracts = contracts;
        self.generation = self.generation.max(other.generation);
    }
}

/// Of two entries the later one counts; where both changed in one generation (two machines at once), the one
/// whose `bytes` are greater, so that both machines choose the same.
fn merge_newer<K: Ord + Clone, V: Clone>(
    mine: &mut BTreeMap<K, Entry<V>>,
    theirs: &BTreeMap<K, Entry<V>>,
    bytes: impl Fn(&V) -> Vec<u8>,
) {
    let rank = |entry: &Entry<V>| (entry.changed, bytes(&entry.value));
    for (key, entry) in theirs {
        if mine.get(key).is_none_or(|mine| rank(entry) > rank(mine)) {
            mine.insert(key.clone(), entry.clone());
        }
    }
}

fn written<V: Serialize>(value: &V) -> Vec<u8> {
    postcard::to_stdvec(value).expect("an entry in memory can be written")
}
