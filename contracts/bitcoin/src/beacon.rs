//! Bitcoin's part in epochs' beacons (ADRs 40 and 48): headers for the market, the rule that a market is founded with, and whether blocks
//! that opened epochs are in a chain that one trusts.

use crate::anchor::Headers;
use crate::chain::{Chain, ChainError};
use bitcoin::block::Header;
use bitcoin::consensus::encode::serialize;
use bitcoin::constants::genesis_block;
use bitcoin::hashes::Hash as _;
use bitcoin::{BlockHash, Network};
use contracts::beacon::header::{LENGTH, turned};
use contracts::beacon::mixed::Rule;
use std::collections::BTreeMap;
use types::{ChainRule, Epoch, Hash, KnownBlock, Span, Timestamp};

/// The median time past is that of so many blocks (BIP 113).
const MEDIAN: u32 = 11;
/// From so many blocks before the last one that is surely too early headers are followed: twelve show which block is an epoch's, the
/// others let a market that has just been founded follow a chain that changes its mind.
const BEFORE: u32 = 36;
/// After so many blocks the work asked for may change.
const PERIOD: u32 = 2_016;

/// A block's hash as the market's rules have it.
pub fn hash(block: BlockHash) -> Hash {
    Hash(block.to_byte_array())
}

/// The header of the block at `height`, in its 80 bytes; nothing where the chain does not reach so far.
///
/// # Errors
/// Where the chain does not answer.
pub async fn header<C: Chain>(chain: &C, height: u32) -> Result<Option<[u8; LENGTH]>, ChainError> {
    let Some(block) = chain.block(height).await? else { return Ok(None) };
    let length = |_| ChainError::Senseless(format!("the header of block {height} is too long"));
    serialize(&block.header).try_into().map(Some).map_err(length)
}

/// When epochs of a market open, and under which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Epoch 0 is counted from then on.
    pub founded: Timestamp,
    /// How long after each other they open.
    pub every: Span,
    /// Which block opens one.
    pub rule: Rule,
}

/// What a market is founded with whose epochs `chain`'s blocks open.
///
/// # Errors
/// Where the chain does not answer.
pub async fn found<C: Chain>(chain: &C, schedule: &Schedule) -> Result<ChainRule, ChainError> {
    let mut read = Read { chain, headers: BTreeMap::new() };
    let Schedule { founded, every, rule: Rule { lead, depth } } = *schedule;
    let network = hash(genesis_block(chain.network()).block_hash());
    let start = KnownBlock { hash: network, time: 0, bits: 0, since: 0 };
    let mut rule = ChainRule { network, founded, every, lead, depth, height: 0, start };
    let lead = i64::try_from(lead.0).unwrap_or(i64::MAX);
    let line = rule.opening(Epoch(1)).0.saturating_sub(lead).div_euclid(1_000_000);
    // What is so deep stays, and below the line no block can open an epoch.
    let mut last = chain.tip().await?.height.saturating_sub(depth);
    while last > 0 && read.median(last).await? >= line {
        last -= 1;
    }
    rule.height = last.saturating_sub(BEFORE);
    let header = read.at(rule.height).await?;
    let since = read.at(rule.height - rule.height % PERIOD).await?.time;
    let bits = header.bits.to_consensus();
    rule.start = KnownBlock { hash: hash(header.block_hash()), time: header.time, bits, since };
    Ok(rule)
}

/// Headers of a chain, each read once.
struct Read<'a, C> {
    chain: &'a C,
    headers: BTreeMap<u32, Header>,
}

impl<C: Chain> Read<'_, C> {
    async fn at(&mut self, height: u32) -> Result<Header, ChainError> {
        if let Some(known) = self.headers.get(&height) {
            return Ok(*known);
        }
        let block = self.chain.block(height).await?;
        let gone = || ChainError::Unreachable(format!("block {height} was undone meanwhile"));
        let header = block.ok_or_else(gone)?.header;
        self.headers.insert(height, header);
        Ok(header)
    }

    /// The median time of a block and the ten before it, in seconds since 1970.
    async fn median(&mut self, height: u32) -> Result<i64, ChainError> {
        let mut times = Vec::new();
        for height in (height + 1).saturating_sub(MEDIAN)..=height {
            times.push(self.at(height).await?.time);
        }
        times.sort_unstable();
        Ok(times[times.len() / 2].into())
    }
}

/// A block that opened an epoch, as a market's journal has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Which epoch.
    pub epoch: Epoch,
    /// The block's height.
    pub height: u32,
    /// Its hash, first byte first.
    pub hash: Hash,
}

/// Why a block is not in the chain that one trusts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenedError {
    /// The headers are another network's.
    #[error(
        "the market's epochs are opened by the chain of {expected}, and these headers are of {found}; take that chain's"
    )]
    OtherNetwork {
        /// The first block of the one that opens them.
        expected: Hash,
        /// Of which network the headers are.
        found: Network,
    },
    /// The headers do not reach so far, or begin later.
    #[error(
        "epoch {epoch} was opened by block {height}, and the headers are of blocks {first} to {last}; take some that have it"
    )]
    Beyond {
        /// Which epoch.
        epoch: u64,
        /// Its block's height.
        height: u32,
        /// The height of the first header.
        first: u32,
        /// Of the last.
        last: u32,
    },
    /// Another block stands there.
    #[error(
        "epoch {epoch} was opened by block {found} at height {height}, where the chain has {expected}: the chain has left that block, or it was never in it"
    )]
    OtherBlock {
        /// Which epoch.
        epoch: u64,
        /// Its block's height.
        height: u32,
        /// Its block.
        found: BlockHash,
        /// The one that the headers have.
        expected: BlockHash,
    },
}

/// Whether `headers` have every block that opened an epoch of a market on the chain that begins with `network`.
///
/// That each is the right one for its epoch follows from the journal; that it is in the chain with the most work only from headers
/// that one trusts.
///
/// # Errors
/// [`OpenedError`] names the first that is not there.
pub fn check(network: &Hash, opened: &[Opened], headers: &Headers) -> Result<(), OpenedError> {
    let own = hash(genesis_block(headers.network()).block_hash());
    if own != *network {
        let (expected, found) = (turned(network), headers.network());
        return Err(OpenedError::OtherNetwork { expected, found });
    }
    for Opened { epoch, height, hash } in opened {
        let (epoch, height) = (epoch.0, *height);
        let beyond = || {
            let (first, last) = (headers.first(), headers.tip().height);
            OpenedError::Beyond { epoch, height, first, last }
        };
        let expected = headers.at(height).ok_or_else(beyond)?.block_hash();
        let found = BlockHash::from_byte_array(hash.0);
        if found != expected {
            return Err(OpenedError::OtherBlock { epoch, height, found, expected });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::devchain::{Devchain, Mining};
    use bitcoin::{CompactTarget, ScriptBuf, Target};
    use contracts::beacon::course::{Course, Shown};
    use contracts::beacon::header::{self, Network as Rules};
    use contracts::beacon::{Beacon, HashChain};

    const TIME: u32 = 1_700_000_000;

    /// A development chain with a block every ten minutes.
    fn mined(count: u32) -> Devchain {
        let chain = Devchain::new();
        for n in 1..=count {
            mine(&chain, TIME + n * 600);
        }
        chain
    }

    fn mine(chain: &Devchain, time: u32) {
        chain.mine(&Mining { script: ScriptBuf::from(vec![0x51]).to_p2wsh(), time }).unwrap();
    }

    fn schedule(after_blocks: u32) -> Schedule {
        let founded = Timestamp(i64::from(TIME + after_blocks * 600) * 1_000_000);
        let rule = Rule { lead: Span(3_600 * Span::SECOND.0), depth: 6 };
        Schedule { founded, every: Span(3_600 * Span::SECOND.0), rule }
    }

    async fn headers(chain: &Devchain, from: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        for height in from..=chain.top().height {
            bytes.extend(header(chain, height).await.unwrap().unwrap());
        }
        bytes
    }

    /// A market that is founded on a real chain follows that chain's headers, and what it opens by can be checked by others' headers.
    #[tokio::test]
    async fn a_market_is_founded_on_a_chain_and_opens_by_its_blocks() {
        for age in [0, 5, 30, 300] {
            let chain = mined(age);
            let rule = found(&chain, &schedule(age)).await.unwrap();
            let links = HashChain::new(&[7; 32], 9);
            let mut course = Course::founded(links.anchor(), Some(&rule));
            for n in age + 1..=age + 60 {
                mine(&chain, TIME + n * 600);
            }
            let mut opened = Vec::new();
            for epoch in (1..=5).map(Epoch) {
                let known = course.chained.as_ref().unwrap().headers.last();
                let new = headers(&chain, known + 1).await;
                let needed = course.needed(&rule, epoch, &new).unwrap();
                let link = links.value(epoch).unwrap();
                let shown = Shown { epoch, link, headers: &new[..needed * LENGTH] };
                let opening = course.draw(Some(&rule), &shown).unwrap();
                course.take(opening.value, opening.block.as_ref());
                let block = opening.block.unwrap();
                opened.push(Opened { epoch, height: block.height, hash: block.hash });
            }
            let all = headers(&chain, 0).await;
            let trusted = Headers::read(&all, 0, Network::Regtest).unwrap();
            assert_eq!(check(&rule.network, &opened, &trusted), Ok(()), "{age}");
            let short = Headers::read(&all[..LENGTH * 2], 0, Network::Regtest).unwrap();
            let refused = check(&rule.network, &opened, &short).unwrap_err();
            assert!(matches!(refused, OpenedError::Beyond { epoch: 1, last: 1, .. }), "{refused}");
            opened[3].hash = Hash([9; 32]);
            let refused = check(&rule.network, &opened, &trusted).unwrap_err();
            assert!(matches!(refused, OpenedError::OtherBlock { epoch: 4, .. }), "{refused}");
            let refused = check(&Hash([1; 32]), &opened, &trusted).unwrap_err();
            assert!(matches!(refused, OpenedError::OtherNetwork { .. }), "{refused}");
        }
    }

    #[test]
    fn the_pure_rules_know_the_networks_and_their_work_as_bitcoins_own_library_does() {
        use bitcoin::consensus::params::Params;
        let networks = [
            Network::Bitcoin,
            Network::Testnet,
            Network::Testnet4,
            Network::Signet,
            Network::Regtest,
        ];
        for network in networks {
            let first = genesis_block(network).header;
            let rules = Rules::of(&hash(first.block_hash())).expect("it is known");
            assert_eq!(rules.name, network.to_string());
            let bytes: [u8; LENGTH] = serialize(&first).try_into().unwrap();
            let read = header::Header::read(&bytes);
            assert_eq!(read.hash, hash(first.block_hash()));
            assert_eq!((read.time, read.bits), (first.time, first.bits.to_consensus()));
            let params = Params::new(network);
            let most = params.max_attainable_target.to_compact_lossy().to_consensus();
            for (bits, took) in [
                (most, 1),
                (most, 1_209_600),
                (most, 9_999_999),
                (0x1b04_04cb, 700_000),
                (0x1703_4219, 1_209_599),
                (0x1d00_8000, 302_399),
                (0x1c7f_ffff, 4_838_400),
            ] {
                let took_u64 = u64::try_from(took).unwrap();
                let before = CompactTarget::from_consensus(bits);
                if Target::from_compact(before) > params.max_attainable_target {
                    continue;
                }
                let next = rules.next_bits(bits, took);
                if params.no_pow_retargeting {
                    continue;
                }
                let own = CompactTarget::from_next_work_required(before, took_u64, &params);
                assert_eq!(next, own.to_consensus(), "{network}: {bits:08x} after {took} s");
            }
        }
    }
}
