mod breaking;

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::observation::{Observation, Resource};
use crate::policy::Policy;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap() + Duration::from_millis(millis)
}

fn read() -> Ask {
    Ask::read(Resource::core(), 1)
}

fn write() -> Ask {
    Ask::write(Resource::core(), 1)
}

fn query() -> Ask {
    Ask::read(Resource::graphql(), 1)
}

fn used(used: u64) -> Seen {
    let observation = Observation {
        limit: Some(5000),
        remaining: Some(5000_u64.saturating_sub(used)),
        used: Some(used),
        reset: Some(at(3_600_000)),
        ..Observation::default()
    };
    Seen {
        observation,
        ..Seen::default()
    }
}

/// A desk whose reserve does not move, so that times are round, with so much used.
fn desk(spent: u64) -> Desk {
    let mut desk = Desk::new(Settings {
        policy: Policy::Even,
        ..Settings::default()
    });
    let quota = desk.quota_mut();
    quota.observe(&Resource::core(), &used(spent).observation, at(0));
    quota.observe(&Resource::graphql(), &used(0).observation, at(0));
    desk
}

/// The names of those who were let through, in the order of the news.
#[derive(Default)]
struct Names(Vec<(Ticket, &'static str)>);

impl Names {
    fn arrive(&mut self, desk: &mut Desk, lane: Lane, ask: Ask, name: &'static str, now: u64) {
        self.0.push((desk.arrive(lane, ask, at(now)), name));
    }

    /// Dispatches and collects.
    fn go(&mut self, desk: &mut Desk, now: u64) -> (String, Vec<Reservation>) {
        desk.dispatch(at(now));
        let (mut went, mut passes) = (Vec::new(), Vec::new());
        while let Some(ticket) = desk.news() {
            let place = self
                .0
                .iter()
                .position(|(other, _)| *other == ticket)
                .unwrap();
            if let Some(pass) = desk.collect(ticket) {
                went.push(self.0.remove(place).1);
                passes.push(pass);
            }
        }
        (went.join(" "), passes)
    }
}

/// Takes every place in flight that the lanes after live have.
fn hold_all(desk: &mut Desk) -> Vec<Reservation> {
    let mut held = Vec::new();
    loop {
        let ticket = desk.arrive(Lane::Scheduled, query(), at(0));
        desk.dispatch(at(0));
        match desk.collect(ticket) {
            Some(pass) => held.push(pass),
            None => {
                desk.leave(ticket, at(0));
                return held;
            }
        }
    }
}

#[test]
fn a_freed_place_goes_to_the_earliest_lane_whoever_came_first() {
    let mut desk = desk(0);
    let mut held = hold_all(&mut desk);
    let mut names = Names::default();
    for lane in [
        Lane::Bulk,
        Lane::Backfill,
        Lane::Scheduled,
        Lane::Interactive,
    ] {
        names.arrive(&mut desk, lane, read(), lane.as_str(), 0);
    }
    let mut order = Vec::new();
    for second in 1..=4 {
        desk.refund(held.pop().unwrap(), at(second * 1000));
        let (went, passes) = names.go(&mut desk, second * 1000);
        order.push(went);
        passes.into_iter().for_each(|pass| held.push(pass));
    }
    assert_eq!(order, ["interactive", "scheduled", "backfill", "bulk"]);
}

#[test]
fn lines_of_a_lane_take_turns() {
    let mut desk = desk(0);
    let mut held = hold_all(&mut desk);
    let mut names = Names::default();
    for name in ["r1", "r2", "r3"] {
        names.arrive(&mut desk, Lane::Scheduled, read(), name, 0);
    }
    for name in ["q1", "q2"] {
        names.arrive(&mut desk, Lane::Scheduled, query(), name, 0);
    }
    names.arrive(&mut desk, Lane::Scheduled, write(), "w1", 0);
    let mut order = Vec::new();
    for _ in 0..6 {
        desk.refund(held.pop().unwrap(), at(1000));
        let (went, passes) = names.go(&mut desk, 1000);
        order.push(went);
        passes.into_iter().for_each(|pass| held.push(pass));
    }
    assert_eq!(order, ["q1", "r1", "w1", "q2", "r2", "r3"]);
}

#[test]
fn an_organisation_with_a_thousand_requests_delays_one_with_a_single_request_by_one() {
    let mut desk = desk(0);
    let mut held = hold_all(&mut desk);
    let mut names = Names::default();
    for _ in 0..1000 {
        names.arrive(&mut desk, Lane::Bulk, read().of("large"), "large", 0);
    }
    names.arrive(&mut desk, Lane::Bulk, read().of("small"), "small", 0);
    let mut order = Vec::new();
    for second in 1..4 {
        desk.refund(held.pop().unwrap(), at(second * 10_000));
        let (went, passes) = names.go(&mut desk, second * 10_000);
        order.push(went);
        passes.into_iter().for_each(|pass| held.push(pass));
    }
    assert_eq!(order, ["large", "small", "large"]);
}

#[test]
fn what_needs_no_room_to_create_content_is_not_held_up_by_what_does() {
    let mut desk = desk(0);
    let mut names = Names::default();
    // A minute has room for 64 of them after live work, an hour for 400.
    let mut now = 0;
    for _ in 0..7 {
        for _ in 0..60 {
            names.arrive(&mut desk, Lane::Interactive, write(), "write", now);
            let (_, passes) = names.go(&mut desk, now);
            for pass in passes {
                desk.settle(pass, &Seen::default(), at(now));
            }
        }
        now += 61_000;
    }
    assert!(desk.waiting()[0].until.unwrap() > at(now + 600_000));
    for lane in [Lane::Interactive, Lane::Scheduled] {
        names.arrive(&mut desk, lane, read(), lane.as_str(), now);
    }
    names.arrive(&mut desk, Lane::Scheduled, write(), "late", now);
    assert_eq!(names.go(&mut desk, now).0, "interactive scheduled");
}

#[test]
fn a_request_that_lacks_room_keeps_it_from_those_after_it() {
    let mut desk = desk(0);
    let mut names = Names::default();
    // 717 of the 720 points of a minute that are not for live work alone.
    for n in 0..717 {
        names.arrive(&mut desk, Lane::Scheduled, read(), "read", n);
        let (_, passes) = names.go(&mut desk, n);
        for pass in passes {
            desk.settle(pass, &Seen::default(), at(n));
        }
    }
    names.arrive(&mut desk, Lane::Interactive, write(), "write", 1000);
    assert_eq!(names.go(&mut desk, 1000).0, "", "it takes five");
    names.arrive(&mut desk, Lane::Interactive, read(), "same lane", 1000);
    names.arrive(&mut desk, Lane::Scheduled, read(), "later lane", 1000);
    names.arrive(&mut desk, Lane::Scheduled, query(), "query", 1000);
    names.arrive(&mut desk, Lane::Live, read(), "live", 1000);
    assert_eq!(
        names.go(&mut desk, 1000).0,
        "live query",
        "GraphQL has points of its own"
    );
    let wake = desk.next_wake().unwrap();
    assert!(wake > at(59_000) && wake <= at(62_000));
    let (went, _) = names.go(&mut desk, 62_000);
    assert_eq!(went, "write same lane later lane");
}

#[test]
fn what_has_been_paid_for_or_is_free_does_not_wait_for_the_reserve() {
    let mut desk = desk(3990);
    let mut names = Names::default();
    let item = Ask::item(Resource::core(), 8);
    names.arrive(&mut desk, Lane::Scheduled, item.clone(), "item", 0);
    let (_, mut passes) = names.go(&mut desk, 0);
    let item = {
        names.arrive(&mut desk, Lane::Scheduled, item, "next item", 0);
        desk.quota_mut().begin(passes.pop().unwrap())
    };
    names.arrive(
        &mut desk,
        Lane::Scheduled,
        Ask::read(Resource::core(), 3),
        "dear",
        0,
    );
    assert_eq!(names.go(&mut desk, 0).0, "");
    names.arrive(&mut desk, Lane::Scheduled, read().within(item), "within", 0);
    names.arrive(
        &mut desk,
        Lane::Scheduled,
        Ask::read(Resource::core(), 0),
        "free",
        0,
    );
    let (went, passes) = names.go(&mut desk, 0);
    assert_eq!(went, "within free");
    passes.into_iter().for_each(|pass| {
        desk.settle(pass, &used(3991), at(10));
    });
    desk.quota_mut().end(item);
    assert_eq!(
        names.go(&mut desk, 10).0,
        "next item",
        "nine are above the reserve again, and its line was first"
    );
}

#[test]
fn news_tell_of_everybody_whose_plan_has_changed_and_of_nobody_else() {
    let mut desk = desk(4500);
    let first = desk.arrive(Lane::Bulk, read(), at(0));
    let second = desk.arrive(Lane::Bulk, read(), at(0));
    let news = |desk: &mut Desk, now| {
        desk.dispatch(at(now));
        std::iter::from_fn(|| desk.news()).collect::<Vec<_>>()
    };
    assert_eq!(
        news(&mut desk, 0),
        [first],
        "the second has no plan of its own"
    );
    assert_eq!(desk.plan(first).unwrap().until, Some(at(3_601_000)));
    assert_eq!(desk.plan(second), None);
    assert_eq!(desk.next_wake(), Some(at(3_601_000)));
    assert_eq!(news(&mut desk, 1), []);
    desk.quota_mut().close(at(4_000_000), at(2));
    assert_eq!(news(&mut desk, 2), [first]);
    assert_eq!(desk.plan(first).unwrap().reason, WaitReason::Blocked);
    assert!(desk.leave(first, at(3)));
    assert!(!desk.leave(first, at(3)));
    assert_eq!(news(&mut desk, 3), [second]);
    assert_eq!(desk.plan(first), None);
    assert_eq!(desk.collect(second).map(|_| ()), None);
    let third = desk.arrive(Lane::Bulk, read(), at(3));
    assert!(!desk.leave(third, at(4)), "nobody waited for it to go");
    assert!(desk.leave(second, at(4)));
    assert_eq!((desk.next_wake(), desk.waiting()), (None, Vec::new()));
}

#[test]
fn a_ticket_of_one_who_has_gone_means_nothing_to_whoever_has_the_slot() {
    let mut desk = desk(0);
    let old = desk.arrive(Lane::Live, read(), at(0));
    assert!(desk.leave(old, at(0)));
    let new = desk.arrive(Lane::Live, read(), at(0));
    assert_eq!(new.slot, old.slot);
    desk.dispatch(at(0));
    assert!(desk.collect(old).is_none());
    assert!(!desk.leave(old, at(0)));
    let pass = desk.collect(new).unwrap();
    assert!(desk.collect(new).is_none());
    desk.refund(pass, at(0));
    assert_eq!(desk.quota().report(at(0)).in_flight, 0);
}

#[test]
fn a_block_is_told_by_whoever_met_it_first() {
    let mut desk = desk(0);
    let tickets = [(); 2].map(|()| desk.arrive(Lane::Live, read(), at(0)));
    desk.dispatch(at(0));
    let refused = Seen {
        refusal: Some(crate::refusal::Refusal::Secondary {
            retry_after: Some(Duration::from_secs(90)),
        }),
        ..Seen::default()
    };
    let told = tickets.map(|ticket| {
        let pass = desk.collect(ticket).unwrap();
        desk.settle(pass, &refused, at(0))
    });
    assert_eq!(told, [Some(at(90_000)), None]);
}

#[derive(Clone, Debug)]
enum Step {
    Arrive {
        lane: usize,
        kind: u8,
        org: u8,
        cost: u64,
    },
    Settle {
        which: usize,
        cost: u64,
    },
    Refund {
        which: usize,
    },
    Leave {
        which: usize,
    },
    Wait {
        millis: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..5_usize, 0..4_u8, 0..3_u8, 0..20_u64).prop_map(|(lane, kind, org, cost)| Step::Arrive { lane, kind, org, cost }),
        4 => (any::<usize>(), 0..20_u64).prop_map(|(which, cost)| Step::Settle { which, cost }),
        1 => any::<usize>().prop_map(|which| Step::Refund { which }),
        1 => any::<usize>().prop_map(|which| Step::Leave { which }),
        3 => (0..90_000_u64).prop_map(|millis| Step::Wait { millis }),
    ];
    prop::collection::vec(step, 1..150)
}

/// A desk under random steps. What it lets through is held until a step settles it.
struct Play {
    desk: Desk,
    now: u64,
    used: u64,
    waiting: Vec<(Ticket, Lane)>,
    /// Of those that were let through: when they came, by their place among all.
    passes: Vec<(Ticket, Reservation)>,
    went: Vec<Ticket>,
}

impl Play {
    fn new(policy: Policy, spent: u64) -> Play {
        let mut desk = Desk::new(Settings {
            policy,
            ..Settings::default()
        });
        let quota = desk.quota_mut();
        quota.observe(&Resource::core(), &used(spent).observation, at(0));
        Play {
            desk,
            now: 0,
            used: spent,
            waiting: Vec::new(),
            passes: Vec::new(),
            went: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Arrive {
                lane,
                kind,
                org,
                cost,
            } => {
                let ask = match kind {
                    0 => Ask::read(Resource::core(), cost % 4),
                    1 => write(),
                    2 => Ask::read(Resource::graphql(), 1 + cost),
                    _ => Ask::read(Resource::search(), 1),
                };
                let ask = ask.of(format!("{org}"));
                let lane = Lane::ALL[lane];
                let ticket = self.desk.arrive(lane, ask, at(self.now));
                self.waiting.push((ticket, lane));
            }
            Step::Settle { which, cost } => {
                if let Some((_, pass)) = take(&mut self.passes, which) {
                    self.used += cost;
                    let seen = Seen {
                        charged: Some(cost),
                        took: Duration::from_millis(cost * 100),
                        ..used(self.used)
                    };
                    self.desk.settle(pass, &seen, at(self.now));
                }
            }
            Step::Refund { which } => {
                if let Some((_, pass)) = take(&mut self.passes, which) {
                    self.desk.refund(pass, at(self.now));
                }
            }
            Step::Leave { which } => {
                if let Some((ticket, _)) = take(&mut self.waiting, which) {
                    self.desk.leave(ticket, at(self.now));
                }
            }
            Step::Wait { millis } => self.now += millis,
        }
    }

    /// Dispatches, and takes in who was let through.
    fn dispatch(&mut self) {
        self.desk.dispatch(at(self.now));
        while let Some(ticket) = self.desk.news() {
            if let Some(pass) = self.desk.collect(ticket) {
                self.waiting.retain(|(other, _)| *other != ticket);
                self.passes.push((ticket, pass));
                self.went.push(ticket);
            }
        }
    }
}

fn take<T>(list: &mut Vec<T>, which: usize) -> Option<T> {
    (!list.is_empty()).then(|| list.remove(which % list.len()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A plan that is kept lets nobody wait for longer than one that is made anew each time.
    #[test]
    fn kept_plans_let_through_whom_new_plans_would(steps in steps(), spent in 0..5000_u64, is_even in any::<bool>()) {
        // What stands back from a burst under `adaptive` looks again every second, and knows no exact moment.
        let policy = if is_even { Policy::Even } else { Policy::Sprint };
        let [mut kept, mut anew] = [(); 2].map(|()| Play::new(policy, spent));
        for step in &steps {
            kept.step(step);
            anew.step(step);
            kept.dispatch();
            anew.desk.quota_mut();
            anew.dispatch();
            prop_assert_eq!(&kept.went, &anew.went);
        }
    }

    /// Whoever could go has gone: what still waits is refused, or held up by one before it that waits for room.
    #[test]
    fn the_desk_leaves_nobody_waiting_who_may_go(steps in steps(), spent in 0..5000_u64) {
        let mut play = Play::new(Policy::Adaptive, spent);
        for step in &steps {
            play.step(step);
            play.desk.quota_mut();
            play.dispatch();
            let desk = &play.desk;
            let mut lacks_room = false;
            for lane in Lane::ALL {
                let heads = desk.lanes[lane as usize].iter().filter_map(|line| desk.queues.head(*line));
                let mut heads: Vec<_> = heads
                    .map(|slot| match &desk.waiters[slot].state {
                        State::Waits(ask) => ask,
                        _ => unreachable!(),
                    })
                    .collect();
                heads.sort_by_key(|ask| desk.quota.decide(lane, ask, at(play.now)) == Decision::Go);
                for ask in heads {
                    match desk.quota.decide(lane, ask, at(play.now)) {
                        Decision::Go => prop_assert!(lacks_room, "{lane} {ask:?} could go"),
                        Decision::Wait(wait) => lacks_room |= wait.reason == WaitReason::Secondary,
                    }
                }
            }
        }
    }

    /// What a request was told before makes an answer come sooner, and no other one.
    #[test]
    fn an_answer_does_not_depend_on_the_one_before(steps in steps(), spent in 0..5000_u64, before in prop::collection::vec(0..4_000_000_u64, 150)) {
        let mut play = Play::new(Policy::Adaptive, spent);
        for (step, before) in steps.iter().zip(before) {
            play.step(step);
            play.dispatch();
            for lane in Lane::ALL {
                for ask in [read(), query(), Ask::read(Resource::core(), 40)] {
                    let [alone, again] = [None, Some(at(before))]
                        .map(|before| play.desk.quota.decide_again(lane, &ask, before, at(play.now)));
                    prop_assert_eq!(alone, again);
                }
            }
        }
    }

    /// Nobody is lost and nobody goes twice; a live request never waits for anything but a limit of GitHub's.
    #[test]
    fn everybody_goes_once_or_waits(steps in steps(), spent in 0..5000_u64) {
        let mut play = Play::new(Policy::Adaptive, spent);
        for step in &steps {
            play.step(step);
            play.dispatch();
            let requests: usize = play.desk.waiting().iter().map(|waiting| waiting.requests).sum();
            prop_assert_eq!(requests, play.waiting.len());
            let plans = play.waiting.iter().filter_map(|(ticket, lane)| Some((lane, play.desk.plan(*ticket)?)));
            for (lane, plan) in plans {
                prop_assert!(plan.until.is_none_or(|until| until > at(play.now)), "{lane} {plan:?}");
                prop_assert!(*lane != Lane::Live || matches!(plan.reason, WaitReason::Blocked | WaitReason::Secondary));
            }
        }
        let once: BTreeSet<_> = play.went.iter().map(|ticket| ticket.number).collect();
        prop_assert_eq!(once.len(), play.went.len());
        // In the end everybody gives up or is answered, and nothing is left.
        play.waiting.drain(..).for_each(|(ticket, _)| { play.desk.leave(ticket, at(play.now)); });
        play.passes.drain(..).for_each(|(_, pass)| play.desk.refund(pass, at(play.now)));
        prop_assert_eq!(play.desk.quota().report(at(play.now)).in_flight, 0);
        prop_assert!(play.desk.waiting().is_empty());
        prop_assert!(play.desk.waiters.is_empty());
    }
}
