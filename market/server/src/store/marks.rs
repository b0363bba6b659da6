//! What outsiders follow of the journal, kept as it is shown: which block opened which epoch, what became of which escrow.

use super::changes::{Mark, Marked};
use super::driver::{Row, StoreError};
use super::{Store, catalogue};
use network::api::{EntryProof, EscrowView};
use serde::de::DeserializeOwned;

/// Where a mark stands (its number and its place there), and what it shows.
type Placed<T> = ((u64, u64), T);

impl Store {
    pub(super) fn add_marks(&self, block: u64, marks: &[Mark]) -> Result<(), StoreError> {
        for mark in marks {
            let values = [
                mark.of.kind().into(),
                mark.number.into(),
                mark.place.into(),
                block.into(),
                mark.said.as_str().into(),
            ];
            self.driver.execute(catalogue::ADD_MARK, &values)?;
        }
        Ok(())
    }

    /// Up to `limit` marks of one kind from the one behind `after`, a number and a place, on, or from the first; each with where it stands.
    pub(crate) fn marks<T: DeserializeOwned>(
        &self,
        of: Marked,
        after: Option<(u64, u64)>,
        limit: u32,
    ) -> Result<Vec<Placed<T>>, StoreError> {
        let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
        let (at, place) = after.map_or((-1, -1), |(at, place)| (number(at), number(place)));
        let limit = i64::from(limit);
        let values = [of.kind().into(), at.into(), place.into(), limit.into()];
        let rows = self.driver.query(catalogue::MARKS, &values)?.into_iter();
        let mark = |mut row: Row| {
            let (at, said) = ((row.count(0)?, row.count(1)?), row.text(2)?);
            let view = serde_json::from_str(&said)
                .map_err(|error| StoreError::Malformed(format!("mark {at:?}: {error}")))?;
            Ok((at, view))
        };
        rows.map(mark).collect()
    }

    /// The entry that says what an escrow came to, with the proof that it is in the journal; nothing where it says no such thing.
    pub(crate) fn concluded(&self, entry: u64) -> Result<Option<EntryProof>, StoreError> {
        let number = i64::try_from(entry).unwrap_or(i64::MAX);
        let values = [Marked::Escrow.kind().into(), number.into()];
        let Some(mut row) = self.maybe(catalogue::MARK, &values)? else { return Ok(None) };
        let (block, said) = (row.count(0)?, row.text(1)?);
        let view: EscrowView = serde_json::from_str(&said)
            .map_err(|error| StoreError::Malformed(format!("mark {entry}: {error}")))?;
        if view.outcome.is_none() {
            return Ok(None);
        }
        self.entry_proof(block, entry).map(Some)
    }
}
