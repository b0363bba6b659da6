//! What the writer adds in one transaction.

use super::Store;
use crate::journal::Block;
use market::Effect;
use rusqlite::OptionalExtension;
use types::{ContractId, Did, DocId, Hash, Signed, Timestamp};

/// How many layouts of a contract are kept beside its revision's.
const LAYOUTS_MAX: u32 = 4;

/// A request's key: who sent it, under which name, with which body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// Whose key it is.
    pub principal: Did,
    /// The key.
    pub key: String,
    /// The hash of method, path and body.
    pub body: Hash,
}

/// A posting as the account history shows it.
pub(crate) struct PostingRow<'a> {
    pub(crate) at: Timestamp,
    pub(crate) reason: &'static str,
    pub(crate) posting: &'a contracts::Posting,
    pub(crate) parties: [Option<Did>; 2],
}

impl Store {
    pub(crate) fn begin(&self) -> rusqlite::Result<()> {
        self.db.execute_batch("BEGIN IMMEDIATE")
    }

    pub(crate) fn commit(&self) -> rusqlite::Result<()> {
        self.db.execute_batch("COMMIT")
    }

    /// Undoes the transaction, if one is still open.
    pub(crate) fn roll_back(&self) -> rusqlite::Result<()> {
        if self.db.is_autocommit() { Ok(()) } else { self.db.execute_batch("ROLLBACK") }
    }

    pub(crate) fn add_block(&self, block: &Block) -> rusqlite::Result<()> {
        let mut sql = self.db.prepare_cached("INSERT INTO blocks VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        sql.execute((
            block.seq.cast_signed(),
            block.time.0,
            block.term.cast_signed(),
            &block.entries,
            block.prev.0,
            block.hash.0,
        ))?;
        Ok(())
    }

    pub(crate) fn add_document(
        &self,
        (id, signed): (DocId, &Signed),
        block: u64,
        command: &str,
        contract: Option<ContractId>,
    ) -> rusqlite::Result<()> {
        let sql = "INSERT INTO documents VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        let contract = contract.map(|id| id.0);
        self.db.prepare_cached(sql)?.execute((
            id.0,
            block.cast_signed(),
            command,
            contract,
            &signed.0,
        ))?;
        Ok(())
    }

    /// Whether `command` took the document `id` before.
    pub(crate) fn was_taken(&self, id: &DocId, command: &str) -> rusqlite::Result<bool> {
        let sql = "SELECT 1 FROM documents WHERE id = ?1 AND command = ?2";
        self.db.prepare_cached(sql)?.exists((id.0, command))
    }

    pub(crate) fn add_answers(&self, proof: &DocId, bytes: &[u8]) -> rusqlite::Result<()> {
        let sql = "INSERT INTO answers VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.db.prepare_cached(sql)?.execute((proof.0, bytes))?;
        Ok(())
    }

    /// The body and the answer of the request that used this key first.
    pub(crate) fn first_use(&self, key: &RequestKey) -> rusqlite::Result<Option<(Hash, Vec<u8>)>> {
        let sql = "SELECT body, answer FROM idempotency WHERE principal = ?1 AND key = ?2";
        let mut sql = self.db.prepare_cached(sql)?;
        let found = |row: &rusqlite::Row<'_>| Ok((super::hash(row, 0)?, row.get(1)?));
        sql.query_row((key.principal.0, &key.key), found).optional()
    }

    pub(crate) fn add_key(
        &self,
        key: &RequestKey,
        answer: &[u8],
        at: Timestamp,
    ) -> rusqlite::Result<()> {
        let sql = "INSERT INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5)";
        let row = (key.principal.0, &key.key, key.body.0, answer, at.0);
        self.db.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    pub(crate) fn add_posting(&self, row: &PostingRow<'_>) -> rusqlite::Result<()> {
        let sql = "INSERT INTO postings (at, reason, debit, credit, amount) VALUES (?1, ?2, ?3, ?4, ?5)";
        let (debit, credit) = (row.posting.debit.to_string(), row.posting.credit.to_string());
        let values = (row.at.0, row.reason, debit, credit, row.posting.amount.0);
        let id = self.db.prepare_cached(sql)?.insert(values)?;
        let sql = "INSERT INTO history VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        let mut sql = self.db.prepare_cached(sql)?;
        for party in row.parties.into_iter().flatten() {
            sql.execute((party.0, id))?;
        }
        Ok(())
    }

    pub(crate) fn set_epoch_opened(&self, at: Timestamp) -> rusqlite::Result<()> {
        let sql = "UPDATE meta SET epoch_opened = ?1 WHERE only_row = 1";
        self.db.prepare_cached(sql)?.execute([at.0])?;
        Ok(())
    }

    pub(crate) fn add_effect(&self, effect: &Effect) -> rusqlite::Result<i64> {
        let json = serde_json::to_string(effect).expect("an effect has no keys that are not text");
        self.db.prepare_cached("INSERT INTO outbox (effect) VALUES (?1)")?.insert([json])
    }

    pub(crate) fn drop_effect(&self, id: i64) -> rusqlite::Result<()> {
        self.db.prepare_cached("DELETE FROM outbox WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// Keeps a layout beside the `current` one, and forgets those that were put long before without a revision.
    pub(crate) fn put_layout(
        &self,
        contract: &ContractId,
        (layout, bytes): (&Hash, &[u8]),
        current: Option<Hash>,
    ) -> rusqlite::Result<()> {
        let sql = "INSERT INTO layouts VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        self.db.prepare_cached(sql)?.execute((contract.0, layout.0, bytes))?;
        let sql = "DELETE FROM layouts WHERE contract = ?1 AND hash <> ?2 AND rowid NOT IN \
                   (SELECT rowid FROM layouts WHERE contract = ?1 ORDER BY rowid DESC LIMIT ?3)";
        let current = current.unwrap_or(*layout);
        self.db.prepare_cached(sql)?.execute((contract.0, current.0, LAYOUTS_MAX))?;
        Ok(())
    }

    pub(crate) fn drop_layout(&self, contract: &ContractId, layout: &Hash) -> rusqlite::Result<()> {
        let sql = "DELETE FROM layouts WHERE contract = ?1 AND hash = ?2";
        self.db.prepare_cached(sql)?.execute((contract.0, layout.0))?;
        Ok(())
    }

    /// Keeps a backup, unless another of this generation or a newer one is kept; that generation is then the answer.
    pub(crate) fn put_backup(
        &self,
        party: &Did,
        generation: u64,
        sealed: &[u8],
    ) -> rusqlite::Result<Result<(), u64>> {
        let sql = "SELECT generation FROM backups WHERE party = ?1 \
                   AND (generation > ?2 OR (generation = ?2 AND sealed <> ?3))";
        let row = (party.0, generation.cast_signed(), sealed);
        let kept = self.db.prepare_cached(sql)?.query_row(row, |row| row.get::<_, i64>(0));
        if let Some(kept) = kept.optional()? {
            return Ok(Err(kept.cast_unsigned()));
        }
        let sql = "INSERT INTO backups VALUES (?1, ?2, ?3) ON CONFLICT (party) DO UPDATE \
                   SET generation = excluded.generation, sealed = excluded.sealed";
        self.db.prepare_cached(sql)?.execute(row)?;
        Ok(Ok(()))
    }

    /// Keeps a snapshot and the one before it.
    pub(crate) fn add_snapshot(&self, seq: u64, root: &Hash, state: &[u8]) -> rusqlite::Result<()> {
        let sql = "INSERT INTO snapshots VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        self.db.execute(sql, (seq.cast_signed(), root.0, state))?;
        let sql = "DELETE FROM snapshots WHERE seq NOT IN \
                   (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT 2)";
        self.db.execute(sql, [])?;
        Ok(())
    }
}
