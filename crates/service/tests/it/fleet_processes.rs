//! Real processes on one credential, before a GitHub whose windows are a minute: several with bulk work and one with live
//! work, none of which knows of the others but through their coordination file. GitHub's own log says what they did.

mod log;

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use quota::{CredentialQuota, Lane, Observation, Policy, Resource, Settings};
use rustix::process::Signal;
use serde_json::{Value, json};

use self::log::{Log, Seen, Window};
use crate::process::{Place, Running, ask, get_json, until};

/// Requests of a window.
const LIMIT: u64 = 300;
/// Seconds of a window.
const WINDOW: i64 = 60;
/// Windows that are watched.
const WINDOWS: usize = 3;
/// Requests of an item.
const CALLS: u64 = 5;
/// A secondary limit closes the credential for so long.
const BLOCK: SignedDuration = SignedDuration::from_secs(8);
/// By then everybody has looked at the board: they do so every quarter of a second, on a machine that may be busy.
const KNOWN_WITHIN: SignedDuration = SignedDuration::from_secs(1);
/// What arrives so soon after a refusal was answered was under way already.
const UNDER_WAY: SignedDuration = SignedDuration::from_millis(100);
/// Live requests per second: with a fifth of the limit, live work takes what chance makes of 60 a window.
const LIVE: &str = "1";

/// A simulated GitHub of its own, and the processes that spend there.
struct Scene {
    place: Place,
    github: Running,
    address: String,
    processes: Vec<(String, Running)>,
}

impl Scene {
    fn new(limit: u64) -> Scene {
        let place = Place::new();
        let limit = limit.to_string();
        let sim = ["sim", "--listen", "127.0.0.1:0", "--repos", "3"];
        let limits = ["--window", "60s", "--limit", &limit];
        let mut github = place.start(&[&sim as &[&str], &limits].concat(), &[]);
        let address = github.listening_on(1).remove(0);
        Scene {
            place,
            github,
            address,
            processes: Vec::new(),
        }
    }

    fn start(&mut self, member: &str, more: &[&str], load: &[&str]) {
        let mut command = Command::new(load_program());
        command
            .args(["--api-url", &format!("http://{}", self.address)])
            .args(["--token", "sim-token", "--member", member])
            .args(["--coordination", &self.place.argument("board")])
            .args(["--log", &self.place.argument(member)])
            .args(more)
            .args(load)
            .env_clear();
        let process = Running::start(command);
        self.processes.push((member.to_owned(), process));
    }

    fn start_live(&mut self, rate: &str) {
        self.start("live", &[], &["live", "--rate", rate]);
    }

    fn start_bulk(&mut self, member: &str, more: &[&str]) {
        let calls = CALLS.to_string();
        let load = ["bulk", "--items", "100000", "--calls", &calls];
        self.start(member, more, &load);
    }

    fn seen(&self) -> Log {
        Log::read(&get_json(&self.address, "/_sim/requests"))
    }

    /// Has something go wrong from now on.
    fn strike(&self, rule: &Value) {
        let rule = rule.to_string();
        let length = rule.len();
        let request = format!("POST /_sim/faults\ncontent-length: {length}\n\n{rule}");
        let answer = ask(&self.address, &request).expect("GitHub answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Waits until what GitHub has seen is enough.
    #[track_caller]
    fn wait(&mut self, what: &str, seconds: i64, is_enough: impl Fn(&Log) -> bool) {
        let mut looks = 0;
        until(what, seconds.unsigned_abs() + 60, || {
            looks += 1;
            // Twice a second is often enough, and leaves the machine to those who are watched.
            if looks % 25 != 1 {
                return None;
            }
            for (member, process) in &mut self.processes {
                let ended = process.ended();
                assert!(ended.is_none(), "{member} ended: {}", process.err());
            }
            is_enough(&self.seen()).then_some(())
        });
    }

    /// Waits until the first request was so many seconds ago.
    #[track_caller]
    fn wait_seconds(&mut self, seconds: i64) {
        self.wait("they spend", seconds, |seen| {
            seen.lasts().is_some_and(|lasts| lasts >= seconds)
        });
    }

    /// Ends a process as kill -9 does.
    fn kill(&mut self, member: &str) {
        let found = self.processes.iter().position(|(name, _)| name == member);
        let (_, process) = self.processes.remove(found.expect("it was started"));
        process.kill();
    }

    /// Ends everybody, and gives what GitHub has seen and what live work has waited for at the gate, in milliseconds.
    fn end(mut self) -> (Log, Vec<u64>) {
        let seen = self.seen();
        for (_, process) in &self.processes {
            process.signal(Signal::TERM);
        }
        for (member, process) in self.processes.drain(..) {
            let ended = process.wait();
            assert_eq!(ended.code, Some(0), "{member}: {}", ended.err);
        }
        let own = std::fs::read_to_string(self.place.path("live")).unwrap_or_default();
        let waited = own.lines().map(|line| {
            let parts: Vec<&str> = line.split(' ').collect();
            let [_, "live", waited, "200"] = parts[..] else {
                panic!("every live request is served: {line}");
            };
            waited.parse().expect("milliseconds")
        });
        let waited = waited.collect();
        self.github.kill();
        (seen, waited)
    }
}

/// The program that spends. Cargo puts it beside the folder of the test's own binary, and leaves one there that is out of date
/// where a test is built alone.
fn load_program() -> PathBuf {
    const BUILD: &str =
        "`cargo test -p service` builds it, and so does `cargo build -p service --example load`";
    let own = std::env::current_exe().expect("it has a path");
    let folder = own
        .ancestors()
        .nth(2)
        .expect("it is in target/PROFILE/deps");
    let program = folder.join("examples").join("load");
    let path = program.display();
    assert!(program.exists(), "{path} is missing: {BUILD}");
    let stale = changed_since(&program, &own);
    assert!(stale.is_empty(), "{path} is older than {stale:?}: {BUILD}");
    program
}

/// What `program` was made from and is older than, as far as the test, `own`, knows of it: what somebody changes while tests
/// run is in neither.
fn changed_since(program: &Path, own: &Path) -> Vec<PathBuf> {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified());
    let [built, own] = [program, own].map(|path| modified(path).expect("it is there"));
    // Cargo's own list, as a rule of a makefile.
    let rule = std::fs::read_to_string(program.with_extension("d")).expect("it lies beside it");
    let (_, sources) = rule.split_once(": ").expect("a rule has a colon");
    let sources = sources.replace("\\ ", "\0");
    let sources = sources
        .split_ascii_whitespace()
        .map(|source| PathBuf::from(source.replace('\0', " ")));
    let is_newer = |source: &PathBuf| {
        let is_its_own = source.ends_with("examples/load.rs");
        modified(source).map_or(true, |at| built < at && (at <= own || is_its_own))
    };
    sources.filter(is_newer).collect()
}

/// Processes that share a credential for three windows.
#[derive(Debug, Clone, Copy)]
struct Case {
    /// How many have bulk work.
    bulk: u64,
    policy: Policy,
    /// Whether one of them is killed and the clock of another is two minutes ahead.
    has_mishaps: bool,
}

/// What GitHub has seen of them, and what live work has waited for.
fn watch(case: Case) -> (Log, Vec<u64>) {
    let mut scene = Scene::new(LIMIT);
    let policy = ["--policy", case.policy.as_str()];
    scene.start_live(LIVE);
    for number in 1..=case.bulk {
        let is_ahead = case.has_mishaps && number == 1;
        let clock: &[&str] = if is_ahead {
            &["--clock-ahead", "120"]
        } else {
            &[]
        };
        scene.start_bulk(
            &format!("bulk-{number}"),
            &[&policy as &[&str], clock].concat(),
        );
    }
    if case.has_mishaps {
        scene.wait_seconds(WINDOW + WINDOW / 2);
        scene.kill("bulk-2");
    }
    scene.wait("the windows are over", WINDOW * WINDOWS as i64, |seen| {
        seen.windows(WINDOW, LIMIT).len() >= WINDOWS
    });
    scene.end()
}

/// Live work is not touched, the reserve holds to within an item per process, and bulk work goes on.
#[track_caller]
fn assert_well(case: Case, seen: &Log, waited: &[u64]) {
    let refused: Vec<&Seen> = seen.requests().filter(|seen| seen.is_refused).collect();
    assert!(refused.is_empty(), "{case:?}: {refused:#?}");
    let longest = waited.iter().max();
    assert!(longest <= Some(&1_000), "{case:?}: {longest:?} ms");
    assert!(waited.len() > 120, "{case:?}: {} live", waited.len());

    let mut policy = CredentialQuota::new(Settings::default());
    for (number, window) in seen.windows(WINDOW, LIMIT).iter().enumerate() {
        let told = format!("{case:?}, window {number}: {}", window.tell());
        let reserve = reserve_of(&mut policy, window);
        let begins = window.seen[0].0.answered;
        assert!(reserve(begins) > LIMIT / 5, "there is something to keep");
        let above = window.above(reserve);
        println!("{told}, {above} above at least");
        assert!(
            above >= -(CALLS * case.bulk).cast_signed(),
            "{told}, {above} above"
        );
        // It would have less if others were taken for live work, or the claims of the dead were held for ever.
        let bulk: u64 = window.bulk().values().sum();
        assert!(bulk > LIMIT / 3, "{told}");
    }
}

/// What `policy`, which has learnt nothing and seen no windows but those before, keeps of the reserve at each moment of this one.
/// Those who have learnt something keep more.
fn reserve_of(policy: &mut CredentialQuota, window: &Window) -> impl Fn(Timestamp) -> u64 {
    let begun = Observation {
        limit: Some(LIMIT),
        used: Some(0),
        reset: Some(window.ends),
        ..Observation::default()
    };
    let core = Resource::core();
    policy.observe(&core, &begun, window.seen[0].0.answered);
    move |now| policy.floor(Lane::Bulk, &core, now).unwrap_or_default()
}

#[test]
fn one_four_and_eight_processes_with_bulk_work_leave_live_work_alone_and_the_reserve_to_within_an_item_each()
 {
    let case = |bulk, policy, has_mishaps| Case {
        bulk,
        policy,
        has_mishaps,
    };
    let cases = [
        case(1, Policy::Adaptive, false),
        case(4, Policy::Adaptive, false),
        case(8, Policy::Adaptive, true),
    ];
    std::thread::scope(|scope| {
        // Work that is not paced shows that there is something to see.
        let greedy = scope.spawn(move || watch(case(1, Policy::Reactive, false)));
        let watched = cases.map(|case| (case, scope.spawn(move || watch(case))));
        for (case, watching) in watched {
            let (seen, waited) = watching.join().expect("it was watched to the end");
            assert_well(case, &seen, &waited);
        }
        let (seen, waited) = greedy.join().expect("it was watched to the end");
        let longest = waited.iter().max();
        assert!(longest > Some(&10_000), "{longest:?} ms");
        assert!(seen.requests().any(|seen| seen.is_refused));
    });
}

#[test]
fn a_block_that_one_process_meets_is_respected_by_all_within_one_observation() {
    let mut scene = Scene::new(100_000);
    scene.start_live("3");
    scene.start_bulk("bulk-1", &["--clock-ahead", "120"]);
    scene.start_bulk("bulk-2", &[]);
    scene.start_bulk("bulk-3", &["--clock-ahead", "-120"]);
    scene.start_bulk("bulk-4", &[]);
    scene.wait_seconds(10);
    scene.strike(&json!({
        "when": { "path": "*by=bulk-2*" },
        "then": { "secondary_limit": { "seconds": BLOCK.as_secs(), "retry_after": true } },
        "times": 1,
    }));
    let goes_on = |seen: &Log, by: &str| {
        let (struck, last) = (seen.struck(), seen.by(by).last());
        struck.is_some_and(|struck| last.is_some_and(|last| last.at > struck.at + BLOCK))
    };
    let all = ["live", "bulk-1", "bulk-2", "bulk-3", "bulk-4"];
    scene.wait("everybody goes on", 30, |seen| {
        all.iter().all(|by| goes_on(seen, by))
    });
    let (seen, _) = scene.end();

    let struck = seen.struck().expect("a request was struck");
    for by in all {
        let into: Vec<&Seen> = seen
            .by(by)
            .filter(|seen| struck.at <= seen.at && seen.at < struck.at + BLOCK)
            .collect();
        // Whoever has been refused knows at once, everybody else when they have looked at the board.
        let known = struck.at + KNOWN_WITHIN;
        let refused = into.first().map(|first| first.answered + UNDER_WAY);
        let knows = refused.map_or(known, |refused| refused.min(known));
        let late = into.iter().filter(|seen| seen.at > knows).count();
        assert_eq!(late, 0, "{by} knows: {into:#?}");
        // What is done one after the other is refused once.
        assert!(by == "live" || into.len() <= 1, "{by}: {into:#?}");
        assert!(into.iter().all(|seen| seen.is_refused), "{by}: {into:#?}");
    }
}
