//! The one step that rewrites repositories: prepared from what is known, sent with the places it was prepared for, and
//! prepared again from what the store answers where somebody else was faster.

use std::sync::Arc;

use jiff::Timestamp;
use ledger::event::{RepoId, Stream};
use ledger::port::activity::{Authority, Recorded, StreamView};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Postgres;
use super::cache::{Known, Sight};
use super::events::Batch;
use super::fault::Fault;
use super::rows::{self, FLAGS, INTS, Streams, TEXTS, at_length, get, moved};

/// So often a step is prepared again. Each time somebody else has got a step of theirs done on the same repositories: of four
/// who do nothing else, each loses three times of four, and so often in a row nobody does.
pub(super) const ATTEMPTS: u32 = 100;

/// What a step makes of repositories.
#[derive(Default)]
pub(super) struct Plan {
    /// Of each repository of the step, in its order: its streams, if they are different now.
    pub(super) streams: Vec<Option<Streams>>,
    /// What is recorded with it.
    pub(super) batch: Batch,
    /// Whether the claim ends by which it is written.
    pub(super) ends: bool,
}

/// Who may write, as the functions ask for it.
pub(super) struct Permit {
    pub(super) term: Option<i64>,
    pub(super) repo: Option<i64>,
    pub(super) stream: Option<&'static str>,
    pub(super) token: Option<i64>,
}

impl Permit {
    pub(super) fn of(by: Option<&Authority>) -> Permit {
        let mut permit = Permit {
            term: None,
            repo: None,
            stream: None,
            token: None,
        };
        match by {
            None => {}
            Some(Authority::Leader(term)) => permit.term = Some(term.0.cast_signed()),
            Some(Authority::Filler(claim)) => {
                permit.repo = Some(claim.repo.0.cast_signed());
                permit.stream = Some(claim.stream.as_str());
                permit.token = Some(claim.token.0.cast_signed());
            }
        }
        permit
    }
}

/// What a function answers first.
pub(super) enum Verdict {
    Done,
    Unlike,
    Other,
}

/// What of somebody's authority is left.
pub(super) fn verdict(word: &str, by: Option<&Authority>) -> Result<Verdict, Fault> {
    match (word, by) {
        ("done", _) => Ok(Verdict::Done),
        ("unlike", _) => Ok(Verdict::Unlike),
        ("fenced", Some(Authority::Leader(term))) => Err(Fault::Fenced(*term)),
        ("lost", Some(Authority::Filler(claim))) => Err(Fault::Lost(claim.token)),
        _ => Ok(Verdict::Other),
    }
}

/// How the filling of a stream's gaps stands, as the store finds what is due by it.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Desk {
    gap: Option<i64>,
    by_hand: bool,
    stuck: bool,
    next_attempt: Option<i64>,
}

impl Desk {
    fn of(view: Option<&StreamView>) -> Desk {
        let Some(view) = view.filter(|view| view.unavailable.is_none()) else {
            return Desk::default();
        };
        let gaps = view.coverage.gaps();
        let Some(first) = gaps.first() else {
            return Desk::default();
        };
        Desk {
            gap: Some(first.window.start().as_microsecond()),
            by_hand: gaps
                .iter()
                .all(|gap| gap.reason == ledger::coverage::GapReason::Manual),
            stuck: view.backfill.stuck,
            next_attempt: view.backfill.next_attempt.map(Timestamp::as_microsecond),
        }
    }
}

/// Desks that are different after a step, column by column.
#[derive(Default)]
pub(super) struct Desks {
    pub(super) repos: Vec<i64>,
    pub(super) streams: Vec<&'static str>,
    pub(super) gaps: Vec<Option<i64>>,
    pub(super) hands: Vec<bool>,
    pub(super) stucks: Vec<bool>,
    pub(super) nexts: Vec<Option<i64>>,
}

impl Desks {
    /// Adds those of a repository whose streams become these. A stream that is new gets one, whatever there is to fill.
    pub(super) fn add(&mut self, repo: RepoId, before: Option<&Known>, after: &Streams) {
        for stream in Stream::ALL {
            let shown = before.and_then(|known| find(&known.view.streams, stream));
            let is_known = shown.is_some()
                || before.is_some_and(|known| find(&known.unlisted, stream).is_some());
            let listed = find(&after.listed, stream);
            let desk = Desk::of(listed);
            let is_new = listed.is_some() && !is_known;
            if is_new || desk != Desk::of(shown) {
                self.repos.push(repo.0.cast_signed());
                self.streams.push(stream.as_str());
                self.gaps.push(desk.gap);
                self.hands.push(desk.by_hand);
                self.stucks.push(desk.stuck);
                self.nexts.push(desk.next_attempt);
            }
        }
    }
}

/// What a plan says of repositories, as their columns hold it.
struct Written {
    views: Vec<Option<String>>,
    /// Of those whose coverage has moved on and that are the same otherwise.
    ends: Vec<Option<String>>,
    desks: Desks,
}

impl Written {
    fn of(repos: &[RepoId], sights: &[Sight], plan: &Plan) -> Result<Written, Fault> {
        let mut written = Written {
            views: vec![None; repos.len()],
            ends: vec![None; repos.len()],
            desks: Desks::default(),
        };
        for (number, streams) in plan.streams.iter().enumerate() {
            if let Some(streams) = streams {
                let before = sights[number].known().map(Arc::as_ref);
                let moved = before.and_then(|known| moved(&known.view.streams, &streams.listed));
                match moved {
                    Some(ends) => written.ends[number] = Some(serde_json::to_string(&ends)?),
                    None => written.views[number] = Some(serde_json::to_string(streams)?),
                }
                written.desks.add(repos[number], before, streams);
            }
        }
        Ok(written)
    }
}

impl Postgres {
    /// Rewrites repositories as `plan` says, which sees each of them as it is, and is asked again where one has changed since.
    pub(super) async fn rewrite(
        &self,
        by: Option<&Authority>,
        repos: &[RepoId],
        mut plan: impl FnMut(&[Sight]) -> Result<Plan, Fault> + Send,
    ) -> Result<Recorded, Fault> {
        let mut sights: Vec<Sight> = repos
            .iter()
            .map(|repo| self.parts.cache.sight(*repo))
            .collect();
        for _ in 0..ATTEMPTS {
            let (plan, written) = at_length(repos.len(), || {
                let plan = plan(&sights)?;
                let written = Written::of(repos, &sights, &plan)?;
                Ok::<_, Fault>((plan, written))
            })?;
            let rows = self.send(by, repos, &sights, &plan, &written).await?;
            match verdict(get(&rows[0], 0)?, by)? {
                Verdict::Done => {
                    self.take_in(&sights, plan.streams, get(&rows[0], 2)?);
                    return Ok(Recorded {
                        inserted: rows::count(&rows[0], 9)?,
                        updated: rows::count(&rows[0], 10)?,
                        retracted: rows::count(&rows[0], 11)?,
                        outside: plan.batch.outside,
                    });
                }
                Verdict::Unlike => self.correct(&rows, repos, &mut sights)?,
                Verdict::Other => return Err(unheard_of(get(&rows[0], 0)?)),
            }
        }
        Err(Fault::Crowded(ATTEMPTS))
    }

    async fn send(
        &self,
        by: Option<&Authority>,
        repos: &[RepoId],
        sights: &[Sight],
        plan: &Plan,
        Written { views, ends, desks }: &Written,
    ) -> Result<Vec<Row>, Fault> {
        let permit = Permit::of(by);
        let ids = rows::ids(repos.iter().copied());
        let places: Vec<i64> = sights.iter().map(Sight::place).collect();
        let batch = &plan.batch;
        let of_repo = ids.first().copied();
        let sql = "SELECT * FROM @.rewrite($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
                   $19, $20, $21, $22, $23, $24)";
        let rows = self
            .ask(
                sql,
                &[
                    (&permit.term, Type::INT8),
                    (&permit.repo, Type::INT8),
                    (&permit.stream, Type::TEXT),
                    (&permit.token, Type::INT8),
                    (&plan.ends, Type::BOOL),
                    (&ids, INTS),
                    (&places, INTS),
                    (views, TEXTS),
                    (ends, TEXTS),
                    (&desks.repos, INTS),
                    (&desks.streams, TEXTS),
                    (&desks.gaps, INTS),
                    (&desks.hands, FLAGS),
                    (&desks.stucks, FLAGS),
                    (&desks.nexts, INTS),
                    (&of_repo, Type::INT8),
                    (&batch.gone, TEXTS),
                    (&batch.kinds, TEXTS),
                    (&batch.keys, TEXTS),
                    (&batch.ats, INTS),
                    (&batch.versions, INTS),
                    (&batch.histories, FLAGS),
                    (&batch.bodies, TEXTS),
                    (&batch.changes, TEXTS),
                ],
            )
            .await;
        answered(rows?)
    }

    /// Takes in what the store has taken: the repositories that are different stand after `base`, in the order of the step.
    fn take_in(&self, sights: &[Sight], streams: Vec<Option<Streams>>, base: i64) {
        let mut place = base;
        for (sight, streams) in sights.iter().zip(streams) {
            if let (Some(known), Some(streams)) = (sight.known(), streams) {
                place += 1;
                self.parts.cache.see(Arc::new(known.with(place, streams)));
            }
        }
    }

    /// Takes in what has changed since a step was prepared.
    pub(super) fn correct(
        &self,
        rows: &[Row],
        repos: &[RepoId],
        sights: &mut [Sight],
    ) -> Result<(), Fault> {
        let mut now = std::collections::HashMap::new();
        for row in rows {
            let (repo, known) = rows::repo(row, 1)?;
            let sight = known.map_or(Sight::Absent, |known| Sight::There(Arc::new(known)));
            self.parts.cache.correct(repo, &sight);
            now.insert(repo, sight);
        }
        for (repo, sight) in repos.iter().zip(sights) {
            if let Some(corrected) = now.remove(repo) {
                *sight = corrected;
            }
        }
        Ok(())
    }
}

fn find(views: &[StreamView], stream: Stream) -> Option<&StreamView> {
    views.iter().find(|view| view.stream == stream)
}

/// A function answers one row at least.
pub(super) fn answered(rows: Vec<Row>) -> Result<Vec<Row>, Fault> {
    if rows.is_empty() {
        return Err(Fault::Column("a function answered nothing".to_owned()));
    }
    Ok(rows)
}

pub(super) fn unheard_of(word: &str) -> Fault {
    Fault::Column(format!("a function answered {word}"))
}
