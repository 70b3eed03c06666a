//! The walk against random histories: whatever moved, what it records and retracts is the difference of two
//! reachability sets, computed here the slow way.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use proptest::prelude::*;

use super::{Passed, Verdict, Walk};

/// Commits by index: parents have smaller indices, times are arbitrary (clocks of authors are).
#[derive(Debug, Clone)]
struct Graph {
    parents: Vec<Vec<usize>>,
    times: Vec<i64>,
}

impl Graph {
    fn reach(&self, head: usize) -> BTreeSet<usize> {
        let (mut open, mut seen) = (vec![head], BTreeSet::new());
        while let Some(commit) = open.pop() {
            if seen.insert(commit) {
                open.extend(&self.parents[commit]);
            }
        }
        seen
    }

    /// `git log`'s order: the newest of what is open goes next.
    fn history(&self, head: usize) -> Vec<usize> {
        let (mut open, mut seen, mut order) = (vec![head], HashSet::from([head]), Vec::new());
        while let Some(next) = (0..open.len()).max_by_key(|&at| (self.times[open[at]], open[at])) {
            let commit = open.swap_remove(next);
            order.push(commit);
            open.extend(
                self.parents[commit]
                    .iter()
                    .filter(|parent| seen.insert(**parent)),
            );
        }
        order
    }
}

fn name(commit: usize) -> String {
    format!("{commit:040x}")
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// Walks, and returns what was recorded, what was retracted and how many pages it took.
fn walk(
    graph: &Graph,
    head: usize,
    before: Option<(usize, usize)>,
    live: &BTreeSet<usize>,
    start: i64,
    page_size: usize,
) -> (BTreeSet<usize>, BTreeSet<usize>, usize) {
    let order = graph.history(head);
    let before = before.map(|(head, total)| (name(head), total as u64));
    let live: HashSet<String> = live.iter().map(|commit| name(*commit)).collect();
    let mut walk = Walk::new(time(start), before, live, order.len() as u64);
    let mut recorded = BTreeSet::new();
    let pages: Vec<&[usize]> = order.chunks(page_size).collect();
    for (number, page) in pages.iter().enumerate() {
        let names: Vec<String> = page.iter().map(|commit| name(*commit)).collect();
        let passed: Vec<Passed<'_>> = page
            .iter()
            .zip(&names)
            .map(|(commit, oid)| Passed {
                oid,
                at: time(graph.times[*commit]),
            })
            .collect();
        let wanted = passed
            .iter()
            .zip(*page)
            .filter(|(passed, _)| walk.wants(passed));
        recorded.extend(wanted.map(|(_, commit)| *commit));
        match walk.page(&passed, number + 1 == pages.len()) {
            Verdict::Further => {}
            Verdict::Done { retracted } => {
                let retracted = retracted
                    .iter()
                    .map(|oid| usize::from_str_radix(oid, 16).unwrap());
                return (recorded, retracted.collect(), number + 1);
            }
            Verdict::Short { seen, total } => panic!("{seen} of {total}"),
        }
    }
    panic!("the walk did not end with the history");
}

fn graphs() -> impl Strategy<Value = Graph> {
    let commit = (
        proptest::collection::vec(any::<prop::sample::Index>(), 0..3),
        0i64..200,
    );
    proptest::collection::vec(commit, 1..60).prop_map(|commits| {
        let mut graph = Graph {
            parents: Vec::new(),
            times: Vec::new(),
        };
        for (at, (parents, seconds)) in commits.into_iter().enumerate() {
            let parents: BTreeSet<usize> = if at == 0 {
                BTreeSet::new()
            } else {
                parents.iter().map(|index| index.index(at)).collect()
            };
            graph.parents.push(parents.into_iter().collect());
            graph.times.push(seconds);
        }
        graph
    })
}

proptest! {
    #[test]
    fn what_is_recorded_and_retracted_is_the_difference_of_the_two_histories(
        graph in graphs(),
        old in any::<prop::sample::Index>(),
        new in any::<prop::sample::Index>(),
        page_size in 1usize..12,
    ) {
        let (old, new) = (old.index(graph.parents.len()), new.index(graph.parents.len()));
        let (live, now) = (graph.reach(old), graph.reach(new));
        let (recorded, retracted, _) = walk(&graph, new, Some((old, live.len())), &live, 0, page_size);
        prop_assert_eq!(recorded, now.difference(&live).copied().collect());
        prop_assert_eq!(retracted, live.difference(&now).copied().collect());
    }

    #[test]
    fn a_first_fill_that_was_cut_off_at_any_point_is_made_whole(
        graph in graphs(),
        new in any::<prop::sample::Index>(),
        kept in 0usize..60,
        page_size in 1usize..12,
    ) {
        let new = new.index(graph.parents.len());
        let whole = graph.reach(new);
        let live: BTreeSet<usize> = graph.history(new).into_iter().take(kept).collect();
        let (recorded, retracted, _) = walk(&graph, new, None, &live, 0, page_size);
        prop_assert_eq!(recorded, whole.difference(&live).copied().collect());
        prop_assert!(retracted.is_empty());
    }
}

/// A straight line of `length` commits, one a second.
fn line(length: usize) -> Graph {
    let parents = (0..length)
        .map(|commit| commit.checked_sub(1).into_iter().collect())
        .collect();
    Graph {
        parents,
        times: (0..length).map(|commit| commit as i64).collect(),
    }
}

#[test]
fn a_branch_that_grew_by_a_page_costs_one_page() {
    let graph = line(1_000);
    let live = graph.reach(989);
    let (recorded, retracted, pages) = walk(&graph, 999, Some((989, 990)), &live, 0, 100);
    assert_eq!(
        (recorded, retracted, pages),
        ((990..1_000).collect(), BTreeSet::new(), 1)
    );
}

#[test]
fn a_walk_ends_a_hundred_commits_before_the_tracking_start() {
    let graph = line(1_000);
    let (recorded, _, pages) = walk(&graph, 999, None, &BTreeSet::new(), 850, 100);
    assert_eq!((recorded, pages), ((850..1_000).collect(), 3));
}

#[test]
fn a_force_push_is_walked_to_the_tracking_start_and_retracts_what_is_gone() {
    // 0..=499 common, 500..=509 the old tip, then a new tip of three commits on 499.
    let mut graph = line(510);
    for (commit, parent) in [(510, 499), (511, 510), (512, 511)] {
        graph.parents.push(vec![parent]);
        graph.times.push(commit);
    }
    let live: BTreeSet<usize> = (400..510).collect();
    let (recorded, retracted, pages) = walk(&graph, 512, Some((509, 510)), &live, 400, 50);
    assert_eq!(recorded, (510..513).collect());
    assert_eq!(retracted, (500..510).collect());
    assert_eq!(
        pages, 5,
        "103 commits of the tracked time, then a hundred before it"
    );
}

#[test]
fn a_head_with_a_wrong_clock_ends_no_walk_however_small_the_pages_are() {
    let mut graph = line(300);
    graph.parents.push(vec![299]);
    graph.times.push(1);
    let live = (250..300).collect();
    let (recorded, retracted, _) = walk(&graph, 300, None, &live, 250, 1);
    assert_eq!(
        (recorded, retracted),
        (BTreeSet::new(), BTreeSet::new()),
        "the head lies before the start, and all that was known is still reachable"
    );
}

#[test]
fn a_history_that_ends_before_its_own_count_proves_nothing() {
    let mut walk = Walk::new(time(0), None, HashSet::new(), 3);
    let oid = name(1);
    let page = [Passed {
        oid: &oid,
        at: time(1),
    }];
    assert_eq!(walk.page(&page, true), Verdict::Short { seen: 1, total: 3 });
}
