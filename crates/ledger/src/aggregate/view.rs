//! The folded numbers as an encoder reads them: borrowed rows in the order in which they are written.

use jiff::Timestamp;

use super::histogram::Histogram;
use super::tally::{Counters, Daily, Lines, Tally};
use crate::event::Stream;

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
    pub(super) repo: &'a super::Repo,
}

impl<'a> RepoRow<'a> {
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

    /// The generation in which this row last changed; see [`super::Aggregate::generation`].
    pub fn generation(&self) -> u64 {
        self.repo.generation
    }
}

/// One user label in one repository.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub(super) repo: &'a super::Repo,
    pub(super) user: &'a str,
    pub(super) tally: &'a Tally,
    pub(super) now: Timestamp,
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
        RepoRow { repo: self.repo }
    }

    /// Live events of the last 24 hours. Zero for one window length after the last one left, then none.
    pub fn daily(&self, gauge: Daily) -> Option<u64> {
        self.tally.daily(gauge, self.now)
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
        self.tally.lines(self.now)
    }

    /// When the newest live event happened. A commit that is retracted when it is older than a week still counts here.
    pub fn last_event(&self) -> Option<Timestamp> {
        self.tally.last_event()
    }

    /// Everything ever recorded.
    pub fn counters(&self) -> &'a Counters {
        &self.tally.counters
    }

    /// Since when a stream of the repository is counted: the `_created` of its counters.
    pub fn created(&self, stream: Stream) -> Option<Timestamp> {
        self.repo.created[stream as usize]
    }

    /// The generation in which this row's own numbers last changed; see [`super::Aggregate::generation`].
    pub fn generation(&self) -> u64 {
        self.tally.generation
    }
}
