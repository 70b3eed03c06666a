//! Decides when everything arrives that no policy decides: live requests, strangers, kills, the end of the store; and what the
//! items of the job are. All of it is drawn before a run, so that every policy meets the same.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::dice::Stream;
use super::scenario::{Rate, Scenario, Strangers, Surely};
use super::{HOUR, Millis, SECOND, instant};

/// Repositories that the work is for, of two organisations.
pub(super) const REPOS: usize = 20;
/// A clump of strangers' requests lasts so long.
const CLUMP: f64 = 20.0;
const DAY: f64 = 86_400.0;

/// One scenario with one seed: everything that is the same for all policies.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) scenario: Scenario,
    pub(super) seed: u64,
    /// When live requests come; before zero is history.
    pub(super) live: Vec<Millis>,
    /// When strangers spend.
    pub(super) strangers: Vec<Millis>,
    /// Which process is killed when.
    pub(super) kills: Vec<(Millis, usize)>,
    pub(super) store_lost: Option<Millis>,
    pub(super) items: Vec<Item>,
    pub(super) repos: Vec<Repo>,
}

/// A unit of the bulk job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) repo: usize,
    pub(super) calls: u32,
    /// Which of the calls GitHub answers by 304, a bit each.
    unchanged: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Repo {
    pub(super) org: Arc<str>,
    pub(super) name: Arc<str>,
}

impl World {
    /// Draws everything.
    pub fn new(scenario: &Scenario, seed: u64) -> World {
        let stream = |name| Stream::new(seed, scenario.name, name);
        let from = -f64::from(scenario.history) * 3600.0;
        let span = (from, f64::from(scenario.hours) * 3600.0);
        let repos = (0..REPOS).map(|number| {
            let org = if number % 2 == 0 { "acme" } else { "globex" };
            Repo {
                org: org.into(),
                name: format!("{org}/repo-{number}").into(),
            }
        });
        World {
            seed,
            live: live(scenario, span, stream),
            strangers: scenario.strangers.map_or_else(Vec::new, |who| {
                strangers(who, span, &mut stream("strangers"))
            }),
            kills: kills(scenario, span.1, &mut stream("kills")),
            store_lost: scenario
                .is_store_lost
                .then(|| millis(stream("store").between(0.0, 600.0))),
            items: items(scenario, &mut stream("items")),
            repos: repos.collect(),
            scenario: scenario.clone(),
        }
    }

    /// The scenario that was drawn.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The seed that it was drawn with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The start of the run by GitHub's clock.
    pub fn start(&self) -> Timestamp {
        instant(0)
    }

    /// When live requests come, counted from the start; not those of the windows before it.
    pub fn live(&self) -> impl Iterator<Item = Duration> {
        let millis = self.live.iter().filter_map(|at| u64::try_from(*at).ok());
        millis.map(Duration::from_millis)
    }

    pub(super) fn stream(&self, name: &str) -> Stream {
        Stream::new(self.seed, self.scenario.name, name)
    }

    /// After so long a job is unfinished.
    pub(super) fn cap(&self) -> Millis {
        Millis::from(self.scenario.hours) * HOUR
    }

    pub(super) fn first_reset(&self) -> Millis {
        Millis::from(self.scenario.first_reset) * SECOND
    }

    /// The end of the window that `at` lies in.
    pub(super) fn window_end(&self, at: Millis) -> Millis {
        let first = self.first_reset();
        first + ((at - first).div_euclid(HOUR) + 1) * HOUR
    }
}

impl Item {
    pub(super) fn is_free(&self, call: u32) -> bool {
        self.unchanged >> call & 1 == 1
    }

    /// What its calls cost of the primary limit.
    pub(super) fn cost(&self) -> u32 {
        self.cost_from(0)
    }

    /// What those from `call` on cost.
    pub(super) fn cost_from(&self, call: u32) -> u32 {
        self.calls - call - (self.unchanged >> call).count_ones()
    }
}

/// Live requests from `span.0` to `span.1`, in seconds.
fn live(
    scenario: &Scenario,
    span: (f64, f64),
    stream: impl Fn(&'static str) -> Stream,
) -> Vec<Millis> {
    let mut all = steady(scenario.live, span, &mut stream("live"));
    if let Some(bursts) = scenario.bursts {
        let mut times = stream("bursts");
        let mut starts = poisson(bursts.apart, span, &mut times);
        starts.extend(surely(scenario, bursts.surely, &mut stream("overlap")));
        for start in starts {
            let lasts = bursts.lasts;
            all.extend((0..bursts.requests).map(|_| millis(start + times.between(0.0, lasts))));
        }
    }
    all.sort_unstable();
    all
}

/// Arrivals at a rate that may change with time.
fn steady(rate: Rate, span: (f64, f64), stream: &mut Stream) -> Vec<Millis> {
    let most = match rate {
        Rate::Idle => return Vec::new(),
        Rate::Steady(rate) => rate,
        Rate::Daily(least, most) => least.max(most),
        Rate::Until(before, _, after) => before.max(after),
    };
    let phase = stream.unit();
    let now = |at: f64| match rate {
        Rate::Idle => 0.0,
        Rate::Steady(rate) => rate,
        Rate::Daily(least, most) => {
            let wave = ((at / DAY + phase) * std::f64::consts::TAU).sin();
            least + (most - least) * (wave + 1.0) / 2.0
        }
        Rate::Until(before, until, _) if at < f64::from(until) => before,
        Rate::Until(_, _, after) => after,
    };
    let candidates = poisson(1.0 / most, span, stream);
    let kept = candidates
        .into_iter()
        .filter(|at| now(*at) >= most || stream.chance(now(*at) / most));
    kept.map(millis).collect()
}

/// Moments at random, `mean` seconds apart.
fn poisson(mean: f64, (from, to): (f64, f64), stream: &mut Stream) -> Vec<f64> {
    let mut all = Vec::new();
    let mut at = from + stream.apart(mean);
    while at < to {
        all.push(at);
        at += stream.apart(mean);
    }
    all
}

/// Starts that are there by construction: in half of the runs at any time of the first two windows, in the others in the last
/// five minutes before one of the first two resets.
fn surely(scenario: &Scenario, surely: Surely, stream: &mut Stream) -> Vec<f64> {
    let reset = f64::from(scenario.first_reset) + f64::from(stream.whole(0, 1)) * 3600.0;
    let first = if stream.chance(0.5) {
        stream.between(0.0, f64::from(scenario.first_reset) + 3600.0)
    } else {
        reset - stream.between(0.0, 300.0)
    };
    match surely {
        Surely::Nothing => Vec::new(),
        Surely::Burst => vec![first],
        Surely::Overlap => vec![first, first + stream.between(10.0, 60.0)],
    }
}

fn strangers(who: Strangers, span: (f64, f64), stream: &mut Stream) -> Vec<Millis> {
    let mut all = steady(Rate::Steady(who.rate), span, stream);
    if let Some((apart, requests)) = who.clumps {
        for start in poisson(apart, span, stream) {
            all.extend((0..requests).map(|_| millis(start + stream.between(0.0, CLUMP))));
        }
    }
    all.sort_unstable();
    all
}

fn kills(scenario: &Scenario, to: f64, stream: &mut Stream) -> Vec<(Millis, usize)> {
    let Some(apart) = scenario.kills else {
        return Vec::new();
    };
    let last = u32::try_from(scenario.processes - 1).expect("processes are a few");
    poisson(apart, (0.0, to), stream)
        .into_iter()
        .map(|at| (millis(at), stream.whole(1, last) as usize))
        .collect()
}

fn items(scenario: &Scenario, stream: &mut Stream) -> Vec<Item> {
    let (least, most) = scenario.calls;
    (0..scenario.items as usize)
        .map(|number| {
            let calls = stream.whole(least, most);
            let unchanged = (0..calls).filter(|_| stream.chance(scenario.unchanged));
            Item {
                repo: number % REPOS,
                calls,
                unchanged: unchanged.fold(0, |bits, call| bits | 1 << call),
            }
        })
        .collect()
}

fn millis(seconds: f64) -> Millis {
    (seconds * 1000.0) as Millis
}

#[cfg(test)]
mod tests {
    use super::super::matrix::matrix;
    use super::super::scenario::Bursts;
    use super::*;

    fn world(name: &str, seed: u64) -> World {
        let all = matrix();
        let scenario = all.iter().find(|scenario| scenario.name == name).unwrap();
        World::new(scenario, seed)
    }

    /// Requests per second over all of a scenario's time.
    fn rate(arrivals: &[Millis], scenario: &Scenario) -> f64 {
        arrivals.len() as f64 / (f64::from(scenario.hours + scenario.history) * 3600.0)
    }

    #[test]
    fn live_requests_come_at_the_rates_that_scenarios_claim() {
        for scenario in matrix() {
            let world = World::new(&scenario, 3);
            assert!(world.live.is_sorted());
            let (base, slack) = match scenario.live {
                Rate::Idle => (0.0, 0.0),
                Rate::Steady(rate) => (rate, 0.0),
                Rate::Daily(least, most) => ((least + most) / 2.0, 0.06),
                Rate::Until(before, until, after) => {
                    let (whole, until) = (f64::from(scenario.hours), f64::from(until) / 3600.0);
                    let history = f64::from(scenario.history);
                    let sum = before * (history + until) + after * (whole - until);
                    (sum / (history + whole), 0.0)
                }
            };
            let seen = rate(&world.live, &scenario);
            match scenario.bursts {
                // A few tens of bursts vary by a few.
                Some(Bursts {
                    apart, requests, ..
                }) => {
                    let all = base + f64::from(requests) / apart;
                    assert!(
                        (seen - all).abs() < 0.06,
                        "{}: {seen}/s, not {all}/s",
                        scenario.name
                    );
                }
                None => {
                    let chance = 4.0
                        * (base / (f64::from(scenario.hours + scenario.history) * 3600.0)).sqrt();
                    assert!(
                        (seen - base).abs() <= chance + slack,
                        "{}: {seen}/s, not {base}/s",
                        scenario.name
                    );
                }
            }
        }
    }

    #[test]
    fn a_burst_is_700_requests_in_90_seconds_and_two_overlap_where_the_scenario_says_so() {
        let within = |world: &World, from: Millis, seconds: Millis| {
            let before = |moment| world.live.partition_point(|at| *at < moment);
            before(from + seconds * SECOND) - before(from)
        };
        for seed in 0..20 {
            let world = world("bursts-overlap", seed);
            let run = world
                .live
                .iter()
                .filter(|at| (0..2 * HOUR + 60_000).contains(*at));
            let most = run.map(|at| within(&world, *at, 150)).max().unwrap();
            assert!(most >= 1400, "seed {seed}: {most} in 150 s");
        }
        let calm = world("bursts", 1);
        let most = calm
            .live
            .iter()
            .map(|at| within(&calm, *at, 91))
            .max()
            .unwrap();
        assert!((700..1500).contains(&most), "{most} in 91 s");
    }

    #[test]
    fn strangers_come_at_their_rate_and_in_clumps() {
        let steady = world("strangers", 2);
        assert!((rate(&steady.strangers, &steady.scenario) - 0.3).abs() < 0.01);
        let clumps = world("strangers-clumps", 2);
        assert!((rate(&clumps.strangers, &clumps.scenario) - 0.175).abs() < 0.03);
    }

    #[test]
    fn two_of_five_calls_are_free_where_the_scenario_says_so() {
        let world = world("unchanged", 1);
        let (calls, cost) = world.items.iter().fold((0, 0), |(calls, cost), item| {
            (calls + item.calls, cost + item.cost())
        });
        assert!((0.55..0.65).contains(&(f64::from(cost) / f64::from(calls))));
    }

    #[test]
    fn only_processes_without_live_work_are_killed() {
        let kills = world("kills", 1).kills;
        assert!(kills.len() > 100);
        assert!(
            kills
                .iter()
                .all(|(at, process)| *at > 0 && (1..4).contains(process))
        );
    }

    #[test]
    fn windows_follow_each_other_by_the_hour_from_the_first_reset() {
        let world = world("live-0.5-midway", 1);
        let ends = [-HOUR, -1, 0, 1_799_999, 1_800_000].map(|at| world.window_end(at) / SECOND);
        assert_eq!(ends, [-1800, 1800, 1800, 1800, 5400]);
    }
}
