//! Keys, slots and nodes for the tests, and a market that speaks the real protocol.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use network::api::{
    AccountView, AgreedView, ContractView, Problem, SlotView, ToMarket, ToProvider,
};
use network::client::{ClientOptions, HttpClient, Retries};
use network::endpoint::{Endpoint, PlainHttp};
use network::identity::Password;
use network::node_api::NodeClient;
use network::server::{ServeOptions, ServerHandle, bind, serve};
use network::stream::{Duplex, StreamReceiver, StreamSender, StreamUpgrade};
use provider::Offer;
use provider_node::store::{Lease, SlotKey};
use provider_node::{Config, Handle, Settings, Settlement};
use shards::{Entry, Root, SlotList};
use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;
use types::documents::{Ask, Confirmation, QuotedSlot, Reservation, SlotSize};
use types::terms::RailKind;
use types::{
    Bytes as Size, CostVector, Did, Document, GbPrice, Hash, Msat, Price, Redundancy, SecretKey,
    Signed, Signer, SlotCost, Span, Terms, Timestamp, Verified,
};

pub(crate) const SHARD: u32 = 256 << 10;
pub(crate) const PROVIDER: u8 = 7;
pub(crate) const MARKET: u8 = 1;
pub(crate) const CLIENT: u8 = 2;

pub(crate) fn key(n: u8) -> Arc<SecretKey> {
    Arc::new(SecretKey::from_seed(&[n; 32]))
}

pub(crate) fn sign<T: Document>(document: T, key: &SecretKey) -> Signed {
    Verified::sign(document, key).expect("its signer signs it").signed().clone()
}

/// What must come to its end; fails the test where it does not.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), work).await.expect("it ends within a minute")
}

/// Waits until something is so.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    soon(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Shard number `n`, of `len` bytes.
pub(crate) fn shard(n: u32, len: u32) -> Bytes {
    let byte = |i: u32| (i.wrapping_mul(31) ^ (i >> 8) ^ n.wrapping_mul(0x9e37)).to_le_bytes()[0];
    let mut bytes: Vec<u8> = (0..len).map(byte).collect();
    let label = n.to_le_bytes();
    bytes[..4].copy_from_slice(&label);
    bytes.into()
}

pub(crate) fn entry(shard: &[u8]) -> Entry {
    Entry { root: Root::of(shard), bytes: u32::try_from(shard.len()).expect("shards are short") }
}

pub(crate) fn size_of(entries: &[Entry]) -> SlotSize {
    let list = SlotList::new(entries.to_vec());
    SlotSize { root: Hash(list.root().0), bytes: list.bytes(), shards: list.shards() }
}

pub(crate) fn slot(n: u16) -> SlotKey {
    (Hash::of(b"contract"), n)
}

pub(crate) fn lease(capacity: u64) -> Lease {
    Lease {
        client: key(CLIENT).did(),
        capacity: Size(capacity),
        redundancy: Redundancy { data: 2, parity: 1 },
        shard_bytes: SHARD,
        rail: RailKind::Ledger,
    }
}

/// The only file in a slot's directory whose name ends so.
pub(crate) fn file_of(data: &FilePath, key: SlotKey, name: &str) -> PathBuf {
    data.join("slots").join(format!("{}-{}", key.0, key.1)).join(name)
}

/// Flips a bit of a file.
pub(crate) fn flip(path: &FilePath, at: usize) {
    let mut bytes = std::fs::read(path).expect("it is there");
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("it can be written");
}

type MarketEnd = Duplex<ToProvider, ToMarket>;
type Views = Arc<Mutex<BTreeMap<Hash, ContractView>>>;

#[derive(Clone)]
struct Desk {
    ends: mpsc::UnboundedSender<MarketEnd>,
    views: Views,
}

/// A market that hands its end of every stream to the test.
pub(crate) struct Market {
    pub(crate) server: ServerHandle,
    ends: mpsc::UnboundedReceiver<MarketEnd>,
    views: Views,
}

/// The market's end of one stream.
pub(crate) struct End {
    pub(crate) holdings: Vec<SlotKey>,
    /// The last ask.
    pub(crate) ask: Option<Verified<Ask>>,
    to: StreamSender<ToProvider>,
    pub(crate) from: StreamReceiver<ToMarket>,
}

async fn open(State(desk): State<Desk>, upgrade: StreamUpgrade) -> axum::response::Response {
    upgrade.accept(async move |end: MarketEnd| drop(desk.ends.send(end)))
}

async fn view(
    State(desk): State<Desk>,
    Path(id): Path<Hash>,
) -> Result<Json<ContractView>, Problem> {
    let view = desk.views.lock().unwrap().get(&id).cloned();
    view.map(Json).ok_or_else(|| Problem::not_found("no such contract"))
}

async fn account(Path(party): Path<Did>) -> Json<AccountView> {
    let (available, zero) = (Msat(5), Msat(0));
    Json(AccountView { party, available, escrow: zero, bonds: zero, held: zero, accrued: zero })
}

impl Market {
    pub(crate) async fn start() -> Self {
        let (sender, ends) = mpsc::unbounded_channel();
        let views = Views::default();
        let router = Router::new()
            .route("/v1/stream", get(open))
            .route("/v1/contracts/{id}", get(view))
            .route("/v1/accounts/{party}", get(account))
            .with_state(Desk { ends: sender, views: views.clone() });
        let listener = bind("127.0.0.1:0").await.expect("loopback has a free port");
        let server = serve(listener, router, ServeOptions::default()).expect("it has an address");
        Self { server, ends, views }
    }

    /// The next stream, its hello heard.
    pub(crate) async fn meet(&mut self) -> End {
        let (to, mut from) = soon(self.ends.recv()).await.expect("a provider comes").split();
        match soon(from.recv()).await {
            Ok(Some(ToMarket::Hello { holdings, .. })) => End { holdings, ask: None, to, from },
            other => panic!("a stream begins with hello, not {other:?}"),
        }
    }

    /// Says what the contract of all slots holds in slot 0 at `revision`.
    pub(crate) fn show(&self, revision: u64, size: SlotSize) {
        let held = SlotView {
            slot: 0,
            state: "filled".into(),
            confirmed: true,
            answer_by: Timestamp(i64::MAX),
            provider: key(PROVIDER).did(),
            endpoint: None,
            online: true,
            quoted: quoted(),
            size,
            earned: Msat(0),
            bond: Msat(0),
            capacity: Size(1 << 30),
            slashed: Msat(0),
            leaving: None,
        };
        let view = ContractView {
            id: slot(0).0,
            state: "active".into(),
            client: key(CLIENT).did(),
            terms: Terms::standard(Size(1 << 30), Span(30 * Span::DAY.0)),
            cost: CostVector::default(),
            revision,
            layout: None,
            first_epoch: None,
            epochs: 1,
            store_by: Timestamp(i64::MAX),
            ends: None,
            left: false,
            extensions: 0,
            agreed: AgreedView::default(),
            escrow: Msat(0),
            slots: vec![held],
        };
        self.views.lock().unwrap().insert(view.id, view);
    }
}

impl End {
    pub(crate) async fn say(&self, message: ToProvider) {
        self.to.send(message).await.expect("the provider reads");
    }

    /// The next message but asks, which are taken.
    pub(crate) async fn hear(&mut self) -> ToMarket {
        loop {
            match soon(self.from.recv()).await.expect("the stream holds").expect("and goes on") {
                ToMarket::Ask(ask) => {
                    self.ask = Some(ask.verify().expect("it is signed"));
                    self.say(ToProvider::Accepted { document: ask.id() }).await;
                }
                other => return other,
            }
        }
    }

    /// Offers a slot of `capacity` bytes; why it is declined.
    pub(crate) async fn reserve(&mut self, at: SlotKey, capacity: u64) -> Option<String> {
        self.offer(reservation(at, capacity)).await
    }

    /// Offers a slot; why it is declined.
    pub(crate) async fn offer(&mut self, reservation: Reservation) -> Option<String> {
        let at = (reservation.contract, reservation.slot);
        self.say(ToProvider::Reservation(sign(reservation, &key(MARKET)))).await;
        let ToMarket::Confirmation(signed) = self.hear().await else {
            panic!("a confirmation comes")
        };
        let confirmation: Verified<Confirmation> = signed.verify().expect("it is signed");
        assert_eq!((confirmation.contract, confirmation.slot), at);
        self.say(ToProvider::Accepted { document: signed.id() }).await;
        confirmation.declined.clone()
    }
}

pub(crate) fn quoted() -> QuotedSlot {
    QuotedSlot {
        provider: key(PROVIDER).did(),
        ask: Hash([4; 32]),
        price: Price::whole(100),
        egress: GbPrice::whole(10),
        ingress: GbPrice::whole(0),
        minimum_use: Size(0),
        cost: SlotCost::default(),
        bond: Msat(0),
        held_bond_max: Msat::ZERO,
    }
}

pub(crate) fn reservation((contract, slot): SlotKey, capacity: u64) -> Reservation {
    let lease = lease(capacity);
    Reservation {
        market: key(MARKET).did(),
        provider: key(PROVIDER).did(),
        client: lease.client,
        contract,
        slot,
        capacity: lease.capacity,
        redundancy: lease.redundancy,
        shard_bytes: lease.shard_bytes,
        quoted: quoted(),
        rebuild: None,
        rail: lease.rail,
        answer_by: Timestamp(i64::MAX),
    }
}

/// A provider's data directory, and where its market is.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    number: u8,
}

impl Place {
    pub(crate) async fn new(market: &Market, number: u8, capacity: u64) -> Self {
        let dir = TempDir::new().expect("a directory");
        let settings = Settings {
            market: format!("http://{}", market.server.address()),
            market_key: key(MARKET).did(),
            listen: "127.0.0.1:0".into(),
            advertise: None,
            offer: Offer::new(Size(capacity), Price::whole(100), "me".into()),
        };
        let path = dir.path().to_owned();
        let init = move || {
            let password = Password::new("password of a test").expect("it is long enough");
            provider_node::init(&path, &password, Some([number; 32]), &settings)
        };
        let made: Did = tokio::task::spawn_blocking(init).await.unwrap().unwrap();
        assert_eq!(made, key(number).did());
        Self { dir, number }
    }

    pub(crate) async fn start(&self) -> Handle {
        self.start_with(None).await
    }

    /// Starts the node with a treasurer beside it.
    pub(crate) async fn start_with(&self, settlement: Option<Settlement>) -> Handle {
        let key = SecretKey::from_seed(&[self.number; 32]);
        let config = Config { settlement, ..Config::new(self.dir.path(), key) };
        provider_node::start(config).await.expect("it starts")
    }
}

/// A client of a node.
pub(crate) fn client_of(node: &Handle) -> NodeClient {
    let endpoint = Endpoint::parse(node.url(), PlainHttp::LoopbackOnly).expect("its own address");
    let options = ClientOptions { retries: Retries::NONE, ..ClientOptions::default() };
    NodeClient::new(HttpClient::new(endpoint, options))
}
