//! A chain, a miner, a client and providers, each with a treasurer in a folder of its own.

use crate::others::{Auditors, Desk, Far, Home, Seat, Street, Wire};
use crate::papers::{self, Papers};
use bitcoin::{Address, Amount, FeeRate, Network, ScriptBuf};
use contracts::outcome::{Stake, escrow_id};
use contracts_bitcoin::chain::Chain;
use contracts_bitcoin::chain::devchain::{Devchain, Mining};
use contracts_bitcoin::keys::MasterKey;
use contracts_bitcoin::treasurer::{EscrowLine, Funding, Manner, Round, Treasurer};
use contracts_bitcoin::wallet::{Payout, Wallet};
use network::api::{BitcoinInfo, ContractView};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU16, NonZeroU32};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use types::documents::Quote;
use types::{ContractId, Did, Hash, SecretKey, Signer, Timestamp};

pub(crate) const DEPTH: u32 = 2;
pub(crate) const REFUND_BLOCKS: u16 = 30;
pub(crate) const CLOSE_BLOCKS: u16 = 3;
pub(crate) const FUNDING_BLOCKS: u32 = 8;
pub(crate) const CLIENT: u8 = 1;
/// What the client has at the beginning, in one coin each.
pub(crate) const MEANS: [u64; 2] = [30_000_000, 20_000_000];
/// What a provider has.
pub(crate) const BONDS: u64 = 5_000_000;
const BEGIN: u32 = 1_700_000_000;
pub(crate) const MARKET: u8 = 250;

pub(crate) fn secret(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

pub(crate) fn did(number: u8) -> Did {
    secret(number).did()
}

pub(crate) fn keys(number: u8) -> MasterKey {
    MasterKey::new(&[number; 32], Network::Regtest).unwrap()
}

pub(crate) fn rate(sat_per_vb: u32) -> FeeRate {
    FeeRate::from_sat_per_vb_u32(sat_per_vb)
}

/// What contract `number` is called, once it is agreed.
pub(crate) fn id(number: u8) -> ContractId {
    CALLED.with_borrow(|called| called[&number])
}

/// What the time is for everybody.
pub(crate) fn now() -> Timestamp {
    Timestamp(NOW.get())
}

/// From now on it is that late.
pub(crate) fn pass(to: Timestamp) {
    NOW.set(to.0);
}

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(2_000_000_000_000_000) };
    /// A contract is called by its acceptance, and a test is one thread.
    static CALLED: RefCell<BTreeMap<u8, ContractId>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn manner() -> Manner {
    Manner {
        confirmations: NonZeroU32::new(DEPTH).unwrap(),
        refund_blocks: REFUND_BLOCKS,
        refund_blocks_min: 20,
        block_time: None,
        deal_max: Amount::MAX_MONEY,
        steps: NonZeroU16::new(10).unwrap(),
        talk_blocks: FUNDING_BLOCKS,
        funding_blocks: FUNDING_BLOCKS,
        close_blocks: CLOSE_BLOCKS,
        answer_within: Duration::from_secs(20),
        ..Manner::new(did(MARKET))
    }
}

pub(crate) struct World {
    pub(crate) chain: Devchain,
    miner: Wallet,
    pub(crate) client: Option<Treasurer>,
    pub(crate) street: Street,
    pub(crate) auditors: Auditors,
    pub(crate) wire: Wire,
    pub(crate) manner: Manner,
    pub(crate) begun: u32,
    /// What all treasurers had then.
    pub(crate) brought: Amount,
    pub(crate) folder: tempfile::TempDir,
    /// What the chain asks for, as treasurers hear it.
    pub(crate) asks: Option<FeeRate>,
}

impl World {
    /// A client and so many providers, numbered from 2 on, with coins; one auditor.
    pub(crate) async fn new(providers: u8) -> Self {
        Self::judged_by(providers, (1, 1)).await
    }

    pub(crate) async fn judged_by(providers: u8, quorum: (u8, u16)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wire = Wire::default();
        let auditors = Auditors::new(folder.path(), quorum, wire.clone());
        let miner = Wallet::open(&folder.path().join("miner"), &keys(90), None).unwrap();
        let info = BitcoinInfo {
            network: "regtest".into(),
            address: foreign(MARKET).to_string(),
            oracles: auditors.info(),
            threshold: quorum.1,
        };
        let (views, receipts) = (BTreeMap::new(), BTreeMap::new());
        let desk = Desk { info, views, receipts, is_gone: false };
        let chain = Devchain::new();
        let street = Street {
            homes: (2..2 + providers).map(|number| (did(number), Home::default())).collect(),
            from: did(CLIENT),
            desk: Arc::new(Mutex::new(desk)),
            auditors: auditors.clone(),
            silent: Arc::default(),
            said: Arc::default(),
            opener: None,
            chain: chain.clone(),
            before: Arc::default(),
            wire: wire.clone(),
        };
        let manner = manner();
        let (client, begun, brought) = (None, 0, Amount::ZERO);
        let mut world = Self {
            chain,
            miner,
            client,
            street,
            auditors,
            wire,
            manner,
            begun,
            brought,
            folder,
            asks: None,
        };
        world.reopen_client();
        for number in 2..2 + providers {
            world.reopen_provider(number).await;
        }
        world.mine(102).await;
        world.give_means(providers).await;
        world.mine(DEPTH).await;
        world.begun = world.chain.top().height;
        world.tend_all().await;
        world.brought = world.held().await;
        world
    }

    fn open(&self, number: u8) -> Treasurer {
        let folder = self.folder.path().join(number.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let manner = self.manner.clone();
        let opened = Treasurer::open(&folder, keys(number), did(number), manner, None).unwrap();
        opened.by_clock(now)
    }

    pub(crate) fn reopen_client(&mut self) {
        self.client = None;
        self.client = Some(self.open(CLIENT));
    }

    pub(crate) async fn reopen_provider(&self, number: u8) {
        let mut home = self.street.homes[&did(number)].lock().await;
        *home = None;
        *home = Some(self.open(number));
    }

    async fn give_means(&mut self, providers: u8) {
        let mut payouts = vec![];
        let address = self.client.as_mut().unwrap().address().unwrap();
        let clients = MEANS.map(|amount| (address.clone(), amount));
        let mut all = clients.to_vec();
        for number in 2..2 + providers {
            let mut home = self.street.homes[&did(number)].lock().await;
            all.push((home.as_mut().unwrap().address().unwrap(), BONDS));
        }
        for (at, (address, amount)) in (1..).zip(all) {
            let (id, to) = (Hash([at; 32]), address.script_pubkey());
            payouts.push(Payout { id, to, amount: Amount::from_sat(amount) });
        }
        let payment = self.miner.pay(&payouts, rate(2), &keys(90)).unwrap().unwrap();
        self.chain.broadcast(&payment.transaction).await.unwrap();
    }

    pub(crate) fn mining(&mut self) -> Mining {
        let time = BEGIN + 600 * (self.chain.top().height + 1);
        Mining { script: self.miner.payout_address().unwrap().script_pubkey(), time }
    }

    pub(crate) async fn mine(&mut self, blocks: u32) {
        let script = self.mining().script;
        for _ in 0..blocks {
            let time = BEGIN + 600 * (self.chain.top().height + 1);
            self.chain.mine(&Mining { script: script.clone(), time }).unwrap();
        }
        self.miner.follow(&self.chain).await.unwrap();
    }

    pub(crate) fn seat(&self) -> Seat {
        Seat { desk: self.street.desk.clone(), party: did(CLIENT), wire: self.wire.clone() }
    }

    /// The client's round; nothing where its life ended in it. Then it is opened again.
    pub(crate) async fn round(&mut self) -> Option<Round> {
        let (seat, street, auditors) = (self.seat(), self.street.clone(), self.auditors.clone());
        let (chain, wire) = (self.far(self.wire.clone()), self.wire.clone());
        let client = self.client.as_mut().unwrap();
        let done = {
            let round = pin!(client.round(&chain, &seat, &street, &auditors));
            let gone = pin!(wire.gone());
            match futures_util::future::select(round, gone).await {
                futures_util::future::Either::Left((round, _)) => Some(round.unwrap()),
                futures_util::future::Either::Right(_) => None,
            }
        };
        if done.is_none() {
            self.reopen_client();
        }
        done
    }

    fn far(&self, wire: Wire) -> Far {
        Far { chain: self.chain.clone(), wire, asks: self.asks }
    }

    /// A block without a transaction, on top of the chain.
    pub(crate) fn mine_empty(&mut self) {
        let (parent, mining) = (self.chain.top().hash, self.mining());
        let block = self.chain.assemble(parent, vec![], &mining).unwrap();
        self.chain.submit(block, u32::MAX).unwrap();
    }

    /// A provider's round.
    pub(crate) async fn tend(&self, number: u8) -> Round {
        let mut home = self.street.homes[&did(number)].lock().await;
        let auditors = self.auditors.safe();
        let chain = self.far(Wire::default());
        home.as_mut().unwrap().tend(&chain, &auditors).await.unwrap()
    }

    pub(crate) async fn tend_all(&mut self) {
        let auditors = self.auditors.safe();
        for provider in self.street.homes.values() {
            let mut home = provider.lock().await;
            home.as_mut().unwrap().tend(&self.chain, &auditors).await.unwrap();
        }
        let client = self.client.as_mut().unwrap();
        client.tend(&self.chain, &auditors).await.unwrap();
    }

    /// Blocks one by one, after each of which everybody has a round.
    pub(crate) async fn live(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.mine(1).await;
            for number in self.numbers() {
                self.tend(number).await;
            }
            self.round().await;
        }
    }

    pub(crate) fn numbers(&self) -> Vec<u8> {
        let silent: BTreeSet<Did> = self.street.silent.lock().unwrap().clone();
        let all = 2..2 + u8::try_from(self.street.homes.len()).unwrap();
        all.filter(|number| !silent.contains(&did(*number))).collect()
    }

    pub(crate) fn lines(&self) -> Vec<EscrowLine> {
        self.client.as_ref().unwrap().escrows()
    }

    pub(crate) async fn lines_of(&self, number: u8) -> Vec<EscrowLine> {
        self.street.homes[&did(number)].lock().await.as_ref().unwrap().escrows()
    }

    pub(crate) async fn funding(&self, number: u8, contract: ContractId, slot: u16) -> Funding {
        let home = self.street.homes[&did(number)].lock().await;
        home.as_ref().unwrap().funded(contract, slot, did(number))
    }

    /// What all treasurers have outside escrows.
    pub(crate) async fn held(&self) -> Amount {
        let mut held = self.client.as_ref().unwrap().balance();
        for home in self.street.homes.values() {
            held += home.lock().await.as_ref().unwrap().balance();
        }
        held
    }

    pub(crate) async fn balance_of(&self, number: u8) -> Amount {
        self.street.homes[&did(number)].lock().await.as_ref().unwrap().balance()
    }

    /// The market lists an agreed contract whose slots these providers have confirmed; auditors announce it.
    pub(crate) fn agree(&self, number: u8, providers: &[u8]) {
        self.agree_on(number, papers::quote(number, providers));
    }

    /// The same by another quote.
    pub(crate) fn agree_on(&self, number: u8, quote: Quote) {
        let papers = Papers::of(quote, &secret(MARKET), &secret(CLIENT));
        CALLED.with_borrow_mut(|called| called.insert(number, papers.view.id));
        self.list(papers);
    }

    /// The market lists a contract that is agreed by these documents.
    pub(crate) fn list(&self, Papers { view, receipts }: Papers) {
        self.street.desk.lock().unwrap().receipts.extend(receipts);
        self.announce(&view);
        self.street.desk.lock().unwrap().views.insert(view.id, view);
    }

    /// Auditors announce what there is of a contract now, and providers agree to it.
    pub(crate) fn announce(&self, view: &ContractView) {
        for slot in &view.slots {
            self.auditors.announce(escrow_id(view.id, slot.slot, slot.provider), slot.slot);
            let Some(home) = self.street.homes.get(&slot.provider) else { continue };
            if let Some(provider) = home.try_lock().unwrap().as_ref() {
                provider.consents().give(&papers::reservation(view, slot), false).unwrap();
            }
        }
    }

    /// The same of contract `number`.
    pub(crate) fn announce_all(&self, number: u8) {
        let view = self.street.desk.lock().unwrap().views[&id(number)].clone();
        self.announce(&view);
    }

    pub(crate) fn change(&self, number: u8, change: impl FnOnce(&mut ContractView)) {
        change(self.street.desk.lock().unwrap().views.get_mut(&id(number)).unwrap());
    }

    pub(crate) fn attest(&self, number: u8, slot: u16, provider: u8, score: u16) {
        self.auditors.attest(escrow_id(id(number), slot, did(provider)), slot, score);
    }

    pub(crate) fn stake(&self, number: u8, slot: usize) -> Stake {
        let desk = self.street.desk.lock().unwrap();
        let view = &desk.views[&id(number)];
        Stake::of(&view.terms, &view.slots[slot].quoted).unwrap()
    }
}

/// An address that no treasurer owns.
pub(crate) fn foreign(number: u8) -> Address {
    let account = keys(number).wallet_account_public().unwrap();
    let key = bitcoin::key::XOnlyPublicKey::from(account.public_key);
    Address::p2tr(&bitcoin::key::Secp256k1::new(), key, None, Network::Regtest)
}

/// Where fees and the pool's shares go.
pub(crate) fn market_script() -> ScriptBuf {
    foreign(MARKET).script_pubkey()
}
