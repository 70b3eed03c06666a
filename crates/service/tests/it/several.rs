//! Several nodes on shared stores, as real processes against real servers: who leads, what a follower fills, and that nothing is
//! lost, doubled or invented, whoever is killed, stopped or cut off.

mod backing;

use std::time::Duration;

use github_sim::fault::{Action, Matcher, Rule};
use github_sim::{SimConfig, World};
use jiff::SignedDuration;
use ledger::event::Stream;
use ledger::port::activity::RepoView;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use serde_json::Value;

use self::backing::{Backing, Corner};
use crate::kill::live;
use crate::process::exposition::Exposition;
use crate::process::github::GitHub;
use crate::process::{Place, Running, ask, get, get_json, until};
use crate::records::{self, Records};

const ORGS: [&str; 2] = ["acme", "acme-labs"];

/// Two organisations that stand still until somebody does something.
fn world() -> SimConfig {
    let mut config = SimConfig {
        orgs: ORGS.map(str::to_owned).to_vec(),
        repos: 6,
        active: 2,
        users: 10,
        speed: 0.0,
        history: SignedDuration::from_hours(6 * 24),
        ..SimConfig::default()
    };
    // Processes that are killed take with them what they have spent, and a refusal would only make this slow.
    config.rules.limits.primary.user = 1_000_000;
    config.rules.limits.secondary.enforced = false;
    config
}

/// Several nodes before one GitHub.
struct Fleet {
    github: GitHub,
    place: Place,
    corner: Corner,
    nodes: Vec<(String, Node)>,
}

/// A process, and where it listens.
struct Node {
    process: Running,
    address: String,
}

impl Node {
    fn health(&self) -> Option<Value> {
        let answer = ask(&self.address, "GET /healthz")?;
        serde_json::from_str(&answer.body).ok()
    }

    fn role(&self) -> String {
        let health = self.health();
        let role = health.as_ref().and_then(|health| health["role"].as_str());
        role.unwrap_or("gone").to_owned()
    }

    fn is_ready(&self) -> bool {
        ask(&self.address, "GET /readyz").is_some_and(|answer| answer.status == 200)
    }
}

impl Fleet {
    fn new(backing: Backing, config: SimConfig) -> Fleet {
        Fleet {
            github: GitHub::start(config),
            place: Place::new(),
            corner: Corner::of(backing),
            nodes: Vec::new(),
        }
    }

    /// Starts a node by this name, told more than the others where `more` is not empty.
    fn start(&mut self, name: &str, more: &str) {
        let usual =
            "[scrape]\ninterval = \"5s\"\nhistory = \"all\"\n[export]\nrefresh_interval = \"1s\"\n";
        let config = self
            .corner
            .configuration(&self.place, name, &format!("{usual}{more}"));
        let url = self.github.url();
        let mut arguments = vec!["run", "--config", &config, "--api-url", &url];
        arguments.extend(["--listen", "127.0.0.1:0"]);
        arguments.extend(ORGS.iter().flat_map(|org| ["--org", org]));
        let mut process = self
            .place
            .start(&arguments, &[("GITHUB_TOKEN", "sim-token")]);
        let address = process.listening_on(1).remove(0);
        self.nodes
            .push((name.to_owned(), Node { process, address }));
    }

    fn node(&self, name: &str) -> &Node {
        let found = self.nodes.iter().find(|(of, _)| of == name);
        &found.expect("the node was started").1
    }

    fn take(&mut self, name: &str) -> Node {
        let at = self.nodes.iter().position(|(of, _)| of == name);
        self.nodes.remove(at.expect("the node was started")).1
    }

    /// The name of the node that leads, once there is exactly one.
    #[track_caller]
    fn leader(&self, seconds: u64) -> String {
        until("one node leads", seconds, || {
            let leads = |(_, node): &&(String, Node)| node.role() == "leader";
            let mut leaders = self.nodes.iter().filter(leads);
            let first = leaders.next()?;
            leaders.next().is_none().then(|| first.0.clone())
        })
    }

    fn script<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.github.sim.world())
    }

    fn look<T>(&self, look: impl AsyncFnOnce(&dyn ledger::port::Activity) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        runtime.block_on(async {
            let events = self.corner.events();
            look(&*events).await
        })
    }

    fn views(&self, org: &str) -> Vec<RepoView> {
        self.look(async |events| events.repos(org).await.unwrap_or_default())
    }

    fn cycles(&self, org: &str) -> u64 {
        self.look(async |events| {
            let orgs = events.orgs().await.unwrap_or_default();
            let view = orgs.into_iter().find(|view| view.org == org);
            view.map_or(0, |view| view.cycles.iter().sum())
        })
    }

    /// Waits until what is recorded is the truth, with no gap, and says how the two differ if that does not come.
    #[track_caller]
    fn assert_true(&self, seconds: u64) {
        let mut last = String::new();
        let agreed = (0..seconds * 4).any(|_| {
            last = self.difference();
            if !last.is_empty() {
                std::thread::sleep(Duration::from_millis(250));
            }
            last.is_empty()
        });
        assert!(agreed, "after {seconds} s:\n{last}");
    }

    /// How the records differ from the truth; empty where they do not.
    fn difference(&self) -> String {
        let expected = records::truth(&self.github.sim.truth());
        let mut found = std::collections::BTreeSet::new();
        let mut count = 0;
        for org in ORGS {
            let records = self.look(async |events| Records::of(events, org).await);
            count += records.count;
            found.extend(records.facts);
        }
        let gaps = self.old_gaps();
        let missing: Vec<_> = expected.difference(&found).take(10).collect();
        let invented: Vec<_> = found.difference(&expected).take(10).collect();
        let doubled = count != found.len();
        if missing.is_empty() && invented.is_empty() && gaps == 0 && !doubled {
            return String::new();
        }
        format!("missing {missing:#?}\ninvented {invented:#?}\ngaps {gaps}, doubled {doubled}")
    }

    /// Gaps of a time that could have been read whole by now. What was touched in the two minutes before an answer is
    /// looked at again, so a gap is not healed before it is that old.
    fn old_gaps(&self) -> usize {
        let settled = self.github.sim.clock().now() - SignedDuration::from_secs(180);
        let views = ORGS.map(|org| self.views(org)).concat();
        let streams = views.iter().flat_map(|view| &view.streams);
        streams
            .flat_map(|stream| stream.coverage.gaps())
            .filter(|gap| gap.window.start() < settled)
            .count()
    }

    /// The page that every node must answer in the same bytes, once they do.
    #[track_caller]
    fn same_activity(&self, seconds: u64) -> String {
        until("all nodes show the same", seconds, || {
            let pages = std::thread::scope(|scope| {
                let ask = |node| scope.spawn(move || ask(node, "GET /metrics/activity"));
                let asked: Vec<_> = self
                    .nodes
                    .iter()
                    .map(|(_, node)| ask(&node.address))
                    .collect();
                let joined = asked.into_iter().map(|page| page.join().ok().flatten());
                joined.collect::<Option<Vec<_>>>()
            })?;
            let first = &pages[0];
            let same = pages.iter().all(|page| page.body == first.body);
            (same && first.status == 200 && first.body.contains("gh_commits_total"))
                .then(|| first.body.clone())
        })
    }
}

/// Makes a test of each scenario on each backing.
macro_rules! on_every_backing {
    ($($scenario:ident)*) => {
        mod on_postgres {
            $(#[test] fn $scenario() { super::$scenario(super::Backing::Postgres); })*
        }
        mod on_redis_and_rabbitmq {
            $(#[test] fn $scenario() { super::$scenario(super::Backing::RedisAndRabbitMq); })*
        }
    };
}

on_every_backing! {
    one_leads_and_the_other_follows_and_both_show_the_same
    a_leader_that_leaves_is_followed_at_once_and_one_that_is_killed_within_its_lease
    a_leader_that_stood_still_past_its_lease_writes_nothing_when_it_goes_on
    what_the_leader_could_not_read_a_follower_fills
    an_organisation_that_fails_cools_down_and_misses_exactly_that_time
    after_many_kills_nothing_is_missing_nothing_is_double_and_nothing_is_invented
}

fn one_leads_and_the_other_follows_and_both_show_the_same(backing: Backing) {
    let mut fleet = Fleet::new(backing, world());
    fleet.start("one", "");
    fleet.start("two", "");
    let leader = fleet.leader(20);
    let follower = if leader == "one" { "two" } else { "one" };
    until("the other follows", 20, || {
        (fleet.node(follower).role() == "follower").then_some(())
    });
    for name in ["one", "two"] {
        assert!(fleet.node(name).is_ready(), "{name}");
    }
    fleet.assert_true(60);
    let page = fleet.same_activity(30);
    let shown = Exposition::read(&page);
    let summary = fleet.github.sim.truth().summary();
    let sum = |name| shown.sum(name) as u64;
    assert_eq!(sum("gh_commits_total"), summary.commits);
    assert_eq!(sum("gh_reviews_submitted_total"), summary.reviews);
    assert_eq!(sum("gh_pull_requests_opened_total"), summary.pulls);
    let orgs = shown.sum_by("org", "gh_commits_total");
    assert_eq!(
        orgs.keys().collect::<Vec<_>>(),
        ORGS.iter().collect::<Vec<_>>()
    );

    // The watermark is set by the first cycle and moved by a later one.
    let frontier = |fleet: &Fleet| {
        let views = fleet.views("acme");
        let frontiers = views
            .iter()
            .filter_map(|view| Some(view.stream(Stream::Commits)?.coverage.frontier()));
        frontiers.max()
    };
    let (before, cycles) = (frontier(&fleet), fleet.cycles("acme"));
    until("two more cycles", 30, || {
        (fleet.cycles("acme") >= cycles + 2).then_some(())
    });
    assert!(frontier(&fleet) > before);
}

fn a_leader_that_leaves_is_followed_at_once_and_one_that_is_killed_within_its_lease(
    backing: Backing,
) {
    let mut fleet = Fleet::new(backing, world());
    fleet.start("one", "");
    fleet.start("two", "");
    let first = fleet.leader(30);
    let second = if first == "one" { "two" } else { "one" };
    until("the other follows", 20, || {
        (fleet.node(second).role() == "follower").then_some(())
    });

    let gone = fleet.take(&first);
    gone.process.signal(Signal::TERM);
    let left = ::quota::clock::wall();
    fleet.leader(10);
    let took = ::quota::clock::wall().duration_since(left);
    println!("{backing:?}: a clean stop was followed after {took:?}");
    assert_eq!(gone.process.wait().code, Some(0));

    fleet.start(&first, "");
    until("the first is back, and follows", 20, || {
        (fleet.node(&first).role() == "follower").then_some(())
    });
    let killed = fleet.take(second);
    killed.process.kill();
    let died = ::quota::clock::wall();
    assert_eq!(fleet.leader(20), first);
    let took = ::quota::clock::wall().duration_since(died);
    println!("{backing:?}: a killed leader was followed after {took:?}");
    assert!(took < SignedDuration::from_secs(16), "{took:?}");
    fleet.assert_true(60);
}

fn a_leader_that_stood_still_past_its_lease_writes_nothing_when_it_goes_on(backing: Backing) {
    let mut fleet = Fleet::new(backing, world());
    fleet.start("one", "");
    fleet.start("two", "");
    let first = fleet.leader(30);
    fleet.assert_true(60);
    let term = |node: &Node| node.health().and_then(|health| health["epoch"].as_u64());
    let old = term(fleet.node(&first));
    fleet.node(&first).process.signal(Signal::STOP);
    let second = if first == "one" { "two" } else { "one" };
    until("the other leads", 30, || {
        (fleet.node(second).role() == "leader").then_some(())
    });
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for _ in 0..20 {
        fleet.script(|world| live(world, &mut random));
    }
    fleet.node(&first).process.signal(Signal::CONT);
    until("the old leader follows", 30, || {
        (fleet.node(&first).role() == "follower").then_some(())
    });
    assert_eq!(fleet.leader(10), second);
    assert!(term(fleet.node(second)) > old, "a later term");
    fleet.assert_true(60);
}

fn what_the_leader_could_not_read_a_follower_fills(backing: Backing) {
    let mut fleet = Fleet::new(backing, world());
    // Only followers fill: this one leads alone, and long before its next cycle.
    let alone = "[backfill]\nconsumers = 0\n";
    let alone = if backing == Backing::RedisAndRabbitMq {
        ""
    } else {
        alone
    };
    fleet.start("one", alone);
    assert_eq!(fleet.leader(30), "one");
    fleet.assert_true(60);
    let comments =
        Rule::always(Action::Status { code: 404 }).when(Matcher::path("*/issues/comments*"));
    fleet.github.sim.faults().add(comments);
    let mut random = ChaCha8Rng::seed_from_u64(9);
    for _ in 0..60 {
        fleet.script(|world| live(world, &mut random));
    }
    until("there is a gap", 30, || {
        let views = ORGS.map(|org| fleet.views(org)).concat();
        let mut streams = views.iter().flat_map(|view| &view.streams);
        streams
            .any(|stream| !stream.coverage.gaps().is_empty())
            .then_some(())
    });
    fleet.start("two", "");
    fleet.github.sim.faults().clear();
    fleet.assert_true(60);
}

fn an_organisation_that_fails_cools_down_and_misses_exactly_that_time(backing: Backing) {
    let mut fleet = Fleet::new(backing, world());
    fleet.start(
        "one",
        "[health]\nunhealthy_failure_threshold = 2\nunhealthy_cooldown = \"8s\"\nrecovery_probes = 1\n",
    );
    fleet.leader(30);
    fleet.assert_true(60);
    let broken = Rule::always(Action::Status { code: 502 });
    fleet.github.sim.faults().add(broken);
    let result = |fleet: &Fleet| {
        let exposition = Exposition::read(&get(&fleet.node("one").address, "/metrics"));
        exposition.sum_by("result", "tidegate_scrape_runs_total")
    };
    let count = |fleet: &Fleet, word: &str| result(fleet).get(word).copied().unwrap_or(0.0);
    until("cycles fail, and are skipped then", 60, || {
        (count(&fleet, "failure") >= 2.0 && count(&fleet, "skipped_unhealthy") >= 1.0).then_some(())
    });
    let mut random = ChaCha8Rng::seed_from_u64(11);
    for _ in 0..20 {
        fleet.script(|world| live(world, &mut random));
    }
    let gaps: Vec<_> = fleet
        .views("acme")
        .iter()
        .flat_map(|view| view.streams.clone())
        .flat_map(|stream| stream.coverage.gaps().to_vec())
        .collect();
    assert!(!gaps.is_empty());
    fleet.github.sim.faults().clear();
    fleet.assert_true(90);
    let health = get_json(&fleet.node("one").address, "/healthz");
    assert_eq!(health["mode"], "healthy", "{health:#}");
}

fn after_many_kills_nothing_is_missing_nothing_is_double_and_nothing_is_invented(backing: Backing) {
    const KILLS: u64 = 12;
    let mut fleet = Fleet::new(backing, world());
    let mut random = ChaCha8Rng::seed_from_u64(13);
    for name in ["one", "two", "three"] {
        fleet.start(name, "");
    }
    for round in 0..KILLS {
        for _ in 0..8 {
            fleet.script(|world| live(world, &mut random));
        }
        let name = ["one", "two", "three"][random.random_range(0..3)];
        // The one place where time is waited for: to be killed at any point is what the test is about.
        std::thread::sleep(Duration::from_millis(random.random_range(50..1_500)));
        let node = fleet.take(name);
        if round % 4 == 3 {
            node.process.signal(Signal::TERM);
            assert_eq!(node.process.wait().code, Some(0));
        } else {
            node.process.kill();
        }
        fleet.start(name, "");
    }
    fleet.assert_true(90);
    fleet.same_activity(30);
}
