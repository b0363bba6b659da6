-- What outsiders follow of the journal, as they are shown it: which block opened which epoch, what became of which escrow.
CREATE TABLE marks (
    -- 1 for epochs, which are numbered as they are; 2 for escrows, by the entry's place among all.
    kind BIGINT NOT NULL,
    number BIGINT NOT NULL,
    -- Which of the entry's.
    place BIGINT NOT NULL,
    block BIGINT NOT NULL,
    -- The view, as JSON.
    said TEXT NOT NULL,
    PRIMARY KEY (kind, number, place)
);
