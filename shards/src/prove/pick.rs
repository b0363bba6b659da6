//! Which chunks an audit asks for.

use super::wire::ANSWERS_MAX;
use crate::slot::SlotSummary;
use serde::{Deserialize, Serialize};

/// Separates this use of BLAKE3 from all others.
const CONTEXT: &str = "bondstore 2026 audit picks";

/// One chunk of a slot: the one in which this byte lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pick {
    /// A byte of the slot, counted over all its shards in order.
    pub offset: u64,
}

/// Draws `count` picks, each uniform over the slot's bytes and independent of the others.
///
/// The seed keys BLAKE3, whose output is read as little-endian 64-bit numbers; one that would favour low
/// offsets is passed over. An empty slot gives no picks, and no slot more than [`ANSWERS_MAX`].
///
/// ```
/// use shards::{Root, SlotSummary, prove};
///
/// let slot = SlotSummary { root: Root::of(b""), bytes: 1 << 30, shards: 1024 };
/// let picks = prove::picks([7; 32], &slot, 459);
/// assert_eq!(picks.len(), 459);
/// assert_eq!(picks, prove::picks([7; 32], &slot, 459));
/// ```
pub fn picks(seed: [u8; 32], slot: &SlotSummary, count: u32) -> Vec<Pick> {
    let Some(fair) = fair_limit(slot.bytes) else { return Vec::new() };
    let mut output = blake3::Hasher::new_derive_key(CONTEXT).update(&seed).finalize_xof();
    let mut draw = || {
        let mut word = [0; 8];
        output.fill(&mut word);
        u64::from_le_bytes(word)
    };
    let mut picks = Vec::new();
    while picks.len() < ANSWERS_MAX.min(count as usize) {
        let word = draw();
        if word <= fair {
            picks.push(Pick { offset: word % slot.bytes });
        }
    }
    picks
}

/// The largest number such that the numbers up to it hold every remainder of `bytes` equally often.
fn fair_limit(bytes: u64) -> Option<u64> {
    let over = u64::MAX.checked_rem(bytes)?.wrapping_add(1) % bytes;
    Some(u64::MAX - over)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Root;

    fn slot(bytes: u64) -> SlotSummary {
        SlotSummary { root: Root::default(), bytes, shards: 1 }
    }

    #[test]
    fn picks_stay_within_the_slot_whatever_its_size() {
        for bytes in [1, 2, 3, 1_000, u64::from(u32::MAX), (1 << 63) + 1, u64::MAX] {
            let picks = picks([1; 32], &slot(bytes), 200);
            assert_eq!(picks.len(), 200);
            assert!(picks.iter().all(|pick| pick.offset < bytes));
        }
    }

    #[test]
    fn an_empty_slot_has_nothing_to_pick() {
        assert_eq!(picks([1; 32], &slot(0), 10), []);
    }

    #[test]
    fn no_audit_asks_for_more_than_one_list_of_answers_holds() {
        assert_eq!(picks([1; 32], &slot(9), u32::MAX).len(), ANSWERS_MAX);
    }

    #[test]
    fn the_limit_holds_every_remainder_equally_often() {
        assert_eq!(fair_limit(1), Some(u64::MAX));
        assert_eq!(fair_limit(1 << 32), Some(u64::MAX));
        for bytes in [3, 10, 1_000_003, (1 << 63) + 1, u64::MAX] {
            let numbers = u128::from(fair_limit(bytes).unwrap_or(0)) + 1;
            assert_eq!(numbers % u128::from(bytes), 0);
            assert!((1 << 64) - numbers < u128::from(bytes));
        }
    }

    #[test]
    fn picks_spread_evenly_and_differ_by_seed() {
        let count = |seed| {
            let mut thirds = [0_u32; 3];
            for pick in picks([seed; 32], &slot(3 << 20), 30_000) {
                thirds[usize::try_from(pick.offset >> 20).unwrap_or(0)] += 1;
            }
            thirds
        };
        let (first, second) = (count(1), count(2));
        assert_ne!(first, second);
        // Five standard deviations around the mean: √(30,000 · ⅓ · ⅔) is 82.
        assert!(
            first.iter().chain(&second).all(|&third| third.abs_diff(10_000) < 410),
            "{first:?}"
        );
    }
}
