//! Snapshots in the database: a row of their own once all their parts are there.

use super::driver::{Row, StoreError};
use super::{Store, catalogue};
use crate::error::OpenError;
use types::Hash;

/// A state and the block that left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// After which block.
    pub(crate) seq: u64,
    /// The state's root.
    pub(crate) root: Hash,
    /// In which format its parts are.
    pub(crate) format: u64,
    /// How many there are.
    pub(crate) parts: u64,
}

/// A part as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackedPart {
    /// Its number; the first is 0.
    pub(crate) number: u64,
    /// Of which field of the state.
    pub(crate) field: u8,
    pub(crate) bytes: Vec<u8>,
}

impl Store {
    /// The newest snapshot.
    pub(crate) fn snapshot(&self) -> Result<Option<Snapshot>, OpenError> {
        let newest = self.maybe(catalogue::SNAPSHOT, &[]);
        let newest = newest.and_then(|row| row.map(snapshot).transpose());
        newest.map_err(|error| self.refused(error))
    }

    /// The numbers and the fields of a snapshot's parts, in order.
    pub(crate) fn snapshot_fields(&self, seq: u64) -> Result<Vec<(u64, u8)>, OpenError> {
        let part = |row: Row| {
            let field = u8::try_from(row.int(1)?);
            let field = field.map_err(|_| StoreError::Malformed("a field beyond 255".into()))?;
            Ok((row.count(0)?, field))
        };
        let rows = self.driver.query(catalogue::SNAPSHOT_FIELDS, &[seq.into()]);
        let fields = rows.and_then(|rows| rows.into_iter().map(part).collect());
        fields.map_err(|error| self.refused(error))
    }

    /// Reads a snapshot's part into a buffer.
    pub(crate) fn snapshot_part(
        &self,
        seq: u64,
        number: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        let values = [seq.into(), number.into()];
        let read = self.driver.read_into(catalogue::SNAPSHOT_PART, &values, buffer);
        read.map_err(|error| self.refused(error))
    }

    /// Begins the snapshot of block `seq`: what there is of an earlier one of that block goes.
    pub(crate) fn begin_snapshot(&self, term: u64, seq: u64) -> Result<(), StoreError> {
        self.within(term, || {
            self.driver.execute(catalogue::DROP_SNAPSHOT, &[seq.into()])?;
            self.driver.execute(catalogue::DROP_PARTS_OF, &[seq.into()]).map(drop)
        })
    }

    /// Adds a part; some of what older snapshots have left goes with it, so that no transaction is long.
    pub(crate) fn add_snapshot_part(
        &self,
        term: u64,
        seq: u64,
        part: &PackedPart,
    ) -> Result<(), StoreError> {
        self.within(term, || {
            let PackedPart { number, field, bytes } = part;
            let values =
                [seq.into(), (*number).into(), i64::from(*field).into(), bytes.as_slice().into()];
            self.driver.execute(catalogue::ADD_SNAPSHOT_PART, &values)?;
            self.driver.execute(catalogue::DROP_OLD_PARTS, &[seq.into()]).map(drop)
        })
    }

    /// Ends a snapshot whose parts are all there. It and the one before it are kept.
    pub(crate) fn end_snapshot(&self, term: u64, snapshot: &Snapshot) -> Result<(), StoreError> {
        let Snapshot { seq, root, format, parts } = *snapshot;
        self.within(term, || {
            let described = postcard::to_stdvec(&(format, parts)).expect("two numbers");
            let values = [seq.into(), root.0.into(), described.as_slice().into()];
            self.driver.execute(catalogue::ADD_SNAPSHOT, &values)?;
            self.driver.execute(catalogue::DROP_SNAPSHOTS, &[]).map(drop)
        })
    }
}

fn snapshot(mut row: Row) -> Result<Snapshot, StoreError> {
    let described = row.bytes(2)?;
    let (format, parts) = postcard::from_bytes(&described)
        .map_err(|_| StoreError::Malformed("a snapshot that says not what it is".into()))?;
    Ok(Snapshot { seq: row.count(0)?, root: row.hash(1)?, format, parts })
}
