-- A snapshot is many rows, as no database takes a row of any size; its row in snapshots says how many, once all are there.
CREATE TABLE snapshot_parts (
    seq INTEGER NOT NULL,
    part INTEGER NOT NULL,
    -- Of which field of the state.
    field INTEGER NOT NULL,
    -- Packed with zstd.
    bytes BLOB NOT NULL,
    PRIMARY KEY (seq, part)
) STRICT;

-- Snapshots in one row are of an older program: the first start replays the journal instead.
DELETE FROM snapshots;
