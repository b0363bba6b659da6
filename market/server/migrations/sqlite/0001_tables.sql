CREATE TABLE meta (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    schema INTEGER NOT NULL,
    genesis TEXT NOT NULL,
    -- When the open epoch began, in the market's time.
    epoch_opened INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The journal: the one source of the market's state.
CREATE TABLE blocks (
    seq INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    term INTEGER NOT NULL,
    entries TEXT NOT NULL,
    prev BLOB NOT NULL,
    hash BLOB NOT NULL,
    -- The Merkle tree over every entry up to the block's last.
    tree_size INTEGER NOT NULL,
    tree_root BLOB NOT NULL
) STRICT;

-- The tree's complete nodes in the order in which they became complete: one row for each block, with the place of
-- its first, 32 bytes for each, and the head that the market signed.
CREATE TABLE tree (
    first INTEGER PRIMARY KEY,
    hashes BLOB NOT NULL,
    head TEXT NOT NULL
) STRICT;

-- The state after a block, so that a start need not replay everything before it.
CREATE TABLE snapshots (
    seq INTEGER PRIMARY KEY,
    root BLOB NOT NULL,
    state BLOB NOT NULL
) STRICT;

-- Every signed document that something rests on, in the order in which they were taken.
CREATE TABLE documents (
    row INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    block INTEGER NOT NULL,
    command TEXT NOT NULL,
    contract BLOB,
    jws TEXT NOT NULL
) STRICT;
CREATE INDEX documents_of_contract ON documents (contract, row) WHERE contract IS NOT NULL;

-- The answers to audits that failed, in the wire's encoding: what a dispute is judged on.
CREATE TABLE answers (
    proof BLOB PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

-- The first answer to a keyed request, for everyone who sends it again.
CREATE TABLE idempotency (
    principal BLOB NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    answer BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT, WITHOUT ROWID;

-- What is still to be done outside.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    effect TEXT NOT NULL
) STRICT;

-- Every posting, with its accounts in postcard, and whose they are.
CREATE TABLE postings (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    debit BLOB NOT NULL,
    credit BLOB NOT NULL,
    amount INTEGER NOT NULL,
    debit_party BLOB,
    credit_party BLOB,
    -- The contract whose money it is, and the document that caused it.
    contract BLOB,
    document BLOB
) STRICT;

-- Indexes over random names. Keeping them up to date row by row would write a page for every row, so rows
-- are indexed in sorted bulk; what came since is searched as it is.
CREATE TABLE document_names (
    name BLOB NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (name, row)
) STRICT, WITHOUT ROWID;
CREATE TABLE history (
    party BLOB NOT NULL,
    posting INTEGER NOT NULL,
    PRIMARY KEY (party, posting)
) STRICT, WITHOUT ROWID;
CREATE TABLE indexed (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    documents INTEGER NOT NULL,
    postings INTEGER NOT NULL
) STRICT;
INSERT INTO indexed VALUES (1, 0, 0);

-- Bulk data that is no economics: which shards a contract's slots hold, and clients' sealed catalogues.
CREATE TABLE layouts (
    contract BLOB NOT NULL,
    hash BLOB NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (contract, hash)
) STRICT;
CREATE TABLE backups (
    party BLOB PRIMARY KEY,
    generation INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
