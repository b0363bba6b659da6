//! Whether a provider is there: only its own word for what was asked just now says so.

use super::support::{key, plain, start};
use axum::routing::get;
use axum::{Json, Router};
use network::api::ProbeLine;
use network::endpoint::PlainHttp;
use network::extract::PathOf;
use network::node_api::PresenceAnswer;
use network::probe::Vantage;
use network::server::ServeOptions;
use network::tls::server_config;
use types::documents::{Measurement, Presence};
use types::{Epoch, Hash, SecretKey, Signer, Verified};

const AUDITOR: u8 = 1;
const PROVIDER: u8 = 2;
const NEIGHBOUR: u8 = 3;

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
    let vantage =
        Vantage { signer: key(AUDITOR), name: "here".into(), plain: PlainHttp::LoopbackOnly };
    let provider = key(PROVIDER).did();
    let line = ProbeLine { provider, endpoint, epoch: Epoch(7), read: None };
    vantage.measure(&line).await.expect("the system gives randomness")
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
