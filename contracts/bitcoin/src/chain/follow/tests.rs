//! Reorganisations around a funding and its spending; nothing is counted twice.

use super::*;
use crate::chain::devchain::{Devchain, Mining};
use crate::chain::{Chain, ChainError, Unspent};
use bitcoin::absolute::LockTime;
use bitcoin::{FeeRate, Network, Sequence, TxIn, Witness, transaction};
use proptest::prelude::*;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

const DEPTH: NonZeroU32 = NonZeroU32::new(3).unwrap();

/// Runs a future that never waits, as everything about a chain in memory.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("a chain in memory answers at once"),
    }
}

fn brought(chain: &impl Chain, follower: &mut Follower) -> Vec<Change> {
    now(follow(chain, follower)).unwrap()
}

/// Pays to a script that anyone may spend from: P2WSH of `OP_TRUE` behind `tag`, so that each tag has an address of its own.
fn open_script(tag: u8) -> (ScriptBuf, Witness) {
    let inner = ScriptBuf::from(vec![1, tag, 0x75, 0x51]);
    (inner.to_p2wsh(), Witness::from_slice(&[inner.as_bytes()]))
}

fn mining(tag: u8) -> Mining {
    Mining { script: open_script(tag).0, time: 1_700_000_000 }
}

fn spend(from: OutPoint, value: Amount, from_tag: u8, to: ScriptBuf) -> Transaction {
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: from,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: open_script(from_tag).1,
        }],
        output: vec![TxOut { value: value - Amount::from_sat(1_000), script_pubkey: to }],
    }
}

const FUNDS: u8 = 1;
const ESCROW: u8 = 2;
const PAYOUT: u8 = 3;

/// A chain of 110 blocks, its first coin, a funding of the escrow and its spending.
fn stage() -> (Devchain, Transaction, Transaction) {
    let chain = Devchain::new();
    chain.mine_blocks(110, &mining(FUNDS)).unwrap();
    let coinbase = chain.block_at(1).unwrap().txdata[0].clone();
    let coin = OutPoint::new(coinbase.compute_txid(), 0);
    let funding = spend(coin, coinbase.output[0].value, FUNDS, open_script(ESCROW).0);
    let escrow = OutPoint::new(funding.compute_txid(), 0);
    let close = spend(escrow, funding.output[0].value, ESCROW, open_script(PAYOUT).0);
    (chain, funding, close)
}

fn watching(start: u32) -> Follower {
    let mut follower = Follower::new(start, DEPTH);
    follower.watch_script(open_script(ESCROW).0);
    follower.watch_script(open_script(PAYOUT).0);
    follower
}

/// Final credits less credits that were taken back, by output.
fn booked(changes: &[Change]) -> BTreeMap<OutPoint, i32> {
    let mut books = BTreeMap::new();
    for change in changes {
        match change {
            Change::FundingFinal(outpoint) => *books.entry(*outpoint).or_default() += 1,
            Change::Unfunded { outpoint, was_final: true } => {
                *books.entry(*outpoint).or_default() -= 1;
            }
            _ => {}
        }
    }
    books.retain(|_, times| *times != 0);
    books
}

#[test]
fn money_is_final_after_so_many_confirmations_and_is_told_once() {
    let (chain, funding, close) = stage();
    let mut follower = watching(100);
    assert_eq!(brought(&chain, &mut follower), []);
    let escrow = OutPoint::new(funding.compute_txid(), 0);
    chain.carry(&funding).unwrap();
    chain.mine(&mining(FUNDS)).unwrap();
    assert_eq!(brought(&chain, &mut follower), [Change::Funded(escrow)]);
    chain.mine(&mining(FUNDS)).unwrap();
    assert_eq!(brought(&chain, &mut follower), []);
    assert_eq!((follower.confirmations(&escrow), follower.balance()), (2, Amount::ZERO));
    chain.mine(&mining(FUNDS)).unwrap();
    assert_eq!(brought(&chain, &mut follower), [Change::FundingFinal(escrow)]);
    assert_eq!(follower.balance(), funding.output[0].value);

    chain.carry(&close).unwrap();
    chain.mine_blocks(3, &mining(FUNDS)).unwrap();
    let payout = OutPoint::new(close.compute_txid(), 0);
    let told = brought(&chain, &mut follower);
    assert_eq!(
        told,
        [
            Change::Spent(escrow, close.compute_txid()),
            Change::Funded(payout),
            Change::SpendFinal(escrow, close.compute_txid()),
            Change::FundingFinal(payout),
        ]
    );
    let spend = follower.watched(&escrow).unwrap().spend.as_ref().unwrap();
    assert_eq!((&spend.transaction, spend.input, spend.is_final), (&close, 0, true));
    assert_eq!(follower.spend_confirmations(&escrow), 3);
}

#[test]
fn reorganisations_of_1_to_6_blocks_around_funding_and_spending_leave_what_the_chain_holds() {
    for depth in 1..=6 {
        for after in 0..=6 {
            let (chain, funding, close) = stage();
            let mut follower = watching(100);
            let mut told = brought(&chain, &mut follower);
            chain.carry(&funding).unwrap();
            chain.mine_blocks(2, &mining(FUNDS)).unwrap();
            chain.carry(&close).unwrap();
            chain.mine_blocks(1 + after, &mining(FUNDS)).unwrap();
            told.extend(brought(&chain, &mut follower));
            chain.reorganise(depth, &mining(FUNDS)).unwrap();
            told.extend(brought(&chain, &mut follower));
            let mut fresh = watching(100);
            brought(&chain, &mut fresh);
            assert_eq!(follower, fresh, "{depth} undone, {after} on top");
            let escrow = OutPoint::new(funding.compute_txid(), 0);
            let payout = OutPoint::new(close.compute_txid(), 0);
            assert_eq!(follower.watched(&payout).is_some(), depth <= after);
            assert_eq!(follower.watched(&escrow).is_some(), depth < after + 3);

            // What was undone is mined again, and counts once in all.
            chain.mine_blocks(3, &mining(FUNDS)).unwrap();
            told.extend(brought(&chain, &mut follower));
            assert_eq!(booked(&told), BTreeMap::from([(escrow, 1), (payout, 1)]));
            assert_eq!(follower.balance(), close.output[0].value);
        }
    }
}

#[test]
fn a_double_spend_in_the_better_branch_is_what_counts() {
    let (chain, funding, _) = stage();
    let mut follower = watching(100);
    let parent = chain.top().hash;
    chain.carry(&funding).unwrap();
    chain.mine(&mining(FUNDS)).unwrap();
    brought(&chain, &mut follower);
    let mut other = funding.clone();
    other.output[0].script_pubkey = open_script(PAYOUT).0;
    let first = chain.assemble(parent, vec![other.clone()], &mining(FUNDS)).unwrap();
    let second = {
        chain.submit(first.clone(), u32::MAX).unwrap();
        chain.assemble(first.block_hash(), vec![], &mining(FUNDS)).unwrap()
    };
    chain.submit(second, u32::MAX).unwrap();
    let (escrow, payout) = (funding.compute_txid(), other.compute_txid());
    assert_eq!(
        brought(&chain, &mut follower),
        [
            Change::Unfunded { outpoint: OutPoint::new(escrow, 0), was_final: false },
            Change::Funded(OutPoint::new(payout, 0)),
        ]
    );
    assert_eq!(chain.waiting(), [], "the other spending can never be mined here");
}

#[test]
fn an_output_is_watched_wherever_it_comes_from_and_earlier_blocks_are_looked_at_again() {
    let (chain, funding, close) = stage();
    chain.carry(&funding).unwrap();
    chain.mine(&mining(FUNDS)).unwrap();
    let escrow = OutPoint::new(funding.compute_txid(), 0);
    let mut follower = Follower::new(112, DEPTH);
    follower.watch_outpoint(escrow);
    chain.carry(&close).unwrap();
    chain.mine(&mining(FUNDS)).unwrap();
    assert_eq!(brought(&chain, &mut follower), [Change::Spent(escrow, close.compute_txid())]);
    assert_eq!(follower.watched(&escrow).unwrap().funding, None);

    let mut late = Follower::new(100, DEPTH);
    assert_eq!(brought(&chain, &mut late), []);
    late.watch_script(open_script(ESCROW).0);
    late.rewind(111);
    let told = [Change::Funded(escrow), Change::Spent(escrow, close.compute_txid())];
    assert_eq!(brought(&chain, &mut late), told);
}

/// A chain of which a node shows only so much.
struct Shown<'a> {
    chain: &'a Devchain,
    height: u32,
    broken: bool,
}

impl Chain for Shown<'_> {
    fn network(&self) -> Network {
        Network::Regtest
    }
    async fn tip(&self) -> Result<Tip, ChainError> {
        let hash = self.chain.block_at(self.height).unwrap().block_hash();
        Ok(Tip { height: self.height, hash })
    }
    async fn block(&self, height: u32) -> Result<Option<Block>, ChainError> {
        if self.broken {
            // Always the same block, whichever is asked for.
            return self.chain.block(50).await;
        }
        if height > self.height { Ok(None) } else { self.chain.block(height).await }
    }
    async fn broadcast(&self, transaction: &Transaction) -> Result<Txid, ChainError> {
        self.chain.broadcast(transaction).await
    }
    async fn broadcast_package(
        &self,
        parent: &Transaction,
        child: &Transaction,
    ) -> Result<Option<Txid>, ChainError> {
        self.chain.broadcast_package(parent, child).await
    }
    async fn unspent(&self, outpoint: OutPoint) -> Result<Option<Unspent>, ChainError> {
        self.chain.unspent(outpoint).await
    }
    async fn fee_rate(&self, blocks: u16) -> Result<FeeRate, ChainError> {
        self.chain.fee_rate(blocks).await
    }
}

#[test]
fn a_node_that_lags_or_shows_a_lighter_branch_undoes_nothing() {
    let (chain, _, _) = stage();
    let mut follower = watching(100);
    brought(&chain, &mut follower);
    let before = follower.clone();
    let behind = Shown { chain: &chain, height: 104, broken: false };
    assert_eq!(brought(&behind, &mut follower), []);
    assert_eq!(follower, before);

    let lighter = Devchain::new();
    lighter.mine_blocks(108, &mining(PAYOUT)).unwrap();
    assert_eq!(brought(&lighter, &mut follower), []);
    assert_eq!(follower, before);

    let broken = Shown { chain: &chain, height: 110, broken: true };
    let refused = now(follow(&broken, &mut watching(100)));
    assert!(matches!(refused, Err(ChainError::Senseless(_))), "{refused:?}");
}

/// One thing that happens to a chain.
#[derive(Clone, Copy, Debug)]
enum Step {
    Mine(u32),
    Reorganise(u32),
    Fund,
    Close,
    Look,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1_u32..4).prop_map(Step::Mine),
        (1_u32..7).prop_map(Step::Reorganise),
        Just(Step::Fund),
        Just(Step::Close),
        Just(Step::Look),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn following_across_reorganisations_is_following_the_last_chain_from_scratch(steps in steps()) {
        let (chain, funding, close) = stage();
        let mut follower = watching(100);
        let mut told = vec![];
        for step in steps {
            match step {
                Step::Mine(count) => drop(chain.mine_blocks(count, &mining(FUNDS)).unwrap()),
                Step::Reorganise(depth) => drop(chain.reorganise(depth, &mining(FUNDS)).unwrap()),
                // Refused where it is in the chain, or what it spends is not there yet.
                Step::Fund => drop(chain.carry(&funding)),
                Step::Close => drop(chain.carry(&close)),
                Step::Look => told.extend(brought(&chain, &mut follower)),
            }
        }
        told.extend(brought(&chain, &mut follower));
        let mut fresh = watching(100);
        let from_scratch = brought(&chain, &mut fresh);
        prop_assert_eq!(&follower, &fresh);
        prop_assert_eq!(booked(&told), booked(&from_scratch));
    }
}
