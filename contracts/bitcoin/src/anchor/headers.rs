//! The blocks that a verifier trusts: a run of headers, each naming the one before it and each worked for.

use crate::chain::Tip;
use bitcoin::block::Header;
use bitcoin::consensus::encode::deserialize;
use bitcoin::consensus::params::Params;
use bitcoin::{BlockHash, CompactTarget, Network, Target, constants};

/// How long a header is.
const LENGTH: usize = 80;
/// After so many blocks the work asked for changes, where it does.
const RETARGET: u32 = 2_016;

/// Why headers are no chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadersError {
    /// No header at all.
    #[error("there are no headers; {LENGTH} bytes for each block are needed, one after the other")]
    Empty,
    /// Something is left over.
    #[error("{0} bytes are left over behind the last header; a header has {LENGTH}")]
    Length(usize),
    /// More than heights can number.
    #[error("the headers from height {0} on go beyond the last height, 4294967295")]
    Beyond(u32),
    /// Height 0 is another network's first block, or none.
    #[error(
        "block 0 is {found}, {network} begins with {expected}; \
         take that network's headers, or say from which height these are"
    )]
    OtherNetwork {
        /// What it is.
        found: BlockHash,
        /// Which network was said.
        network: Network,
        /// Its first block.
        expected: BlockHash,
    },
    /// A header does not name the one before it.
    #[error(
        "block {0} does not follow the block before it; the headers must be of one chain, without gaps"
    )]
    Unlinked(u32),
    /// Less work is asked for than the network ever asks for, or the target is not written as it must be.
    #[error("block {height} asks for target {bits:08x}, which is no target of {network}")]
    Easy {
        /// Which block.
        height: u32,
        /// The target as the header writes it.
        bits: u32,
        /// Which network was said.
        network: Network,
    },
    /// The work asked for is not what the blocks before demand.
    #[error(
        "block {height} asks for target {found:08x} where the blocks before it demand {expected}"
    )]
    Target {
        /// Which block.
        height: u32,
        /// The target as the header writes it.
        found: u32,
        /// What would be right.
        expected: String,
    },
    /// The hash is above the target.
    #[error("block {0} is not worked for: its hash is above its own target; it was changed")]
    Unworked(u32),
}

/// A run of blocks of one network.
///
/// Whoever gives the headers answers for them: that they begin with the network's first block is checked where they begin at
/// height 0, and that each was worked for is checked always, but no other chain with more work can be known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    network: Network,
    first: u32,
    run: Vec<Header>,
    tip: Tip,
}

impl Headers {
    /// Reads headers of 80 bytes, one after the other, the first of them at height `first`.
    ///
    /// # Errors
    /// [`HeadersError`] names the first block that does not fit.
    pub fn read(bytes: &[u8], first: u32, network: Network) -> Result<Self, HeadersError> {
        let (headers, rest) = bytes.as_chunks::<LENGTH>();
        if !rest.is_empty() {
            return Err(HeadersError::Length(rest.len()));
        }
        let header = |bytes: &[u8; LENGTH]| deserialize(bytes).ok();
        let headers: Option<Vec<Header>> = headers.iter().map(header).collect();
        Self::new(headers.ok_or(HeadersError::Empty)?, first, network)
    }

    /// Headers in their order, the first of them at height `first`.
    ///
    /// # Errors
    /// [`HeadersError`] names the first block that does not fit.
    pub fn new(headers: Vec<Header>, first: u32, network: Network) -> Result<Self, HeadersError> {
        let first_of_network = constants::genesis_block(network).block_hash();
        let mut before: Option<BlockHash> = None;
        let mut height = first;
        for (place, header) in headers.iter().enumerate() {
            if before.is_some_and(|before| header.prev_blockhash != before) {
                return Err(HeadersError::Unlinked(height));
            }
            let hash = worked(header, height, network)?;
            if height == 0 && hash != first_of_network {
                let (found, expected) = (hash, first_of_network);
                return Err(HeadersError::OtherNetwork { found, network, expected });
            }
            retargeted(&headers[..=place], height, network)?;
            before = Some(hash);
            height = height.checked_add(1).ok_or(HeadersError::Beyond(first))?;
        }
        let hash = before.ok_or(HeadersError::Empty)?;
        Ok(Self { network, first, run: headers, tip: Tip { height: height - 1, hash } })
    }

    /// Which network's they are.
    pub fn network(&self) -> Network {
        self.network
    }

    /// The height of the first.
    pub fn first(&self) -> u32 {
        self.first
    }

    /// The last.
    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// All of them, in their order.
    pub fn all(&self) -> &[Header] {
        &self.run
    }

    /// The header at `height`, where they reach so far.
    pub fn at(&self, height: u32) -> Option<&Header> {
        self.run.get(usize::try_from(height.checked_sub(self.first)?).ok()?)
    }
}

/// The name of a block whose header was worked for, as its network demands at least.
///
/// # Errors
/// [`HeadersError::Easy`] and [`HeadersError::Unworked`].
pub(super) fn worked(
    header: &Header,
    height: u32,
    network: Network,
) -> Result<BlockHash, HeadersError> {
    let target = header.target();
    let is_plain = target.to_compact_lossy() == header.bits && target != Target::ZERO;
    if !is_plain || target > Params::new(network).max_attainable_target {
        let bits = header.bits.to_consensus();
        return Err(HeadersError::Easy { height, bits, network });
    }
    let hash = header.block_hash();
    if !target.is_met_by(hash) {
        return Err(HeadersError::Unworked(height));
    }
    Ok(hash)
}

/// Whether the last of `headers` asks for as much work as those before it demand. Networks that sometimes let a block off
/// (testnets, regtest) demand no more than the least.
fn retargeted(headers: &[Header], height: u32, network: Network) -> Result<(), HeadersError> {
    let params = Params::new(network);
    let [earlier @ .., last] = headers else { return Ok(()) };
    let Some(before) = earlier.last().filter(|_| !params.allow_min_difficulty_blocks) else {
        return Ok(());
    };
    let found = last.bits.to_consensus();
    let wrong = |expected| Err(HeadersError::Target { height, found, expected });
    let exactly = |expected: CompactTarget| {
        let expected = expected.to_consensus();
        if found == expected { Ok(()) } else { wrong(format!("{expected:08x}")) }
    };
    if !height.is_multiple_of(RETARGET) {
        return exactly(before.bits);
    }
    let opening = earlier.len().checked_sub(RETARGET as usize).map(|place| &earlier[place]);
    if let Some(opening) = opening {
        let took = u64::from(before.time.saturating_sub(opening.time));
        return exactly(CompactTarget::from_next_work_required(before.bits, took, &params));
    }
    // A quarter is rounded down to what a header can express.
    let least = before.target().min_transition_threshold().to_compact_lossy();
    let most = before.target().max_transition_threshold(&params);
    let is_near = (Target::from_compact(least)..=most).contains(&last.target());
    if is_near { Ok(()) } else { wrong("at most four times as much or as little".into()) }
}

#[cfg(test)]
mod tests;
