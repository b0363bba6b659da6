//! A chain whose blocks cost nothing, for markets whose epochs wait for blocks.

use contracts::beacon::header::{Header, LENGTH, turned, worked};
use market::Market;
use std::sync::OnceLock;
use types::{ChainRule, Epoch, Hash, KnownBlock, Span, Timestamp};

/// Regtest's first block, as Bitcoin's programs show it.
const FIRST: &str = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";
const TIME: u32 = 1_296_688_602;
const BITS: u32 = 0x207f_ffff;
/// A block every ten minutes, an epoch every twenty-five: neither divides the other.
const BLOCK: u32 = 600;
const EVERY: u64 = 1_500;
/// Enough for every epoch of a world.
const COUNT: u32 = 260;

fn first() -> Hash {
    turned(&FIRST.parse().expect("it is a hash"))
}

/// Which block opens which epoch.
pub(crate) fn rule() -> ChainRule {
    ChainRule {
        network: first(),
        founded: Timestamp(i64::from(TIME + 20 * BLOCK) * 1_000_000),
        every: Span(EVERY * Span::SECOND.0),
        lead: Span(20 * 60 * Span::SECOND.0),
        depth: 3,
        height: 0,
        start: KnownBlock { hash: first(), time: TIME, bits: BITS, since: TIME },
    }
}

/// The chain's headers, the first of height 1.
pub(crate) fn headers() -> &'static [u8] {
    static MINED: OnceLock<Vec<u8>> = OnceLock::new();
    MINED.get_or_init(|| {
        let mut on = first();
        let mined = (1..=COUNT).flat_map(|n| {
            let header = worked(&on, TIME + n * BLOCK, BITS);
            on = Header::read(&header).hash;
            header
        });
        mined.collect()
    })
}

/// The headers that `market` has to be shown so that `epoch` opens; none where it has no chain.
pub(crate) fn that_open(market: &Market, epoch: Epoch) -> bytes::Bytes {
    let (Some(rule), Some(known)) = (&market.genesis().chain, &market.course().chained) else {
        return bytes::Bytes::new();
    };
    let new = &headers()[known.headers.last() as usize * LENGTH..];
    let needed = market.course().needed(rule, epoch, new).expect("there are blocks enough");
    bytes::Bytes::from_static(&new[..needed * LENGTH])
}
