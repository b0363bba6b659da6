//! How much a slot may take, which lists are signed for, and which may go.

use shards::{Entry, Root};
use types::Bytes;

/// What a slot was reserved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What it has room for.
    pub capacity: Bytes,
    /// The largest shard.
    pub shard_bytes: u32,
}

/// What is kept already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Bytes in this slot that its newest list names, or no list yet.
    pub current: u64,
    /// All bytes in this slot, those of older lists too.
    pub slot: u64,
    /// Bytes in all slots.
    pub node: u64,
    /// What the node offers in all.
    pub offered: Bytes,
}

/// Why a shard is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// No shard of this contract has such a length.
    #[error("a shard of {found} bytes: in this contract one has 1 to {max}")]
    Length {
        /// Its length.
        found: u64,
        /// The longest.
        max: u32,
    },
    /// The slot has no room.
    #[error("the slot has room for {capacity}; {wanted} would be in it, so remove something first")]
    Slot {
        /// Its room.
        capacity: Bytes,
        /// What would be in it.
        wanted: Bytes,
    },
    /// The node has no room.
    #[error(
        "this provider offers {offered}; {wanted} would be on it: reads continue, new bytes wait"
    )]
    Node {
        /// What it offers.
        offered: Bytes,
        /// What would be on it.
        wanted: Bytes,
    },
}

/// Why a list is not signed for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListRefusal {
    /// Revisions count from 1.
    #[error("revision 0 is the empty beginning; the first list belongs to revision 1")]
    Revision,
    /// A length that no shard has.
    #[error("shard {root} is listed with {found} bytes; in this contract one has 1 to {max}")]
    Length {
        /// Which shard.
        root: Root,
        /// Its length.
        found: u32,
        /// The longest.
        max: u32,
    },
    /// Together they are more than was reserved.
    #[error("the list has {found} and the slot room for {capacity}; store less in it")]
    TooMuch {
        /// What it has.
        found: Bytes,
        /// The slot's room.
        capacity: Bytes,
    },
}

impl ListRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Revision => "revision_invalid",
            Self::Length { .. } => "wrong_length",
            Self::TooMuch { .. } => "quota_exceeded",
        }
    }
}

/// Whether a slot takes a shard of `bytes` more.
///
/// While an object is replaced, the old list and the new stand side by side until an audit has named the new one: only
/// the new one counts against the room, and both together against twice of it.
///
/// # Errors
/// [`Full`] with the figures on both sides.
pub fn admit(limits: &Limits, kept: &Kept, bytes: u64) -> Result<(), Full> {
    if bytes == 0 || bytes > u64::from(limits.shard_bytes) {
        return Err(Full::Length { found: bytes, max: limits.shard_bytes });
    }
    let capacity = limits.capacity;
    let full = |held: u64| Full::Slot { capacity, wanted: Bytes(held.saturating_add(bytes)) };
    if kept.current.saturating_add(bytes) > capacity.0 {
        return Err(full(kept.current));
    }
    if kept.slot.saturating_add(bytes) > capacity.0.saturating_mul(2) {
        return Err(full(kept.slot));
    }
    let wanted = Bytes(kept.node.saturating_add(bytes));
    if wanted > kept.offered {
        return Err(Full::Node { offered: kept.offered, wanted });
    }
    Ok(())
}

/// Whether a list is a possible one for `revision`.
///
/// # Errors
/// [`ListRefusal`].
pub fn check_list(limits: &Limits, revision: u64, list: &[Entry]) -> Result<(), ListRefusal> {
    if revision == 0 {
        return Err(ListRefusal::Revision);
    }
    let mut total = 0_u64;
    for Entry { root, bytes } in list {
        let (root, found, max) = (*root, *bytes, limits.shard_bytes);
        if found == 0 || found > max {
            return Err(ListRefusal::Length { root, found, max });
        }
        total = total.saturating_add(found.into());
    }
    if total > limits.capacity.0 {
        return Err(ListRefusal::TooMuch { found: Bytes(total), capacity: limits.capacity });
    }
    Ok(())
}

/// The lists that may go once an audit has named `current`: those of earlier revisions. `lists` are the latest
/// revisions that receipts were signed for, with their lists' roots; where `current` is not among them, nothing goes.
pub fn superseded(lists: &[(u64, Root)], current: &Root) -> Vec<Root> {
    let reached = lists.iter().filter(|(_, root)| root == current).map(|(n, _)| *n).max();
    let Some(reached) = reached else { return Vec::new() };
    let older = lists.iter().filter(|(revision, root)| *revision < reached && root != current);
    older.map(|(_, root)| *root).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits { capacity: Bytes(1_000), shard_bytes: 400 };

    fn root(n: u8) -> Root {
        Root([n; 32])
    }

    #[test]
    fn shards_are_taken_up_to_the_slots_and_the_nodes_room() {
        let kept = |current, slot, node| Kept { current, slot, node, offered: Bytes(2_500) };
        assert_eq!(admit(&LIMITS, &kept(600, 1_600, 2_100), 400), Ok(()));
        assert!(matches!(admit(&LIMITS, &kept(601, 601, 601), 400), Err(Full::Slot { .. })));
        assert!(matches!(admit(&LIMITS, &kept(0, 1_601, 1_601), 400), Err(Full::Slot { .. })));
        assert!(matches!(admit(&LIMITS, &kept(0, 0, 2_101), 400), Err(Full::Node { .. })));
        assert!(matches!(admit(&LIMITS, &kept(0, 0, 0), 401), Err(Full::Length { .. })));
        assert!(matches!(admit(&LIMITS, &kept(0, 0, 0), 0), Err(Full::Length { .. })));
        assert!(admit(&LIMITS, &kept(u64::MAX, u64::MAX, u64::MAX), 1).is_err());
    }

    #[test]
    fn only_possible_lists_are_signed_for() {
        let code = |revision, list: &[(u8, u32)]| {
            let entry = |(n, bytes): &(u8, u32)| Entry { root: root(*n), bytes: *bytes };
            let list: Vec<Entry> = list.iter().map(entry).collect();
            check_list(&LIMITS, revision, &list).err().map(|refusal| refusal.code())
        };
        assert_eq!(code(1, &[(1, 400), (2, 400)]), None);
        assert_eq!(code(1, &[]), None, "an empty slot is a possible one");
        assert_eq!(code(0, &[]), Some("revision_invalid"));
        assert_eq!(code(1, &[(1, 0)]), Some("wrong_length"));
        assert_eq!(code(1, &[(1, u32::MAX)]), Some("wrong_length"));
        assert_eq!(code(1, &[(1, 400); 3]), Some("quota_exceeded"));
    }

    #[test]
    fn a_list_stays_until_a_later_one_is_audited() {
        let lists = [(1, root(1)), (2, root(2)), (3, root(3))];
        assert_eq!(superseded(&lists, &root(2)), [root(1)]);
        assert_eq!(superseded(&lists, &root(1)), []);
        assert_eq!(superseded(&lists, &root(9)), []);
    }

    proptest! {
        #[test]
        fn the_audited_list_and_later_ones_never_go(
            revisions in prop::collection::btree_map(0_u8..8, 1_u64..6, 0..8), current in 0_u8..8
        ) {
            let lists: Vec<(u64, Root)> = revisions.iter().map(|(r, n)| (*n, root(*r))).collect();
            let gone = superseded(&lists, &root(current));
            for (list, revision) in &revisions {
                let is_older = revisions.get(&current).is_some_and(|reached| revision < reached);
                prop_assert_eq!(gone.contains(&root(*list)), is_older);
            }
        }
    }
}
