//! Who writes for a market that several processes share.

use crate::common::{House, available, client, key, sound};
use market_server::writer::{Refusal, Role};
use market_server::{Config, Handle, deposit, verify_journal};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use types::{Msat, Signer};

/// How long anything that several processes agree on may take on a busy machine.
const AGREED_MAX: Duration = Duration::from_mins(1);

/// How many read beside the writer and its standby.
const READERS: usize = 4;

async fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < AGREED_MAX, "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A second process's worth of market on the same database.
async fn beside(house: &House, read_only: bool) -> (tempfile::TempDir, Handle) {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { data: dir.path().to_owned(), read_only, ..house.config() };
    (dir, market_server::start(config).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_reads_along_names_the_writer_and_takes_over() {
    let house = House::founded();
    let writer = house.start().await;
    assert_eq!(writer.role(), Role::Writer { term: 1 });
    let (_dir, standby) = beside(&house, false).await;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(beside(&house, true).await);
    }
    until("the writer is known", || {
        let others = readers.iter().map(|(_, reader)| reader).chain([&standby]);
        others.into_iter().all(|m| m.role() == Role::Follower { writer: writer.url().to_owned() })
    })
    .await;
    writer.credit(key(1).did(), Msat(7), "first").await.unwrap();
    until("followed", || available(&standby, &key(1)) == Msat(7)).await;
    let refused = standby.credit(key(1).did(), Msat(7), "second").await.unwrap_err();
    assert_eq!(refused, Refusal::NotTheWriter(writer.url().to_owned()));
    let alice = client(&standby, &key(1));
    assert_eq!(alice.account(key(1).did()).await.unwrap().available, Msat(7));
    let document = deposit(&house.key, key(1).did(), Msat(7), "third");
    let refused = alice.deposit(document.signed()).await.unwrap_err();
    assert_eq!(refused.code(), Some("not_the_writer"));
    assert!(refused.to_string().contains(writer.url()), "{refused}");

    writer.kill();
    until("taken over", || standby.role() == Role::Writer { term: 2 }).await;
    standby.credit(key(1).did(), Msat(3), "fourth").await.unwrap();
    for (_, reader) in &readers {
        until("followed", || available(reader, &key(1)) == Msat(10)).await;
        let seen = client(reader, &key(1)).account(key(1).did()).await.unwrap();
        assert_eq!(seen.available, Msat(10));
        assert!(!reader.role().is_writer());
        assert_eq!(standby.journal(), reader.journal());
    }
    sound(&standby);
    standby.shutdown().await;
    assert!(verify_journal(house.place()).unwrap().is_sound());
}
