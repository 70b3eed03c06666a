-- Version 2: filling gaps, history that is asked for, and notes.

-- What a stream's counters count from: where its tracking began, however far back its history reaches later.
ALTER TABLE streams ADD COLUMN counted_from INTEGER NOT NULL DEFAULT 0;
UPDATE streams SET counted_from = started_at;
-- How the filling of its gaps stands: the ledger's Backfill.
ALTER TABLE streams ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE streams ADD COLUMN attempt_error TEXT NOT NULL DEFAULT '';
ALTER TABLE streams ADD COLUMN next_attempt INTEGER;
ALTER TABLE streams ADD COLUMN stuck INTEGER NOT NULL DEFAULT 0;
-- When a task was last dispatched, and nobody has ended one since.
ALTER TABLE streams ADD COLUMN dispatched_at INTEGER;
-- The token of the latest claim, and who holds it, until when, if anybody does.
ALTER TABLE streams ADD COLUMN token INTEGER NOT NULL DEFAULT 0;
ALTER TABLE streams ADD COLUMN holder TEXT;
ALTER TABLE streams ADD COLUMN held_until INTEGER;

CREATE INDEX coverage_gaps ON coverage (repo, stream) WHERE reason IS NOT NULL;

-- Which filling of the store this is.
ALTER TABLE store ADD COLUMN incarnation TEXT NOT NULL DEFAULT '';
UPDATE store SET incarnation = lower(hex(randomblob(16)));

-- A few short texts that must outlive a restart.
CREATE TABLE notes (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
