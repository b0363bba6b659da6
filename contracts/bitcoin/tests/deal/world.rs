//! A chain, a miner, and people with wallets who make contracts.

use crate::escrow_world::{Oracle, script};
use bitcoin::{Amount, FeeRate, Network, ScriptBuf, Transaction, TxOut};
use contracts::outcome::Stake;
use contracts_bitcoin::chain::Chain;
use contracts_bitcoin::chain::devchain::{Devchain, Mining};
use contracts_bitcoin::chain::follow::{Follower, follow};
use contracts_bitcoin::deal::message::{Offer, Side, SlotOffer, ToProvider, Word};
use contracts_bitcoin::deal::respend::Spent;
use contracts_bitcoin::deal::watch::{Action, Kept, Look, Patience};
use contracts_bitcoin::deal::{Client, Provider, Signer, Watch};
use contracts_bitcoin::keys::{Key, MasterKey};
use contracts_bitcoin::wallet::{Payout, Wallet};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::num::{NonZeroU16, NonZeroU32};
use types::terms::PayoutCurve;
use types::{Did, Hash, Msat, SlotCost};

pub(crate) const CONTRACT: Hash = Hash([7; 32]);
pub(crate) const RESERVE: Amount = Amount::from_sat(3_000);
pub(crate) const REFUND_BLOCKS: u16 = 20;
pub(crate) const CLOSE_BLOCKS: u16 = 2;
pub(crate) const POOL: u8 = 61;
pub(crate) const MARKET: u8 = 62;
/// What everybody has at the beginning, in one coin.
pub(crate) const MEANS: u64 = 5_000_000;
const BEGIN: u32 = 1_700_000_000;

/// Runs what never waits: a development chain answers at once.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future)
}

pub(crate) fn rate(sat_per_vb: u32) -> FeeRate {
    FeeRate::from_sat_per_vb_u32(sat_per_vb)
}

/// The same, after it was stored or sent.
pub(crate) fn again<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

/// Somebody with a wallet.
pub(crate) struct Person {
    pub(crate) did: Did,
    pub(crate) keys: MasterKey,
    pub(crate) wallet: Wallet,
    pub(crate) payout: ScriptBuf,
    /// How many deals of the contract came before this one.
    pub(crate) deal: u8,
}

impl Person {
    fn new(folder: &std::path::Path, number: u8) -> Self {
        let keys = MasterKey::new(&[number; 32], Network::Regtest).unwrap();
        let path = folder.join(number.to_string());
        let mut wallet = Wallet::open(&path, &keys, None).unwrap();
        let payout = wallet.payout_address().unwrap().script_pubkey();
        Self { did: Did([number; 32]), keys, wallet, payout, deal: 0 }
    }

    pub(crate) fn key(&self) -> Key {
        self.keys.escrow(self.deal.into()).unwrap()
    }

    /// Its key in the deal before.
    pub(crate) fn old_key(&self) -> Key {
        self.keys.escrow(self.deal.saturating_sub(1).into()).unwrap()
    }

    /// Under which name coins for this deal are kept aside.
    pub(crate) fn kept_aside(&self) -> Hash {
        Hash([CONTRACT.0[0] + self.deal; 32])
    }

    /// What this person brings, from coins that are kept aside; no coin where none is asked for.
    pub(crate) fn side(&mut self, least: Amount) -> Side {
        let (key, payout) = (self.key().x_only_public_key().0, self.payout.clone());
        if least == Amount::ZERO {
            return Side { key, inputs: vec![], change: payout.clone(), payout };
        }
        let funder = self.wallet.reserve(self.kept_aside(), least, rate(3)).unwrap();
        Side::new(key, payout, funder)
    }
}

pub(crate) struct World {
    pub(crate) chain: Devchain,
    pub(crate) miner: Person,
    pub(crate) client: Person,
    pub(crate) providers: Vec<Person>,
    pub(crate) begun: u32,
    /// Of payouts.
    pub(crate) steps: u16,
    /// How many slots a provider has.
    pub(crate) each: usize,
    /// Each slot's provider, where that is not by `each`.
    pub(crate) layout: Vec<usize>,
    /// Each slot's stake, where that is not [`stake`].
    pub(crate) stakes: Vec<Stake>,
    /// The old escrows that go on, by slot.
    pub(crate) spends: Vec<Spent>,
    seed: u32,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    /// A client and so many providers, each with one coin of [`MEANS`].
    pub(crate) fn new(providers: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let person = |number| Person::new(folder.path(), number);
        let (miner, client) = (person(90), person(1));
        let providers = (2..2 + providers).map(person).collect();
        let chain = Devchain::new();
        let mut world = Self {
            chain,
            miner,
            client,
            providers,
            begun: 0,
            steps: 100,
            each: 1,
            layout: vec![],
            stakes: vec![],
            spends: vec![],
            seed: 0,
            folder,
        };
        world.mine(102);
        world.give_means();
        world.mine(1);
        world.begun = world.chain.top().height;
        world
    }

    fn give_means(&mut self) {
        let everybody = std::iter::once(&self.client).chain(&self.providers);
        let payouts: Vec<Payout> = everybody
            .map(|person| Payout {
                id: Hash(person.did.0),
                to: person.payout.clone(),
                amount: Amount::from_sat(MEANS),
            })
            .collect();
        let miner = &mut self.miner;
        let payment = miner.wallet.pay(&payouts, rate(2), &miner.keys).unwrap().unwrap();
        now(self.chain.broadcast(&payment.transaction)).unwrap();
    }

    pub(crate) fn mining(&self) -> Mining {
        let time = BEGIN + 600 * (self.chain.top().height + 1);
        Mining { script: self.miner.payout.clone(), time }
    }

    pub(crate) fn mine(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.chain.mine(&self.mining()).unwrap();
        }
        self.follow();
    }

    pub(crate) fn follow(&mut self) {
        let everybody = [&mut self.miner, &mut self.client].into_iter().chain(&mut self.providers);
        for person in everybody {
            now(person.wallet.follow(&self.chain)).unwrap();
        }
    }

    /// A seed that was never used.
    pub(crate) fn seed(&mut self) -> [u8; 32] {
        self.seed += 1;
        let mut seed = [1; 32];
        seed[..4].copy_from_slice(&self.seed.to_be_bytes());
        seed
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience { funding_until: self.chain.top().height + 12, close_blocks: CLOSE_BLOCKS }
    }

    /// An offer of one slot a provider, with two of three auditors each, signed by nobody.
    pub(crate) fn offer(&mut self) -> Offer {
        let key = self.client.key().x_only_public_key().0;
        let empty = Side { key, payout: script(1), inputs: vec![], change: script(1) };
        let mut offer = Offer {
            contract: CONTRACT,
            network: Network::Regtest,
            providers: self.providers.iter().map(|provider| provider.did).collect(),
            slots: self.slots(),
            steps: NonZeroU16::new(self.steps).unwrap(),
            fee_reserve: RESERVE,
            refund_blocks: REFUND_BLOCKS,
            rate: rate(3),
            pool: script(POOL),
            market_fee: Some(TxOut {
                value: Amount::from_sat(5_000),
                script_pubkey: script(MARKET),
            }),
            client: empty,
        };
        let least = offer.client_part().unwrap();
        offer.client = self.client.side(least);
        offer
    }

    fn slots(&self) -> Vec<SlotOffer> {
        let by_each = (0..self.providers.len() * self.each).map(|slot| slot / self.each);
        let layout = if self.layout.is_empty() { by_each.collect() } else { self.layout.clone() };
        let slot = |(number, provider): (usize, usize)| SlotOffer {
            stake: self.stakes.get(number).cloned().unwrap_or_else(stake),
            provider,
            arbiter: None,
            auditors: (0..3)
                .map(|auditor| oracle_of(self.client.deal, number, auditor).announced())
                .collect(),
            threshold: 2,
            spends: self.spends.get(number).cloned(),
        };
        layout.into_iter().enumerate().map(slot).collect()
    }

    /// From now on offers are of the next deal of the contract, whose slots have these stakes and spend the client's old escrows.
    pub(crate) fn extend(&mut self, old: &Party, stakes: Vec<Stake>) {
        self.spends = (0..stakes.len()).map(|slot| old.watch.spent(slot).unwrap()).collect();
        self.stakes = stakes;
        for person in std::iter::once(&mut self.client).chain(&mut self.providers) {
            person.deal += 1;
        }
    }

    /// Both sides before any message; every provider has said yes.
    pub(crate) fn willing(&mut self) -> (Client, Vec<Provider>) {
        let offer = self.offer();
        self.willing_to(&offer)
    }

    pub(crate) fn willing_to(&mut self, offer: &Offer) -> (Client, Vec<Provider>) {
        let client = Client::new(offer.clone(), Network::Regtest).unwrap();
        let willing = |person: &mut Person| {
            let mut provider = Provider::new(again(offer), &person.did, Network::Regtest).unwrap();
            let least = offer.provider_part(provider.number()).unwrap();
            provider.answer(Word::Takes(person.side(least))).unwrap();
            provider
        };
        let providers = self.providers.iter_mut().map(willing).collect();
        (client, providers)
    }

    /// Every message that is due, twice, as JSON; states are stored and read between them. Nothing is signed by wallets.
    pub(crate) fn talk(&mut self, client: &mut Client, providers: &mut [Provider]) {
        for (to, message) in client.outbox().unwrap() {
            for _ in 0..2 {
                let (key, seed) = (self.providers[to].key(), self.seed());
                let signer = Signer { key: &key, seed };
                providers[to].take(again(&message), &signer).unwrap();
                providers[to] = again(&providers[to]);
            }
        }
        for (from, provider) in providers.iter().enumerate() {
            let Some(message) = provider.outbox() else { continue };
            for _ in 0..2 {
                let (key, seed) = (self.client.key(), self.seed());
                let signer = Signer { key: &key, seed };
                client.take(from, again(&message), &signer).unwrap();
                *client = again(client);
            }
        }
    }

    pub(crate) fn sign_providers(&mut self, providers: &mut [Provider]) {
        for (number, provider) in providers.iter_mut().enumerate() {
            let psbt = provider.to_sign().unwrap().unwrap();
            let (seed, person) = (self.seed(), &self.providers[number]);
            let (id, key) = (person.kept_aside(), person.old_key());
            let wallet_signs = || person.wallet.sign_reserved(id, &psbt, &person.keys).unwrap();
            let signed = if provider.brings() { wallet_signs() } else { psbt.clone() };
            let own = provider.offer().slots.iter().filter(|slot| slot.provider == number);
            let old = own.filter(|slot| slot.spends.is_some());
            let old: Vec<Signer<'_>> = old.map(|_| Signer { key: &key, seed }).collect();
            provider.signed(&signed, &old).unwrap();
        }
    }

    pub(crate) fn sign_client(&mut self, client: &mut Client) -> Transaction {
        let psbt = client.to_sign().unwrap().unwrap();
        let (seed, key) = (self.seed(), self.client.old_key());
        let signed = if client.offer().client.inputs.is_empty() {
            psbt
        } else {
            let (wallet, id) = (&self.client.wallet, self.client.kept_aside());
            wallet.sign_reserved(id, &psbt, &self.client.keys).unwrap()
        };
        let old = client.offer().slots.iter().filter(|slot| slot.spends.is_some());
        let old: Vec<Signer<'_>> = old.map(|_| Signer { key: &key, seed }).collect();
        client.signed(&signed, &old).unwrap().clone()
    }

    /// A contract that everybody has signed, whose funding nobody has broadcast yet.
    pub(crate) fn negotiated(&mut self) -> (Client, Vec<Provider>) {
        let (mut client, mut providers) = self.willing();
        for _ in 0..3 {
            self.talk(&mut client, &mut providers);
        }
        self.sign_providers(&mut providers);
        self.talk(&mut client, &mut providers);
        self.sign_client(&mut client);
        (client, providers)
    }

    /// What the client and each provider watch, with what each follows; the client's first.
    pub(crate) fn watches(&mut self, told: bool) -> Vec<Party> {
        let (mut client, mut providers) = self.negotiated();
        if told {
            self.talk(&mut client, &mut providers);
        }
        let patience = self.patience();
        let watch = client.watch(patience).unwrap().unwrap();
        let mut parties = vec![self.party(&self.client, watch)];
        for (provider, person) in providers.iter().zip(&self.providers) {
            let watch = provider.watch(patience).unwrap().unwrap();
            parties.push(self.party(person, watch));
        }
        parties
    }

    fn party(&self, person: &Person, watch: Watch) -> Party {
        let mut follower = Follower::new(self.begun, NonZeroU32::new(6).unwrap());
        watch.register(&mut follower);
        Party { key: person.key(), deal: person.deal, watch, follower }
    }

    /// Has one party look and do what it is told; a chain may have another version of it.
    pub(crate) fn act(&mut self, party: &mut Party) -> Look {
        now(follow(&self.chain, &mut party.follower)).unwrap();
        let kept: Kept = again(party.watch.kept());
        assert_eq!(kept, *party.watch.kept());
        party.watch = Watch::resume(kept).unwrap();
        let signer = Signer { key: &party.key, seed: self.seed() };
        let look = party.watch.look(&party.follower, &signer).unwrap();
        for action in &look.actions {
            if let Action::Broadcast(transaction) = action {
                now(self.chain.broadcast(transaction)).unwrap();
            }
        }
        look
    }

    /// Blocks one by one, after each of which these parties do what they are told.
    pub(crate) fn live(&mut self, parties: &mut [&mut Party], blocks: u32) -> Vec<Look> {
        let mut looks: Vec<Look> = parties.iter_mut().map(|party| self.act(party)).collect();
        for _ in 0..blocks {
            self.mine(1);
            looks = parties.iter_mut().map(|party| self.act(party)).collect();
        }
        looks
    }
}

/// One side, alone with the chain.
pub(crate) struct Party {
    pub(crate) key: Key,
    /// Whose auditors it hears.
    pub(crate) deal: u8,
    pub(crate) watch: Watch,
    pub(crate) follower: Follower,
}

impl Party {
    /// Hears two of three auditors say `value` of `slot`.
    pub(crate) fn hear(&mut self, slot: usize, value: u16) {
        let height = self.follower.tip().unwrap().height;
        for auditor in [0, 2] {
            let signatures = oracle_of(self.deal, slot, auditor).attest(value);
            self.watch.attested(slot, (auditor, value), signatures, height).unwrap();
        }
    }
}

pub(crate) fn stake() -> Stake {
    let cost = SlotCost {
        base: Msat(900_000_400),
        premium: Msat(50_000_000),
        bonus: Msat(30_000_000),
        ingress: Msat(20_000_000),
    };
    let (bond, repair_cost) = (Msat(1_500_000_700), Msat(600_000_000));
    Stake { curve: PayoutCurve::standard(), cost, bond, repair_cost }
}

pub(crate) fn oracle(slot: usize, auditor: usize) -> Oracle {
    oracle_of(0, slot, auditor)
}

/// An auditor of a slot, in the contract's deal number `deal`.
pub(crate) fn oracle_of(deal: u8, slot: usize, auditor: usize) -> Oracle {
    Oracle::new(40 * deal + u8::try_from(1 + 3 * slot + auditor).unwrap())
}

/// The message to provider 0, of the kind that is due.
pub(crate) fn first(client: &Client) -> ToProvider {
    client.outbox().unwrap().remove(0).1
}
