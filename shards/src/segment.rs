//! One segment of an object: k shards of the sealed stream, m of parity.

use crate::code::ErasureCode;
use crate::hash::Root;
use crate::layout::SegmentLayout;
use crate::pool::Buffer;
use crate::seal::SEALED_CHUNK_BYTES;
use crate::shape::Shape;
use bytes::Bytes;

/// A coded segment, ready to be sent: shard i to slot i.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Which segment of the object this is.
    pub index: u64,
    /// Its k + m shards.
    pub shards: Vec<Bytes>,
    /// Their roots.
    pub roots: Vec<Root>,
}

impl Segment {
    /// What the object's layout keeps of it.
    pub fn layout(&self) -> SegmentLayout {
        let bytes = self.shards.first().map_or(0, Bytes::len);
        let shard_bytes = u32::try_from(bytes).expect("a shard has 4 MiB at most");
        SegmentLayout { shard_bytes, roots: self.roots.clone() }
    }
}

/// Where in a segment's buffer things lie: the k data shards, then room for the chunk that is cut by
/// the segment's end, then the m parity shards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    shape: Shape,
    /// How many bytes of the sealed stream fill the segment.
    pub(crate) data_bytes: usize,
}

impl Room {
    pub(crate) fn new(shape: Shape) -> Self {
        let data_bytes = usize::from(shape.data) * shape.shard_bytes as usize;
        Self { shape, data_bytes }
    }

    /// How long the buffer is.
    pub(crate) fn buffer_bytes(self) -> usize {
        self.parity_start() + usize::from(self.shape.parity) * self.shape.shard_bytes as usize
    }

    fn parity_start(self) -> usize {
        self.data_bytes + SEALED_CHUNK_BYTES
    }

    /// Codes and hashes what the first `used` bytes of `buffer` hold.
    pub(crate) fn finish(
        self,
        index: u64,
        mut buffer: Buffer,
        used: usize,
        code: &impl ErasureCode,
    ) -> Segment {
        let shard = self.shape.shard_bytes_for(used as u64) as usize;
        let data_bytes = shard * usize::from(self.shape.data);
        let parity_bytes = shard * usize::from(self.shape.parity);
        let (data, parity) = buffer.as_mut().split_at_mut(self.parity_start());
        data[used..data_bytes].fill(0);
        let data: Vec<&[u8]> = data[..data_bytes].chunks_exact(shard).collect();
        let mut parity: Vec<&mut [u8]> = parity[..parity_bytes].chunks_exact_mut(shard).collect();
        code.encode(&data, &mut parity).expect("k and m shards of one length were cut above");
        let roots = data.iter().copied().chain(parity.iter().map(|shard| &**shard)).map(Root::of);
        let roots = roots.collect();
        let bytes = Bytes::from_owner(buffer);
        let starts = (0..data_bytes).step_by(shard);
        let starts =
            starts.chain((self.parity_start()..).step_by(shard).take(self.shape.parity.into()));
        let shards = starts.map(|start| bytes.slice(start..start + shard)).collect();
        Segment { index, shards, roots }
    }
}
