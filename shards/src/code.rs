//! Reed–Solomon: m parity shards from k data shards, and any k shards give the rest back.
//!
//! The matrix is the systematic Vandermonde one that most implementations share, so any of them can
//! read what this one wrote.

use crate::error::Error;
use crate::shape::Shape;
use rusty_erasure::{Coder, coder, compat::reed_solomon_erasure_matrix};

/// Columns are coded so many bytes at a time, so that k + m tiles stay in the nearest caches.
const TILE_BYTES: usize = 16 << 10;

/// An erasure code over k data and m parity shards of equal length.
pub trait ErasureCode {
    /// k.
    fn data_shards(&self) -> usize;

    /// m.
    fn parity_shards(&self) -> usize;

    /// Computes all m parity shards of k data shards.
    ///
    /// # Errors
    /// The number of shards is not k and m, or their lengths differ.
    fn encode(&self, data: &[&[u8]], parity: &mut [&mut [u8]]) -> Result<(), Error>;

    /// Computes the shards numbered `wanted` into `out`, from any k of the k + m `shards`.
    ///
    /// # Errors
    /// Fewer than k shards are there, their lengths differ, or a wanted number does not exist.
    fn rebuild(
        &self,
        shards: &[Option<&[u8]>],
        wanted: &[usize],
        out: &mut [&mut [u8]],
    ) -> Result<(), Error>;

    /// k + m.
    fn shards(&self) -> usize {
        self.data_shards() + self.parity_shards()
    }

    /// Fills in every shard that is `None`.
    ///
    /// # Errors
    /// As [`ErasureCode::rebuild`].
    fn reconstruct(&self, shards: &mut [Option<Vec<u8>>]) -> Result<(), Error> {
        let wanted: Vec<usize> =
            shards.iter().enumerate().filter(|(_, s)| s.is_none()).map(|(i, _)| i).collect();
        let bytes = shards.iter().flatten().map(Vec::len).next().unwrap_or(0);
        let mut rebuilt = vec![vec![0; bytes]; wanted.len()];
        {
            let given: Vec<Option<&[u8]>> = shards.iter().map(Option::as_deref).collect();
            let mut out: Vec<&mut [u8]> = rebuilt.iter_mut().map(Vec::as_mut_slice).collect();
            self.rebuild(&given, &wanted, &mut out)?;
        }
        for (index, bytes) in wanted.into_iter().zip(rebuilt) {
            shards[index] = Some(bytes);
        }
        Ok(())
    }
}

/// Reed–Solomon over GF(2⁸), with the fastest kernel of this CPU.
#[derive(Clone, Debug)]
pub struct ReedSolomon {
    coder: Coder,
}

impl ReedSolomon {
    /// The code of a shape.
    ///
    /// # Errors
    /// The shape is outside the limits of [`Shape::new`].
    pub fn new(shape: Shape) -> Result<Self, Error> {
        let shape = shape.check()?;
        let matrix = reed_solomon_erasure_matrix(shape.data.into(), shape.parity.into()).expect(
            "a checked shape has 1 to 64 shards of either kind, and the field has room for 256",
        );
        let coder = coder(matrix).expect("a matrix with at least one parity row makes a coder");
        Ok(Self { coder })
    }

    /// Codes tile by tile: `tile` gets the inputs and outputs cut to the same columns.
    fn tiled(
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
        mut tile: impl FnMut(&[&[u8]], &mut [&mut [u8]]),
    ) -> Result<(), Error> {
        let bytes = same_length(inputs, outputs)?;
        let mut rest: Vec<&mut [u8]> = outputs.iter_mut().map(|out| &mut **out).collect();
        for start in (0..bytes).step_by(TILE_BYTES) {
            let end = bytes.min(start + TILE_BYTES);
            let input: Vec<&[u8]> = inputs.iter().map(|shard| &shard[start..end]).collect();
            let mut output = Vec::with_capacity(rest.len());
            for shard in &mut rest {
                let (head, tail) = std::mem::take(shard).split_at_mut(end - start);
                output.push(head);
                *shard = tail;
            }
            tile(&input, &mut output);
        }
        Ok(())
    }
}

impl ErasureCode for ReedSolomon {
    fn data_shards(&self) -> usize {
        self.coder.k()
    }

    fn parity_shards(&self) -> usize {
        self.coder.p()
    }

    fn encode(&self, data: &[&[u8]], parity: &mut [&mut [u8]]) -> Result<(), Error> {
        count(data.len(), self.data_shards())?;
        count(parity.len(), self.parity_shards())?;
        Self::tiled(data, parity, |data, parity| {
            self.coder.encode(data, parity).expect("counts and lengths were checked above");
        })
    }

    fn rebuild(
        &self,
        shards: &[Option<&[u8]>],
        wanted: &[usize],
        out: &mut [&mut [u8]],
    ) -> Result<(), Error> {
        count(shards.len(), self.shards())?;
        count(out.len(), wanted.len())?;
        if let Some(&index) = wanted.iter().find(|&&index| index >= self.shards()) {
            return Err(Error::NoSuchShard { index, last: self.shards() - 1 });
        }
        let present: Vec<bool> = shards.iter().map(Option::is_some).collect();
        let given: Vec<usize> = (0..shards.len()).filter(|&index| present[index]).collect();
        if given.len() < self.data_shards() {
            return Err(Error::CannotRebuild { have: given.len(), need: self.data_shards() });
        }
        let plan =
            self.coder.decode_plan(&present, wanted).expect("any k rows of the matrix invert");
        let inputs: Vec<&[u8]> = shards.iter().flatten().copied().collect();
        Self::tiled(&inputs, out, |inputs, out| {
            let mut row = vec![None; present.len()];
            given.iter().zip(inputs).for_each(|(&index, &tile)| row[index] = Some(tile));
            self.coder
                .recover_with(&plan, &row, out)
                .expect("counts and lengths were checked above");
        })
    }
}

fn count(got: usize, want: usize) -> Result<(), Error> {
    if got == want { Ok(()) } else { Err(Error::ShardCount { got, want }) }
}

fn same_length(inputs: &[&[u8]], outputs: &[&mut [u8]]) -> Result<usize, Error> {
    let want = inputs.first().map_or(0, |shard| shard.len());
    let lengths = inputs.iter().map(|s| s.len()).chain(outputs.iter().map(|s| s.len()));
    match lengths.enumerate().find(|&(_, got)| got != want) {
        Some((index, got)) => Err(Error::ShardLength { index, got, want }),
        None => Ok(want),
    }
}
