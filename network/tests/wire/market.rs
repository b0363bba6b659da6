//! A market's client against a market that is wrong about the time, about itself, or about a layout.

use super::support::{client_at, client_of, key, plain, start};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::HeaderMap;
use network::api::{BackupBody, MarketInfo, Problem};
use network::client::{ClientError, ClientOptions, HttpClient};
use network::extract::{JsonBody, PathOf, RawBody};
use network::market_api::MarketClient;
use network::server::ServeOptions;
use network::{auth, clock, tls};
use std::sync::{Arc, Mutex};
use types::{ContractId, Did, Epoch, Hash, Signer, Span, Timestamp};

/// Calls on the market run in tasks of their own.
#[expect(dead_code, reason = "it is enough that this compiles")]
fn calls_can_be_spawned(http: &HttpClient, market: MarketClient) {
    fn spawns(_: impl Future + Send + 'static) {}
    spawns(http.get("/").send());
    let clone = market.clone();
    spawns(async move { clone.contracts().await });
    spawns(async move { market.stream(vec![]).await });
}

fn info(market: u8, now: Timestamp) -> MarketInfo {
    MarketInfo {
        market: key(market).did(),
        epoch: Span::HOUR,
        epoch_every: None,
        current_epoch: Epoch(0),
        now,
        tiers: types::TierRates::default(),
        bitcoin: None,
        beacon: None,
    }
}

/// A market whose clock is a day ahead of ours.
fn tomorrow() -> Timestamp {
    clock::now().after(Span::DAY)
}

#[tokio::test]
async fn clocks_that_differ_are_reconciled() {
    let books = get(async |headers: HeaderMap| {
        auth::session(&headers, key(1).did(), tomorrow())?;
        Ok::<_, Problem>(r#"{"items":[],"next":null}"#)
    });
    let market = get(async || Json(info(1, tomorrow())));
    let router = Router::new().route("/v1/contracts", books).route("/v1/market", market);
    let server = plain(router).await;
    let client = MarketClient::new(client_of(&server), key(1).did(), key(2));
    assert_eq!(client.contracts().await.unwrap(), []);
    assert!(client.sessions().now() > clock::now().after(Span::HOUR));
}

#[tokio::test]
async fn a_market_must_be_who_its_key_says() {
    let router = || Router::new().route("/v1/market", get(async || Json(info(1, clock::now()))));
    let honest = plain(router()).await;
    let (client, _) = MarketClient::discover(client_of(&honest), key(2)).await.unwrap();
    assert_eq!((client.market(), client.party()), (key(1).did(), key(2).did()));
    let options = ServeOptions { tls: tls::server_config(key(3)).ok(), ..Default::default() };
    let liar = start(router(), options).await;
    let url = format!("https://{}", liar.address());
    let http = client_at(&url, ClientOptions::default());
    let error = MarketClient::discover(http, key(2)).await.err().unwrap();
    assert!(matches!(error, ClientError::WrongAnswer { .. }), "{error}");
}

#[tokio::test]
async fn a_backup_is_kept_and_absent_before() {
    let kept: Arc<Mutex<Option<BackupBody>>> = Arc::default();
    let (read, write) = (Arc::clone(&kept), kept);
    let route = get(async move |PathOf(party): PathOf<Did>| {
        assert_eq!(party, key(2).did());
        let backup = read.lock().expect("no test panics while it holds this").clone();
        backup.map(Json).ok_or_else(|| Problem::not_found("there is no backup yet"))
    })
    .put(async move |JsonBody(body): JsonBody<BackupBody>| {
        *write.lock().expect("no test panics while it holds this") = Some(body);
    });
    let server = plain(Router::new().route("/v1/backups/{did}", route)).await;
    let client = MarketClient::new(client_of(&server), key(1).did(), key(2));
    assert_eq!(client.backup().await.unwrap(), None);
    let body = BackupBody { generation: 1, sealed: "c2VhbGVk".to_owned() };
    client.put_backup(&body).await.unwrap();
    assert_eq!(client.backup().await.unwrap(), Some(body));
}

#[tokio::test]
async fn a_layout_is_checked_against_its_name() {
    let kept: Arc<Mutex<Bytes>> = Arc::default();
    let (read, write) = (Arc::clone(&kept), Arc::clone(&kept));
    let route = get(async move |PathOf((_, _)): PathOf<(ContractId, Hash)>| {
        read.lock().expect("no test panics while it holds this").clone()
    })
    .put(async move |RawBody(body): RawBody<1024>| {
        *write.lock().expect("no test panics while it holds this") = body;
    });
    let server = plain(Router::new().route("/v1/contracts/{id}/layouts/{hash}", route)).await;
    let client = MarketClient::new(client_of(&server), key(1).did(), key(2));
    let contract = Hash::of(b"contract");
    let hash = client.put_layout(contract, Bytes::from("layout")).await.unwrap();
    assert_eq!(client.layout(contract, hash).await.unwrap(), Bytes::from("layout"));
    *kept.lock().unwrap() = Bytes::from("other");
    let error = client.layout(contract, hash).await.unwrap_err();
    assert!(matches!(error, ClientError::WrongAnswer { .. }), "{error}");
}
