//! Slots of contracts on Bitcoin: who takes them, and what waits for their escrows.

use crate::stream::{Others, begin_with, coded, own, rebuild, receipt};
use crate::support::{
    Market, PROVIDER, Place, entry, reservation, shard, size_of, slot, soon, until,
};
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use network::api::{ReceiptBody, ToProvider};
use network::client::{ClientError, ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::node_api::SlotClient;
use provider_node::store::SlotKey;
use provider_node::{Config, Gate, NotFunded, Settlement, StartError};
use shards::Root;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use types::documents::{Ask, Reservation};
use types::terms::{BITCOIN_TAG, RailKind};
use types::{Hash, SecretKey, Verified};

/// A treasurer that says of every slot what the test says.
#[derive(Default)]
struct Word {
    waits: Mutex<Option<NotFunded>>,
    asked: AtomicUsize,
    /// What the node agrees to and what it holds of that; nothing for what it has let go.
    agreed: Mutex<BTreeMap<SlotKey, Option<(Hash, bool)>>>,
    refuses: AtomicBool,
}

impl Gate for Word {
    fn may_take(&self, slot: SlotKey) -> Result<(), NotFunded> {
        assert_eq!(slot.0, Hash::of(b"contract"));
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.waits.lock().unwrap().map_or(Ok(()), Err)
    }

    fn agrees(&self, reservation: &Verified<Reservation>, holds: bool) -> Result<(), String> {
        if self.refuses.load(Ordering::Relaxed) {
            return Err("the treasurer will not have it".into());
        }
        let key = (reservation.contract, reservation.slot);
        self.agreed.lock().unwrap().insert(key, Some((reservation.id(), holds)));
        Ok(())
    }

    fn let_go(&self, slot: SlotKey) {
        self.agreed.lock().unwrap().insert(slot, None);
    }
}

impl Word {
    fn say(&self, waits: Option<NotFunded>) {
        *self.waits.lock().unwrap() = waits;
    }
}

fn treasurer() -> (Arc<Word>, Settlement) {
    let word = Arc::new(Word::default());
    word.say(Some(NotFunded::NoEscrow));
    let routes = Router::new().route("/v1/deals", get(async || "deals are made here"));
    (word.clone(), Settlement { routes, gate: word })
}

fn on_bitcoin(at: u16) -> Reservation {
    Reservation { rail: RailKind::Bitcoin, ..reservation(slot(at), 1 << 20) }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> (String, String) {
    let error = answer.expect_err("it is refused");
    let problem = error.problem().expect("the node says why");
    assert_eq!(problem.status, 409);
    (problem.code.clone(), problem.detail.clone())
}

async fn put(client: &SlotClient, bytes: &Bytes) -> Result<(), ClientError> {
    soon(client.put(Root::of(bytes), bytes.clone())).await
}

fn tags(ask: Option<&Verified<Ask>>) -> Vec<String> {
    ask.expect("an ask came first").tags.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_on_bitcoin_takes_bytes_once_its_escrow_is_funded_and_one_on_the_ledger_at_once() {
    let (word, settlement) = treasurer();
    let (mut market, place, node, mut end) = begin_with(Some(settlement)).await;
    assert_eq!(end.offer(on_bitcoin(0)).await, None);
    assert_eq!(end.offer(reservation(slot(1), 1 << 20)).await, None);
    assert_eq!(tags(end.ask.as_ref()), [BITCOIN_TAG]);
    let (client, bytes) = (own(&node, 0), shard(1, 100));
    let listed = entry(&bytes);
    let body = ReceiptBody { revision: 1, shards: vec![(Hash(listed.root.0), listed.bytes)] };

    put(&own(&node, 1), &bytes).await.unwrap();
    assert_eq!(word.asked.load(Ordering::Relaxed), 0, "the ledger's slots do not ask");
    let (code, detail) = refused(put(&client, &bytes).await);
    assert_eq!(code, "not_funded");
    assert!(detail.contains("bondstore coins run"), "{detail}");
    word.say(Some(NotFunded::Shallow { confirmations: 1, of: 3 }));
    let (code, detail) = refused(client.receipt(&body).await);
    assert_eq!(code, "not_funded");
    assert!(detail.contains("1 of 3 confirmations"), "{detail}");
    assert_eq!(client.content().await.unwrap().not_funded, Some(detail));

    word.say(None);
    put(&client, &bytes).await.unwrap();
    client.receipt(&body).await.unwrap();
    let content = client.content().await.unwrap();
    assert_eq!((content.shards.len(), content.not_funded), (1, None));

    // The rail is on the disk: without its treasurer the node serves what it has, and takes nothing more.
    node.shutdown().await;
    drop(end);
    let node = place.start().await;
    let mut end = market.meet().await;
    let client = own(&node, 0);
    assert_eq!(client.get(Root::of(&bytes), 100).await.unwrap(), bytes);
    let (code, detail) = refused(put(&client, &shard(2, 100)).await);
    assert_eq!(code, "not_funded");
    assert!(detail.contains("without its treasurer"), "{detail}");
    let declined = end.offer(on_bitcoin(2)).await.unwrap();
    assert!(declined.contains("has no treasurer"), "{declined}");
    assert_eq!(end.offer(reservation(slot(3), 1 << 20)).await, None);
    assert_eq!(tags(end.ask.as_ref()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_treasurer_knows_what_its_node_agrees_to_before_the_market_does() {
    let (word, settlement) = treasurer();
    let (_market, _place, _node, mut end) = begin_with(Some(settlement)).await;
    assert_eq!(end.offer(reservation(slot(1), 1 << 20)).await, None);
    assert!(word.agreed.lock().unwrap().is_empty(), "the ledger's slots are none of its business");
    assert_eq!(end.offer(on_bitcoin(0)).await, None);
    let agreed = |at: u16| word.agreed.lock().unwrap().get(&slot(at)).copied().flatten();
    let (first, holds) = agreed(0).expect("it was told");
    assert!(!holds);
    assert_eq!(end.offer(on_bitcoin(0)).await, None);
    assert_eq!(agreed(0), Some((first, true)), "it has the slot by now");
    word.refuses.store(true, Ordering::Relaxed);
    let declined = end.offer(on_bitcoin(2)).await.unwrap();
    assert!(declined.contains("will not have it"), "{declined}");
    assert_eq!(agreed(2), None);
    let (contract, number) = slot(0);
    end.say(ToProvider::Released { contract, slot: number }).await;
    until(|| agreed(0).is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_treasurer_answers_where_the_node_does() {
    let (_, settlement) = treasurer();
    let (_market, _place, node, _end) = begin_with(Some(settlement)).await;
    let endpoint = Endpoint::parse(node.url(), PlainHttp::LoopbackOnly).unwrap();
    let http = HttpClient::new(endpoint, ClientOptions::default());
    let said = http.get("/v1/deals").read_bytes(100).await.unwrap();
    assert_eq!(said, "deals are made here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_waits_for_the_escrow_of_its_slot() {
    let (word, settlement) = treasurer();
    let (mut market, _place, node, mut end) = begin_with(Some(settlement)).await;
    let (layout, segments) = coded();
    let others = Others::start(&mut market, &segments).await;
    assert_eq!(end.offer(on_bitcoin(0)).await, None);
    let size = size_of(layout.slot_list(0).unwrap().entries());
    end.say(rebuild((1, size), &layout, others.sources(&node))).await;
    let asked = || word.asked.load(Ordering::Relaxed);
    until(|| asked() >= 2).await;
    assert!(own(&node, 0).content().await.unwrap().shards.is_empty(), "nothing is fetched");
    word.say(None);
    let (_, receipt) = receipt(&mut end).await;
    assert_eq!((receipt.revision, receipt.size), (1, size));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ask_without_room_for_the_tag_is_refused_at_the_start() {
    let market = Market::start().await;
    let place = Place::new(&market, PROVIDER, 1 << 30).await;
    let path = place.dir.path().join("provider.json");
    let mut settings: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let tags: Vec<String> = (0..16).map(|n| format!("tag-{n}")).collect();
    settings["offer"]["tags"] = serde_json::json!(tags);
    std::fs::write(&path, settings.to_string()).unwrap();
    let (_, settlement) = treasurer();
    let own = SecretKey::from_seed(&[PROVIDER; 32]);
    let config = Config { settlement: Some(settlement), ..Config::new(place.dir.path(), own) };
    let refused = provider_node::start(config).await.err().unwrap();
    assert!(matches!(&refused, StartError::Ask(why) if why.contains("17 tags")), "{refused}");
    let _without = place.start().await;
}
