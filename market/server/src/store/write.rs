//! What the writer adds, one transaction at a time, and what it asks before it judges.

use super::changes::{Changes, Counters, LayoutChange, NewDocument, NewPosting, RequestKey};
use super::driver::{Column, Mode, StoreError};
use super::{Store, catalogue, dialect};
use crate::journal::Block;
use types::{Hash, Timestamp};

/// How many layouts of a contract are kept beside its revision's.
const LAYOUTS_MAX: i64 = 4;

impl Store {
    /// Writes all of `changes` or nothing, if `term` is still the newest.
    ///
    /// # Errors
    /// After an error the changes may have been written all the same: the journal's end tells.
    pub(crate) fn write(&self, changes: &Changes, term: u64) -> Result<(), StoreError> {
        self.within(term, || self.add(changes))
    }

    /// Does `work` in one transaction of `term`.
    pub(super) fn within(
        &self,
        term: u64,
        work: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.transaction(|| {
            self.hold_term(term)?;
            work()
        })
    }

    /// Does `work` in one transaction.
    pub(super) fn transaction<T>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = self.driver.begin(Mode::Write).and_then(|()| {
            let done = work()?;
            self.driver.commit()?;
            Ok(done)
        });
        done.inspect_err(|_| {
            // What refused the transaction is the error to report; an open one ends with its connection.
            let _ = self.driver.roll_back();
        })
    }

    /// Keeps others from writing, and later terms from beginning, until the transaction ends.
    pub(super) fn hold_term(&self, term: u64) -> Result<(), StoreError> {
        match self.driver.execute(catalogue::HOLD_TERM, &[term.into()])? {
            0 => Err(StoreError::Superseded(term)),
            _ => Ok(()),
        }
    }

    /// Begins a term of the writer that answers at `url`: whoever wrote before is refused from now on.
    ///
    /// # Errors
    /// [`StoreError::Newer`] where a newer program has changed the tables: this one may read them, not write them.
    pub(crate) fn begin_term(&self, url: &str) -> Result<u64, StoreError> {
        self.transaction(|| {
            let term = self.one(catalogue::BEGIN_TERM, &[url.into()])?.count(0)?;
            // A migration begins a term too. Either it waits for this one now, or its schema is seen here.
            match self.schema()? {
                Self::SCHEMA => Ok(term),
                found => Err(StoreError::Newer(found)),
            }
        })
    }

    /// Shows that the writer of `term` lives.
    pub(crate) fn beat(&self, term: u64) -> Result<(), StoreError> {
        self.driver.execute(catalogue::BEAT, &[term.into()]).map(drop)
    }

    /// Becomes the one writer for as long as this connection lasts, unless another is, or a newer program has changed the
    /// tables.
    pub(crate) fn elect(&self) -> Result<bool, StoreError> {
        let found = self.schema()?;
        if found == Self::SCHEMA {
            return self.driver.elect();
        }
        // Whoever shares the database follows it on, and must not be in a newer program's way.
        self.driver.resign()?;
        if self.place.is_shared() { Ok(false) } else { Err(StoreError::Newer(found)) }
    }

    /// Ends the connection of a writer that no longer shows that it lives.
    pub(crate) fn depose(&self) -> Result<(), StoreError> {
        self.driver.depose()
    }

    fn add(&self, changes: &Changes) -> Result<(), StoreError> {
        if let Some(block) = &changes.block {
            self.add_block(block)?;
            self.add_marks(block.seq, &changes.marks)?;
        }
        if let Some(nodes) = &changes.nodes {
            self.add_nodes(nodes)?;
        }
        self.add_documents(changes)?;
        self.add_postings(&changes.postings)?;
        self.add_keys(changes)?;
        self.add_bulk_data(changes)?;
        if let Some(at) = changes.epoch_opened {
            self.driver.execute(catalogue::SET_EPOCH_OPENED, &[at.0.into()])?;
        }
        self.change_outbox(changes)
    }

    fn add_block(&self, block: &Block) -> Result<(), StoreError> {
        let values = [
            block.seq.into(),
            block.time.0.into(),
            block.term.into(),
            block.entries.as_str().into(),
            block.prev.0.into(),
            block.hash.0.into(),
            block.tree.size.into(),
            block.tree.root.0.into(),
        ];
        self.driver.execute(catalogue::ADD_BLOCK, &values).map(drop)
    }

    fn add_documents(&self, changes: &Changes) -> Result<(), StoreError> {
        let rows = &changes.documents;
        if !changes.proofs.is_empty() {
            let names = changes.proofs.iter().map(|(proof, _)| proof.0.as_slice()).collect();
            let bytes = changes.proofs.iter().map(|(_, bytes)| bytes.as_slice()).collect();
            let columns = [Column::Bytes(names), Column::Bytes(bytes)];
            self.driver.each(dialect::ADD_ANSWERS, &columns)?;
        }
        if rows.is_empty() {
            return Ok(());
        }
        let block = changes.block.as_ref().map_or(0, |block| block.seq.cast_signed());
        self.driver.each(
            dialect::ADD_DOCUMENTS,
            &[
                Column::Ints(rows.iter().map(|row| row.row).collect()),
                Column::Bytes(rows.iter().map(|row| row.id.0.as_slice()).collect()),
                Column::Ints(vec![block; rows.len()]),
                Column::Texts(rows.iter().map(|row| &*row.command).collect()),
                Column::Maybe(rows.iter().map(NewDocument::contract).collect()),
                Column::Texts(rows.iter().map(|row| row.signed.0.as_str()).collect()),
            ],
        )
    }

    fn add_postings(&self, rows: &[NewPosting]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let parties = |side| Column::Maybe(rows.iter().map(|row| row.party(side)).collect());
        self.driver.each(
            dialect::ADD_POSTINGS,
            &[
                Column::Ints(rows.iter().map(|row| row.id).collect()),
                Column::Ints(rows.iter().map(|row| row.at.0).collect()),
                Column::Texts(rows.iter().map(|row| row.reason).collect()),
                Column::Bytes(rows.iter().map(|row| row.debit.as_slice()).collect()),
                Column::Bytes(rows.iter().map(|row| row.credit.as_slice()).collect()),
                Column::Ints(rows.iter().map(|row| row.amount).collect()),
                parties(0),
                parties(1),
                Column::Maybe(rows.iter().map(NewPosting::contract).collect()),
                Column::Maybe(rows.iter().map(NewPosting::document).collect()),
            ],
        )
    }

    fn add_keys(&self, changes: &Changes) -> Result<(), StoreError> {
        let rows = &changes.keys;
        if rows.is_empty() {
            return Ok(());
        }
        self.driver.each(
            dialect::ADD_KEYS,
            &[
                Column::Bytes(rows.keys().map(|(principal, _)| principal.0.as_slice()).collect()),
                Column::Texts(rows.keys().map(|(_, key)| key.as_str()).collect()),
                Column::Bytes(rows.values().map(|row| row.body.0.as_slice()).collect()),
                Column::Bytes(rows.values().map(|row| row.answer.as_slice()).collect()),
                Column::Ints(rows.values().map(|row| row.at.0).collect()),
            ],
        )
    }

    fn add_bulk_data(&self, changes: &Changes) -> Result<(), StoreError> {
        for change in &changes.layouts {
            match change {
                LayoutChange::Put { contract, layout, bytes, current } => {
                    let values = [contract.0.into(), layout.0.into(), bytes.as_ref().into()];
                    self.driver.execute(catalogue::PUT_LAYOUT, &values)?;
                    let current = current.unwrap_or(*layout);
                    let values = [contract.0.into(), current.0.into(), LAYOUTS_MAX.into()];
                    self.driver.execute(catalogue::TRIM_LAYOUTS, &values)?;
                }
                LayoutChange::Drop { contract, layout } => {
                    let values = [contract.0.into(), layout.0.into()];
                    self.driver.execute(catalogue::DROP_LAYOUT, &values)?;
                }
            }
        }
        for (party, (generation, sealed)) in &changes.backups {
            let values = [party.0.into(), (*generation).into(), sealed.as_slice().into()];
            self.driver.execute(catalogue::PUT_BACKUP, &values)?;
        }
        Ok(())
    }

    fn change_outbox(&self, changes: &Changes) -> Result<(), StoreError> {
        if !changes.effects.is_empty() {
            let json = |effect: &market::Effect| {
                serde_json::to_string(effect).expect("an effect has no keys that are not text")
            };
            let texts: Vec<String> = changes.effects.iter().map(|(_, e)| json(e)).collect();
            let ids = changes.effects.iter().map(|(id, _)| *id).collect();
            let texts = Column::Texts(texts.iter().map(String::as_str).collect());
            self.driver.each(dialect::ADD_EFFECTS, &[Column::Ints(ids), texts])?;
        }
        if changes.done.is_empty() {
            return Ok(());
        }
        self.driver.each(dialect::DROP_EFFECTS, &[Column::Ints(changes.done.clone())])
    }

    /// Where the numbers of rows stand.
    pub(crate) fn counters(&self) -> Result<Counters, StoreError> {
        let row = self.one(catalogue::COUNTERS, &[])?;
        let (documents, postings, effects) = (row.int(0)?, row.int(1)?, row.int(2)?);
        Ok(Counters { documents, postings, effects })
    }

    /// Forgets the answers to requests that were keyed `before` then.
    pub(super) fn forget_keys(&self, before: Timestamp) -> Result<(), StoreError> {
        self.driver.execute(catalogue::FORGET_KEYS, &[before.0.into()]).map(drop)
    }

    /// The body and the answer of the request that used this key first.
    pub(crate) fn first_use(
        &self,
        key: &RequestKey,
    ) -> Result<Option<(Hash, Vec<u8>)>, StoreError> {
        let values = [key.principal.0.into(), key.key.as_str().into()];
        let row = self.maybe(catalogue::FIRST_USE, &values)?;
        row.map(|mut row| Ok((row.hash(0)?, row.bytes(1)?))).transpose()
    }
}
