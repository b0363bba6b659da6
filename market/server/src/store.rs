//! The market's database: the journal, what derives from it, and the bulk data beside it.
//!
//! A [`Store`] is one connection, to SQLite or to PostgreSQL: `driver` holds what differs between them,
//! `catalogue` and `dialect` every statement. [`blocks`] reads the journal back, [`snapshots`] keeps states, [`changes`] is what one
//! transaction of the writer adds and [`write`] adds it, [`index`] makes the indexes in lots, [`read`] is what requests ask for, on connections
//! of [`readers`], [`recent`] what no index finds yet, `marks` what outsiders follow, `migrate` changes older tables.

pub(crate) mod blocks;
mod catalogue;
pub(crate) mod changes;
pub(crate) mod copy;
mod dialect;
pub(crate) mod driver;
pub(crate) mod index;
mod marks;
mod migrate;
mod place;
pub(crate) mod postings;
pub(crate) mod read;
pub(crate) mod readers;
mod recent;
pub(crate) mod snapshots;
mod tree;
pub(crate) mod write;

pub use driver::StoreError;
pub use place::Place;

use crate::error::OpenError;
use driver::{Driver, Mode, Postgres, Row, Sqlite, Value};
use recent::Recent;
use std::path::Path;
use std::sync::Arc;

/// An open database.
#[derive(Debug)]
pub(crate) struct Store {
    driver: Box<dyn Driver>,
    place: Place,
    recent: Arc<Recent>,
}

impl Store {
    /// The layout of tables that this program reads and writes.
    pub(crate) const SCHEMA: u64 = 6;

    /// Creates the database of a market that is founded with `genesis`.
    pub(crate) fn found(place: &Place, genesis: &str) -> Result<(), OpenError> {
        let store = Self::on(create(place)?, place);
        let laid_out = store.lay_out(Self::SCHEMA, genesis);
        let founded = laid_out.and_then(|()| store.driver.commit());
        founded.map_err(|error| store.refused(error))
    }

    fn on(driver: Box<dyn Driver>, place: &Place) -> Self {
        Self { driver, place: place.clone(), recent: Arc::default() }
    }

    /// Begins a transaction with every table of `schema` in it.
    fn lay_out(&self, schema: u64, genesis: &str) -> Result<(), StoreError> {
        self.driver.begin(Mode::Write)?;
        let count = usize::try_from(schema).unwrap_or(usize::MAX);
        let migrations = self.driver.migrations().iter().take(count);
        migrations.into_iter().try_for_each(|sql| self.driver.script(sql))?;
        self.driver.execute(catalogue::FOUND, &[schema.into(), genesis.into()]).map(drop)
    }

    /// Opens the database for a process that runs: it follows the journal there, and writes while [`Store::elect`] and
    /// [`Store::begin_term`] let it.
    pub(crate) fn open(place: &Place, pages_max: Option<u64>) -> Result<Self, OpenError> {
        let open = |file: &Path| Sqlite::open(file, pages_max);
        let store = Self::attach(place, (open, Postgres::connect))?;
        store.check_readable()?;
        Ok(store)
    }

    /// The same connection, whose next commit fails.
    #[cfg(test)]
    pub(crate) fn failing(self, fault: driver::Fault) -> Self {
        let fault = std::cell::Cell::new(Some(fault));
        let driver = Box::new(driver::Faulty { inner: self.driver, fault });
        Self { driver, ..self }
    }

    /// Opens the database for reading; another process may be writing it.
    pub(crate) fn open_for_reading(place: &Place) -> Result<Self, OpenError> {
        let read = (Sqlite::open_for_reading, Postgres::connect_for_reading);
        let store = Self::attach(place, read)?;
        store.check_readable()?;
        Ok(store)
    }

    /// Opens a database that is there, whatever its schema.
    fn attach(
        place: &Place,
        (open, connect): (
            impl FnOnce(&Path) -> Result<Sqlite, StoreError>,
            impl FnOnce(&str) -> Result<Postgres, StoreError>,
        ),
    ) -> Result<Self, OpenError> {
        let refused = |error| refused(place, error);
        let not_founded = || OpenError::NotFounded(place.clone());
        let driver: Box<dyn Driver> = match place {
            Place::Directory(_) => {
                let file = place.file().filter(|file| file.is_file()).ok_or_else(not_founded)?;
                Box::new(open(&file).map_err(refused)?)
            }
            Place::Postgres(url) => {
                let postgres = connect(url).map_err(refused)?;
                if !postgres.is_founded().map_err(refused)? {
                    return Err(not_founded());
                }
                Box::new(postgres)
            }
        };
        Ok(Self::on(driver, place))
    }

    /// Refuses an older schema. A newer one has everything that this program reads: who runs while the database is
    /// migrated goes on reading.
    fn check_readable(&self) -> Result<(), OpenError> {
        self.check_schema(|found, own| found >= own)
    }

    /// Refuses every schema but this program's own: for what starts, and for what must know every table.
    ///
    /// # Errors
    /// [`OpenError::Schema`].
    pub(crate) fn check_own_schema(&self) -> Result<(), OpenError> {
        self.check_schema(|found, own| found == own)
    }

    fn check_schema(&self, fits: impl Fn(u64, u64) -> bool) -> Result<(), OpenError> {
        let (found, expected) = (self.schema().map_err(|e| self.refused(e))?, Self::SCHEMA);
        if fits(found, expected) { Ok(()) } else { Err(OpenError::Schema { found, expected }) }
    }

    /// The layout of the tables as they are now.
    fn schema(&self) -> Result<u64, StoreError> {
        self.one(catalogue::SCHEMA, &[])?.count(0)
    }

    /// Checks the structure of every table and index.
    ///
    /// # Errors
    /// [`OpenError::CorruptDatabase`] with the first damage found.
    pub(crate) fn check_structure(&self) -> Result<(), OpenError> {
        self.driver.check_structure().map_err(|error| self.refused(error))
    }

    /// The genesis, as it was written.
    pub(crate) fn genesis(&self) -> Result<String, OpenError> {
        let genesis = self.one(catalogue::GENESIS, &[]).and_then(|mut row| row.text(0));
        genesis.map_err(|error| self.refused(error))
    }

    /// Leaves the database tidy, before a closing that was asked for.
    pub(crate) fn tidy(&self) -> Result<(), StoreError> {
        self.driver.tidy()
    }

    /// The one row that there must be.
    fn one(&self, sql: &'static str, values: &[Value]) -> Result<Row, StoreError> {
        self.maybe(sql, values)?
            .ok_or_else(|| StoreError::Malformed("no row where one belongs".into()))
    }

    /// The first row, if there is any.
    fn maybe(&self, sql: &'static str, values: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.driver.query(sql, values)?.into_iter().next())
    }

    /// The database holds what this program does not write.
    pub(crate) fn corrupt(&self, reason: String) -> OpenError {
        self.refused(StoreError::Malformed(reason))
    }

    /// What a refusal of the database means at start.
    fn refused(&self, error: StoreError) -> OpenError {
        refused(&self.place, error)
    }
}

/// A new, empty database.
fn create(place: &Place) -> Result<Box<dyn Driver>, OpenError> {
    let refused = |error| refused(place, error);
    let founded = || OpenError::AlreadyFounded(place.clone());
    match place {
        Place::Directory(dir) => {
            let file = dir.join(place::FILE);
            if file.exists() {
                return Err(founded());
            }
            Ok(Box::new(Sqlite::create(&file).map_err(refused)?))
        }
        Place::Postgres(url) => {
            let postgres = Postgres::connect(url).map_err(refused)?;
            if postgres.is_founded().map_err(refused)? {
                return Err(founded());
            }
            Ok(Box::new(postgres))
        }
    }
}

fn refused(place: &Place, error: StoreError) -> OpenError {
    match error {
        StoreError::Damaged(reason) | StoreError::Malformed(reason) => {
            let path = place.file().map_or_else(|| place.to_string(), |f| f.display().to_string());
            OpenError::CorruptDatabase { path, reason }
        }
        error => OpenError::Database(error),
    }
}

#[cfg(test)]
pub(crate) mod tests;
