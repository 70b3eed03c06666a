-- Version 1: activity with its coverage, kept answers and notes, the board of the processes, the queue, the office.
--
-- Times are microseconds since 1970; where the database's own clock counts, they are timestamps. GitHub's ids are 64-bit
-- numbers, kept bit by bit. What is shown to nobody but tidegate is JSON in text: text keeps every character.
-- A place is a number of the one sequence that orders every change of activity.
--
-- What writes activity is a function, so that a step is one statement: one round trip, a transaction of its own, and nothing
-- left open if the connection goes away in the middle. They go from row to row by the key of each: a plan for many rows, made
-- while a table is empty, stays, and reads the whole of it for each row once it is not.

-- One row: who leads, the last place, and which filling of the store this is. Whoever changes activity locks it first.
CREATE TABLE store (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    incarnation text NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', ''),
    -- Begins with the time, so that no leader of an earlier filling is taken for one of this.
    term        bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    holder      text,
    led_at      bigint,
    -- Begins anywhere, so that no place of another filling is taken for one of this.
    place       bigint NOT NULL DEFAULT (random() * 1e12)::bigint
) WITH (fillfactor = 10);
INSERT INTO store DEFAULT VALUES;

CREATE TABLE orgs (
    name  text COLLATE "C" PRIMARY KEY,
    -- What its cycles came to: the ledger's OrgView.
    view  text NOT NULL,
    place bigint NOT NULL
);
CREATE INDEX orgs_by_place ON orgs (place);

CREATE TABLE repos (
    -- GitHub's.
    id         bigint PRIMARY KEY,
    -- Of the latest change of the repository, its streams or their coverage: whoever rewrites the row says which one it has seen.
    place      bigint NOT NULL,
    org        text COLLATE "C" NOT NULL REFERENCES orgs (name),
    name       text NOT NULL,
    created_at bigint NOT NULL,
    tracked    boolean NOT NULL,
    -- Where the coverage of its listed streams ends now, if nothing else has changed since its row of streams was written.
    ends       text
);
CREATE INDEX repos_by_org ON repos (org);
CREATE INDEX repos_by_place ON repos (place);

-- The ledger's StreamViews of a repository, those that the last listing named and those that it did not. Most of what is
-- written moves their ends alone, of every repository in every cycle: so they lie apart, and are not written again with them.
CREATE TABLE views (
    repo    bigint PRIMARY KEY REFERENCES repos (id),
    streams text NOT NULL
);

-- The filling of a stream's gaps: what decides whether they are due, copied from the view, and what only the store knows.
CREATE TABLE desks (
    repo          bigint NOT NULL REFERENCES repos (id),
    stream        text COLLATE "C" NOT NULL,
    -- Where the first gap starts; none where there is nothing to fill.
    gap           bigint,
    -- Whether every gap is history that was asked for.
    by_hand       boolean NOT NULL DEFAULT false,
    stuck         boolean NOT NULL DEFAULT false,
    next_attempt  bigint,
    -- When a task was last dispatched, and nobody has ended one since.
    dispatched_at bigint,
    -- The token of the latest claim, and who holds it, until when, if anybody does. Begins anywhere, as places do.
    token         bigint NOT NULL DEFAULT (random() * 1e12)::bigint,
    holder        text,
    held_until    bigint,
    PRIMARY KEY (repo, stream)
);
CREATE INDEX desks_with_gaps ON desks (repo) WHERE gap IS NOT NULL;

-- The key is the place of the first recording, so that the feed is read in the order of the file. That the repository is
-- there is said by the function that writes, which has compared its place.
CREATE TABLE events (
    place     bigint PRIMARY KEY,
    repo      bigint NOT NULL,
    at        bigint NOT NULL,
    version   bigint NOT NULL,
    -- The place of the latest change after the first recording.
    amended   bigint,
    retracted boolean NOT NULL DEFAULT false,
    -- Whether it lies before what the counters of its stream count from.
    history   boolean NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    id        text COLLATE "C" NOT NULL,
    -- The actor's login and id, and the fact, as first recorded.
    body      text NOT NULL,
    -- What a newer version has put in place of what may change in the fact.
    changed   text
);
CREATE UNIQUE INDEX events_by_key ON events (repo, kind, id);
CREATE INDEX events_by_time ON events (repo, at);
CREATE UNIQUE INDEX events_by_amendment ON events (amended) WHERE amended IS NOT NULL;

-- Lets one change of activity in, and tells the last place. A change waits here for the one before it, so that terms do not
-- interleave and places become visible in order.
CREATE FUNCTION enter(by_term bigint, by_repo bigint, by_stream text, by_token bigint, OUT verdict text, OUT last bigint)
LANGUAGE plpgsql SET search_path FROM CURRENT SET lock_timeout = '8s' AS $$
DECLARE
    present bigint;
BEGIN
    SELECT s.term, s.place INTO STRICT present, last FROM store s FOR UPDATE;
    verdict := CASE
        WHEN by_term <> present THEN 'fenced'
        WHEN by_token IS NOT NULL AND NOT EXISTS (
            SELECT FROM desks d
            WHERE d.repo = by_repo AND d.stream = by_stream AND d.token = by_token AND d.holder IS NOT NULL
        ) THEN 'lost'
        ELSE 'done'
    END;
END $$;

CREATE FUNCTION lead(leader text, now bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM enter(NULL, NULL, NULL, NULL);
    UPDATE store SET term = term + 1, holder = leader, led_at = now;
    RETURN (SELECT term FROM store);
END $$;

-- Repositories that are not as the caller has seen them, as they are. A place of 0 is none; -1 is that of no repository.
CREATE FUNCTION unlike(ids bigint[], places bigint[])
RETURNS TABLE (
    id bigint, place bigint, org text, name text, created_at bigint, tracked boolean, streams text, ends text
)
LANGUAGE sql STABLE SET search_path FROM CURRENT SET jit = off AS $$
    SELECT seen.id, coalesce(r.place, 0), r.org, r.name, r.created_at, r.tracked, v.streams, r.ends
    FROM unnest(ids, places) AS seen (id, place)
    LEFT JOIN repos r ON r.id = seen.id LEFT JOIN views v ON v.repo = r.id
    WHERE coalesce(r.place, 0) <> seen.place
$$;

CREATE FUNCTION keep_desks(of_repos bigint[], of_streams text[], gaps bigint[], hands boolean[], stucks boolean[], nexts bigint[])
RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO desks (repo, stream, gap, by_hand, stuck, next_attempt)
    SELECT * FROM unnest(of_repos, of_streams, gaps, hands, stucks, nexts)
    ON CONFLICT (repo, stream) DO UPDATE
    SET gap = excluded.gap, by_hand = excluded.by_hand, stuck = excluded.stuck, next_attempt = excluded.next_attempt
$$;

-- Rewrites repositories that are as the caller has seen them, with the events and retractions of one of them. Answers
-- 'fenced' or 'lost'; or 'unlike' with every repository that has changed since; or 'done' with the place after which the
-- rewritten ones stand in the order of the call, and with what was recorded.
CREATE FUNCTION rewrite(
    by_term bigint, by_repo bigint, by_stream text, by_token bigint, ending boolean,
    ids bigint[], places bigint[], views text[], moved text[],
    desk_repos bigint[], desk_streams text[], desk_gaps bigint[], desk_hands boolean[], desk_stucks boolean[],
    desk_nexts bigint[],
    of_repo bigint, gone text[], kinds text[], keys text[], ats bigint[], versions bigint[],
    histories boolean[], bodies text[], changes text[]
)
RETURNS TABLE (
    verdict text, id bigint, place bigint, org text, name text, created_at bigint, tracked boolean, streams text, ends text,
    inserted bigint, updated bigint, retracted bigint
)
LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    found_verdict text;
    first bigint;
    last bigint;
    base bigint;
    oid text;
    brought record;
    known record;
    changed record;
    all_fresh bigint := 0;
    all_known bigint := 0;
    all_gone bigint := 0;
BEGIN
    SELECT e.verdict, e.last INTO found_verdict, first FROM enter(by_term, by_repo, by_stream, by_token) e;
    IF found_verdict <> 'done' THEN
        RETURN QUERY SELECT found_verdict, 0::bigint, 0::bigint, NULL, NULL, NULL::bigint, NULL::boolean, NULL, NULL,
            0::bigint, 0::bigint, 0::bigint;
        RETURN;
    END IF;
    RETURN QUERY SELECT 'unlike', u.*, 0::bigint, 0::bigint, 0::bigint FROM unlike(ids, places) u;
    IF FOUND THEN
        RETURN;
    END IF;
    last := first;

    FOREACH oid IN ARRAY gone LOOP
        UPDATE events e SET retracted = true, amended = last + 1
        WHERE e.repo = of_repo AND e.kind = 'commit' AND e.id = oid AND NOT e.retracted;
        IF FOUND THEN
            last := last + 1;
            all_gone := all_gone + 1;
        END IF;
    END LOOP;

    FOR brought IN
        SELECT b.* FROM unnest(kinds, keys, ats, versions, histories, bodies, changes)
            AS b (kind, id, at, version, history, body, changed)
    LOOP
        SELECT e.place, e.version, e.retracted INTO known FROM events e
        WHERE e.repo = of_repo AND e.kind = brought.kind AND e.id = brought.id;
        IF NOT FOUND THEN
            last := last + 1;
            all_fresh := all_fresh + 1;
            INSERT INTO events (place, repo, at, version, history, kind, id, body)
            VALUES (last, of_repo, brought.at, brought.version, brought.history, brought.kind, brought.id, brought.body);
        ELSIF brought.changed IS NOT NULL AND brought.version > known.version THEN
            last := last + 1;
            all_known := all_known + 1;
            UPDATE events e
            SET retracted = false, amended = last, version = brought.version, changed = brought.changed
            WHERE e.place = known.place;
        ELSIF known.retracted THEN
            last := last + 1;
            all_known := all_known + 1;
            UPDATE events e SET retracted = false, amended = last WHERE e.place = known.place;
        END IF;
    END LOOP;

    base := last;
    FOR changed IN
        SELECT w.* FROM unnest(ids, views, moved) AS w (id, view, ends) WHERE w.view IS NOT NULL OR w.ends IS NOT NULL
    LOOP
        last := last + 1;
        UPDATE repos r SET ends = changed.ends, place = last WHERE r.id = changed.id;
        IF changed.view IS NOT NULL THEN
            UPDATE views v SET streams = changed.view WHERE v.repo = changed.id;
        END IF;
    END LOOP;
    IF cardinality(desk_repos) > 0 THEN
        PERFORM keep_desks(desk_repos, desk_streams, desk_gaps, desk_hands, desk_stucks, desk_nexts);
    END IF;
    IF ending THEN
        UPDATE desks d SET holder = NULL, held_until = NULL, dispatched_at = NULL
        WHERE d.repo = by_repo AND d.stream = by_stream;
    END IF;
    IF last > first THEN
        UPDATE store SET place = last;
    END IF;
    RETURN QUERY SELECT 'done', 0::bigint, base, NULL, NULL, NULL::bigint, NULL::boolean, NULL, NULL,
        all_fresh, all_known, all_gone;
END $$;

-- Takes in a listing: the repositories with a view are new or different. Answers as rewrite does, and 'gone' with every
-- repository that became untracked.
CREATE FUNCTION track(
    by_term bigint, of_org text, org_view text,
    ids bigint[], places bigint[], names text[], created bigint[], views text[],
    desk_repos bigint[], desk_streams text[], desk_gaps bigint[], desk_hands boolean[], desk_stucks boolean[],
    desk_nexts bigint[]
)
RETURNS TABLE (
    verdict text, id bigint, place bigint, org text, name text, created_at bigint, tracked boolean, streams text, ends text
)
LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    found_verdict text;
    first bigint;
    last bigint;
    base bigint;
    count bigint;
BEGIN
    SELECT e.verdict, e.last INTO found_verdict, first FROM enter(by_term, NULL, NULL, NULL) e;
    IF found_verdict <> 'done' THEN
        RETURN QUERY SELECT found_verdict, 0::bigint, 0::bigint, NULL, NULL, NULL::bigint, NULL::boolean, NULL, NULL;
        RETURN;
    END IF;
    RETURN QUERY SELECT 'unlike', u.* FROM unlike(ids, places) u;
    IF FOUND THEN
        RETURN;
    END IF;
    last := first;

    INSERT INTO orgs (name, view, place) VALUES (of_org, org_view, last + 1) ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS count = ROW_COUNT;
    last := last + count;
    base := last;
    INSERT INTO repos (id, place, org, name, created_at, tracked)
    SELECT w.id, last + row_number() OVER (ORDER BY w.turn), of_org, w.name, w.created_at, true
    FROM unnest(ids, names, created, views) WITH ORDINALITY AS w (id, name, created_at, view, turn)
    WHERE w.view IS NOT NULL
    ON CONFLICT (id) DO UPDATE
    SET place = excluded.place, org = excluded.org, name = excluded.name, created_at = excluded.created_at,
        tracked = true, ends = NULL;
    GET DIAGNOSTICS count = ROW_COUNT;
    last := last + count;
    INSERT INTO views (repo, streams)
    SELECT w.id, w.view FROM unnest(ids, views) AS w (id, view) WHERE w.view IS NOT NULL
    ON CONFLICT (repo) DO UPDATE SET streams = excluded.streams;
    IF cardinality(desk_repos) > 0 THEN
        PERFORM keep_desks(desk_repos, desk_streams, desk_gaps, desk_hands, desk_stucks, desk_nexts);
    END IF;
    RETURN QUERY
        WITH missing AS (
            SELECT r.id, row_number() OVER (ORDER BY r.id) AS turn FROM repos r
            WHERE r.org = of_org AND r.tracked AND NOT EXISTS (SELECT FROM unnest(ids) AS listed (id) WHERE listed.id = r.id)
        )
        UPDATE repos r SET tracked = false, place = last + missing.turn FROM missing WHERE r.id = missing.id
        RETURNING 'gone', r.id, r.place, NULL, NULL, NULL::bigint, NULL::boolean, NULL, NULL;
    GET DIAGNOSTICS count = ROW_COUNT;
    last := last + count;
    IF last > first THEN
        UPDATE store SET place = last;
    END IF;
    RETURN QUERY SELECT 'done', 0::bigint, base, NULL, NULL, NULL::bigint, NULL::boolean, NULL, NULL;
END $$;

-- Puts an organisation's view in place of the one that the caller has seen; of none, where that place is 0.
CREATE FUNCTION fold(by_term bigint, of_org text, seen bigint, new_view text)
RETURNS TABLE (verdict text, place bigint, view text)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    found_verdict text;
    last bigint;
BEGIN
    SELECT e.verdict, e.last INTO found_verdict, last FROM enter(by_term, NULL, NULL, NULL) e;
    IF found_verdict <> 'done' THEN
        RETURN QUERY SELECT found_verdict, 0::bigint, NULL;
        RETURN;
    END IF;
    RETURN QUERY SELECT 'unlike', o.place, o.view FROM orgs o WHERE o.name = of_org AND o.place <> seen;
    IF FOUND THEN
        RETURN;
    END IF;
    INSERT INTO orgs (name, view, place) VALUES (of_org, new_view, last + 1)
    ON CONFLICT (name) DO UPDATE SET view = excluded.view, place = excluded.place;
    UPDATE store SET place = last + 1;
    RETURN QUERY SELECT 'done', last + 1, NULL;
END $$;

CREATE FUNCTION dispatch(by_term bigint, of_repos bigint[], of_streams text[], now bigint) RETURNS text
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    found_verdict text;
BEGIN
    SELECT e.verdict INTO found_verdict FROM enter(by_term, NULL, NULL, NULL) e;
    IF found_verdict = 'done' THEN
        UPDATE desks d SET dispatched_at = now FROM unnest(of_repos, of_streams) AS sent (repo, stream)
        WHERE d.repo = sent.repo AND d.stream = sent.stream;
    END IF;
    RETURN found_verdict;
END $$;

-- Gives the gaps of a stream to somebody, if the repository is as it was seen, nobody holds them, and they are to be given.
-- Answers 'unlike' as rewrite does; 'held' with until when, 'given' with a token, or 'free'.
CREATE FUNCTION claim(
    of_repo bigint, of_stream text, seen bigint, claimant text, until bigint, now bigint, give boolean
)
RETURNS TABLE (
    verdict text, id bigint, place bigint, org text, name text, created_at bigint, tracked boolean, streams text, ends text
)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    busy bigint;
    given bigint;
BEGIN
    PERFORM enter(NULL, NULL, NULL, NULL);
    RETURN QUERY SELECT 'unlike', u.* FROM unlike(ARRAY[of_repo], ARRAY[seen]) u;
    IF FOUND THEN
        RETURN;
    END IF;
    SELECT d.held_until INTO busy FROM desks d
    WHERE d.repo = of_repo AND d.stream = of_stream AND d.holder IS NOT NULL AND d.held_until > now;
    IF busy IS NULL AND give THEN
        UPDATE desks d SET token = d.token + 1, holder = claimant, held_until = until
        WHERE d.repo = of_repo AND d.stream = of_stream
        RETURNING d.token INTO given;
    END IF;
    RETURN QUERY SELECT
        CASE WHEN busy IS NOT NULL THEN 'held' WHEN given IS NOT NULL THEN 'given' ELSE 'free' END,
        0::bigint, coalesce(busy, given, 0::bigint), NULL, NULL, NULL::bigint, NULL::boolean, NULL, NULL;
END $$;

-- Answers that can be asked for again at no cost, packed. The lowest turn is the one that was kept longest ago.
CREATE TABLE answers (
    url        text COLLATE "C" NOT NULL,
    credential text COLLATE "C" NOT NULL,
    turn       bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    kept_at    bigint NOT NULL,
    date       bigint,
    bytes      integer NOT NULL,
    etag       text,
    -- Name and value pairs.
    headers    text NOT NULL,
    body       bytea NOT NULL,
    PRIMARY KEY (url, credential)
);
ALTER TABLE answers ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX answers_by_turn ON answers (turn) INCLUDE (bytes);

-- A few short texts that must outlive a restart.
CREATE TABLE notes (
    name  text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

-- What processes tell each other of a credential. Nothing here says when a row was written, on purpose.
CREATE TABLE tellings (
    member     text COLLATE "C" NOT NULL,
    credential text COLLATE "C" NOT NULL,
    beat       bigint NOT NULL,
    share      text NOT NULL,
    view       text NOT NULL,
    PRIMARY KEY (member, credential)
);

-- Ends by GitHub's clock.
CREATE TABLE blocks (
    credential   text COLLATE "C" PRIMARY KEY,
    closed_until bigint NOT NULL,
    -- What GitHub's clock showed when a machine was started, where the process that met the block knew.
    machine      text,
    started      bigint,
    CHECK ((machine IS NULL) = (started IS NULL))
);

CREATE TABLE learnt (
    credential text COLLATE "C" PRIMARY KEY,
    learnt     text NOT NULL
);

-- Two who exchange at the same time do it one after the other, so that the later one hears the earlier. What is told is about
-- this second: it waits for no disk.
CREATE FUNCTION exchange(me text, my_beat bigint, credentials text[], shares text[], views text[])
RETURNS TABLE (member text, beat bigint, credential text, share text, view text)
LANGUAGE plpgsql SET search_path FROM CURRENT SET lock_timeout = '1s' AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    -- The first key is "Tide".
    PERFORM pg_advisory_xact_lock(x'54696465'::integer, 'tellings'::regclass::oid::bigint::bit(32)::integer);
    DELETE FROM tellings t WHERE t.member = me AND t.credential <> ALL (credentials);
    INSERT INTO tellings (member, credential, beat, share, view)
    SELECT me, w.credential, my_beat, w.share, w.view FROM unnest(credentials, shares, views) AS w (credential, share, view)
    ON CONFLICT (member, credential) DO UPDATE SET beat = excluded.beat, share = excluded.share, view = excluded.view;
    RETURN QUERY SELECT t.member, t.beat, t.credential, t.share, t.view FROM tellings t WHERE t.member <> me
        ORDER BY t.member, t.credential;
END $$;

-- Tasks of backfill, by the database's clock. A body is whatever somebody has put there.
CREATE TABLE tasks (
    id          bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    -- When it may be handed out; of what is in somebody's hands, handed out again.
    visible_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    in_hand     boolean NOT NULL DEFAULT false,
    -- How often it was handed out: a tag is of one time.
    handed_out  bigint NOT NULL DEFAULT 0,
    enqueued_at bigint,
    body        bytea NOT NULL
);
CREATE INDEX tasks_by_time ON tasks (visible_at, id);

CREATE TABLE dead_tasks (
    id        bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    buried_at bigint NOT NULL,
    why       text NOT NULL,
    body      bytea NOT NULL
);

-- One row once anybody has held the office.
CREATE TABLE office (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    holder text,
    epoch  bigint NOT NULL,
    -- Counts the steps that anybody took.
    step   bigint NOT NULL
) WITH (fillfactor = 10);
