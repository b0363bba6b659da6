//! What a provider keeps beside each shard: the upper part of its BLAKE3 tree.
//!
//! Hash pairs down to groups of 16 KiB, in pre-order as bao has them: the top pair, then everything of
//! the left half, then of the right. With it, a proof of one chunk reads one group and not the shard.

use crate::hash::Root;
use bao_tree::{BaoTree, BlockSize, io::outboard::PreOrderMemOutboard};

/// How many bytes one hash of the outboard covers.
pub const GROUP_BYTES: usize = 16 << 10;
/// A group is 2⁴ chunks of 1 KiB.
const GROUP_LOG: u8 = 4;

/// A shard's root and outboard, computed in one pass.
///
/// ```
/// let (root, outboard) = shards::outboard::of(&[0; 1 << 20]);
/// assert_eq!(root, shards::Root::of(&[0; 1 << 20]));
/// assert_eq!(outboard.len(), 63 * 64);
/// ```
pub fn of(shard: &[u8]) -> (Root, Vec<u8>) {
    let outboard = PreOrderMemOutboard::create(shard, BlockSize::from_chunk_log(GROUP_LOG));
    (Root(outboard.root.into()), outboard.data)
}

/// How long the outboard of a shard of `shard_bytes` is: 64 bytes for each group but the first.
pub fn len(shard_bytes: u32) -> usize {
    let tree = BaoTree::new(shard_bytes.into(), BlockSize::from_chunk_log(GROUP_LOG));
    usize::try_from(tree.outboard_size()).expect("a 256th of a 32-bit length")
}

/// The siblings of group number `group`, from the lowest pair to the top one; `None` where the outboard
/// is not as long as a shard of `shard_bytes` needs.
pub(crate) fn siblings(outboard: &[u8], shard_bytes: u32, group: usize) -> Option<Vec<[u8; 32]>> {
    let mut groups = (shard_bytes as usize).div_ceil(GROUP_BYTES).max(1);
    if outboard.len() != (groups - 1) * 64 || group >= groups {
        return None;
    }
    let (mut place, mut group) = (0, group);
    let mut siblings = Vec::with_capacity(10);
    while groups > 1 {
        let left = groups.next_power_of_two() / 2;
        let (first, second) = outboard.get(place * 64..place * 64 + 64)?.split_at(32);
        if group < left {
            siblings.push(second.try_into().ok()?);
            place += 1;
            groups = left;
        } else {
            siblings.push(first.try_into().ok()?);
            place += left;
            group -= left;
            groups -= left;
        }
    }
    siblings.reverse();
    Some(siblings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outboard_is_four_thousandths_of_the_shard_and_its_root_the_hash() {
        for bytes in [0_u32, 1, 64, 16 << 10, (16 << 10) + 1, 100_000, 1 << 20] {
            let shard: Vec<u8> = (0..bytes).map(|i| (i / 3).to_le_bytes()[0]).collect();
            let (root, outboard) = of(&shard);
            assert_eq!(root, Root::of(&shard));
            assert_eq!(outboard.len(), len(bytes));
            assert!(outboard.len() * 250 <= shard.len());
        }
    }

    #[test]
    fn an_outboard_of_another_length_gives_no_siblings() {
        let (_, outboard) = of(&vec![0; 100_000]);
        assert!(siblings(&outboard, 100_000, 6).is_some());
        assert_eq!(siblings(&outboard, 100_000, 7), None);
        assert_eq!(siblings(&outboard[1..], 100_000, 0), None);
        assert_eq!(siblings(&outboard, 120_000, 0), None);
    }
}
