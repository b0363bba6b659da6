//! What a damaged disk means for a slot, in the words of a confession.

/// How many of a slot's bytes are lost: each shard that is not whole counts whole, since no part of it can be proven
/// to a reader. Nothing is nothing to confess.
pub fn lost_bytes(damaged: impl IntoIterator<Item = u32>) -> Option<u64> {
    let lost = damaged.into_iter().map(u64::from).fold(0, u64::saturating_add);
    (lost > 0).then_some(lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_shards_count_whole_and_none_is_nothing() {
        assert_eq!(lost_bytes([]), None);
        assert_eq!(lost_bytes([64, 1 << 20]), Some((1 << 20) + 64));
        assert_eq!(lost_bytes([u32::MAX; 3]), Some(3 * u64::from(u32::MAX)));
    }
}
