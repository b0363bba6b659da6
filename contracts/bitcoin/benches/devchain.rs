//! How many blocks a development chain makes in a second: each with three signed Taproot payments, which are carried, mined and
//! judged; and how many empty ones it takes from elsewhere.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::key::{Keypair, Secp256k1, TapTweak};
use bitcoin::secp256k1::{All, Message};
use bitcoin::sighash::{Prevouts, SighashCache, TapSighashType};
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness, transaction,
};
use contracts_bitcoin::chain::devchain::{Devchain, Mining};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::time::{Duration, Instant};

/// Payments in each block.
const PAYMENTS: u32 = 3;
const FEE: Amount = Amount::from_sat(1_000);

struct Mint {
    secp: Secp256k1<All>,
    key: Keypair,
}

impl Mint {
    fn new() -> Self {
        let secp = Secp256k1::new();
        let key = Keypair::from_seckey_slice(&secp, &[7; 32]).expect("a key");
        Self { secp, key }
    }

    fn script(&self) -> ScriptBuf {
        ScriptBuf::new_p2tr(&self.secp, self.key.x_only_public_key().0, None)
    }

    fn mining(&self) -> Mining {
        Mining { script: self.script(), time: 1_700_000_000 }
    }

    /// Spends `from` into one output, less the fee, and gives that output.
    fn pay(&self, from: (OutPoint, Amount)) -> (Transaction, (OutPoint, Amount)) {
        let (previous_output, value) = from;
        let spent = TxOut { value, script_pubkey: self.script() };
        let mut payment = Transaction {
            version: transaction::Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::MAX,
                witness: Witness::new(),
            }],
            output: vec![TxOut { value: value - FEE, script_pubkey: self.script() }],
        };
        let hash = SighashCache::new(&payment)
            .taproot_key_spend_signature_hash(0, &Prevouts::All(&[spent]), TapSighashType::Default)
            .expect("a hash");
        let tweaked = self.key.tap_tweak(&self.secp, None).to_keypair();
        let message = Message::from_digest(hash.to_byte_array());
        let signature = self.secp.sign_schnorr_no_aux_rand(&message, &tweaked);
        payment.input[0].witness = Witness::from_slice(&[signature.as_ref()]);
        let made = (OutPoint::new(payment.compute_txid(), 0), value - FEE);
        (payment, made)
    }
}

/// A chain whose first coins may be spent, and the payments of so many blocks, each spending one of the block before.
fn prepared(mint: &Mint, blocks: u64) -> (Devchain, Vec<Vec<Transaction>>) {
    let chain = Devchain::new();
    chain.mine_blocks(100 + PAYMENTS, &mint.mining()).expect("in memory");
    let mut coins: Vec<_> = (1..=PAYMENTS)
        .map(|height| {
            let coinbase = &chain.block_at(height).expect("mined").txdata[0];
            (OutPoint::new(coinbase.compute_txid(), 0), coinbase.output[0].value)
        })
        .collect();
    let payments = (0..blocks).map(|_| {
        let paid = coins.iter_mut().map(|coin| {
            let (payment, made) = mint.pay(*coin);
            *coin = made;
            payment
        });
        paid.collect()
    });
    let payments = payments.collect();
    (chain, payments)
}

fn mined(blocks: u64) -> Duration {
    let mint = Mint::new();
    let (chain, payments) = prepared(&mint, blocks);
    let mining = mint.mining();
    let begun = Instant::now();
    for block in &payments {
        for payment in block {
            chain.carry(payment).expect("it is right");
        }
        chain.mine(&mining).expect("in memory");
    }
    let took = begun.elapsed();
    assert_eq!(u64::from(chain.top().height), u64::from(100 + PAYMENTS) + blocks);
    took
}

fn taken(blocks: u64) -> Duration {
    let (mint, from, to) = (Mint::new(), Devchain::new(), Devchain::new());
    let count = u32::try_from(blocks).expect("fewer than 2^32");
    from.mine_blocks(count, &mint.mining()).expect("in memory");
    let blocks: Vec<_> = (1..=count).filter_map(|height| from.block_at(height)).collect();
    let begun = Instant::now();
    for block in blocks {
        to.submit((*block).clone(), u32::MAX).expect("it is right");
    }
    let took = begun.elapsed();
    assert_eq!(to.top(), from.top());
    took
}

fn blocks(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("devchain");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    group.bench_function("block with 3 payments: carry, mine, judge", |b| b.iter_custom(mined));
    group.bench_function("empty block from elsewhere", |b| b.iter_custom(taken));
    group.finish();
}

criterion_group!(benches, blocks);
criterion_main!(benches);
