//! Databases on which a start is refused: it says why and what would be right, and changes nothing. And what becomes of
//! a process under whose feet the database is migrated.

use crate::common::{House, available, client, key};
use market_server::journal::{Block, Head};
use market_server::writer::{Refusal, Role};
use market_server::{BackupError, OpenError, StartError, back_up, migrate, verify_journal};
use std::time::Duration;
use types::tree::Tip;
use types::{Hash, Msat, Signer, Timestamp};

/// A market with some history, stopped.
async fn with_history() -> House {
    let house = House::founded();
    let market = house.start().await;
    for number in 0..5u8 {
        market.credit(key(number).did(), Msat(10), &number.to_string()).await.unwrap();
    }
    market.shutdown().await;
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_schema_is_refused_with_what_would_be_right_and_nothing_is_changed() {
    let house = with_history().await;
    for (schema, right) in
        [(99, "run a newer program"), (1, "run `bondstore market migrate` first")]
    {
        house.execute(&format!("UPDATE meta SET schema = {schema}")).await;
        let before = house.contents().await;
        let refused = house.try_start().await.err().unwrap().to_string();
        assert!(refused.contains(&format!("schema {schema}")), "{refused}");
        assert!(refused.contains(right), "{refused}");
        let file = house.path().join("backup");
        match back_up(house.place(), &file) {
            Err(BackupError::Open(error)) => assert_eq!(error.to_string(), refused),
            other => panic!("{other:?}"),
        }
        assert!(!file.exists());
        if schema == 99 {
            let newer = migrate(house.place()).unwrap_err();
            assert_eq!(newer.to_string(), refused);
            // What a newer program writes is what this one reads.
            assert!(verify_journal(house.place()).unwrap().is_sound());
        } else {
            let older = verify_journal(house.place()).unwrap_err();
            assert_eq!(older.to_string(), refused);
        }
        assert_eq!(house.contents().await, before, "schema {schema}");
    }
}

/// Seals the newest block anew, as a market would whose clock was that much later.
async fn reseal(house: &House, microseconds: i64) {
    let newest = async |column: &str| {
        house.text(&format!("SELECT {column} FROM blocks ORDER BY seq DESC LIMIT 1")).await
    };
    let number = async |column: &str| -> i64 {
        newest(&format!("CAST({column} AS TEXT)")).await.parse().unwrap()
    };
    let hash = async |column: &str| -> Hash { newest(&house.hex(column)).await.parse().unwrap() };
    let seq = number("seq").await;
    let head = Head { blocks: seq.cast_unsigned() - 1, hash: hash("prev").await };
    let time = Timestamp(number("time").await + microseconds);
    let size = number("tree_size").await.cast_unsigned();
    let tree = Tip { size, root: hash("tree_root").await };
    let term = number("term").await.cast_unsigned();
    let block = Block::seal(head, (time, term), tree, newest("entries").await);
    let (time, sealed) = (block.time.0, house.bytes(block.hash));
    let sql = format!("UPDATE blocks SET time = {time}, hash = {sealed} WHERE seq = {seq}");
    assert_eq!(house.execute(&sql).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_behind_the_journal_is_refused_with_how_far_and_nothing_is_changed() {
    let house = with_history().await;
    reseal(&house, 3_600_000_000).await;
    let before = house.contents().await;
    let error = house.try_start().await.err().unwrap();
    let by = match &error {
        StartError::Open(OpenError::ClockBehind { by }) => by.0,
        other => panic!("{other}"),
    };
    assert!((3_500_000_000..=3_600_000_000).contains(&by), "{by}");
    assert!(error.to_string().contains("set the clock right"), "{error}");
    assert_eq!(house.contents().await, before);
    // With the clock right, it starts.
    reseal(&house, -3_600_000_000).await;
    assert_eq!(available(&house.start().await, &key(1)), Msat(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_database_is_migrated_reads_on_and_writes_no_more() {
    let house = House::founded();
    let market = house.start().await;
    market.credit(key(1).did(), Msat(10), "before").await.unwrap();
    // As a newer program's migration ends.
    let migrated = "UPDATE meta SET schema = schema + 1; \
                    UPDATE writer SET term = term + 1, url = 'http://newer'";
    for sql in migrated.split(';') {
        assert_eq!(house.execute(sql).await, 1, "{sql}");
    }
    let alice = client(&market, &key(1));
    // Long enough for a process that would take its office again.
    for number in 0..20 {
        let refused = market.credit(key(1).did(), Msat(1), &number.to_string()).await.unwrap_err();
        match &refused {
            Refusal::NotTheWriter(writer) if house.database.is_some() => {
                assert_eq!(writer, "http://newer");
            }
            Refusal::Unavailable(why) if house.database.is_none() => {
                assert!(why.contains("run a newer program"), "{why}");
            }
            other => panic!("{other}"),
        }
        assert_eq!(alice.account(key(1).did()).await.unwrap().available, Msat(10));
        assert_eq!(alice.history(key(1).did(), 0, 10).await.unwrap().len(), 1);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    if house.database.is_some() {
        assert!(matches!(market.role(), Role::Follower { .. }));
        let locks = "SELECT CAST(count(*) AS TEXT) FROM pg_locks WHERE locktype = 'advisory' \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        assert_eq!(house.text(locks).await, "0", "the newer program can take the office");
    }
    assert_eq!(house.text("SELECT CAST(term AS TEXT) FROM writer").await, "2");
    assert!(verify_journal(house.place()).unwrap().is_sound());
}
