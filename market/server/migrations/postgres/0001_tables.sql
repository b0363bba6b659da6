CREATE TABLE meta (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    schema BIGINT NOT NULL,
    genesis TEXT NOT NULL,
    -- When the open epoch began, in the market's time.
    epoch_opened BIGINT NOT NULL DEFAULT 0
);

-- The journal: the one source of the market's state.
CREATE TABLE blocks (
    seq BIGINT PRIMARY KEY,
    time BIGINT NOT NULL,
    term BIGINT NOT NULL,
    entries TEXT NOT NULL,
    prev BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    -- The Merkle tree over every entry up to the block's last.
    tree_size BIGINT NOT NULL,
    tree_root BYTEA NOT NULL
);

-- The tree's complete nodes in the order in which they became complete: one row for each block, with the place of
-- its first, 32 bytes for each, and the head that the market signed.
CREATE TABLE tree (
    first BIGINT PRIMARY KEY,
    hashes BYTEA NOT NULL,
    head TEXT NOT NULL
);

-- The state after a block, so that a start need not replay everything before it.
CREATE TABLE snapshots (
    seq BIGINT PRIMARY KEY,
    root BYTEA NOT NULL,
    state BYTEA NOT NULL
);

-- Every signed document that something rests on, in the order in which they were taken.
CREATE TABLE documents (
    row BIGINT PRIMARY KEY,
    id BYTEA NOT NULL,
    block BIGINT NOT NULL,
    command TEXT NOT NULL,
    contract BYTEA,
    jws TEXT NOT NULL
);
CREATE INDEX documents_of_contract ON documents (contract, row) WHERE contract IS NOT NULL;

-- The answers to audits that failed, in the wire's encoding: what a dispute is judged on.
CREATE TABLE answers (
    proof BYTEA PRIMARY KEY,
    bytes BYTEA NOT NULL
);

-- The first answer to a keyed request, for everyone who sends it again.
CREATE TABLE idempotency (
    principal BYTEA NOT NULL,
    key TEXT NOT NULL,
    body BYTEA NOT NULL,
    answer BYTEA NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (principal, key)
);

-- What is still to be done outside.
CREATE TABLE outbox (
    id BIGINT PRIMARY KEY,
    effect TEXT NOT NULL
);

-- Every posting, with its accounts in postcard, and whose they are.
CREATE TABLE postings (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    debit BYTEA NOT NULL,
    credit BYTEA NOT NULL,
    amount BIGINT NOT NULL,
    debit_party BYTEA,
    credit_party BYTEA,
    -- The contract whose money it is, and the document that caused it.
    contract BYTEA,
    document BYTEA
);

-- Indexes over random names. Keeping them up to date row by row would write a page for every row, so rows
-- are indexed in sorted bulk; what came since is searched as it is.
CREATE TABLE document_names (
    name BYTEA NOT NULL,
    row BIGINT NOT NULL,
    PRIMARY KEY (name, row)
);
CREATE TABLE history (
    party BYTEA NOT NULL,
    posting BIGINT NOT NULL,
    PRIMARY KEY (party, posting)
);
CREATE TABLE indexed (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    documents BIGINT NOT NULL,
    postings BIGINT NOT NULL
);
INSERT INTO indexed VALUES (1, 0, 0);

-- Bulk data that is no economics: which shards a contract's slots hold, and clients' sealed catalogues.
CREATE TABLE layouts (
    contract BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (contract, hash)
);
CREATE TABLE backups (
    party BYTEA PRIMARY KEY,
    generation BIGINT NOT NULL,
    sealed BYTEA NOT NULL
);
