//! Backups and migrations: a whole market in one file, put back as it was, in either database.

use crate::common::{House, available, key, sound};
use market_server::{BackupError, OpenError, Place, back_up, migrate, restore, verify_journal};
use types::{Msat, Signer};

/// A market with some history that is still running, and its backup.
async fn backed_up() -> (House, market_server::Handle, std::path::PathBuf) {
    let house = House::founded();
    let market = house.start().await;
    for number in 0..20u8 {
        market.credit(key(number % 4).did(), Msat(10), &number.to_string()).await.unwrap();
    }
    let file = house.path().join("backup");
    assert!(back_up(house.place(), &file).unwrap() >= 60);
    (house, market, file)
}

/// Somewhere with no market yet: the other kind of database where both are there.
fn elsewhere(house: &House) -> (tempfile::TempDir, Place) {
    let dir = tempfile::tempdir().unwrap();
    let other =
        if house.database.is_some() { None } else { crate::common::cluster::new_database() };
    let place = other.map_or_else(|| Place::from(dir.path()), Place::Postgres);
    (dir, place)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_market_is_the_market_again_in_the_other_database() {
    let (house, market, file) = backed_up().await;
    let then = market.journal();
    market.credit(key(1).did(), Msat(1), "after the backup").await.unwrap();
    market.shutdown().await;
    let (dir, place) = elsewhere(&house);
    let report = restore(&file, &place).unwrap();
    assert_eq!((report.blocks, report.head), (then.blocks, then.head));
    assert_eq!(report.replayed_root, then.state_root);
    let again = restore(&file, &place);
    assert!(matches!(again, Err(BackupError::Open(OpenError::AlreadyFounded(_)))), "{again:?}");

    let database = match &place {
        Place::Postgres(url) => Some(url.clone()),
        Place::Directory(_) => None,
    };
    let restored = House { dir, key: house.key.clone(), database };
    let market = restored.start().await;
    assert_eq!(market.journal(), then);
    assert_eq!(available(&market, &key(1)), Msat(50));
    // What was taken once is known, and what was not is taken.
    assert_eq!(market.credit(key(1).did(), Msat(10), "1").await.unwrap().events.len(), 0);
    assert_eq!(market.credit(key(1).did(), Msat(1), "new").await.unwrap().events.len(), 1);
    sound(&market);
    market.shutdown().await;
    assert!(verify_journal(restored.place()).unwrap().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_cut_off_or_changed_anywhere_restores_nothing() {
    let (house, market, file) = backed_up().await;
    market.kill();
    let whole = std::fs::read(&file).unwrap();
    let bad = house.path().join("bad");
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(&bad, bytes).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let error = restore(&bad, dir.path()).unwrap_err();
        assert!(matches!(error, BackupError::Damaged { .. }), "{what}: {error}");
        assert!(error.to_string().contains("nothing was restored"), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{what}");
    };
    let step = (whole.len() / 40).max(1);
    for at in (0..whole.len()).step_by(step) {
        refused(&whole[..at], &format!("cut off at {at}"));
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        refused(&changed, &format!("changed at {at}"));
    }
    let longer: Vec<u8> = whole.iter().copied().chain([0]).collect();
    refused(&longer, "longer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_overwrites_no_file_and_needs_a_market() {
    let (house, market, file) = backed_up().await;
    let again = back_up(house.place(), &file);
    assert!(matches!(again, Err(BackupError::Exists(_))), "{again:?}");
    market.kill();
    let nowhere = tempfile::tempdir().unwrap();
    let nothing = back_up(nowhere.path(), &nowhere.path().join("backup"));
    assert!(matches!(nothing, Err(BackupError::Open(OpenError::NotFounded(_)))), "{nothing:?}");
    let (from, to) = migrate(house.place()).unwrap();
    assert_eq!(from, to, "there is nothing to migrate");
}
