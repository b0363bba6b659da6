-- What outsiders follow of the journal, as they are shown it: which block opened which epoch, what became of which escrow.
CREATE TABLE marks (
    -- 1 for epochs, which are numbered as they are; 2 for escrows, by the entry's place among all.
    kind INTEGER NOT NULL,
    number INTEGER NOT NULL,
    -- Which of the entry's.
    place INTEGER NOT NULL,
    block INTEGER NOT NULL,
    -- The view, as JSON.
    said TEXT NOT NULL,
    PRIMARY KEY (kind, number, place)
) STRICT, WITHOUT ROWID;
