//! Decides what a run was worth: which live requests bulk work has blocked, how long the job took against the oracle, what
//! was left unused. Compares each run with one of the same arrivals without any bulk work, request by request.

use super::arrivals::World;
use super::record::{Fate, Hour, Record};
use super::{HOUR, Millis, SECOND};

/// A live request that waited longer is blocked.
const PATIENCE: Millis = SECOND;
/// A live request is not held against bulk work if live work alone was delayed by a secondary limit this close to it.
const MINUTE: Millis = 60 * SECOND;
/// Points of REST in a minute, and the whole seconds by which a careful caller counts them.
const POINTS: usize = 900;
const COUNTED: Millis = 61 * SECOND;
/// How long after too many points live work may still be delayed by them.
const AFTERMATH: Millis = 120 * SECOND;
/// How long after GitHub has refused live work alone the rate may still be lower.
const RECOVERS: Millis = 900 * SECOND;
/// How long after a reset requests of an empty window may still be getting through.
const CATCHES_UP: Millis = 600 * SECOND;

impl Fate {
    fn is_blocked(&self) -> bool {
        self.was_refused || self.waited > PATIENCE
    }
}

/// Live requests of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Live {
    /// Blocked because of bulk work.
    pub(super) blocked: u64,
    /// Blocked, and not because of bulk work.
    pub(super) excused: u64,
    /// Blocked in the run without bulk work.
    pub(super) blocked_alone: u64,
    /// Milliseconds that 99 of 100 waited at most.
    pub(super) wait_p99: Millis,
}

/// Judges what bulk work has done to live work. `alone` is the run of the same arrivals without it.
///
/// A request that was blocked there too does not count, if there was a cause for that in the live requests themselves: an
/// empty window, or more requests than a minute has points. In such a minute no delayed request counts, nor while requests
/// that waited for a reset get through, unless bulk work has left nothing of the window. In a window that is empty without it,
/// only as many count as exceed the number that was blocked alone, since which of them it meets is chance.
pub(super) fn live(world: &World, record: &Record, alone: &Record) -> Live {
    let first = world.live.partition_point(|at| *at < 0);
    let arrivals = &world.live[first..first + record.live.len()];
    debug_assert_eq!(record.live.len(), alone.live.len(), "the same arrivals");
    let all = || {
        arrivals
            .iter()
            .copied()
            .zip(record.live.iter().zip(&alone.live))
    };
    let blocked_alone = || all().filter(|(_, (_, alone))| alone.is_blocked());
    let windows = &alone.windows;
    let is_short = |at: Millis, waited| {
        is_empty(world, windows, at, waited) || is_catching_up(world, windows, at)
    };
    let crowded: Vec<(Millis, bool)> = blocked_alone()
        .filter(|(at, (_, alone))| !is_empty(world, windows, *at, alone.waited))
        .map(|(at, (_, alone))| (at, alone.was_refused))
        .collect();
    let crowded = excusable(world, windows, &crowded);
    let is_crowded = |at: Millis, waited| {
        let near = crowded.partition_point(|other| *other < at - MINUTE);
        crowded.get(near).is_some_and(|other| *other <= at + MINUTE)
            && (!is_empty(world, &record.windows, at, waited) || is_short(at, waited))
    };
    let counted: Vec<Millis> = all()
        .filter(|(at, (with, alone))| {
            let has_cause = is_short(*at, alone.waited) || crowded.binary_search(at).is_ok();
            let is_same = alone.is_blocked() && has_cause;
            with.is_blocked() && !is_same && !is_crowded(*at, with.waited)
        })
        .map(|(at, _)| at)
        .collect();
    let spared: Vec<Millis> = blocked_alone()
        .filter(|(at, (with, alone))| !with.is_blocked() && is_short(*at, alone.waited))
        .map(|(at, _)| at)
        .collect();
    let blocked = beyond(world, &counted, &spared);
    let in_all = all().filter(|(_, (with, _))| with.is_blocked()).count() as u64;
    Live {
        blocked,
        excused: in_all - blocked,
        blocked_alone: blocked_alone().count() as u64,
        wait_p99: wait_p99(&record.live),
    }
}

/// How many more of `counted` there are than of `spared`, window by window.
fn beyond(world: &World, counted: &[Millis], spared: &[Millis]) -> u64 {
    let mut sum = 0;
    let mut rest = counted;
    while let Some(at) = rest.first() {
        let ends = world.window_end(*at);
        let here = rest.partition_point(|at| *at < ends);
        let within = |moment: Millis| spared.partition_point(|at| *at < moment);
        let alone = within(ends) - within(ends - HOUR);
        sum += here.saturating_sub(alone) as u64;
        rest = &rest[here..];
    }
    sum
}

/// Whether there was nothing left of its window for a live request.
fn is_empty(world: &World, windows: &[Hour], at: Millis, waited: Millis) -> bool {
    let emptied = emptied(windows, world.window_end(at));
    emptied.is_some_and(|emptied| emptied <= at + waited.max(PATIENCE))
}

/// Whether requests of the window before, in which nothing was left for them, may not all be through.
fn is_catching_up(world: &World, windows: &[Hour], at: Millis) -> bool {
    let begun = world.window_end(at) - HOUR;
    at - begun <= CATCHES_UP && emptied(windows, begun).is_some()
}

fn emptied(windows: &[Hour], ends: Millis) -> Option<Millis> {
    let window = windows.iter().find(|window| window.ends == ends)?;
    window.emptied
}

/// Of the moments at which live work alone was delayed, or refused, those that have a cause: more requests had come than there
/// are points, were let go by a reset, or had been refused for that. A policy that delays live work without need finds no
/// excuse.
fn excusable(world: &World, windows: &[Hour], delayed: &[(Millis, bool)]) -> Vec<Millis> {
    if delayed.is_empty() {
        return Vec::new();
    }
    let crowds = crowds(world);
    let mut excusable: Vec<Millis> = Vec::new();
    let mut refused = Millis::MIN / 2;
    for (at, was_refused) in delayed {
        let crowd = crowds.partition_point(|crowd| *crowd <= *at);
        let latest = crowd.checked_sub(1).map(|before| crowds[before]);
        let cause = latest.max(excusable.last().copied());
        let is_caused = cause.is_some_and(|cause| at - cause <= AFTERMATH);
        if *was_refused {
            refused = *at;
        }
        if is_caused || at - refused <= RECOVERS || is_catching_up(world, windows, *at) {
            excusable.push(*at);
        }
    }
    excusable
}

/// The moments at which more requests have come from live work and strangers than a minute has points.
fn crowds(world: &World) -> Vec<Millis> {
    let mut all: Vec<Millis> = world.live.iter().chain(&world.strangers).copied().collect();
    all.sort_unstable();
    let full = all.windows(POINTS + 1).filter_map(|crowd| match crowd {
        [first, .., last] if last - first < COUNTED => Some(*last),
        _ => None,
    });
    full.collect()
}

fn wait_p99(live: &[Fate]) -> Millis {
    let mut waits: Vec<Millis> = live.iter().map(|fate| fate.waited).collect();
    waits.sort_unstable();
    let rank = (waits.len() * 99).div_ceil(100);
    rank.checked_sub(1).map_or(0, |rank| waits[rank])
}

/// What bulk work left unused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unused {
    /// The most that remained at the reset of a window through all of which bulk work was pending.
    pub(super) most: u64,
    /// What the floors of that window left unused.
    pub(super) floor: u64,
    /// By how much what remained exceeded the floor and what items under way had been promised, in the window where that was
    /// most.
    pub(super) above_floor: u64,
}

/// Judges what bulk work has left.
pub(super) fn unused(record: &Record) -> Unused {
    let pending_until = record.bulk_done.unwrap_or(record.end);
    let whole = record
        .windows
        .iter()
        .filter(|window| window.ends - HOUR >= 0 && window.ends <= pending_until);
    let mut unused = Unused::default();
    for window in whole {
        let floor = window.floor.unwrap_or(0);
        if window.remaining >= unused.most {
            (unused.most, unused.floor) = (window.remaining, floor);
        }
        let above = window.remaining.saturating_sub(floor + window.under_way);
        unused.above_floor = unused.above_floor.max(above);
    }
    unused
}

#[cfg(test)]
mod tests {
    use super::super::matrix::matrix;
    use super::super::scenario::Scenario;
    use super::*;

    /// A world in which live requests come at these moments.
    fn world(live: Vec<Millis>) -> World {
        let scenario = Scenario {
            history: 0,
            ..matrix().remove(0)
        };
        World {
            live,
            ..World::new(&scenario, 1)
        }
    }

    fn record(waited: &[Millis], windows: Vec<Hour>) -> Record {
        let fate = |waited: &Millis| Fate {
            waited: *waited,
            was_refused: false,
        };
        Record {
            live: waited.iter().map(fate).collect(),
            windows,
            ..Record::default()
        }
    }

    fn emptied(at: Millis) -> Vec<Hour> {
        vec![Hour {
            ends: HOUR,
            remaining: 0,
            emptied: Some(at),
            floor: None,
            under_way: 0,
        }]
    }

    fn blocked(world: &World, waited: &[Millis], alone: &Record) -> u64 {
        live(world, &record(waited, Vec::new()), alone).blocked
    }

    #[test]
    fn more_than_a_second_is_blocked_and_so_is_a_refusal() {
        let world = world(vec![10, 20, 30]);
        let alone = record(&[0, 0, 0], Vec::new());
        assert_eq!(blocked(&world, &[1000, 1001, 0], &alone), 1);
        let mut refused = record(&[0, 0, 0], Vec::new());
        refused.live[2].was_refused = true;
        assert_eq!(live(&world, &refused, &alone).blocked, 1);
    }

    #[test]
    fn where_live_work_alone_has_too_little_only_what_is_blocked_beyond_that_counts() {
        let world = world(vec![10, 20, 30, 40]);
        let alone = record(&[0, 0, 0, 90_000], emptied(35));
        assert_eq!(blocked(&world, &[0, 0, 90_000, 90_000], &alone), 1);
        assert_eq!(
            blocked(&world, &[0, 90_000, 0, 0], &alone),
            0,
            "as many, though another"
        );
    }

    #[test]
    fn what_is_blocked_in_one_window_does_not_excuse_another() {
        let world = world(vec![10, HOUR + 10]);
        let alone = record(&[90_000, 0], emptied(5));
        assert_eq!(blocked(&world, &[0, 90_000], &alone), 1);
    }

    #[test]
    fn a_crowd_of_live_requests_excuses_delays_within_a_minute_of_its_own() {
        let mut arrivals: Vec<Millis> = (0..1000).map(|number| number * 50).collect();
        arrivals.push(50_000 + 3 * 60_000);
        let world = world(arrivals);
        let mut alone = vec![0; 1001];
        alone[950] = 5_000;
        let mut waited = vec![0; 1001];
        (waited[700], waited[1000]) = (3_000, 3_000);
        let alone = record(&alone, Vec::new());
        assert_eq!(
            blocked(&world, &waited, &alone),
            1,
            "only the late one counts"
        );
    }

    #[test]
    fn a_crowd_excuses_nothing_where_bulk_work_has_left_nothing() {
        let world = world((0..1000).map(|number| number * 50).collect());
        let mut alone = vec![0; 1000];
        alone[950] = 5_000;
        let alone = record(&alone, Vec::new());
        let mut waited = vec![0; 1000];
        waited[900..].fill(90_000);
        assert_eq!(blocked(&world, &waited, &alone), 0);
        let spent = record(&waited, emptied(44_000));
        assert_eq!(
            live(&world, &spent, &alone).blocked,
            99,
            "all but the one that waited anyway"
        );
    }

    #[test]
    fn a_policy_that_delays_live_work_without_a_crowd_has_no_excuse() {
        let world = world((0..100).map(|number| number * 1000).collect());
        let delayed = vec![5_000; 100];
        let alone = record(&delayed, Vec::new());
        assert_eq!(blocked(&world, &delayed, &alone), 100);
    }

    #[test]
    fn unused_counts_only_windows_through_all_of_which_bulk_work_was_pending() {
        let hour = |ends: Millis, remaining| Hour {
            ends,
            remaining,
            emptied: None,
            floor: Some(100),
            under_way: 5,
        };
        let mut record = record(
            &[],
            vec![
                hour(HOUR / 2, 900),
                hour(HOUR * 3 / 2, 120),
                hour(HOUR * 5 / 2, 800),
            ],
        );
        record.bulk_done = Some(2 * HOUR);
        let unused = unused(&record);
        assert_eq!(
            (unused.most, unused.floor, unused.above_floor),
            (120, 100, 15)
        );
    }

    #[test]
    fn the_p99_wait_is_that_of_the_99th_of_100() {
        let fates =
            |waits: std::ops::Range<Millis>| record(&waits.collect::<Vec<_>>(), Vec::new()).live;
        assert_eq!(wait_p99(&fates(0..100)), 98);
        assert_eq!(wait_p99(&fates(7..8)), 7);
        assert_eq!(wait_p99(&[]), 0);
    }
}
