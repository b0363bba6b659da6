-- Which run of the writer may write: every batch names its term, and a batch of an earlier term is refused.
CREATE TABLE writer (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    term INTEGER NOT NULL,
    -- Where the writer answers requests.
    url TEXT NOT NULL
) STRICT;
INSERT INTO writer SELECT 1, coalesce((SELECT term FROM blocks ORDER BY seq DESC LIMIT 1), 0), '';

-- Rises while the writer lives: one whose count stands still is gone, whatever its connection says.
CREATE TABLE heartbeat (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    beats INTEGER NOT NULL
) STRICT;
INSERT INTO heartbeat VALUES (1, 0);

-- Old keys are forgotten by age.
CREATE INDEX idempotency_by_age ON idempotency (at);

-- Layouts in the order in which they were put; those that are there already come before all others.
ALTER TABLE layouts ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
