-- Which run of the writer may write: every batch names its term, and a batch of an earlier term is refused.
CREATE TABLE writer (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    term INTEGER NOT NULL,
    -- Where the writer answers requests.
    url TEXT NOT NULL
) STRICT;
INSERT INTO writer SELECT 1, coalesce(max(term), 0), '' FROM blocks;

-- Rises while the writer lives: one whose count stands still is gone, whatever its connection says.
CREATE TABLE heartbeat (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    beats INTEGER NOT NULL
) STRICT;
INSERT INTO heartbeat VALUES (1, 0);

-- Layouts in the order in which they were put.
ALTER TABLE layouts RENAME TO layouts_unnumbered;
CREATE TABLE layouts (
    number INTEGER NOT NULL,
    contract BLOB NOT NULL,
    hash BLOB NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (contract, hash)
) STRICT;
INSERT INTO layouts SELECT rowid, contract, hash, bytes FROM layouts_unnumbered;
DROP TABLE layouts_unnumbered;

-- Old keys are forgotten by age.
CREATE INDEX idempotency_by_age ON idempotency (at);
