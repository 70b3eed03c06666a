use proptest::prelude::*;

use super::*;
use crate::observation::Resource;

/// What a test knows of a request: its slot is its number.
#[derive(Clone, Debug)]
struct Arrival {
    org: u8,
    repo: u8,
    deadline: Option<i64>,
}

impl Arrival {
    fn of(name: &str) -> Arrival {
        let mut letters = name.bytes();
        Arrival {
            org: letters.next().unwrap(),
            repo: letters.next().unwrap_or(b'-'),
            deadline: letters.next().map(|digit| i64::from(digit - b'0')),
        }
    }

    fn ask(&self) -> Ask {
        let ask = Ask::read(Resource::core(), 1)
            .of((self.org as char).to_string())
            .in_repo((self.repo as char).to_string());
        match self.deadline {
            Some(second) => ask.due(Timestamp::from_second(second).unwrap()),
            None => ask,
        }
    }
}

#[derive(Default)]
struct World {
    queues: Queues,
    line: u32,
    arrived: Vec<Arrival>,
}

impl World {
    fn new() -> World {
        let mut queues = Queues::default();
        let line = queues.open();
        World {
            queues,
            line,
            arrived: Vec::new(),
        }
    }

    fn of(names: &str) -> World {
        let mut world = World::new();
        world.arrive(names);
        world
    }

    fn arrive(&mut self, names: &str) {
        for name in names.split_whitespace() {
            self.push(Arrival::of(name));
        }
    }

    fn push(&mut self, arrival: Arrival) {
        let number = self.arrived.len();
        self.queues
            .push(self.line, number as u32, number as u64, &arrival.ask());
        self.arrived.push(arrival);
    }

    fn serve(&mut self) -> Option<(u32, Arrival)> {
        let head = self.queues.head(self.line);
        let slot = self.queues.serve(self.line);
        assert_eq!(slot, head, "who is at the head is served");
        slot.map(|slot| (slot, self.arrived[slot as usize].clone()))
    }

    fn served(&mut self, count: usize) -> String {
        let served = std::iter::from_fn(|| self.serve()).take(count);
        let names = served.map(|(slot, arrival)| {
            let letters = [arrival.org, arrival.repo].map(char::from);
            format!(
                "{}{slot}",
                letters
                    .iter()
                    .filter(|letter| **letter != '-')
                    .collect::<String>()
            )
        });
        names.collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn requests_of_one_repository_go_in_the_order_of_their_arrival() {
    assert_eq!(World::of("a a a").served(9), "a0 a1 a2");
}

#[test]
fn organisations_take_turns() {
    assert_eq!(World::of("a a a b b c").served(9), "a0 b3 c5 a1 b4 a2");
}

#[test]
fn repositories_take_turns_within_their_organisation() {
    assert_eq!(
        World::of("ax ax ax ay bz bz").served(9),
        "ax0 bz4 ay3 bz5 ax1 ax2"
    );
}

#[test]
fn the_earliest_deadline_goes_first_within_a_repository_and_none_is_the_latest() {
    assert_eq!(
        World::of("ax ax7 ax3 ax ax7 ay9").served(9),
        "ax2 ay5 ax1 ax4 ax0 ax3"
    );
}

#[test]
fn a_newcomer_waits_for_one_request_of_each_other_and_is_owed_nothing_for_the_past() {
    let mut world = World::of("a a a a a a");
    assert_eq!(world.served(3), "a0 a1 a2");
    world.arrive("b b");
    assert_eq!(world.served(9), "a3 b6 a4 b7 a5");
}

#[test]
fn a_request_that_gives_up_leaves_the_others_in_order() {
    let mut world = World::of("a b a");
    world.queues.remove(0);
    assert_eq!(world.queues.len(world.line), 2);
    assert_eq!(world.served(9), "a2 b1");
    assert_eq!(world.queues.len(world.line), 0);
    assert_eq!(world.queues.head(world.line), None);
}

#[test]
fn lines_know_nothing_of_each_other() {
    let mut world = World::of("a a");
    let other = world.queues.open();
    world.queues.push(other, 2, 2, &Arrival::of("a").ask());
    assert_eq!(world.queues.len(other), 1);
    assert_eq!(world.queues.serve(other), Some(2));
    assert_eq!(world.served(9), "a0 a1");
}

/// The same rule in the plainest words: lists of lists.
#[derive(Default)]
struct Model {
    orgs: Named<Named<Vec<u32>>>,
}

type Named<T> = Vec<(u8, T)>;

impl Model {
    fn push(&mut self, slot: u32, arrival: &Arrival, arrived: &[Arrival]) {
        let org = place(&mut self.orgs, arrival.org);
        let repo = place(&mut self.orgs[org].1, arrival.repo);
        let waiting = &mut self.orgs[org].1[repo].1;
        waiting.push(slot);
        waiting.sort_by_key(|slot| (arrived[*slot as usize].deadline.unwrap_or(i64::MAX), *slot));
    }

    fn serve(&mut self) -> Option<u32> {
        let slot = *self.orgs.first()?.1.first()?.1.first()?;
        let (org, repo) = (self.orgs[0].0, self.orgs[0].1[0].0);
        self.remove(slot);
        if self.orgs.first().is_some_and(|(name, _)| *name == org) {
            if self.orgs[0].1[0].0 == repo {
                self.orgs[0].1.rotate_left(1);
            }
            self.orgs.rotate_left(1);
        }
        Some(slot)
    }

    fn remove(&mut self, slot: u32) {
        for (_, repos) in &mut self.orgs {
            for (_, waiting) in repos.iter_mut() {
                waiting.retain(|other| *other != slot);
            }
            repos.retain(|(_, waiting)| !waiting.is_empty());
        }
        self.orgs.retain(|(_, repos)| !repos.is_empty());
    }
}

fn place<T: Default>(list: &mut Named<T>, name: u8) -> usize {
    list.iter()
        .position(|(other, _)| *other == name)
        .unwrap_or_else(|| {
            list.push((name, T::default()));
            list.len() - 1
        })
}

#[derive(Clone, Debug)]
enum Step {
    Arrive(Arrival),
    Leave(usize),
    Serve,
}

fn arrival() -> impl Strategy<Value = Arrival> {
    (b'a'..b'e', b'r'..b'v', prop::option::of(0..5_i64)).prop_map(|(org, repo, deadline)| Arrival {
        org,
        repo,
        deadline,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => arrival().prop_map(Step::Arrive),
        1 => (0..40_usize).prop_map(Step::Leave),
        3 => Just(Step::Serve),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn turns_are_as_in_a_model_of_lists(steps in steps()) {
        let (mut world, mut model) = (World::new(), Model::default());
        let mut waiting: Vec<u32> = Vec::new();
        for step in steps {
            match step {
                Step::Arrive(arrival) => {
                    let slot = world.arrived.len() as u32;
                    world.push(arrival.clone());
                    model.push(slot, &arrival, &world.arrived);
                    waiting.push(slot);
                }
                Step::Leave(which) if !waiting.is_empty() => {
                    let slot = waiting.swap_remove(which % waiting.len());
                    world.queues.remove(slot);
                    model.remove(slot);
                }
                Step::Leave(_) => {}
                Step::Serve => {
                    let slot = world.serve().map(|(slot, _)| slot);
                    prop_assert_eq!(slot, model.serve());
                    waiting.retain(|other| Some(*other) != slot);
                }
            }
            prop_assert_eq!(world.queues.len(world.line), waiting.len());
        }
    }

    /// Whoever comes and goes: before a request go, of each other organisation, at most as many as of its own and one more;
    /// and of its own, at most as many of each other repository as of its own repository and one more.
    #[test]
    fn nobody_starves(
        before in prop::collection::vec(arrival(), 0..60),
        mine in arrival(),
        meanwhile in prop::collection::vec(prop::collection::vec(arrival(), 0..4), 0..200),
    ) {
        let mut world = World::new();
        before.into_iter().for_each(|arrival| world.push(arrival));
        let me = world.arrived.len() as u32;
        world.push(mine.clone());
        // Of its own repository go those that came or are due before; how many of them come is not for turns to bound.
        let is_mine = |arrival: &Arrival| (arrival.org, arrival.repo) == (mine.org, mine.repo);
        let (mut of_orgs, mut of_repos) = ([0_usize; 256], [0_usize; 256]);
        for newcomers in meanwhile.into_iter().chain(std::iter::repeat(Vec::new())) {
            newcomers.into_iter().for_each(|arrival| world.push(arrival));
            let (slot, served) = world.serve().unwrap();
            of_orgs[served.org as usize] += 1;
            if served.org == mine.org {
                of_repos[served.repo as usize] += 1;
            }
            if slot == me {
                break;
            }
            prop_assert!(!is_mine(&served) || slot < me || served.deadline.unwrap_or(i64::MAX) < mine.deadline.unwrap_or(i64::MAX));
        }
        for org in b'a'..b'e' {
            prop_assert!(org == mine.org || of_orgs[org as usize] <= of_orgs[mine.org as usize] + 1);
        }
        for repo in b'r'..b'v' {
            prop_assert!(repo == mine.repo || of_repos[repo as usize] <= of_repos[mine.repo as usize] + 1);
        }
    }

    #[test]
    fn leaving_keeps_the_order_of_the_others_in_each_repository(arrivals in prop::collection::vec(arrival(), 1..60), leaving in prop::collection::vec(any::<bool>(), 60)) {
        let order = |leave: bool| {
            let mut world = World::new();
            arrivals.iter().cloned().for_each(|arrival| world.push(arrival));
            let gone = |slot: &u32| leaving[*slot as usize];
            if leave {
                (0..arrivals.len() as u32).filter(gone).for_each(|slot| world.queues.remove(slot));
            }
            let mut orders = std::collections::BTreeMap::<_, Vec<u32>>::new();
            for (slot, arrival) in std::iter::from_fn(|| world.serve()).filter(|(slot, _)| !gone(slot)) {
                orders.entry((arrival.org, arrival.repo)).or_default().push(slot);
            }
            orders
        };
        prop_assert_eq!(order(true), order(false));
    }
}

#[test]
fn a_steady_coming_and_going_uses_the_memory_that_was_used_before() {
    let mut queues = Queues::default();
    let line = queues.open();
    let mut free: Vec<u32> = (0..50).collect();
    for round in 0..10_000_usize {
        let arrival = Arrival {
            org: b'a' + (round % 7) as u8,
            repo: b'a' + (round % 11) as u8,
            deadline: None,
        };
        if free.is_empty() {
            free.extend(queues.serve(line));
        }
        queues.push(line, free.pop().unwrap(), round as u64, &arrival.ask());
    }
    let made = (queues.orgs.made(), queues.repos.made(), queues.seats.len());
    assert!(made.0 <= 7 && made.1 <= 50 && made.2 == 50, "{made:?}");
}
