//! A provider killed as soon as its receipt is signed, or a moment before: what a receipt names is there.

use crate::load::{Chance, PATIENCE, key, sign, speaker};
use crate::process::Process;
use crate::{rounds, seed};
use bytes::Bytes;
use contracts::SlotState;
use market::event::SlotId;
use market::{Event, Genesis};
use market_server::{Config, Handle};
use network::api::{AcceptBody, ReceiptBody, ReviseBody};
use network::auth::Pass;
use network::client::{ClientError, ClientOptions, HttpClient, Retries};
use network::endpoint::{Endpoint, PlainHttp};
use network::market_api::MarketClient;
use network::node_api::{NodeClient, SlotClient};
use shards::{Entry, Root, SlotList};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;
use tokio::time::sleep;
use types::documents::{
    Acceptance, Access, Quote, Request, Revision, SlotSize, StorageReceipt, Verdict,
};
use types::{
    Bytes as Size, ContractId, Did, Hash, Msat, Redundancy, SecretKey, Signed, Signer, Span, Terms,
    Verified,
};

/// How often the providers of one market are killed before the next is founded, so that rounds stay short.
const LIFE: u64 = 30;
/// The longest shard here.
const SHARD_BYTES_MAX: u64 = 48 << 10;
/// What everybody has.
const MONEY: Msat = Msat(1_000_000_000_000);
/// Nobody checks here what the layout says.
const LAYOUT: &[u8] = b"layout";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provider_killed_between_receipt_and_restart() {
    let (seed, rounds) = (seed(), rounds().div_ceil(10).max(20));
    let (mut left, mut life, mut signed) = (rounds, 0, 0);
    while left > 0 {
        let mut town = Town::found(Chance::new(seed, &format!("providers {life}"))).await;
        for _ in 0..left.min(LIFE) {
            signed += u64::from(town.round().await);
        }
        left = left.saturating_sub(LIFE);
        life += 1;
    }
    println!("{rounds} rounds, {signed} of them with a receipt before the kill");
    assert!(signed >= rounds / 2);
}

/// A provider's process, and what it has signed for.
struct Node {
    data: String,
    did: Did,
    process: Option<Process>,
    url: String,
    slot: u16,
    entries: Vec<Entry>,
    /// For the newest of them; nothing where the market has seen it.
    receipt: Option<Signed>,
}

impl Node {
    async fn start(&mut self) {
        let mut process = Process::spawn(&["provider", "run", "--data", &self.data]);
        let said = process.ready().await;
        let url = said["url"].as_str().unwrap_or_else(|| panic!("it did not start: {said}"));
        url.clone_into(&mut self.url);
        self.process = Some(process);
    }

    async fn kill(&mut self) {
        self.process.take().expect("it runs").kill().await;
    }

    fn size(&self) -> SlotSize {
        size_of(&self.entries)
    }
}

fn size_of(entries: &[Entry]) -> SlotSize {
    let list = SlotList::new(entries.to_vec());
    SlotSize { root: Hash(list.root().0), bytes: list.bytes(), shards: list.shards() }
}

/// A market in this process, two providers in theirs, and a contract between them.
struct Town {
    _dir: tempfile::TempDir,
    chance: Chance,
    market: Handle,
    events: broadcast::Receiver<Arc<[Event]>>,
    client: SecretKey,
    speaks: MarketClient,
    nodes: [Node; 2],
    contract: ContractId,
    revision: u64,
}

impl Town {
    async fn found(chance: Chance) -> Self {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let market = start_market(&dir.path().join("market")).await;
        let client = key("client", 0);
        market.credit(client.did(), MONEY, "client").await.expect("booked");
        let nodes = [make(dir.path(), 0, &market).await, make(dir.path(), 1, &market).await];
        let (speaks, events) = (speaker(market.address(), market.did(), &client), market.events());
        let contract = ContractId::default();
        let mut town = Self {
            _dir: dir,
            chance,
            market,
            events,
            client,
            speaks,
            nodes,
            contract,
            revision: 0,
        };
        until("both providers are known", || {
            town.market.view(|view| view.market.offers().len() == 2)
        })
        .await;
        town.agree().await;
        for number in [0, 1] {
            let entries = town.put_some(number).await;
            let receipt = ask_for_receipt(town.plane(number), 1, entries.clone()).await;
            town.signed(number, entries, receipt.expect("nobody was killed"));
        }
        town.audit().await;
        town
    }

    /// A contract of two slots, confirmed.
    async fn agree(&mut self) {
        let redundancy = Redundancy { data: 1, parity: 1 };
        let terms =
            Terms { redundancy, ..Terms::standard(Size(64 << 20), Span(300 * Span::DAY.0)) };
        let request = sign(Request { client: self.client.did(), terms, nonce: 1 }, &self.client);
        let quote = self.speaks.quote(request.signed()).await.expect("there are two providers");
        let quote: Verified<Quote> = quote.verify().expect("the market signs");
        let acceptance = Acceptance { client: self.client.did(), quote: quote.id() };
        let acceptance = sign(acceptance, &self.client).signed().clone();
        let body = AcceptBody { acceptance, quote: quote.signed().clone() };
        let view = self.speaks.accept(&body).await.expect("there is money");
        self.contract = view.id;
        for slot in &view.slots {
            let node = self.nodes.iter_mut().find(|node| node.did == slot.provider);
            node.expect("one of ours").slot = slot.slot;
        }
        let layout = Bytes::from_static(LAYOUT);
        self.speaks.put_layout(view.id, layout).await.expect("its own contract");
        let confirmed =
            |contract: &contracts::Contract| contract.slots.iter().all(|slot| slot.confirmed);
        until("both confirm", || {
            self.market.view(|view| view.market.contract(&self.contract).is_some_and(confirmed))
        })
        .await;
    }

    /// Shards, a receipt, a kill; then everything that was ever signed for must be there. Says whether the
    /// receipt came before the kill.
    async fn round(&mut self) -> bool {
        let number = usize::from(self.chance.once_in(2));
        let entries = self.put_some(number).await;
        let leftover = self.leave_something(number);
        let asked =
            tokio::spawn(ask_for_receipt(self.plane(number), self.revision + 1, entries.clone()));
        let answered = if self.chance.once_in(4) {
            // Somewhere between the bytes and the signature, or after it.
            sleep(Duration::from_micros(self.chance.below(8_000))).await;
            self.nodes[number].kill().await;
            asked.await.expect("it does not panic")
        } else {
            let receipt = asked.await.expect("it does not panic");
            self.nodes[number].kill().await;
            Ok(receipt.expect("nobody was killed before"))
        };
        leftover.abort();
        let before = answered.is_ok();
        if let Ok(receipt) = answered {
            self.signed(number, entries, receipt);
        }
        self.nodes[number].start().await;
        self.all_is_there(number).await;
        if !before {
            let again = self.put_some(number).await;
            let receipt =
                ask_for_receipt(self.plane(number), self.revision + 1, again.clone()).await;
            self.signed(number, again, receipt.expect("nobody was killed"));
        }
        until("both are connected", || self.market.connected() == 2).await;
        self.audit().await;
        before
    }

    /// Puts one to four shards; gives the slot's list with them at its end.
    async fn put_some(&mut self, number: usize) -> Vec<Entry> {
        let plane = self.plane(number);
        let mut entries = self.nodes[number].entries.clone();
        for _ in 0..=self.chance.below(4) {
            let (entry, bytes) = self.shard();
            plane.put(entry.root, bytes).await.expect("there is room");
            entries.push(entry);
        }
        entries
    }

    /// Puts shards that no receipt will name, for as long as the provider lives.
    fn leave_something(&mut self, number: usize) -> tokio::task::JoinHandle<()> {
        let plane = self.plane(number);
        let shards = [self.shard(), self.shard(), self.shard()];
        tokio::spawn(async move {
            for (entry, bytes) in shards {
                // It may be killed meanwhile: that is what this is for.
                let _put = plane.put(entry.root, bytes).await;
            }
        })
    }

    fn shard(&mut self) -> (Entry, Bytes) {
        let (bytes, first) = (1 + self.chance.below(SHARD_BYTES_MAX), self.chance.draw());
        let blocks =
            (0..bytes.div_ceil(8)).flat_map(|n| first.wrapping_mul(2 * n + 1).to_le_bytes());
        let content: Vec<u8> = blocks.take(usize::try_from(bytes).expect("it is short")).collect();
        let bytes = u32::try_from(bytes).expect("it is short");
        (Entry { root: Root::of(&content), bytes }, content.into())
    }

    fn signed(&mut self, number: usize, entries: Vec<Entry>, receipt: Signed) {
        let node = &mut self.nodes[number];
        let said: Verified<StorageReceipt> = receipt.verify().expect("the provider signs");
        assert_eq!((said.provider, said.contract, said.slot), (node.did, self.contract, node.slot));
        assert_eq!((said.revision, said.size), (self.revision + 1, size_of(&entries)));
        (node.entries, node.receipt) = (entries, Some(receipt));
    }

    /// Every shard that a receipt names is listed, and read with the right bytes.
    async fn all_is_there(&self, number: usize) {
        let (plane, node) = (self.plane(number), &self.nodes[number]);
        let listed = plane.content().await.expect("it answers").shards;
        for entry in &node.entries {
            assert!(listed.contains(&Hash(entry.root.0)), "shard {} is gone", entry.root);
            let bytes = plane.get(entry.root, entry.bytes).await;
            let bytes = bytes.unwrap_or_else(|error| panic!("shard {}: {error}", entry.root));
            assert_eq!((bytes.len(), Root::of(&bytes)), (entry.bytes as usize, entry.root));
        }
    }

    /// Has the market take the receipts, and challenge both providers: everything is proven.
    async fn audit(&mut self) {
        self.revision += 1;
        let (slots, receipts) = self.by_slot();
        let layout = Hash::of(LAYOUT);
        let (signer, contract, number) = (self.client.did(), self.contract, self.revision);
        let revision = sign(Revision { signer, contract, number, slots, layout }, &self.client);
        let body = ReviseBody { revision: revision.signed().clone(), receipts };
        let view = self.speaks.revise(self.contract, &body).await.expect("the receipts are right");
        assert_eq!((view.state.as_str(), view.revision), ("active", self.revision));
        let epoch = self.market.open_epoch().await.expect("the market runs");
        let mut proven = 0;
        while let Ok(happened) = self.events.try_recv() {
            for event in happened.iter() {
                let Event::VerdictRecorded { document, epoch: of, .. } = event else { continue };
                let document = self.market.document(*document).await.expect("it can be read");
                let verdict: Verified<Verdict> =
                    document.expect("it was recorded").verify().expect("the market signs");
                let passed = verdict.slots.iter().all(|slot| slot.is_pass() && slot.challenges > 0);
                assert!(passed && *of == epoch, "{verdict:?}");
                proven += verdict.slots.len();
            }
        }
        assert_eq!(proven, 2, "both slots were challenged");
        let states = [0, 1].map(|slot| {
            let id = SlotId { contract: self.contract, slot };
            self.market.view(|view| view.market.slot(id).map(|(_, slot)| slot.state))
        });
        assert_eq!(states, [Some(SlotState::Filled); 2]);
        self.market.view(|view| market::check(&view.market)).expect("every invariant holds");
    }

    /// What the slots hold, and the receipts that the market has not seen.
    fn by_slot(&mut self) -> (Vec<SlotSize>, Vec<Signed>) {
        let receipts = self.nodes.iter_mut().filter_map(|node| node.receipt.take()).collect();
        let mut nodes: Vec<&Node> = self.nodes.iter().collect();
        nodes.sort_by_key(|node| node.slot);
        (nodes.into_iter().map(Node::size).collect(), receipts)
    }

    /// The data plane of a provider, each call made once.
    fn plane(&self, number: usize) -> SlotClient {
        let node = &self.nodes[number];
        let endpoint =
            Endpoint::parse(&node.url, PlainHttp::LoopbackOnly).expect("its own address");
        let options = ClientOptions { retries: Retries::NONE, ..ClientOptions::default() };
        let access = [Access::Read, Access::Write];
        let slot = (self.contract, node.slot);
        let grant = Pass::own(Arc::new(self.client.clone()), node.did, slot, &access);
        NodeClient::new(HttpClient::new(endpoint, options)).slot(grant)
    }
}

async fn ask_for_receipt(
    plane: SlotClient,
    revision: u64,
    entries: Vec<Entry>,
) -> Result<Signed, ClientError> {
    let shards = entries.into_iter().map(|entry| (Hash(entry.root.0), entry.bytes)).collect();
    plane.receipt(&ReceiptBody { revision, shards }).await
}

async fn start_market(data: &Path) -> Handle {
    let key = key("market", 0);
    let genesis = |did, anchor| Genesis {
        answer_within: Span::DAY,
        ..Genesis::standard(did, Span::DAY, anchor)
    };
    market_server::found(data, &key, genesis).expect("a new directory");
    let config = Config {
        answer_within: PATIENCE,
        absence_max: PATIENCE,
        ..Config::new(data, "127.0.0.1:0", key)
    };
    market_server::start(config).await.expect("the market starts")
}

/// A provider with money, running.
async fn make(dir: &Path, number: u16, market: &Handle) -> Node {
    let data = dir.join(format!("provider-{number}")).into_os_string().into_string();
    let data = data.expect("temporary paths are text");
    let mut init = Process::spawn(&[
        "provider",
        "init",
        "--data",
        &data,
        "--market",
        market.url(),
        "--listen",
        "127.0.0.1:0",
        "--capacity",
        "10GB",
    ]);
    let made = init.ready().await;
    let did = made["did"].as_str().and_then(|did| did.parse().ok());
    let did = did.unwrap_or_else(|| panic!("a provider was not made: {made}"));
    market.credit(did, MONEY, &data).await.expect("booked");
    let (url, entries) = (String::new(), Vec::new());
    let mut node = Node { data, did, process: None, url, slot: 0, entries, receipt: None };
    node.start().await;
    node
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < give_up, "waited in vain until {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
