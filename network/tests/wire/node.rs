//! A data plane's client against honest and lying providers.

use super::support::{client_of, key, plain};
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::HeaderMap;
use network::api::Problem;
use network::auth::{Doorkeeper, Pass, Wanted};
use network::client::ClientError;
use network::clock;
use network::extract::{PathOf, RawBody};
use network::node_api::{NodeClient, SlotClient};
use network::server::ServerHandle;
use shards::Root;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use types::documents::{Access, AccessToken};
use types::{ContractId, Did, Hash, Signer, Span, Verified};

const CONTRACT: ContractId = Hash([7; 32]);
/// Who provides, whose contract it is, whose market, and who rebuilds.
const PROVIDER: u8 = 1;
const CLIENT: u8 = 2;
const MARKET: u8 = 3;
const REBUILDER: u8 = 4;

type Slot = PathOf<(ContractId, u16, Hash)>;
type Shards = Arc<Mutex<BTreeMap<Hash, Bytes>>>;

fn admit(
    door: &Doorkeeper,
    headers: &HeaderMap,
    (contract, slot): (ContractId, u16),
    access: Access,
) -> Result<(), Problem> {
    let issuers: &[Did] = match access {
        Access::Read => &[key(CLIENT).did(), key(MARKET).did()],
        Access::Write => &[key(CLIENT).did()],
    };
    let wanted = Wanted { contract, slot, access, issuers, now: clock::now() };
    door.admit(headers, &wanted).map(drop)
}

/// A provider that keeps whatever is put under whichever name.
async fn provider(shards: &Shards) -> ServerHandle {
    let door = Arc::new(Doorkeeper::new(key(PROVIDER).did()));
    let (read, write) = (Arc::clone(shards), Arc::clone(shards));
    let (reads, writes) = (Arc::clone(&door), door);
    let route = get(async move |PathOf((contract, slot, root)): Slot, headers: HeaderMap| {
        admit(&reads, &headers, (contract, slot), Access::Read)?;
        let shards = read.lock().expect("no test panics while it holds this");
        shards.get(&root).cloned().ok_or_else(|| Problem::not_found("that shard is not here"))
    })
    .put(
        async move |PathOf((contract, slot, root)): Slot,
                    headers: HeaderMap,
                    RawBody(body): RawBody<{ 4 << 20 }>| {
            admit(&writes, &headers, (contract, slot), Access::Write)?;
            write.lock().expect("no test panics while it holds this").insert(root, body);
            Ok::<_, Problem>(http::StatusCode::NO_CONTENT)
        },
    );
    plain(Router::new().route("/v1/slots/{contract}/{slot}/shards/{root}", route)).await
}

fn own(server: &ServerHandle, who: u8, slot: u16, access: &[Access]) -> SlotClient {
    let pass = Pass::own(key(who), key(PROVIDER).did(), (CONTRACT, slot), access);
    NodeClient::new(client_of(server)).slot(pass)
}

fn code(result: Result<Bytes, ClientError>) -> String {
    result.expect_err("it should be refused").code().unwrap_or("none").to_owned()
}

#[tokio::test]
async fn a_shard_goes_and_comes_back() {
    let server = provider(&Shards::default()).await;
    let slot = own(&server, CLIENT, 0, &[Access::Read, Access::Write]);
    let shard = Bytes::from((0..1 << 20).map(|at: u32| at.to_le_bytes()[1]).collect::<Vec<_>>());
    let root = Root::of(&shard);
    slot.put(root, shard.clone()).await.unwrap();
    assert!(slot.get(root, 1 << 20).await.unwrap() == shard);
    let missing = slot.get(Root::of(b"other"), 5).await;
    assert_eq!(code(missing), "not_found");
}

#[tokio::test]
async fn bytes_that_are_not_the_shard_are_never_given_out() {
    let shards = Shards::default();
    let server = provider(&shards).await;
    let slot = own(&server, CLIENT, 0, &[Access::Read]);
    let root = Root::of(b"shard");
    for lie in ["sharp", "shar", "shards", ""] {
        shards.lock().unwrap().insert(Hash(root.0), Bytes::from(lie));
        let error = slot.get(root, 5).await.unwrap_err();
        assert!(matches!(error, ClientError::WrongAnswer { .. }), "{lie:?}: {error}");
    }
}

#[tokio::test]
async fn only_who_is_granted_gets_in() {
    let shards = Shards::default();
    let root = Root::of(b"shard");
    shards.lock().unwrap().insert(Hash(root.0), Bytes::from("shard"));
    let server = provider(&shards).await;
    let write_only = own(&server, CLIENT, 0, &[Access::Write]);
    assert_eq!(code(write_only.get(root, 5).await), "token_scope");
    let stranger = own(&server, 9, 0, &[Access::Read]);
    assert_eq!(code(stranger.get(root, 5).await), "token_scope");
    let bare = client_of(&server).get(format!("/v1/slots/{CONTRACT}/0/shards/{root}"));
    assert_eq!(code(bare.read_bytes(5).await), "authorisation_missing");
    let odd = client_of(&server).get(format!("/v1/slots/{CONTRACT}/x/shards/{root}"));
    assert_eq!(code(odd.read_bytes(5).await), "path_malformed");
}

#[tokio::test]
async fn a_rebuilder_reads_by_the_markets_leave() {
    let shards = Shards::default();
    let root = Root::of(b"shard");
    shards.lock().unwrap().insert(Hash(root.0), Bytes::from("shard"));
    let server = provider(&shards).await;
    let token = AccessToken {
        issuer: key(MARKET).did(),
        holder: key(REBUILDER).did(),
        provider: key(PROVIDER).did(),
        contract: CONTRACT,
        slot: 5,
        access: vec![Access::Read, Access::Write],
        holder_pays: false,
        expires: clock::now().after(Span::HOUR),
    };
    let token = Verified::sign(token, &*key(MARKET)).unwrap().signed().clone();
    let node = NodeClient::new(client_of(&server));
    let slot = node.slot(Pass::presented(key(REBUILDER), token.clone()).unwrap());
    assert_eq!(slot.get(root, 5).await.unwrap(), Bytes::from("shard"));
    let refused = slot.put(root, Bytes::from("shard")).await.unwrap_err();
    assert_eq!(refused.code(), Some("token_scope"), "the market may grant reads alone");
    let thief = node.slot(Pass::presented(key(9), token).unwrap());
    assert_eq!(code(thief.get(root, 5).await), "presentation_foreign");
}
