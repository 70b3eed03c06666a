//! Filling gaps: which are due, who was given which, and how that ended. What a step makes of a stream is decided by `ledger`'s
//! `StreamView`; who may write is said by the token that the store keeps beside it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ledger::coverage::GapReason;
use ledger::event::{RepoId, Stream};
use ledger::port::Token;
use ledger::port::activity::{Claim, Claimed, DueNow, Ending, StreamView};

use super::coverage::with;
use super::fault::Fault;
use super::known::Version;
use super::repos::{Claims, ROWS, Tries};
use super::rows::{self, Row};
use super::script::{Answer, By, CLAIM, DISPATCHED, HOLD, field};
use super::term::EXACT;
use super::{Redis, leap};

/// A time as the scripts compare it.
fn micros(at: Timestamp) -> Vec<u8> {
    let exact = at.as_microsecond().clamp(-EXACT, EXACT);
    exact.to_string().into()
}

/// What the store keeps beside a stream.
#[derive(Default)]
struct Desk {
    held_until: Option<Timestamp>,
    dispatched_at: Option<Timestamp>,
}

impl Redis {
    /// Which gaps can be filled now.
    pub(super) async fn due(
        &self,
        org: &str,
        silent_since: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueNow, Fault> {
        self.read_on().await?;
        let rows = self.parts.known.of_org(org);
        let with_gaps: Vec<(RepoId, &StreamView)> = rows
            .iter()
            .flat_map(|(repo, row)| row.writable(org).map(|view| (*repo, view)))
            .filter(|(_, view)| view.unavailable.is_none() && view.gaps_window(now).is_some())
            .collect();
        let (mut found, mut answer) = (Vec::new(), DueNow::default());
        for some in with_gaps.chunks(ROWS) {
            for ((repo, view), desk) in some.iter().zip(self.desks(some).await?) {
                let is_held = desk.held_until.is_some_and(|until| until > now);
                if is_held || desk.dispatched_at.is_some_and(|at| at > silent_since) {
                    answer.under_way += 1;
                } else if let Some(due) = view.due(*repo, now) {
                    let by_hand = due.reason == GapReason::Manual;
                    found.push(((by_hand, desk.dispatched_at, due.repo, due.stream), due));
                }
            }
        }
        found.sort_by_key(|(order, _)| *order);
        answer.deferred = found.len().saturating_sub(limit) as u64;
        answer.due = found.into_iter().take(limit).map(|(_, due)| due).collect();
        Ok(answer)
    }

    /// Who is at these, and when they were dispatched.
    async fn desks(&self, streams: &[(RepoId, &StreamView)]) -> Result<Vec<Desk>, Fault> {
        let live = self.live().await?;
        let fields: Vec<String> = streams
            .iter()
            .map(|(repo, view)| field(*repo, view.stream))
            .collect();
        let mut ask = redis::pipe();
        ask.cmd("HMGET").arg(self.parts.keys.claims()).arg(&fields);
        ask.cmd("HMGET")
            .arg(self.parts.keys.dispatched())
            .arg(&fields);
        let send = async move |mut connection| ask.query_async(&mut connection).await;
        let (claims, dispatched): (Vec<Option<String>>, Vec<Option<i64>>) =
            self.parts.link.send(&live, send).await?;
        let desk = |(claim, dispatched): (Option<String>, Option<i64>)| {
            let held_until = claim.map(|claim| {
                let word = claim.split(' ').nth(1).and_then(|word| word.parse().ok());
                rows::time(word.ok_or(Fault::Unreadable("a claim without its end"))?)
            });
            Ok(Desk {
                held_until: held_until.transpose()?,
                dispatched_at: dispatched.map(rows::time).transpose()?,
            })
        };
        claims.into_iter().zip(dispatched).map(desk).collect()
    }

    /// Takes in that these were dispatched. A crash in between leaves some that will be dispatched twice.
    pub(super) async fn dispatched(
        &self,
        by: By<'_>,
        streams: &[(RepoId, Stream)],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut chunks = streams.chunks(ROWS);
        let mut some = chunks.next().unwrap_or_default();
        let mut tries = Tries::default();
        loop {
            let (incarnation, _) = self.parts.known.position();
            let mut own = vec![micros(now)];
            own.extend(
                some.iter()
                    .map(|(repo, stream)| field(*repo, *stream).into()),
            );
            match self.call(&DISPATCHED, by, &incarnation, own).await? {
                Answer::Done(_) => {}
                _ => {
                    tries.once_more()?;
                    continue;
                }
            }
            match chunks.next() {
                Some(next) => some = next,
                None => return Ok(()),
            }
        }
    }

    /// Gives the gaps of a stream to somebody, if they can be given.
    pub(super) async fn claim(
        &self,
        org: &str,
        (repo, stream): (RepoId, Stream),
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Claimed, Fault> {
        let mut tries = Tries::default();
        loop {
            let (incarnation, known) = self.parts.known.look(&[repo]);
            let known = known.into_iter().next().flatten();
            let verdict = verdict(known.as_ref(), org, stream, now);
            let what: &str = match verdict {
                Verdict::Nothing => "pass",
                Verdict::Stuck | Verdict::NotYet(_) => "look",
                Verdict::Free(_) => "take",
            };
            let version = known.as_ref().map(|known| known.place.to_string());
            let own = vec![
                repo.to_string().into(),
                version.unwrap_or_default().into(),
                what.into(),
                field(repo, stream).into(),
                holder.into(),
                micros(until),
                micros(now),
                leap().into(),
            ];
            match self.call(&CLAIM, By::Anybody, &incarnation, own).await? {
                Answer::Held(mut reply) => {
                    return Ok(Claimed::Held(rows::time(reply.number()?)?));
                }
                Answer::Done(mut reply) => {
                    return Ok(match verdict {
                        Verdict::Nothing => Claimed::Nothing,
                        Verdict::Stuck => Claimed::Stuck,
                        Verdict::NotYet(at) => Claimed::NotYet(at),
                        Verdict::Free(row) => Claimed::Given {
                            claim: Claim {
                                org: org.to_owned(),
                                repo,
                                stream,
                                token: Token(reply.number()?),
                            },
                            repo: Box::new(row.view(repo)),
                        },
                    });
                }
                Answer::Moved(mut reply) => {
                    self.take_in_row(&incarnation, &mut reply)?;
                }
                Answer::Anew => {}
            }
            tries.once_more()?;
        }
    }

    /// Renews a claim. Whether it is still theirs.
    pub(super) async fn hold(&self, claim: &Claim, until: Timestamp) -> Result<bool, Fault> {
        let mut tries = Tries::default();
        loop {
            let (incarnation, _) = self.parts.known.position();
            let own = vec![micros(until)];
            match self.call(&HOLD, By::Filler(claim), &incarnation, own).await {
                Ok(Answer::Done(_)) => return Ok(true),
                Ok(_) => tries.once_more()?,
                Err(Fault::Lost(_)) => return Ok(false),
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Ends a claim. Whether it was theirs.
    pub(super) async fn end_claim(&self, claim: &Claim, ending: Ending) -> Result<bool, Fault> {
        let repo = claim.repo;
        let mut tries = Tries::default();
        loop {
            let (incarnation, known) = self.parts.known.look(&[repo]);
            let known = known.into_iter().next().flatten();
            let row = known.as_ref().map(|known| &*known.what);
            let new = with(row, &claim.org, claim.stream, |view| {
                view.end(ending.clone());
            });
            let by = By::Filler(claim);
            let known = (&incarnation, known.as_ref());
            let step = self.step_on(by, repo, known, new, Claims::End, Vec::new());
            match step.await {
                Ok(Some(_)) => return Ok(true),
                Ok(None) => tries.once_more()?,
                Err(Fault::Lost(_)) => return Ok(false),
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Changes every stream of the organisation's tracked repositories, or of one, and counts those for which `step` says so.
    /// Each repository by itself: who was cut off asks again.
    pub(super) async fn each(
        &self,
        org: &str,
        repo: Option<RepoId>,
        step: impl Fn(&mut StreamView) -> bool + Sync,
    ) -> Result<u64, Fault> {
        self.read_on().await?;
        let ours = self.parts.known.of_org(org).into_iter().map(|(id, _)| id);
        let repos: BTreeSet<RepoId> = ours
            .filter(|id| repo.is_none_or(|one| one == *id))
            .collect();
        let change = |_: RepoId, known: Option<&Row>| {
            let mut row = known.cloned();
            let mut counted = 0;
            for stream in Stream::ALL {
                let view = row
                    .as_mut()
                    .and_then(|row| row.stream_to_write(org, stream));
                counted += u64::from(view.is_some_and(&step));
            }
            (row, counted)
        };
        self.step_on_all(By::Anybody, None, repos, &change).await
    }
}

/// What a stream's row says of giving its gaps to somebody.
enum Verdict {
    Nothing,
    Stuck,
    NotYet(Timestamp),
    Free(std::sync::Arc<Row>),
}

fn verdict(known: Option<&Version<Row>>, org: &str, stream: Stream, now: Timestamp) -> Verdict {
    let row = known.map(|known| &known.what);
    let view = row.and_then(|row| Some((row, row.writable_stream(org, stream)?)));
    let Some((row, view)) =
        view.filter(|(_, view)| view.unavailable.is_none() && view.gaps_window(now).is_some())
    else {
        return Verdict::Nothing;
    };
    if view.backfill.stuck {
        return Verdict::Stuck;
    }
    match view.backfill.next_attempt.filter(|at| *at > now) {
        Some(at) => Verdict::NotYet(at),
        None => Verdict::Free(std::sync::Arc::clone(row)),
    }
}
