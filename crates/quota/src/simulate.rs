//! Proves what policies promise: each runs on a virtual clock against a model of GitHub's limits, and is judged by what it did
//! to live work and by how long a bulk job took.
//!
//! A [`World`] is a [`Scenario`] with everything drawn that a policy does not decide, so that all policies meet the same
//! arrivals. [`play`] runs one policy through it: processes are the same [`Desk`](crate::desk::Desk) as in production, and
//! GitHub is a model that is written from its documents alone (`github.rs`) and shares no line with what policies believe of
//! it. The judge compares the run with one of the same arrivals without bulk work, and with an oracle that knows the future.
//!
//! Nothing here reads a clock, starts a thread or rolls dice without a seed: the same scenario, seed and policy give the same
//! row each time.

mod scenario;

mod matrix;

mod arrivals;

mod github;

mod process;

mod store;

mod history;

mod engine;

mod oracle;

mod judge;

mod row;

mod record;

mod headers;

mod dice;

use jiff::Timestamp;

use crate::demand::Learnt;
use crate::policy::Policy;
use engine::{Bulk, Engine, Pictures};
use process::Process;

pub use arrivals::World;
pub use matrix::matrix;
pub use record::Sample;
pub use row::{JUDGED, Line, Row, Verdict, summarize, verdicts};
pub use scenario::{Bursts, Rate, Ratio, Scenario, Strangers, Surely};

/// Milliseconds by GitHub's clock since the start of a run; negative before it.
type Millis = i64;

const SECOND: Millis = 1000;
const HOUR: Millis = 3600 * SECOND;
/// Calls of bulk work in a second: 80 % of GitHub's 900 points a minute.
const PER_SECOND: u64 = 12;
/// The start of every run by GitHub's clock, in seconds since 1970: a full hour.
const BASE: i64 = 1_799_996_400;

/// Runs a policy through a world and judges it.
pub fn play(world: &World, policy: Policy) -> Row {
    judged(world, policy, Pictures::None).0
}

/// The same, with a picture taken every five seconds.
pub fn watch(world: &World, policy: Policy) -> (Row, Vec<Sample>) {
    judged(world, policy, Pictures::Taken)
}

/// What a policy that learns knows at the start from the windows before it.
pub fn taught(world: &World) -> Learnt {
    let skew = world.scenario().skew * SECOND;
    let mut process = Process::new(Policy::Adaptive, skew, world.stream("jitter 0"));
    history::pass(world, Some(&mut process));
    process.desk.quota().learnt()
}

fn judged(world: &World, policy: Policy, pictures: Pictures) -> (Row, Vec<Sample>) {
    let record = Engine::run(world, policy, Bulk::Job, pictures);
    let until = record.end;
    let alone = Engine::run(world, policy, Bulk::Without { until }, Pictures::None);
    let live = judge::live(world, &record, &alone);
    let unused = judge::unused(&record);
    let scenario = world.scenario();
    let seconds = |millis: Millis| millis as f64 / SECOND as f64;
    let makespan_s = seconds(record.bulk_done.unwrap_or(world.cap()));
    let oracle_s = seconds(oracle::makespan(world));
    let items = scenario.processes as u64 * u64::from(scenario.calls.1);
    let row = Row {
        scenario: scenario.name,
        seed: world.seed(),
        policy: policy.as_str(),
        live_blocked: live.blocked,
        live_wait_p99_s: seconds(live.wait_p99),
        makespan_s,
        oracle_s,
        makespan_ratio: makespan_s / oracle_s,
        unused_at_reset: unused.most,
        reserve_violations: record.reserve_violations,
        sent_into_block: record.sent_into_block,
        unfinished: record.bulk_done.is_none(),
        counts: scenario.counts.as_str(),
        floor_at_reset: unused.floor,
        unused_above_floor: unused.above_floor.saturating_sub(items),
        fairness: record.fairness.index(),
        requests: record.requests,
        refused_primary: record.refused_primary,
        refused_secondary: record.refused_secondary,
        live_requests: record.live.len() as u64,
        live_excused: live.excused,
        live_blocked_alone: live.blocked_alone,
    };
    (row, record.samples)
}

/// A moment of GitHub's clock.
fn instant(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(BASE * SECOND + at).unwrap_or(Timestamp::MAX)
}

/// The first whole millisecond that is not before `at`.
fn millis_of(at: Timestamp) -> Millis {
    let nanos = at.as_nanosecond() - i128::from(BASE) * 1_000_000_000;
    let millis = nanos.div_euclid(1_000_000) + i128::from(nanos.rem_euclid(1_000_000) > 0);
    Millis::try_from(millis).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests;
