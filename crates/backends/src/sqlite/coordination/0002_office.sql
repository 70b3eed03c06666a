-- Version 2: the office of the leader.
--
-- Nothing says when it was taken or renewed, on purpose: whoever waits for it judges by its own clock how long a mark has
-- stood still. No row: nobody has ever held it.

CREATE TABLE office (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    -- NULL: it was given back.
    holder TEXT,
    -- All 64 bits of it, as they are.
    epoch  INTEGER NOT NULL,
    -- Random, so that a mark does not return in another file either.
    mark   TEXT NOT NULL
) STRICT;
