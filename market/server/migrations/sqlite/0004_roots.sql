-- The root of a state is another hash than it was: the first start replays the journal instead.
DELETE FROM snapshots;
