//! Repositories and organisations: who belongs where, under which name, and what the last cycle came to. And how a row is
//! changed: it is computed here from what is known of it, and written if it is still that.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use ledger::event::RepoId;
use ledger::port::activity::{CycleReport, OrgView, RepoView, SeenRepo};

use super::Redis;
use super::fault::Fault;
use super::known::Version;
use super::reply::Reply;
use super::rows::Row;
use super::script::{Answer, By, CYCLE, REPO, REPOS, SINCE};

/// How many rows one script reads or writes at most: some milliseconds of the server's time.
pub(super) const ROWS: usize = 1000;

/// How often a step is tried again because others changed the same thing. Each time somebody has got further.
const TRIES: usize = 64;

/// What a step makes of a repository's row, if anything, and for how many streams that counts.
pub(super) type Change<'a> = &'a (dyn Fn(RepoId, Option<&Row>) -> (Option<Row>, u64) + Sync);

/// Whether a filler's claim ends with the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claims {
    Stay,
    End,
}

/// Counts the tries of a step.
#[derive(Default)]
pub(super) struct Tries(usize);

impl Tries {
    pub(super) fn once_more(&mut self) -> Result<(), Fault> {
        self.0 += 1;
        if self.0 < TRIES {
            Ok(())
        } else {
            Err(Fault::Contended)
        }
    }
}

/// A row as it will be, and how it is written.
struct Written {
    bytes: Vec<u8>,
    row: Arc<Row>,
}

impl Written {
    /// None if it stays as it is. It is read back from what is written, so that what is known is what the store says.
    fn of(known: Option<&Row>, new: Option<Row>) -> Result<Option<Written>, Fault> {
        let Some(new) = new.filter(|new| Some(new) != known) else {
            return Ok(None);
        };
        let bytes = new.encode()?;
        let row = Row::decode(&bytes)?;
        Ok((Some(&row) != known).then(|| Written {
            bytes,
            row: Arc::new(row),
        }))
    }
}

fn place_word<T>(known: Option<&Version<T>>) -> Vec<u8> {
    known.map_or_else(Vec::new, |known| known.place.to_string().into())
}

impl Redis {
    /// One step on one repository: its row becomes `new` if it still is what is known, and events are written. Answers how many
    /// were inserted, updated and retracted; none if the row has moved on: then it is known now, and the step is to be decided
    /// again.
    pub(super) async fn step_on(
        &self,
        by: By<'_>,
        repo: RepoId,
        (incarnation, known): (&Arc<str>, Option<&Version<Row>>),
        new: Option<Row>,
        claims: Claims,
        events: Vec<Vec<u8>>,
    ) -> Result<Option<[u64; 3]>, Fault> {
        let written = Written::of(known.map(|known| &*known.what), new)?;
        let (bytes, row) = written.map(|new| (new.bytes, new.row)).unzip();
        let ends: &str = match claims {
            Claims::Stay => "0",
            Claims::End => "1",
        };
        let mut own = vec![
            repo.to_string().into(),
            place_word(known),
            bytes.unwrap_or_default(),
            ends.into(),
        ];
        own.extend(events);
        match self.call(&REPO, by, incarnation, own).await? {
            Answer::Done(mut reply) => {
                let (before, place) = (reply.number()?, reply.number()?);
                if let Some(what) = row {
                    let version = Version { place, what };
                    self.parts.known.put(incarnation, repo, Some(version));
                }
                self.parts.known.stepped(incarnation, before, place);
                Ok(Some([reply.number()?, reply.number()?, reply.number()?]))
            }
            Answer::Moved(mut reply) => {
                self.take_in_row(incarnation, &mut reply)?;
                Ok(None)
            }
            Answer::Anew | Answer::Held(_) => Ok(None),
        }
    }

    /// One step on many repositories, a thousand at a time: each row becomes what `change` makes of it. Answers the sum of what it
    /// counted.
    ///
    /// A crash in between leaves it done for some. That is why this is only for what each repository can be told by itself, and
    /// what is told again by the next cycle if it was not.
    pub(super) async fn step_on_all(
        &self,
        by: By<'_>,
        org: Option<&str>,
        repos: BTreeSet<RepoId>,
        change: Change<'_>,
    ) -> Result<u64, Fault> {
        let mut pending: Vec<RepoId> = repos.into_iter().rev().collect();
        let mut tries = Tries::default();
        let mut counted = 0;
        let mut is_told = false;
        while !is_told || !pending.is_empty() {
            let some = pending.split_off(pending.len().saturating_sub(ROWS));
            let (incarnation, known) = self.parts.known.look(&some);
            let mut own: Vec<Vec<u8>> = match org {
                Some(org) => vec![org.into(), serde_json::to_vec(&OrgView::new(org))?],
                None => vec![Vec::new(), Vec::new()],
            };
            let mut steps = Vec::with_capacity(some.len());
            for (repo, known) in some.iter().zip(&known) {
                let row = known.as_ref().map(|known| &*known.what);
                let (new, counts) = change(*repo, row);
                let written = Written::of(row, new)?;
                let (bytes, row) = written.map(|new| (new.bytes, new.row)).unzip();
                own.extend([
                    repo.to_string().into(),
                    place_word(known.as_ref()),
                    bytes.unwrap_or_default(),
                ]);
                steps.push((*repo, row, counts));
            }
            let Answer::Done(mut reply) = self.call(&REPOS, by, &incarnation, own).await? else {
                tries.once_more()?;
                pending.extend(some);
                continue;
            };
            is_told = true;
            let (before, mut place, after) =
                (reply.number()?, reply.number::<u64>()?, reply.number()?);
            let mut moved = HashSet::new();
            while !reply.is_read() {
                moved.insert(self.take_in_row(&incarnation, &mut reply)?);
            }
            if !some.is_empty() && moved.len() == some.len() {
                tries.once_more()?;
            }
            for (repo, row, counts) in steps {
                if moved.contains(&repo) {
                    pending.push(repo);
                    continue;
                }
                counted += counts;
                if let Some(what) = row {
                    place += 1;
                    let version = Version { place, what };
                    self.parts.known.put(&incarnation, repo, Some(version));
                }
            }
            self.parts.known.stepped(&incarnation, before, after);
        }
        Ok(counted)
    }

    /// A row of an answer: id, place, and what it holds.
    pub(super) fn take_in_row(
        &self,
        incarnation: &str,
        reply: &mut Reply,
    ) -> Result<RepoId, Fault> {
        let repo = RepoId(reply.number()?);
        let place: Option<u64> = reply.number_if_any()?;
        let bytes = reply.bytes()?;
        let version = match place {
            Some(place) => Some(Version {
                place,
                what: Arc::new(Row::decode(&bytes)?),
            }),
            None => None,
        };
        self.parts.known.put(incarnation, repo, version);
        Ok(repo)
    }

    /// Reads what has changed of the repositories since what is known, and answers of which incarnation all of it is.
    pub(super) async fn read_on(&self) -> Result<Arc<str>, Fault> {
        loop {
            let live = self.live().await?;
            let (incarnation, read_to) = self.parts.known.position();
            let own = vec![read_to.to_string().into(), ROWS.to_string().into()];
            let answer = self.call_by(&live, &SINCE, By::Anybody, &incarnation, own);
            let Answer::Done(mut reply) = answer.await? else {
                continue;
            };
            let store: u64 = reply.number()?;
            let mut rows = 0;
            let mut last = read_to;
            while !reply.is_read() {
                let repo = RepoId(reply.number()?);
                let place = reply.number()?;
                let what = Arc::new(Row::decode(&reply.bytes()?)?);
                let version = Version { place, what };
                self.parts.known.put(&incarnation, repo, Some(version));
                (rows, last) = (rows + 1, place);
            }
            let is_whole = rows < ROWS;
            let to = if is_whole { store } else { last };
            self.parts.known.read_to(&incarnation, to);
            if is_whole {
                return Ok(incarnation);
            }
        }
    }

    /// Takes in the full listing of an organisation: what it names first, and then what it does not. A crash in between leaves a
    /// repository tracked that is gone, until the next listing.
    pub(super) async fn track(
        &self,
        by: By<'_>,
        org: &str,
        seen: &[SeenRepo],
        start: Timestamp,
    ) -> Result<(), Fault> {
        self.read_on().await?;
        let seen: BTreeMap<RepoId, &SeenRepo> = seen.iter().map(|repo| (repo.id, repo)).collect();
        let list = |id: RepoId, known: Option<&Row>| {
            let row = seen
                .get(&id)
                .map(|seen| Row::listed(known, org, seen, start));
            (row, 0)
        };
        let listed = seen.keys().copied().collect();
        self.step_on_all(by, Some(org), listed, &list).await?;

        let ours = self.parts.known.of_org(org).into_iter();
        let missing = ours.filter(|(id, row)| row.tracked && !seen.contains_key(id));
        let missing: BTreeSet<RepoId> = missing.map(|(id, _)| id).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let leave = |_: RepoId, known: Option<&Row>| {
            let row = known.filter(|row| row.org == org).map(|row| Row {
                tracked: false,
                ..row.clone()
            });
            (row, 0)
        };
        self.step_on_all(by, None, missing, &leave).await?;
        Ok(())
    }

    /// Takes in the end of a cycle.
    pub(super) async fn cycle(
        &self,
        by: By<'_>,
        org: &str,
        report: CycleReport,
    ) -> Result<(), Fault> {
        let mut tries = Tries::default();
        loop {
            let (incarnation, known) = self.parts.known.org(org);
            let mut view = match &known {
                Some(known) => OrgView::clone(&known.what),
                None => OrgView::new(org),
            };
            view.fold(report.clone());
            let own = vec![
                org.into(),
                place_word(known.as_ref()),
                serde_json::to_vec(&view)?,
            ];
            match self.call(&CYCLE, by, &incarnation, own).await? {
                Answer::Done(mut reply) => {
                    let (before, place) = (reply.number()?, reply.number()?);
                    let what = Arc::new(view);
                    let version = Version { place, what };
                    self.parts.known.put_org(&incarnation, org, Some(version));
                    self.parts.known.stepped(&incarnation, before, place);
                    return Ok(());
                }
                Answer::Moved(mut reply) => {
                    let version = match reply.number_if_any()? {
                        Some(place) => Some(Version {
                            place,
                            what: Arc::new(serde_json::from_slice(&reply.bytes()?)?),
                        }),
                        None => None,
                    };
                    self.parts.known.put_org(&incarnation, org, version);
                }
                Answer::Anew | Answer::Held(_) => {}
            }
            tries.once_more()?;
        }
    }

    /// The organisation's repositories, by id.
    pub(super) async fn repos(&self, org: &str) -> Result<Vec<RepoView>, Fault> {
        self.read_on().await?;
        let rows = self.parts.known.of_org(org);
        Ok(rows.into_iter().map(|(id, row)| row.view(id)).collect())
    }

    /// Every organisation, by login.
    pub(super) async fn orgs(&self) -> Result<Vec<OrgView>, Fault> {
        let live = self.live().await?;
        let read = redis::Cmd::hvals(self.parts.keys.orgs());
        let ask = async move |mut connection| read.query_async(&mut connection).await;
        let found: Vec<Vec<u8>> = self.parts.link.send(&live, ask).await?;
        let views = found.iter().map(|view| serde_json::from_slice(view));
        let mut views: Vec<OrgView> = views.collect::<Result<_, _>>()?;
        views.sort_by(|one, other| one.org.cmp(&other.org));
        Ok(views)
    }
}
