//! A client lets another read an object or a prefix, until it takes that back. Objects share contracts, and room
//! that is freed is used again.

#[expect(dead_code, reason = "sharing uses its part of the town")]
#[path = "support/town.rs"]
mod town;

use client::{ObjectName, Scope};
use client_node::{Client, Error, Options, Target};
use market::Event;
use network::identity::Password;
use std::sync::Arc;
use town::Town;
use types::{Msat, Span};

/// Bytes that nothing can compress.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let blocks = (seed << 32..).flat_map(|n| types::Hash::of(&n.to_le_bytes()).0);
    blocks.take(bytes).collect()
}

fn name(text: &str) -> ObjectName {
    ObjectName::new(text).expect("a name")
}

/// Another client of the town's market, without money.
async fn guest(town: &Town, what: &str) -> Client {
    let password = Password::new("guest").expect("not empty");
    let home = town.dir.path().join(what);
    let made = Client::init(&home, town.market.url(), &password, Options::default()).await;
    made.expect("a new client").0
}

async fn credit(town: &Town, party: &Client) {
    let reference = format!("for {}", party.did());
    let booked = town.market.credit(party.did(), Msat(1_000_000_000), &reference).await;
    booked.expect("booked");
}

/// What a guest gets of the client's `object`.
async fn read(town: &Town, guest: &Client, object: &str) -> Result<Vec<u8>, Error> {
    let file = town.dir.path().join("guest's copy");
    let owner = town.client.did();
    guest.get_from(owner, &name(object), Target::file(&file), Arc::new(())).await?;
    let bytes = std::fs::read(&file).expect("it was written");
    std::fs::remove_file(&file).expect("removed");
    Ok(bytes)
}

fn is_refused(read: &Result<Vec<u8>, Error>) -> bool {
    matches!(read, Err(Error::NotShared { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shared_is_read_until_it_is_taken_back() {
    let town = Town::founded(6).await;
    let (first, second) = (noise(3_000_000, 1), noise(2_000_000, 2));
    let put = town.put("first", first.clone()).await;
    town.put("second", second.clone()).await;
    let (friend, stranger) = (guest(&town, "friend").await, guest(&town, "stranger").await);
    credit(&town, &stranger).await;
    assert!(is_refused(&read(&town, &friend, "first").await), "nothing is shared yet");

    let grant = town.client.share(Scope::Object(name("first")), friend.did(), None).await;
    let grant = grant.expect("shared");
    let unpaid = read(&town, &friend, "first").await.expect_err("it has no money");
    assert!(unpaid.to_string().contains("reads_unpaid"), "{unpaid}");
    credit(&town, &friend).await;
    assert!(read(&town, &friend, "first").await.expect("it is shared") == first);
    assert!(is_refused(&read(&town, &friend, "second").await), "another object is not");
    assert!(is_refused(&read(&town, &stranger, "first").await), "nor to a stranger");
    let refused = stranger.market().passes(put.contract).await.expect_err("no leave");
    assert_eq!(refused.code(), Some("not_found"));
    let refused = stranger.market().shared(grant).await.expect_err("nor the list");
    assert_eq!(refused.code(), Some("not_found"));

    town.until("the guest to have paid", |town| {
        town.happened(|event| matches!(event, Event::GuestPaid { .. }))
    })
    .await;
    assert!(!town.happened(|event| matches!(event, Event::VoucherRedeemed { .. })));

    let listed = friend.shares().await.expect("listed");
    assert_eq!((listed.len(), listed[0].owner, &listed[0].scope), (1, town.client.did(), &None));
    let given = town.client.shares().await.expect("listed");
    assert_eq!(given[0].scope, Some(Scope::Object(name("first"))));
    stranger.unshare(grant).await.expect_err("it is not the stranger's");
    town.client.unshare(grant).await.expect("taken back");
    assert!(is_refused(&read(&town, &friend, "first").await));
    let refused = friend.market().passes(put.contract).await.expect_err("the very next one");
    assert_eq!(refused.code(), Some("not_found"));
    assert!(friend.shares().await.expect("listed").is_empty());
    town.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_covers_what_is_stored_later_and_nothing_else() {
    let town = Town::founded(6).await;
    town.put("trip/a", noise(1_000_000, 1)).await;
    town.put("tax", noise(1_000_000, 2)).await;
    let friend = guest(&town, "friend").await;
    credit(&town, &friend).await;
    let prefix = Scope::Prefix(name("trip/"));
    town.client.share(prefix.clone(), friend.did(), None).await.expect("shared");
    assert!(read(&town, &friend, "trip/a").await.expect("there already") == noise(1_000_000, 1));
    assert!(is_refused(&read(&town, &friend, "tax").await));
    town.put("trip/b", noise(1_000_000, 3)).await;
    town.put("trap/c", noise(1_000_000, 4)).await;
    assert!(read(&town, &friend, "trip/b").await.expect("stored later") == noise(1_000_000, 3));
    assert!(is_refused(&read(&town, &friend, "trap/c").await));
    let names = async || -> Vec<String> {
        let objects = friend.shared_by(town.client.did()).await.expect("listed");
        objects.into_iter().map(|object| object.name.name).collect()
    };
    assert_eq!(names().await, ["trip/a", "trip/b"]);
    town.client.rm(&name("trip/a"), &()).await.expect("removed");
    assert_eq!(names().await, ["trip/b"]);

    // A grant that is over opens nothing.
    let other = guest(&town, "other").await;
    credit(&town, &other).await;
    let soon = other.market().info().await.expect("it answers").now.after(Span(3_000_000));
    town.client.share(prefix, other.did(), Some(soon)).await.expect("shared");
    let mut reads = 0;
    while read(&town, &other, "trip/b").await.is_ok() {
        reads += 1;
        assert!(reads < 10_000, "it never ends");
    }
    assert!(is_refused(&read(&town, &other, "trip/b").await));
    town.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_that_is_freed_is_used_again_and_audited_as_before() {
    let town = Town::founded(6).await;
    let first = town.put("first", noise(4_000_000, 1)).await;
    let kept = |town: &Town| {
        town.market.view(|view| {
            let contract = view.market.contract(&first.contract).expect("the contract");
            contract.slots.iter().map(|slot| slot.size.bytes).sum::<u64>()
        })
    };
    let full = kept(&town);
    town.day().await;
    let removed = town.client.rm(&name("first"), &()).await.expect("removed");
    assert!(removed.is_empty && removed.room.is_some());
    assert_eq!(kept(&town), 0);
    town.day().await;
    let second = noise(4_000_000, 2);
    let put = town.put("second", second.clone()).await;
    assert_eq!((put.contract, kept(&town)), (first.contract, full));
    town.day().await;
    let copy = town.dir.path().join("copy");
    town.get("second", &copy).await.expect("fetched");
    assert!(std::fs::read(&copy).expect("written") == second);
    assert!(!town.happened(|event| matches!(event, Event::SlotFaulted { .. })));
}
