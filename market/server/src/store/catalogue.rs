//! Every statement that the store runs, in the subset of SQL that both databases understand.
//!
//! Values are `$1`, `$2`, … in the order in which they first appear. What takes many rows at once differs
//! between the databases and is in [`super::dialect`].

/// Names each statement and lists them all, so that a test prepares every one on both databases.
macro_rules! catalogue {
    ($($name:ident = $sql:expr;)*) => {
        $(pub(crate) const $name: &str = $sql;)*
        /// Every statement with its name.
        #[cfg(test)]
        pub(crate) const ALL: &[(&str, &str)] = &[$((stringify!($name), $sql)),*];
    };
}

catalogue! {
    // What the market is.
    SCHEMA = "SELECT schema FROM meta WHERE only_row = 1";
    HOLD_SCHEMA = "UPDATE meta SET schema = schema WHERE only_row = 1 RETURNING schema";
    SET_SCHEMA = "UPDATE meta SET schema = $1 WHERE only_row = 1";
    FOUND = "INSERT INTO meta (only_row, schema, genesis) VALUES (1, $1, $2)";
    GENESIS = "SELECT genesis FROM meta WHERE only_row = 1";
    EPOCH_OPENED = "SELECT epoch_opened FROM meta WHERE only_row = 1";
    SET_EPOCH_OPENED = "UPDATE meta SET epoch_opened = $1 WHERE only_row = 1";

    // Who writes.
    BEGIN_TERM = "UPDATE writer SET term = term + 1, url = $1 WHERE only_row = 1 RETURNING term";
    HOLD_TERM = "UPDATE writer SET term = term WHERE only_row = 1 AND term = $1";
    WRITER = "SELECT w.term, h.beats, w.url FROM writer w, heartbeat h";
    BEAT = "UPDATE heartbeat SET beats = beats + 1 \
            WHERE (SELECT term FROM writer WHERE only_row = 1) = $1";

    // The journal.
    BLOCKS = "SELECT seq, time, term, entries, prev, hash, tree_size, tree_root FROM blocks \
              WHERE seq > $1 ORDER BY seq LIMIT $2";
    HEAD = "SELECT seq, hash FROM blocks ORDER BY seq DESC LIMIT 1";
    ADD_BLOCK = "INSERT INTO blocks (seq, time, term, entries, prev, hash, tree_size, tree_root) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    SNAPSHOT = "SELECT seq, root, state FROM snapshots ORDER BY seq DESC LIMIT 1";
    SNAPSHOT_ROOTS = "SELECT seq, root FROM snapshots ORDER BY seq";
    ADD_SNAPSHOT = "INSERT INTO snapshots (seq, root, state) VALUES ($1, $2, $3) \
                    ON CONFLICT DO NOTHING";
    DROP_SNAPSHOT = "DELETE FROM snapshots WHERE seq = $1";
    DROP_SNAPSHOTS = "DELETE FROM snapshots WHERE seq NOT IN \
                      (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT 2)";

    SNAPSHOT_FIELDS = "SELECT part, field FROM snapshot_parts WHERE seq = $1 ORDER BY part";
    SNAPSHOT_PART = "SELECT bytes FROM snapshot_parts WHERE seq = $1 AND part = $2";
    ADD_SNAPSHOT_PART = "INSERT INTO snapshot_parts (seq, part, field, bytes) \
                         VALUES ($1, $2, $3, $4)";
    DROP_PARTS_OF = "DELETE FROM snapshot_parts WHERE seq = $1";
    DROP_OLD_PARTS = "DELETE FROM snapshot_parts WHERE (seq, part) IN \
                      (SELECT seq, part FROM snapshot_parts WHERE seq <> $1 \
                       AND seq NOT IN (SELECT seq FROM snapshots) ORDER BY seq, part LIMIT 2)";

    // The tree over the journal's entries.
    ADD_NODES = "INSERT INTO tree (first, hashes, head) VALUES ($1, $2, $3)";
    NODE = "SELECT substr(hashes, CAST(($1 - first) * 32 + 1 AS INTEGER), 32) FROM tree \
            WHERE first = (SELECT max(first) FROM tree WHERE first <= $1)";
    TREE_SIZE = "SELECT tree_size FROM blocks ORDER BY seq DESC LIMIT 1";
    TREE_HEAD = "SELECT head FROM tree ORDER BY first DESC LIMIT 1";
    TAKEN = "SELECT d.block, d.contract, d.jws FROM document_names n \
             JOIN documents d ON d.row = n.row WHERE n.name = $1 AND d.id = $2 \
             ORDER BY n.row LIMIT 1";
    TAKEN_AT = "SELECT block, contract, jws FROM documents WHERE row = $1";

    // Documents.
    DOCUMENTS_BEHIND = "SELECT row, block, id, jws FROM documents WHERE row > $1 \
                        ORDER BY row LIMIT 1000";
    DOCUMENTS_OF = "SELECT id, jws FROM documents WHERE contract = $1 ORDER BY row";
    RECENT_DOCUMENTS = "SELECT row, id FROM documents WHERE row > $1 ORDER BY row";
    WAS_TAKEN = "SELECT d.row FROM document_names n JOIN documents d ON d.row = n.row \
                 WHERE n.name = $1 AND d.id = $2 AND d.command = $3 LIMIT 1";
    UNINDEXED_DOCUMENTS = "SELECT row, id, command FROM documents \
                           WHERE row > (SELECT documents FROM indexed) ORDER BY row";
    INDEX_ALL_DOCUMENTS = "INSERT INTO document_names SELECT substr(id, 1, 8), row \
                           FROM documents ORDER BY 1, 2";

    // Postings.
    POSTINGS = "SELECT p.id, p.at, p.reason, p.debit, p.credit, p.amount, p.debit_party, \
                p.credit_party, p.contract, p.document FROM \
                (SELECT posting FROM history WHERE party = $1 AND posting > $2 \
                 ORDER BY posting LIMIT $3) h JOIN postings p ON p.id = h.posting ORDER BY 1";
    RECENT_POSTINGS = "SELECT id, at, reason, debit, credit, amount, debit_party, credit_party, \
                       contract, document FROM postings WHERE id > $1 ORDER BY id";
    HOUSE_POSTINGS = "SELECT id, at, reason, debit, credit, amount, debit_party, credit_party, \
                      contract, document FROM postings WHERE id > $1 AND (debit_party IS NULL \
                      OR credit_party IS NULL OR $2 IN (debit_party, credit_party)) \
                      ORDER BY id LIMIT $3";
    INDEX_ALL_POSTINGS = "INSERT INTO history \
                          SELECT debit_party, id FROM postings WHERE debit_party IS NOT NULL \
                          UNION SELECT credit_party, id FROM postings \
                          WHERE credit_party IS NOT NULL \
                          UNION SELECT contract, id FROM postings WHERE contract IS NOT NULL \
                          ORDER BY 1, 2";
    INDEXED_TO = "SELECT documents, postings FROM indexed WHERE only_row = 1";
    SET_INDEXED = "UPDATE indexed SET documents = $1, postings = $2 WHERE only_row = 1";

    // Where each table's numbers stand.
    COUNTERS = "SELECT (SELECT coalesce(max(row), 0) FROM documents), \
                (SELECT coalesce(max(id), 0) FROM postings), \
                (SELECT coalesce(max(id), 0) FROM outbox)";

    // Keys, outbox, bulk data.
    FIRST_USE = "SELECT body, answer FROM idempotency WHERE principal = $1 AND key = $2";
    FORGET_KEYS = "DELETE FROM idempotency WHERE at < $1";
    OUTBOX = "SELECT id, effect FROM outbox ORDER BY id";
    LAYOUT = "SELECT bytes FROM layouts WHERE contract = $1 AND hash = $2";
    HAS_LAYOUT = "SELECT count(*) FROM layouts WHERE contract = $1 AND hash = $2";
    PUT_LAYOUT = "INSERT INTO layouts (number, contract, hash, bytes) VALUES \
                  ((SELECT coalesce(max(number), 0) + 1 FROM layouts WHERE contract = $1), \
                   $1, $2, $3) ON CONFLICT DO NOTHING";
    TRIM_LAYOUTS = "DELETE FROM layouts WHERE contract = $1 AND hash <> $2 AND number NOT IN \
                    (SELECT number FROM layouts WHERE contract = $1 ORDER BY number DESC LIMIT $3)";
    DROP_LAYOUT = "DELETE FROM layouts WHERE contract = $1 AND hash = $2";
    BACKUP = "SELECT generation, sealed FROM backups WHERE party = $1";
    PUT_BACKUP = "INSERT INTO backups (party, generation, sealed) VALUES ($1, $2, $3) \
                  ON CONFLICT (party) DO UPDATE \
                  SET generation = excluded.generation, sealed = excluded.sealed";

    // What outsiders follow.
    ADD_MARK = "INSERT INTO marks (kind, number, place, block, said) VALUES ($1, $2, $3, $4, $5)";
    MARKS = "SELECT number, place, said FROM marks WHERE kind = $1 \
             AND (number, place) > ($2, $3) ORDER BY number, place LIMIT $4";
    MARK = "SELECT block, said FROM marks WHERE kind = $1 AND number = $2 ORDER BY place LIMIT 1";

    // Backups: every row behind a key, by rising key.
    COPY_BLOCKS = "SELECT seq, time, term, entries, prev, hash, tree_size, tree_root \
                   FROM blocks WHERE seq > $1 ORDER BY seq LIMIT 16";
    COPY_TREE = "SELECT first, hashes, head FROM tree WHERE first > $1 ORDER BY first LIMIT 64";
    COPY_SNAPSHOTS = "SELECT seq, root, state FROM snapshots WHERE seq > $1 ORDER BY seq LIMIT 1";
    COPY_PARTS = "SELECT seq, part, field, bytes FROM snapshot_parts \
                  WHERE (seq, part) > ($1, $2) AND seq IN (SELECT seq FROM snapshots) \
                  ORDER BY seq, part LIMIT 4";
    COPY_DOCUMENTS = "SELECT row, id, block, command, contract, jws FROM documents \
                      WHERE row > $1 ORDER BY row LIMIT 1000";
    COPY_ANSWERS = "SELECT proof, bytes FROM answers WHERE proof > $1 ORDER BY proof LIMIT 16";
    COPY_KEYS = "SELECT principal, key, body, answer, at FROM idempotency \
                 WHERE (principal, key) > ($1, $2) ORDER BY principal, key LIMIT 1000";
    COPY_OUTBOX = "SELECT id, effect FROM outbox WHERE id > $1 ORDER BY id LIMIT 1000";
    COPY_POSTINGS = "SELECT id, at, reason, debit, credit, amount, debit_party, credit_party, \
                     contract, document FROM postings WHERE id > $1 ORDER BY id LIMIT 1000";
    COPY_LAYOUTS = "SELECT number, contract, hash, bytes FROM layouts \
                    WHERE (contract, hash) > ($1, $2) ORDER BY contract, hash LIMIT 16";
    COPY_BACKUPS = "SELECT party, generation, sealed FROM backups WHERE party > $1 \
                    ORDER BY party LIMIT 1";
    COPY_MARKS = "SELECT kind, number, place, block, said FROM marks \
                  WHERE (kind, number, place) > ($1, $2, $3) ORDER BY kind, number, place LIMIT 100";
    RESTORE_LAYOUT = "INSERT INTO layouts (number, contract, hash, bytes) \
                      VALUES ($1, $2, $3, $4)";
    SET_TERM = "UPDATE writer SET term = $1 WHERE only_row = 1";
}
