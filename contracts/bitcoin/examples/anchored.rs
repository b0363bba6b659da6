//! Anchored files and their `.ots` proofs, for other programs to check: `scripts/ots.sh`.
//!
//! `mined FOLDER` writes some batches with the headers of small chains that have their anchors; `script` prints the output script of
//! an anchor, and `prove FOLDER BLOCK HEIGHT` writes the proofs of it once a block (in hexadecimal digits) has it.

#[path = "../tests/support/anchored.rs"]
mod support;

use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::{Block, Network};
use contracts_bitcoin::anchor::ots::Ots;
use contracts_bitcoin::anchor::{AnchorProof, BlockAt, Commitment, Files};
use std::error::Error;
use std::path::Path;
use std::{env, fs};
use support::{Anchoring, batch, content, statement};

type Done = Result<(), Box<dyn Error>>;

/// Sizes of batches, and how many other transactions the block has: rows of every shape.
const BATCHES: [(usize, usize); 7] = [(1, 0), (2, 1), (3, 2), (5, 6), (8, 14), (33, 30), (200, 99)];
/// How many files the anchor has whose script is printed.
const FILES: usize = 3;

fn main() -> Done {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["mined", folder] => mined(Path::new(folder)),
        ["script"] => {
            let commitment = Commitment::new(&statement(), batch(FILES).root());
            println!("{}", commitment.script().to_hex_string());
            Ok(())
        }
        ["prove", folder, block, height] => {
            prove(Path::new(folder), &fs::read_to_string(block)?, height.parse()?)
        }
        _ => Err("use: mined FOLDER | script | prove FOLDER BLOCK HEIGHT".into()),
    }
}

fn mined(folder: &Path) -> Done {
    for (count, others) in BATCHES {
        let anchoring = Anchoring::of(&statement(), others, count);
        let batch = folder.join(format!("batch-{count:03}"));
        fs::create_dir_all(&batch)?;
        fs::write(batch.join("headers"), anchoring.header_bytes())?;
        write_all(&batch, &anchoring.files, &anchoring.proof)?;
    }
    Ok(())
}

fn prove(folder: &Path, block: &str, height: u32) -> Done {
    let block: Block = deserialize_hex(block.trim())?;
    let files = batch(FILES);
    let expected = Commitment::new(&statement(), files.root());
    let mut carriers = block.txdata.iter().filter(|tx| Commitment::find(tx) == Ok(expected));
    let txid = carriers.next().ok_or("the block does not have the anchor")?.compute_txid();
    let at = BlockAt { block: &block, height, network: Network::Regtest };
    let proof = AnchorProof::new(at, txid, files.root()).ok_or("the block does not have it")?;
    write_all(folder, &files, &proof)
}

/// The statement and every file, each with its proof beside it.
fn write_all(folder: &Path, files: &Files, proof: &AnchorProof) -> Done {
    let journal = Ots::of_journal(&statement(), proof)?;
    write(&folder.join("statement.txt"), statement().text().as_bytes(), &journal)?;
    for index in 0..files.len() {
        let ots = Ots::of_file((files, index), &statement(), proof)?;
        write(&folder.join(format!("file-{index}.txt")), &content(index), &ots)?;
    }
    Ok(())
}

fn write(file: &Path, content: &[u8], ots: &Ots) -> Done {
    fs::write(file, content)?;
    let mut name = file.as_os_str().to_owned();
    name.push(".ots");
    Ok(fs::write(name, ots.to_bytes())?)
}
