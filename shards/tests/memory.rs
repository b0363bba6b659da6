//! A gibibyte goes through the encoder and the decoder in a few segments' worth of memory.
//!
//! Alone in its process, whose peak it reads.

#![cfg(target_os = "linux")]

use shards::{Cipher, Decoder, Encoder, Error, ObjectKey, Segment, Shape, Shard};
use std::io::Write;

const PIECE_BYTES: usize = 1 << 20;
const PIECES: u64 = 1 << 10;
/// Encoder and decoder at once, with the buffers they keep, and the test itself.
const PEAK_MIB_MAX: u64 = 64;

/// The object's bytes, computed again for whoever needs them.
struct Object {
    output: blake3::OutputReader,
    piece: Vec<u8>,
}

impl Object {
    fn new() -> Self {
        Self { output: blake3::Hasher::new().finalize_xof(), piece: vec![0; PIECE_BYTES] }
    }

    fn next(&mut self, is_noise: bool) -> &[u8] {
        if is_noise {
            self.output.fill(&mut self.piece);
        }
        &self.piece
    }
}

/// Compares what is written with the object.
struct Compare {
    object: Object,
    is_noise: bool,
    /// How much of the object's current piece was compared.
    at: usize,
    bytes: u64,
}

impl Write for Compare {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        if self.at == PIECE_BYTES || self.bytes == 0 {
            self.object.next(self.is_noise);
            self.at = 0;
        }
        let len = piece.len().min(PIECE_BYTES - self.at);
        assert!(piece[..len] == self.object.piece[self.at..self.at + len], "at {}", self.bytes);
        self.at += len;
        self.bytes += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn encode(
    is_noise: bool,
    mut each: impl FnMut(Segment) -> Result<(), Error>,
) -> Result<shards::ObjectLayout, Error> {
    let key = ObjectKey::new([5; 32]);
    let mut encoder = Encoder::new(Shape::default(), Cipher::for_this_cpu(), &key, !is_noise)?;
    let mut object = Object::new();
    for _ in 0..PIECES {
        encoder.push(object.next(is_noise))?.into_iter().try_for_each(&mut each)?;
    }
    let end = encoder.finish()?;
    end.segments.into_iter().try_for_each(&mut each)?;
    Ok(end.layout)
}

fn there_and_back(is_noise: bool) -> Result<u64, Error> {
    let layout = encode(is_noise, |_| Ok(()))?;
    let mut decoder = Decoder::new(layout.clone(), &ObjectKey::new([5; 32]))?;
    let mut compare = Compare { object: Object::new(), is_noise, at: 0, bytes: 0 };
    encode(is_noise, |segment| {
        let known = layout.segment(segment.index)?;
        let verified = |i: u16| known.verify_shard(i, segment.shards[usize::from(i)].clone());
        let shards = [0, 2, 3, 5].map(verified).into_iter().collect::<Result<Vec<Shard>, _>>()?;
        decoder.push(&shards, &mut compare)
    })?;
    decoder.finish()?;
    Ok(compare.bytes)
}

#[expect(
    clippy::disallowed_methods,
    reason = "only the operating system knows this process's peak"
)]
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib >> 10)
}

#[test]
fn a_gibibyte_of_noise_and_one_of_zeros_pass_in_little_memory() -> Result<(), Error> {
    assert_eq!(there_and_back(true)?, PIECES * PIECE_BYTES as u64);
    assert_eq!(there_and_back(false)?, PIECES * PIECE_BYTES as u64);
    let peak = peak_mib();
    assert!(peak.is_some_and(|mib| mib < PEAK_MIB_MAX), "{peak:?} MiB");
    println!("the peak was {peak:?} MiB");
    Ok(())
}
