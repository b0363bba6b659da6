//! Bitcoin's part in an epoch's beacon: headers as the pure rule reads them (ADR 40).

use crate::anchor::Headers;
use bitcoin::block::Header;
use bitcoin::hashes::Hash as _;
use contracts::beacon::mixed::{Block, Draw, MixError, Row};
use types::Hash;

/// A header as the rule reads it.
pub fn block(header: &Header) -> Block {
    let (hash, previous) = (header.block_hash(), header.prev_blockhash);
    Block { hash: hash.to_byte_array(), previous: previous.to_byte_array(), time: header.time }
}

/// The height of the block that opens an epoch, and the epoch's value, from headers that were worked for.
///
/// # Errors
/// [`MixError::NotYet`] until the block is deep enough; otherwise what the headers do not show.
pub fn value(draw: &Draw, headers: &Headers) -> Result<(u32, Hash), MixError> {
    with_row(headers, |row| draw.value(row))
}

/// Whether `value` is the epoch's: `previous` is the link of the epoch before.
///
/// # Errors
/// [`MixError`] says what does not fit.
pub fn verify(
    draw: &Draw,
    (previous, value): (&Hash, &Hash),
    headers: &Headers,
) -> Result<(), MixError> {
    with_row(headers, |row| draw.verify(previous, value, row))
}

fn with_row<T>(headers: &Headers, judge: impl FnOnce(&Row<'_>) -> T) -> T {
    let blocks: Vec<Block> = headers.all().iter().map(block).collect();
    judge(&Row { first: headers.first(), blocks: &blocks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::constants::genesis_block;
    use bitcoin::{Network, TxMerkleNode};
    use contracts::beacon::mixed::{Rule, mix};
    use contracts::beacon::{Beacon, HashChain};
    use types::{Epoch, Span, Timestamp};

    /// Regtest's first block and 30 on it, ten minutes apart.
    fn headers() -> Headers {
        let mut headers = vec![genesis_block(Network::Regtest).header];
        for _ in 0..30 {
            let before = headers[headers.len() - 1];
            let mut header = Header {
                prev_blockhash: before.block_hash(),
                merkle_root: TxMerkleNode::all_zeros(),
                time: before.time + 600,
                ..before
            };
            while !header.target().is_met_by(header.block_hash()) {
                header.nonce += 1;
            }
            headers.push(header);
        }
        Headers::new(headers, 0, Network::Regtest).unwrap()
    }

    #[test]
    fn an_epochs_value_follows_from_its_link_and_worked_headers() {
        let (headers, links) = (headers(), HashChain::new(&[7; 32], 9));
        let opening = Timestamp(i64::from(headers.at(15).unwrap().time) * 1_000_000);
        let link = links.value(Epoch(4)).unwrap();
        let rule = Rule { lead: Span(0), depth: 6 };
        let draw = Draw { rule, epoch: Epoch(4), opening, link };
        let (height, drawn) = value(&draw, &headers).unwrap();
        let hash = headers.at(21).unwrap().block_hash().to_byte_array();
        assert_eq!((height, drawn), (21, mix(Epoch(4), &link, &hash)));
        let previous = links.value(Epoch(3)).unwrap();
        assert_eq!(verify(&draw, (&previous, &drawn), &headers), Ok(()));
        assert!(verify(&draw, (&previous, &link), &headers).is_err());
        let early = Headers::new(headers.all()[..26].to_vec(), 0, Network::Regtest).unwrap();
        let not_yet = MixError::NotYet { epoch: 4, found: 5, needed: 6 };
        assert_eq!(value(&draw, &early), Err(not_yet));
    }
}
