-- Version 1: activity with its coverage, and the answers that make reading again free.
--
-- Times are microseconds since 1970. GitHub's ids are 64-bit numbers, kept bit by bit. Codes are explained in rows.rs.
-- A place is a number of the one sequence that orders every change of the store.

-- One row: who leads, the last place, and the size of the answers.
CREATE TABLE store (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    term         INTEGER NOT NULL,
    holder       TEXT,
    led_at       INTEGER,
    place        INTEGER NOT NULL,
    answers      INTEGER NOT NULL,
    answer_bytes INTEGER NOT NULL,
    answer_turn  INTEGER NOT NULL
) STRICT;
INSERT INTO store (one, term, place, answers, answer_bytes, answer_turn) VALUES (1, 0, 0, 0, 0, 0);

CREATE TABLE orgs (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL UNIQUE,
    -- What its cycles came to: the ledger's OrgView, as JSON.
    view  TEXT NOT NULL,
    place INTEGER NOT NULL
) STRICT;
CREATE INDEX orgs_by_place ON orgs (place);

CREATE TABLE repos (
    -- GitHub's.
    id         INTEGER PRIMARY KEY,
    org        INTEGER NOT NULL REFERENCES orgs (id),
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    tracked    INTEGER NOT NULL,
    -- Of the latest change of the repository, its streams or their coverage.
    place      INTEGER NOT NULL
) STRICT;
CREATE INDEX repos_by_org ON repos (org);
CREATE INDEX repos_by_place ON repos (place);

CREATE TABLE streams (
    repo        INTEGER NOT NULL REFERENCES repos (id),
    stream      TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    -- Whether the last listing that showed the repository named the stream.
    listed      INTEGER NOT NULL,
    -- What the last whole fetch saw: the ledger's Fingerprint, as JSON.
    fingerprint TEXT,
    fetched_at  INTEGER,
    open        INTEGER,
    unavailable TEXT,
    PRIMARY KEY (repo, stream)
) STRICT, WITHOUT ROWID;

-- Time that was read whole (without a reason), and gaps (with one). Rows of one stream never overlap.
CREATE TABLE coverage (
    repo      INTEGER NOT NULL,
    stream    TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at   INTEGER NOT NULL,
    reason    TEXT,
    error     TEXT NOT NULL,
    PRIMARY KEY (repo, stream, starts_at),
    FOREIGN KEY (repo, stream) REFERENCES streams (repo, stream),
    CHECK (starts_at < ends_at)
) STRICT, WITHOUT ROWID;

-- Each login and id once; millions of events point here.
CREATE TABLE actors (
    id      INTEGER PRIMARY KEY,
    login   TEXT NOT NULL,
    user_id INTEGER
) STRICT;
CREATE UNIQUE INDEX actors_with_id ON actors (login, user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX actors_without_id ON actors (login) WHERE user_id IS NULL;

-- The key of the table is the place of the first recording, so that the feed is read, and grows, in the order of the
-- file. An id is a number, an oid's bytes, or text: whichever is shortest.
CREATE TABLE events (
    place       INTEGER PRIMARY KEY,
    repo        INTEGER NOT NULL REFERENCES repos (id),
    kind        INTEGER NOT NULL,
    id          ANY NOT NULL,
    at          INTEGER NOT NULL,
    actor       INTEGER NOT NULL REFERENCES actors (id),
    version     INTEGER NOT NULL,
    retracted   INTEGER NOT NULL,
    -- The place of the latest change after the first recording.
    amended     INTEGER,
    number      INTEGER,
    seconds     INTEGER,
    additions   INTEGER,
    deletions   INTEGER,
    files       INTEGER,
    lines       INTEGER,
    merged_by   INTEGER REFERENCES actors (id),
    -- A review's state, or what a comment was written on.
    detail      INTEGER,
    -- The detail at the first recording.
    first       INTEGER
) STRICT;
CREATE UNIQUE INDEX events_by_key ON events (repo, kind, id);
CREATE UNIQUE INDEX events_by_amendment ON events (amended) WHERE amended IS NOT NULL;

CREATE TABLE answers (
    id         INTEGER PRIMARY KEY,
    credential TEXT NOT NULL,
    url        TEXT NOT NULL,
    etag       TEXT,
    date       INTEGER,
    -- Name and value pairs, as JSON.
    headers    TEXT NOT NULL,
    body       BLOB NOT NULL,
    kept_at    INTEGER NOT NULL,
    -- Counts keepings; the lowest is dropped first.
    turn       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX answers_by_url ON answers (url, credential);
CREATE UNIQUE INDEX answers_by_turn ON answers (turn);
