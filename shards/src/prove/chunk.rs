//! The way from a 1 KiB chunk up to its shard's root: BLAKE3's own tree.
//!
//! BLAKE3 pairs nodes level by level and moves an odd last one up, so a path is the list of siblings
//! from the chunk upward, and the number of chunks says at which levels there is one.

use crate::hash::Root;
use crate::outboard::{self, GROUP_BYTES};
use blake3::Hasher;
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

/// The length of every chunk but a shard's last.
pub const CHUNK_BYTES: usize = blake3::CHUNK_LEN;

/// Siblings from `group`, the 16 KiB around chunk number `chunk`, and above it from the outboard.
pub(super) fn path(
    group: &[u8],
    outboard: &[u8],
    shard_bytes: u32,
    chunk: usize,
) -> Option<Vec<[u8; 32]>> {
    let chunks_per_group = GROUP_BYTES / CHUNK_BYTES;
    let first = chunk / chunks_per_group * chunks_per_group;
    let above = outboard::siblings(outboard, shard_bytes, chunk / chunks_per_group)?;
    let mut path = Vec::with_capacity(4 + above.len());
    let chunks = group.len().div_ceil(CHUNK_BYTES);
    let mut place = chunk - first;
    let mut width = 1;
    while width < chunks {
        let start = (place ^ 1) * width;
        if start < chunks {
            let end = group.len().min((start + width) * CHUNK_BYTES);
            path.push(subtree(&group[start * CHUNK_BYTES..end], first + start));
        }
        place >>= 1;
        width *= 2;
    }
    path.extend(above);
    Some(path)
}

/// The root of a shard of `shard_bytes` in which chunk number `chunk` is `bytes`; `None` where the path
/// has another length than such a shard gives it.
pub(super) fn root(
    bytes: &[u8],
    path: &[[u8; 32]],
    shard_bytes: u32,
    chunk: usize,
) -> Option<Root> {
    let mut count = (shard_bytes as usize).div_ceil(CHUNK_BYTES);
    if count <= 1 {
        return path.is_empty().then(|| Root::of(bytes));
    }
    let mut hash = subtree(bytes, chunk);
    let mut place = chunk;
    let mut path = path.iter();
    while count > 1 {
        if place ^ 1 < count {
            let sibling = path.next()?;
            let (left, right) = if place & 1 == 0 { (&hash, sibling) } else { (sibling, &hash) };
            if count == 2 {
                let root = merge_subtrees_root(left, right, Mode::Hash);
                return path.next().is_none().then(|| Root(root.into()));
            }
            hash = merge_subtrees_non_root(left, right, Mode::Hash);
        }
        place >>= 1;
        count = count.div_ceil(2);
    }
    None
}

/// The hash of a part of a shard that begins at chunk number `first`, and is not all of it.
fn subtree(bytes: &[u8], first: usize) -> [u8; 32] {
    let mut hasher = Hasher::new();
    hasher.set_input_offset((first * CHUNK_BYTES) as u64).update(bytes);
    hasher.finalize_non_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_of_shards_of_many_lengths_leads_to_the_root() {
        let lengths = [64, 1_024, 1_088, 3 << 10, 16 << 10, (16 << 10) + 64, 77_312, 1 << 18];
        for shard_bytes in lengths {
            let shard: Vec<u8> = (0..shard_bytes).map(|i: u32| (i / 5).to_le_bytes()[0]).collect();
            let (want, outboard) = outboard::of(&shard);
            for (chunk, bytes) in shard.chunks(CHUNK_BYTES).enumerate() {
                let start = chunk * CHUNK_BYTES / GROUP_BYTES * GROUP_BYTES;
                let group = &shard[start..shard.len().min(start + GROUP_BYTES)];
                let path = path(group, &outboard, shard_bytes, chunk).unwrap_or_default();
                assert_eq!(
                    root(bytes, &path, shard_bytes, chunk),
                    Some(want),
                    "{shard_bytes} {chunk}"
                );
                let longer = [path.as_slice(), &[[0; 32]]].concat();
                assert_eq!(root(bytes, &longer, shard_bytes, chunk), None);
                if let Some((_, shorter)) = path.split_last() {
                    assert_eq!(root(bytes, shorter, shard_bytes, chunk), None);
                }
            }
        }
    }
}
