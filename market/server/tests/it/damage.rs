//! A full disk, a damaged file, a forged journal in it: each is named, and nothing is overwritten.

use crate::altered::with_history;
use crate::common::{House, available, client, http, key, sound};
use market::Command;
use market_server::writer::Refusal;
use market_server::{Handle, OpenError, StartError, deposit, verify_journal};
use rusqlite::Connection;
use types::{Hash, Msat, Signer};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_new_work_and_keeps_serving() {
    let house = House::founded();
    let mut config = house.config();
    config.database_bytes_max = Some(160 << 10);
    let market = market_server::start(config).await.unwrap();
    let mut taken = 0;
    let refused = loop {
        let reference = format!("{taken} {}", "x".repeat(200));
        match market.credit(key(1).did(), Msat(1), &reference).await {
            Ok(_) => taken += 1,
            Err(refusal) => break refusal,
        }
        assert!(taken < 10_000);
    };
    assert_eq!(refused, Refusal::DiskFull);
    assert!(taken > 0);
    assert_eq!(available(&market, &key(1)), Msat(taken));
    sound(&market);
    let alice = client(&market, &key(1));
    assert_eq!(alice.account(key(1).did()).await.unwrap().available, Msat(taken));
    // What is left in half-filled pages may take some more, but not for long.
    let (document, refused) = loop {
        let reference = format!("{taken} {}", "y".repeat(200));
        let document = deposit(&house.key, key(1).did(), Msat(1), &reference);
        match alice.deposit(document.signed()).await {
            Ok(_) => taken += 1,
            Err(refused) => break (document, refused),
        }
        assert!(taken < 10_000);
    };
    assert_eq!(refused.code(), Some("disk_full"));
    let ready = async |market: &Handle| http(market).get("/ready").once().done().await;
    let not_ready = ready(&market).await.unwrap_err();
    let problem = not_ready.problem().unwrap();
    assert_eq!((problem.status, problem.code.as_str()), (503, "not_ready"));
    assert!(problem.detail.contains("disk_full"), "{}", problem.detail);
    market.kill();

    let roomier = house.start().await;
    ready(&roomier).await.unwrap();
    assert_eq!(available(&roomier, &key(1)), Msat(taken));
    roomier.submit(Command::Deposit(document)).await.unwrap();
    assert_eq!(available(&roomier, &key(1)), Msat(taken + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_chain_is_found_by_its_sense() {
    let house = with_history().await;
    {
        let db = Connection::open(house.path().join("market.db")).unwrap();
        let row = |row: &rusqlite::Row<'_>| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, [u8; 32]>(3)?,
                row.get::<_, [u8; 32]>(4)?,
            ))
        };
        let sql = "SELECT time, term, entries, prev, tree_root FROM blocks WHERE seq = 5";
        let (time, term, entries, prev, root) = db.query_row(sql, [], row).unwrap();
        // Ten msat more come out of the world's account than its sums say.
        let forged = entries.replacen("\"amount\":10", "\"amount\":-10", 1);
        assert_ne!(forged, entries);
        let head = market_server::journal::Head { blocks: 4, hash: Hash(prev) };
        let at = (types::Timestamp(time), term.cast_unsigned());
        let tree = types::tree::Tip { size: 5, root: Hash(root) };
        let block = market_server::journal::Block::seal(head, at, tree, forged);
        db.execute(
            "UPDATE blocks SET entries = ?1, hash = ?2 WHERE seq = 5",
            (&block.entries, block.hash.0),
        )
        .unwrap();
    }
    let verified = verify_journal(house.path());
    assert!(matches!(verified, Err(OpenError::CorruptBlock { block: 5, .. })), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_file_is_named() {
    let house = with_history().await;
    let path = house.path().join("market.db");
    // Everything into the one file, so that the damage is not hidden behind the write-ahead log.
    Connection::open(&path)
        .unwrap()
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    for page in bytes.chunks_mut(4_096).skip(1) {
        page[..64].fill(0xA5);
    }
    std::fs::write(&path, &bytes).unwrap();
    let error = house.try_start().await.err();
    let named = matches!(&error, Some(StartError::Open(OpenError::CorruptDatabase { .. })));
    assert!(named, "{error:?}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);

    std::fs::write(&path, b"not a database at all, however long this text is").unwrap();
    let error = house.try_start().await.err();
    let named = matches!(&error, Some(StartError::Open(OpenError::CorruptDatabase { .. })));
    assert!(named, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_runs_once_under_its_own_key_and_is_founded_once() {
    let house = House::founded();
    let market = house.start().await;
    let second = house.try_start().await.err();
    assert!(matches!(second, Some(StartError::Open(OpenError::InUse(_)))), "{second:?}");
    let port = market.address().to_string();
    let other = House::founded();
    let mut config = other.config();
    config.listen = port;
    let taken = market_server::start(config).await.err();
    assert!(matches!(taken, Some(StartError::Bind(_))), "{taken:?}");
    market.shutdown().await;

    let mut config = house.config();
    config.key = key(3);
    let wrong = market_server::start(config).await.err();
    assert!(matches!(wrong, Some(StartError::Open(OpenError::OtherKey { .. }))), "{wrong:?}");
    let again = market_server::found(house.path(), &house.key, |did, anchor| {
        market::Genesis::standard(did, types::Span::HOUR, anchor)
    });
    assert!(matches!(again, Err(OpenError::AlreadyFounded(_))), "{again:?}");
    let nowhere = verify_journal(&house.path().join("nowhere"));
    assert!(matches!(nowhere, Err(OpenError::NotFounded(_))), "{nowhere:?}");
}
