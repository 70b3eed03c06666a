//! The windows before the start: live work and strangers without any bulk work, so that a policy that learns has learnt.
//! Everything goes through the process's desk as later, only without the way to GitHub: answers come at once.

use super::arrivals::World;
use super::github::GitHub;
use super::process::Process;
use super::{HOUR, Millis, SECOND, headers};
use crate::ask::Ask;
use crate::fleet::Hearing;
use crate::lane::Lane;
use crate::observation::Resource;

/// What an answer is said to have taken.
const TOOK: Millis = 70;
/// Between two calls of the earlier job.
const EARLIER: Millis = 100;
/// How often the process hears that it is alone.
const HEARS: Millis = 5 * SECOND;

/// Lets history pass at GitHub, and through `process` where it is to learn from it. Gives the account as it is at the start.
pub(super) fn pass(world: &World, mut process: Option<&mut Process>) -> GitHub {
    let from = match &process {
        Some(_) => -Millis::from(world.scenario.history) * HOUR,
        // Only the window of the start matters to others.
        None => world.first_reset() - HOUR,
    };
    let mut github = GitHub::new(world.scenario.limit, 0, world.window_end(from));
    let before = |all: &[Millis]| all.partition_point(|at| *at < 0);
    let since = |all: &[Millis]| all.partition_point(|at| *at < from);
    let mut live = &world.live[since(&world.live)..before(&world.live)];
    let mut strangers = &world.strangers[since(&world.strangers)..before(&world.strangers)];
    let mut hears = from;
    let earlier = earlier_job(world);
    let mut earlier = earlier.as_slice();
    loop {
        let next = |all: &[Millis]| all.first().copied().unwrap_or(0);
        let now = next(live)
            .min(next(strangers))
            .min(next(earlier))
            .min(hears);
        if now >= 0 {
            break;
        }
        if hears == now {
            hears += HEARS;
            if let Some(process) = &mut process {
                let clock = process.clock(now);
                process.desk.quota_mut().share(clock);
                let (me, heard) = (process.name(0), Vec::new());
                process
                    .desk
                    .quota_mut()
                    .hear(&Hearing::Others { me, heard }, clock);
            }
        } else if next(strangers) == now {
            strangers = &strangers[1..];
            github.serve(now, false, 0);
            github.answered();
        } else {
            let (lane, all) = if next(earlier) == now {
                (Lane::Bulk, &mut earlier)
            } else {
                (Lane::Live, &mut live)
            };
            let number = all.len();
            *all = &all[1..];
            match &mut process {
                Some(process) => send(world, (lane, number), process, &mut github, now),
                None => {
                    github.serve(now, false, 0);
                    github.answered();
                }
            }
        }
    }
    github.pass(0);
    github.use_at_least(world.scenario.used);
    github.forget_windows();
    github
}

/// What is used at the start, aside from live work, was spent by an earlier bulk job when the window began.
fn earlier_job(world: &World) -> Vec<Millis> {
    let began = world.first_reset() - HOUR;
    let within = |all: &[Millis]| {
        all.partition_point(|at| *at < 0) - all.partition_point(|at| *at < began)
    };
    let others = within(&world.live) + within(&world.strangers);
    let count = (world.scenario.used as usize).saturating_sub(others);
    (0..count)
        .map(|number| began + SECOND + number as Millis * EARLIER)
        .take_while(|at| *at < 0)
        .collect()
}

/// A request; a live one that may not go is given up, and one of the earlier job goes whatever the policy says of it.
fn send(
    world: &World,
    (lane, number): (Lane, usize),
    process: &mut Process,
    github: &mut GitHub,
    now: Millis,
) {
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
        let jitter = i64::try_from(number % 3).map_or(0, |third| third - 1);
        let answer = github.serve(now, false, jitter);
        github.answered();
        let is_misleading = world.scenario.network.is_misleading;
        let seen = headers::read(&answer, false, is_misleading, now, TOOK);
        desk.settle(reservation, &seen, clock);
    }
}
