use super::*;
use bitcoin::consensus::encode::{deserialize_hex, serialize};

/// Bitcoin's block 1.
const BLOCK_1: &str = "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000\
                       982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299";

fn genesis(network: Network) -> Header {
    constants::genesis_block(network).header
}

fn bytes(headers: &[Header]) -> Vec<u8> {
    headers.iter().flat_map(serialize).collect()
}

/// Regtest's first block and `count` on it, each worked for.
fn mined(count: u32) -> Vec<Header> {
    let mut headers = vec![genesis(Network::Regtest)];
    for n in 1..=count {
        let before = headers[headers.len() - 1];
        let mut header =
            Header { prev_blockhash: before.block_hash(), time: before.time + n, ..before };
        while !header.target().is_met_by(header.block_hash()) {
            header.nonce += 1;
        }
        headers.push(header);
    }
    headers
}

#[test]
fn bitcoins_own_first_blocks_are_a_chain() {
    let first = [genesis(Network::Bitcoin), deserialize_hex(BLOCK_1).unwrap()];
    let headers = Headers::read(&bytes(&first), 0, Network::Bitcoin).unwrap();
    assert_eq!((headers.tip().height, headers.tip().hash), (1, first[1].block_hash()));
    assert_eq!((headers.at(1), headers.at(2)), (Some(&first[1]), None));
    let later = Headers::read(&bytes(&first[1..]), 1, Network::Bitcoin).unwrap();
    assert_eq!((later.first(), later.at(0), later.at(1)), (1, None, Some(&first[1])));
}

#[test]
fn another_networks_headers_are_refused_by_name() {
    let regtest = bytes(&mined(1));
    let refused = Headers::read(&regtest, 0, Network::Bitcoin).unwrap_err();
    assert!(matches!(refused, HeadersError::Easy { height: 0, bits: 0x207f_ffff, .. }));
    for network in [Network::Testnet, Network::Testnet4, Network::Signet] {
        let own = Headers::read(&bytes(&[genesis(network)]), 0, network);
        assert!(own.is_ok(), "{network}");
        let found = genesis(network).block_hash();
        let refused = Headers::read(&bytes(&[genesis(network)]), 0, Network::Regtest).unwrap_err();
        let expected = genesis(Network::Regtest).block_hash();
        let network = Network::Regtest;
        assert_eq!(refused, HeadersError::OtherNetwork { found, network, expected });
    }
}

#[test]
fn headers_that_are_cut_short_moved_or_changed_are_refused_by_name() {
    let headers = mined(4);
    let whole = bytes(&headers);
    let read = |bytes: &[u8]| Headers::read(bytes, 0, Network::Regtest);
    assert_eq!(read(&whole).unwrap().all(), headers);
    assert_eq!(read(&[]), Err(HeadersError::Empty));
    assert_eq!(read(&whole[..399]), Err(HeadersError::Length(79)));
    let gap = [&whole[..160], &whole[240..]].concat();
    assert_eq!(read(&gap), Err(HeadersError::Unlinked(2)));
    assert!(Headers::read(&whole, u32::MAX, Network::Regtest).is_err());
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            // Of the last header, what still meets its target is another block, as easily made as any of regtest.
            let Ok(other) = read(&changed) else { continue };
            assert!(at >= 320 && other.tip() != read(&whole).unwrap().tip(), "byte {at}");
        }
    }
}

#[test]
fn work_that_was_not_done_is_refused() {
    let mut header = mined(1)[1];
    while header.target().is_met_by(header.block_hash()) {
        header.nonce += 1;
    }
    let chain = vec![genesis(Network::Regtest), header];
    assert_eq!(Headers::new(chain, 0, Network::Regtest), Err(HeadersError::Unworked(1)));
    for bits in [0, 0x2100_ffff, 0x2300_0001, 0x1d80_0000, 0x1d00_00ff] {
        header.bits = CompactTarget::from_consensus(bits);
        let refused = worked(&header, 1, Network::Regtest).unwrap_err();
        assert!(matches!(refused, HeadersError::Easy { .. }), "{bits:08x}: {refused}");
    }
}

#[test]
fn the_work_asked_for_changes_only_when_and_as_it_must() {
    let (first, bits) = (genesis(Network::Bitcoin), CompactTarget::from_consensus);
    let with = |time, bits| Header { time, bits, ..first };
    let check = |chain: &[Header], height| retargeted(chain, height, Network::Bitcoin).is_ok();
    let easier = bits(0x1c01_0000);
    let same = with(0, bits(0x1c00_ffff));
    assert!(check(&[same, same], 2_015) && check(&[same, same], 2_017));
    assert!(!check(&[same, with(0, easier)], 2_015));
    // Without the 2,016 blocks before: four times as much or as little at most.
    let (quarter, fourfold) = (bits(0x1b3f_ffc0), bits(0x1c03_fffc));
    assert!(check(&[same, with(0, quarter)], 4_032) && check(&[same, with(0, fourfold)], 4_032));
    let (less, more) = (bits(0x1b3f_ffbf), bits(0x1c03_fffd));
    assert!(!check(&[same, with(0, less)], 4_032) && !check(&[same, with(0, more)], 4_032));
    // With them: to the bit. Twice as long as a fortnight is twice as easy; time that goes back counts as none.
    let fortnight = 14 * 24 * 3_600;
    for (took, expected) in [(2 * fortnight, 0x1c01_fffe), (0, 0x1b3f_ffc0)] {
        let mut chain = vec![with(7, same.bits); 2_016];
        chain[2_015].time = 7 + took;
        chain.push(with(0, bits(expected)));
        assert!(check(&chain, 4_032), "{took}");
        chain[2_016].bits = bits(expected + 1);
        assert!(!check(&chain, 4_032), "{took}");
    }
}
