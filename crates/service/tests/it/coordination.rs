//! Processes that share a credential, as a shell would start them: a block outlives `kill -9`, and a coordination file that
//! cannot be used is said aloud, keeps nobody from working and is used again when it is back.

use backends::sqlite::Coordination;
use github_sim::fault::{Action, Rule};
use github_sim::limit::RefusalStatus;
use jiff::{SignedDuration, Timestamp};
use ledger::port::Coordination as _;
use ledger::port::coordination::Block;
use rustix::process::Signal;
use serde_json::Value;

use crate::process::exposition::Exposition;
use crate::process::github::{GitHub, small};
use crate::process::{Place, Running, get, get_json, until};

const TOKEN: (&str, &str) = ("GITHUB_TOKEN", "sim-token");
/// Snapshots come often, so that nobody waits for them.
const OFTEN: (&str, &str) = ("TIDEGATE_EXPORT_REFRESH_INTERVAL", "1s");
/// Beside the state, where it is not told otherwise.
const BOARD: &str = "state.db.coordination";

/// A node on `state.db`.
fn node(place: &Place, github: &GitHub) -> Running {
    let url = github.url();
    let run = ["run", "--org", "acme", "--listen", "127.0.0.1:0"];
    let more = ["--interval", "5s", "--api-url", &url, "--state", "state.db"];
    place.start(&[&run as &[&str], &more].concat(), &[TOKEN, OFTEN])
}

/// What stands on the board, if there is one.
fn blocks(place: &Place) -> Vec<Block> {
    let Ok(board) = Coordination::read_only(place.path(BOARD)) else {
        return Vec::new();
    };
    block_on(board.blocks()).unwrap_or_default()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

/// How the node finds the board: its health, its mode, and the metric.
fn standing(address: &str) -> (String, String, f64) {
    let health = get_json(address, "/healthz");
    let of_board = health["components"]
        .as_array()
        .and_then(|parts| parts.iter().find(|part| part["name"] == "coordination"));
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metrics = Exposition::read(&get(address, "/metrics"));
    let up = metrics
        .of("tidegate_dependency_up")
        .find(|sample| sample.label("dependency") == "coordination")
        .map_or(f64::NAN, |sample| sample.value);
    (
        word(&of_board.expect("it is a part")["condition"]),
        word(&health["mode"]),
        up,
    )
}

#[track_caller]
fn until_standing(address: &str, condition: &str, mode: &str, up: f64) {
    until(&format!("coordination is {condition}"), 30, || {
        let found = standing(address);
        (found == (condition.to_owned(), mode.to_owned(), up)).then_some(())
    });
}

/// Lines of the log that hold this.
fn lines(node: &Running, what: &str) -> Vec<String> {
    let log = node.err();
    let lines = log.lines().filter(|line| line.contains(what));
    lines.map(str::to_owned).collect()
}

/// A node is killed in a block, and another takes its place, while GitHub's clock shows so many seconds more.
fn killed_in_a_block(ahead: i64) {
    const SECONDS: u64 = 8;
    let github = GitHub::start(small());
    let refusal = Action::SecondaryLimit {
        seconds: SECONDS,
        retry_after: true,
        status: RefusalStatus::Forbidden,
        claims_exhaustion: false,
    };
    let faults = github.sim.faults();
    faults.add(Rule::always(Action::Skew { seconds: ahead }));
    faults.add(Rule::always(refusal).skip(12).times(1));
    let place = Place::new();
    let first = node(&place, &github);
    let blocks = until("the block is on the board", 30, || {
        Some(blocks(&place)).filter(|blocks| !blocks.is_empty())
    });
    first.kill();
    let killed_at = github.sim.clock().now();
    assert_eq!((blocks.len(), blocks[0].credential.as_str()), (1, "token"));

    let mut second = node(&place, &github);
    second.listening_on(1);
    let seen = |after: Timestamp| {
        let seen = github.sim.observer().requests();
        seen.into_iter().filter(move |seen| seen.at > after)
    };
    until("it goes on", 60, || {
        (seen(killed_at).count() > 5).then_some(())
    });
    let early: Vec<_> = seen(killed_at)
        .filter(|seen| seen.sent_into_block)
        .collect();
    assert!(early.is_empty(), "{ahead} s ahead: {early:#?}");
    let waited = seen(killed_at)
        .next()
        .map(|seen| seen.at.duration_since(killed_at));
    let latest = SignedDuration::from_secs(13);
    assert!(
        waited.is_some_and(|waited| waited < latest),
        "{ahead} s ahead: {waited:?}"
    );
    second.signal(Signal::TERM);
    assert_eq!(second.wait().code, Some(0));
}

#[test]
fn a_block_outlives_kill_9_and_the_next_node_sends_nothing_before_its_end_whatever_its_clock_shows()
{
    std::thread::scope(|scope| {
        for ahead in [0, -120, 120] {
            scope.spawn(move || killed_in_a_block(ahead));
        }
    });
}

#[test]
fn a_locked_coordination_file_costs_the_others_and_nothing_else_and_is_used_again_when_it_is_free()
{
    let github = GitHub::start(small());
    let place = Place::new();
    let mut node = node(&place, &github);
    let address = node.listening_on(1).remove(0);
    until_standing(&address, "healthy", "healthy", 1.0);

    let shell = rusqlite::Connection::open(place.path(BOARD)).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    until_standing(&address, "failed", "degraded", 0.0);
    // It goes on: what happens now is read all the same.
    let read = || Exposition::read(&get(&address, "/metrics")).sum("gh_issues_opened_total");
    let before = read();
    {
        let mut world = github.sim.world();
        let repo = world.repos().find(|repo| repo.issues_enabled).unwrap().id;
        let someone = world
            .accounts()
            .find(|account| !account.is_org())
            .unwrap()
            .id;
        world.open_issue(repo, someone, "Still there?");
    }
    until("the issue is read", 30, || (read() > before).then_some(()));
    assert_eq!(standing(&address).0, "failed");
    let lost = lines(&node, "coordination is lost");
    assert!(lost.len() == 1 && lost[0].contains("locked"), "{lost:?}");

    shell.execute_batch("ROLLBACK").unwrap();
    until_standing(&address, "healthy", "healthy", 1.0);
    assert_eq!(lines(&node, "coordination is back").len(), 1);
    node.signal(Signal::TERM);
    assert_eq!(node.wait().code, Some(0));
    let left: i64 = shell
        .query_row("SELECT count(*) FROM tellings", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0, "it has taken leave");
}

#[test]
fn a_coordination_file_that_is_taken_away_is_made_anew_and_one_that_is_no_database_is_named_with_the_remedy()
 {
    let github = GitHub::start(small());
    let place = Place::new();
    let mut node = node(&place, &github);
    let address = node.listening_on(1).remove(0);
    until_standing(&address, "healthy", "healthy", 1.0);

    std::fs::remove_file(place.path(BOARD)).unwrap();
    until("it is back", 30, || {
        let back = lines(&node, "coordination is back");
        (back.len() == 1).then_some(())
    });
    assert_eq!(lines(&node, "coordination is lost").len(), 1);
    let held = until("the node is on the new one", 30, || {
        let board = Coordination::read_only(place.path(BOARD)).ok()?;
        block_on(board.held()).ok().filter(|held| !held.is_empty())
    });
    assert_eq!(held[0].credential, "token");

    place.write("notes", "all work and no play, and no database either");
    std::fs::rename(place.path("notes"), place.path(BOARD)).unwrap();
    until_standing(&address, "failed", "degraded", 0.0);
    let lost = until("it says why", 30, || {
        let lost = lines(&node, "coordination is lost");
        (lost.len() == 2).then(|| lost[1].clone())
    });
    assert!(lost.contains("another is in its place"), "{lost}");
    until("it names the remedy", 30, || {
        let health = get(&address, "/healthz");
        let remedy = "it is not a SQLite database: name another file with coordination.path";
        health.contains(remedy).then_some(())
    });
    std::fs::remove_file(place.path(BOARD)).unwrap();
    until_standing(&address, "healthy", "healthy", 1.0);
    node.signal(Signal::TERM);
    assert_eq!(node.wait().code, Some(0));
}

#[test]
fn a_coordination_file_that_cannot_be_used_keeps_a_node_from_starting_in_one_line_and_nothing_is_left_behind()
 {
    let github = GitHub::start(small());
    let place = Place::new();
    let url = github.url();
    let made = ["scrape", "acme", "--api-url", &url, "--state", "other.db"];
    assert_eq!(place.run(&made, &[TOKEN]).code, Some(0));
    place.write("text", "all work and no play, and no database either");
    let board = std::fs::read(place.path("other.db.coordination")).unwrap();
    place.write("newer", &board);
    let newer = rusqlite::Connection::open(place.path("newer")).unwrap();
    let known: u32 = newer
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    place.write("locked", &board);
    let shell = rusqlite::Connection::open(place.path("locked")).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();

    let before = place.files();
    let line = |command: &[&str], path: &str| {
        let common = ["--api-url", &url, "--state", "state.db"];
        let told = ("TIDEGATE_COORDINATION_PATH", path);
        let ended = place.run(&[command, &common].concat(), &[TOKEN, told]);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        assert_eq!(place.files(), before, "nothing is left behind");
        let err = ended
            .err
            .replace(&format!("versions up to {known}:"), "versions up to KNOWN:");
        format!("{} {}", ended.code.unwrap(), err.trim_end())
    };
    let run = ["run", "--org", "acme", "--listen", "127.0.0.1:0"];
    let lines = [
        line(&["scrape", "acme"], "text"),
        line(&run, "text"),
        line(&["scrape", "acme"], "other.db"),
        line(&["scrape", "acme"], "newer"),
        line(&["scrape", "acme"], "locked"),
        line(&["scrape", "acme"], "nowhere/board"),
        line(&["scrape", "acme"], "/sys/board"),
        line(&["scrape", "acme"], "state.db"),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    1 tidegate: cannot open the coordination file text: it is not a SQLite database: name another file with coordination.path, or move this one away
    1 tidegate: cannot open the coordination file text: it is not a SQLite database: name another file with coordination.path, or move this one away
    1 tidegate: cannot open the coordination file other.db: it is the database of another program: name another file with coordination.path, or move this one away
    1 tidegate: cannot open the coordination file newer: it has schema version 99, and this program knows versions up to KNOWN: run the version of tidegate that wrote it or a later one, or name another file with coordination.path
    1 tidegate: cannot open the coordination file locked: another program holds it locked: end the program that holds it (a database shell or a backup), and try again
    1 tidegate: cannot open the coordination file nowhere/board: it does not exist: make its directory, or name another file with coordination.path
    1 tidegate: cannot open the coordination file /sys/board: it is read-only: let this user read and write the file and its directory, or name another file with coordination.path
    2 tidegate: TIDEGATE_COORDINATION_PATH: coordination.path: is the file of state.path: name another
    ");
}
