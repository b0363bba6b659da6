-- A snapshot is many rows, as no database takes a row of any size; its row in snapshots says how many, once all are there.
CREATE TABLE snapshot_parts (
    seq BIGINT NOT NULL,
    part BIGINT NOT NULL,
    -- Of which field of the state.
    field BIGINT NOT NULL,
    -- Packed with zstd.
    bytes BYTEA NOT NULL,
    PRIMARY KEY (seq, part)
);
ALTER TABLE snapshot_parts ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Snapshots in one row are of an older program: the first start replays the journal instead.
DELETE FROM snapshots;
