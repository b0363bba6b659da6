//! An older database's tables are changed to this program's layout while others read them.
//!
//! Three rules make that safe. A schema only adds: tables, columns with a constant default, indexes; what it takes away is
//! what starts alone read (snapshots), so whoever runs finds everything as before. Each schema is one transaction, and what
//! needs a table for itself (`ALTER TABLE` in PostgreSQL) is the last in it and rewrites nothing. It waits for others a tenth
//! of a second, then gives way and tries again, so that no reader queues behind it for longer.

use super::driver::{Mode, Postgres, Sqlite, StoreError};
use super::{Place, Store, catalogue};
use crate::error::OpenError;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a migration gives way to others before it gives up.
const GIVE_WAY_MAX: Duration = Duration::from_mins(2);
/// How long it leaves the tables to others then.
const GIVE_WAY: Duration = Duration::from_millis(400);

impl Store {
    /// Changes the layout of an older database's tables to this program's; from and to which schema.
    ///
    /// Whoever writes meanwhile is refused from then on; who reads notices nothing. What was interrupted is gone on with.
    ///
    /// # Errors
    /// [`OpenError::Schema`] where a newer program has changed the tables, [`StoreError::Busy`] where others kept them in use
    /// all the time: nothing of the schema that was not reached stays then.
    pub(crate) fn migrate(place: &Place) -> Result<(u64, u64), OpenError> {
        let open = |file: &Path| Sqlite::open(file, None);
        let store = Self::attach(place, (open, Postgres::connect))?;
        let refused = |error| store.refused(error);
        let (from, to) = (store.schema().map_err(refused)?, Self::SCHEMA);
        if from > to {
            return Err(OpenError::Schema { found: from, expected: to });
        }
        let began = Instant::now();
        while store.schema().map_err(refused)? < to {
            match store.reach_next_schema() {
                Err(StoreError::Busy(reason)) if began.elapsed() < GIVE_WAY_MAX => {
                    tracing::info!(%reason, "the migration gives way to others");
                    std::thread::sleep(GIVE_WAY);
                }
                reached => reached.map_err(refused)?,
            }
        }
        Ok((from, to))
    }

    /// One transaction: the next schema's tables, its number, and a term, so that no batch of an older program is written.
    fn reach_next_schema(&self) -> Result<(), StoreError> {
        let reached = self.driver.begin(Mode::Migrate).and_then(|()| {
            // Of two migrations at once, the second waits here and then finds the first one's number.
            let at = self.one(catalogue::HOLD_SCHEMA, &[])?.count(0)?;
            let next = usize::try_from(at).ok().and_then(|at| self.driver.migrations().get(at));
            if let Some(sql) = next {
                self.driver.script(sql)?;
                self.driver.execute(catalogue::SET_SCHEMA, &[(at + 1).into()])?;
                self.one(catalogue::BEGIN_TERM, &["".into()])?;
            }
            self.driver.commit()
        });
        reached.inspect_err(|_| {
            // What refused is the error to report; an open transaction ends with its connection.
            let _ = self.driver.roll_back();
        })
    }
}

#[cfg(test)]
mod tests;
