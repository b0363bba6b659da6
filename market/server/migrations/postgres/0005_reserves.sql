-- As a batch does, the writer's row first: whoever waits for the other holds no table then.
UPDATE writer SET term = term;

-- Contracts that have begun have no reserves any more, so a state's root is another: the first start replays the journal
-- instead.
DELETE FROM snapshots;
