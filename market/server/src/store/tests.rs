//! Every statement on both databases.

mod fencing;
mod indexes;

use super::driver::{Column, Mode, Postgres, Sqlite};
use super::{Place, Store, catalogue, dialect};

#[path = "../../tests/support/cluster.rs"]
pub(crate) mod cluster;

/// Somewhere with no market, in each database that is there.
pub(crate) fn places() -> Vec<(tempfile::TempDir, Place)> {
    let dir = || tempfile::tempdir().unwrap();
    let file = dir();
    let sqlite = Place::from(file.path());
    let postgres = cluster::new_database().map(|url| (dir(), Place::Postgres(url)));
    std::iter::once((file, sqlite)).chain(postgres).collect()
}

#[test]
fn every_statement_is_understood_by_sqlite_with_its_values_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::from(dir.path());
    Store::found(&place, "{}").unwrap();
    let sqlite = Sqlite::open(&place.file().unwrap(), None).unwrap();
    let rows = dialect::ALL.iter().map(|(name, bulk)| (*name, bulk.sqlite));
    for (name, sql) in catalogue::ALL.iter().copied().chain(rows) {
        let statement = sqlite.db.prepare(sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        for number in 1..=statement.parameter_count() {
            let expected = format!("${number}");
            assert_eq!(statement.parameter_name(number), Some(expected.as_str()), "{name}");
        }
    }
}

#[test]
fn every_statement_is_understood_by_postgresql() {
    let Some(url) = cluster::new_database() else { return };
    Store::found(&Place::Postgres(url.clone()), "{}").unwrap();
    let postgres = Postgres::connect(&url).unwrap();
    let bulk = dialect::ALL.iter().map(|(name, bulk)| (*name, bulk.postgres));
    for (name, sql) in catalogue::ALL.iter().copied().chain(bulk) {
        postgres.prepare(sql).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for (name, sql) in dialect::ALL.iter().filter_map(|(name, bulk)| Some((name, bulk.copy?))) {
        postgres.prepare_copy(sql).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn few_rows_and_many_are_added_alike_and_a_refused_lot_leaves_the_connection_as_it_was() {
    for (_dir, place) in places() {
        Store::found(&place, "{}").unwrap();
        let store = Store::open(&place, None).unwrap();
        let add = |ids: std::ops::Range<i64>| {
            let texts: Vec<String> = ids.clone().map(|id| format!("ä {id}")).collect();
            let columns = [
                Column::Ints(ids.collect()),
                Column::Texts(texts.iter().map(String::as_str).collect()),
            ];
            store.driver.each(dialect::ADD_EFFECTS, &columns)
        };
        let kept = || {
            let rows =
                store.driver.query("SELECT id, effect FROM outbox ORDER BY id", &[]).unwrap();
            rows.into_iter()
                .map(|mut row| (row.int(0).unwrap(), row.text(1).unwrap()))
                .collect::<Vec<_>>()
        };
        add(0..3).unwrap();
        add(3..500).unwrap();
        let expected: Vec<_> = (0..500).map(|id| (id, format!("ä {id}"))).collect();
        assert_eq!(kept(), expected, "{place}");
        for again in [499..501, 450..600] {
            store.driver.begin(Mode::Write).unwrap();
            add(again).unwrap_err();
            store.driver.roll_back().unwrap();
            assert_eq!(kept(), expected, "{place}");
        }
    }
}

#[test]
fn a_file_is_left_with_an_empty_log_however_much_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::from(dir.path());
    Store::found(&place, "{}").unwrap();
    let store = Store::open(&place, None).unwrap();
    let log = || {
        let logs = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap());
        let mut logs = logs.filter(|file| file.path().extension().is_some_and(|e| e == "db-wal"));
        let log = logs.next().map_or(0, |log| log.metadata().unwrap().len());
        assert!(logs.next().is_none());
        log
    };
    for round in 0..100 {
        let ids = round * 500..(round + 1) * 500;
        let text = "x".repeat(200);
        let texts = Column::Texts(ids.clone().map(|_| text.as_str()).collect());
        let added = store.transaction(|| {
            store.driver.each(dialect::ADD_EFFECTS, &[Column::Ints(ids.collect()), texts])
        });
        added.unwrap();
        if round % 33 == 32 {
            assert!(log() > 0);
            store.tidy().unwrap();
            assert_eq!(log(), 0);
        }
    }
    let kept = store.one("SELECT count(*) FROM outbox", &[]).unwrap();
    assert_eq!(kept.int(0), Ok(50_000));
}

#[test]
fn both_databases_have_the_same_tables_and_columns() {
    let Some(url) = cluster::new_database() else { return };
    let postgres = Place::Postgres(url);
    let dir = tempfile::tempdir().unwrap();
    let sqlite = Place::from(dir.path());
    let columns = |place: &Place, sql| {
        Store::found(place, "{}").unwrap();
        let rows = Store::open(place, None).unwrap().driver.query(sql, &[]).unwrap();
        rows.into_iter().map(|mut row| row.text(0).unwrap()).collect::<Vec<_>>()
    };
    let in_sqlite = columns(
        &sqlite,
        "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c \
         WHERE t.type = 'table' ORDER BY 1",
    );
    let in_postgres = columns(
        &postgres,
        "SELECT CAST(table_name || '.' || column_name AS TEXT) COLLATE \"C\" \
         FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1",
    );
    assert_eq!(in_sqlite, in_postgres);
    assert!(in_sqlite.contains(&"blocks.entries".to_owned()));
}

#[test]
fn both_folders_of_migrations_are_numbered_alike() {
    let folder = |name: &str| {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(name);
        let files = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let dir = tempfile::tempdir().unwrap();
    let place = Place::from(dir.path());
    Store::found(&place, "{}").unwrap();
    let store = Store::open(&place, None).unwrap();
    assert_eq!(folder("sqlite"), folder("postgres"));
    for count in [folder("sqlite").len(), store.driver.migrations().len()] {
        assert_eq!(count as u64, Store::SCHEMA);
    }
}
