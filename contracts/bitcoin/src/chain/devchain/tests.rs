//! Rules that a block or a transaction breaks, each by one change of a right one.

use super::*;
use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::key::{Keypair, Secp256k1, TapTweak};
use bitcoin::secp256k1::Message;
use bitcoin::sighash::{Prevouts, SighashCache, TapSighashType};
use bitcoin::{
    Amount, CompactTarget, ScriptBuf, Sequence, TxIn, TxMerkleNode, TxOut, Witness, block,
    transaction,
};

const BEGIN: u32 = 1_700_000_000;

/// A chain, and the key that its coins are paid to.
struct Bench {
    chain: Devchain,
    key: Keypair,
}

impl Bench {
    /// With `blocks` blocks, ten minutes apart.
    fn with(blocks: u32) -> Self {
        let key = Keypair::from_seckey_slice(&Secp256k1::new(), &[7; 32]).unwrap();
        let bench = Self { chain: Devchain::new(), key };
        for _ in 0..blocks {
            bench.mine();
        }
        bench
    }

    fn script(&self) -> ScriptBuf {
        ScriptBuf::new_p2tr(&Secp256k1::new(), self.key.x_only_public_key().0, None)
    }

    fn mining(&self) -> Mining {
        let height = self.chain.top().height;
        Mining { script: self.script(), time: BEGIN + 600 * (height + 1) }
    }

    fn mine(&self) -> Tip {
        self.chain.mine(&self.mining()).unwrap()
    }

    /// The coinbase of the block at `height`.
    fn coinbase(&self, height: u32) -> OutPoint {
        let block = self.chain.block_at(height).unwrap();
        OutPoint::new(block.txdata[0].compute_txid(), 0)
    }

    /// A signed transaction that spends `from` and pays `fee`.
    fn pay(&self, from: &[(OutPoint, Amount)], fee: u64, sequence: Sequence) -> Transaction {
        let sum: Amount = from.iter().map(|(_, value)| *value).sum();
        self.signed(
            from,
            Transaction {
                version: transaction::Version::TWO,
                lock_time: LockTime::ZERO,
                input: from.iter().map(|(outpoint, _)| input(*outpoint, sequence)).collect(),
                output: vec![TxOut {
                    value: sum - Amount::from_sat(fee),
                    script_pubkey: self.script(),
                }],
            },
        )
    }

    fn signed(&self, from: &[(OutPoint, Amount)], mut transaction: Transaction) -> Transaction {
        let secp = Secp256k1::new();
        let tweaked = self.key.tap_tweak(&secp, None).to_keypair();
        let spent: Vec<_> = from
            .iter()
            .map(|(_, value)| TxOut { value: *value, script_pubkey: self.script() })
            .collect();
        for index in 0..from.len() {
            let hash = SighashCache::new(&transaction)
                .taproot_key_spend_signature_hash(
                    index,
                    &Prevouts::All(&spent),
                    TapSighashType::Default,
                )
                .unwrap();
            let message = Message::from_digest(hash.to_byte_array());
            let signature = secp.sign_schnorr_no_aux_rand(&message, &tweaked);
            transaction.input[index].witness = Witness::from_slice(&[signature.as_ref()]);
        }
        transaction
    }
}

fn input(previous_output: OutPoint, sequence: Sequence) -> TxIn {
    TxIn { previous_output, script_sig: ScriptBuf::new(), sequence, witness: Witness::new() }
}

const SUBSIDY: Amount = Amount::from_int_btc(50);
const RBF: Sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;

/// Gives a changed block its proof of work again.
fn work(mut block: Block) -> Block {
    while !block.header.target().is_met_by(block.header.block_hash()) {
        block.header.nonce += 1;
    }
    block
}

/// Makes the Merkle root right again.
fn rooted(mut block: Block) -> Block {
    block.header.merkle_root = block.compute_merkle_root().unwrap();
    work(block)
}

fn refusal(chain: &Devchain, block: Block) -> String {
    let before = chain.top();
    let text = chain.submit(block, u32::MAX).unwrap_err().to_string();
    assert_eq!(chain.top(), before, "{text}");
    text.split(": ").find(|word| !word.starts_with("transaction ")).unwrap().to_owned()
}

/// What makes a right block a wrong one, and how it is called then.
type Change = (&'static str, fn(Block) -> Block);

fn changes() -> Vec<Change> {
    vec![
        ("bad-diffbits", |mut b| {
            b.header.bits = CompactTarget::from_consensus(0x207f_fffe);
            work(b)
        }),
        ("high-hash", |mut b| {
            while b.header.target().is_met_by(b.header.block_hash()) {
                b.header.nonce += 1;
            }
            b
        }),
        ("time-too-old", |mut b| {
            b.header.time = BEGIN;
            work(b)
        }),
        ("bad-version", |mut b| {
            b.header.version = block::Version::from_consensus(3);
            work(b)
        }),
        ("prev-blk-not-found", |mut b| {
            b.header.prev_blockhash = BlockHash::all_zeros();
            work(b)
        }),
        ("bad-cb-missing", |mut b| {
            b.txdata.remove(0);
            rooted(b)
        }),
        ("bad-txnmrklroot", |mut b| {
            b.header.merkle_root = TxMerkleNode::all_zeros();
            work(b)
        }),
        ("bad-txns-duplicate", |mut b| {
            b.txdata.push(b.txdata[1].clone());
            rooted(b)
        }),
        ("bad-cb-height", |mut b| {
            b.txdata[0].input[0].script_sig = ScriptBuf::from(vec![1, 101, 0, 0]);
            rooted(b)
        }),
        ("bad-cb-length", |mut b| {
            b.txdata[0].input[0].script_sig = ScriptBuf::from(vec![1; 101]);
            rooted(b)
        }),
        ("bad-witness-merkle-match", |mut b| {
            b.txdata[1].input[0].witness.push([1]);
            b
        }),
        ("bad-cb-amount", |mut b| {
            b.txdata[0].output[0].value += Amount::from_sat(1_001);
            rooted(b)
        }),
        ("bad-txns-txouttotal-toolarge", |mut b| {
            b.txdata[0].output[0].value = Amount::MAX_MONEY + Amount::from_sat(1);
            rooted(b)
        }),
    ]
}

#[test]
fn every_rule_of_a_block_is_found_broken_by_its_name() {
    let bench = Bench::with(101);
    let spend = bench.pay(&[(bench.coinbase(1), SUBSIDY)], 1_000, Sequence::MAX);
    let top = bench.chain.top().hash;
    let right = bench.chain.assemble(top, vec![spend], &bench.mining()).unwrap();
    for (name, change) in changes() {
        assert_eq!(refusal(&bench.chain, change(right.clone())), name);
    }
    let late = bench.chain.submit(right.clone(), right.header.time - 7_201).unwrap_err();
    assert!(late.to_string().starts_with("time-too-new"));
    assert_eq!(
        bench.chain.submit(right.clone(), right.header.time - 7_200),
        Ok(right.block_hash())
    );
    assert_eq!(bench.chain.top().hash, right.block_hash());
    assert_eq!(bench.chain.submit(right.clone(), 0), Ok(right.block_hash()));
}

#[test]
fn a_miner_takes_subsidy_and_fees_to_the_satoshi_and_the_subsidy_halves() {
    let bench = Bench::with(101);
    let spend = bench.pay(&[(bench.coinbase(1), SUBSIDY)], 1_234, RBF);
    bench.chain.carry(&spend).unwrap();
    let mined = bench.mine();
    let block = bench.chain.block_at(mined.height).unwrap();
    assert_eq!(block.txdata[0].output[0].value, SUBSIDY + Amount::from_sat(1_234));
    let whole = |height| bench.chain.block_at(height).unwrap().txdata[0].output[0].value;
    bench.chain.mine_blocks(200, &bench.mining()).unwrap();
    assert_eq!((whole(149), whole(150)), (SUBSIDY, Amount::from_int_btc(25)));
    assert_eq!(whole(300), Amount::from_sat(1_250_000_000));
    assert_eq!(rules::subsidy(150 * 64), Amount::ZERO);
}

#[test]
fn a_coinbase_may_be_spent_from_its_hundredth_successor_on() {
    let bench = Bench::with(99);
    let spend = bench.pay(&[(bench.coinbase(1), SUBSIDY)], 1_000, RBF);
    let early = bench.chain.carry(&spend).unwrap_err();
    assert!(matches!(early, TransactionError::Immature { from: 101, height: 100, .. }), "{early}");
    bench.mine();
    bench.chain.carry(&spend).unwrap();
    bench.mine();
    assert_eq!(bench.chain.carry(&spend), Err(TransactionError::Confirmed(spend.compute_txid())));
}

#[test]
fn a_wrong_signature_is_refused_by_cores_interpreter_in_pool_and_block() {
    let bench = Bench::with(101);
    let mut spend = bench.pay(&[(bench.coinbase(1), SUBSIDY)], 1_000, RBF);
    spend.output[0].value -= Amount::from_sat(1);
    assert_eq!(bench.chain.carry(&spend), Err(TransactionError::Script { input: 0 }));
    let top = bench.chain.top().hash;
    let block = bench.chain.assemble(top, vec![spend], &bench.mining()).unwrap();
    assert_eq!(refusal(&bench.chain, block), "mandatory-script-verify-flag-failed");
}

#[test]
fn locks_by_height_and_by_median_time_hold_to_the_block() {
    let bench = Bench::with(101);
    let from = [(bench.coinbase(1), SUBSIDY)];
    let mut locked = bench.pay(&from, 1_000, RBF);
    locked.lock_time = LockTime::from_height(102).unwrap();
    let locked = bench.signed(&from, locked);
    let early = bench.chain.carry(&locked).unwrap_err();
    assert!(matches!(early, TransactionError::NotFinal { lock_time: 102, height: 102, .. }));
    bench.mine();
    bench.chain.carry(&locked).unwrap();
    bench.mine();

    // Confirmed at 103: three blocks on top must stand between.
    let coin = [(OutPoint::new(locked.compute_txid(), 0), locked.output[0].value)];
    let relative = bench.pay(&coin, 1_000, Sequence::from_height(3));
    for _ in 0..2 {
        let early = bench.chain.carry(&relative).unwrap_err();
        assert_eq!(early, TransactionError::RelativeLock { input: 0 });
        bench.mine();
    }
    bench.chain.carry(&relative).unwrap();
    bench.mine();
    let coin = [(OutPoint::new(relative.compute_txid(), 0), relative.output[0].value)];
    // Its block is 106, so time counts from the median before it: 4 × 512 s is over when three blocks of 600 s moved it, not four.
    let timed = bench.pay(&coin, 1_000, Sequence::from_512_second_intervals(4));
    let mut waited = 0;
    while bench.chain.carry(&timed).is_err() {
        bench.mine();
        waited += 1;
    }
    assert_eq!(waited, 3);
}

#[test]
fn what_pays_more_replaces_what_signals_it_and_nothing_else_does() {
    let bench = Bench::with(102);
    let from = [(bench.coinbase(1), SUBSIDY)];
    let first = bench.pay(&from, 1_000, RBF);
    let child =
        bench.pay(&[(OutPoint::new(first.compute_txid(), 0), first.output[0].value)], 2_000, RBF);
    bench.chain.carry(&first).unwrap();
    bench.chain.carry(&child).unwrap();
    // It must pay for both that go, and for itself.
    let size = first.weight().to_wu().div_ceil(4);
    let least = 3_000 + size;
    let short = bench.chain.carry(&bench.pay(&from, least - 2, RBF)).unwrap_err();
    assert!(matches!(short, TransactionError::Replacement { .. }), "{short}");
    let better = bench.pay(&from, least, Sequence::MAX);
    bench.chain.carry(&better).unwrap();
    assert_eq!(bench.chain.waiting(), [better.compute_txid()]);
    let conflict = bench.chain.carry(&bench.pay(&from, 900_000, RBF)).unwrap_err();
    assert_eq!(conflict, TransactionError::Conflict(better.compute_txid()));
    let free = bench.pay(&[(bench.coinbase(2), SUBSIDY)], 0, RBF);
    assert!(matches!(bench.chain.carry(&free), Err(TransactionError::Fee { .. })));
}

#[test]
fn a_deeper_branch_undoes_what_was_and_what_was_in_it_waits_again() {
    let bench = Bench::with(101);
    let spend = bench.pay(&[(bench.coinbase(1), SUBSIDY)], 1_000, RBF);
    bench.chain.carry(&spend).unwrap();
    bench.mine();
    let paid = OutPoint::new(spend.compute_txid(), 0);
    for depth in 1..=6 {
        assert!(bench.chain.coin(paid).is_some());
        let before = bench.chain.top();
        let after = bench.chain.reorganise(depth, &bench.mining()).unwrap();
        assert_eq!(after.height, before.height + 1);
        assert_eq!(bench.chain.waiting(), [spend.compute_txid()]);
        assert_eq!(
            (bench.chain.coin(paid), bench.chain.coin(bench.coinbase(1)).is_some()),
            (None, true)
        );
        // It is mined again so deep that the next reorganisation reaches it.
        for _ in 0..=depth {
            bench.mine();
        }
    }
}

#[test]
fn a_heavier_branch_with_a_wrong_block_changes_nothing() {
    let bench = Bench::with(103);
    let chain = &bench.chain;
    let waits = bench.pay(&[(bench.coinbase(1), SUBSIDY)], 1_000, RBF);
    chain.carry(&waits).unwrap();
    let (top, fork) = (chain.top(), chain.block_at(102).unwrap().block_hash());
    let other = chain.assemble(fork, vec![], &bench.mining()).unwrap();
    chain.submit(other.clone(), u32::MAX).unwrap();
    let missing = bench.pay(&[(OutPoint::new(Txid::all_zeros(), 0), SUBSIDY)], 1_000, RBF);
    let wrong = chain.assemble(other.block_hash(), vec![missing], &bench.mining()).unwrap();
    let hash = wrong.block_hash();
    assert_eq!(refusal(chain, wrong.clone()), "bad-txns-inputs-missingorspent");
    assert_eq!((chain.top(), chain.waiting()), (top, vec![waits.compute_txid()]));
    assert_eq!(chain.submit(wrong, u32::MAX), Err(BlockError::HeldInvalid(hash)));
    let on_it = chain.assemble(hash, vec![], &bench.mining()).unwrap();
    assert_eq!(chain.submit(on_it, u32::MAX), Err(BlockError::HeldInvalid(hash)));
}

#[test]
fn an_invalidated_block_gives_way_to_the_best_that_is_left() {
    let bench = Bench::with(5);
    let third = bench.chain.block_at(3).unwrap().block_hash();
    let tip = bench.chain.invalidate(third).unwrap();
    assert_eq!((tip.height, tip.hash), (2, bench.chain.block_at(2).unwrap().block_hash()));
    bench.mine();
    assert_ne!(bench.chain.block_at(3).unwrap().block_hash(), third);
    let genesis = bench.chain.block_at(0).unwrap().block_hash();
    assert!(matches!(bench.chain.invalidate(genesis), Err(DevchainError::Genesis)));
    let deep = bench.chain.reorganise(4, &bench.mining()).unwrap_err();
    assert!(matches!(deep, DevchainError::TooDeep { asked: 4, there: 3 }), "{deep}");
}

#[test]
fn the_same_calls_make_the_same_blocks() {
    let (one, other) = (Bench::with(30), Bench::with(30));
    assert_eq!(one.chain.top(), other.chain.top());
}

#[test]
fn a_chain_on_disk_stands_where_it_stood_and_a_torn_end_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Bench::with(101);
    let open = || Devchain::open(folder.path());
    let chain = open().unwrap();
    for height in 1..=101 {
        chain.submit((*memory.chain.block_at(height).unwrap()).clone(), u32::MAX).unwrap();
    }
    assert!(matches!(open(), Err(DevchainError::InUse(_))));
    chain.reorganise(3, &memory.mining()).unwrap();
    let condemned = chain.top();
    let left = chain.invalidate(condemned.hash).unwrap();
    drop(chain);
    let chain = open().unwrap();
    assert_eq!(chain.top(), left);
    drop(chain);

    let path = folder.path().join(BLOCKS);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    // The last record was the block that is held for invalid.
    assert_eq!(open().unwrap().top(), left);
    assert_eq!(blocks_in(folder.path()).unwrap().len(), 101 + 3);
    let mut damaged = std::fs::read(&path).unwrap();
    damaged[8 + 40] ^= 1;
    std::fs::write(&path, damaged).unwrap();
    assert!(matches!(open(), Err(DevchainError::Damaged { at: 0, .. })));
}
