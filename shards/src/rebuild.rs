//! Lost shards, computed again from any k others.

use crate::code::{ErasureCode, ReedSolomon};
use crate::error::{Error, Indices};
use crate::layout::{SegmentRef, Shard};
use bytes::Bytes;

impl SegmentRef<'_> {
    /// Computes shard number `wanted` from any k other shards of this segment, and checks it against
    /// the root it must have.
    ///
    /// # Errors
    /// [`Error::TooFewShards`] names the missing ones; [`Error::ForeignShard`] where one is of another
    /// segment; [`Error::WrongShard`] where what comes out is not what was stored, because the segment
    /// was coded wrongly.
    pub fn rebuild_shard(&self, wanted: u16, shards: &[Shard]) -> Result<Shard, Error> {
        let code = ReedSolomon::new(self.shape)?;
        let row = self.row(shards)?;
        let mut bytes = vec![0; self.layout.shard_bytes as usize];
        code.rebuild(&row, &[wanted.into()], &mut [&mut bytes])?;
        self.verify_shard(wanted, Bytes::from(bytes))
    }

    /// The shards in their places, `None` where one is not there; at least k are.
    pub(crate) fn row<'s>(&self, shards: &'s [Shard]) -> Result<Vec<Option<&'s [u8]>>, Error> {
        let mut row = vec![None; self.shape.shards().into()];
        for shard in shards {
            let place = usize::from(shard.index());
            let known = self.layout.roots.get(place) == Some(&shard.root());
            match row.get_mut(place) {
                Some(free) if known && shard.segment() == self.index => {
                    *free = Some(shard.bytes().as_ref());
                }
                _ => {
                    let (index, got) = (shard.index(), shard.segment());
                    return Err(Error::ForeignShard { index, got, want: self.index });
                }
            }
        }
        let have = row.iter().flatten().count();
        let need = usize::from(self.shape.data);
        if have < need {
            let missing = (0..).zip(&row).filter(|(_, shard)| shard.is_none()).map(|(i, _)| i);
            let missing = Indices(missing.collect());
            return Err(Error::TooFewShards { segment: self.index, have, need, missing });
        }
        Ok(row)
    }
}
