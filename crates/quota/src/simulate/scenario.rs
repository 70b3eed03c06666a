//! What a world is made of in which a policy has to prove itself. Plain data: which worlds there are is in `matrix.rs`, and what
//! arrives is drawn in `arrivals.rs`.

use super::dice::Network;

/// One world.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What is special about it.
    pub about: &'static str,
    /// Requests in an hour.
    pub limit: u64,
    /// Live requests, aside from bursts.
    pub live: Rate,
    /// Live requests that come in bursts.
    pub bursts: Option<Bursts>,
    /// Others who spend from the same credential and are no process of ours.
    pub strangers: Option<Strangers>,
    /// Items of the bulk job.
    pub items: u32,
    /// Calls of one item, from and to; any number between is as likely.
    pub calls: (u32, u32),
    /// The share of bulk calls that are answered by 304, free of the primary limit.
    pub unchanged: f64,
    /// Processes that share the credential. Live work is in the first, bulk work in all.
    pub processes: usize,
    /// Seconds until the first reset.
    pub first_reset: u32,
    /// Used of the first window before the start; what live work has not used of that, an earlier bulk job has.
    pub used: u64,
    /// Seconds by which the processes' clocks are ahead of GitHub's.
    pub skew: i64,
    /// The way to GitHub and back.
    pub network: Network,
    /// Seconds between the kills of a process that does bulk work, on average.
    pub kills: Option<f64>,
    /// Whether the store through which processes hear of each other is lost within the first ten minutes.
    pub is_store_lost: bool,
    /// Windows of the same traffic without bulk work before the start.
    pub history: u32,
    /// How its ratio counts.
    pub counts: Ratio,
    /// After so many hours a job is unfinished.
    pub hours: u32,
}

/// Live requests per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// None.
    Idle,
    /// At random, so many per second.
    Steady(f64),
    /// A day of it: a sinus between the two, and the start at any hour.
    Daily(f64, f64),
    /// The first rate until so many seconds after the start, then the second.
    Until(f64, u32, f64),
}

/// Live requests in bursts that start at random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bursts {
    /// Seconds between two starts, on average.
    pub apart: f64,
    /// Requests of one burst.
    pub requests: u32,
    /// Seconds that a burst lasts.
    pub lasts: f64,
    /// Bursts on top that are there by construction, once after the start.
    pub surely: Surely,
}

/// Bursts that do not depend on chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surely {
    /// None.
    Nothing,
    /// One.
    Burst,
    /// Two that overlap: the second starts 10 to 60 seconds after the first.
    Overlap,
}

/// Spending that no process of ours makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strangers {
    /// Requests per second, at random.
    pub rate: f64,
    /// Clumps: seconds between two on average, requests of one; each lasts 20 seconds.
    pub clumps: Option<(f64, u32)>,
}

/// How the ratio of makespan and oracle counts towards the bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ratio {
    /// In the mean and the worst.
    Counts,
    /// Not: nothing is known at the start. No worse than `even`.
    Cold,
    /// Not: live work alone asks for more than the limit. No worse than `even`.
    Infeasible,
    /// Not: an item costs more than may be spent in a window. No worse than `even`.
    Dear,
    /// Not: more goes wrong at once than any reserve is meant for. Safe all the same, and no worse than `even`.
    Torture,
}

impl Ratio {
    /// The word in tables and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Ratio::Counts => "counts",
            Ratio::Cold => "cold",
            Ratio::Infeasible => "infeasible",
            Ratio::Dear => "dear",
            Ratio::Torture => "torture",
        }
    }
}
