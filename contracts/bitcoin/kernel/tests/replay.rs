//! Replays the blocks that a development chain wrote into Bitcoin Core's own consensus engine, and asks that its tip goes along;
//! blocks that break one rule each must leave it where it is.
//!
//! `BONDSTORE_DEVCHAIN_BLOCKS` names the folder: `blk00000.dat`, and beside it `wrong.dat` where there are wrong ones.

use bitcoinkernel::prelude::*;
use bitcoinkernel::{Block, ChainType, ChainstateManager, ContextBuilder, disable_logging};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What precedes a block's length in the file, on regtest.
const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

/// A block's bytes and its names.
struct Written {
    bytes: Vec<u8>,
    hash: [u8; 32],
    parent: [u8; 32],
}

fn folder() -> PathBuf {
    let named = std::env::var_os("BONDSTORE_DEVCHAIN_BLOCKS");
    named.map(PathBuf::from).expect(
        "BONDSTORE_DEVCHAIN_BLOCKS must name a folder with a development chain's blk00000.dat",
    )
}

fn read(path: &Path) -> Vec<Written> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut written, mut rest) = (vec![], &bytes[..]);
    while !rest.is_empty() {
        assert_eq!(rest[..4], MAGIC, "no block begins where one should");
        let length = u32::from_le_bytes(rest[4..8].try_into().expect("four bytes")) as usize;
        let bytes = rest[8..8 + length].to_vec();
        rest = &rest[8 + length..];
        let hash = Block::new(&bytes).expect("the engine reads it").hash().to_bytes();
        let parent = bytes[4..36].try_into().expect("32 bytes");
        written.push(Written { bytes, hash, parent });
    }
    written
}

#[test]
fn cores_engine_follows_a_development_chain_and_refuses_what_it_refuses() {
    disable_logging();
    let (from, own) = (folder(), tempfile::tempdir().expect("a folder"));
    let path = |name: &str| own.path().join(name).to_str().expect("UTF-8").to_owned();
    let context = ContextBuilder::new().chain_type(ChainType::Regtest).build().expect("regtest");
    let engine =
        ChainstateManager::new(&context, &path("data"), &path("blocks")).expect("an empty chain");
    engine.import_blocks().expect("the first block");
    let tip = || {
        let tip = engine.active_chain().tip();
        (tip.height(), tip.block_hash().to_bytes())
    };
    let mut heights = HashMap::from([(tip().1, tip().0)]);
    let (mut followed, mut aside) = (0, 0);
    let blocks = read(&from.join("blk00000.dat"));
    for block in &blocks {
        let height = heights[&block.parent] + 1;
        heights.insert(block.hash, height);
        let before = tip();
        engine.process_block(&Block::new(&block.bytes).expect("it was read"));
        // What the engine answers is no verdict: it says that a block is new which does not connect. Where its tip stands is one.
        if height > before.0 {
            assert_eq!(
                tip(),
                (height, block.hash),
                "the engine does not follow to height {height}"
            );
            followed += 1;
        } else {
            assert_eq!(tip(), before, "the engine follows a branch that is no better");
            aside += 1;
        }
    }
    assert!(followed > 0, "no block was followed");
    let wrong = from.join("wrong.dat");
    let wrong = if wrong.exists() { read(&wrong) } else { vec![] };
    for (at, block) in wrong.iter().enumerate() {
        let before = tip();
        engine.process_block(&Block::new(&block.bytes).expect("it was read"));
        assert_eq!(tip(), before, "the engine follows wrong block {at}");
    }
    println!("followed {followed}, aside {aside}, refused {}, tip {:?}", wrong.len(), tip().0);
}
