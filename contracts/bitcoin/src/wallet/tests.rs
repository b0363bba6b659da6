//! A wallet on a development chain, with a miner who pays into it.

use super::*;
use crate::chain::Chain;
use crate::chain::devchain::{Devchain, Mining};
use bitcoin::{FeeRate, ScriptBuf, Transaction};
use proptest::prelude::*;
use std::path::PathBuf;

mod hasten;
mod lift;

const ALICE: Did = Did([1; 32]);
const BOB: Did = Did([2; 32]);
const BEGIN: u32 = 1_700_000_000;

fn keys(seed: u8) -> MasterKey {
    MasterKey::new(&[seed; 32], Network::Regtest).unwrap()
}

fn rate(sat_per_vb: u64) -> FeeRate {
    FeeRate::from_sat_per_vb(sat_per_vb).unwrap()
}

fn id(number: u8) -> Hash {
    Hash([number; 32])
}

/// Runs what never waits: a development chain answers at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future)
}

/// A chain whose blocks pay a miner, and the wallet in question.
struct Scene {
    folder: tempfile::TempDir,
    chain: Devchain,
    miner: Wallet,
    wallet: Wallet,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let miner = Wallet::open(&folder.path().join("miner"), &keys(7), None).unwrap();
        let wallet = Wallet::open(&folder.path().join("wallet"), &keys(1), None).unwrap();
        let mut scene = Self { folder, chain: Devchain::new(), miner, wallet };
        scene.mine(103);
        scene
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("wallet")
    }

    fn mining(&mut self) -> Mining {
        let script = self.miner.bdk.peek_address(KeychainKind::External, 0).script_pubkey();
        Mining { script, time: BEGIN + 600 * (self.chain.top().height + 1) }
    }

    fn mine(&mut self, blocks: u32) {
        for _ in 0..blocks {
            let mining = self.mining();
            self.chain.mine(&mining).unwrap();
        }
        self.follow();
    }

    fn follow(&mut self) {
        now(self.miner.follow(&self.chain)).unwrap();
        now(self.wallet.follow(&self.chain)).unwrap();
    }

    /// Coins on their way to `to`; what arrives is exactly `sat`.
    fn send(&mut self, number: u8, to: &Address, sat: u64) -> Transaction {
        let (to, rate) = (to.script_pubkey(), rate(2));
        let fee = Amount::from_sat(100_000);
        let payout = Payout { id: id(number), to, amount: Amount::from_sat(sat) + fee };
        let payment = self.miner.pay(&[payout], rate, &keys(7)).unwrap().unwrap();
        now(self.chain.broadcast(&payment.transaction)).unwrap();
        payment.transaction
    }

    fn deposit(&mut self, number: u8, party: Did, sat: u64) -> Amount {
        let address = self.wallet.deposit_address(party).unwrap();
        let sent = self.send(number, &address, sat);
        let script = address.script_pubkey();
        sent.output.iter().find(|output| output.script_pubkey == script).unwrap().value
    }

    fn reopen(self) -> Self {
        let path = self.path();
        let Self { folder, chain, miner, wallet } = self;
        drop(wallet);
        let wallet = Wallet::open(&path, &keys(1), None).unwrap();
        Self { folder, chain, miner, wallet }
    }

    /// What the chain has paid to `script`.
    fn paid_to(&self, script: &ScriptBuf) -> Vec<Amount> {
        let blocks = (0..=self.chain.top().height).map(|at| self.chain.block_at(at).unwrap());
        blocks
            .flat_map(|block| block.txdata.clone())
            .flat_map(|transaction| transaction.output)
            .filter(|output| output.script_pubkey == *script)
            .map(|output| output.value)
            .collect()
    }
}

fn foreign(seed: u8) -> ScriptBuf {
    let account = keys(seed).wallet_account_public().unwrap();
    let key = bitcoin::key::XOnlyPublicKey::from(account.public_key);
    ScriptBuf::new_p2tr(&bitcoin::key::Secp256k1::new(), key, None)
}

fn payout(number: u8, sat: u64) -> Payout {
    Payout { id: id(number), to: foreign(100 + number), amount: Amount::from_sat(sat) }
}

#[test]
fn a_party_has_one_address_for_ever_and_another_than_any_other() {
    let mut scene = Scene::new();
    let alice = scene.wallet.deposit_address(ALICE).unwrap();
    let bob = scene.wallet.deposit_address(BOB).unwrap();
    let own = scene.wallet.payout_address().unwrap();
    assert!(alice != bob && own != alice && own != bob);
    let mut scene = scene.reopen();
    assert_eq!(scene.wallet.deposit_address(BOB).unwrap(), bob);
    assert_eq!(scene.wallet.deposit_address(ALICE).unwrap(), alice);
    assert_eq!(alice.to_string().get(..6), Some("bcrt1p"));
}

#[test]
fn a_deposit_counts_once_it_is_deep_enough() {
    let mut scene = Scene::new();
    let amount = scene.deposit(1, ALICE, 500_000);
    for confirmations in 0..3 {
        assert_eq!(scene.wallet.received(3), [], "after {confirmations}");
        scene.mine(1);
    }
    let received = scene.wallet.received(3);
    assert_eq!(
        received.iter().map(|r| (r.party, r.amount, r.height)).collect::<Vec<_>>(),
        [(ALICE, amount, 104)]
    );
    assert!(received[0].reference().starts_with("bitcoin:"));
    let scene = scene.reopen();
    assert_eq!(scene.wallet.received(3), received);
    assert_eq!(scene.wallet.received(4), []);
}

#[test]
fn deposits_follow_the_chain_through_reorganisations() {
    for depth in 1..=6 {
        let mut scene = Scene::new();
        let amount = scene.deposit(1, ALICE, 500_000);
        scene.mine(depth);
        assert_eq!(scene.wallet.received(depth).len(), 1);
        let mining = scene.mining();
        scene.chain.reorganise(depth, &mining).unwrap();
        scene.follow();
        assert_eq!(scene.wallet.received(1), [], "it is in no block any more, {depth}");
        scene.mine(1);
        let received = scene.wallet.received(1);
        assert_eq!(received.iter().map(|r| r.amount).collect::<Vec<_>>(), [amount], "{depth}");
        assert_eq!(scene.wallet.received(2), []);
    }
}

#[test]
fn payouts_bear_their_fee_and_are_paid_once() {
    let mut scene = Scene::new();
    scene.deposit(1, ALICE, 900_000);
    scene.mine(1);
    let before = scene.wallet.balance();
    let payouts = [payout(1, 200_000), payout(2, 300_001), payout(1, 200_000)];
    let payment = scene.wallet.pay(&payouts, rate(3), &keys(1)).unwrap().unwrap();
    let out = |script: &ScriptBuf| {
        let to = payment.transaction.output.iter().filter(|o| o.script_pubkey == *script);
        to.map(|output| output.value.to_sat()).sum::<u64>()
    };
    let fee = 500_001 - out(&foreign(101)) - out(&foreign(102));
    assert!(fee.abs_diff(3 * payment.transaction.vsize() as u64) <= 3, "{fee}");
    assert!((200_000 - out(&foreign(101))).abs_diff(300_001 - out(&foreign(102))) <= 1);
    assert_eq!(scene.wallet.balance(), before - Amount::from_sat(500_001));
    assert_eq!(scene.wallet.pay(&payouts, rate(3), &keys(1)).unwrap(), None);

    // The process ends before anything is broadcast.
    let mut scene = scene.reopen();
    assert_eq!(scene.wallet.pay(&payouts, rate(9), &keys(1)).unwrap(), None);
    assert_eq!(scene.wallet.unfinished(2), [&payment]);
    assert_eq!(scene.wallet.balance(), before - Amount::from_sat(500_001));
    for _ in 0..2 {
        now(scene.chain.broadcast(&payment.transaction)).unwrap();
    }
    scene.mine(1);
    assert_eq!(scene.wallet.unfinished(2), [&payment]);
    scene.mine(1);
    assert_eq!(scene.wallet.unfinished(2), [] as [&Payment; 0]);
    assert_eq!(scene.paid_to(&foreign(101)).len(), 1);
}

#[test]
fn a_payment_that_is_undone_is_broadcast_again() {
    let mut scene = Scene::new();
    scene.deposit(1, ALICE, 900_000);
    scene.mine(1);
    let payment = scene.wallet.pay(&[payout(1, 100_000)], rate(2), &keys(1)).unwrap().unwrap();
    now(scene.chain.broadcast(&payment.transaction)).unwrap();
    scene.mine(2);
    assert_eq!(scene.wallet.unfinished(2).len(), 0);
    let mining = scene.mining();
    scene.chain.reorganise(2, &mining).unwrap();
    scene.follow();
    assert_eq!(scene.wallet.unfinished(2), [&payment]);
    scene.mine(2);
    assert_eq!(scene.wallet.unfinished(2).len(), 0);
    assert_eq!(scene.paid_to(&foreign(101)).len(), 1);
}

#[test]
fn everything_that_came_can_go() {
    let mut scene = Scene::new();
    let amounts = [1, 2, 3].map(|number| scene.deposit(number, ALICE, 50_000));
    scene.mine(1);
    let all: Amount = amounts.into_iter().sum();
    let whole = Payout { amount: all, ..payout(1, 0) };
    let payment = scene.wallet.pay(&[whole], rate(5), &keys(1)).unwrap().unwrap();
    assert_eq!(payment.transaction.input.len(), 3);
    assert_eq!(payment.transaction.output.len(), 1);
    assert_eq!(scene.wallet.balance(), Amount::ZERO);
}

#[test]
fn a_payment_that_no_block_takes_is_made_dearer_and_still_pays_once() {
    let mut scene = Scene::new();
    scene.deposit(1, ALICE, 900_000);
    scene.mine(1);
    let before = scene.wallet.balance();
    let slow = scene.wallet.pay(&[payout(1, 100_000)], rate(2), &keys(1)).unwrap().unwrap();
    now(scene.chain.broadcast(&slow.transaction)).unwrap();
    let fast = scene.wallet.bump(&id(1), rate(20), &keys(1)).unwrap();
    assert_eq!(
        slow.transaction.input[0].previous_output,
        fast.transaction.input[0].previous_output
    );
    assert_eq!(scene.wallet.unfinished(1), [&fast]);
    let scene = scene.reopen();
    let mut scene = scene;
    assert_eq!(scene.wallet.unfinished(1), [&fast]);
    assert_eq!(scene.wallet.balance(), before - Amount::from_sat(100_000));
    now(scene.chain.broadcast(&fast.transaction)).unwrap();
    scene.mine(1);
    assert_eq!(scene.wallet.unfinished(1).len(), 0);
    assert_eq!(scene.paid_to(&foreign(101)).len(), 1);
    assert_eq!(scene.wallet.balance(), before - Amount::from_sat(100_000));
    let unknown = scene.wallet.bump(&id(9), rate(2), &keys(1)).unwrap_err();
    assert!(matches!(unknown, WalletError::UnknownPayment(_)), "{unknown}");
}

#[test]
fn the_words_alone_bring_back_every_coin() {
    let mut scene = Scene::new();
    for party in 10..40 {
        scene.wallet.deposit_address(Did([party; 32])).unwrap();
    }
    scene.deposit(1, ALICE, 900_000);
    scene.mine(1);
    let payment = scene.wallet.pay(&[payout(1, 100_000)], rate(2), &keys(1)).unwrap().unwrap();
    now(scene.chain.broadcast(&payment.transaction)).unwrap();
    scene.mine(1);
    let elsewhere = scene.folder.path().join("elsewhere");
    let mut restored = Wallet::open(&elsewhere, &keys(1), None).unwrap();
    now(restored.follow(&scene.chain)).unwrap();
    assert_eq!(restored.balance(), scene.wallet.balance());
    assert!(restored.balance() > Amount::from_sat(700_000));
}

#[test]
fn one_that_only_watches_sees_the_same_and_signs_nothing() {
    let mut scene = Scene::new();
    scene.deposit(1, ALICE, 900_000);
    scene.mine(1);
    let origin = (keys(1).fingerprint(), keys(1).wallet_account_public().unwrap());
    let path = scene.folder.path().join("watch");
    let mut watching = Wallet::watch(&path, origin, Network::Regtest, None).unwrap();
    now(watching.follow(&scene.chain)).unwrap();
    assert_eq!(watching.balance(), scene.wallet.balance());
    let refused = watching.pay(&[payout(1, 100_000)], rate(2), &keys(2)).unwrap_err();
    assert!(matches!(refused, WalletError::Unsigned(_)), "{refused}");
    assert_eq!(watching.unfinished(1).len(), 0);
}

#[test]
fn a_birthday_spares_what_was_before() {
    let mut scene = Scene::new();
    let birthday = scene.chain.top();
    scene.deposit(1, ALICE, 900_000);
    scene.mine(1);
    let path = scene.folder.path().join("young");
    let mut young = Wallet::open(&path, &keys(1), Some(birthday)).unwrap();
    now(young.follow(&scene.chain)).unwrap();
    assert_eq!(young.balance(), scene.wallet.balance());
    assert_eq!(young.bdk.checkpoints().count(), 3, "the first block, the birthday, the tip");
}

#[test]
fn bad_requests_are_refused_by_name_and_leave_nothing_behind() {
    let mut scene = Scene::new();
    scene.deposit(1, ALICE, 900_000);
    scene.mine(1);
    let mut refused = |payout: Payout, per_kwu: u64| {
        let rate = FeeRate::from_sat_per_kwu(per_kwu);
        scene.wallet.pay(&[payout], rate, &keys(1)).unwrap_err().to_string()
    };
    for (payout, per_kwu, says) in [
        (payout(1, 100_000), 0, "a fee rate of 0"),
        (payout(1, 100_000), 249, "a fee rate of 249"),
        (payout(1, 100_000), 250_000_000, "give one from 250 to 500000"),
        (payout(1, 100), 500, "withdraw at least"),
        (payout(1, 10_000), 50_000, "withdraw at least"),
        (payout(1, 10_000_000), 500, "Insufficient funds"),
        (payout(1, u64::MAX / 2), 500, "Insufficient funds"),
    ] {
        let text = refused(payout, per_kwu);
        assert!(text.contains(says), "{text}");
    }
    let scene = scene.reopen();
    assert_eq!(scene.wallet.unfinished(1).len(), 0);
}

#[test]
fn another_wallets_file_is_refused() {
    let scene = Scene::new();
    let path = scene.path();
    drop(scene.wallet);
    let refused = Wallet::open(&path, &keys(2), None).unwrap_err();
    assert!(matches!(refused, WalletError::OtherKeys(_)), "{refused}");
    let mainnet = MasterKey::new(&[1; 32], Network::Bitcoin).unwrap();
    let refused = Wallet::open(&path, &mainnet, None).unwrap_err();
    assert!(matches!(refused, WalletError::OtherKeys(_)), "{refused}");
}

#[test]
fn coins_that_are_in_no_block_are_not_spent() {
    let mut scene = Scene::new();
    let address = scene.wallet.deposit_address(ALICE).unwrap();
    let sent = scene.send(1, &address, 900_000);
    scene.wallet.bdk.apply_unconfirmed_txs([(sent, 1)]);
    let refused = scene.wallet.pay(&[payout(1, 100_000)], rate(2), &keys(1)).unwrap_err();
    assert!(matches!(refused, WalletError::Funds(_)), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn coins_are_what_came_less_what_was_asked_for(steps in proptest::collection::vec((0u8..4, 1u64..9), 1..24)) {
        let mut scene = Scene::new();
        let (mut came, mut asked, mut number) = (Amount::ZERO, Amount::ZERO, 0u8);
        for (step, size) in steps {
            number += 1;
            match step {
                0 => {
                    came += scene.deposit(number, ALICE, size * 40_000);
                    scene.mine(1);
                }
                1 => {
                    let payout = payout(number, size * 20_000);
                    match scene.wallet.pay(std::slice::from_ref(&payout), rate(size), &keys(1)) {
                        Ok(payment) => {
                            asked += payout.amount;
                            now(scene.chain.broadcast(&payment.unwrap().transaction)).unwrap();
                        }
                        Err(error) => prop_assert!(matches!(error, WalletError::Funds(_)), "{error}"),
                    }
                }
                2 => scene.mine(u32::try_from(size).unwrap()),
                _ => {
                    let mining = scene.mining();
                    scene.chain.reorganise(u32::try_from(size).unwrap().min(3), &mining).unwrap();
                    scene.follow();
                    scene = scene.reopen();
                    for payment in scene.wallet.unfinished(1) {
                        // It may wait already.
                        let _ = now(scene.chain.broadcast(&payment.transaction));
                    }
                    scene.mine(1);
                }
            }
            let held = scene.wallet.balance();
            prop_assert_eq!(held + asked, came, "after step {}", number);
        }
    }
}
