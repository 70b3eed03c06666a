//! Events in rows: each fact once. What a newer version may change is decided by `ledger`'s `Event::amend`.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use ledger::event::{Actor, CommentOn, Event, Fact, Kind, RepoId, ReviewState, Stream};
use ledger::port::activity::{Authority, KnownCommit, Part, Recorded};
use ledger::window::Window;
use rusqlite::{Connection, OptionalExtension, Row};

use super::coverage;
use super::fault::Fault;
use super::rows::{Code, Coded, EventId, Micros, Number};
use super::term::Change;

/// Where [`read`] finds an event in a row.
macro_rules! event_columns {
    () => {
        "e.kind, e.id, e.at, a.login, a.user_id, e.version, e.number, e.seconds, e.additions, e.deletions, e.files,
         e.lines, e.detail, m.login, m.user_id"
    };
}
pub(super) use event_columns;

pub(super) const BY_PLACE: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM events e JOIN actors a ON a.id = e.actor LEFT JOIN actors m ON m.id = e.merged_by WHERE e.place = ?1"
);
pub(super) const KNOWN: &str =
    "SELECT place, version, retracted FROM events WHERE repo = ?1 AND kind = ?2 AND id = ?3";
pub(super) const OF_REPO: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM events e JOIN actors a ON a.id = e.actor LEFT JOIN actors m ON m.id = e.merged_by
     WHERE e.repo = ?1 AND e.retracted = 0 AND e.at >= ?2 AND e.at < ?3"
);
pub(super) const COMMITS: &str =
    "SELECT id, at, retracted FROM events WHERE repo = ?1 AND kind = ?2";
pub(super) const ACTOR: &str = "SELECT id FROM actors WHERE login = ?1 AND user_id = ?2";
pub(super) const ACTOR_WITHOUT_ID: &str =
    "SELECT id FROM actors WHERE login = ?1 AND user_id IS NULL";

/// Takes in what was fetched of one repository.
pub(super) fn record(
    change: &mut Change<'_>,
    by: &Authority,
    org: &str,
    repo: RepoId,
    parts: Vec<Part>,
    now: Timestamp,
) -> Result<Recorded, Fault> {
    let mut starts = HashMap::new();
    for stream in Stream::ALL {
        if let Some(start) = coverage::started_at(change.connection, org, repo, stream)? {
            starts.insert(stream, start);
        }
    }
    let (mut events, mut retracted, mut proofs) = (Vec::new(), Vec::new(), Vec::new());
    let mut doubted = false;
    for part in parts {
        events.extend(part.events);
        if !by.may_change(repo, part.stream) {
            continue;
        }
        doubted |= part.stream == Stream::Commits && part.proof.is_none();
        retracted.extend(part.retracted);
        proofs.extend(part.proof.map(|proof| (part.stream, proof)));
    }
    events.sort_by_key(|event| event.at);

    let mut recording = Recording {
        change,
        repo,
        actors: HashMap::new(),
        done: Recorded::default(),
    };
    if starts.contains_key(&Stream::Commits) {
        let brought: HashSet<&str> = events
            .iter()
            .filter(|event| event.fact.kind() == Kind::Commit)
            .map(|event| event.id.as_str())
            .collect();
        for oid in retracted
            .into_iter()
            .filter(|oid| !brought.contains(oid.as_str()))
        {
            recording.retract(oid)?;
        }
    }
    for event in events {
        match starts.get(&event.fact.stream()) {
            Some(start) if event.at >= *start => recording.bring(&event)?,
            _ => recording.done.outside += 1,
        }
    }
    let done = recording.done;
    if doubted {
        coverage::doubt(change, org, repo)?;
    }
    for (stream, proof) in proofs {
        coverage::prove(change, org, repo, stream, proof, now)?;
    }
    Ok(done)
}

/// Repository, kind and id.
type Key = (Number, Code<Kind>, EventId);

/// What of a row decides whether anything is to be done.
struct Known {
    place: i64,
    version: i64,
    retracted: bool,
}

struct Recording<'change, 'connection> {
    change: &'change mut Change<'connection>,
    repo: RepoId,
    actors: HashMap<Actor, i64>,
    done: Recorded,
}

impl Recording<'_, '_> {
    fn retract(&mut self, oid: String) -> Result<(), Fault> {
        let known = self.known(&self.key(Kind::Commit, oid))?;
        if let Some(Known {
            place,
            retracted: false,
            ..
        }) = known
        {
            let sql = "UPDATE events SET retracted = 1, amended = ?2 WHERE place = ?1";
            let row = (place, self.change.place());
            self.change.connection.prepare_cached(sql)?.execute(row)?;
            self.done.retracted += 1;
        }
        Ok(())
    }

    fn bring(&mut self, event: &Event) -> Result<(), Fault> {
        let key = self.key(event.fact.kind(), event.id.clone());
        let Some(known) = self.known(&key)? else {
            self.insert(key, event)?;
            self.done.inserted += 1;
            return Ok(());
        };
        // Most of what a fetch brings again is exactly known, and costs no more than this look.
        if event.version <= known.version && !known.retracted {
            return Ok(());
        }
        let connection = self.change.connection;
        let mut kept = connection
            .prepare_cached(BY_PLACE)?
            .query_row([known.place], read)?;
        if kept.amend(event) || known.retracted {
            let sql = "UPDATE events SET retracted = 0, version = ?2, detail = ?3, amended = ?4 WHERE place = ?1";
            let row = (
                known.place,
                kept.version,
                Numbers::of(&kept.fact).detail,
                self.change.place(),
            );
            connection.prepare_cached(sql)?.execute(row)?;
            self.done.updated += 1;
        }
        Ok(())
    }

    fn key(&self, kind: Kind, id: String) -> Key {
        (Number(self.repo.0), Code(kind), EventId(id))
    }

    fn known(&self, key: &Key) -> Result<Option<Known>, Fault> {
        let read = |row: &Row<'_>| {
            Ok(Known {
                place: row.get(0)?,
                version: row.get(1)?,
                retracted: row.get(2)?,
            })
        };
        let mut statement = self.change.connection.prepare_cached(KNOWN)?;
        Ok(statement
            .query_row((key.0, key.1, &key.2), read)
            .optional()?)
    }

    fn insert(&mut self, key: Key, event: &Event) -> Result<(), Fault> {
        let actor = self.actor(&event.actor)?;
        let merged_by = match &event.fact {
            Fact::PullMerged {
                merged_by: Some(merger),
                ..
            } => Some(self.actor(merger)?),
            _ => None,
        };
        let numbers = Numbers::of(&event.fact);
        let sql = "INSERT INTO events (place, repo, kind, id, at, actor, version, retracted, number, seconds, additions,
            deletions, files, lines, merged_by, detail, first)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15)";
        self.change
            .connection
            .prepare_cached(sql)?
            .execute(rusqlite::params![
                self.change.place(),
                key.0,
                key.1,
                key.2,
                Micros(event.at),
                actor,
                event.version,
                numbers.number.map(Number),
                numbers.seconds.map(Number),
                numbers.additions.map(Number),
                numbers.deletions.map(Number),
                numbers.files.map(Number),
                numbers.lines.map(Number),
                merged_by,
                numbers.detail,
            ])?;
        Ok(())
    }

    /// The actor's row, made if there is none.
    fn actor(&mut self, actor: &Actor) -> Result<i64, Fault> {
        if let Some(id) = self.actors.get(actor) {
            return Ok(*id);
        }
        let connection = self.change.connection;
        let known: Option<i64> = match actor.id {
            Some(id) => connection
                .prepare_cached(ACTOR)?
                .query_row((&actor.login, Number(id)), |row| row.get(0)),
            None => connection
                .prepare_cached(ACTOR_WITHOUT_ID)?
                .query_row([&actor.login], |row| row.get(0)),
        }
        .optional()?;
        let id = match known {
            Some(id) => id,
            None => connection
                .prepare_cached("INSERT INTO actors (login, user_id) VALUES (?1, ?2)")?
                .insert((&actor.login, actor.id.map(Number)))?,
        };
        self.actors.insert(actor.clone(), id);
        Ok(id)
    }
}

/// Every commit of the repository, by oid.
pub(super) fn commits(connection: &Connection, repo: RepoId) -> Result<Vec<KnownCommit>, Fault> {
    let mut commits = connection
        .prepare_cached(COMMITS)?
        .query_map((Number(repo.0), Code(Kind::Commit)), |row| {
            let (EventId(oid), Micros(at)) = (row.get(0)?, row.get(1)?);
            Ok(KnownCommit {
                oid,
                at,
                retracted: row.get(2)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<KnownCommit>>>()?;
    commits.sort_by(|one, other| one.oid.cmp(&other.oid));
    Ok(commits)
}

/// The live events of the repository inside a window.
pub(super) fn events(
    connection: &Connection,
    repo: RepoId,
    window: Window,
) -> Result<Vec<Event>, Fault> {
    let mut events = connection
        .prepare_cached(OF_REPO)?
        .query_map(
            (Number(repo.0), Micros(window.start()), Micros(window.end())),
            read,
        )?
        .collect::<rusqlite::Result<Vec<Event>>>()?;
    events.sort_by(|one, other| {
        (one.at, one.fact.kind(), &one.id).cmp(&(other.at, other.fact.kind(), &other.id))
    });
    Ok(events)
}

/// An event from the first columns of a row, which are [`event_columns`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Event> {
    let number = |column: usize| {
        row.get::<_, Option<Number>>(column)
            .map(|value| value.map(|Number(number)| number))
    };
    let needed = |column: usize| row.get::<_, Number>(column).map(|Number(number)| number);
    let Code(kind) = row.get(0)?;
    let fact = match kind {
        Kind::Commit => Fact::Commit {
            additions: needed(8)?,
            deletions: needed(9)?,
            changed_files: needed(10)?,
        },
        Kind::PullOpened => Fact::PullOpened { number: needed(6)? },
        Kind::PullMerged => Fact::PullMerged {
            number: needed(6)?,
            merged_by: match row.get::<_, Option<String>>(13)? {
                Some(login) => Some(Actor::new(login, number(14)?)),
                None => None,
            },
            seconds_open: needed(7)?,
            lines: needed(11)?,
        },
        Kind::PullClosed => Fact::PullClosed {
            number: needed(6)?,
            seconds_open: needed(7)?,
        },
        Kind::Review => Fact::Review {
            number: needed(6)?,
            state: row.get::<_, Code<ReviewState>>(12)?.0,
            seconds_since_ready: number(7)?,
        },
        Kind::Comment => Fact::Comment {
            on: row.get::<_, Code<CommentOn>>(12)?.0,
        },
        Kind::IssueOpened => Fact::IssueOpened { number: needed(6)? },
        Kind::IssueClosed => Fact::IssueClosed {
            number: needed(6)?,
            seconds_open: needed(7)?,
        },
    };
    Ok(Event {
        id: row.get::<_, EventId>(1)?.0,
        at: row.get::<_, Micros>(2)?.0,
        actor: Actor::new(row.get::<_, String>(3)?, number(4)?),
        fact,
        version: row.get(5)?,
    })
}

/// What of a fact lies in columns of its own.
#[derive(Default)]
struct Numbers {
    number: Option<u64>,
    seconds: Option<u64>,
    additions: Option<u64>,
    deletions: Option<u64>,
    files: Option<u64>,
    lines: Option<u64>,
    detail: Option<i64>,
}

impl Numbers {
    fn of(fact: &Fact) -> Numbers {
        let none = Numbers::default();
        match fact {
            Fact::Commit {
                additions,
                deletions,
                changed_files,
            } => Numbers {
                additions: Some(*additions),
                deletions: Some(*deletions),
                files: Some(*changed_files),
                ..none
            },
            Fact::PullOpened { number } | Fact::IssueOpened { number } => Numbers {
                number: Some(*number),
                ..none
            },
            Fact::PullMerged {
                number,
                seconds_open,
                lines,
                merged_by: _,
            } => Numbers {
                number: Some(*number),
                seconds: Some(*seconds_open),
                lines: Some(*lines),
                ..none
            },
            Fact::PullClosed {
                number,
                seconds_open,
            }
            | Fact::IssueClosed {
                number,
                seconds_open,
            } => Numbers {
                number: Some(*number),
                seconds: Some(*seconds_open),
                ..none
            },
            Fact::Review {
                number,
                state,
                seconds_since_ready,
            } => Numbers {
                number: Some(*number),
                seconds: *seconds_since_ready,
                detail: Some(state.code()),
                ..none
            },
            Fact::Comment { on } => Numbers {
                detail: Some(on.code()),
                ..none
            },
        }
    }
}
