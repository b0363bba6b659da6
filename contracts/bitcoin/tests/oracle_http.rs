//! An oracle over HTTP: what everybody reads of it, what its auditor orders, and clients among endpoints that lie, hang and vanish.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use bitcoin::Network;
use bitcoin::secp256k1::XOnlyPublicKey;
use contracts_bitcoin::keys::MasterKey;
use contracts_bitcoin::oracle::agree::Minutes;
use contracts_bitcoin::oracle::api::{AnnouncementView, EventView, OracleInfo, Order};
use contracts_bitcoin::oracle::client::{OracleClient, OracleClientError, Paths, Wanted};
use contracts_bitcoin::oracle::exchange::Exchange;
use contracts_bitcoin::oracle::points::Outcome;
use contracts_bitcoin::oracle::rule::{EventName, Rule};
use contracts_bitcoin::oracle::{Oracle, serve};
use network::auth::Sessions;
use network::client::{ClientError, ClientOptions, HttpClient, Retries, Timeouts};
use network::endpoint::{Endpoint, PlainHttp};
use network::server::{ServeOptions, ServerHandle, bind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use types::{ContractId, SecretKey, Signer, Timestamp};

const LATER: Timestamp = Timestamp(2_000_000_000_000_000);
const SLOT: (ContractId, u16) = (types::Hash([1; 32]), 3);
/// Long past.
const MATURITY: u32 = 1_000;

fn open(folder: &Path, seed: u8) -> Arc<Oracle> {
    let master = MasterKey::new(&[seed; 32], Network::Regtest).expect("a seed");
    Arc::new(Oracle::open(folder, master).expect("a folder"))
}

fn auditor() -> SecretKey {
    SecretKey::from_seed(&[5; 32])
}

async fn serving(router: Router) -> ServerHandle {
    let listener = bind("127.0.0.1:0").await.expect("a port");
    network::server::serve(listener, router, ServeOptions::default()).expect("it serves")
}

async fn serving_oracle(oracle: &Arc<Oracle>) -> ServerHandle {
    serving(serve::router(oracle.clone(), auditor().did())).await
}

fn at(server: &ServerHandle) -> Endpoint {
    let url = format!("http://{}", server.address());
    Endpoint::parse(&url, PlainHttp::LoopbackOnly).expect("an address")
}

/// Patient enough for a loaded machine, and no more.
fn options() -> ClientOptions {
    let timeouts = Timeouts { total: Some(Duration::from_secs(20)), ..Timeouts::default() };
    ClientOptions { timeouts, retries: Retries::NONE, ..ClientOptions::default() }
}

fn client(oracle: XOnlyPublicKey, servers: &[&ServerHandle]) -> OracleClient {
    OracleClient::new(oracle, servers.iter().map(|server| at(server)).collect(), options())
}

/// Answers everything with these bytes.
async fn saying(bytes: Vec<u8>) -> ServerHandle {
    serving(Router::new().route("/{*path}", get(async move || bytes.clone()))).await
}

fn announced(oracle: &Oracle) -> String {
    let rule = Rule::alone(oracle.public_key());
    let announcement = oracle.announce(SLOT, MATURITY, &rule).expect("it announces");
    announcement.event.id().to_owned()
}

#[tokio::test]
async fn a_client_reads_what_was_announced_and_then_what_is_attested() {
    let home = tempfile::tempdir().expect("a folder");
    let oracle = open(home.path(), 1);
    let server = serving_oracle(&oracle).await;
    let client = client(oracle.public_key(), &[&server]);
    let event = announced(&oracle);
    let announcement = client.announcement(Wanted::score(&event)).await.expect("it is read");
    assert_eq!(announcement, oracle.announcement(&event).expect("it is known"));
    assert!(client.attestation(&announcement).await.expect("none yet").is_none());
    let attested = oracle.attest(&event, 987, LATER).expect("it attests");
    let read = client.attestation(&announcement).await.expect("it is read");
    assert_eq!(read, Some((attested, Outcome::Number(987))));
    let unknown = client.announcement(Wanted::score("another")).await.expect_err("none");
    assert!(unknown.to_string().contains("another"), "{unknown}");
}

#[tokio::test]
async fn json_is_given_where_it_is_asked_for_and_its_bytes_are_the_same() {
    let home = tempfile::tempdir().expect("a folder");
    let oracle = open(home.path(), 1);
    let server = serving_oracle(&oracle).await;
    let event = announced(&oracle);
    oracle.attest(&event, 1000, LATER).expect("it attests");
    let http = HttpClient::new(at(&server), options());
    let info: OracleInfo = http.get("/v1/oracle").read_json(1 << 10).await.expect("JSON");
    assert_eq!(info, OracleInfo::new(oracle.public_key(), auditor().did()));
    let path = format!("/v1/oracle/announcements/{event}");
    let bytes = http.get(&path).read_bytes(1 << 12).await.expect("bytes");
    assert_eq!(bytes, oracle.announcement(&event).expect("it is known").encode());
    let json = axum::http::HeaderValue::from_static("text/html, application/json;q=0.9");
    let asked = http.get(&path).header(axum::http::header::ACCEPT, json);
    let view: AnnouncementView = asked.read_json(1 << 12).await.expect("JSON");
    assert_eq!(view.announcement, hex::encode(&bytes));
    assert_eq!(EventName::new(SLOT.0, SLOT.1, &view.rule).to_string(), event);
    let suffixed = http.get(format!("{path}.json"));
    assert_eq!(suffixed.read_json::<AnnouncementView>(1 << 12).await.expect("JSON"), view);
    // A client takes the JSON form too, as foreign oracles may give nothing else.
    let paths = Paths {
        announcement: "/v1/oracle/announcements/{event}.json".into(),
        attestation: "/v1/oracle/attestations/{event}.json".into(),
    };
    let client = client(oracle.public_key(), &[&server]).with_paths(paths);
    let announcement = client.announcement(Wanted::score(&event)).await.expect("it is read");
    let read = client.attestation(&announcement).await.expect("it is read");
    assert_eq!(read.expect("there is one").1, Outcome::Number(1000));
}

#[tokio::test]
async fn among_endpoints_that_lie_hang_and_vanish_one_honest_one_is_enough() {
    let home = tempfile::tempdir().expect("a folder");
    let (oracle, other) = (open(&home.path().join("1"), 1), open(&home.path().join("2"), 2));
    let event = announced(&oracle);
    let whole = oracle.announcement(&event).expect("it is known").encode();
    let foreign = other.announce(SLOT, MATURITY, &Rule::alone(other.public_key()));
    let foreign = foreign.expect("it announces").encode();
    let mut altered = whole.clone();
    altered[80] ^= 1;
    let honest = serving_oracle(&oracle).await;
    let gone = serving_oracle(&oracle).await;
    let mut bad = vec![
        saying(altered).await,
        saying(foreign).await,
        saying(whole[..whole.len() - 1].to_vec()).await,
        saying([whole.as_slice(), &[0]].concat()).await,
        saying(vec![0xfd; 1 << 20]).await,
        saying(b"<html>".to_vec()).await,
        serving(Router::new().route("/{*path}", get(async || StatusCode::FOUND))).await,
        serving(Router::new().route("/{*path}", get(std::future::pending::<&str>))).await,
    ];
    let gone_at = at(&gone);
    gone.kill();
    gone.closed().await;
    let mut servers: Vec<Endpoint> = bad.iter().map(at).collect();
    servers.extend([gone_at, at(&honest)]);
    let client = OracleClient::new(oracle.public_key(), servers, options());
    let read = client.announcement(Wanted::score(&event)).await.expect("the honest one is heard");
    assert_eq!(read.encode(), whole);
    bad.pop();
    let servers = bad.iter().map(at).collect();
    let liars = OracleClient::new(oracle.public_key(), servers, options());
    match liars.announcement(Wanted::score(&event)).await {
        Err(OracleClientError::Nobody { reasons, .. }) => assert_eq!(reasons.len(), bad.len()),
        other => panic!("{other:?}"),
    }
    let shape = Wanted { digits: 11, ..Wanted::score(&event) };
    assert!(client.announcement(shape).await.is_err(), "other digits than are needed");
}

/// What an oracle attests whose folder is put back by force between two outcomes.
fn equivocated(folder: &Path) -> [Vec<u8>; 3] {
    let oracle = open(folder, 1);
    let event = announced(&oracle);
    let announcement = oracle.announcement(&event).expect("it is known").encode();
    let kept = ["book", "head"].map(|name| std::fs::read(folder.join(name)).expect("it is there"));
    let first = oracle.attest(&event, 700, LATER).expect("it attests").encode();
    drop(oracle);
    for (name, bytes) in ["book", "head"].iter().zip(kept) {
        std::fs::write(folder.join(name), bytes).expect("it is written");
    }
    let second = open(folder, 1).attest(&event, 500, LATER).expect("it attests").encode();
    [announcement, first, second]
}

#[tokio::test]
async fn an_oracle_that_says_two_things_at_two_endpoints_is_proven_to() {
    let home = tempfile::tempdir().expect("a folder");
    let [announcement, first, second] = equivocated(home.path());
    let oracle = open(home.path(), 1);
    let server = serving_oracle(&oracle).await;
    let announcement =
        contracts_bitcoin::oracle::messages::Announcement::decode(&announcement).expect("whole");
    let (one, two) = (saying(first).await, saying(second).await);
    let asked = client(oracle.public_key(), &[&one, &two]).attestation(&announcement).await;
    let Err(OracleClientError::Equivocated(proof)) = asked else { panic!("{asked:?}") };
    assert_eq!(proof.oracle(), oracle.public_key());
    let key = proof.secret_key().expect("it is given away");
    assert_eq!(key.x_only_public_key().0, oracle.public_key());
    // Each alone looks honest.
    for server in [&one, &two] {
        let alone = client(oracle.public_key(), &[server]).attestation(&announcement).await;
        assert!(alone.expect("it is verified").is_some());
    }
    drop((server, oracle));
    // Two announcements of one event.
    let (a, b) = (open(&home.path().join("a"), 1), open(&home.path().join("b"), 1));
    let event = announced(&a);
    assert_eq!(event, announced(&b));
    let (one, two) = (serving_oracle(&a).await, serving_oracle(&b).await);
    let asked = client(a.public_key(), &[&one, &two]).announcement(Wanted::score(&event)).await;
    assert!(matches!(asked, Err(OracleClientError::TwoAnnouncements { .. })), "{asked:?}");
}

#[tokio::test]
async fn orders_are_taken_from_the_auditor_alone() {
    let home = tempfile::tempdir().expect("a folder");
    let oracle = open(home.path(), 1);
    let server = serving_oracle(&oracle).await;
    let http = HttpClient::new(at(&server), options());
    let rule = Rule::alone(oracle.public_key());
    let (contract, slot) = SLOT;
    let announce = Order::Announce { contract, slot, maturity: MATURITY, rule };
    let order = async |signer: SecretKey, order: &Order| {
        let sessions = Sessions::new(Arc::new(signer), auditor().did());
        let call = http.post("/v1/oracle/orders").authorised(sessions.header());
        call.json(order).read_json::<EventView>(1 << 14).await
    };
    let anonymous = http.post("/v1/oracle/orders").json(&announce).done().await;
    assert!(matches!(anonymous, Err(ClientError::Refused(problem)) if problem.status == 401));
    let stranger = order(SecretKey::from_seed(&[6; 32]), &announce).await;
    assert!(matches!(stranger, Err(ClientError::Refused(problem)) if problem.status == 403));
    let done = order(auditor(), &announce).await.expect("it is done");
    assert_eq!(done.attestation, None);
    let short = format!("{contract}.{slot}");
    let score = |score| Order::Score { event: short.clone(), score };
    let done = order(auditor(), &score(900)).await.expect("it is done");
    assert_eq!((done.outcome, done.attestation.is_some()), (Some(900), true));
    let again = order(auditor(), &score(900)).await.expect("the same again");
    assert_eq!(again, done);
    let other = order(auditor(), &score(901)).await;
    let Err(ClientError::Refused(problem)) = other else { panic!("{other:?}") };
    assert_eq!((problem.status, problem.code.as_str()), (409, "attested_otherwise"));
}

#[tokio::test]
async fn three_auditors_agree_over_http_and_attest_the_same() {
    let home = tempfile::tempdir().expect("a folder");
    let oracles: Vec<_> = (1..=3).map(|n| open(&home.path().join(n.to_string()), n)).collect();
    let keys = oracles.iter().map(|oracle| oracle.public_key()).collect();
    let rule = Rule::new(2, keys).expect("a quorum");
    let event = EventName::new(SLOT.0, SLOT.1, &rule).to_string();
    // Just now, so that nobody's patience is at its end before all have reported.
    let just_now = u32::try_from(network::clock::now().0 / 1_000_000 - 1).expect("before 2106");
    let mut servers = Vec::new();
    for (oracle, score) in oracles.iter().zip([1000, 980, 300]) {
        oracle.announce(SLOT, just_now, &rule).expect("it announces");
        assert_eq!(oracle.say(&event, score, LATER).expect("it reports"), None);
        servers.push(serving_oracle(oracle).await);
    }
    let peers: Vec<_> = servers.iter().map(|at_| HttpClient::new(at(at_), options())).collect();
    let mut exchanges = [(); 3].map(|()| Exchange::default());
    for _ in 0..3 {
        for (oracle, exchange) in oracles.iter().zip(&mut exchanges) {
            exchange.round(oracle, &peers).await;
        }
    }
    for (oracle, server) in oracles.iter().zip(&servers) {
        let client = client(oracle.public_key(), &[server]);
        let announcement = client.announcement(Wanted::score(&event)).await.expect("it is read");
        let attested = client.attestation(&announcement).await.expect("it is read");
        assert_eq!(attested.expect("it is attested").1, Outcome::Number(980));
    }
    // What is not signed by an auditor is refused.
    let minutes: Minutes = peers[0]
        .get(format!("/v1/oracle/agreements/{event}"))
        .read_json(1 << 20)
        .await
        .expect("JSON");
    assert_eq!(minutes.reports.len(), 3);
    assert!(minutes.votes.len() >= 2, "{minutes:?}");
    let mut forged = minutes;
    forged.reports[0].score ^= 1;
    let told = peers[0].post(format!("/v1/oracle/agreements/{event}")).json(&forged).done().await;
    assert!(matches!(told, Err(ClientError::Refused(problem)) if problem.status == 422));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_decides_first_tells_on_until_the_other_has_decided_too() {
    let home = tempfile::tempdir().expect("a folder");
    let oracles: Vec<_> = (1..=3).map(|n| open(&home.path().join(n.to_string()), n)).collect();
    let keys = oracles.iter().map(|oracle| oracle.public_key()).collect();
    let rule = Rule::new(2, keys).expect("a quorum");
    let event = EventName::new(SLOT.0, SLOT.1, &rule).to_string();
    for (oracle, score) in oracles.iter().zip([950, 901]) {
        oracle.announce(SLOT, 1_000, &rule).expect("it announces");
        assert_eq!(oracle.say(&event, score, LATER).expect("it reports"), None);
    }
    // The first asks nobody, the third is gone: all that the first hears comes from the second.
    let server = serving_oracle(&oracles[0]).await;
    let peers = [HttpClient::new(at(&server), options())];
    let outcome = |oracle: usize| oracles[oracle].known(&event).expect("it is known").outcome;
    let mut exchange = Exchange::default();
    exchange.round(&oracles[1], &peers).await;
    assert_eq!((outcome(0), outcome(1)), (None, Some(925)), "it has the other's vote first");
    exchange.round(&oracles[1], &peers).await;
    assert_eq!((outcome(0), outcome(1)), (Some(925), Some(925)));
}
