-- Which run of the writer may write: every batch names its term, and a batch of an earlier term is refused.
CREATE TABLE writer (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    term BIGINT NOT NULL,
    -- Where the writer answers requests.
    url TEXT NOT NULL
);
INSERT INTO writer SELECT 1, coalesce((SELECT term FROM blocks ORDER BY seq DESC LIMIT 1), 0), '';

-- Rises while the writer lives: one whose count stands still is gone, whatever its connection says.
CREATE TABLE heartbeat (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    beats BIGINT NOT NULL
);
INSERT INTO heartbeat VALUES (1, 0);

-- Old keys are forgotten by age.
CREATE INDEX idempotency_by_age ON idempotency (at);

-- Layouts in the order in which they were put; those that are there already come before all others.
ALTER TABLE layouts ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
