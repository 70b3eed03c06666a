//! Which rows are shown, each with its labels. Decides what the budget leaves out; refuses to know how a row is written.

use std::cmp::Reverse;
use std::ops::Range;

use ledger::aggregate::{Counters, RepoRow, Row};

use super::activity::FAMILIES;
use crate::export::encode::{CLOSE, push_escaped};

/// The rows of some repositories that are shown. Their labels stand one after another in one text.
pub(super) struct Chosen<'a> {
    rows: Vec<(Row<'a>, Range<usize>)>,
    repos: Vec<(RepoRow<'a>, Range<usize>)>,
    labels: String,
}

impl<'a> Chosen<'a> {
    /// The rows of these repositories, but for those whose places are given: each repository has one, and then each of
    /// its users.
    pub(super) fn of(members: &[RepoRow<'a>], mut left_out: &[u32]) -> Chosen<'a> {
        let mut chosen = Chosen {
            rows: Vec::new(),
            repos: Vec::with_capacity(members.len()),
            labels: String::new(),
        };
        let mut place = 0_u32;
        let mut takes = || {
            let out = left_out.first() == Some(&place);
            if out {
                left_out = &left_out[1..];
            }
            place += 1;
            !out
        };
        let mut of_repo = String::new();
        for repo in members {
            of_repo.clear();
            of_repo.push_str("org=\"");
            push_escaped(&mut of_repo, repo.org());
            of_repo.push_str("\",repo=\"");
            push_escaped(&mut of_repo, repo.name());
            of_repo.push('"');
            if takes() {
                let start = chosen.labels.len();
                chosen.labels.push_str(&of_repo);
                chosen.labels.push_str(CLOSE);
                chosen.repos.push((*repo, start..chosen.labels.len()));
            }
            of_repo.push_str(",user=\"");
            for row in repo.rows() {
                if takes() {
                    let start = chosen.labels.len();
                    chosen.labels.push_str(&of_repo);
                    push_escaped(&mut chosen.labels, row.user());
                    chosen.labels.push('"');
                    chosen.labels.push_str(CLOSE);
                    chosen.rows.push((row, start..chosen.labels.len()));
                }
            }
        }
        chosen
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.repos.len()
    }

    /// The rows of users, with their labels.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&Row<'a>, &str)> {
        let shown = self.rows.iter();
        shown.map(|(row, labels)| (row, &self.labels[labels.clone()]))
    }

    /// The rows of repositories, with their labels.
    pub(super) fn repos(&self) -> impl Iterator<Item = (&RepoRow<'a>, &str)> {
        let shown = self.repos.iter();
        shown.map(|(row, labels)| (row, &self.labels[labels.clone()]))
    }
}

/// What a row weighs.
#[derive(Clone, Copy)]
pub(super) struct Weight {
    /// How much it has to say: events of a user; items that are open or merged, of a repository.
    size: u64,
    is_repo: bool,
    pub(super) series: u64,
}

/// What each row of these repositories weighs, by place.
pub(super) fn weights(members: &[RepoRow<'_>]) -> Vec<Weight> {
    let mut weights = Vec::new();
    for repo in members {
        weights.push(Weight {
            size: size_of_repo(repo),
            is_repo: true,
            series: FAMILIES.iter().map(|(_, of)| of.series_of_repo(repo)).sum(),
        });
        weights.extend(repo.rows().map(|row| Weight {
            size: size_of(row.counters()),
            is_repo: false,
            series: FAMILIES.iter().map(|(_, of)| of.series_of_user(&row)).sum(),
        }));
    }
    weights
}

/// Leaves out the smallest rows until the rest fits, and gives their places by group. Among equals users go before
/// repositories, and the last in order goes first, so that the choice is the same each time.
pub(super) fn fit<'w>(
    groups: impl ExactSizeIterator<Item = &'w [Weight]> + Clone,
    max_series: u64,
) -> Vec<Vec<u32>> {
    let mut places = vec![Vec::new(); groups.len()];
    let all: u64 = groups.clone().flatten().map(|weight| weight.series).sum();
    let mut over = all.saturating_sub(max_series);
    if over == 0 {
        return places;
    }
    let rows = (0_u32..).zip(groups).flat_map(|(group, weights)| {
        let rows = (0_u32..).zip(weights);
        rows.map(move |(place, weight)| (weight, group, place))
    });
    let mut rows: Vec<(&Weight, u32, u32)> = rows.collect();
    rows.sort_unstable_by_key(|(weight, group, place)| {
        (weight.size, weight.is_repo, Reverse((*group, *place)))
    });
    for (weight, group, place) in rows {
        if over == 0 {
            break;
        }
        places[group as usize].push(place);
        over = over.saturating_sub(weight.series);
    }
    for places in &mut places {
        places.sort_unstable();
    }
    places
}

/// How much a row has to say.
fn size_of(counters: &Counters) -> u64 {
    let Counters {
        commits,
        pulls_opened,
        pulls_merged,
        pulls_closed,
        reviews,
        comments,
        issues_opened,
        issues_closed,
        ..
    } = counters;
    let lists = reviews.iter().sum::<u64>() + comments.iter().sum::<u64>();
    commits + pulls_opened + pulls_merged + pulls_closed + issues_opened + issues_closed + lists
}

fn size_of_repo(row: &RepoRow<'_>) -> u64 {
    let open = row.pulls_open().unwrap_or(0) + row.issues_open().unwrap_or(0);
    let merged = row.histograms().map_or(0, |found| found.merge.count());
    open + merged
}
