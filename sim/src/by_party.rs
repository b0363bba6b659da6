//! Something of each party, found at the cost of one look however many there are.
//!
//! Names of parties are keys or hashes, as good as random: a word of one says where its entry's place is written, in a table
//! that is never more than half full (open addressing with linear probing). A tree of a million names takes some twenty looks at
//! memory that is in no cache. Entries lie in the order in which they came, so that nothing depends on the table's order.

use types::Did;

/// An entry for each of some parties.
#[derive(Clone, Debug)]
pub(crate) struct ByParty<T> {
    /// One more than an entry's place, or 0; a power of two of them.
    table: Vec<u32>,
    entries: Vec<(Did, T)>,
}

/// How large the first table is.
const FIRST: usize = 16;

impl<T> Default for ByParty<T> {
    fn default() -> Self {
        Self { table: vec![0; FIRST], entries: Vec::new() }
    }
}

impl<T> ByParty<T> {
    /// What there is of `party`.
    pub(crate) fn get(&self, party: &Did) -> Option<&T> {
        self.place(party).ok().map(|at| &self.entries[at].1)
    }

    /// The same, to change.
    pub(crate) fn get_mut(&mut self, party: &Did) -> Option<&mut T> {
        let at = self.place(party).ok()?;
        Some(&mut self.entries[at].1)
    }

    /// What there is of `party`; `fresh` where there was nothing.
    pub(crate) fn get_or_insert(&mut self, party: Did, fresh: impl FnOnce() -> T) -> &mut T {
        let at = self.place(&party).unwrap_or_else(|free| {
            self.table[free] =
                u32::try_from(self.entries.len() + 1).expect("fewer than 2^32 parties");
            self.entries.push((party, fresh()));
            self.grow();
            self.entries.len() - 1
        });
        &mut self.entries[at].1
    }

    /// Everybody that there is something of, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Did, &T)> {
        self.entries.iter().map(|(party, entry)| (party, entry))
    }

    /// Where `party`'s entry is; where it has none, where in the table its place would be written.
    fn place(&self, party: &Did) -> Result<usize, usize> {
        let mut at = self.first_look(party);
        loop {
            let Some(place) = (self.table[at] as usize).checked_sub(1) else { return Err(at) };
            if self.entries[place].0 == *party {
                return Ok(place);
            }
            at = (at + 1) % self.table.len();
        }
    }

    fn first_look(&self, party: &Did) -> usize {
        let [word, ..] = party.0.as_chunks::<8>().0 else { return 0 };
        // The table's length divides 2^64, and is less than 2^33.
        usize::try_from(u64::from_le_bytes(*word) % self.table.len() as u64).unwrap_or(0)
    }

    /// Doubles the table once it is half full.
    fn grow(&mut self) {
        if self.entries.len() * 2 <= self.table.len() {
            return;
        }
        self.table = vec![0; self.table.len() * 2];
        for at in 0..self.entries.len() {
            let free = self.place(&self.entries[at].0).expect_err("each party has one entry");
            self.table[free] = u32::try_from(at + 1).expect("fewer than 2^32 parties");
        }
    }
}

impl<T: Default> ByParty<T> {
    /// What there is of `party`, which is the default where there was nothing.
    pub(crate) fn of(&mut self, party: Did) -> &mut T {
        self.get_or_insert(party, T::default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn a_table_and_a_tree_agree(names in prop::collection::vec((0u8..40, 0u8..3, any::<u16>()), 0..300)) {
            let (mut table, mut tree) = (ByParty::default(), BTreeMap::new());
            let mut order = Vec::new();
            for (first, last, value) in names {
                // Many names share their first word.
                let mut name = [first; 32];
                name[31] = last;
                let party = Did(name);
                prop_assert_eq!(table.get(&party), tree.get(&party));
                if !tree.contains_key(&party) {
                    order.push(party);
                }
                *table.of(party) = value;
                tree.insert(party, value);
                prop_assert_eq!(table.get_mut(&party).copied(), Some(value));
            }
            prop_assert_eq!(table.iter().map(|(party, _)| *party).collect::<Vec<_>>(), order);
            prop_assert_eq!(table.iter().collect::<BTreeMap<_, _>>(), tree.iter().collect::<BTreeMap<_, _>>());
        }
    }
}
