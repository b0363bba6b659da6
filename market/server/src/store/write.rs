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
        let mut sql =
            self.db.prepare_cached("INSERT INTO blocks VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
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
        let sql = "INSERT INTO documents (id, block, command, contract, jws) \
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let contract = contract.map(|id| id.0);
        let row = (id.0, block.cast_signed(), command, contract, &signed.0);
        self.db.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    /// Whether `command` took the document `id` before, as far as documents are indexed.
    pub(crate) fn was_taken(&self, id: &DocId, command: &str) -> rusqlite::Result<bool> {
        let sql = "SELECT 1 FROM document_names n JOIN documents d ON d.row = n.row \
                   WHERE n.name = substr(?1, 1, 8) AND d.id = ?1 AND d.command = ?2";
        self.db.prepare_cached(sql)?.exists((id.0, command))
    }

    /// The documents that are not indexed yet, with the commands that took them.
    pub(crate) fn unindexed_documents(&self) -> rusqlite::Result<Vec<(DocId, String)>> {
        let sql = "SELECT id, command FROM documents WHERE row > (SELECT documents FROM indexed)";
        let mut sql = self.db.prepare(sql)?;
        sql.query_map([], |row| Ok((super::hash(row, 0)?, row.get(1)?)))?.collect()
    }

    /// How many postings are not indexed yet.
    pub(crate) fn unindexed_postings(&self) -> rusqlite::Result<u64> {
        let sql = "SELECT count(*) FROM postings WHERE id > (SELECT postings FROM indexed)";
        self.db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
    }

    /// Indexes every document and posting that is not indexed yet.
    pub(crate) fn index(&self) -> rusqlite::Result<()> {
        self.begin()?;
        let indexed = self.db.execute_batch(
            "INSERT INTO document_names SELECT substr(id, 1, 8), row FROM documents \
                 WHERE row > (SELECT documents FROM indexed) ORDER BY 1, 2; \
             INSERT INTO history SELECT debit_party, id FROM postings \
                 WHERE id > (SELECT postings FROM indexed) AND debit_party IS NOT NULL \
                 UNION SELECT credit_party, id FROM postings \
                 WHERE id > (SELECT postings FROM indexed) AND credit_party IS NOT NULL \
                 ORDER BY 1, 2; \
             UPDATE indexed SET documents = (SELECT coalesce(max(row), 0) FROM documents), \
                 postings = (SELECT coalesce(max(id), 0) FROM postings);",
        );
        indexed.and_then(|()| self.commit()).or_else(|error| {
            self.roll_back()?;
            Err(error)
        })
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
        let sql = "INSERT INTO postings (at, reason, debit, credit, amount, debit_party, \
                   credit_party) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let account = |account: &contracts::Account| {
            postcard::to_stdvec(account).expect("an account is made of bytes and numbers")
        };
        let (debit, credit) = (account(&row.posting.debit), account(&row.posting.credit));
        let [debtor, creditor] = row.parties.map(|party| party.map(|did| did.0));
        let amount = row.posting.amount.0;
        let values = (row.at.0, row.reason, debit, credit, amount, debtor, creditor);
        self.db.prepare_cached(sql)?.execute(values)?;
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
