//! Downloads against providers that are slow, silent, broken or dishonest.

use crate::world::provider::Fault;
use crate::world::{World, name, noise, options, password};
use client_node::{Client, Error, Target};
use std::sync::Arc;
use std::time::Duration;

/// A few segments, the last one short.
const BYTES: usize = 9_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_every_kind_come_back() {
    let world = World::new().await;
    let text = b"every promise is bonded. ".repeat(50_000);
    let objects = [
        ("empty", Vec::new()),
        ("one byte", vec![7]),
        ("text", text),
        ("zeros", vec![0; 5_000_000]),
        ("noise", noise(BYTES, 1)),
    ];
    for (object, bytes) in &objects {
        let put = world.put(object, bytes).await.unwrap();
        assert_eq!(put.hash.0, *blake3::hash(bytes).as_bytes());
        assert!(world.get(object).await.unwrap() == *bytes, "{object}");
    }
    let names: Vec<_> = world.client.ls().await.unwrap().into_iter().map(|o| o.name.name).collect();
    assert_eq!(names, ["empty", "noise", "one byte", "text", "zeros"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_two_providers_may_fail_in_any_way() {
    let faults = [
        Fault::HangsOnRead,
        Fault::Truncates,
        Fault::Lies,
        Fault::Overlong,
        Fault::Slow(Duration::from_secs(3)),
        Fault::Busy(1_000),
    ];
    let world = World::new().await;
    let bytes = noise(BYTES, 2);
    world.put("a", &bytes).await.unwrap();
    for (at, fault) in faults.into_iter().enumerate() {
        world.providers.iter().for_each(|provider| provider.fail(Fault::None));
        world.providers[at].fail(fault);
        world.providers[(at + 1) % 6].fail(fault);
        assert!(world.get("a").await.unwrap() == bytes, "{fault:?}");
    }
    assert!(world.was_told("Troubled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_provider_too_few_is_an_error_that_names_the_missing_slots() {
    let world = World::new().await;
    world.put("a", &noise(BYTES, 3)).await.unwrap();
    world.providers[0].kill();
    world.providers[2].fail(Fault::Lies);
    world.providers[5].disk.held().shards.clear();
    let path = world.path("a.out");
    let error = world.get("a").await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Missing { .. }), "{text}");
    for slot in ["slot 0", "slot 2", "slot 5"] {
        assert!(text.contains(slot), "{text}");
    }
    assert!(!path.exists(), "no file appears under the name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_on_where_it_was_and_mends_a_spoilt_beginning() {
    let world = World::new().await;
    let bytes = noise(BYTES, 4);
    let put = world.put("a", &bytes).await.unwrap();
    let part = world.path(&format!("a.out.{}.part", put.hash.short()));
    let target = || Target::file(world.path("a.out"));
    std::fs::write(&part, &bytes[..5_000_000]).unwrap();
    let got = world.client.get(&name("a"), target(), Arc::new(())).await.unwrap();
    assert_eq!(got.resumed_at, 5_000_000);
    let fetched: u64 = got.slots.iter().map(|slot| slot.bytes.0).sum();
    assert!(fetched < 6_000_000, "{fetched} bytes were fetched for 4,000,000");
    assert!(std::fs::read(world.path("a.out")).unwrap() == bytes);

    for spoilt in [vec![0; 5_000_000], vec![0; BYTES + 1], vec![0; BYTES]] {
        std::fs::write(&part, spoilt).unwrap();
        world.client.get(&name("a"), target(), Arc::new(())).await.unwrap();
        assert!(std::fs::read(world.path("a.out")).unwrap() == bytes);
        assert!(!part.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_paid_step_by_step_and_to_the_last_byte() {
    let world = World::new().await;
    let bytes = noise(40 << 20, 5);
    world.put("a", &bytes).await.unwrap();
    // 10 MiB from each of four slots each time: vouchers fall due within the second download.
    for _ in 0..3 {
        assert!(world.get("a").await.unwrap() == bytes);
    }
    for provider in &world.providers {
        let held = provider.disk.held();
        assert!(held.paid >= held.read, "{} read, {} paid", held.read, held.paid);
    }
    let catalogue = world.client.catalogue().await.unwrap();
    let paid: u64 = catalogue.contracts.values().flat_map(|c| c.value.paid.values()).sum();
    assert!(paid >= 3 * (40 << 20), "{paid}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_counted_more_than_we_did_is_paid_within_reason() {
    let world = World::new().await;
    let bytes = noise(BYTES, 6);
    world.put("a", &bytes).await.unwrap();
    world.providers[1].disk.held().read += 20 << 20;
    assert!(world.get("a").await.unwrap() == bytes);
    assert!(world.providers[1].disk.held().paid >= 16 << 20, "an uncounted step is believed");
    world.providers[1].fail(Fault::Overcharges);
    assert!(world.get("a").await.unwrap() == bytes);
    assert!(world.providers[1].disk.held().paid < 400 << 20, "but not without end");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_market_the_catalogue_is_enough() {
    let world = World::new().await;
    let bytes = noise(BYTES, 7);
    world.put("a", &bytes).await.unwrap();
    world.market.kill();
    let reopened = Client::open(world.client.dir(), &password(), options()).await.unwrap();
    let target = Target::file(world.path("again"));
    let got = reopened.get(&name("a"), target, world.listener()).await.unwrap();
    assert!(got.without_market && world.was_told("WithoutMarket"));
    assert!(std::fs::read(world.path("again")).unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_alone_bring_everything_back() {
    let world = World::new().await;
    let bytes = noise(BYTES, 8);
    world.put("a", &bytes).await.unwrap();
    world.put("b", b"b").await.unwrap();
    world.client.rm(&name("b"), &()).await.unwrap();
    let elsewhere = world.path("elsewhere");
    let url = world.market.url();
    let (client, recovered) =
        Client::recover(&elsewhere, &url, &world.words, &password(), options()).await.unwrap();
    assert_eq!((recovered.objects, recovered.contracts), (1, 1), "small objects share");
    assert_eq!(client.did(), world.client.did());
    let target = Target::file(world.path("again"));
    client.get(&name("a"), target, Arc::new(())).await.unwrap();
    assert!(std::fs::read(world.path("again")).unwrap() == bytes);

    let again = Client::recover(&elsewhere, &url, &world.words, &password(), options()).await;
    assert!(matches!(again, Err(Error::AlreadyInitialised(_))));
    let other = Client::recover(&world.path("x"), &url, "zoo", &password(), options()).await;
    assert!(matches!(other, Err(Error::Words(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_with_the_same_words_merge_what_they_did() {
    let world = World::new().await;
    world.put("a", b"a").await.unwrap();
    let (elsewhere, url) = (world.path("elsewhere"), world.market.url());
    let (other, _) =
        Client::recover(&elsewhere, &url, &world.words, &password(), options()).await.unwrap();
    world.put("b", b"b").await.unwrap();
    let source = client_node::Source::bytes(b"c");
    let put = other.put(source, &name("c"), &crate::world::wish(), Arc::new(())).await.unwrap();
    assert!(put.backup.is_some());
    assert_eq!(other.ls().await.unwrap().len(), 3, "the conflict brought the other's object");
    world.client.back_up().await.unwrap();
    assert_eq!(world.client.ls().await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_gets_every_byte_and_unknown_names_are_refused() {
    let world = World::new().await;
    let bytes = noise(1_000_000, 9);
    world.put("a", &bytes).await.unwrap();
    let file = std::fs::File::create(world.path("streamed")).unwrap();
    world.client.get(&name("a"), Target::stream(file), Arc::new(())).await.unwrap();
    assert!(std::fs::read(world.path("streamed")).unwrap() == bytes);
    assert!(matches!(world.get("b").await, Err(Error::NoSuchObject(_))));
    assert!(matches!(world.client.rm(&name("b"), &()).await, Err(Error::NoSuchObject(_))));
}
