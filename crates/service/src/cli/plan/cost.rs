//! What measuring costs: how many requests of which kind, and what GitHub charges for them. Knows no limits.
//!
//! One page per list is reckoned with: a page takes 100 items, so that this holds as long as less happens in a repository
//! between two passes. Page sizes and charges come from the documents that are really asked.

use std::iter::Sum;
use std::ops::{Add, Mul};

use github::graphql::{COMMITS, ISSUES, PROBE, PULLS, Pages, points};
use serde::Serialize;

use crate::task::scrape::read_again_after;

/// The lists of comments of a repository: in conversations and on diffs.
const LISTS_OF_COMMENTS: u64 = 2;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct World {
    pub(super) repos: u64,
    /// Those in which something happens between two passes.
    pub(super) active: u64,
    pub(super) orgs: u64,
}

/// What something costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Cost {
    /// Requests of both kinds.
    pub(super) requests: u64,
    /// Of the REST quota.
    pub(super) core: u64,
    /// Of the GraphQL quota, in points.
    pub(super) graphql: u64,
}

/// A part of a pass.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Part {
    pub(super) part: &'static str,
    #[serde(flatten)]
    pub(super) cost: Cost,
}

/// What single requests take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// Items of a page.
    page: u64,
    probe: Cost,
    commits: Cost,
    pulls: Cost,
    issues: Cost,
}

impl Size {
    /// As the documents are asked.
    pub(super) fn of_documents() -> Size {
        let page = Pages::new().size("");
        let query = |document| Cost {
            requests: 1,
            core: 0,
            graphql: points(document, page),
        };
        Size {
            page: u64::from(page),
            probe: query(PROBE),
            commits: query(COMMITS),
            pulls: query(PULLS),
            issues: query(ISSUES),
        }
    }

    /// The lists of comments, where they have news.
    fn comments(self) -> Cost {
        Cost {
            requests: LISTS_OF_COMMENTS,
            core: LISTS_OF_COMMENTS,
            graphql: 0,
        }
    }

    /// The lists of comments, where they have none: they are answered with a 304, which takes nothing of the quota.
    fn comments_without_news(self) -> Cost {
        Cost {
            core: 0,
            ..self.comments()
        }
    }
}

/// One pass in its parts.
pub(super) fn parts(world: &World, size: &Size) -> Vec<Part> {
    let changed = size.commits + size.pulls + size.issues;
    let part = |part, cost| Part { part, cost };
    vec![
        part("probe", probe(world, size)),
        part("changed repositories", changed * world.active),
        part("comments", size.comments() * world.active),
    ]
}

/// What an hour's share of the second readings costs, which come once a day and seldom find anything new.
pub(super) fn daily(world: &World, size: &Size) -> Cost {
    let apart = read_again_after().as_secs().unsigned_abs();
    let due_in_an_hour = world.repos.saturating_mul(3_600).div_ceil(apart);
    (size.pulls + size.issues + size.comments_without_news()) * due_in_an_hour
}

/// The first pass: every repository has at least a page of each list.
pub(super) fn first(world: &World, size: &Size) -> Cost {
    let whole = size.commits + size.pulls + size.issues + size.comments();
    probe(world, size) + whole * world.repos
}

/// Every organisation is listed by itself.
fn probe(world: &World, size: &Size) -> Cost {
    let pages = |repos: u64| repos.div_ceil(size.page).max(1);
    let (each, more) = (world.repos / world.orgs, world.repos % world.orgs);
    size.probe * (pages(each + 1) * more + pages(each) * (world.orgs - more))
}

impl Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost {
            requests: self.requests.saturating_add(other.requests),
            core: self.core.saturating_add(other.core),
            graphql: self.graphql.saturating_add(other.graphql),
        }
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), Cost::add)
    }
}

impl Mul<u64> for Cost {
    type Output = Cost;

    fn mul(self, times: u64) -> Cost {
        Cost {
            requests: self.requests.saturating_mul(times),
            core: self.core.saturating_mul(times),
            graphql: self.graphql.saturating_mul(times),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(repos: u64, active: u64, orgs: u64) -> World {
        World {
            repos,
            active,
            orgs,
        }
    }

    #[test]
    fn a_probe_takes_a_page_per_hundred_repositories_of_each_organisation() {
        let size = Size::of_documents();
        let requests = |repos, orgs| probe(&world(repos, 0, orgs), &size).requests;
        assert_eq!(
            [(500, 1), (501, 1), (500, 4), (250, 3), (3, 3)].map(|(r, o)| requests(r, o)),
            [5, 6, 8, 3, 3]
        );
    }

    #[test]
    fn without_activity_a_pass_is_the_probe() {
        let size = Size::of_documents();
        let world = world(500, 0, 1);
        let pass: Cost = parts(&world, &size).iter().map(|part| part.cost).sum();
        assert_eq!(pass, probe(&world, &size));
    }
}
