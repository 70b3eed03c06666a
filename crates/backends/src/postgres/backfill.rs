//! Filling gaps: which are due, who was given which, and how that ended. What a step makes of a stream is decided by
//! `ledger`'s `StreamView`; who may write is said by the token that lies on the stream's desk.

use jiff::Timestamp;
use ledger::event::{RepoId, Stream};
use ledger::port::activity::{Authority, Claim, Claimed, DueNow, Ending, StreamView};
use ledger::port::{Term, Token};
use tokio_postgres::types::Type;

use super::Postgres;
use super::cache::Sight;
use super::coverage;
use super::fault::Fault;
use super::rewrite::{ATTEMPTS, Plan, answered, unheard_of, verdict};
use super::rows::{self, INTS, TEXTS, get};

/// The repositories come with those that are to be dispatched alone.
const DUE: &str = "WITH open AS (
        SELECT d.repo, d.stream, d.dispatched_at, d.by_hand,
            (d.holder IS NOT NULL AND d.held_until > $3) OR coalesce(d.dispatched_at > $2, false) AS is_under_way,
            NOT d.stuck AND coalesce(d.next_attempt <= $3, true) AS is_due
        FROM @.repos r JOIN @.desks d ON d.repo = r.id
        WHERE r.org = $1 AND r.tracked AND d.gap < $3
    ), counted AS (
        SELECT count(*) FILTER (WHERE is_under_way) AS under_way, count(*) FILTER (WHERE is_due AND NOT is_under_way) AS due
        FROM open
    ), chosen AS (
        SELECT repo, stream, row_number() OVER (
            ORDER BY by_hand, dispatched_at NULLS FIRST, repo, array_position($5, stream)
        ) AS turn
        FROM open WHERE is_due AND NOT is_under_way ORDER BY turn LIMIT $4
    )
    SELECT n.under_way, n.due, c.stream, r.id, r.place, r.org, r.name, r.created_at, r.tracked, v.streams, r.ends
    FROM counted n LEFT JOIN chosen c ON true LEFT JOIN @.repos r ON r.id = c.repo
    LEFT JOIN @.views v ON v.repo = r.id ORDER BY c.turn";

impl Postgres {
    /// Which gaps can be filled now.
    pub(super) async fn due_gaps(
        &self,
        org: &str,
        silent_since: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueNow, Fault> {
        let (silent, at) = (silent_since.as_microsecond(), now.as_microsecond());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let words = Stream::ALL.map(Stream::as_str).to_vec();
        let rows = self
            .ask(
                DUE,
                &[
                    (&org, Type::TEXT),
                    (&silent, Type::INT8),
                    (&at, Type::INT8),
                    (&limit, Type::INT8),
                    (&words, TEXTS),
                ],
            )
            .await;
        let rows = answered(rows?)?;
        let mut answer = DueNow {
            under_way: rows::count(&rows[0], 0)?,
            ..DueNow::default()
        };
        let mut passed_over = 0;
        for row in &rows {
            let Some(word) = get::<Option<&str>>(row, 2)? else {
                continue;
            };
            let (repo, known) = rows::repo(row, 3)?;
            let view = known
                .as_ref()
                .and_then(|known| known.view.stream(stream(word).ok()?));
            match view.and_then(|view| view.due(repo, now)) {
                Some(due) => answer.due.push(due),
                None => passed_over += 1,
            }
        }
        answer.deferred = rows::count(&rows[0], 1)?
            .saturating_sub(answer.due.len() as u64)
            .saturating_sub(passed_over);
        Ok(answer)
    }

    /// Takes in that these were dispatched.
    pub(super) async fn dispatch_streams(
        &self,
        term: Term,
        streams: &[(RepoId, Stream)],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let number = term.0.cast_signed();
        let repos = rows::ids(streams.iter().map(|(repo, _)| *repo));
        let words: Vec<&str> = streams.iter().map(|(_, stream)| stream.as_str()).collect();
        let now = now.as_microsecond();
        let rows = self
            .ask(
                "SELECT @.dispatch($1, $2, $3, $4)",
                &[
                    (&number, Type::INT8),
                    (&repos, INTS),
                    (&words, TEXTS),
                    (&now, Type::INT8),
                ],
            )
            .await;
        let rows = answered(rows?)?;
        verdict(get(&rows[0], 0)?, Some(&Authority::Leader(term))).map(drop)
    }

    /// Gives the gaps of a stream to somebody, if they can be given.
    pub(super) async fn claim_gaps(
        &self,
        org: &str,
        (repo, stream): (RepoId, Stream),
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Claimed, Fault> {
        let (id, word) = (repo.0.cast_signed(), stream.as_str());
        let (until, at) = (until.as_microsecond(), now.as_microsecond());
        let mut sights = [self.parts.cache.sight(repo)];
        for _ in 0..ATTEMPTS {
            let view = sights[0]
                .tracked_by(org)
                .and_then(|known| known.view.stream(stream));
            let to_fill =
                view.filter(|view| view.unavailable.is_none() && view.gaps_window(now).is_some());
            let refusal = match to_fill {
                None => Some(Claimed::Nothing),
                Some(view) => refusal(view, now),
            };
            let (seen, give) = (sights[0].place(), refusal.is_none());
            let rows = self
                .ask(
                    "SELECT * FROM @.claim($1, $2, $3, $4, $5, $6, $7)",
                    &[
                        (&id, Type::INT8),
                        (&word, Type::TEXT),
                        (&seen, Type::INT8),
                        (&holder, Type::TEXT),
                        (&until, Type::INT8),
                        (&at, Type::INT8),
                        (&give, Type::BOOL),
                    ],
                )
                .await;
            let rows = answered(rows?)?;
            match get(&rows[0], 0)? {
                "unlike" => self.correct(&rows, &[repo], &mut sights)?,
                "held" if to_fill.is_some() => return Ok(Claimed::Held(rows::time(&rows[0], 2)?)),
                "given" => {
                    let known = sights[0].known().ok_or_else(|| unheard_of("given"))?;
                    let claim = Claim {
                        org: org.to_owned(),
                        repo,
                        stream,
                        token: Token(rows::number(&rows[0], 2)?),
                    };
                    return Ok(Claimed::Given {
                        claim,
                        repo: Box::new(known.view.clone()),
                    });
                }
                _ => return Ok(refusal.unwrap_or(Claimed::Nothing)),
            }
        }
        Err(Fault::Crowded(ATTEMPTS))
    }

    /// Renews a claim. Whether it is still theirs.
    pub(super) async fn hold_claim(&self, claim: &Claim, until: Timestamp) -> Result<bool, Fault> {
        let (repo, word) = (claim.repo.0.cast_signed(), claim.stream.as_str());
        let (token, until) = (claim.token.0.cast_signed(), until.as_microsecond());
        let rows = self.ask(
            "UPDATE @.desks SET held_until = $4 WHERE repo = $1 AND stream = $2 AND token = $3 AND holder IS NOT NULL
             RETURNING 1",
            &[
                (&repo, Type::INT8),
                (&word, Type::TEXT),
                (&token, Type::INT8),
                (&until, Type::INT8),
            ],
        ).await;
        Ok(!rows?.is_empty())
    }

    /// Ends a claim. Whether it was theirs.
    pub(super) async fn end_claim(&self, claim: &Claim, ending: &Ending) -> Result<bool, Fault> {
        let plan = |sights: &[Sight]| {
            let changed = coverage::changed(&sights[0], &claim.org, |view| {
                if view.stream == claim.stream {
                    view.end(ending.clone());
                }
            });
            Ok(Plan {
                streams: vec![changed],
                ends: true,
                ..Plan::default()
            })
        };
        let by = Authority::Filler(claim.clone());
        match self.rewrite(Some(&by), &[claim.repo], plan).await {
            Ok(_) => Ok(true),
            Err(Fault::Lost(_)) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Changes every stream of the organisation's tracked repositories, or of one, and counts those for which `step` says so.
    /// The repositories are those of one look; what has changed since is changed as it is.
    pub(super) async fn each_stream(
        &self,
        org: &str,
        repo: Option<RepoId>,
        step: impl Fn(&mut StreamView) -> bool + Send + Sync,
    ) -> Result<u64, Fault> {
        let found = self.repos_of(org).await?;
        let tracked = found.iter().filter(|known| known.is_tracked_by(org));
        let repos: Vec<RepoId> = tracked
            .map(|known| known.view.id)
            .filter(|id| repo.is_none_or(|repo| repo == *id))
            .collect();
        let mut counted = 0;
        let count = &mut counted;
        let plan = move |sights: &[Sight]| {
            *count = 0;
            let changed = |sight: &Sight| {
                coverage::changed(sight, org, |view| *count += u64::from(step(view)))
            };
            Ok(Plan {
                streams: sights.iter().map(changed).collect(),
                ..Plan::default()
            })
        };
        self.rewrite(None, &repos, plan).await?;
        drop(found);
        Ok(counted)
    }
}

/// Why gaps that nobody holds are not given now, if they are not.
fn refusal(view: &StreamView, now: Timestamp) -> Option<Claimed> {
    if view.backfill.stuck {
        return Some(Claimed::Stuck);
    }
    let next = view.backfill.next_attempt.filter(|at| *at > now);
    next.map(Claimed::NotYet)
}

fn stream(word: &str) -> Result<Stream, Fault> {
    Stream::parse(word).ok_or_else(|| Fault::Column(format!("no stream is called {word}")))
}
