//! A provider in memory, with the data plane's rules and with faults that a test chooses.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use bytes::Bytes;
use network::api::{Problem, ReceiptBody, SlotContent};
use network::auth::{Doorkeeper, Wanted};
use network::clock;
use network::extract::{JsonBody, PathOf, RawBody, VerifiedBody};
use network::node_api::ReceiptAnswer;
use network::server::{ServeOptions, ServerHandle, bind, serve};
use shards::{Entry, Root, SlotList};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use types::documents::{Access, AccessToken, SlotSize, StorageReceipt, Voucher};
use types::{ContractId, Did, Hash, SecretKey, Signer, Verified};

/// A voucher step, and the largest shard on top of it.
const UNPAID_MAX: u64 = 17 << 20;

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Every read and write waits so long first.
    Slow(Duration),
    /// Reads are never answered.
    HangsOnRead,
    /// Writes are never answered.
    HangsOnWrite,
    /// Reads are cut off in the middle.
    Truncates,
    /// Reads give other bytes of the right length.
    Lies,
    /// Reads give more bytes than the shard has.
    Overlong,
    /// The disk takes so many more shards.
    FullAfter(usize),
    /// So many requests are answered with 503 first.
    Busy(usize),
    /// Receipts are for something else.
    SignsForOtherBytes,
    /// The escrow of every slot is found funded when it was asked for so often.
    UnfundedFor(usize),
    /// Demands vouchers for bytes it never gave.
    Overcharges,
}

/// A provider on loopback.
pub(crate) struct FakeProvider {
    server: ServerHandle,
    pub(crate) disk: Arc<Disk>,
}

/// What it holds and what it counted.
pub(crate) struct Disk {
    key: SecretKey,
    doorkeeper: Doorkeeper,
    state: Mutex<Held>,
}

#[derive(Default)]
pub(crate) struct Held {
    pub(crate) fault: Fault,
    pub(crate) shards: BTreeMap<Hash, Bytes>,
    pub(crate) puts: usize,
    pub(crate) looks: usize,
    pub(crate) gets: usize,
    pub(crate) read: u64,
    pub(crate) paid: u64,
}

type Shared = State<Arc<Disk>>;
type SlotPath = PathOf<(ContractId, u16)>;
type ShardPath = PathOf<(ContractId, u16, Hash)>;

impl FakeProvider {
    pub(crate) async fn start(number: u8) -> Self {
        let key = SecretKey::from_seed(&[number + 1; 32]);
        let disk =
            Arc::new(Disk { doorkeeper: Doorkeeper::new(key.did()), key, state: Mutex::default() });
        let router = Router::new()
            .route("/v1/slots/{contract}/{slot}", get(content))
            .route("/v1/slots/{contract}/{slot}/shards/{root}", put(put_shard).get(get_shard))
            .route("/v1/slots/{contract}/{slot}/receipts", post(receipt))
            .route("/v1/slots/{contract}/{slot}/look", post(look))
            .route("/v1/slots/{contract}/{slot}/vouchers", post(voucher))
            .with_state(Arc::clone(&disk));
        let listener = bind("127.0.0.1:0").await.expect("loopback has a free port");
        Self {
            server: serve(listener, router, ServeOptions::default())
                .expect("the listener has an address"),
            disk,
        }
    }

    pub(crate) fn did(&self) -> Did {
        self.disk.key.did()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub(crate) fn kill(&self) {
        self.server.kill();
    }

    pub(crate) fn fail(&self, fault: Fault) {
        self.disk.held().fault = fault;
    }
}

impl Held {
    /// As a provider says it whose treasurer sees no escrow.
    fn refusal(&self) -> Option<Problem> {
        let detail = "the slot's escrow has 1 of 3 confirmations";
        let refusal = || Problem::new(StatusCode::CONFLICT, "not_funded", detail);
        matches!(self.fault, Fault::UnfundedFor(_)).then(refusal)
    }
}

impl Disk {
    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.state.lock().expect("no test panics with the lock")
    }

    fn admit(
        &self,
        headers: &HeaderMap,
        (contract, slot): (ContractId, u16),
        access: Access,
    ) -> Result<Arc<Verified<AccessToken>>, Problem> {
        let token = network::auth::bearer_of(headers)?.verify::<AccessToken>()?;
        let issuers = [token.issuer];
        let wanted = Wanted { contract, slot, access, issuers: &issuers, now: clock::now() };
        self.doorkeeper.admit(headers, &wanted)
    }

    /// The shard's bytes, when what was read before is paid.
    fn read(&self, root: Hash, fault: Fault) -> Result<Bytes, Problem> {
        let mut held = self.held();
        held.gets += 1;
        if held.read.saturating_sub(held.paid) > UNPAID_MAX || fault == Fault::Overcharges {
            let detail = "a voucher is due";
            return Err(Problem::new(StatusCode::PAYMENT_REQUIRED, "voucher_due", detail));
        }
        let bytes = held.shards.get(&root).cloned();
        let bytes = bytes.ok_or_else(|| Problem::not_found("there is no such shard here"))?;
        held.read += bytes.len() as u64;
        Ok(bytes)
    }

    /// Suffers the faults that reads and writes share.
    async fn suffer(&self) -> Result<Fault, Problem> {
        let fault = self.held().fault;
        match fault {
            Fault::UnfundedFor(_) => return self.held().refusal().map_or(Ok(fault), Err),
            Fault::Slow(pause) => tokio::time::sleep(pause).await,
            Fault::Busy(times) => {
                self.held().fault = if times > 1 { Fault::Busy(times - 1) } else { Fault::None };
                return Err(Problem::unavailable("busy", "try again"));
            }
            _ => {}
        }
        Ok(fault)
    }
}

async fn content(
    State(disk): Shared,
    PathOf(slot): SlotPath,
    headers: HeaderMap,
) -> Result<Json<SlotContent>, Problem> {
    disk.admit(&headers, slot, Access::Read)?;
    let mut held = disk.held();
    let not_funded = held.refusal().map(|problem| problem.detail);
    if let Fault::UnfundedFor(times) = held.fault {
        held.fault = times.checked_sub(1).map_or(Fault::None, Fault::UnfundedFor);
    }
    Ok(Json(SlotContent { shards: held.shards.keys().copied().collect(), not_funded }))
}

async fn put_shard(
    State(disk): Shared,
    PathOf((contract, slot, root)): ShardPath,
    headers: HeaderMap,
    RawBody(bytes): RawBody<{ 4 << 20 }>,
) -> Result<StatusCode, Problem> {
    disk.admit(&headers, (contract, slot), Access::Write)?;
    match disk.suffer().await? {
        Fault::HangsOnWrite => std::future::pending().await,
        Fault::FullAfter(0) => {
            let detail = "the disk is full";
            return Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", detail));
        }
        Fault::FullAfter(left) => disk.held().fault = Fault::FullAfter(left - 1),
        _ => {}
    }
    assert_eq!(Hash::of(&bytes), root, "the client sends what it says");
    let mut held = disk.held();
    held.puts += 1;
    held.shards.insert(root, bytes);
    Ok(StatusCode::NO_CONTENT)
}

async fn get_shard(
    State(disk): Shared,
    PathOf((contract, slot, root)): ShardPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    disk.admit(&headers, (contract, slot), Access::Read)?;
    let fault = disk.suffer().await?;
    let bytes = disk.read(root, fault)?;
    Ok(match fault {
        Fault::HangsOnRead => std::future::pending().await,
        Fault::Truncates => cut_off(&bytes),
        Fault::Lies => vec![0; bytes.len()].into_response(),
        Fault::Overlong => [&bytes[..], &bytes[..]].concat().into_response(),
        _ => bytes.into_response(),
    })
}

/// Says the whole length, sends half, and breaks the connection.
fn cut_off(bytes: &Bytes) -> Response {
    let half = bytes.slice(..bytes.len() / 2);
    let broken = Err(std::io::Error::other("cut off"));
    let stream = futures_util::stream::iter([Ok(half), broken]);
    ([("content-length", bytes.len().to_string())], Body::from_stream(stream)).into_response()
}

async fn receipt(
    State(disk): Shared,
    PathOf((contract, slot)): SlotPath,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ReceiptBody, { 64 << 20 }>,
) -> Result<Json<ReceiptAnswer>, Problem> {
    disk.admit(&headers, (contract, slot), Access::Write)?;
    let held = disk.held();
    if let Some(refusal) = held.refusal() {
        return Err(refusal);
    }
    for (root, bytes) in &body.shards {
        let there = held.shards.get(root).is_some_and(|shard| shard.len() == *bytes as usize);
        if !there {
            return Err(Problem::not_found(format!("shard {root} is not here")));
        }
    }
    let entry = |(root, bytes): &(Hash, u32)| Entry { root: Root(root.0), bytes: *bytes };
    let list: SlotList = body.shards.iter().map(entry).collect();
    let other = u64::from(held.fault == Fault::SignsForOtherBytes);
    let size =
        SlotSize { root: Hash(list.root().0), bytes: list.bytes() + other, shards: list.shards() };
    let provider = disk.key.did();
    let receipt = StorageReceipt { provider, contract, slot, revision: body.revision, size };
    let receipt = Verified::sign(receipt, &disk.key).expect("it names its signer").signed().clone();
    Ok(Json(ReceiptAnswer { receipt }))
}

async fn look(
    State(disk): Shared,
    PathOf(slot): SlotPath,
    headers: HeaderMap,
) -> Result<(), Problem> {
    disk.admit(&headers, slot, Access::Write)?;
    disk.held().looks += 1;
    Ok(())
}

async fn voucher(
    State(disk): Shared,
    PathOf((contract, slot)): SlotPath,
    VerifiedBody(voucher): VerifiedBody<Voucher>,
) -> Result<StatusCode, Problem> {
    assert_eq!((voucher.contract, voucher.slot), (contract, slot));
    assert_eq!(voucher.provider, disk.key.did());
    let mut held = disk.held();
    held.paid = held.paid.max(voucher.bytes);
    Ok(StatusCode::NO_CONTENT)
}
