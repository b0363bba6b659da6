//! A database that was changed behind the market's back: what was changed is named, and nothing is overwritten.

use crate::common::{House, available, key};
use market_server::writer::Refusal;
use market_server::{OpenError, StartError, verify_journal};
use types::{Msat, Signer};

/// A market with some history, stopped.
pub(crate) async fn with_history() -> House {
    let house = House::founded();
    let market = house.start().await;
    for number in 0..5u8 {
        market.credit(key(number).did(), Msat(10), &number.to_string()).await.unwrap();
    }
    market.kill();
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_was_changed_is_named_and_nothing_is_overwritten() {
    type Change = (fn(&House) -> String, u64);
    let changes: [Change; 5] = [
        (|_| "UPDATE blocks SET entries = replace(entries, '10', '99') WHERE seq = 3".into(), 3),
        (|_| "UPDATE blocks SET time = time + 1 WHERE seq = 2".into(), 2),
        (|house| format!("UPDATE blocks SET prev = {} WHERE seq = 4", house.zeros(32)), 4),
        (|house| format!("UPDATE blocks SET hash = {} WHERE seq = 4", house.zeros(3)), 4),
        (|_| "DELETE FROM blocks WHERE seq = 1".into(), 1),
    ];
    for (change, block) in changes {
        let house = with_history().await;
        let sql = change(&house);
        assert_eq!(house.execute(&sql).await, 1, "{sql}");
        let before = house.contents().await;
        let error = house.try_start().await.err();
        let named = matches!(
            &error,
            Some(StartError::Open(OpenError::CorruptBlock { block: found, .. })) if *found == block
        );
        assert!(named, "{sql}: {error:?}");
        let verified = verify_journal(house.place());
        let named = matches!(&verified, Err(OpenError::CorruptBlock { block: found, .. }) if *found == block);
        assert!(named, "{sql}: {verified:?}");
        assert_eq!(house.contents().await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_document_is_found_by_its_absence() {
    let house = with_history().await;
    assert_eq!(house.execute("DELETE FROM documents WHERE block = 2").await, 1);
    let verified = verify_journal(house.place());
    assert!(matches!(verified, Err(OpenError::CorruptBlock { block: 2, .. })), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_is_named_and_a_full_check_does_without_it() {
    let house = with_history().await;
    let market = house.start().await;
    market.credit(key(1).did(), Msat(1), "before the snapshot").await.unwrap();
    market.shutdown().await;
    let sql = format!("UPDATE snapshots SET root = {}", house.zeros(32));
    assert_eq!(house.execute(&sql).await, 1);
    let error = house.try_start().await.err();
    let named =
        matches!(&error, Some(StartError::Open(OpenError::CorruptSnapshot { block: 6, .. })));
    assert!(named, "{error:?}");
    let mut config = house.config();
    config.full_check = true;
    let market = market_server::start(config).await.unwrap();
    assert_eq!(available(&market, &key(1)), Msat(11));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_with_a_damaged_or_missing_part_is_named_and_nothing_is_overwritten() {
    let changes: [fn(&House) -> String; 6] = [
        |house| format!("UPDATE snapshot_parts SET bytes = {} WHERE part = 3", house.zeros(9)),
        |_| {
            "UPDATE snapshot_parts SET bytes = (SELECT bytes FROM snapshot_parts WHERE part = 0) \
             WHERE part = 3"
                .into()
        },
        |_| "UPDATE snapshot_parts SET field = 77 WHERE part = 3".into(),
        |_| "DELETE FROM snapshot_parts WHERE part = 7".into(),
        |_| "DELETE FROM snapshot_parts WHERE part = (SELECT max(part) FROM snapshot_parts)".into(),
        |house| format!("UPDATE snapshots SET state = {}", house.zeros(2)),
    ];
    for change in changes {
        let house = with_history().await;
        house.start().await.shutdown().await;
        let sql = change(&house);
        assert_eq!(house.execute(&sql).await, 1, "{sql}");
        let before = house.contents().await;
        let error = house.try_start().await.err();
        let named =
            matches!(&error, Some(StartError::Open(OpenError::CorruptSnapshot { block: 5, .. })));
        assert!(named, "{sql}: {error:?}");
        assert_eq!(house.contents().await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_a_start_does_not_meet_is_found_beside_the_work_and_ends_it() {
    let house = with_history().await;
    let market = house.start().await;
    assert_eq!(market.surveyed().await, Ok(()));
    market.shutdown().await;
    assert_eq!(house.execute("UPDATE blocks SET time = time + 1 WHERE seq = 2").await, 1);
    let market = house.start().await;
    let found = market.surveyed().await.unwrap_err();
    assert!(found.contains("block 2"), "{found}");
    assert_eq!(available(&market, &key(1)), Msat(10));
    let refused = market.credit(key(1).did(), Msat(1), "after the damage").await.unwrap_err();
    assert_eq!(refused, Refusal::Unavailable(found));
}
