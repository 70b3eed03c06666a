//! Folds the change feed into the numbers that `/metrics` shows. Decides what each number is at an instant; refuses to
//! know names of metrics, formats and stores.
//!
//! Start reading at [`Aggregate::apply`]. Counters and histograms count what the feed calls recorded, which is each
//! fact once, so no event needs to be remembered for them. Windows remember an event only until it leaves: `(now - 24
//! hours, now]` for counts and `(now - 7 days, now]` for lines, exact to the instant. An event that is ahead of the
//! clock enters its windows when its time comes. Commits alone can be taken back, so only the commits of the week are
//! kept by identity.
//!
//! Everything shown is a function of what the feed held up to the cursor and of the time that the windows end at, whatever
//! the pieces in which it was read and the moments at which it was: two that have read one store to one place show the
//! same. Only [`Histogram::sum`] depends on the order in which the store was filled.

mod agenda;
mod fold;
mod histogram;
mod tally;
mod view;

pub use histogram::{Exemplar, Histogram, SIZE_BOUNDS, TIME_BOUNDS};
pub use tally::{Counters, DAY, Daily, WEEK};
pub use view::{Histograms, RepoRow, Row};

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::event::{Actor, RepoId, Stream};
use crate::exclude::Exclude;
use crate::port::Cursor;
use crate::port::activity::{Changes, RepoView};
use crate::user_label::UserLabels;
use agenda::Agenda;
use tally::Tally;

/// The folded numbers.
#[derive(Debug)]
pub struct Aggregate {
    labels: UserLabels,
    exclude: Exclude,
    now: Timestamp,
    cursor: Cursor,
    generation: u64,
    changed: bool,

    users: Vec<Arc<str>>,
    user_of_label: HashMap<Arc<str>, u32>,
    /// The label of each actor that was seen; none for who is left out.
    user_of_actor: HashMap<Actor, Option<u32>>,

    repos: Vec<Repo>,
    repo_of_id: HashMap<RepoId, u32>,
    /// The repositories that are shown, by organisation and name.
    order: Vec<u32>,
    /// Grows when the order does not say any more what it said.
    layout: u64,

    series: Vec<Tally>,
    /// By repository and user label.
    series_of_user: HashMap<(u32, u32), u32>,
    agenda: Agenda,
    /// The commits of the week and those ahead of the clock, by what identifies them.
    commits: HashMap<u64, Commit>,
    /// The seconds to the first review, of each pull request that has one: (repository, number).
    first_reviews: HashMap<(u32, u32), u32>,
}

/// How many streams there are.
const STREAMS: usize = Stream::ALL.len();

#[derive(Debug)]
struct Repo {
    id: RepoId,
    org: Arc<str>,
    /// Empty until the feed has told it.
    name: Arc<str>,
    tracked: bool,
    created: [Option<Timestamp>; STREAMS],
    open: [Option<u64>; STREAMS],
    generation: u64,
    /// The newest generation of this and of its series.
    newest: u64,
    histograms: Option<Box<Histograms>>,
    /// Its series, by user label.
    members: Vec<u32>,
}

impl Repo {
    fn open(&self, stream: Stream) -> Option<u64> {
        self.open[stream as usize].filter(|_| self.tracked)
    }
}

/// A commit of the week, or one that is ahead of the clock.
#[derive(Debug, Clone, Copy)]
struct Commit {
    at: Timestamp,
    series: u32,
    added: u64,
    removed: u64,
    live: bool,
    /// Whether its time has come.
    happened: bool,
    /// Whether it lies in the daily window.
    in_day: bool,
}

impl Aggregate {
    /// Nothing folded yet, at that time.
    pub fn new(labels: UserLabels, exclude: Exclude, now: Timestamp) -> Aggregate {
        Aggregate {
            labels,
            exclude,
            now,
            cursor: Cursor::default(),
            generation: 0,
            changed: false,
            users: Vec::new(),
            user_of_label: HashMap::new(),
            user_of_actor: HashMap::new(),
            repos: Vec::new(),
            repo_of_id: HashMap::new(),
            order: Vec::new(),
            layout: 0,
            series: Vec::new(),
            series_of_user: HashMap::new(),
            agenda: Agenda::default(),
            commits: HashMap::new(),
            first_reviews: HashMap::new(),
        }
    }

    /// Nothing folded yet, with the same labels, at the same time: for a store that has lost what it held.
    pub fn anew(&self) -> Aggregate {
        Aggregate::new(self.labels.clone(), self.exclude.clone(), self.now)
    }

    /// Folds a piece of the change feed, which must have been asked for after [`Aggregate::cursor`]. What lies at or
    /// before the cursor is passed over, so that folding a piece twice changes nothing.
    pub fn apply(&mut self, changes: &Changes) {
        self.see_repos(&changes.repos);
        let seen = self.cursor;
        for change in changes.events.iter().filter(|change| change.seq > seen) {
            self.see_event(change);
        }
        self.cursor = self.cursor.max(changes.next);
        self.close_generation();
    }

    /// Moves the windows. Time does not run backwards here: an earlier `now` changes nothing.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some((due, step)) = self.agenda.take(now) {
            self.now = self.now.max(due);
            self.take_step(due, step);
        }
        self.now = self.now.max(now);
        self.close_generation();
    }

    /// Where to go on reading the change feed.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The time that the windows end at.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A number that grows whenever anything shown has changed. Every row says in which generation it last did.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// A number that grows whenever [`Aggregate::repos`] gives other repositories, or in another order.
    pub fn layout(&self) -> u64 {
        self.layout
    }

    /// When the passing of time alone may next change something.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.agenda.next()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.order
            .iter()
            .map(|repo| self.repos[*repo as usize].members.len())
            .sum()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every repository, by organisation and name. Two rows never have the same two: where several repositories had one
    /// name in turn, the one that has it now is shown.
    pub fn repos(&self) -> impl ExactSizeIterator<Item = RepoRow<'_>> {
        self.order.iter().map(|repo| RepoRow {
            aggregate: self,
            repo: &self.repos[*repo as usize],
        })
    }

    /// Every series, by organisation, repository and user label; never two with the same three.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.repos().flat_map(RepoRow::rows)
    }

    /// The place of a user label, or none if the actor is left out.
    fn user(&mut self, actor: &Actor) -> Option<u32> {
        if let Some(user) = self.user_of_actor.get(actor) {
            return *user;
        }
        let user = (!self.exclude.matches(&actor.login)).then(|| {
            let label = self.labels.label(actor);
            *self
                .user_of_label
                .entry(label.as_ref().into())
                .or_insert_with_key(|label| {
                    self.users.push(Arc::clone(label));
                    place(self.users.len())
                })
        });
        self.user_of_actor.insert(actor.clone(), user);
        user
    }

    /// The place of a repository, whose name the feed may tell later.
    fn repo(&mut self, id: RepoId, org: &str) -> u32 {
        *self.repo_of_id.entry(id).or_insert_with(|| {
            self.repos.push(Repo {
                id,
                org: org.into(),
                name: "".into(),
                tracked: false,
                created: [None; STREAMS],
                open: [None; STREAMS],
                generation: self.generation + 1,
                newest: self.generation + 1,
                histograms: None,
                members: Vec::new(),
            });
            place(self.repos.len())
        })
    }

    /// The place of a series, kept in the order of labels within its repository.
    fn series_of(&mut self, repo: u32, user: u32) -> u32 {
        *self.series_of_user.entry((repo, user)).or_insert_with(|| {
            self.series.push(Tally::new(repo, user));
            let new = place(self.series.len());
            let (series, users) = (&self.series, &self.users);
            let members = &mut self.repos[repo as usize].members;
            let label_of = |member: &u32| &users[series[*member as usize].user as usize];
            let before = members.partition_point(|member| *label_of(member) < users[user as usize]);
            members.insert(before, new);
            new
        })
    }

    fn close_generation(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.generation += 1;
        }
    }

    fn touch(&mut self, series: u32) -> &mut Tally {
        self.changed = true;
        let tally = &mut self.series[series as usize];
        tally.generation = self.generation + 1;
        self.repos[tally.repo as usize].newest = self.generation + 1;
        tally
    }

    fn touch_repo(&mut self, repo: u32) -> &mut Repo {
        self.changed = true;
        let repo = &mut self.repos[repo as usize];
        repo.generation = self.generation + 1;
        repo.newest = self.generation + 1;
        repo
    }

    fn see_repos(&mut self, views: &[RepoView]) {
        let mut moved = false;
        for view in views {
            let index = self.repo(view.id, &view.org);
            let repo = &self.repos[index as usize];
            let mut created = [None; STREAMS];
            let mut open = [None; STREAMS];
            for stream in &view.streams {
                created[stream.stream as usize] = Some(stream.counted_from);
                open[stream.stream as usize] = stream.open;
            }
            let renamed =
                *repo.org != *view.org || *repo.name != *view.name || repo.tracked != view.tracked;
            if !renamed && repo.created == created && repo.open == open {
                continue;
            }
            let recounted = repo.created != created;
            let repo = self.touch_repo(index);
            repo.created = created;
            repo.open = open;
            if renamed {
                repo.org = view.org.as_str().into();
                repo.name = view.name.as_str().into();
                repo.tracked = view.tracked;
                moved = true;
            }
            if renamed || recounted {
                for series in &self.repos[index as usize].members {
                    self.series[*series as usize].generation = self.generation + 1;
                }
            }
        }
        if moved {
            self.sort_repos();
        }
    }

    fn sort_repos(&mut self) {
        let repos = &self.repos;
        let named = |index: &u32| !repos[*index as usize].name.is_empty();
        let mut order: Vec<u32> = (0u32..).take(repos.len()).filter(named).collect();
        order.sort_by_key(|index| {
            let repo = &repos[*index as usize];
            (&repo.org, &repo.name, !repo.tracked, Reverse(repo.id))
        });
        order.dedup_by(|later, earlier| {
            let (later, earlier) = (&repos[*later as usize], &repos[*earlier as usize]);
            later.org == earlier.org && later.name == earlier.name
        });
        self.order = order;
        self.layout += 1;
    }
}

/// The place of the last of so many.
fn place(count: usize) -> u32 {
    u32::try_from(count - 1).expect("there are fewer than four billion of anything that is shown")
}

#[cfg(test)]
mod tests;
