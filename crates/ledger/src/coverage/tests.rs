//! Coverage against a model that decides for each second on its own.

use proptest::prelude::*;

use super::*;

const START: i64 = 10;
const END: i64 = 60;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn window(start: i64, end: i64) -> Window {
    Window::new(at(start), at(end)).unwrap()
}

fn gap(start: i64, end: i64, reason: GapReason, error: &str) -> Gap {
    Gap {
        window: window(start, end),
        reason,
        error: error.to_owned(),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Cover(i64, i64),
    Advance(i64),
    Miss(i64, i64, GapReason),
    ReachBack(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ends = (0..END, 1..20i64).prop_map(|(start, length)| (start, (start + length).min(END)));
    let missed = GapReason::ALL
        .into_iter()
        .filter(|reason| *reason != GapReason::Manual);
    let reason = prop::sample::select(missed.collect::<Vec<_>>());
    let step = prop_oneof![
        3 => ends.clone().prop_map(|(start, end)| Step::Cover(start, end)),
        1 => (0..END).prop_map(Step::Advance),
        3 => (ends, reason).prop_map(|((start, end), reason)| Step::Miss(start, end, reason)),
        1 => (0..START + 5).prop_map(Step::ReachBack),
    ];
    prop::collection::vec(step, 0..24)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Second {
    Undecided,
    Covered,
    Missed(GapReason),
}

/// What is known of each second from 0 to [`END`], by the rules in the module's text and without any window; and the start.
struct Model([Second; END as usize], i64);

impl Model {
    fn new() -> Model {
        Model([Second::Undecided; END as usize], START)
    }

    fn frontier(&self) -> i64 {
        let last = (START..END)
            .rev()
            .find(|second| self.0[*second as usize] == Second::Covered);
        last.map_or(START, |second| second + 1)
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Cover(start, end) => {
                for second in start.max(self.1)..end {
                    self.0[second as usize] = Second::Covered;
                }
                for second in self.1..self.frontier() {
                    if self.0[second as usize] == Second::Undecided {
                        self.0[second as usize] = Second::Missed(GapReason::Outage);
                    }
                }
            }
            Step::Advance(until) => {
                for second in self.frontier()..until {
                    self.0[second as usize] = Second::Covered;
                }
            }
            Step::Miss(start, end, reason) => {
                for second in start.max(self.1)..end {
                    if self.0[second as usize] == Second::Undecided {
                        self.0[second as usize] = Second::Missed(reason);
                    }
                }
            }
            Step::ReachBack(start) => {
                for second in start..self.1 {
                    self.0[second as usize] = Second::Missed(GapReason::Manual);
                }
                self.1 = self.1.min(start);
            }
        }
    }
}

fn take(coverage: &mut Coverage, step: &Step) {
    match *step {
        Step::Cover(start, end) => coverage.cover(window(start, end)),
        Step::Advance(until) => coverage.advance(at(until)),
        Step::Miss(start, end, reason) => coverage.miss(window(start, end), reason, "why"),
        Step::ReachBack(start) => coverage.reach_back(at(start)),
    }
}

fn seconds(coverage: &Coverage) -> Vec<Second> {
    (0..END)
        .map(|second| {
            let covered = coverage.contains(window(second, second + 1));
            let missed: Vec<_> = coverage
                .gaps()
                .iter()
                .filter(|gap| gap.window.contains(at(second)))
                .collect();
            assert!(
                missed.len() + usize::from(covered) <= 1,
                "second {second} is in one set at most"
            );
            match missed.first() {
                Some(gap) => Second::Missed(gap.reason),
                None if covered => Second::Covered,
                None => Second::Undecided,
            }
        })
        .collect()
}

fn assert_invariants(coverage: &Coverage) {
    let covered = coverage.covered();
    let gaps = coverage.gaps();
    let starts = covered
        .iter()
        .chain(gaps.iter().map(|gap| &gap.window))
        .map(Window::start);
    assert!(
        starts.min().is_none_or(|first| first >= coverage.start()),
        "nothing lies before the start"
    );
    assert!(
        covered.is_sorted_by(|earlier, later| earlier.end() < later.start()),
        "covered windows lie apart"
    );
    let apart = |earlier: &Gap, later: &Gap| {
        earlier.window.end() < later.window.start()
            || earlier.window.end() == later.window.start() && earlier.reason != later.reason
    };
    assert!(
        gaps.is_sorted_by(apart),
        "gaps lie apart or differ in reason"
    );
    for (window, gap) in covered
        .iter()
        .flat_map(|window| gaps.iter().map(move |gap| (window, gap)))
    {
        assert_eq!(
            window.intersection(gap.window),
            None,
            "covered and gaps never overlap"
        );
    }
    let before_frontier: Vec<Window> = coverage.undecided(Timestamp::MAX);
    assert!(
        before_frontier
            .iter()
            .all(|window| window.start() >= coverage.frontier()),
        "before it all is decided"
    );
}

proptest! {
    #[test]
    fn every_second_is_what_the_rules_say(steps in steps()) {
        let mut coverage = Coverage::new(at(START));
        let mut model = Model::new();
        for step in &steps {
            let frontier = coverage.frontier();
            take(&mut coverage, step);
            model.take(step);
            assert_invariants(&coverage);
            prop_assert!(coverage.frontier() >= frontier, "the frontier never moves back");
            prop_assert_eq!(coverage.frontier(), at(model.frontier()));
            prop_assert_eq!(coverage.start(), at(model.1));
            prop_assert_eq!(&seconds(&coverage)[..], &model.0[..]);
        }
    }

    #[test]
    fn what_a_store_kept_comes_back_in_any_order(steps in steps(), turn in 0usize..8) {
        let mut coverage = Coverage::new(at(START));
        steps.iter().for_each(|step| take(&mut coverage, step));
        let (mut covered, mut gaps) = (coverage.covered().to_vec(), coverage.gaps().to_vec());
        if !covered.is_empty() { let by = turn % covered.len(); covered.rotate_left(by); }
        if !gaps.is_empty() { let by = turn % gaps.len(); gaps.rotate_left(by); }
        prop_assert_eq!(Coverage::restore(coverage.start(), covered, gaps), coverage);
    }

    #[test]
    fn the_order_of_what_was_covered_does_not_matter(mut steps in steps(), turn in 0usize..24) {
        steps.retain(|step| matches!(step, Step::Cover(..)));
        let fold = |steps: &[Step]| {
            let mut coverage = Coverage::new(at(START));
            steps.iter().for_each(|step| take(&mut coverage, step));
            coverage
        };
        let forward = fold(&steps);
        if !steps.is_empty() { let by = turn % steps.len(); steps.rotate_left(by); }
        prop_assert_eq!(&fold(&steps), &forward);
        steps.reverse();
        prop_assert_eq!(&fold(&steps), &forward);
    }

    #[test]
    fn the_ratio_is_the_share_of_the_seconds_that_are_covered(steps in steps(), now in START + 1..END) {
        let mut coverage = Coverage::new(at(START));
        steps.iter().for_each(|step| take(&mut coverage, step));
        let start = coverage.start().as_second();
        let covered = (start..now).filter(|second| coverage.contains(window(*second, second + 1))).count();
        let share = covered as f64 / (now - start) as f64;
        prop_assert!((coverage.ratio(at(now)) - share).abs() < 1e-9);
    }
}

#[test]
fn time_that_nobody_accounted_for_is_an_outage_until_it_is_read() {
    let mut coverage = Coverage::new(at(0));
    coverage.cover(window(0, 10));
    coverage.miss(window(10, 15), GapReason::ScrapeError, "502");
    coverage.cover(window(30, 40));
    assert_eq!(
        coverage.gaps(),
        [
            gap(10, 15, GapReason::ScrapeError, "502"),
            gap(15, 30, GapReason::Outage, "")
        ]
    );
    assert_eq!(coverage.frontier(), at(40));
    coverage.cover(window(5, 35));
    assert_eq!(coverage.gaps(), []);
    assert_eq!(coverage.covered(), [window(0, 40)]);
}

#[test]
fn an_instant_keeps_its_first_reason_and_takes_the_newest_error() {
    let mut coverage = Coverage::new(at(0));
    coverage.miss(window(0, 10), GapReason::ScrapeError, "502");
    coverage.miss(window(0, 20), GapReason::Unhealthy, "cooling down");
    coverage.miss(window(0, 30), GapReason::Unhealthy, "still cooling down");
    let unhealthy = gap(10, 30, GapReason::Unhealthy, "still cooling down");
    assert_eq!(
        coverage.gaps(),
        [gap(0, 10, GapReason::ScrapeError, "502"), unhealthy]
    );
    coverage.miss(window(0, 5), GapReason::ScrapeError, "503");
    assert_eq!(
        coverage.gaps()[0],
        gap(0, 10, GapReason::ScrapeError, "503")
    );
}

#[test]
fn what_never_changed_since_it_was_read_proves_nothing_of_history() {
    let mut coverage = Coverage::new(at(10));
    coverage.reach_back(at(0));
    assert_eq!(coverage.frontier(), at(10));
    coverage.cover(window(2, 4));
    assert_eq!(
        coverage.frontier(),
        at(10),
        "a part of history is no frontier"
    );
    coverage.advance(at(20));
    assert_eq!(coverage.covered(), [window(2, 4), window(10, 20)]);
    let manual = |start, end| gap(start, end, GapReason::Manual, "");
    assert_eq!(coverage.gaps(), [manual(0, 2), manual(4, 10)]);
}

#[test]
fn what_is_not_read_yet_is_undecided_and_no_gap() {
    let mut coverage = Coverage::new(at(0));
    coverage.cover(window(0, 10));
    assert_eq!(coverage.undecided(at(30)), [window(10, 30)]);
    coverage.miss(window(10, 20), GapReason::Partial, "");
    assert_eq!(coverage.undecided(at(30)), [window(20, 30)]);
    assert_eq!(
        coverage.gaps_before(at(15)).collect::<Vec<_>>(),
        [gap(10, 15, GapReason::Partial, "")]
    );
    assert_eq!(coverage.gaps_before(at(10)).count(), 0);
    assert_eq!(coverage.undecided(at(5)), []);
}

#[test]
fn nothing_before_the_start_is_covered_or_missed() {
    let mut coverage = Coverage::new(at(10));
    coverage.cover(window(0, 5));
    coverage.miss(window(0, 10), GapReason::Partial, "");
    assert_eq!(coverage, Coverage::new(at(10)));
    assert!(
        (coverage.ratio(at(10)) - 1.0).abs() < f64::EPSILON,
        "no time has passed"
    );
    assert!(coverage.ratio(at(20)).abs() < f64::EPSILON);
}

#[test]
fn the_words_of_reasons_lead_back_to_them() {
    assert!(
        GapReason::ALL
            .into_iter()
            .all(|reason| GapReason::parse(reason.as_str()) == Some(reason))
    );
}
