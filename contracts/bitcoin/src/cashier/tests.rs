//! A cashier between a development chain and a ledger that may fail at any call; `tests/cashier.rs` of the whole system holds the
//! ledger's manners against a running market's.

use super::*;
use crate::anchor::{Headers, Trusted, receipt};
use crate::chain::devchain::{Devchain, Mining};
use bitcoin::ScriptBuf;
use contracts::{Account, Ledger, Posting};
use proptest::prelude::*;
use types::Hash;

const ALICE: Did = Did([1; 32]);
const MARKET: Did = Did([9; 32]);
const MANNER: Manner = Manner { market: MARKET, confirmations: 2, anchors: None };
const BEGIN: u32 = 1_700_000_000;

/// Books as the market keeps them, whose answers get lost when told so.
struct Desk {
    head: TreeHead,
    ledger: Ledger,
    references: BTreeSet<String>,
    journal: Vec<Withdrawn>,
    calls: u32,
    /// Before and after which calls the line breaks.
    breaks: BTreeSet<(u32, bool)>,
}

impl Desk {
    fn new() -> Self {
        Self {
            head: head(0),
            ledger: Ledger::default(),
            references: BTreeSet::new(),
            journal: Vec::new(),
            calls: 0,
            breaks: BTreeSet::new(),
        }
    }

    fn line(&self, after: bool) -> Result<(), CashierError> {
        let broken = self.breaks.contains(&(self.calls, after));
        if broken { Err(CashierError::Books("the line is dead".into())) } else { Ok(()) }
    }

    fn withdraw(&mut self, number: u8, amount: Msat, to: &str) -> bool {
        let debit = Account::Available(ALICE);
        let posting = Posting { debit, credit: Account::World, amount };
        if self.ledger.check(&[posting]).is_err() {
            return false;
        }
        self.ledger.post_all(&[posting]).unwrap();
        let (event, document) = (format!("{number}.0"), Hash([number; 32]));
        let to = to.to_owned();
        self.journal.push(Withdrawn { event, document, party: ALICE, amount, to });
        true
    }

    fn available(&self) -> i64 {
        self.ledger.balance(Account::Available(ALICE)).0
    }

    fn outside(&self) -> i64 {
        -self.ledger.balance(Account::World).0
    }
}

impl Books for Desk {
    async fn news(&mut self, after: Option<&str>) -> Result<News, CashierError> {
        self.calls += 1;
        self.line(false)?;
        let seen = after.map_or(0, |event| {
            1 + self.journal.iter().position(|withdrawn| withdrawn.event == event).unwrap()
        });
        let withdrawn: Vec<_> = self.journal[seen..].iter().take(2).cloned().collect();
        let posted = Msat::sum(withdrawn.iter().map(|withdrawn| withdrawn.amount)).unwrap();
        self.line(true)?;
        Ok(News { withdrawn, posted })
    }

    async fn head(&mut self) -> Result<TreeHead, CashierError> {
        self.calls += 1;
        self.line(false)?;
        Ok(self.head.clone())
    }

    async fn credit(
        &mut self,
        party: Did,
        amount: Msat,
        reference: &str,
    ) -> Result<(), CashierError> {
        self.calls += 1;
        self.line(false)?;
        if self.references.insert(reference.to_owned()) {
            let credit = Account::Available(party);
            self.ledger.post_all(&[Posting { debit: Account::World, credit, amount }]).unwrap();
        }
        self.line(true)
    }
}

/// The head of a journal with so many entries.
fn head(size: u64) -> TreeHead {
    let root = Hash([u8::try_from(size % 250).unwrap(); 32]);
    TreeHead { market: MARKET, size, root, block: size, time: Timestamp(0) }
}

fn keys(seed: u8) -> MasterKey {
    MasterKey::new(&[seed; 32], Network::Regtest).unwrap()
}

fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

struct Scene {
    folder: tempfile::TempDir,
    chain: Devchain,
    miner: Wallet,
    cashier: Cashier,
    desk: Desk,
    sent: u8,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let miner = Wallet::open(&folder.path().join("miner"), &keys(7), None).unwrap();
        let cashier = Cashier::open(folder.path(), keys(1), MANNER, None).unwrap();
        let (chain, desk) = (Devchain::new(), Desk::new());
        let mut scene = Self { folder, chain, miner, cashier, desk, sent: 100 };
        scene.mine(110);
        scene.round().unwrap();
        scene
    }

    fn mine(&mut self, blocks: u32) {
        let script = self.miner.payout_address().unwrap().script_pubkey();
        for _ in 0..blocks {
            let time = BEGIN + 600 * (self.chain.top().height + 1);
            self.chain.mine(&Mining { script: script.clone(), time }).unwrap();
        }
        now(self.miner.follow(&self.chain)).unwrap();
    }

    /// Coins for Alice, worth `sat` less a fee.
    fn deposit(&mut self, sat: u64) {
        self.deposit_for(ALICE, sat);
    }

    fn deposit_for(&mut self, party: Did, sat: u64) {
        let to = self.cashier.deposit_address(party).unwrap().script_pubkey();
        self.sent += 1;
        let payout = Payout { id: Hash([self.sent; 32]), to, amount: Amount::from_sat(sat) };
        let rate = FeeRate::from_sat_per_vb(1).unwrap();
        let payment = self.miner.pay(&[payout], rate, &keys(7)).unwrap().unwrap();
        now(self.chain.broadcast(&payment.transaction)).unwrap();
    }

    fn round(&mut self) -> Result<Round, CashierError> {
        self.round_at(Timestamp(0))
    }

    fn round_at(&mut self, at: Timestamp) -> Result<Round, CashierError> {
        now(self.cashier.round(&self.chain, &mut self.desk, at))
    }

    fn reopen(self) -> Self {
        let Self { folder, chain, miner, cashier, desk, sent } = self;
        drop(cashier);
        let cashier = Cashier::open(folder.path(), keys(1), MANNER, None).unwrap();
        Self { folder, chain, miner, cashier, desk, sent }
    }

    /// What the cashier holds, in msat.
    fn coins(&self) -> i64 {
        msat(self.cashier.balance()).unwrap().0
    }

    fn paid_to(&self, script: &ScriptBuf) -> usize {
        let blocks = (0..=self.chain.top().height).map(|at| self.chain.block_at(at).unwrap());
        let outputs = blocks.flat_map(|block| block.txdata.clone()).flat_map(|tx| tx.output);
        outputs.filter(|output| output.script_pubkey == *script).count()
    }
}

/// An address that nobody here owns.
fn foreign(number: u8) -> Address {
    let account = keys(number).wallet_account_public().unwrap();
    let key = bitcoin::key::XOnlyPublicKey::from(account.public_key);
    Address::p2tr(&bitcoin::key::Secp256k1::new(), key, None, Network::Regtest)
}

#[test]
fn coins_come_in_and_go_out_and_the_books_say_the_same() {
    let mut scene = Scene::new();
    scene.deposit(1_000_000);
    scene.mine(1);
    assert_eq!(scene.round().unwrap(), Round::default());
    scene.mine(1);
    assert_eq!(scene.round().unwrap().booked, 1);
    assert_eq!(scene.desk.outside(), scene.coins());

    let to = foreign(50);
    assert!(scene.desk.withdraw(1, Msat(200_000_123), &format!("bitcoin:{to}")));
    assert!(scene.desk.withdraw(2, Msat(5_000), "by bank, please"));
    assert!(scene.desk.withdraw(3, Msat(10_000), &foreign(51).to_string()));
    let round = scene.round().unwrap();
    assert_eq!(round.elsewhere, [Hash([2; 32])]);
    assert!(round.paid.is_some() && round.waiting[0].contains("withdraw at least"), "{round:?}");
    assert_eq!(scene.round().unwrap().paid, None, "paid already");
    scene.mine(2);
    assert_eq!(scene.paid_to(&to.script_pubkey()), 1);
    assert!(scene.desk.references.contains(&format!("bitcoin:rest:{}", Hash([1; 32]))));
    let owed = 5_000 + 10_000;
    let coins = scene.coins();
    assert_eq!(scene.desk.outside() + owed, coins, "what waits is still there");
}

#[test]
fn a_cashier_that_has_lost_its_files_pays_nothing_again() {
    for lost in [&["wallet.jsonl"][..], &["wallet.jsonl", "cashier.jsonl"]] {
        let mut scene = Scene::new();
        scene.deposit(1_000_000);
        scene.mine(2);
        scene.round().unwrap();
        let to = foreign(50);
        assert!(scene.desk.withdraw(1, Msat(200_000_000), &to.to_string()));
        assert!(scene.round().unwrap().paid.is_some());
        scene.mine(2);
        let Scene { folder, chain, miner, cashier, desk, sent } = scene;
        drop(cashier);
        for file in lost {
            std::fs::remove_file(folder.path().join(file)).unwrap();
        }
        let cashier = Cashier::open(folder.path(), keys(1), MANNER, None).unwrap();
        let mut scene = Scene { folder, chain, miner, cashier, desk, sent };
        for _ in 0..2 {
            assert_eq!(scene.round().unwrap().paid, None, "{lost:?}");
            scene.mine(1);
        }
        assert_eq!(scene.paid_to(&to.script_pubkey()), 1);
        assert!(scene.cashier.balance() > Amount::ZERO, "the coins are found");
        assert!(scene.desk.withdraw(2, Msat(100_000_000), &foreign(51).to_string()));
        assert!(scene.round().unwrap().paid.is_some(), "what is new is paid");
    }
}

#[test]
fn an_address_of_another_network_is_not_paid() {
    let mut scene = Scene::new();
    scene.deposit(1_000_000);
    scene.mine(2);
    scene.round().unwrap();
    let mainnet = "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr";
    assert!(scene.desk.withdraw(1, Msat(200_000_000), mainnet));
    let round = scene.round().unwrap();
    assert_eq!((round.paid, round.elsewhere), (None, vec![Hash([1; 32])]));
}

#[test]
fn the_journal_is_anchored_when_it_is_due_from_coins_of_the_operator_alone() {
    let rule = Rule::default();
    let anchoring = Manner { anchors: Some(rule), ..MANNER };
    let mut scene = Scene::new();
    drop(scene.cashier);
    scene.cashier = Cashier::open(scene.folder.path(), keys(1), anchoring, None).unwrap();
    let hour = i64::try_from(types::Span::HOUR.0).unwrap();
    let at = |hours: i64| Timestamp((1_000 + hours) * hour);
    scene.deposit(1_000_000);
    scene.desk.head = head(7);
    scene.mine(2);
    let round = scene.round_at(at(0)).unwrap();
    assert_eq!((round.booked, round.anchored), (1, None));
    let own = scene.cashier.deposit_address(MARKET).unwrap().to_string();
    assert!(round.waiting[0].contains("0 BTC are free"), "{:?}", round.waiting);
    assert!(round.waiting[0].ends_with(&own), "{:?}", round.waiting);

    scene.deposit_for(MARKET, 50_000);
    scene.mine(2);
    let owed = scene.desk.outside() / MSAT;
    let txid = scene.round_at(at(1)).unwrap().anchored.expect("it is due, and paid for");
    assert_eq!(scene.round_at(at(2)).unwrap().anchored, None, "not twice");
    assert_eq!(scene.desk.outside() / MSAT, owed, "nobody was booked the operator's coins");
    assert!(scene.cashier.balance().to_sat() > u64::try_from(owed).unwrap());
    scene.mine(1);
    scene.round_at(at(3)).unwrap();
    assert_eq!(scene.cashier.anchor_of(1), None, "not deep enough");
    scene.mine(1);
    scene.round_at(at(4)).unwrap();
    let anchor = scene.cashier.anchor_of(7).expect("it can be proven");
    assert_eq!((anchor.size, scene.cashier.proven_entries()), (7, 7));
    assert_eq!(scene.cashier.anchor_of(8), None);

    let headers = (0..=scene.chain.top().height).map(|at| scene.chain.block_at(at).unwrap().header);
    let headers = Headers::new(headers.collect(), 0, Network::Regtest).unwrap();
    let trusted = Trusted::Headers(headers);
    let proven = receipt::verify(Some(&anchor), &head(7), &trusted).unwrap();
    assert_eq!((proven.transaction, proven.confirmations), (txid, Some(2)));

    scene.desk.head = head(8);
    assert_eq!(scene.round_at(at(6)).unwrap().anchored, None, "six hours are not over");
    assert!(scene.round_at(at(7)).unwrap().anchored.is_some());
    let mut scene = scene.reopen();
    scene.mine(2);
    scene.round_at(at(8)).unwrap();
    assert_eq!(scene.cashier.anchor_of(1).map(|anchor| anchor.size), Some(7));
    assert_eq!(scene.cashier.anchor_of(8).map(|anchor| anchor.size), Some(8));
}

#[test]
fn a_reorganisation_around_an_anchor_is_followed_and_nothing_is_paid_twice() {
    let anchoring = Manner { anchors: Some(Rule::default()), ..MANNER };
    for depth in 1..=6 {
        let mut scene = Scene::new();
        drop(scene.cashier);
        scene.cashier = Cashier::open(scene.folder.path(), keys(1), anchoring, None).unwrap();
        scene.desk.head = head(7);
        scene.deposit_for(MARKET, 50_000);
        scene.mine(8);
        let at = Timestamp(i64::try_from(types::Span::DAY.0).unwrap());
        let txid = scene.round_at(at).unwrap().anchored.expect("it is due, and paid for");
        scene.mine(3);
        scene.round_at(at).unwrap();
        let block = |scene: &Scene| scene.cashier.anchor_of(7).map(|anchor| anchor.proof.header);
        let before = block(&scene).expect("two blocks deep are enough");
        let coins = scene.coins();
        let script = scene.miner.payout_address().unwrap().script_pubkey();
        // From three on the anchor's own block is undone; before, it is the ones on top of it.
        scene.chain.reorganise(depth, &Mining { script, time: u32::MAX / 2 }).unwrap();
        let undone = depth >= 3;
        scene.round_at(at).unwrap();
        assert_eq!(block(&scene).is_none(), undone, "{depth}: a proof that leads nowhere");
        let now_at = scene.chain.top().height;
        scene
            .chain
            .mine_blocks(2, &Mining { script: foreign(3).script_pubkey(), time: 0 })
            .unwrap();
        let round = scene.round_at(at).unwrap();
        assert_eq!(round.anchored, None, "{depth}: it is anchored once");
        let after = block(&scene).expect("it is in a block again");
        assert_eq!(after == before, !undone, "{depth}");
        let (found, height) = scene.chain.find_transaction(txid).expect("the same transaction");
        assert_eq!(found.compute_txid(), txid);
        assert_eq!(height > Some(now_at), undone, "{depth}");
        assert_eq!(scene.coins(), coins, "{depth}: its fee was paid once");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn whatever_breaks_each_deposit_and_each_withdrawal_counts_once(
        steps in proptest::collection::vec((0u8..4, 1u32..9), 4..16),
        breaks in proptest::collection::btree_set((0u32..40, any::<bool>()), 0..12),
    ) {
        let mut scene = Scene::new();
        scene.desk.breaks = breaks;
        let (mut withdrawals, mut number) = (vec![], 0u8);
        for (step, size) in steps {
            match step {
                0 => {
                    scene.deposit(u64::from(size) * 100_000);
                    scene.mine(1);
                }
                1 => {
                    number += 1;
                    let (amount, to) = (Msat(i64::from(size) * 20_000_017), foreign(100 + number));
                    if scene.desk.withdraw(number, amount, &to.to_string()) {
                        withdrawals.push(to);
                    }
                }
                2 => scene.mine(1),
                _ => scene = scene.reopen(),
            }
            // A line that breaks ends a round; the next goes on.
            let _ = scene.round();
        }
        scene.desk.breaks.clear();
        for _ in 0..4 {
            scene.mine(2);
            scene.round().unwrap();
        }
        for to in withdrawals {
            prop_assert_eq!(scene.paid_to(&to.script_pubkey()), 1);
        }
        prop_assert_eq!(scene.desk.outside(), scene.coins());
        prop_assert!(scene.desk.available() >= 0);
    }
}
