//! Everything at once, in any order: whoever waits goes in the end, and the books are even when all is over.

use super::*;
use crate::fleet::{Heard, Hearing, Share};
use crate::item::ItemId;
use crate::refusal::Refusal;

const HOUR: u64 = 3_600_000;

/// One bucket of GitHub's, whose window begins with the first request.
#[derive(Clone, Debug)]
struct Server {
    limit: u64,
    length: u64,
    used: u64,
    ends: u64,
}

impl Server {
    fn pass(&mut self, now: u64) {
        if now >= self.ends {
            self.used = 0;
            self.ends = (now / 1000 + 1) * 1000 + self.length;
        }
    }

    fn serve(&mut self, resource: &Resource, cost: u64, now: u64) -> Seen {
        self.pass(now);
        let is_refused = self.used + cost > self.limit;
        if !is_refused {
            self.used += cost;
        }
        let observation = Observation {
            limit: Some(self.limit),
            remaining: Some(self.limit - self.used),
            used: Some(self.used),
            reset: Some(at(self.ends)),
            resource: Some(resource.clone()),
            date: Some(at(now / 1000 * 1000)),
            ..Observation::default()
        };
        let refusal = is_refused.then(|| Refusal::Primary {
            until: Some(at(self.ends)),
        });
        Seen {
            observation,
            refusal,
            charged: Some(cost),
            took: Duration::from_millis(100),
        }
    }
}

/// What a request is and will be.
#[derive(Clone, Copy, Debug)]
struct Job {
    lane: usize,
    resource: usize,
    expected: u64,
    truly: u64,
    /// So many of them are an item.
    calls: u64,
    is_write: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Arrive(Job),
    Pass(u64),
    Answer(usize),
    Lose(usize),
    Drop(usize),
    Refuse(usize, Option<u64>),
    Leave(usize),
    Others(usize, u64),
    Hear(usize, u64),
    Silence,
    Forget(usize),
    /// Our clock, which counts no sleep, falls behind GitHub's, or GitHub's is set back.
    Sleep(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let job = (
        0..5_usize,
        0..3_usize,
        0..4_u64,
        prop_oneof![4 => 0..3_u64, 1 => 3..10_u64],
        prop_oneof![2 => Just(0_u64), 1 => 1..8_u64],
        prop::bool::weighted(0.2),
    );
    let job = job.prop_map(|(lane, resource, expected, truly, calls, is_write)| Job {
        lane,
        resource,
        expected,
        truly,
        calls,
        is_write,
    });
    let step = prop_oneof![
        12 => job.prop_map(Step::Arrive),
        4 => prop_oneof![0..2000_u64, 0..100_000_u64, 0..2 * HOUR].prop_map(Step::Pass),
        6 => (0..50_usize).prop_map(Step::Answer),
        2 => (0..50_usize).prop_map(Step::Lose),
        2 => (0..50_usize).prop_map(Step::Drop),
        1 => (0..50_usize, prop::option::of(0..100_u64)).prop_map(|(which, wait)| Step::Refuse(which, wait)),
        2 => (0..50_usize).prop_map(Step::Leave),
        1 => (0..3_usize, 0..400_u64).prop_map(|(resource, amount)| Step::Others(resource, amount)),
        1 => (0..4_usize, 0..20_u64).prop_map(|(others, held)| Step::Hear(others, held)),
        1 => Just(Step::Silence),
        1 => (0..20_usize).prop_map(Step::Forget),
        1 => (-7_200_000..36_000_000_i64).prop_map(Step::Sleep),
    ];
    prop::collection::vec(step, 1..250)
}

struct Played {
    desk: Desk,
    now: u64,
    /// Milliseconds that GitHub's clock is ahead.
    ahead: i64,
    servers: [Server; 3],
    waiting: Vec<(Ticket, Job, Option<ItemId>)>,
    under_way: Vec<(Reservation, Job, Option<ItemId>)>,
    /// Items and how many of their calls are not over.
    items: Vec<(ItemId, u64)>,
}

impl Played {
    fn resource(index: usize) -> Resource {
        [Resource::core(), Resource::search(), Resource::graphql()][index].clone()
    }

    fn new(policy: Policy) -> Played {
        let server = |limit, length| Server {
            limit,
            length,
            used: 0,
            ends: 0,
        };
        Played {
            desk: Desk::new(Settings {
                policy,
                ..Settings::default()
            }),
            now: 100 * HOUR,
            ahead: 0,
            servers: [server(5000, HOUR), server(150, 60_000), server(5000, HOUR)],
            waiting: Vec::new(),
            under_way: Vec::new(),
            items: Vec::new(),
        }
    }

    fn github(&self) -> u64 {
        self.now.saturating_add_signed(self.ahead)
    }

    fn arrive(&mut self, job: Job, item: Option<ItemId>) {
        let resource = Played::resource(job.resource);
        let ask = match (item, job.calls, job.is_write) {
            (None, 1.., _) => Ask::item(resource, job.expected * job.calls),
            (_, _, true) => Ask::write(resource, job.expected),
            (_, _, false) => Ask::read(resource, job.expected),
        };
        let ask = Ask { item, ..ask }.of(["ada", "bob"][job.lane % 2]);
        let ticket = self.desk.arrive(Lane::ALL[job.lane], ask, at(self.now));
        self.waiting.push((ticket, job, item));
    }

    fn dispatch(&mut self) {
        loop {
            self.desk.dispatch(at(self.now));
            while self.desk.news().is_some() {}
            let desk = &mut self.desk;
            let mut went = Vec::new();
            self.waiting.retain(|(ticket, job, item)| {
                let reservation = desk.collect(*ticket);
                let stays = reservation.is_none();
                went.extend(reservation.map(|reservation| (reservation, *job, *item)));
                stays
            });
            let mut has_begun = false;
            for (reservation, job, item) in went {
                if item.is_some() || job.calls == 0 {
                    self.under_way.push((reservation, job, item));
                    continue;
                }
                let id = self.desk.quota_mut().begin(reservation);
                self.items.push((id, job.calls));
                for _ in 0..job.calls {
                    self.arrive(job, Some(id));
                }
                has_begun = true;
            }
            if !has_begun {
                return;
            }
        }
    }

    /// A call of an item is over, one way or another.
    fn is_over(&mut self, item: Option<ItemId>) {
        if let Some(place) = self.items.iter().position(|(id, _)| Some(*id) == item) {
            self.items[place].1 -= 1;
            if self.items[place].1 == 0 {
                self.desk.quota_mut().end(self.items.remove(place).0);
            }
        }
    }

    fn answer(&mut self, which: usize) {
        let (reservation, job, item) = self.under_way.swap_remove(which);
        let resource = Played::resource(job.resource);
        let cost = if job.expected == 0 { 0 } else { job.truly };
        let github = self.github();
        let seen = self.servers[job.resource].serve(&resource, cost, github);
        let again = seen.refusal.is_some();
        self.desk.settle(reservation, &seen, at(self.now));
        if again {
            self.arrive(job, item.or_else(|| (job.calls > 0).then_some(ItemId(0))));
        } else {
            self.is_over(item);
        }
    }

    fn step(&mut self, step: Step) {
        let now = at(self.now);
        let place = |which: usize, len: usize| (len > 0).then(|| which % len);
        match step {
            Step::Arrive(job) => self.arrive(job, None),
            Step::Pass(millis) => self.now += millis,
            Step::Answer(which) => {
                if let Some(which) = place(which, self.under_way.len()) {
                    self.answer(which);
                }
            }
            Step::Lose(which) | Step::Refuse(which, _) => {
                let Some(which) = place(which, self.under_way.len()) else {
                    return;
                };
                let (reservation, _, item) = self.under_way.swap_remove(which);
                let refusal = match step {
                    Step::Refuse(_, wait) => Some(Refusal::Secondary {
                        retry_after: wait.map(Duration::from_secs),
                    }),
                    _ => None,
                };
                let seen = Seen {
                    refusal,
                    ..Seen::default()
                };
                self.desk.settle(reservation, &seen, now);
                self.is_over(item);
            }
            Step::Drop(which) => {
                if let Some(which) = place(which, self.under_way.len()) {
                    let (reservation, _, item) = self.under_way.swap_remove(which);
                    self.desk.refund(reservation, now);
                    self.is_over(item);
                }
            }
            Step::Leave(which) => {
                if let Some(which) = place(which, self.waiting.len()) {
                    let (ticket, _, item) = self.waiting.swap_remove(which);
                    self.desk.leave(ticket, now);
                    self.is_over(item);
                }
            }
            Step::Others(which, amount) => {
                let github = self.github();
                let server = &mut self.servers[which];
                server.pass(github);
                server.used = (server.used + amount).min(server.limit);
            }
            Step::Hear(others, held) => {
                let mut share = self.desk.quota_mut().share(now);
                for told in &mut share.resources {
                    (told.in_flight, told.held) = (held / 2, held);
                }
                (share.is_busy, share.rest_points) = (held > 10, held * 10);
                share.in_flight = held;
                self.hear(others, &share);
            }
            Step::Sleep(millis) => self.ahead = (self.ahead + millis).max(-90 * HOUR as i64),
            Step::Silence => self.desk.quota_mut().hear(&Hearing::Silence, now),
            Step::Forget(which) => {
                // An item ends while its calls are on their way.
                if let Some(which) = place(which, self.items.len()) {
                    let (id, _) = self.items.swap_remove(which);
                    self.desk.quota_mut().end(id);
                    self.desk.quota_mut().end(id);
                }
            }
        }
    }

    fn hear(&mut self, others: usize, share: &Share) {
        let heard = (0..others).map(|n| Heard {
            member: format!("other-{n}"),
            share: share.clone(),
        });
        let (me, heard) = ("other-1-me".to_owned(), heard.collect());
        let hearing = Hearing::Others { me, heard };
        self.desk.quota_mut().hear(&hearing, at(self.now));
    }

    /// Everybody who waits for something that has a time waits for a time that will come.
    fn is_alive(&self) -> bool {
        let is_waiting = !self.waiting.is_empty() && self.under_way.is_empty();
        !is_waiting
            || self
                .desk
                .next_wake()
                .is_some_and(|wake| wake > at(self.now))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_happened_whoever_waits_goes_in_the_end_and_nothing_is_left_in_the_books(
        steps in steps(),
        policy in prop::sample::select(vec![Policy::Adaptive, Policy::Even, Policy::Sprint]),
        others in prop::option::of(0..3_usize),
    ) {
        let mut played = Played::new(policy);
        for step in steps {
            played.step(step.clone());
            played.dispatch();
            prop_assert!(played.is_alive(), "{:?} wait for nothing after {:?}", played.waiting, step);
        }
        // From now on everything is answered, and the others do not change, or cannot be heard.
        let begun = played.now;
        while !played.waiting.is_empty() || !played.under_way.is_empty() {
            played.now += 100;
            while !played.under_way.is_empty() {
                played.answer(0);
            }
            played.desk.quota_mut().share(at(played.now));
            match others {
                Some(others) => played.hear(others, &Share::default()),
                None => played.step(Step::Silence),
            }
            played.dispatch();
            prop_assert!(played.is_alive(), "{:?} wait for nothing", played.waiting);
            if played.under_way.is_empty() && let Some(wake) = played.desk.next_wake() {
                let wake = wake.duration_since(at(0)).as_millis() as u64 + 1;
                played.now = played.now.max(wake);
                played.dispatch();
            }
            prop_assert!(played.now - begun < 24 * HOUR, "{:?} waits and waits", played.waiting);
        }
        for (item, _) in std::mem::take(&mut played.items) {
            played.desk.quota_mut().end(item);
        }
        let share = played.desk.quota_mut().share(at(played.now));
        prop_assert_eq!(share.in_flight, 0);
        for told in share.resources {
            prop_assert_eq!((told.in_flight, told.held), (0, 0), "{}", told.resource);
        }
        prop_assert!(played.desk.waiting().is_empty());
    }
}
