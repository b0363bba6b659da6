//! Providers without a slot, over real sockets: each is asked whether it is there, and what is found is noted.

use crate::common::provider::{Cloud, Provider, ask, sign};
use crate::common::{House, client, key, sound};
use crate::life::until;
use axum::routing::get;
use axum::{Json, Router};
use market::{Command, Event, Genesis};
use market_server::{Config, Handle};
use network::extract::PathOf;
use network::node_api::PresenceAnswer;
use network::server::{ServeOptions, ServerHandle, bind, serve};
use types::documents::{Ask, Presence};
use types::{Did, Epoch, Hash, Signer, Span, Verified};

/// A data plane that answers for the party with that key.
async fn plane(number: u8) -> ServerHandle {
    let answer = async move |PathOf(nonce): PathOf<Hash>| {
        let key = key(number);
        Json(PresenceAnswer { presence: sign(Presence { provider: key.did(), nonce }, &key) })
    };
    let router = Router::new().route("/v1/node/presence/{nonce}", get(answer));
    serve(bind("127.0.0.1:0").await.unwrap(), router, ServeOptions::default()).unwrap()
}

/// Has the provider with that key offer from now on what answers at `at`.
async fn offer(market: &Handle, number: u8, at: &ServerHandle) {
    let key = key(number);
    let endpoint = format!("http://{}", at.address());
    let ask = Verified::sign(Ask { endpoint, ..ask(&key, number, 10) }, &key).unwrap();
    let network = format!("10.0.{number}.0/24");
    market.submit(Command::PublishAsk { ask, network }).await.unwrap();
}

async fn measuring(house: &House) -> Handle {
    market_server::start(Config { measures: true, ..house.config() }).await.unwrap()
}

/// How many probes of a provider were answered and how many were not, as its record has it of this epoch's events.
fn noted(events: &[Event], provider: Did) -> Option<(u32, u32)> {
    events.iter().find_map(|event| match event {
        Event::AvailabilityNoted { provider: about, outcome, .. } if *about == provider => {
            Some((outcome.good, outcome.bad))
        }
        _ => None,
    })
}

/// Opens an epoch; everything that happened in it.
async fn lived(market: &Handle) -> Vec<Event> {
    let mut happened = market.events();
    market.open_epoch().await.unwrap();
    sound(market);
    let mut events = Vec::new();
    while let Ok(more) = happened.try_recv() {
        events.extend(more.iter().cloned());
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_that_offers_is_asked_whether_it_is_there_and_is_known_by_it() {
    let house = House::founded();
    let market = measuring(&house).await;
    let cloud = Cloud::default();
    let (_there, _claims) =
        (Provider::connect(&market, 1, &cloud).await, Provider::connect(&market, 2, &cloud).await);
    let plane = plane(1).await;
    offer(&market, 1, &plane).await;
    // It gives out its neighbour's address for its own.
    offer(&market, 2, &plane).await;
    let [there, claims] = [1, 2].map(|number| key(number).did());
    let lines = client(&market, &house.key).probes().await.unwrap();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.read.is_none()), "nobody keeps anything to be read");
    let new = market.view(|view| view.market.score(&there));
    for epoch in 1..=3 {
        let events = lived(&market).await;
        assert_eq!(noted(&events, there), Some((1, 0)));
        assert_eq!(noted(&events, claims), Some((0, 1)), "an answer by another key is none");
        let found = market.view(|view| view.market.docket().readings(&there, Epoch(epoch)).len());
        assert_eq!(found, 1);
    }
    let [there, claims] = [there, claims].map(|did| market.view(|view| view.market.score(&did)));
    assert!(there.bounds[1] > new.bounds[1] && claims.bounds[1] < new.bounds[1]);
    assert_eq!(there.bounds[0], new.bounds[0], "of what it would keep nothing is known");
    market.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_nobody_stands_behind_any_more_is_not_asked_for() {
    // Epochs of a millisecond: a day of 24 of them is soon over.
    let house = House::founded_with(|did, anchor| Genesis::standard(did, Span(1_000), anchor));
    let market = measuring(&house).await;
    let cloud = Cloud::default();
    let stays = Provider::connect(&market, 1, &cloud).await;
    let leaves = Provider::connect(&market, 2, &cloud).await;
    let plane = plane(1).await;
    offer(&market, 1, &plane).await;
    let operator = client(&market, &house.key);
    let asked = async || {
        let lines = operator.probes().await.unwrap();
        lines.into_iter().map(|line| line.provider).collect::<Vec<Did>>()
    };
    assert_eq!(asked().await.len(), 2);
    leaves.kill();
    until("who has been away for a day is left out", async || asked().await == [stays.key.did()])
        .await;
    let events = lived(&market).await;
    assert_eq!(noted(&events, stays.key.did()), Some((1, 0)));
    assert_eq!(noted(&events, leaves.key.did()), None);
    let _back = Provider::again(&market, 2, &cloud, leaves.kept()).await;
    assert_eq!(asked().await.len(), 2, "it is asked again from when it is back");
    market.shutdown().await;
}
