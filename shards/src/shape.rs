//! How a sealed stream is cut: k data shards, m parity shards, so many bytes each.

use crate::error::Error;
use serde::{Deserialize, Serialize};

/// The most data shards a segment can have.
pub const DATA_MAX: u16 = 64;
/// The most parity shards a segment can have.
pub const PARITY_MAX: u16 = 64;
/// The smallest full shard, in bytes.
pub const SHARD_BYTES_MIN: u32 = 256 << 10;
/// The largest full shard, in bytes.
pub const SHARD_BYTES_MAX: u32 = 4 << 20;
/// Every shard's length is a multiple of this many bytes; the last segment's shards are padded to it.
pub const SHARD_BYTES_STEP: u32 = 64;

/// k + m shards of so many bytes. The default is 4 + 2 shards of 1 MiB.
///
/// ```
/// let shape = shards::Shape::new(4, 2, 1 << 20)?;
/// assert_eq!(shape.segment_bytes(), 4 << 20);
/// # Ok::<(), shards::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// k: any so many shards give the segment back.
    pub data: u16,
    /// m: so many shards may be lost.
    pub parity: u16,
    /// The length of a full segment's shards, in bytes.
    pub shard_bytes: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Self { data: 4, parity: 2, shard_bytes: 1 << 20 }
    }
}

impl Shape {
    /// A shape within the limits.
    ///
    /// # Errors
    /// Names the figure that is out of range, and the range.
    pub fn new(data: u16, parity: u16, shard_bytes: u32) -> Result<Self, Error> {
        Self { data, parity, shard_bytes }.check()
    }

    /// The same shape, if it is within the limits. What was deserialised has not been checked.
    ///
    /// # Errors
    /// As [`Shape::new`].
    pub fn check(self) -> Result<Self, Error> {
        let (min, max, step) = (SHARD_BYTES_MIN, SHARD_BYTES_MAX, SHARD_BYTES_STEP);
        if !(1..=DATA_MAX).contains(&self.data) {
            return Err(Error::DataShards { got: self.data, max: DATA_MAX });
        }
        if !(1..=PARITY_MAX).contains(&self.parity) {
            return Err(Error::ParityShards { got: self.parity, max: PARITY_MAX });
        }
        if !(min..=max).contains(&self.shard_bytes) || !self.shard_bytes.is_multiple_of(step) {
            return Err(Error::ShardBytes { got: self.shard_bytes, min, max, step });
        }
        Ok(self)
    }

    /// k + m: the number of slots an object is spread over.
    pub const fn shards(self) -> u16 {
        self.data.saturating_add(self.parity)
    }

    /// How many bytes of the sealed stream a full segment takes: k shards.
    pub const fn segment_bytes(self) -> u64 {
        self.data as u64 * self.shard_bytes as u64
    }

    /// How many segments a sealed stream of `stored_bytes` is cut into; at least one.
    pub const fn segments(self, stored_bytes: u64) -> u64 {
        let full = self.segment_bytes();
        if stored_bytes == 0 || full == 0 { 1 } else { stored_bytes.div_ceil(full) }
    }

    /// How many bytes of a sealed stream of `stored_bytes` segment `segment` takes.
    pub fn used_bytes(self, stored_bytes: u64, segment: u64) -> u64 {
        let before = segment.saturating_mul(self.segment_bytes());
        stored_bytes.saturating_sub(before).min(self.segment_bytes())
    }

    /// How long the shards of a segment are that takes `used_bytes` of the sealed stream.
    pub fn shard_bytes_for(self, used_bytes: u64) -> u32 {
        let step = u64::from(SHARD_BYTES_STEP);
        let steps = used_bytes.div_ceil(u64::from(self.data).max(1)).max(1).div_ceil(step);
        u32::try_from(steps.saturating_mul(step)).unwrap_or(u32::MAX).min(self.shard_bytes)
    }

    /// What an object of `stored_bytes` takes on all slots together, parity and padding included.
    pub fn bytes_on_slots(self, stored_bytes: u64) -> u64 {
        let last = self.segments(stored_bytes) - 1;
        let tail = self.shard_bytes_for(self.used_bytes(stored_bytes, last));
        let slot = last.saturating_mul(self.shard_bytes.into()).saturating_add(tail.into());
        slot.saturating_mul(self.shards().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_outside_the_limits_are_refused_by_name() {
        let code = |data, parity, bytes| Shape::new(data, parity, bytes).map_err(|e| e.code());
        assert!(code(1, 1, SHARD_BYTES_MIN).is_ok());
        assert!(code(DATA_MAX, PARITY_MAX, SHARD_BYTES_MAX).is_ok());
        assert_eq!(code(0, 2, 1 << 20), Err("data_shards"));
        assert_eq!(code(DATA_MAX + 1, 2, 1 << 20), Err("data_shards"));
        assert_eq!(code(4, 0, 1 << 20), Err("parity_shards"));
        assert_eq!(code(4, PARITY_MAX + 1, 1 << 20), Err("parity_shards"));
        assert_eq!(code(4, 2, SHARD_BYTES_MIN - 64), Err("shard_bytes"));
        assert_eq!(code(4, 2, SHARD_BYTES_MAX + 64), Err("shard_bytes"));
        assert_eq!(code(4, 2, (1 << 20) + 1), Err("shard_bytes"));
    }

    #[test]
    fn a_stream_is_cut_at_whole_segments() {
        let shape = Shape::default();
        let full = shape.segment_bytes();
        assert_eq!(shape.segments(0), 1);
        assert_eq!(shape.segments(full), 1);
        assert_eq!(shape.segments(full + 1), 2);
        assert_eq!(shape.used_bytes(full + 1, 0), full);
        assert_eq!(shape.used_bytes(full + 1, 1), 1);
        assert_eq!(shape.used_bytes(full + 1, 2), 0);
    }

    #[test]
    fn last_shards_are_as_short_as_the_step_allows() {
        let shape = Shape::default();
        assert_eq!(shape.shard_bytes_for(16), 64);
        assert_eq!(shape.shard_bytes_for(257), 128);
        assert_eq!(shape.shard_bytes_for(shape.segment_bytes()), shape.shard_bytes);
        assert_eq!(shape.shard_bytes_for(shape.segment_bytes() - 1), shape.shard_bytes);
        assert_eq!(shape.bytes_on_slots(16), 6 * 64);
        assert_eq!(shape.bytes_on_slots(shape.segment_bytes() + 257), 6 * ((1 << 20) + 128));
    }
}
