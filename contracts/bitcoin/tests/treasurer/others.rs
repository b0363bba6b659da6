//! Those around treasurers: a market's list, auditors, and the wire to providers, on which everything can break.

use bitcoin::{Block, FeeRate, Network, OutPoint, Transaction, Txid};
use contracts_bitcoin::chain::devchain::Devchain;
use contracts_bitcoin::chain::{Chain, ChainError, Tip, Unspent};
use contracts_bitcoin::deal::message::{ToClient, ToProvider};
use contracts_bitcoin::deal::watch::{Consent, Proposal};
use contracts_bitcoin::keys::MasterKey;
use contracts_bitcoin::oracle::Oracle;
use contracts_bitcoin::oracle::agree::Minutes;
use contracts_bitcoin::oracle::messages::{Announcement, Attestation};
use contracts_bitcoin::oracle::rule::{EventName, Rule};
use contracts_bitcoin::treasurer::{Market, Oracles, Peer, Peers, Treasurer};
use network::api::{BitcoinInfo, ContractLine, ContractView, OracleInfo};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use types::documents::Receipt;
use types::{ContractId, Did, DocId, Hash, Timestamp};

const LATER: Timestamp = Timestamp(2_000_000_000_000_000);
/// Long past.
const MATURITY: u32 = 1_000;

/// Counts every call to the outside, and ends its caller's life at one of them, before or after it had its effect.
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Cut>);

#[derive(Default)]
struct Cut {
    calls: AtomicUsize,
    /// Twice the call's number, and one more for after it; 0 for never.
    at: AtomicUsize,
    gone: Notify,
}

impl Wire {
    pub(crate) fn cut(&self, at: usize) {
        self.0.calls.store(0, SeqCst);
        self.0.at.store(at, SeqCst);
    }

    pub(crate) fn was_cut(&self) -> bool {
        self.0.at.load(SeqCst) == 0
    }

    pub(crate) async fn gone(&self) {
        self.0.gone.notified().await;
    }

    async fn step<T>(&self, work: impl Future<Output = T>) -> T {
        let call = 2 * (1 + self.0.calls.fetch_add(1, SeqCst));
        self.end(call).await;
        let done = work.await;
        self.end(call + 1).await;
        done
    }

    async fn end(&self, at: usize) {
        if self.0.at.compare_exchange(at, 0, SeqCst, SeqCst).is_ok() {
            self.0.gone.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// A chain at the other end of a wire.
#[derive(Clone)]
pub(crate) struct Far {
    pub(crate) chain: Devchain,
    pub(crate) wire: Wire,
    /// What it asks for, where that is not what the chain does.
    pub(crate) asks: Option<FeeRate>,
}

impl Chain for Far {
    fn network(&self) -> Network {
        self.chain.network()
    }

    async fn tip(&self) -> Result<Tip, ChainError> {
        self.chain.tip().await
    }

    async fn block(&self, height: u32) -> Result<Option<Block>, ChainError> {
        self.chain.block(height).await
    }

    async fn broadcast(&self, transaction: &Transaction) -> Result<Txid, ChainError> {
        self.wire.step(self.chain.broadcast(transaction)).await
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
        match self.asks {
            Some(rate) => Ok(rate),
            None => self.chain.fee_rate(blocks).await,
        }
    }
}

/// What a market lists.
pub(crate) struct Desk {
    pub(crate) info: BitcoinInfo,
    pub(crate) views: BTreeMap<ContractId, ContractView>,
    /// Of everything that its journal has.
    pub(crate) receipts: BTreeMap<DocId, Receipt>,
    pub(crate) is_gone: bool,
}

/// One party's seat at it.
#[derive(Clone)]
pub(crate) struct Seat {
    pub(crate) desk: Arc<Mutex<Desk>>,
    pub(crate) party: Did,
    pub(crate) wire: Wire,
}

impl Seat {
    fn ask<T>(&self, ask: impl FnOnce(&Desk) -> Result<T, String>) -> Result<T, String> {
        let desk = self.desk.lock().unwrap();
        if desk.is_gone { Err("nobody answers".into()) } else { ask(&desk) }
    }

    fn concerns(&self, view: &ContractView) -> bool {
        view.client == self.party || view.slots.iter().any(|slot| slot.provider == self.party)
    }
}

impl Market for Seat {
    async fn bitcoin(&self) -> Result<BitcoinInfo, String> {
        self.wire.step(async { self.ask(|desk| Ok(desk.info.clone())) }).await
    }

    async fn contracts(&self) -> Result<Vec<ContractLine>, String> {
        let line = |view: &ContractView| ContractLine {
            id: view.id,
            state: view.state.clone(),
            client: view.client,
            capacity: view.terms.capacity,
            kept: types::Bytes(0),
            redundancy: view.terms.redundancy,
            rail: view.terms.rail,
            escrow: view.escrow,
            ends: view.ends,
        };
        let own = |view: &&ContractView| self.concerns(view);
        let listed = |desk: &Desk| Ok(desk.views.values().filter(own).map(line).collect());
        self.ask(listed)
    }

    async fn contract(&self, id: ContractId) -> Result<ContractView, String> {
        self.ask(|desk| {
            let view = desk.views.get(&id).filter(|view| self.concerns(view));
            view.cloned().ok_or_else(|| format!("there is no contract {id} of yours"))
        })
    }

    async fn receipt(&self, document: DocId) -> Result<Receipt, String> {
        self.ask(|desk| {
            let receipt = desk.receipts.get(&document);
            receipt.cloned().ok_or_else(|| format!("the journal has no document {document}"))
        })
    }
}

/// Auditors that agree.
#[derive(Clone)]
pub(crate) struct Auditors {
    oracles: Arc<Vec<Oracle>>,
    pub(crate) rule: Rule,
    pub(crate) are_gone: Arc<Mutex<bool>>,
    wire: Wire,
}

impl Auditors {
    pub(crate) fn new(folder: &Path, (count, threshold): (u8, u16), wire: Wire) -> Self {
        let open = |seed: u8| {
            let folder = folder.join(format!("oracle{seed}"));
            std::fs::create_dir(&folder).unwrap();
            let keys = MasterKey::new(&[100 + seed; 32], Network::Regtest).unwrap();
            Oracle::open(&folder, keys).unwrap()
        };
        let oracles: Vec<Oracle> = (1..=count).map(open).collect();
        let keys = oracles.iter().map(Oracle::public_key).collect();
        let rule = Rule::new(threshold, keys).unwrap();
        Self { oracles: Arc::new(oracles), rule, are_gone: Arc::default(), wire }
    }

    /// The same, on a wire that holds.
    pub(crate) fn safe(&self) -> Self {
        Self { wire: Wire::default(), ..self.clone() }
    }

    pub(crate) fn info(&self) -> Vec<OracleInfo> {
        let info =
            |oracle: &Oracle| OracleInfo { key: oracle.public_key().to_string(), urls: vec![] };
        self.oracles.iter().map(info).collect()
    }

    pub(crate) fn announce(&self, escrow: Hash, slot: u16) {
        for oracle in self.oracles.iter() {
            oracle.announce((escrow, slot), MATURITY, &self.rule).unwrap();
        }
    }

    /// All agree on `score`.
    pub(crate) fn attest(&self, escrow: Hash, slot: u16, score: u16) {
        let event = EventName::new(escrow, slot, &self.rule).to_string();
        for oracle in self.oracles.iter() {
            oracle.say(&event, score, LATER).unwrap();
        }
        let mut minutes = Minutes::default();
        for _ in 0..3 {
            for oracle in self.oracles.iter() {
                minutes = oracle.hear(&event, minutes, LATER).unwrap();
            }
        }
        assert!(self.oracles[0].attestation(&event).unwrap().is_some());
    }

    fn of(&self, info: &OracleInfo) -> Result<&Oracle, String> {
        if *self.are_gone.lock().unwrap() {
            return Err("nobody answers".into());
        }
        let this = |oracle: &&Oracle| oracle.public_key().to_string() == info.key;
        self.oracles.iter().find(this).ok_or_else(|| "no such oracle".into())
    }
}

impl Oracles for Auditors {
    async fn announcement(&self, oracle: &OracleInfo, event: &str) -> Result<Announcement, String> {
        self.of(oracle)?.announcement(event).map_err(|error| error.to_string())
    }

    async fn attestation(
        &self,
        oracle: &OracleInfo,
        announcement: &Announcement,
    ) -> Result<Option<Attestation>, String> {
        let ask = async {
            let attested = self.of(oracle)?.attestation(announcement.event.id());
            attested.map_err(|error| error.to_string())
        };
        self.wire.step(ask).await
    }
}

/// A provider's treasurer; nothing between two lives.
pub(crate) type Home = Arc<tokio::sync::Mutex<Option<Treasurer>>>;

/// Every provider, as a client reaches it.
#[derive(Clone)]
pub(crate) struct Street {
    pub(crate) homes: BTreeMap<Did, Home>,
    pub(crate) from: Did,
    pub(crate) desk: Arc<Mutex<Desk>>,
    pub(crate) auditors: Auditors,
    /// Who never answers.
    pub(crate) silent: Arc<Mutex<BTreeSet<Did>>>,
    /// Every word to a provider.
    pub(crate) said: Arc<Mutex<Vec<(Did, ToProvider)>>>,
    /// Opens a provider's treasurer; where there is one, each is opened again before every word.
    pub(crate) opener: Option<Opener>,
    pub(crate) chain: Devchain,
    /// What happens before a word is heard.
    pub(crate) before: Arc<Mutex<Option<Before>>>,
    pub(crate) wire: Wire,
}

/// What happens before a word is heard.
pub(crate) type Before = Box<dyn FnMut(&ToProvider) + Send>;

/// Opens what a party keeps.
pub(crate) type Opener = Arc<dyn Fn(Did) -> Treasurer + Send + Sync>;

impl Street {
    async fn home(&self, provider: Did) -> &Home {
        if self.silent.lock().unwrap().contains(&provider) {
            std::future::pending::<()>().await;
        }
        let home = &self.homes[&provider];
        if let Some(open) = &self.opener {
            let mut home = home.lock().await;
            *home = None;
            *home = Some(open(provider));
        }
        home
    }

    /// What a provider hears, and says.
    pub(crate) async fn hear(
        &self,
        provider: Did,
        (from, contract): (Did, ContractId),
        message: ToProvider,
    ) -> Result<Option<ToClient>, String> {
        let (desk, wire) = (self.desk.clone(), Wire::default());
        let seat = Seat { desk, party: provider, wire };
        let mut home = self.home(provider).await.lock().await;
        let heard = home.as_mut().unwrap();
        let heard =
            heard.hear((&seat, &self.auditors, &self.chain), (from, contract), message).await;
        heard.map_err(|error| error.to_string())
    }
}

impl Peers for Street {
    async fn tell(
        &self,
        peer: &Peer,
        contract: ContractId,
        message: &ToProvider,
    ) -> Result<Option<ToClient>, String> {
        // What is sent is text.
        let message: ToProvider =
            serde_json::from_str(&serde_json::to_string(message).unwrap()).unwrap();
        self.said.lock().unwrap().push((peer.provider, message.clone()));
        if let Some(before) = self.before.lock().unwrap().as_mut() {
            before(&message);
        }
        self.wire.step(self.hear(peer.provider, (self.from, contract), message)).await
    }

    async fn close(
        &self,
        peer: &Peer,
        contract: ContractId,
        proposal: &Proposal,
    ) -> Result<Consent, String> {
        let ask = async {
            let mut home = self.home(peer.provider).await.lock().await;
            let consent = home.as_mut().unwrap().consent((self.from, contract), proposal);
            consent.map_err(|error| error.to_string())
        };
        self.wire.step(ask).await
    }
}
