//! The statements that take many rows at once: SQLite runs one per row, PostgreSQL one over arrays, or copies.

use super::driver::Bulk;

pub(crate) const ADD_DOCUMENTS: Bulk = Bulk {
    sqlite: "INSERT INTO documents (row, id, block, command, contract, jws) \
             VALUES ($1, $2, $3, $4, $5, $6)",
    postgres: "INSERT INTO documents (row, id, block, command, contract, jws) SELECT * FROM \
               unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::text[], $5::bytea[], $6::text[])",
    copy: Some(
        "COPY documents (row, id, block, command, contract, jws) FROM STDIN \
           (FORMAT binary)",
    ),
};

pub(crate) const ADD_POSTINGS: Bulk = Bulk {
    sqlite: "INSERT INTO postings (id, at, reason, debit, credit, amount, debit_party, \
             credit_party, contract, document) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    postgres: "INSERT INTO postings (id, at, reason, debit, credit, amount, debit_party, \
               credit_party, contract, document) SELECT * FROM unnest($1::bigint[], \
               $2::bigint[], $3::text[], $4::bytea[], $5::bytea[], $6::bigint[], $7::bytea[], \
               $8::bytea[], $9::bytea[], $10::bytea[])",
    copy: Some(
        "COPY postings (id, at, reason, debit, credit, amount, debit_party, \
           credit_party, contract, document) FROM STDIN (FORMAT binary)",
    ),
};

pub(crate) const ADD_KEYS: Bulk = Bulk {
    sqlite: "INSERT INTO idempotency (principal, key, body, answer, at) \
             VALUES ($1, $2, $3, $4, $5)",
    postgres: "INSERT INTO idempotency (principal, key, body, answer, at) SELECT * FROM \
               unnest($1::bytea[], $2::text[], $3::bytea[], $4::bytea[], $5::bigint[])",
    copy: Some(
        "COPY idempotency (principal, key, body, answer, at) FROM STDIN \
           (FORMAT binary)",
    ),
};

pub(crate) const ADD_ANSWERS: Bulk = Bulk {
    sqlite: "INSERT INTO answers (proof, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    postgres: "INSERT INTO answers (proof, bytes) SELECT * FROM unnest($1::bytea[], $2::bytea[]) \
               ON CONFLICT DO NOTHING",
    copy: None,
};

pub(crate) const ADD_EFFECTS: Bulk = Bulk {
    sqlite: "INSERT INTO outbox (id, effect) VALUES ($1, $2)",
    postgres: "INSERT INTO outbox (id, effect) SELECT * FROM unnest($1::bigint[], $2::text[])",
    copy: Some("COPY outbox (id, effect) FROM STDIN (FORMAT binary)"),
};

pub(crate) const DROP_EFFECTS: Bulk = Bulk {
    sqlite: "DELETE FROM outbox WHERE id = $1",
    postgres: "DELETE FROM outbox WHERE id = ANY($1::bigint[])",
    copy: None,
};

pub(crate) const INDEX_DOCUMENTS: Bulk = Bulk {
    sqlite: "INSERT INTO document_names (name, row) VALUES ($1, $2)",
    postgres: "INSERT INTO document_names (name, row) SELECT * FROM \
               unnest($1::bytea[], $2::bigint[])",
    copy: Some("COPY document_names (name, row) FROM STDIN (FORMAT binary)"),
};

pub(crate) const INDEX_POSTINGS: Bulk = Bulk {
    sqlite: "INSERT INTO history (party, posting) VALUES ($1, $2)",
    postgres: "INSERT INTO history (party, posting) SELECT * FROM \
               unnest($1::bytea[], $2::bigint[])",
    copy: Some("COPY history (party, posting) FROM STDIN (FORMAT binary)"),
};

/// All of them, with their names.
#[cfg(test)]
pub(crate) const ALL: &[(&str, Bulk)] = &[
    ("ADD_DOCUMENTS", ADD_DOCUMENTS),
    ("ADD_POSTINGS", ADD_POSTINGS),
    ("ADD_KEYS", ADD_KEYS),
    ("ADD_ANSWERS", ADD_ANSWERS),
    ("ADD_EFFECTS", ADD_EFFECTS),
    ("DROP_EFFECTS", DROP_EFFECTS),
    ("INDEX_DOCUMENTS", INDEX_DOCUMENTS),
    ("INDEX_POSTINGS", INDEX_POSTINGS),
];
