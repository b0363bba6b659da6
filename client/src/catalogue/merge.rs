//! Two copies of a catalogue become one: the machine's own and the one from the backup.

use super::{Catalogue, ContractRecord, Entry};
use serde::Serialize;
use std::collections::BTreeMap;

impl Catalogue {
    /// Takes from `other` what is newer there. The order of merging does not matter, and merging twice changes
    /// nothing.
    ///
    /// What was paid to a slot's provider never goes back: the higher figure counts, whichever copy is newer.
    pub fn merge(&mut self, other: &Self) {
        merge_newer(&mut self.objects, &other.objects);
        let mut contracts = self.contracts.clone();
        merge_newer(&mut contracts, &other.contracts);
        for (id, entry) in &mut contracts {
            for copy in [self.contracts.get(id), other.contracts.get(id)].into_iter().flatten() {
                raise_paid(&mut entry.value, &copy.value);
            }
        }
        self.contracts = contracts;
        self.generation = self.generation.max(other.generation);
    }
}

/// Of two entries the later one counts; where both changed in one generation (two machines at once), the one
/// whose bytes are greater, so that both machines choose the same.
fn merge_newer<K: Ord + Clone, V: Serialize + Clone>(
    mine: &mut BTreeMap<K, Entry<V>>,
    theirs: &BTreeMap<K, Entry<V>>,
) {
    for (key, entry) in theirs {
        let newer = mine.get(key).is_none_or(|mine| rank(entry) > rank(mine));
        if newer {
            mine.insert(key.clone(), entry.clone());
        }
    }
}

fn rank<V: Serialize>(entry: &Entry<V>) -> (u64, Vec<u8>) {
    (entry.changed, postcard::to_stdvec(&entry.value).expect("an entry in memory can be written"))
}

fn raise_paid(record: &mut ContractRecord, other: &ContractRecord) {
    for (slot, bytes) in &other.paid {
        let paid = record.paid.entry(*slot).or_default();
        *paid = (*paid).max(*bytes);
    }
}
