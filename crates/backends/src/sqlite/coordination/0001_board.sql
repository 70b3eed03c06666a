-- Version 1: what processes tell each other, blocks, and what was learnt.
--
-- Times are microseconds since 1970, by GitHub's clock. Nothing here says when a row was written, on purpose: no clock of one
-- machine is compared with another's.

CREATE TABLE tellings (
    member     TEXT NOT NULL,
    credential TEXT NOT NULL,
    -- All 64 bits of it, as they are.
    beat       INTEGER NOT NULL,
    share      TEXT NOT NULL,
    view       TEXT NOT NULL,
    PRIMARY KEY (member, credential)
) STRICT, WITHOUT ROWID;

CREATE TABLE blocks (
    credential   TEXT PRIMARY KEY NOT NULL,
    closed_until INTEGER NOT NULL,
    -- By whose clock it was reckoned, and how far GitHub's was ahead of it, in microseconds.
    machine      TEXT NOT NULL,
    ahead        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE learnt (
    credential TEXT PRIMARY KEY NOT NULL,
    learnt     TEXT NOT NULL
) STRICT;
