//! Every statement on both databases.

mod fencing;
mod indexes;

use super::driver::{Postgres, Sqlite};
use super::{Place, Store, catalogue, dialect};

#[path = "../../tests/support/cluster.rs"]
pub(crate) mod cluster;

/// Somewhere with no market, in each database that is there.
pub(super) fn places() -> Vec<(tempfile::TempDir, Place)> {
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
