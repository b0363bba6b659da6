//! Anchors in blocks that are mined here: every link of a proof, and every way in which it can be wrong.

#[path = "support/anchored.rs"]
mod support;

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::{Amount, Network, ScriptBuf, Transaction, TxMerkleNode, TxOut, Witness};
use contracts_bitcoin::anchor::ots::{Ots, OtsError};
use contracts_bitcoin::anchor::{
    AnchorError, AnchorProof, BranchError, Commitment, CommitmentError, Headers, HeadersError,
    Statement, Trusted,
};
use proptest::prelude::*;
use support::{Anchoring, content, statement};
use types::documents::BlockProof;

/// An anchor with a few files, in a block of eight transactions: no row of it is filled up.
fn anchoring() -> Anchoring {
    Anchoring::of(&statement(), 6, 3)
}

fn headers(anchoring: &Anchoring) -> Headers {
    Headers::read(&anchoring.header_bytes(), 0, Network::Regtest).expect("they were mined")
}

fn judged(proof: &AnchorProof) -> Result<(), AnchorError> {
    let trusted = Trusted::Headers(headers(&anchoring()));
    proof.verify(&statement(), &trusted).map(drop)
}

#[test]
fn an_anchor_is_proven_by_headers_or_by_one_blocks_name() {
    let anchoring = anchoring();
    let (proof, trusted) = (&anchoring.proof, headers(&anchoring));
    let shown = proof.verify(&statement(), &Trusted::Headers(trusted)).unwrap();
    assert_eq!((shown.height, shown.confirmations), (2, Some(3)));
    assert_eq!((shown.block, shown.time), (proof.header.block_hash(), proof.header.time));
    assert_eq!(shown.transaction, proof.transaction.compute_txid());
    let trusted = Trusted::Block { hash: shown.block, network: Network::Regtest };
    let by_name = proof.verify(&statement(), &trusted).unwrap();
    assert_eq!((by_name.block, by_name.confirmations), (shown.block, None));
}

#[test]
fn the_transaction_in_a_proof_has_no_witnesses() {
    let anchoring = anchoring();
    let mined = &anchoring.chain[2].txdata[anchoring.proof.branch.index as usize];
    assert!(!mined.input[0].witness.is_empty());
    assert!(anchoring.proof.transaction.input[0].witness.is_empty());
    assert_eq!(mined.compute_txid(), anchoring.proof.transaction.compute_txid());
}

#[test]
fn whatever_is_stated_otherwise_is_not_what_was_anchored() {
    let (proof, trusted) = (anchoring().proof, Trusted::Headers(headers(&anchoring())));
    let one = statement();
    for other in [
        Statement { market: types::Did([9; 32]), ..one },
        Statement { entries: one.entries + 1, ..one },
        Statement { root: types::Hash::of(b"other"), ..one },
    ] {
        let refused = proof.verify(&other, &trusted).unwrap_err();
        assert!(matches!(refused, AnchorError::OtherCommitment { .. }), "{refused}");
    }
    let files = sha256::Hash::hash(b"other");
    let refused = judged(&AnchorProof { files, ..proof }).unwrap_err();
    assert_eq!(refused.code(), "anchor_other_commitment");
}

#[test]
fn each_wrong_link_is_named() {
    let good = anchoring().proof;
    let code = |proof: &AnchorProof| judged(proof).unwrap_err().code();
    let mut proof = good.clone();
    proof.transaction.output.retain(|output| !output.script_pubkey.is_op_return());
    assert_eq!(code(&proof), "anchor_no_commitment");
    let mut proof = good.clone();
    proof.transaction.output[1].value += Amount::from_sat(1);
    assert_eq!(code(&proof), "anchor_not_in_block");
    let mut proof = good.clone();
    proof.branch.index ^= 1;
    assert_eq!(code(&proof), "anchor_not_in_block");
    let mut proof = good.clone();
    proof.branch.hashes.pop();
    assert!(["anchor_branch", "anchor_not_in_block"].contains(&code(&proof)));
    let mut proof = good.clone();
    proof.branch.hashes.push(TxMerkleNode::all_zeros());
    assert_eq!(code(&proof), "anchor_not_in_block");
    let mut proof = good.clone();
    proof.header.bits = bitcoin::CompactTarget::from_consensus(0x2100_ffff);
    assert_eq!(code(&proof), "anchor_header");
    let mut proof = good.clone();
    proof.height = 9;
    assert!(matches!(judged(&proof), Err(AnchorError::Beyond { height: 9, first: 0, last: 4 })));
    let mut proof = good;
    proof.height = 3;
    assert_eq!(code(&proof), "anchor_other_block");
}

#[test]
fn another_networks_blocks_and_a_block_that_the_chain_left_are_no_witnesses() {
    let anchoring = anchoring();
    let (proof, block) = (&anchoring.proof, anchoring.proof.header.block_hash());
    let other = Trusted::Block { hash: block, network: Network::Bitcoin };
    let refused = proof.verify(&statement(), &other).unwrap_err();
    assert!(matches!(refused, AnchorError::OtherNetwork { .. }));
    // A proof that calls itself Bitcoin's has done too little work.
    let claimed = AnchorProof { network: Network::Bitcoin, ..proof.clone() };
    let refused = claimed.verify(&statement(), &other).unwrap_err();
    assert!(matches!(refused, AnchorError::Header(HeadersError::Easy { .. })));
    let left = Trusted::Headers(headers(&Anchoring::of(&statement(), 2, 0)));
    let refused = proof.verify(&statement(), &left).unwrap_err();
    assert!(matches!(refused, AnchorError::OtherBlock { .. }));
    let hash = anchoring.chain[1].block_hash();
    let refused = proof.verify(&statement(), &Trusted::Block { hash, network: Network::Regtest });
    assert!(matches!(refused, Err(AnchorError::OtherBlock { .. })));
}

#[test]
fn headers_that_begin_later_do_as_well_where_they_have_the_block() {
    let anchoring = anchoring();
    let all = headers(&anchoring);
    let from = |first: u32| {
        let headers = all.all()[first as usize..].to_vec();
        Trusted::Headers(Headers::new(headers, first, Network::Regtest).unwrap())
    };
    assert!(anchoring.proof.verify(&statement(), &from(2)).is_ok());
    let refused = anchoring.proof.verify(&statement(), &from(3)).unwrap_err();
    assert!(matches!(refused, AnchorError::Beyond { height: 2, first: 3, last: 4 }), "{refused}");
}

#[test]
fn no_transaction_with_an_anchor_has_the_64_bytes_of_a_node() {
    let mut smallest = anchoring().proof.transaction;
    smallest.output.retain(|output| output.script_pubkey.is_op_return());
    assert_eq!((smallest.input.len(), smallest.base_size()), (1, 99));
    assert!(Commitment::find(&smallest).is_ok());
    let script = ScriptBuf::from_bytes(vec![0x51; 4]);
    smallest.output = vec![TxOut { value: Amount::ZERO, script_pubkey: script }];
    assert_eq!(smallest.base_size(), 64);
    let refused = judged(&AnchorProof { transaction: smallest, ..anchoring().proof }).unwrap_err();
    assert!(matches!(refused, AnchorError::Commitment(CommitmentError::None(_))), "{refused}");
}

#[test]
fn a_copy_that_fills_a_row_up_is_no_second_place() {
    // Three transactions: the third is hashed with its copy.
    let anchoring = Anchoring::of(&statement(), 1, 0);
    assert_eq!((anchoring.chain[2].txdata.len(), anchoring.proof.branch.index), (3, 2));
    let mut proof = anchoring.proof.clone();
    assert!(proof.verify(&statement(), &Trusted::Headers(headers(&anchoring))).is_ok());
    proof.branch.index = 3;
    let refused = proof.verify(&statement(), &Trusted::Headers(headers(&anchoring))).unwrap_err();
    assert_eq!(refused, AnchorError::Branch(BranchError::Copy));
}

#[test]
fn a_proof_is_written_in_json_in_one_way() {
    let good = anchoring().proof;
    let text = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<AnchorProof>(&text).unwrap(), good);
    let written = BlockProof::from(good.clone());
    let read = |written: BlockProof| AnchorProof::try_from(written).map_err(|error| error.code());
    let unreadable = Err("anchor_unreadable");
    let with = |change: &dyn Fn(&mut BlockProof)| {
        let mut written = written.clone();
        change(&mut written);
        read(written)
    };
    assert_eq!(with(&|_| {}), Ok(good.clone()));
    assert_eq!(with(&|w| w.network = "litecoin".into()), unreadable);
    assert_eq!(with(&|w| w.header.truncate(158)), unreadable);
    assert_eq!(with(&|w| w.header = w.header.to_uppercase()), unreadable);
    assert_eq!(with(&|w| w.files.push('0')), unreadable);
    assert_eq!(with(&|w| w.branch[0] = "00".into()), unreadable);
    assert_eq!(with(&|w| w.transaction.push_str("00")), unreadable);
    assert_eq!(with(&|w| w.transaction = String::new()), unreadable);
    let mut witnessed: Transaction = good.transaction.clone();
    witnessed.input[0].witness = Witness::from_slice(&[[1; 64]]);
    let text = bitcoin::consensus::encode::serialize_hex(&witnessed);
    assert_eq!(with(&|w| w.transaction.clone_from(&text)), unreadable);
}

#[test]
fn anchored_files_and_the_journal_lead_to_the_same_block() {
    let anchoring = Anchoring::of(&statement(), 7, 3);
    let trusted = headers(&anchoring);
    let journal = Ots::of_journal(&statement(), &anchoring.proof).unwrap();
    let digest = sha256::Hash::hash(statement().text().as_bytes());
    let existed = Ots::read(&journal.to_bytes()).unwrap().verify(digest, &trusted).unwrap();
    assert_eq!((existed.height, existed.block), (2, anchoring.chain[2].block_hash()));
    for index in 0..anchoring.files.len() {
        let ots = Ots::of_file((&anchoring.files, index), &statement(), &anchoring.proof).unwrap();
        let read = Ots::read(&ots.to_bytes()).unwrap();
        assert_eq!(read.verify(sha256::Hash::hash(&content(index)), &trusted), Ok(existed));
        let other = read.verify(sha256::Hash::hash(b"other"), &trusted).unwrap_err();
        assert!(matches!(other, OtsError::OtherFile { .. }));
    }
    let none = Ots::of_file((&anchoring.files, 3), &statement(), &anchoring.proof);
    assert_eq!(none, Err(OtsError::NoFile(3)));
}

#[test]
fn every_file_of_a_batch_of_any_size_has_a_proof() {
    for count in 1..=200 {
        let anchoring = Anchoring::of(&statement(), count % 9, count);
        let trusted = headers(&anchoring);
        for index in 0..anchoring.files.len() {
            let files = (&anchoring.files, index);
            let bytes = Ots::of_file(files, &statement(), &anchoring.proof).unwrap().to_bytes();
            let read = Ots::read(&bytes).unwrap();
            assert_eq!(read.to_bytes(), bytes);
            assert!(
                read.verify(sha256::Hash::hash(&content(index)), &trusted).is_ok(),
                "{index} of {count}"
            );
        }
    }
}

#[test]
fn a_transaction_that_clients_would_not_read_gets_no_ots_file() {
    let mut proof = anchoring().proof;
    let input = proof.transaction.input[0].clone();
    proof.transaction.input = vec![input; 100];
    let refused = Ots::of_journal(&statement(), &proof).unwrap_err();
    assert!(matches!(refused, OtsError::TooLong(bytes) if bytes > 4_096), "{refused}");
}

#[test]
fn an_anchors_transaction_can_carry_only_one_commitment() {
    let mut proof = anchoring().proof;
    let other = Statement { entries: 1, ..statement() };
    let output = Commitment::new(&other, proof.files).output();
    proof.transaction.output.push(output);
    let refused = judged(&proof).unwrap_err();
    assert!(matches!(refused, AnchorError::Commitment(CommitmentError::Several(_, 2))));
}

proptest! {
    #[test]
    fn no_changed_byte_of_a_proof_passes(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let anchoring = anchoring();
        let mut bytes = serde_json::to_vec(&anchoring.proof).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = to;
        let Ok(read) = serde_json::from_slice::<AnchorProof>(&bytes) else { return Ok(()) };
        let trusted = Trusted::Headers(headers(&anchoring));
        prop_assert!(read == anchoring.proof || read.verify(&statement(), &trusted).is_err());
    }

    #[test]
    fn foreign_bytes_are_no_ots_file_and_stop_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Ots::read(&bytes).is_err());
        let whole = Ots::of_journal(&statement(), &anchoring().proof).unwrap().to_bytes();
        let behind = [&whole[..65], &bytes].concat();
        if let Ok(read) = Ots::read(&behind) {
            prop_assert!(read.verify(statement().digest(), &headers(&anchoring())).is_err());
        }
    }
}

/// All bytes of an `.ots` file, each in all of its bits: nothing changed is another proof of the same.
#[test]
fn no_changed_bit_of_an_ots_file_passes() {
    let anchoring = anchoring();
    let trusted = headers(&anchoring);
    let ots = Ots::of_file((&anchoring.files, 1), &statement(), &anchoring.proof).unwrap();
    let (bytes, digest) = (ots.to_bytes(), ots.digest());
    for at in 0..bytes.len() {
        let cut = Ots::read(&bytes[..at]).unwrap_err();
        let named = matches!(cut, OtsError::Truncated(_) | OtsError::Magic);
        assert!(named, "{at}: {cut}");
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let passes =
                Ots::read(&changed).is_ok_and(|read| read.verify(digest, &trusted).is_ok());
            assert!(!passes, "bit {bit} of byte {at}");
        }
    }
    let more = [bytes, vec![0]].concat();
    assert_eq!(Ots::read(&more), Err(OtsError::Trailing(1)));
}

#[test]
fn what_of_an_ots_file_is_not_followed_is_named() {
    let bytes = Ots::of_journal(&statement(), &anchoring().proof).unwrap().to_bytes();
    let with = |at: usize, to: &[u8]| {
        let mut changed = bytes.clone();
        changed.splice(at..=at, to.iter().copied());
        Ots::read(&changed).unwrap_err()
    };
    assert_eq!(with(0, &[1]), OtsError::Magic);
    assert_eq!(with(31, &[2]), OtsError::Version(2));
    assert_eq!(with(32, &[0x02]), OtsError::Step { at: 32, found: 0x02 });
    for found in [0x67, 0xf2, 0xff] {
        assert_eq!(with(65, &[found]), OtsError::Step { at: 65, found });
    }
    // The first step prepends 26 bytes: a length with a needless byte, and lengths beyond reason.
    assert_eq!((bytes[65], bytes[66]), (0xf1, 26));
    for number in [&[0x9a, 0x00][..], &[0xff; 9], &[0xff, 0x7f], &[0]] {
        assert_eq!(with(66, number), OtsError::Number(66));
    }
    assert_eq!(with(bytes.len() - 5, &[0x82]), OtsError::OtherAttestation);
    let long = [&bytes[..65], &[8; 256], &bytes[65..]].concat();
    assert_eq!(Ots::read(&long), Err(OtsError::TooDeep));
}
