//! The windows before the start: live work and strangers, so that a policy that learns has learnt, and no bulk work but that
//! of an earlier job where a scenario starts with a window that is used. Everything goes through the process's desk as
//! later, only without the way to GitHub: answers come at once.

use super::arrivals::World;
use super::github::GitHub;
use super::process::Process;
use super::{HOUR, Millis, headers};
use crate::ask::Ask;
use crate::fleet::Hearing;
use crate::lane::Lane;
use crate::observation::Resource;

/// What an answer is said to have taken.
const TOOK: Millis = 70;
/// Milliseconds between two exchanges: rarer than later, since nothing changes.
const EXCHANGES: usize = 5_000;

/// What happens before the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Stranger,
    Live,
    /// A call of the earlier job.
    Earlier,
    /// The process tells and hears.
    Exchange,
}

/// Lets history pass at GitHub, and through `process` where it is to learn from it. Gives the account as it is at the start.
pub(super) fn pass(world: &World, mut process: Option<&mut Process>) -> GitHub {
    let from = match &process {
        Some(_) => -Millis::from(world.scenario.history) * HOUR,
        // Only the window of the start matters to others.
        None => world.first_reset() - HOUR,
    };
    let mut github = GitHub::new(world.scenario.limit, 0, world.window_end(from));
    for (now, event) in events(world, from, process.is_some()) {
        let lane = match event {
            Event::Live => Some(Lane::Live),
            Event::Earlier => Some(Lane::Bulk),
            Event::Stranger | Event::Exchange => None,
        };
        match (&mut process, lane) {
            (Some(process), Some(lane)) => send(world, lane, process, &mut github, now),
            (Some(process), None) if event == Event::Exchange => {
                let clock = process.clock(now);
                process.desk.quota_mut().share(clock);
                let (me, heard) = (process.name(0), Vec::new());
                let alone = Hearing::Others { me, heard };
                process.desk.quota_mut().hear(&alone, clock);
            }
            _ => {
                github.serve(now, false, 0);
                github.answered();
            }
        }
    }
    github.pass(0);
    github
}

/// Everything from `from` to the start, in its order.
fn events(world: &World, from: Millis, has_process: bool) -> Vec<(Millis, Event)> {
    let past = |all: &[Millis]| {
        let range = all.partition_point(|at| *at < from)..all.partition_point(|at| *at < 0);
        all[range].to_vec()
    };
    let (live, strangers) = (past(&world.live), past(&world.strangers));
    let opens = world.first_reset() - HOUR;
    let known = [&live, &strangers].map(|all| all.len() - all.partition_point(|at| *at < opens));
    let missing = world
        .scenario
        .used
        .saturating_sub(known.iter().sum::<usize>() as u64);
    let missing = Millis::try_from(missing).unwrap_or(0);
    let earlier = (0..missing).map(|number| opens - opens * number / missing);
    let exchanges = (from..0).step_by(EXCHANGES).filter(|_| has_process);
    let mut all: Vec<(Millis, Event)> = Vec::new();
    all.extend(strangers.iter().map(|at| (*at, Event::Stranger)));
    all.extend(live.iter().map(|at| (*at, Event::Live)));
    all.extend(earlier.map(|at| (at, Event::Earlier)));
    all.extend(exchanges.map(|at| (at, Event::Exchange)));
    all.sort_unstable();
    all
}

/// A request that goes at once. Live work that may not is given up; the earlier job went, whatever is thought of it now.
fn send(world: &World, lane: Lane, process: &mut Process, github: &mut GitHub, now: Millis) {
    let clock = process.clock(now);
    let desk = &mut process.desk;
    let ask = Ask::read(Resource::core(), 1);
    let reservation = if lane == Lane::Live {
        let ticket = desk.arrive(lane, ask, clock);
        desk.dispatch(clock);
        let reservation = desk.collect(ticket);
        if reservation.is_none() {
            desk.leave(ticket, clock);
        }
        reservation
    } else {
        Some(desk.quota_mut().reserve(lane, ask, clock))
    };
    if let Some(reservation) = reservation {
        let answer = github.serve(now, false, now.rem_euclid(3) - 1);
        github.answered();
        let is_misleading = world.scenario.network.is_misleading;
        let seen = headers::read(&answer, false, is_misleading, now, TOOK);
        desk.settle(reservation, &seen, clock);
    }
}
