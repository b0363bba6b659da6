//! Uploads that are interrupted, hindered, or of files that do not hold still.

use crate::world::provider::Fault;
use crate::world::{World, name, noise, options, password, wish};
use client_node::{Client, Error, Event, Options, Source};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Notify;
use types::terms::RailKind;

const BYTES: usize = 20_000_000;

fn shards_held(world: &World) -> usize {
    world.providers.iter().map(|provider| provider.disk.held().shards.len()).sum()
}

fn puts(world: &World) -> usize {
    world.providers.iter().map(|provider| provider.disk.held().puts).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_upload_goes_on_under_the_same_contract() {
    let world = World::new().await;
    let bytes = noise(BYTES, 1);
    let file = world.file("in", &bytes);
    // One provider hangs, so that the upload is under way and cannot end.
    world.providers[3].fail(Fault::HangsOnWrite);
    let moved = Arc::new(Notify::new());
    let (client, told) = (world.client.clone(), Arc::clone(&moved));
    let source = Source::file(&file);
    let running = tokio::spawn(async move {
        let progress = move |event: &Event<'_>| {
            if matches!(event, Event::Moved { .. }) {
                told.notify_one();
            }
        };
        client.put(source, &name("a"), &wish(), Arc::new(progress)).await
    });
    moved.notified().await;
    while shards_held(&world) < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    let before = puts(&world);

    world.providers[3].fail(Fault::None);
    // Another process would open the directory anew; the aborted one's thread may take a moment to let go.
    let reopened = Client::open(world.client.dir(), &password(), options()).await.unwrap();
    let put = loop {
        let source = Source::file(&file);
        match reopened.put(source, &name("a"), &wish(), world.listener()).await {
            Err(Error::UploadRunning(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
            other => break other.unwrap(),
        }
    };
    assert!(world.was_told("Resumed"));
    assert_eq!(world.market.books.quotes.load(Ordering::Relaxed), 1, "one contract, paid once");
    let all: usize = put.slots.iter().map(|slot| usize::try_from(slot.shards).unwrap()).sum();
    assert_eq!(shards_held(&world), all);
    assert!(puts(&world) <= all + 18, "at most what was on its way is sent twice: {before} {all}");
    assert!(world.get("a").await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_interrupted_before_the_catalogue_knew_is_completed_without_sending() {
    let world = World::new().await;
    let file = world.file("in", &noise(BYTES, 2));
    let put = |client: Client| {
        let (source, listener) = (Source::file(&file), world.listener());
        async move { client.put(source, &name("a"), &wish(), listener).await }
    };
    // The catalogue cannot be written: everything else has happened by then.
    let catalogue = world.client.dir().join("catalogue.new");
    std::fs::create_dir(&catalogue).unwrap();
    assert!(matches!(put(world.client.clone()).await, Err(Error::File { .. })));
    std::fs::remove_dir(&catalogue).unwrap();
    let done = put(world.client.clone()).await.unwrap();
    assert_eq!((done.revision, done.sent.0), (1, 0));
    assert_eq!(world.market.books.quotes.load(Ordering::Relaxed), 1);
    assert!(world.get("a").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_begins_anew_under_another_key() {
    let world = World::new().await;
    let file = world.file("in", &noise(BYTES, 3));
    world.providers[3].fail(Fault::FullAfter(2));
    let put = || world.put_from(Source::file(&file), "a");
    let error = put().await.unwrap_err();
    assert!(matches!(error, Error::Slot { slot: 3, .. }), "{error}");
    assert!(error.to_string().contains("disk_full"), "{error}");
    world.providers[3].fail(Fault::None);
    let changed = noise(BYTES, 4);
    std::fs::write(&file, &changed).unwrap();
    put().await.unwrap();
    assert!(!world.was_told("Resumed"));
    assert_eq!(world.market.books.quotes.load(Ordering::Relaxed), 2);
    assert!(world.get("a").await.unwrap() == changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_while_it_is_read_is_not_stored() {
    let world = World::new().await;
    let file = world.file("in", &noise(BYTES, 5));
    let path = file.clone();
    let meddle = move |event: &Event<'_>| {
        if matches!(event, Event::Confirmed { slots: 6, .. }) {
            std::fs::write(&path, noise(BYTES, 6)).unwrap();
        }
    };
    let put = world.client.put(Source::file(&file), &name("a"), &wish(), Arc::new(meddle)).await;
    let error = put.unwrap_err();
    assert!(matches!(error, Error::SourceChanged { .. }), "{error}");
    assert!(world.client.ls().await.unwrap().is_empty());
    let revisions: Vec<_> =
        world.market.books.contracts.lock().unwrap().values().map(|c| c.revision).collect();
    assert_eq!(revisions, [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_and_a_busy_provider_get_everything_all_the_same() {
    let world = World::new().await;
    let bytes = noise(BYTES, 7);
    world.providers[0].fail(Fault::Slow(Duration::from_millis(50)));
    world.providers[1].fail(Fault::Busy(3));
    let put = world.put("a", &bytes).await.unwrap();
    assert!(put.backup.is_some() && put.slots.len() == 6);
    for kind in ["Quoted", "Agreed", "Confirmed", "Moved", "Received", "Revised", "BackedUp"] {
        assert!(world.was_told(kind), "{kind}");
    }
    assert!(world.get("a").await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_never_takes_its_shards_is_named() {
    for fault in [Fault::HangsOnWrite, Fault::Busy(1_000), Fault::SignsForOtherBytes] {
        let world = World::new().await;
        world.providers[2].fail(fault);
        let error = world.put("a", &noise(BYTES, 8)).await.unwrap_err();
        assert!(matches!(error, Error::Slot { slot: 2, .. }), "{fault:?}: {error}");
        assert!(world.client.ls().await.unwrap().is_empty());
    }
}

/// A wish for a contract that is settled by escrows on Bitcoin.
fn on_bitcoin() -> client::StorageWish {
    client::StorageWish { rail: RailKind::Bitcoin, ..wish() }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_bitcoin_an_upload_waits_for_every_escrow_and_then_goes_as_usual() {
    let world = World::new().await;
    for number in [1, 4] {
        world.providers[number].fail(Fault::UnfundedFor(3));
    }
    let bytes = noise(BYTES, 9);
    let source = Source::file(world.file("in", &bytes));
    let put = world.client.put(source, &name("a"), &on_bitcoin(), world.listener()).await.unwrap();
    assert_eq!(put.slots.len(), 6);
    assert!(world.was_told("Unfunded { slots: [1, 4], reason: \"the slot's escrow has 1 of 3"));
    assert!(world.was_told("Funded { slots: 6 }"));
    assert!(world.get("a").await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_ledger_no_escrow_is_waited_for() {
    let world = World::new().await;
    world.put("a", b"a").await.unwrap();
    assert!(!world.was_told("Funded"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_escrow_that_is_never_funded_is_named_with_what_to_do_and_the_upload_goes_on_later() {
    let world = World::new().await;
    world.providers[2].fail(Fault::UnfundedFor(usize::MAX));
    let hasty = Options { fund_within: Duration::from_millis(300), ..options() };
    let client = Client::open(world.client.dir(), &password(), hasty).await.unwrap();
    let file = world.file("in", &noise(BYTES, 10));
    let put =
        async || client.put(Source::file(&file), &name("a"), &on_bitcoin(), world.listener()).await;
    let error = put().await.unwrap_err();
    assert!(matches!(&error, Error::NotFunded { slots, .. } if slots == "2"), "{error}");
    let text = error.to_string();
    assert!(text.contains("bondstore coins run") && text.contains("1 of 3"), "{text}");
    assert_eq!(shards_held(&world), 0, "nothing is sent before all are funded");
    world.providers[2].fail(Fault::None);
    put().await.unwrap();
    assert_eq!(world.market.books.quotes.load(Ordering::Relaxed), 1, "under the same contract");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_ends_while_its_escrows_are_waited_for_ends_the_upload() {
    let world = World::new().await;
    world.providers[2].fail(Fault::UnfundedFor(usize::MAX));
    let contracts = Arc::clone(&world.market.books);
    let expire = move |event: &Event<'_>| {
        if matches!(event, Event::Unfunded { .. }) {
            let mut contracts = contracts.contracts.lock().unwrap();
            contracts.values_mut().for_each(|view| view.state = "expired".into());
        }
    };
    let source = Source::file(world.file("in", &noise(BYTES, 11)));
    let put = world.client.put(source, &name("a"), &on_bitcoin(), Arc::new(expire)).await;
    let error = put.unwrap_err();
    assert!(matches!(&error, Error::ContractState { state, .. } if state == "expired"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_before_money_moves() {
    let world = World::new().await;
    world.put("a", b"a").await.unwrap();
    let quotes = || world.market.books.quotes.load(Ordering::Relaxed);
    let before = quotes();
    assert!(matches!(world.put("a", b"other").await, Err(Error::NameTaken(_))));
    let put = |source: Source| world.put_from(source, "b");
    assert!(matches!(put(Source::file(world.dir.path())).await, Err(Error::NotAFile(_))));
    assert!(matches!(put(Source::file(world.path("none"))).await, Err(Error::File { .. })));
    let mut short = wish();
    short.duration = types::Span(0);
    let (source, object) = (Source::bytes(b"x"), name("b"));
    let refused = world.client.put(source, &object, &short, world.listener()).await;
    assert!(matches!(refused, Err(Error::Wish(_))));
    assert_eq!(quotes(), before);
    let long =
        Source::Stream { reader: Box::new(std::io::repeat(1)), bytes: types::Bytes(100_000) };
    assert!(matches!(put(long).await, Err(Error::StreamTooLong { bytes: 100_000 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_opens_with_its_password_only() {
    let world = World::new().await;
    let dir = world.client.dir();
    let wrong = network::identity::Password::new("wrong").unwrap();
    assert!(matches!(Client::open(dir, &wrong, options()).await, Err(Error::Identity(_))));
    let none = world.path("none");
    assert!(matches!(
        Client::open(&none, &password(), options()).await,
        Err(Error::NotInitialised(_))
    ));
    let url = world.market.url();
    let second = Client::init(dir, &url, &password(), options()).await;
    assert!(matches!(second, Err(Error::AlreadyInitialised(_))));
    let foreign = format!("{url}#{}", world.providers[0].did());
    let third = Client::init(&world.path("third"), &foreign, &password(), options()).await;
    assert!(matches!(third, Err(Error::Endpoint(_) | Error::Network(_))));
    assert!(!world.path("third").join("key.json").exists());
}
