//! Objects that share a contract: put into it, removed from it, by two machines at once.

use crate::world::{World, name, noise, options, password, wish};
use client::{Housing, StorageWish};
use client_node::{Client, Error, Source, Target};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use types::Bytes;

/// A wish for a contract with room for more than one object.
fn roomy() -> StorageWish {
    StorageWish { room: Some(Bytes(40_000_000)), ..wish() }
}

async fn put(world: &World, client: &Client, object: &str, bytes: &[u8]) -> client_node::Put {
    let source = Source::file(world.file(&format!("{object}.in"), bytes));
    client.put(source, &name(object), &roomy(), world.listener()).await.unwrap()
}

async fn get(world: &World, client: &Client, object: &str) -> Vec<u8> {
    let path = world.path(&format!("{object}.out"));
    client.get(&name(object), Target::file(&path), Arc::new(())).await.unwrap();
    std::fs::read(path).unwrap()
}

fn quotes(world: &World) -> u64 {
    world.market.books.quotes.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_share_a_contract_until_it_is_full() {
    let world = World::new().await;
    let objects: Vec<Vec<u8>> = (0..5).map(|seed| noise(9_000_000, seed)).collect();
    let mut contracts = Vec::new();
    for (number, bytes) in objects.iter().enumerate() {
        contracts.push(put(&world, &world.client, &format!("o{number}"), bytes).await.contract);
    }
    assert_eq!(contracts[..4], [contracts[0]; 4]);
    assert_ne!(contracts[4], contracts[0], "the fifth finds no room");
    assert_eq!(quotes(&world), 2);
    for (number, bytes) in objects.iter().enumerate() {
        assert!(get(&world, &world.client, &format!("o{number}")).await == *bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_makes_room_and_leaves_the_rest_readable() {
    let world = World::new().await;
    let objects: Vec<Vec<u8>> = (0..4).map(|seed| noise(9_000_000, seed)).collect();
    for (number, bytes) in objects.iter().enumerate() {
        put(&world, &world.client, &format!("o{number}"), bytes).await;
    }
    let removed = world.client.rm(&name("o1"), &()).await.unwrap();
    assert!(!removed.is_empty && removed.room.is_some_and(|room| room.0 > 9_000_000));
    assert!(world.providers.iter().all(|provider| provider.disk.held().looks == 1));
    let more = noise(9_000_000, 9);
    assert_eq!(put(&world, &world.client, "more", &more).await.contract, removed.contract);
    assert_eq!(quotes(&world), 1);
    for number in [0, 2, 3] {
        assert!(get(&world, &world.client, &format!("o{number}")).await == objects[number]);
    }
    assert!(get(&world, &world.client, "more").await == more);
    for object in ["o0", "o2", "o3", "more"] {
        let last = world.client.rm(&name(object), &()).await.unwrap();
        assert_eq!(last.is_empty, object == "more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_at_once_lose_nothing() {
    let world = World::new().await;
    put(&world, &world.client, "first", &noise(1_000_000, 1)).await;
    let dir = world.path("second machine");
    let (second, _) =
        Client::recover(&dir, &world.market.url(), &world.words, &password(), options())
            .await
            .unwrap();
    for round in 0..3_u64 {
        let (here, there) = (format!("here {round}"), format!("there {round}"));
        let (one, two) = (noise(3_000_000, 10 + round), noise(3_000_000, 20 + round));
        let (mine, theirs) = tokio::join!(
            put(&world, &world.client, &here, &one),
            put(&world, &second, &there, &two)
        );
        assert_eq!(mine.contract, theirs.contract);
        assert_ne!(mine.revision, theirs.revision);
        assert!(get(&world, &world.client, &here).await == one);
        assert!(get(&world, &second, &there).await == two);
    }
    assert_eq!(quotes(&world), 1);
    world.client.back_up().await.unwrap();
    second.back_up().await.unwrap();
    world.client.back_up().await.unwrap();
    assert_eq!(world.client.ls().await.unwrap().len(), 7, "the words bring everything back");
    assert_eq!(second.ls().await.unwrap().len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_that_was_interrupted_is_finished_by_doing_it_again() {
    let world = World::new().await;
    put(&world, &world.client, "a", &noise(1_000_000, 1)).await;
    put(&world, &world.client, "b", &noise(1_000_000, 2)).await;
    // The catalogue cannot be written: the contract has let go of the object by then.
    let catalogue = world.client.dir().join("catalogue.new");
    std::fs::create_dir(&catalogue).unwrap();
    assert!(matches!(world.client.rm(&name("a"), &()).await, Err(Error::File { .. })));
    std::fs::remove_dir(&catalogue).unwrap();
    assert_eq!(world.client.ls().await.unwrap().len(), 2);
    world.client.rm(&name("a"), &()).await.unwrap();
    let names: Vec<_> =
        world.client.ls().await.unwrap().into_iter().map(|object| object.name.name).collect();
    assert_eq!(names, ["b"]);
    let revision = world.market.books.contracts.lock().unwrap().values().next().unwrap().revision;
    assert_eq!(revision, 3, "nothing was revised twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_is_named_is_taken_or_refused_in_words() {
    let world = World::new().await;
    let first = put(&world, &world.client, "a", &noise(1_000_000, 1)).await.contract;
    let named = |size: usize, seed| {
        let source = Source::file(world.file("in", &noise(size, seed)));
        let wish = StorageWish { housing: Housing::In(first), ..wish() };
        let (client, listener) = (world.client.clone(), world.listener());
        async move { client.put(source, &name(&format!("o{seed}")), &wish, listener).await }
    };
    assert_eq!(named(2_000_000, 2).await.unwrap().contract, first);
    let error = named(60_000_000, 3).await.unwrap_err();
    assert!(matches!(error, Error::NoRoom { .. }), "{error}");
    let own = StorageWish { housing: Housing::Own, ..wish() };
    let source = Source::bytes(noise(1000, 4));
    let put = world.client.put(source, &name("own"), &own, world.listener()).await.unwrap();
    assert_ne!(put.contract, first);
}
