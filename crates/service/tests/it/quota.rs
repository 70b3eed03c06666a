//! `tidegate quota` as a shell sees it: beside processes that tell what they see, beside one that has fallen silent, and
//! before GitHub where there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use backends::sqlite::Coordination;
use github_sim::fault::{Action, Rule};
use jiff::{SignedDuration, Timestamp};
use ledger::port::Coordination as _;
use ledger::port::coordination::{Member, Telling};
use rustix::process::Signal;
use serde_json::Value;
use service::quota_view::{ForecastView, QuotaView, ResourceView, SpentView, WaitingView};

use crate::process::github::{GitHub, small};
use crate::process::{Ended, Place, until};

const TOKEN: (&str, &str) = ("GITHUB_TOKEN", "sim-token");

/// A process that tells what it sees, several times a second, until it is dropped.
struct Teller {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Teller {
    fn start(place: &Place, name: &str, views: Vec<QuotaView>) -> Teller {
        let board = Coordination::open(place.path("tidegate.db.coordination")).expect("it opens");
        let stop = Arc::new(AtomicBool::new(false));
        let (name, stopped) = (name.to_owned(), Arc::clone(&stop));
        let tell = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            let telling = |view: &QuotaView| Telling {
                credential: view.credential.clone(),
                share: "{}".to_owned(),
                view: serde_json::to_string(view).expect("JSON"),
            };
            let tellings: Vec<Telling> = views.iter().map(telling).collect();
            let mut beat = 0;
            loop {
                beat += 1;
                let me = Member {
                    name: name.clone(),
                    beat,
                };
                runtime
                    .block_on(board.exchange(&me, &tellings))
                    .expect("it is told");
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        };
        Teller {
            stop,
            thread: Some(std::thread::spawn(tell)),
        }
    }

    /// It says nothing any more, and what it said last stays.
    fn fall_silent(self) {
        drop(self);
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        // A panic on top of that of a test would end all tests without a result.
        if !std::thread::panicking() {
            ended.transpose().expect("it tells without a panic");
        }
    }
}

fn at() -> Timestamp {
    Timestamp::constant(1_767_225_600, 0)
}

fn view(used: u64, endpoint: &str, units: u64) -> QuotaView {
    QuotaView {
        resources: vec![ResourceView {
            resource: "core".to_owned(),
            limit: Some(5_000),
            used: Some(used),
            remaining: Some(5_000 - used),
            reset: Some(at() + SignedDuration::from_secs(750)),
            floors: Vec::new(),
            forecast: Some(ForecastView {
                used_at_reset: 5_000,
                runs_out: Some(at() + SignedDuration::from_secs(300)),
            }),
        }],
        spent: vec![SpentView {
            lane: "scheduled".to_owned(),
            org: "acme".to_owned(),
            endpoint: endpoint.to_owned(),
            requests: units,
            units,
            lately: 1,
        }],
        waiting: vec![WaitingView {
            lane: "bulk".to_owned(),
            resource: "core".to_owned(),
            requests: 3,
            reason: "reserve".to_owned(),
            until: Some(at() + SignedDuration::from_secs(750)),
        }],
        ..QuotaView::new("token".to_owned(), at())
    }
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{} {}", ended.out, ended.err))
}

#[test]
fn what_several_processes_see_is_one_table() {
    let place = Place::new();
    let _one = Teller::start(&place, "alpha-1-aa", vec![view(70, "graphql Probe", 10)]);
    let _other = Teller::start(
        &place,
        "beta-2-bb",
        vec![
            view(90, "graphql Probe", 5),
            QuotaView::new("app-1-beta".to_owned(), at()),
        ],
    );
    // Another process may be late with its first word.
    let ended = until("both are heard", 20, || {
        let ended = place.run(&["quota"], &[]);
        ended
            .out
            .contains("alpha-1-aa")
            .then_some(ended)
            .filter(|ended| ended.out.contains("beta-2-bb"))
    });
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ended.out, @r"
    credential app-1-beta
    nothing has been asked with it yet

    credential token
    resource  used          left                            reset       reserve  at the reset
    core        90  4910 of 5000  #######################.  in 12m 30s        -  gone in 5m

    who spends  organisation  endpoint       lately  used  requests
    scheduled   acme          graphql Probe       2    15        15

    who waits  resource  requests  for                              until
    bulk       core             6  the reset; the rest is reserved  in 12m 30s

    0 in flight

    process     state  credentials
    alpha-1-aa  alive  token
    beta-2-bb   alive  app-1-beta, token
    ");

    let answer = json(&place.run(&["quota", "--json", "--credential", "token"], &[]));
    assert_eq!(answer["source"], "processes");
    assert_eq!(answer["credentials"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["credentials"][0]["resources"][0]["used"], 90);
    assert_eq!(answer["credentials"][0]["spent"][0]["units"], 15);
    assert_eq!(answer["credentials"][0]["waiting"][0]["requests"], 6);
    assert_eq!(answer["processes"][1]["credentials"][0], "app-1-beta");

    let unknown = place.run(&["quota", "--credential", "tokn"], &[]);
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(2), ""));
    assert_eq!(
        unknown.err.trim_end(),
        "tidegate: there is no credential `tokn`: name one of app-1-beta, token"
    );
}

#[test]
fn a_process_that_tells_nothing_any_more_is_silent_and_its_numbers_do_not_count() {
    let place = Place::new();
    let _alive = Teller::start(&place, "alpha-1-aa", vec![view(70, "graphql Probe", 10)]);
    Teller::start(
        &place,
        "beta-2-bb",
        vec![view(4_900, "graphql Probe", 4_000)],
    )
    .fall_silent();
    let answer = json(&place.run(&["quota", "--json"], &[]));
    let life = |number: usize| answer["processes"][number]["life"].clone();
    assert_eq!(
        (life(0), life(1)),
        ("alive".into(), "silent".into()),
        "{answer:#}"
    );
    assert_eq!(answer["credentials"][0]["resources"][0]["used"], 70);
    assert_eq!(answer["credentials"][0]["spent"][0]["units"], 10);
}

#[test]
fn where_no_node_runs_github_is_asked_and_it_costs_nothing() {
    let (place, github) = (Place::new(), GitHub::start(small()));
    let url = github.url();
    let quota = |more: &[&str], variables: &[(&str, &str)]| {
        let ended = place.run(&[&["quota", "--api-url", &url], more].concat(), variables);
        assert!(place.files().is_empty(), "it leaves nothing behind");
        ended
    };
    let ended = quota(&[], &[TOKEN]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert!(
        ended
            .out
            .starts_with("No node runs that shares its quota in "),
        "{}",
        ended.out
    );
    assert!(
        ended.out.contains("\ncore         0  5000 of 5000  "),
        "{}",
        ended.out
    );
    let answer = json(&quota(&["--json", "--org", "acme"], &[TOKEN]));
    assert_eq!(answer["source"], "github");
    assert_eq!(answer["processes"], Value::Array(Vec::new()));
    assert_eq!(
        answer["credentials"][0]["resources"][1]["resource"],
        "graphql"
    );
    assert_eq!(answer["credentials"][0]["resources"][1]["remaining"], 5_000);
    assert!(!format!("{answer} {}", ended.out).contains("sim-token"));
    let cost: u64 = github
        .sim
        .observer()
        .requests()
        .iter()
        .map(|seen| seen.cost)
        .sum();
    assert_eq!(cost, 0);

    let pem = place_pem(&github);
    let app = [
        ("TIDEGATE_GITHUB_APP_ID", "1"),
        ("TIDEGATE_GITHUB_PRIVATE_KEY", pem.as_str()),
    ];
    let answer = json(&quota(&["--json", "--org", "acme"], &app));
    assert_eq!(answer["credentials"][0]["credential"], "app-1-acme");
    let half = quota(&["--org", "acme", "--org", "umbrella"], &app);
    assert_eq!(half.code, Some(1));
    assert!(
        half.out.contains("the App is not installed in `umbrella`"),
        "{}",
        half.out
    );
    assert!(half.out.contains("credential app-1-acme\n"), "{}", half.out);
}

#[test]
fn a_node_tells_what_it_has_spent_and_for_whom() {
    let (place, github) = (Place::new(), GitHub::start(small()));
    let url = github.url();
    let run = [
        "run",
        "--api-url",
        &url,
        "--org",
        "acme",
        "--listen",
        "127.0.0.1:0",
    ];
    let node = place.start(&run, &[TOKEN]);
    let answer = until("it has told of its first pass", 30, || {
        let ended = place.run(
            &["quota", "--json"],
            &[TOKEN, ("TIDEGATE_GITHUB_API_URL", &url)],
        );
        let answer = json(&ended);
        assert!(!ended.out.contains("sim-token"), "{}", ended.out);
        let spent = answer["credentials"][0]["spent"].as_array()?;
        let probed = spent
            .iter()
            .any(|spent| spent["endpoint"] == "graphql Probe");
        (answer["source"] == "processes" && probed).then_some(answer)
    });
    let token = &answer["credentials"][0];
    assert_eq!(
        (&token["credential"], &answer["processes"][0]["life"]),
        (&"token".into(), &"alive".into())
    );
    let graphql = token["resources"].as_array().expect("a list");
    let graphql = graphql.iter().find(|found| found["resource"] == "graphql");
    let graphql = graphql.expect("it was asked");
    let spent: u64 = token["spent"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|spent| {
            spent["endpoint"]
                .as_str()
                .is_some_and(|name| name.starts_with("graphql"))
        })
        .map(|spent| spent["units"].as_u64().expect("a number"))
        .sum();
    assert_eq!(
        graphql["used"].as_u64(),
        Some(spent),
        "nobody else has spent anything"
    );
    let lanes = graphql["floors"].as_array().expect("a list").len();
    assert_eq!(
        (lanes, graphql["forecast"].is_object()),
        (5, true),
        "{graphql}"
    );
    node.signal(Signal::INT);
    assert_eq!(node.wait().code, Some(0));
    let gone = json(&place.run(
        &["quota", "--json"],
        &[TOKEN, ("TIDEGATE_GITHUB_API_URL", &url)],
    ));
    assert_eq!(gone["source"], "github", "it has said goodbye: {gone:#}");
}

fn place_pem(github: &GitHub) -> String {
    github.sim.credentials().app_pem()
}

#[test]
fn a_github_without_limits_says_so() {
    let (place, github) = (Place::new(), GitHub::start(small()));
    github
        .sim
        .faults()
        .add(Rule::always(Action::NoLimitHeaders));
    let ended = place.run(&["quota", "--api-url", &github.url()], &[TOKEN]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert!(
        ended.out.contains("token: this GitHub has no limits"),
        "{}",
        ended.out
    );
}

#[test]
fn what_cannot_be_shown_ends_in_one_line() {
    let (place, github) = (Place::new(), GitHub::start(small()));
    let url = github.url();
    let pem = place_pem(&github);
    let refused = |more: &[&str], variables: &[(&str, &str)], code: i32, says: &str| {
        let ended = place.run(&[&["quota", "--api-url", &url], more].concat(), variables);
        assert_eq!(
            (ended.code, ended.out.as_str()),
            (Some(code), ""),
            "{}",
            ended.err
        );
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        assert!(ended.err.contains(says), "{says} in {}", ended.err);
    };
    refused(&[], &[], 1, "start a node, or set GITHUB_TOKEN");
    refused(
        &[],
        &[("GITHUB_TOKEN", "ghp_wrong")],
        2,
        "GitHub does not accept the token",
    );
    refused(
        &["--credential", "x"],
        &[TOKEN],
        2,
        "there is no credential `x`: name one of token",
    );
    let app = [
        ("TIDEGATE_GITHUB_APP_ID", "1"),
        ("TIDEGATE_GITHUB_PRIVATE_KEY", pem.as_str()),
    ];
    refused(&[], &app, 2, "name one with --org");
    place.write(
        "tidegate.db.coordination",
        "not a database, and long enough to be looked at as one",
    );
    refused(&[], &[TOKEN], 1, "tidegate.db.coordination");
}

#[test]
fn a_watch_goes_on_until_it_is_interrupted_and_ends_with_0() {
    let place = Place::new();
    let teller = Teller::start(&place, "alpha-1-aa", vec![view(70, "graphql Probe", 10)]);
    let watch = place.start(&["quota", "--watch", "--json"], &[]);
    let plain = place.start(&["quota", "--watch"], &[]);
    let lines = until("there are three", 30, || {
        let out = watch.out();
        (out.lines().count() >= 3 && out.ends_with('\n')).then_some(out)
    });
    for line in lines.lines() {
        let answer: Value = serde_json::from_str(line).expect("a document per line");
        assert_eq!(answer["credentials"][0]["resources"][0]["used"], 70);
    }
    until("there are two blocks", 30, || {
        (plain.out().matches("credential token").count() >= 2).then_some(())
    });
    // Nobody tells anything any more, and there is no token: the watch goes on to look.
    teller.fall_silent();
    for running in [watch, plain] {
        running.signal(Signal::INT);
        let ended = running.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(
            !ended.out.contains('\u{1b}'),
            "no control codes: {:?}",
            ended.out
        );
    }
}
