//! What a run is reported as, and whether the rows of a run of the matrix meet the bars.

use std::collections::BTreeMap;

use serde::Serialize;

use super::scenario::Ratio;
use crate::policy::Policy;

/// One scenario, seed and policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The seed.
    pub seed: u64,
    /// The policy's name.
    pub policy: &'static str,
    /// Live requests refused, or delayed by more than a second, that a run without bulk work would have spared.
    pub live_blocked: u64,
    /// Seconds that 99 of 100 live requests waited at most.
    pub live_wait_p99_s: f64,
    /// Seconds until the last item was done; the scenario's cap if it never was.
    pub makespan_s: f64,
    /// Seconds that no policy that spares live work can do with less than.
    pub oracle_s: f64,
    /// The quotient of the two.
    pub makespan_ratio: f64,
    /// The most that remained at the reset of a window through all of which bulk work was pending.
    pub unused_at_reset: u64,
    /// Bulk calls that left less than the floor of their moment and of the one in which their item began, by more than an item
    /// per process.
    pub reserve_violations: u64,
    /// Requests refused of which the sender knew that they would be.
    pub sent_into_block: u64,
    /// Whether the job never ended.
    pub unfinished: bool,
    /// How the ratio counts.
    pub counts: &'static str,
    /// What the floors of the window of `unused_at_reset` left unused: the greatest of them, each less what bulk work could
    /// have spent after it at 12 calls a second.
    pub floor_at_reset: u64,
    /// By how much what remained at a reset exceeded that floor and the calls of items under way at most, less an item per
    /// process, since none is begun in halves.
    pub unused_above_floor: u64,
    /// Jain's index of bulk calls by repository for as long as all had work; null where that is too short to tell.
    pub fairness: Option<f64>,
    /// Requests of our processes.
    pub requests: u64,
    /// Of those, refused because nothing was left.
    pub refused_primary: u64,
    /// Of those, refused by a secondary limit.
    pub refused_secondary: u64,
    /// Live requests.
    pub live_requests: u64,
    /// Live requests that were refused or delayed as well, by what live work itself had asked for.
    pub live_excused: u64,
    /// Live requests that were blocked without any bulk work.
    pub live_blocked_alone: u64,
}

/// Rows of one scenario and policy, over all seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The policy's name.
    pub policy: &'static str,
    /// How the ratio counts.
    pub counts: &'static str,
    /// How many rows.
    pub seeds: usize,
    /// Live requests blocked, in all.
    pub live_blocked: u64,
    /// The worst of the p99 waits.
    pub live_wait_p99_s: f64,
    /// The mean makespan.
    pub makespan_s: f64,
    /// The geometric mean of the ratios.
    pub mean_ratio: f64,
    /// The worst of the ratios.
    pub worst_ratio: f64,
    /// The most that was unused.
    pub unused_at_reset: u64,
    /// The most by which that exceeded the floor.
    pub unused_above_floor: u64,
    /// Calls below the floor, in all.
    pub reserve_violations: u64,
    /// Requests sent into a known block, in all.
    pub sent_into_block: u64,
    /// The least of the fairness indexes.
    pub fairness: Option<f64>,
    /// How many jobs never ended.
    pub unfinished: usize,
}

/// One of the bars that the default policy has to meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What is demanded.
    pub bar: &'static str,
    /// Whether every row does.
    pub is_met: bool,
    /// The number that was reached, or where it was not.
    pub detail: String,
}

/// The policy that is judged; the others are there to compare with.
pub const JUDGED: Policy = Policy::Adaptive;
/// `even` and `adaptive` end at the same reset in some scenarios; what follows it differs by so little by chance.
const NO_WORSE: f64 = 1.02;
const MEAN: f64 = 1.25;
const WORST: f64 = 1.6;

/// Sums rows up by scenario and policy, in the order in which they first appear.
pub fn summarize(rows: &[Row]) -> Vec<Line> {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    let mut places = BTreeMap::new();
    for row in rows {
        let place = *places.entry((row.scenario, row.policy)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(row);
    }
    groups.iter().filter_map(|rows| line(rows)).collect()
}

fn line(rows: &[&Row]) -> Option<Line> {
    let one = rows.first()?;
    let sum = |of: fn(&Row) -> u64| rows.iter().map(|row| of(row)).sum();
    let max = |of: fn(&Row) -> u64| rows.iter().map(|row| of(row)).max().unwrap_or(0);
    let largest = |of: fn(&Row) -> f64| rows.iter().map(|row| of(row)).fold(0.0, f64::max);
    Some(Line {
        scenario: one.scenario,
        policy: one.policy,
        counts: one.counts,
        seeds: rows.len(),
        live_blocked: sum(|row| row.live_blocked),
        live_wait_p99_s: largest(|row| row.live_wait_p99_s),
        makespan_s: rows.iter().map(|row| row.makespan_s).sum::<f64>() / rows.len() as f64,
        mean_ratio: geometric_mean(rows.iter().map(|row| row.makespan_ratio)),
        worst_ratio: largest(|row| row.makespan_ratio),
        unused_at_reset: max(|row| row.unused_at_reset),
        unused_above_floor: max(|row| row.unused_above_floor),
        reserve_violations: sum(|row| row.reserve_violations),
        sent_into_block: sum(|row| row.sent_into_block),
        fairness: rows.iter().filter_map(|row| row.fairness).reduce(f64::min),
        unfinished: rows.iter().filter(|row| row.unfinished).count(),
    })
}

/// Whether the judged policy meets the bars. Bars that compare it with `even` need rows of both.
pub fn verdicts(rows: &[Row]) -> Vec<Verdict> {
    let judged: Vec<&Row> = rows
        .iter()
        .filter(|row| row.policy == JUDGED.as_str())
        .collect();
    if judged.is_empty() {
        return Vec::new();
    }
    let ratios: Vec<&Row> = judged
        .iter()
        .copied()
        .filter(|row| row.counts == Ratio::Counts.as_str())
        .collect();
    let mut all = vec![none_of(
        "no live request is blocked by bulk work",
        &judged,
        |row| row.live_blocked,
    )];
    all.extend(against_even(rows));
    if !ratios.is_empty() {
        let mean = geometric_mean(ratios.iter().map(|row| row.makespan_ratio));
        all.push(Verdict {
            bar: "makespan at most 1.25 times the oracle's, as a geometric mean",
            is_met: mean <= MEAN,
            detail: format!("{mean:.3}"),
        });
        all.extend(worst(&ratios));
    }
    all.push(none_of(
        "unused at reset no more than the floor",
        &judged,
        |row| {
            // Lost answers and killed processes leave more than any floor; the table shows how much.
            if row.counts == Ratio::Torture.as_str() {
                0
            } else {
                row.unused_above_floor
            }
        },
    ));
    all.push(none_of("no request into a known block", &judged, |row| {
        row.sent_into_block
    }));
    all
}

fn worst(rows: &[&Row]) -> Option<Verdict> {
    let worst = rows
        .iter()
        .max_by(|one, other| one.makespan_ratio.total_cmp(&other.makespan_ratio))?;
    Some(Verdict {
        bar: "makespan at most 1.6 times the oracle's, at worst",
        is_met: worst.makespan_ratio <= WORST,
        detail: format!(
            "{:.3} ({}, seed {})",
            worst.makespan_ratio, worst.scenario, worst.seed
        ),
    })
}

/// Scenario by scenario: faster than `even`; no slower where the ratio does not count, unless `even` was fast at the cost of
/// live work.
fn against_even(rows: &[Row]) -> Option<Verdict> {
    let lines = summarize(rows);
    let of = |policy: Policy| {
        lines
            .iter()
            .filter(move |line| line.policy == policy.as_str())
    };
    let mut compared = 0;
    let mut slower = Vec::new();
    for ours in of(JUDGED) {
        let Some(even) = of(Policy::Even).find(|even| even.scenario == ours.scenario) else {
            continue;
        };
        compared += 1;
        let is_met = if ours.counts == Ratio::Counts.as_str() {
            ours.makespan_s < even.makespan_s
        } else {
            ours.makespan_s <= even.makespan_s * NO_WORSE || even.live_blocked > 0
        };
        if !is_met {
            slower.push(format!(
                "{} ({:.0} s, even {:.0} s)",
                ours.scenario, ours.makespan_s, even.makespan_s
            ));
        }
    }
    (compared > 0).then(|| Verdict {
        bar: "makespan better than `even` in each scenario, no worse where the ratio does not count",
        is_met: slower.is_empty(),
        detail: if slower.is_empty() {
            format!("in all {compared}")
        } else {
            slower.join(", ")
        },
    })
}

/// A number that has to be zero in each row.
fn none_of(bar: &'static str, rows: &[&Row], number: impl Fn(&Row) -> u64) -> Verdict {
    let mut by_scenario: BTreeMap<&str, (u64, Vec<u64>)> = BTreeMap::new();
    for row in rows {
        let number = number(row);
        if number > 0 {
            let (sum, seeds) = by_scenario.entry(row.scenario).or_default();
            *sum += number;
            seeds.push(row.seed);
        }
    }
    let found: Vec<String> = by_scenario
        .iter()
        .map(|(scenario, (sum, seeds))| format!("{scenario}: {sum} (seeds {seeds:?})"))
        .collect();
    Verdict {
        bar,
        is_met: found.is_empty(),
        detail: if found.is_empty() {
            format!("in all {} runs", rows.len())
        } else {
            found.join(", ")
        },
    }
}

fn geometric_mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| {
        (sum + value.max(f64::MIN_POSITIVE).ln(), count + 1)
    });
    (sum / f64::from(count.max(1))).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(scenario: &'static str, policy: &'static str, makespan_s: f64) -> Row {
        Row {
            scenario,
            seed: 1,
            policy,
            live_blocked: 0,
            live_wait_p99_s: 0.0,
            makespan_s,
            oracle_s: 100.0,
            makespan_ratio: makespan_s / 100.0,
            unused_at_reset: 0,
            reserve_violations: 0,
            sent_into_block: 0,
            unfinished: false,
            counts: "counts",
            floor_at_reset: 0,
            unused_above_floor: 0,
            fairness: None,
            requests: 0,
            refused_primary: 0,
            refused_secondary: 0,
            live_requests: 0,
            live_excused: 0,
            live_blocked_alone: 0,
        }
    }

    /// The bars that are missed, by the first word that tells them apart.
    fn missed(rows: &[Row]) -> Vec<&'static str> {
        let all = verdicts(rows);
        all.iter()
            .filter(|verdict| !verdict.is_met)
            .map(|verdict| verdict.bar)
            .collect()
    }

    #[test]
    fn rows_within_every_bar_are_met() {
        let rows = [row("idle", "adaptive", 120.0), row("idle", "even", 900.0)];
        assert_eq!(missed(&rows), Vec::<&str>::new());
        assert_eq!(verdicts(&rows).len(), 6);
    }

    #[test]
    fn each_bar_can_be_missed() {
        let even = row("idle", "even", 900.0);
        let ours = |change: fn(&mut Row)| {
            let mut ours = row("idle", "adaptive", 120.0);
            change(&mut ours);
            missed(&[ours, even.clone()])
        };
        let bars = [
            ours(|row| row.live_blocked = 1),
            ours(|row| row.makespan_s = 901.0),
            ours(|row| row.makespan_ratio = 1.26),
            ours(|row| row.unused_above_floor = 1),
            ours(|row| row.sent_into_block = 1),
        ];
        assert!(bars.iter().all(|missed| missed.len() == 1), "{bars:?}");
        assert_eq!(
            ours(|row| row.makespan_ratio = 1.61).len(),
            2,
            "the mean too"
        );
    }

    #[test]
    fn where_the_ratio_does_not_count_only_even_is_compared_with_and_only_if_it_spared_live_work() {
        let cold = |policy, makespan_s| Row {
            counts: "cold",
            ..row("cold-idle", policy, makespan_s)
        };
        assert_eq!(
            missed(&[cold("adaptive", 500.0), cold("even", 500.0)]),
            Vec::<&str>::new()
        );
        assert_eq!(
            missed(&[cold("adaptive", 600.0), cold("even", 500.0)]).len(),
            1
        );
        let greedy = Row {
            live_blocked: 3,
            ..cold("even", 500.0)
        };
        assert_eq!(
            missed(&[cold("adaptive", 600.0), greedy]),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn a_line_sums_up_the_seeds_of_a_scenario_and_policy() {
        let rows = [
            row("idle", "even", 100.0),
            Row {
                live_blocked: 2,
                unfinished: true,
                ..row("idle", "even", 400.0)
            },
            row("idle", "adaptive", 100.0),
        ];
        let lines = summarize(&rows);
        assert_eq!(lines.len(), 2);
        let even = &lines[0];
        assert_eq!((even.seeds, even.live_blocked, even.unfinished), (2, 2, 1));
        assert_eq!(
            (even.makespan_s, even.mean_ratio, even.worst_ratio),
            (250.0, 2.0, 4.0)
        );
    }
}
