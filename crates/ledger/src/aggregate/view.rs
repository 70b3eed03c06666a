//! The folded numbers as an encoder reads them: borrowed rows in the order in which they are written.

use jiff::Timestamp;

use super::Aggregate;
use super::histogram::Histogram;
use super::tally::{Counters, Daily, Lines, Tally};
use crate::event::{RepoId, Stream};

/// The histograms of one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histograms {
    /// From ready to the first review by another person, in seconds; once per pull request.
    pub first_review: Histogram,
    /// From opening to merging, in seconds.
    pub merge: Histogram,
    /// Added plus removed lines of a merged pull request.
    pub size: Histogram,
}

/// A repository with what is counted per repository.
#[derive(Debug, Clone, Copy)]
pub struct RepoRow<'a> {
    pub(super) aggregate: &'a Aggregate,
    pub(super) repo: &'a super::Repo,
}

impl<'a> RepoRow<'a> {
    /// GitHub's id.
    pub fn id(&self) -> RepoId {
        self.repo.id
    }

    /// The organisation.
    pub fn org(&self) -> &'a str {
        &self.repo.org
    }

    /// The repository's name.
    pub fn name(&self) -> &'a str {
        &self.repo.name
    }

    /// Open pull requests by GitHub's own count at the last fetch; none where that is not known or no more looked after.
    pub fn pulls_open(&self) -> Option<u64> {
        self.repo.open(Stream::Pulls)
    }

    /// Open issues, likewise.
    pub fn issues_open(&self) -> Option<u64> {
        self.repo.open(Stream::Issues)
    }

    /// The histograms, once one has an observation.
    pub fn histograms(&self) -> Option<&'a Histograms> {
        self.repo.histograms.as_deref()
    }

    /// Since when a stream is counted.
    pub fn created(&self, stream: Stream) -> Option<Timestamp> {
        self.repo.created[stream as usize]
    }

    /// Its users' rows, by label.
    pub fn rows(self) -> impl ExactSizeIterator<Item = Row<'a>> {
        let RepoRow { aggregate, repo } = self;
        repo.members.iter().map(move |series| {
            let tally = &aggregate.series[*series as usize];
            Row {
                aggregate,
                repo,
                user: &aggregate.users[tally.user as usize],
                tally,
            }
        })
    }

    /// The generation in which this row last changed; see [`Aggregate::generation`].
    pub fn generation(&self) -> u64 {
        self.repo.generation
    }

    /// The generation in which this row or one of its users' rows last changed.
    pub fn newest(&self) -> u64 {
        self.repo.newest
    }
}

/// One user label in one repository.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub(super) aggregate: &'a Aggregate,
    pub(super) repo: &'a super::Repo,
    pub(super) user: &'a str,
    pub(super) tally: &'a Tally,
}

impl<'a> Row<'a> {
    /// The organisation.
    pub fn org(&self) -> &'a str {
        &self.repo.org
    }

    /// The repository's name.
    pub fn repo(&self) -> &'a str {
        &self.repo.name
    }

    /// The user label.
    pub fn user(&self) -> &'a str {
        self.user
    }

    /// The repository's own row.
    pub fn repo_row(&self) -> RepoRow<'a> {
        RepoRow {
            aggregate: self.aggregate,
            repo: self.repo,
        }
    }

    /// Live events of the last 24 hours. Zero for one window length after the last one left, then none.
    pub fn daily(&self, gauge: Daily) -> Option<u64> {
        self.tally.daily(gauge, self.aggregate.now)
    }

    /// Lines that live commits of the last seven days added. Zero for one window length, then none.
    pub fn lines_added_weekly(&self) -> Option<u64> {
        self.lines().map(|lines| lines.added)
    }

    /// Lines that live commits of the last seven days removed. Zero for one window length, then none.
    pub fn lines_removed_weekly(&self) -> Option<u64> {
        self.lines().map(|lines| lines.removed)
    }

    fn lines(&self) -> Option<Lines> {
        self.tally.lines(self.aggregate.now)
    }

    /// When the newest event happened. A commit that was taken back counts here: it happened.
    pub fn last_event(&self) -> Option<Timestamp> {
        self.tally.last_event()
    }

    /// Everything ever recorded, but for history that was asked for later.
    pub fn counters(&self) -> &'a Counters {
        &self.tally.counters
    }

    /// Since when a stream of the repository is counted: the `_created` of its counters.
    pub fn created(&self, stream: Stream) -> Option<Timestamp> {
        self.repo.created[stream as usize]
    }

    /// The generation in which this row's own numbers last changed; see [`Aggregate::generation`].
    pub fn generation(&self) -> u64 {
        self.tally.generation
    }
}
