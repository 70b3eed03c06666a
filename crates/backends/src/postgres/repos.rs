//! Organisations and repositories: who belongs where, under which name, and what the last cycle came to.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ledger::event::{RepoId, Stream};
use ledger::port::Term;
use ledger::port::activity::{Authority, CycleReport, OrgView, RepoView, SeenRepo, StreamView};
use tokio_postgres::types::Type;

use super::Postgres;
use super::cache::{Known, Sight};
use super::fault::Fault;
use super::rewrite::{ATTEMPTS, Desks, Verdict, answered, unheard_of, verdict};
use super::rows::{self, FLAGS, INTS, Streams, TEXTS, at_length, get};

const OF_ORG: &str =
    "SELECT r.id, r.place, r.org, r.name, r.created_at, r.tracked, v.streams, r.ends
    FROM @.repos r JOIN @.views v ON v.repo = r.id WHERE r.org = $1";

/// What a listing makes of a repository, if it is different afterwards.
fn listed(seen: &SeenRepo, org: &str, start: Timestamp, sight: &Sight) -> Option<Known> {
    let before = sight.known();
    let kept = |stream: Stream| {
        let known = before?;
        let mut views = known.view.streams.iter().chain(&known.unlisted);
        views.find(|view| view.stream == stream).cloned()
    };
    let (mut shown, mut unlisted) = (Vec::new(), Vec::new());
    for stream in Stream::ALL {
        if seen.streams.contains(&stream) {
            shown.push(kept(stream).unwrap_or_else(|| StreamView::new(stream, start)));
        } else {
            unlisted.extend(kept(stream));
        }
    }
    let view = RepoView {
        org: org.to_owned(),
        id: seen.id,
        name: seen.name.clone(),
        created_at: seen.created_at,
        tracked: true,
        streams: shown,
    };
    let is_same = before.is_some_and(|known| is_same_repo(&known.view, &view));
    (!is_same).then_some(Known {
        place: 0,
        view,
        unlisted,
    })
}

/// A column has whole microseconds.
fn is_same_repo(one: &RepoView, other: &RepoView) -> bool {
    one.created_at.as_microsecond() == other.created_at.as_microsecond()
        && *one
            == RepoView {
                created_at: one.created_at,
                ..other.clone()
            }
}

/// A listing, column by column. What is not different has no name.
#[derive(Default)]
struct Listing {
    ids: Vec<i64>,
    places: Vec<i64>,
    names: Vec<Option<String>>,
    created: Vec<Option<i64>>,
    views: Vec<Option<String>>,
    desks: Desks,
}

impl Listing {
    fn of(repos: &[RepoId], sights: &[Sight], after: &[Option<Known>]) -> Result<Listing, Fault> {
        let mut listing = Listing {
            ids: rows::ids(repos.iter().copied()),
            places: sights.iter().map(Sight::place).collect(),
            ..Listing::default()
        };
        for (sight, known) in sights.iter().zip(after) {
            let view = known.as_ref().map(|known| &known.view);
            listing.names.push(view.map(|view| view.name.clone()));
            listing
                .created
                .push(view.map(|view| view.created_at.as_microsecond()));
            let streams = known.as_ref().map(|known| {
                let streams = Streams {
                    listed: known.view.streams.clone(),
                    unlisted: known.unlisted.clone(),
                };
                let before = sight.known().map(Arc::as_ref);
                listing.desks.add(known.view.id, before, &streams);
                serde_json::to_string(&streams)
            });
            listing.views.push(streams.transpose()?);
        }
        Ok(listing)
    }
}

impl Postgres {
    /// Takes in the full listing of an organisation.
    pub(super) async fn track_repos(
        &self,
        term: Term,
        org: &str,
        seen: &[SeenRepo],
        start: Timestamp,
    ) -> Result<(), Fault> {
        let by = Authority::Leader(term);
        let seen: BTreeMap<RepoId, &SeenRepo> = seen.iter().map(|seen| (seen.id, seen)).collect();
        let repos: Vec<RepoId> = seen.keys().copied().collect();
        let new_org = serde_json::to_string(&OrgView::new(org))?;
        let mut sights: Vec<Sight> = repos
            .iter()
            .map(|repo| self.parts.cache.sight(*repo))
            .collect();
        for _ in 0..ATTEMPTS {
            let (after, written) = at_length(repos.len(), || {
                let pairs = seen.values().zip(&sights);
                let after: Vec<Option<Known>> = pairs
                    .map(|(seen, sight)| listed(seen, org, start, sight))
                    .collect();
                let written = Listing::of(&repos, &sights, &after)?;
                Ok::<_, Fault>((after, written))
            })?;
            let rows = self.send_listing(term, (org, &new_org), &written).await?;
            let last = rows.last().expect("a function answers a row at least");
            match verdict(get(last, 0)?, Some(&by))? {
                Verdict::Done => {
                    let base: i64 = get(last, 2)?;
                    for (place, known) in (base + 1..).zip(after.into_iter().flatten()) {
                        self.parts.cache.see(Arc::new(Known { place, ..known }));
                    }
                    for row in &rows[..rows.len() - 1] {
                        self.untrack(RepoId(rows::number(row, 1)?), get(row, 2)?);
                    }
                    return Ok(());
                }
                Verdict::Unlike => self.correct(&rows, &repos, &mut sights)?,
                Verdict::Other => return Err(unheard_of(get(last, 0)?)),
            }
        }
        Err(Fault::Crowded(ATTEMPTS))
    }

    async fn send_listing(
        &self,
        term: Term,
        (org, new_org): (&str, &str),
        listing: &Listing,
    ) -> Result<Vec<tokio_postgres::Row>, Fault> {
        let term = term.0.cast_signed();
        let desks = &listing.desks;
        let sql =
            "SELECT * FROM @.track($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
        let rows = self
            .ask(
                sql,
                &[
                    (&term, Type::INT8),
                    (&org, Type::TEXT),
                    (&new_org, Type::TEXT),
                    (&listing.ids, INTS),
                    (&listing.places, INTS),
                    (&listing.names, TEXTS),
                    (&listing.created, INTS),
                    (&listing.views, TEXTS),
                    (&desks.repos, INTS),
                    (&desks.streams, TEXTS),
                    (&desks.gaps, INTS),
                    (&desks.hands, FLAGS),
                    (&desks.stucks, FLAGS),
                    (&desks.nexts, INTS),
                ],
            )
            .await;
        answered(rows?)
    }

    fn untrack(&self, repo: RepoId, place: i64) {
        if let Sight::There(known) = self.parts.cache.sight(repo) {
            let mut known = Known::clone(&known);
            known.place = place;
            known.view.tracked = false;
            self.parts.cache.see(Arc::new(known));
        }
    }

    /// Takes in the end of a cycle. The same report again, whose answer was lost, is the same cycle.
    pub(super) async fn fold_cycle(
        &self,
        term: Term,
        org: &str,
        report: CycleReport,
    ) -> Result<(), Fault> {
        let by = Authority::Leader(term);
        let number = term.0.cast_signed();
        let (mut place, mut view) = self.parts.cache.org(org);
        for _ in 0..ATTEMPTS {
            let mut after = view.clone();
            if after.last.as_ref() != Some(&report) {
                after.fold(report.clone());
            }
            let text = serde_json::to_string(&after)?;
            let rows = self
                .ask(
                    "SELECT * FROM @.fold($1, $2, $3, $4)",
                    &[
                        (&number, Type::INT8),
                        (&org, Type::TEXT),
                        (&place, Type::INT8),
                        (&text, Type::TEXT),
                    ],
                )
                .await;
            let rows = answered(rows?)?;
            match verdict(get(&rows[0], 0)?, Some(&by))? {
                Verdict::Done => {
                    self.parts.cache.see_org(get(&rows[0], 1)?, after);
                    return Ok(());
                }
                Verdict::Unlike => {
                    place = get(&rows[0], 1)?;
                    view = serde_json::from_str(get(&rows[0], 2)?)?;
                }
                Verdict::Other => return Err(unheard_of(get(&rows[0], 0)?)),
            }
        }
        Err(Fault::Crowded(ATTEMPTS))
    }

    /// The organisation's repositories, by id. What is known of them is taken in.
    pub(super) async fn repos_of(&self, org: &str) -> Result<Vec<Arc<Known>>, Fault> {
        let rows = self.ask(OF_ORG, &[(&org, Type::TEXT)]).await?;
        at_length(rows.len(), || {
            let mut found = Vec::with_capacity(rows.len());
            for row in &rows {
                let known = rows::repo(row, 0)?.1.map(Arc::new);
                found.extend(known.inspect(|known| self.parts.cache.see(Arc::clone(known))));
            }
            found.sort_by_key(|known| known.view.id);
            Ok(found)
        })
    }

    /// The organisations, by login.
    pub(super) async fn all_orgs(&self) -> Result<Vec<OrgView>, Fault> {
        let rows = self
            .ask("SELECT view FROM @.orgs ORDER BY name", &[])
            .await?;
        rows.iter()
            .map(|row| Ok(serde_json::from_str(get(row, 0)?)?))
            .collect()
    }
}
