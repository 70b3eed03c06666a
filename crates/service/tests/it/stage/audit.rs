//! Holds the records against the truth, and every claim of coverage against what was true when it was made.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use github_sim::Sim;
use github_sim::truth::{Truth, TruthRepo};
use jiff::{SignedDuration, Timestamp};
use ledger::event::{Kind, RepoId, Stream};
use ledger::port::activity::{Activity, LAG, RepoView, StreamView};
use ledger::window::Window;
use service::config::Config;

use super::facts::{Fact, Facts, Key, of_events, of_truth};

/// What was true at some time of the play.
#[derive(Default)]
pub(crate) struct Memory {
    /// Every form in which a fact was ever true: people are renamed and deleted, comments vanish.
    ever: HashMap<(u64, Key), Vec<Fact>>,
    /// The last truth in full, so that only what changed is looked at.
    last: HashMap<u64, TruthRepo>,
    users: usize,
    off: bool,
    /// Which commits were reachable since when.
    reachable: Vec<(Timestamp, u64, HashSet<String>)>,
}

impl Memory {
    /// Remembers nothing from now on: for large worlds in which nothing is taken back.
    pub(crate) fn off(&mut self) {
        self.off = true;
    }

    /// Remembers the truth as it is now.
    pub(crate) fn keep(&mut self, sim: &Sim) {
        if !self.off {
            self.keep_truth(&sim.truth());
        }
    }

    fn keep_truth(&mut self, truth: &Truth) {
        for repo in &truth.repos {
            let before = self.last.get(&repo.id);
            if self.users == truth.users.len() && before == Some(repo) {
                continue;
            }
            if before.is_none_or(|before| before.head != repo.head) {
                let oids = repo
                    .commits
                    .iter()
                    .map(|commit| commit.oid.clone())
                    .collect();
                self.reachable.push((truth.now, repo.id, oids));
            }
            for (key, fact) in of_truth(truth, repo) {
                let forms = self.ever.entry((repo.id, key)).or_default();
                if !forms.contains(&fact) {
                    forms.push(fact);
                }
            }
            self.last.insert(repo.id, repo.clone());
        }
        self.users = truth.users.len();
    }

    /// Whether this was true once, but for a review's state.
    fn knows(&self, repo: u64, key: &Key, fact: &Fact) -> bool {
        let forms = self
            .ever
            .get(&(repo, key.clone()))
            .map(Vec::as_slice)
            .unwrap_or_default();
        forms.iter().any(|form| {
            (form.at, &form.actor, &form.numbers, form.stream)
                == (fact.at, &fact.actor, &fact.numbers, fact.stream)
        })
    }

    /// Whether a commit was reachable from one time to another without a break.
    fn was_reachable(&self, repo: u64, oid: &str, from: Timestamp, to: Timestamp) -> bool {
        let of_repo: Vec<_> = self
            .reachable
            .iter()
            .filter(|(_, of, _)| *of == repo)
            .collect();
        let begin = of_repo.partition_point(|(since, ..)| *since <= from);
        let end = of_repo.partition_point(|(since, ..)| *since <= to);
        // What was true before the first memory is not known.
        begin > 0
            && of_repo[begin - 1..end]
                .iter()
                .all(|(_, _, oids)| oids.contains(oid))
    }
}

/// What differs. It reads like a list of complaints.
#[derive(Debug, Default)]
pub(crate) struct Diff {
    /// The records and the truth disagree.
    pub(crate) facts: Vec<String>,
    /// Time is said to have been read of which something is missing.
    pub(crate) overclaims: Vec<String>,
}

impl Diff {
    pub(crate) fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.overclaims.is_empty()
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, list) in [("differ", &self.facts), ("overclaimed", &self.overclaims)] {
            writeln!(f, "{} {name}", list.len())?;
            for line in list.iter().take(30) {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}

/// Compares everything.
pub(crate) async fn audit(
    sim: &Sim,
    store: &dyn Activity,
    config: &Config,
    orgs: &[String],
    memory: &Memory,
) -> Diff {
    let truth = sim.truth();
    let mut diff = Diff::default();
    for org in orgs {
        let views: BTreeMap<RepoId, RepoView> = store
            .repos(org)
            .await
            .unwrap()
            .into_iter()
            .map(|view| (view.id, view))
            .collect();
        let mut compared = BTreeSet::new();
        for repo in truth
            .repos
            .iter()
            .filter(|repo| repo.org.eq_ignore_ascii_case(org))
        {
            let view = views.get(&RepoId(repo.id));
            let wanted = config.scrape.takes(org, &repo.name);
            let closed = repo.archived || repo.disabled;
            match view {
                Some(view) if view.tracked && !wanted => {
                    diff.facts
                        .push(format!("{} must not be tracked", repo.name));
                    compared.insert(view.id);
                }
                Some(view) if wanted && (view.tracked || closed) => {
                    compared.insert(view.id);
                    compare(&truth, repo, view, store, memory, &mut diff).await;
                }
                _ if wanted && !closed => {
                    diff.facts.push(format!("{} is not tracked", repo.name));
                }
                _ => {}
            }
        }
        for view in views.values().filter(|view| view.tracked) {
            if !compared.contains(&view.id) {
                diff.facts
                    .push(format!("{} is tracked and is not there", view.name));
            }
        }
    }
    diff
}

async fn compare(
    truth: &Truth,
    repo: &TruthRepo,
    view: &RepoView,
    store: &dyn Activity,
    memory: &Memory,
    diff: &mut Diff,
) {
    let org = &view.org;
    let always = Window::new(Timestamp::MIN, Timestamp::MAX).unwrap();
    let recorded = of_events(store.events(org, view.id, always).await.unwrap());
    let known = store.commits(org, view.id).await.unwrap();
    let known: HashSet<String> = known.into_iter().map(|commit| commit.oid).collect();
    let mut expected = of_truth(truth, repo);
    expected.retain(|_, fact| {
        let stream = view.stream(fact.stream);
        stream.is_some_and(|stream| fact.at >= stream.coverage.start())
    });

    if view.name != repo.name {
        diff.facts
            .push(format!("{} is recorded as {}", repo.name, view.name));
    }
    let name = &repo.name;
    for (key, fact) in &expected {
        match recorded.get(key) {
            None => diff.facts.push(format!("{name}: missing {key:?} {fact:?}")),
            Some(had) if had == fact || is_linked_by_address(key, fact, had) => {}
            Some(had) if had.state == fact.state && memory.knows(repo.id, key, had) => {}
            Some(had) => diff
                .facts
                .push(format!("{name}: {key:?} is {fact:?} and not {had:?}")),
        }
    }
    for (key, fact) in &recorded {
        let lasting = match key.kind {
            Kind::Commit => false,
            // What was deleted, or switched off, happened all the same.
            Kind::Comment | Kind::IssueOpened | Kind::IssueClosed => true,
            _ => false,
        };
        let is_past = lasting && memory.knows(repo.id, key, fact);
        if !expected.contains_key(key) && !is_past {
            diff.facts
                .push(format!("{name}: there is no {key:?} {fact:?}"));
        }
    }
    let open_pulls = repo
        .pulls
        .iter()
        .filter(|pull| pull.state == "OPEN")
        .count() as u64;
    let open_issues = repo
        .issues
        .iter()
        .filter(|issue| issue.closed_at.is_none())
        .count() as u64;
    for (stream, open) in [(Stream::Pulls, open_pulls), (Stream::Issues, open_issues)] {
        let had = view.stream(stream).map(|stream| stream.open);
        if had.is_some_and(|had| had != Some(open)) {
            diff.facts
                .push(format!("{name}: {open} open {stream} and not {had:?}"));
        }
    }
    for stream in &view.streams {
        claims(repo, stream, &expected, &recorded, &known, memory, diff);
    }
}

/// A commit that is linked to no account may still name one in its noreply address, id included.
fn is_linked_by_address(key: &Key, fact: &Fact, had: &Fact) -> bool {
    let login = had.actor.split_once('/').map(|(login, _)| login);
    let unlinked = Fact {
        actor: login.unwrap_or_default().to_owned(),
        ..had.clone()
    };
    key.kind == Kind::Commit && unlinked == *fact
}

/// Every fact inside a covered window must have been read. A commit is reachable from some time on, which is not its
/// own: a claim says that what was reachable at its end was read. A claim ends so long before the look it is made from
/// that what was reachable only in between may have been missed.
fn claims(
    repo: &TruthRepo,
    stream: &StreamView,
    expected: &Facts,
    recorded: &Facts,
    known: &HashSet<String>,
    memory: &Memory,
    diff: &mut Diff,
) {
    let claimed = stream.coverage.frontier();
    let looked = claimed + LAG + SignedDuration::from_secs(2);
    for (key, fact) in expected
        .iter()
        .filter(|(_, fact)| fact.stream == stream.stream)
    {
        let covered = stream
            .coverage
            .covered()
            .iter()
            .any(|window| window.contains(fact.at));
        let read = match key.kind {
            Kind::Commit => {
                known.contains(&key.id) || !memory.was_reachable(repo.id, &key.id, claimed, looked)
            }
            _ => recorded.contains_key(key),
        };
        if covered && !read {
            diff.overclaims.push(format!(
                "{}: {key:?} at {} is covered and was not read",
                repo.name, fact.at
            ));
        }
    }
    let unread = stream.coverage.undecided(Timestamp::MAX);
    if stream.fingerprint.is_none() && !stream.coverage.covered().is_empty() {
        diff.overclaims.push(format!(
            "{}: {} was never read whole and is covered; {unread:?}",
            repo.name, stream.stream
        ));
    }
}
