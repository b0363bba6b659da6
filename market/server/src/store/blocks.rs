//! Reading the journal back: every block against the one before it, the newest snapshot, the documents.

use super::{Store, hash};
use crate::error::OpenError;
use crate::journal::{Block, Head};
use market::Market;
use rusqlite::{OptionalExtension, Row};
use types::{Hash, Timestamp};

/// A signed document as it is kept.
pub(crate) struct DocumentRow {
    pub(crate) row: i64,
    pub(crate) block: u64,
    pub(crate) id: Hash,
    pub(crate) jws: String,
}

/// A state and the block that left it.
pub(crate) struct Snapshot {
    /// After which block.
    pub(crate) seq: u64,
    /// The state's root.
    pub(crate) root: Hash,
    state: Vec<u8>,
}

impl Snapshot {
    /// The state, if it is the one that was written.
    pub(crate) fn restore(&self) -> Result<Market, OpenError> {
        let corrupt = |reason: String| OpenError::CorruptSnapshot { block: self.seq, reason };
        let market = Market::from_bytes(&self.state).map_err(|e| corrupt(e.to_string()))?;
        let found = market.root();
        if found != self.root {
            return Err(corrupt(format!("its root is {found}, it was written as {}", self.root)));
        }
        Ok(market)
    }
}

impl Store {
    /// Walks the whole chain from `head` on; `visit` sees every block that follows the one before it.
    ///
    /// # Errors
    /// [`OpenError::CorruptBlock`] names the first block that does not.
    pub(crate) fn walk(
        &self,
        mut head: Head,
        mut visit: impl FnMut(&Block) -> Result<(), OpenError>,
    ) -> Result<Head, OpenError> {
        let sql =
            "SELECT seq, time, term, entries, prev, hash FROM blocks WHERE seq > ?1 ORDER BY seq";
        let mut statement = self.db.prepare(sql).map_err(|error| self.corrupt(error))?;
        let mut rows = statement.query([head.blocks.cast_signed()])?;
        loop {
            let corrupt = |reason| OpenError::CorruptBlock { block: head.blocks + 1, reason };
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(head),
                Err(error) => return Err(corrupt(error.to_string())),
            };
            let block = block(row).map_err(|error| corrupt(error.to_string()))?;
            block.follows(head).map_err(corrupt)?;
            visit(&block)?;
            head = block.head();
        }
    }

    /// The journal's end as the database has it now.
    pub(crate) fn head(&self, genesis: Head) -> rusqlite::Result<Head> {
        let sql = "SELECT seq, hash FROM blocks ORDER BY seq DESC LIMIT 1";
        let newest = self.db.query_row(sql, [], |row| {
            Ok(Head { blocks: row.get::<_, i64>(0)?.cast_unsigned(), hash: hash(row, 1)? })
        });
        newest.optional().map(|head| head.unwrap_or(genesis))
    }

    /// The newest snapshot.
    pub(crate) fn snapshot(&self) -> Result<Option<Snapshot>, OpenError> {
        let sql = "SELECT seq, root, state FROM snapshots ORDER BY seq DESC LIMIT 1";
        let newest = self.db.query_row(sql, [], |row| {
            Ok(Snapshot {
                seq: row.get::<_, i64>(0)?.cast_unsigned(),
                root: hash(row, 1)?,
                state: row.get(2)?,
            })
        });
        newest.optional().map_err(|error| self.corrupt(error))
    }

    /// Every snapshot's block and root, by rising block.
    pub(crate) fn snapshot_roots(&self) -> Result<Vec<(u64, Hash)>, OpenError> {
        let mut statement = self.db.prepare("SELECT seq, root FROM snapshots ORDER BY seq")?;
        let rows = statement
            .query_map([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), hash(row, 1)?)))?;
        rows.collect::<Result<_, _>>().map_err(|error| self.corrupt(error))
    }

    /// Up to a thousand documents behind row `after`: row, block, name and text.
    pub(crate) fn documents_behind(&self, after: i64) -> Result<Vec<DocumentRow>, OpenError> {
        let sql =
            "SELECT row, block, id, jws FROM documents WHERE row > ?1 ORDER BY row LIMIT 1000";
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement.query_map([after], |row| {
            let block = row.get::<_, i64>(1)?.cast_unsigned();
            Ok(DocumentRow { row: row.get(0)?, block, id: hash(row, 2)?, jws: row.get(3)? })
        })?;
        rows.collect::<Result<_, _>>().map_err(|error| self.corrupt(error))
    }

    /// Begins a view of the database that does not change while it is read.
    pub(crate) fn freeze(&self) -> rusqlite::Result<()> {
        self.db.execute_batch("BEGIN DEFERRED")
    }
}

fn block(row: &Row<'_>) -> rusqlite::Result<Block> {
    Ok(Block {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        time: Timestamp(row.get(1)?),
        term: row.get::<_, i64>(2)?.cast_unsigned(),
        entries: row.get(3)?,
        prev: hash(row, 4)?,
        hash: hash(row, 5)?,
    })
}
