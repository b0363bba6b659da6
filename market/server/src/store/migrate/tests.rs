//! Databases of every earlier schema, read all the time while they are migrated.

use super::super::changes::{Changes, LayoutChange};
use super::super::copy::TABLES;
use super::super::driver::Value;
use super::super::tests::{cluster, places};
use super::*;
use crate::{Config, deposit};
use market::{Command, Genesis};
use network::api::HistoryEntry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{ScopedJoinHandle, scope};
use tempfile::TempDir;
use types::{ContractId, DocId, Hash, Msat, SecretKey, Signed, Signer, Span};

const CALLERS: u8 = 16;
/// Deposits of each caller: some thousands of rows, and enough to see what happens to each table.
const MANY: u32 = 96;
const FEW: u32 = 8;
const LAYOUTS: u32 = 500;
const READERS: usize = 3;
/// How often each reader is answered before, during and after.
const ROUNDS: u64 = 20;

fn market_key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

fn layout_of(number: u32) -> (ContractId, Hash) {
    let contract = Hash::of(&number.to_le_bytes());
    (contract, Hash::of(&contract.0))
}

/// A market in this program's schema, for which each caller has booked `deposits`.
fn filled(deposits: u32) -> (TempDir, Store) {
    let (dir, key) = (tempfile::tempdir().unwrap(), market_key());
    crate::found(dir.path(), &key, |did, anchor| Genesis::standard(did, Span::HOUR, anchor))
        .unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let market = crate::start(Config::new(dir.path(), "127.0.0.1:0", key)).await.unwrap();
        let market = Arc::new(market);
        let mut callers = tokio::task::JoinSet::new();
        for caller in 0..CALLERS {
            callers.spawn(deposit_often(market.clone(), caller, deposits));
        }
        callers.join_all().await;
        Arc::into_inner(market).expect("every caller is done").shutdown().await;
    });
    let store = Store::open(&Place::from(dir.path()), None).unwrap();
    let put = |number| {
        let (contract, layout) = layout_of(number);
        let bytes = vec![7; 600].into();
        LayoutChange::Put { contract, layout, bytes, current: Some(layout) }
    };
    let backups = [(market_key().did(), (4, vec![9; 900]))].into();
    let layouts = (0..LAYOUTS).map(put).collect();
    let term = store.begin_term("").unwrap();
    store.write(&Changes { layouts, backups, ..Changes::default() }, term).unwrap();
    (dir, store)
}

async fn deposit_often(market: Arc<crate::Handle>, caller: u8, deposits: u32) {
    let party = SecretKey::from_seed(&[caller; 32]);
    for number in 0..deposits {
        let reference = format!("{caller} {number}");
        let deposit = deposit(&market_key(), party.did(), Msat(1), &reference);
        market.submit(Command::Deposit(deposit)).await.unwrap();
    }
}

/// What `origin` holds, in tables that are made by the migrations up to `schema` and by nothing else.
fn older(schema: u64, origin: &Store, place: &Place) -> Store {
    let older = Store::on(super::super::create(place).unwrap(), place);
    older.lay_out(schema, &origin.genesis().unwrap()).unwrap();
    for table in &TABLES {
        let put = |rows: Vec<Vec<Value>>| match (schema, table.name) {
            // These follow from the journal, and only the third schema has them in parts.
            (1 | 2, "snapshots" | "snapshot_parts") | (1..=5, "marks") => Ok(()),
            (1, "layouts") => rows.iter().try_for_each(|row| {
                let sql = "INSERT INTO layouts (contract, hash, bytes) VALUES ($1, $2, $3)";
                older.driver.execute(sql, &row[1..]).map(drop)
            }),
            _ => older.put(table, &rows),
        };
        origin.copy::<StoreError>(table, put).unwrap();
    }
    older.index_all().unwrap();
    older.driver.commit().unwrap();
    older
}

/// An older program's connection: it expects its own schema and no other's.
fn connected(place: &Place) -> Store {
    let read = (Sqlite::open_for_reading, Postgres::connect_for_reading);
    let store = Store::attach(place, read).unwrap();
    if place.is_shared() {
        // Nobody who reads may be held up by a lock for as long as that.
        store.driver.script("SET lock_timeout = '1s'").unwrap();
    }
    store
}

/// What is asked all the time, with what is answered.
#[derive(Clone, Debug, PartialEq)]
struct Answers {
    history: Vec<HistoryEntry>,
    layout: Option<Vec<u8>>,
    has_layout: bool,
    backup: Option<(u64, Vec<u8>)>,
    document: Option<Signed>,
    head: crate::journal::Head,
}

fn ask(store: &Store, document: DocId) -> Result<Answers, StoreError> {
    let (contract, layout) = layout_of(17);
    let party = SecretKey::from_seed(&[3; 32]);
    let nothing = crate::journal::Head { blocks: 0, hash: Hash([0; 32]) };
    Ok(Answers {
        history: store.history(&party.did(), 0, 200)?,
        layout: store.layout(&contract, &layout)?,
        has_layout: store.has_layout(&contract, &layout)?,
        backup: store.backup(&market_key().did())?,
        document: store.document(&document)?,
        head: store.head(nothing)?,
    })
}

/// Says that it is enough when it goes, even where a panic takes it.
struct Enough<'a>(&'a AtomicBool);

impl Drop for Enough<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Processes that read until `done`, on a connection that they keep and on new ones.
struct Readers<'a> {
    place: &'a Place,
    document: DocId,
    expected: Answers,
    answered: [AtomicU64; READERS],
    done: AtomicBool,
}

impl<'a> Readers<'a> {
    fn of(place: &'a Place, origin: &Store) -> Self {
        let document = origin.documents_behind(100).unwrap()[0].id;
        let expected = ask(origin, document).unwrap();
        assert!(!expected.history.is_empty());
        assert!(expected.has_layout && expected.layout.is_some() && expected.backup.is_some());
        assert!(expected.document.is_some() && expected.head.blocks > 0);
        let (answered, done) = (Default::default(), AtomicBool::new(false));
        Self { place, document, expected, answered, done }
    }

    fn read(&self, number: usize) -> Result<(), String> {
        let kept = connected(self.place);
        while !self.done.load(Ordering::Relaxed) {
            for store in [&kept, &connected(self.place)] {
                let answers = ask(store, self.document).map_err(|error| error.to_string())?;
                if answers != self.expected {
                    return Err(format!("{answers:?}"));
                }
            }
            self.answered[number].fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Lets readers read while `work` is done; none of them may fail.
    fn beside<T>(&self, work: impl FnOnce(&dyn Fn()) -> T) -> T {
        scope(|threads| {
            let readers: Vec<ScopedJoinHandle<'_, _>> =
                (0..READERS).map(|number| threads.spawn(move || self.read(number))).collect();
            let everyone_reads = || {
                let goals = self.answered.each_ref().map(|n| n.load(Ordering::Relaxed) + ROUNDS);
                let reads = || self.answered.iter().zip(goals);
                while reads().any(|(answered, goal)| answered.load(Ordering::Relaxed) < goal)
                    && !readers.iter().any(ScopedJoinHandle::is_finished)
                {
                    std::thread::sleep(Duration::from_millis(1));
                }
            };
            let enough = Enough(&self.done);
            everyone_reads();
            let done = work(&everyone_reads);
            everyone_reads();
            drop(enough);
            for reader in readers {
                assert_eq!(reader.join().expect("it does not panic"), Ok(()), "a read failed");
            }
            done
        })
    }
}

/// Every row of the tables that each schema has.
fn rows(store: &Store) -> Vec<(&'static str, Vec<Vec<Value>>)> {
    const LATER: [&str; 4] = ["snapshots", "snapshot_parts", "layouts", "marks"];
    let lasting = TABLES.iter().filter(|table| !LATER.contains(&table.name));
    let read = |table| {
        let mut rows = Vec::new();
        let keep = |some| {
            rows.extend(some);
            Ok(())
        };
        store.copy::<StoreError>(table, keep).unwrap();
        rows
    };
    lasting.map(|table| (table.name, read(table))).collect()
}

#[test]
fn no_read_fails_while_an_older_database_is_migrated_and_the_journal_holds_afterwards() {
    let (_dir, origin) = filled(MANY);
    for schema in 1..Store::SCHEMA {
        for (_dir, place) in places() {
            let older = older(schema, &origin, &place);
            let before = rows(&older);
            assert!(before.iter().map(|(_, rows)| rows.len()).sum::<usize>() > 3_000);
            let readers = Readers::of(&place, &origin);
            let reached = readers.beside(|_| Store::migrate(&place).unwrap());
            assert_eq!(reached, (schema, Store::SCHEMA), "{place}");
            assert_eq!(rows(&older), before, "{place}");
            assert!(crate::verify_journal(&place).unwrap().is_sound());
            let store = Store::open(&place, None).unwrap();
            store.check_own_schema().unwrap();
            assert!(store.begin_term("").unwrap() > 1);
            assert_eq!(Store::migrate(&place).unwrap(), (Store::SCHEMA, Store::SCHEMA));
            goes_on(&place);
        }
    }
}

/// The market starts in `place`, takes a deposit, and leaves a journal that holds.
fn goes_on(place: &Place) {
    let dir = tempfile::tempdir().unwrap();
    let (data, database) = match place {
        Place::Directory(data) => (data.clone(), None),
        Place::Postgres(url) => (dir.path().to_owned(), Some(url.clone())),
    };
    let config = Config { database, ..Config::new(data, "127.0.0.1:0", market_key()) };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let market = crate::start(config).await.unwrap();
        let deposit = deposit(&market_key(), market_key().did(), Msat(1), "after the migration");
        let taken = market.submit(Command::Deposit(deposit)).await.unwrap();
        assert_eq!(taken.events.len(), 1);
        market.shutdown().await;
    });
    assert!(crate::verify_journal(place).unwrap().is_sound());
}

#[test]
fn a_migration_gives_way_to_who_reads_for_long_and_others_read_on_meanwhile() {
    const WAITS: &str = "SELECT count(*) FROM pg_locks \
                         WHERE NOT granted AND mode = 'AccessExclusiveLock' AND database = \
                         (SELECT oid FROM pg_database WHERE datname = current_database())";
    let Some(url) = cluster::new_database() else { return };
    let (place, (_dir, origin)) = (Place::Postgres(url), filled(FEW));
    older(1, &origin, &place);
    let readers = Readers::of(&place, &origin);
    let (contract, layout) = layout_of(17);
    let long = connected(&place);
    long.driver.script("SET idle_in_transaction_session_timeout = 0").unwrap();
    long.freeze().unwrap();
    assert!(long.layout(&contract, &layout).unwrap().is_some());
    let reached = readers.beside(|everyone_reads| {
        scope(|threads| {
            let migration = threads.spawn(|| Store::migrate(&place));
            let watch = connected(&place);
            // It waits for its turn, lets others pass, and waits again.
            for waits in [1, 0, 1, 0, 1] {
                while watch.one(WAITS, &[]).unwrap().int(0).unwrap() != waits {
                    assert!(!migration.is_finished(), "it did not wait");
                    assert!(long.layout(&contract, &layout).unwrap().is_some());
                }
            }
            everyone_reads();
            assert_eq!(watch.schema(), Ok(1));
            long.thaw().unwrap();
            migration.join().expect("it does not panic")
        })
    });
    assert_eq!(reached.unwrap(), (1, Store::SCHEMA));
}

#[test]
fn two_migrations_at_once_are_one() {
    let (_dir, origin) = filled(FEW);
    for (_dir, place) in places() {
        older(1, &origin, &place);
        let reached = scope(|threads| {
            let migrations = [(); 4].map(|()| threads.spawn(|| Store::migrate(&place)));
            migrations.map(|migration| migration.join().expect("it does not panic").unwrap().1)
        });
        assert_eq!(reached, [Store::SCHEMA; 4], "{place}");
        assert!(crate::verify_journal(&place).unwrap().is_sound());
    }
}

#[test]
fn a_batch_of_the_older_program_is_refused_after_a_migration() {
    let (_dir, origin) = filled(FEW);
    for (_dir, place) in places() {
        let older = older(2, &origin, &place);
        let term = older.one(catalogue::BEGIN_TERM, &["old".into()]).unwrap().count(0).unwrap();
        let holds = || older.driver.execute(catalogue::HOLD_TERM, &[term.into()]).unwrap();
        assert_eq!(holds(), 1);
        Store::migrate(&place).unwrap();
        assert_eq!(holds(), 0, "{place}");
    }
}

#[test]
fn layouts_of_the_first_schema_count_as_the_oldest() {
    let (_dir, origin) = filled(FEW);
    let (contract, old) = layout_of(17);
    for (_dir, place) in places() {
        older(1, &origin, &place);
        Store::migrate(&place).unwrap();
        let store = Store::open(&place, None).unwrap();
        let term = store.begin_term("").unwrap();
        for (number, kept) in [(1, true), (2, true), (3, true), (4, false)] {
            let (layout, bytes) = (Hash::of(&[number]), vec![number].into());
            let put = LayoutChange::Put { contract, layout, bytes, current: None };
            let changes = Changes { layouts: vec![put], ..Changes::default() };
            store.write(&changes, term).unwrap();
            assert_eq!(store.has_layout(&contract, &old), Ok(kept), "{number} in {place}");
        }
    }
}

/// Tables and columns with their kinds; in PostgreSQL also the file of each table, which is another where a table was
/// written anew.
fn tables(store: &Store) -> Vec<String> {
    let sqlite = "SELECT t.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\" \
                  FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'";
    let postgres = "SELECT CAST(table_name || '.' || column_name || ' ' || data_type || ' ' || \
                    is_nullable AS TEXT) FROM information_schema.columns \
                    WHERE table_schema = current_schema() \
                    UNION ALL SELECT CAST(relname || ' ' || relfilenode AS TEXT) FROM pg_class \
                    WHERE relkind = 'r' AND relnamespace = \
                    (SELECT oid FROM pg_namespace WHERE nspname = current_schema())";
    let sql = if store.place.is_shared() { postgres } else { sqlite };
    let rows = store.driver.query(sql, &[]).unwrap();
    rows.into_iter().map(|mut row| row.text(0).unwrap()).collect()
}

#[test]
fn a_schema_adds_to_what_was_there_and_writes_no_table_anew() {
    /// From the next one on no table is added.
    const LAST_WITH_FEWER_TABLES: u64 = 5;
    for schema in 1..Store::SCHEMA {
        for (_dir, place) in places() {
            let driver = super::super::create(&place).unwrap();
            let store = Store::on(driver, &place);
            store.lay_out(schema, "{}").unwrap();
            store.driver.commit().unwrap();
            let before = tables(&store);
            Store::migrate(&place).unwrap();
            let after = tables(&store);
            assert_eq!(after.len() > before.len(), schema <= LAST_WITH_FEWER_TABLES);
            let gone: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
            assert!(gone.is_empty(), "schema {schema} of {place}: {gone:?}");
        }
    }
}
