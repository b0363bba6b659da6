//! What a damaged disk means for a slot, in the words of a confession.
//!
//! A confessed loss costs half of a discovered one, and every loss is discovered in the end: so what is known to be
//! lost is confessed, as long as the market counts on it.

use shards::Entry;
use types::documents::{Confession, SlotSize};
use types::{ContractId, Did};

/// How the market sees a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it counts on the slot's bytes: the slot is filled and its contract active.
    pub is_counted_on: bool,
    /// Who holds the slot.
    pub provider: Did,
    /// The contract's latest revision.
    pub revision: u64,
    /// What the slot must hold by that revision.
    pub size: SlotSize,
}

/// The confession that `provider` owes for a slot, if it owes one. `list` is the one that `standing` names, where it
/// is known; where it is not, nothing of the slot can be proven, and all of it is lost. A shard that `is_lost` counts
/// whole, since no part of it can be proven to a reader.
pub fn confession(
    provider: Did,
    (contract, slot): (ContractId, u16),
    standing: &Standing,
    list: Option<&[Entry]>,
    is_lost: impl Fn(&Entry) -> bool,
) -> Option<Confession> {
    if !standing.is_counted_on || standing.provider != provider {
        return None;
    }
    let lost = |entries: &[Entry]| {
        let bytes = entries.iter().filter(|entry| is_lost(entry)).map(|e| u64::from(e.bytes));
        bytes.fold(0, u64::saturating_add)
    };
    let lost_bytes = list.map_or(standing.size.bytes, lost).min(standing.size.bytes);
    let revision = standing.revision;
    (lost_bytes > 0).then_some(Confession { provider, contract, slot, revision, lost_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shards::Root;
    use types::Hash;

    const ME: Did = Did([1; 32]);

    fn standing() -> Standing {
        let size = SlotSize { root: Hash::of(b"slot"), bytes: 300, shards: 3 };
        Standing { is_counted_on: true, provider: ME, revision: 4, size }
    }

    fn list() -> Vec<Entry> {
        (1..=3).map(|n| Entry { root: Root([n; 32]), bytes: 100 }).collect()
    }

    fn owed(standing: &Standing, list: Option<&[Entry]>, lost: &[u8]) -> Option<u64> {
        let is_lost = |entry: &Entry| lost.contains(&entry.root.0[0]);
        confession(ME, (Hash::of(b"c"), 1), standing, list, is_lost).map(|c| c.lost_bytes)
    }

    #[test]
    fn what_is_lost_of_the_current_list_is_confessed() {
        assert_eq!(owed(&standing(), Some(&list()), &[2, 3, 9]), Some(200));
        assert_eq!(owed(&standing(), Some(&list()), &[9]), None, "an older list's shard");
        assert_eq!(owed(&standing(), None, &[]), Some(300), "without its list all is lost");
    }

    #[test]
    fn nothing_is_confessed_that_nobody_counts_on() {
        let faulty = Standing { is_counted_on: false, ..standing() };
        assert_eq!(owed(&faulty, Some(&list()), &[1]), None);
        let others = Standing { provider: Did([2; 32]), ..standing() };
        assert_eq!(owed(&others, Some(&list()), &[1]), None);
    }

    proptest! {
        #[test]
        fn never_more_is_confessed_than_the_slot_holds(
            bytes: u64, lengths in prop::collection::vec(any::<u32>(), 0..20)
        ) {
            let size = SlotSize { bytes, ..SlotSize::default() };
            let standing = Standing { size, ..standing() };
            let entry = |bytes: &u32| Entry { root: Root::default(), bytes: *bytes };
            let list: Vec<Entry> = lengths.iter().map(entry).collect();
            let owed = confession(ME, (Hash::default(), 0), &standing, Some(&list), |_| true);
            prop_assert!(owed.is_none_or(|c| (1..=bytes).contains(&c.lost_bytes)));
        }
    }
}
