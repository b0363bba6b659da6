//! Reading the journal back: every block against the one before it, the newest snapshot, the documents.

use super::driver::{Mode, Row, StoreError};
use super::{Store, catalogue};
use crate::error::OpenError;
use crate::journal::{Block, Head};
use types::tree::Tip;
use types::{Hash, Timestamp};

/// How many blocks are read at once.
const BLOCKS: i64 = 16;

/// A signed document as it is kept.
pub(crate) struct DocumentRow {
    pub(crate) row: i64,
    pub(crate) block: u64,
    pub(crate) id: Hash,
    pub(crate) jws: String,
}

impl Store {
    /// Walks the whole chain from `head` on; `visit` sees every block that follows the one before it.
    ///
    /// # Errors
    /// [`OpenError::CorruptBlock`] names the first block that does not.
    pub(crate) fn walk(
        &self,
        head: Head,
        visit: impl FnMut(&Block) -> Result<(), OpenError>,
    ) -> Result<Head, OpenError> {
        self.walk_to(head, u64::MAX, visit)
    }

    /// As [`Store::walk`], but not beyond block `last`.
    pub(crate) fn walk_to(
        &self,
        mut head: Head,
        last: u64,
        mut visit: impl FnMut(&Block) -> Result<(), OpenError>,
    ) -> Result<Head, OpenError> {
        loop {
            if head.blocks >= last {
                return Ok(head);
            }
            let rows = self.blocks_behind(head)?;
            if rows.is_empty() {
                return Ok(head);
            }
            for row in rows {
                let corrupt = |reason| OpenError::CorruptBlock { block: head.blocks + 1, reason };
                let block = block(row).map_err(|error| corrupt(error.to_string()))?;
                block.follows(head).map_err(corrupt)?;
                visit(&block)?;
                head = block.head();
            }
        }
    }

    /// One block by its number.
    pub(crate) fn block_at(&self, seq: u64) -> Result<Option<Block>, StoreError> {
        let before = seq.saturating_sub(1);
        self.maybe(catalogue::BLOCKS, &[before.into(), 1_i64.into()])?.map(block).transpose()
    }

    /// The next blocks; where several cannot be read, the next alone, so that an error is about that one.
    fn blocks_behind(&self, head: Head) -> Result<Vec<Row>, OpenError> {
        let read =
            |limit| self.driver.query(catalogue::BLOCKS, &[head.blocks.into(), i64::into(limit)]);
        read(BLOCKS).or_else(|_| read(1)).map_err(|error| match error {
            StoreError::Damaged(_) | StoreError::Malformed(_) => {
                OpenError::CorruptBlock { block: head.blocks + 1, reason: error.to_string() }
            }
            error => OpenError::Database(error),
        })
    }

    /// The journal's end as the database has it now.
    pub(crate) fn head(&self, genesis: Head) -> Result<Head, StoreError> {
        let newest = self.maybe(catalogue::HEAD, &[])?;
        let head = |row: Row| Ok(Head { blocks: row.count(0)?, hash: row.hash(1)? });
        newest.map_or(Ok(genesis), head)
    }

    /// Every snapshot's block and root, by rising block.
    pub(crate) fn snapshot_roots(&self) -> Result<Vec<(u64, Hash)>, OpenError> {
        let rows = self.driver.query(catalogue::SNAPSHOT_ROOTS, &[]);
        let root = |row: Row| Ok((row.count(0)?, row.hash(1)?));
        let roots = rows.and_then(|rows| rows.into_iter().map(root).collect());
        roots.map_err(|error| self.refused(error))
    }

    /// Up to a thousand documents behind row `after`: row, block, name and text.
    pub(crate) fn documents_behind(&self, after: i64) -> Result<Vec<DocumentRow>, OpenError> {
        let document = |mut row: Row| {
            let (number, block, id) = (row.int(0)?, row.count(1)?, row.hash(2)?);
            Ok(DocumentRow { row: number, block, id, jws: row.text(3)? })
        };
        let rows = self.driver.query(catalogue::DOCUMENTS_BEHIND, &[after.into()]);
        let documents = rows.and_then(|rows| rows.into_iter().map(document).collect());
        documents.map_err(|error| self.refused(error))
    }

    /// Begins a view of the database that does not change while it is read.
    pub(crate) fn freeze(&self) -> Result<(), OpenError> {
        self.driver.begin(Mode::Read).map_err(|error| self.refused(error))
    }

    /// Ends that view.
    pub(crate) fn thaw(&self) -> Result<(), OpenError> {
        self.driver.roll_back().map_err(|error| self.refused(error))
    }
}

pub(super) fn block(mut row: Row) -> Result<Block, StoreError> {
    Ok(Block {
        seq: row.count(0)?,
        time: Timestamp(row.int(1)?),
        term: row.count(2)?,
        entries: row.text(3)?,
        prev: row.hash(4)?,
        hash: row.hash(5)?,
        tree: Tip { size: row.count(6)?, root: row.hash(7)? },
    })
}
