-- Version 3: the queue of backfill tasks.

CREATE TABLE messages (
    -- Never given twice.
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    body        BLOB NOT NULL,
    -- When its task was dispatched; none if the body is no task.
    enqueued_at INTEGER,
    -- Nobody gets it before: the end of its delay, or of the time that somebody has it in hand; 0 at once.
    visible_at  INTEGER NOT NULL DEFAULT 0,
    -- How often it was handed out.
    handed_out  INTEGER NOT NULL DEFAULT 0,
    in_hand     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX messages_next ON messages (visible_at, id);

-- Buried messages, for people.
CREATE TABLE dead_letters (
    id        INTEGER PRIMARY KEY,
    body      BLOB NOT NULL,
    reason    TEXT NOT NULL,
    buried_at INTEGER NOT NULL
) STRICT;
