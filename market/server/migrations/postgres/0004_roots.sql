-- As a batch does, the writer's row first: whoever waits for the other holds no table then.
UPDATE writer SET term = term;

-- The root of a state is another hash than it was: the first start replays the journal instead.
DELETE FROM snapshots;

-- A block's entries, and its nodes of the tree, are kept as they are: packing them took the server time of which a writer's
-- commands need most.
ALTER TABLE blocks ALTER COLUMN entries SET STORAGE EXTERNAL;
ALTER TABLE tree ALTER COLUMN hashes SET STORAGE EXTERNAL;
