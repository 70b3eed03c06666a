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
    -- What GitHub's clock showed when a machine was started, where the process that met the block knew.
    machine      TEXT,
    started      INTEGER,
    CHECK ((machine IS NULL) = (started IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE learnt (
    credential TEXT PRIMARY KEY NOT NULL,
    learnt     TEXT NOT NULL
) STRICT;
