//! Measuring a provider: only its own word for what was asked just now says that it is there, and only what was read how soon a
//! read begins and how fast it runs.

use super::support::{key, plain, start};
use axum::routing::get;
use axum::{Json, Router};
use network::api::{ProbeLine, ProbeRead};
use network::endpoint::PlainHttp;
use network::extract::PathOf;
use network::node_api::PresenceAnswer;
use network::probe::{PROBES, Vantage};
use network::server::ServeOptions;
use network::tls::server_config;
use std::time::Duration;
use types::documents::{Access, AccessToken, Measurement, Presence};
use types::{ContractId, Epoch, Hash, SecretKey, Signer, Span, Verified};

const AUDITOR: u8 = 1;
const PROVIDER: u8 = 2;
const NEIGHBOUR: u8 = 3;
const MARKET: u8 = 4;

/// How long the slow provider thinks before it sends anything, and how much it sends then.
const THINKS: Duration = Duration::from_millis(150);
const SHARD_BYTES: usize = 256 << 10;

fn answer(presence: Presence, signer: &SecretKey) -> Json<PresenceAnswer> {
    let presence = Verified::sign(presence, signer).expect("its signer signs it");
    Json(PresenceAnswer { presence: presence.signed().clone() })
}

/// Answers in the name of the party with that key, for the nonce that `said` makes of what is asked.
fn answers(who: u8, said: fn(Hash) -> Hash) -> Router {
    let route = get(async move |PathOf(nonce): PathOf<Hash>| {
        let key = key(who);
        answer(Presence { provider: key.did(), nonce: said(nonce) }, &key)
    });
    Router::new().route("/v1/node/presence/{nonce}", route)
}

/// What is found of the provider where `endpoint` answers.
async fn found(endpoint: String) -> Measurement {
    measured(endpoint, None).await
}

async fn measured(endpoint: String, read: Option<ProbeRead>) -> Measurement {
    let vantage =
        Vantage { signer: key(AUDITOR), name: "here".into(), plain: PlainHttp::LoopbackOnly };
    let provider = key(PROVIDER).did();
    let line = ProbeLine { provider, endpoint, epoch: Epoch(7), read };
    vantage.measure(&line).await.expect("the system gives randomness")
}

/// A shard of the provider, with the market's leave to read it.
fn shard() -> ProbeRead {
    let token = AccessToken {
        issuer: key(MARKET).did(),
        holder: key(AUDITOR).did(),
        provider: key(PROVIDER).did(),
        contract: Hash([7; 32]),
        slot: 0,
        access: vec![Access::Read],
        holder_pays: false,
        expires: network::clock::now().after(Span::HOUR),
    };
    let token = Verified::sign(token, &*key(MARKET)).expect("its signer signs it");
    ProbeRead { shard: Hash([8; 32]), token: token.signed().clone() }
}

#[tokio::test]
async fn who_signs_for_what_is_asked_is_there() {
    let server = plain(answers(PROVIDER, |nonce| nonce)).await;
    let found = found(format!("http://{}", server.address())).await;
    assert_eq!((found.probes, found.answered, found.throughput), (1, 1, 0));
    assert_eq!((found.provider, found.epoch), (key(PROVIDER).did(), Epoch(7)));
    assert_eq!((found.auditor, found.vantage.as_str()), (key(AUDITOR).did(), "here"));
}

#[tokio::test]
async fn nobody_answers_for_another() {
    let neighbour = plain(answers(NEIGHBOUR, |nonce| nonce)).await;
    let recorded = plain(answers(PROVIDER, |_| Hash([9; 32]))).await;
    let mute = plain(Router::new()).await;
    for server in [&neighbour, &recorded, &mute] {
        let found = found(format!("http://{}", server.address())).await;
        assert_eq!((found.probes, found.answered, found.first_byte_ms), (1, 0, 0));
    }
    let tls = Some(server_config(key(NEIGHBOUR)).expect("TLS 1.3 is there"));
    let options = ServeOptions { tls, ..ServeOptions::default() };
    let pinned = start(answers(PROVIDER, |nonce| nonce), options).await;
    let found = found(format!("https://{}", pinned.address())).await;
    assert_eq!(found.answered, 0, "over TLS the key is asked for first");
}

#[tokio::test]
async fn a_read_is_timed_to_its_first_byte_and_to_its_last() {
    type Shard = PathOf<(ContractId, u16, Hash)>;
    let route = get(async |PathOf((_, _, root)): Shard| {
        tokio::time::sleep(THINKS).await;
        assert_eq!(root, Hash([8; 32]));
        vec![0u8; SHARD_BYTES]
    });
    let slow = Router::new().route("/v1/slots/{contract}/{slot}/shards/{root}", route);
    let slow = plain(slow).await;
    let found = measured(format!("http://{}", slow.address()), Some(shard())).await;
    assert_eq!((found.probes, found.answered), (PROBES, PROBES));
    assert!(u128::from(found.first_byte_ms) >= THINKS.as_millis(), "{found:?}");
    // No faster than if everything had come at once after the pause.
    let rate_max = SHARD_BYTES as u128 * 1_000 / THINKS.as_millis();
    assert!((1..=rate_max).contains(&u128::from(found.throughput)), "{found:?}");
}

#[tokio::test]
async fn a_shard_that_is_not_there_is_no_answer() {
    let empty = plain(Router::new()).await;
    let found = measured(format!("http://{}", empty.address()), Some(shard())).await;
    let figures = (found.probes, found.answered, found.first_byte_ms, found.throughput);
    assert_eq!(figures, (PROBES, 0, 0, 0));
}
