//! Several processes on one file, some of which die: nothing of the others is lost, nothing is there by half, and nobody
//! waits for the dead.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use backends::sqlite::Coordination;
use ledger::port::Coordination as _;
use ledger::port::coordination::Held;
use rusqlite::Connection;

use super::{assert_sound, block, member, telling};
use crate::open::directory;

const PROCESSES: usize = 5;
/// Of those, the ones that are killed in the middle.
const KILLED: usize = 2;
const BEATS: u64 = 150;
const CREDENTIALS: [&str; 3] = ["a", "b", "c"];
/// How the parent tells the child what to do; to the test runner it is one more filter.
const ROLE: &str = "on-the-board=";

fn role() -> Option<(String, String)> {
    let text =
        std::env::args().find_map(|argument| Some(argument.strip_prefix(ROLE)?.to_owned()))?;
    let (name, path) = text.split_once('@').unwrap();
    Some((name.to_owned(), path.to_owned()))
}

/// A process that ends with the test.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

impl Other {
    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let output = self.0.stdout.take().unwrap();
        BufReader::new(output).lines().map(Result::unwrap)
    }
}

fn start(test: &str, name: &str, path: &Path) -> Other {
    let child = Command::new(std::env::current_exe().unwrap())
        .args([&format!("coordination::crowd::{test}"), "--exact"])
        .args(["--nocapture", "--test-threads=1"])
        .arg(format!("{ROLE}{name}@{}", path.display()))
        .stdout(Stdio::piped())
        .spawn();
    Other(child.unwrap())
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").unwrap();
    output.flush().unwrap();
}

/// What each other member holds: one beat, and all of its credentials.
fn whole(held: Vec<Held>) -> BTreeMap<String, u64> {
    let mut members: BTreeMap<String, (u64, usize)> = BTreeMap::new();
    for held in held {
        assert_eq!(
            held.share,
            format!("{}:{}", held.member, held.beat),
            "a row is of one beat"
        );
        let of_it = members.entry(held.member).or_insert((held.beat, 0));
        assert_eq!(of_it.0, held.beat, "all that one tells is of one beat");
        of_it.1 += 1;
    }
    let count = |(member, (beat, rows))| {
        assert_eq!(rows, CREDENTIALS.len(), "nothing of {member} is lost");
        (member, beat)
    };
    members.into_iter().map(count).collect()
}

/// A child: exchanges, records blocks and learns, and says what was acknowledged.
#[tokio::main(flavor = "current_thread")]
async fn take_part(name: &str, path: &str) {
    let board = Coordination::open(path).unwrap();
    let mut before = BTreeMap::new();
    for beat in 1..=BEATS {
        let share = format!("{name}:{beat}");
        let mine = CREDENTIALS.map(|credential| telling(credential, &share));
        let heard = whole(board.exchange(&member(name, beat), &mine).await.unwrap());
        for (member, beat) in &before {
            assert!(heard.get(member) >= Some(beat), "{member} never goes back");
        }
        before = heard;
        say(&format!("told {beat}"));
        if beat % 10 == 0 {
            board.close(&block(name, beat.cast_signed())).await.unwrap();
            say(&format!("closed {beat}"));
            loop {
                let kept = board.learnt("a").await.unwrap();
                let more = format!("{} {share}", kept.as_deref().unwrap_or_default());
                if board
                    .keep_learnt("a", &more, kept.as_deref())
                    .await
                    .unwrap()
                {
                    break;
                }
            }
            say(&format!("learnt {beat}"));
        }
    }
}

#[test]
fn of_several_processes_on_one_file_nothing_is_lost_whoever_is_killed() {
    if let Some((name, path)) = role() {
        return take_part(&name, &path);
    }
    let directory = directory();
    let path = directory.path().join("board");
    let names: Vec<String> = (0..PROCESSES)
        .map(|number| format!("member-{number}"))
        .collect();
    let test = "of_several_processes_on_one_file_nothing_is_lost_whoever_is_killed";
    // All at once, on a file that is not there yet.
    let children: Vec<Other> = names.iter().map(|name| start(test, name, &path)).collect();
    let listeners: Vec<_> = children
        .into_iter()
        .enumerate()
        .map(|(number, child)| std::thread::spawn(move || listen(child, number < KILLED)))
        .collect();
    let acknowledged: Vec<BTreeMap<String, u64>> = listeners
        .into_iter()
        .map(|listener| listener.join().unwrap())
        .collect();
    audit(&path, &names, &acknowledged);
}

/// The highest number that was acknowledged, by what.
fn listen(mut child: Other, kill: bool) -> BTreeMap<String, u64> {
    let mut acknowledged = BTreeMap::new();
    for line in child.lines() {
        if let Some((what @ ("told" | "closed" | "learnt"), number)) = line.split_once(' ')
            && let Ok(number) = number.parse::<u64>()
        {
            acknowledged.insert(what.to_owned(), number);
            if kill && number == BEATS / 3 {
                child.0.kill().unwrap();
            }
        }
    }
    assert_eq!(child.0.wait().unwrap().success(), !kill);
    acknowledged
}

#[tokio::main(flavor = "current_thread")]
async fn audit(path: &Path, names: &[String], acknowledged: &[BTreeMap<String, u64>]) {
    let board = Coordination::open(path).unwrap();
    let held = whole(board.held().await.unwrap());
    let blocks = board.blocks().await.unwrap();
    let learnt = board.learnt("a").await.unwrap().unwrap();
    for (number, (name, acknowledged)) in names.iter().zip(acknowledged).enumerate() {
        let [told, closed, said] = ["told", "closed", "learnt"].map(|what| acknowledged[what]);
        // Death can come between a commit and its acknowledgement.
        let more = u64::from(number < KILLED);
        assert!((told..=told + more).contains(&held[name]), "{name}");
        let last = block(name, closed.cast_signed());
        let known = blocks.iter().find(|known| known.credential == *name);
        assert!(known.unwrap().until >= last.until, "{name}");
        for beat in (10..=said).step_by(10) {
            assert!(learnt.contains(&format!(" {name}:{beat}")), "{learnt}");
        }
    }
    drop(board);
    assert_sound(path);
}

/// A child that begins to write and never ends.
fn hold_until_killed(path: &str) -> ! {
    let connection = Connection::open(path).unwrap();
    let sql =
        "BEGIN IMMEDIATE; INSERT INTO blocks VALUES ('a', 1, NULL, NULL); DELETE FROM tellings;";
    connection.execute_batch(sql).unwrap();
    // The test runner has begun a line of its own.
    say("\nholding");
    loop {
        std::thread::park();
    }
}

#[test]
fn one_who_is_killed_in_the_middle_of_a_transaction_blocks_nobody_and_leaves_nothing() {
    if let Some((_, path)) = role() {
        hold_until_killed(&path);
    }
    let directory = directory();
    let path = directory.path().join("board");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let board = Coordination::open(&path).unwrap();
        let mine = [telling("a", "1")];
        board.exchange(&member("ada", 1), &mine).await.unwrap();
        let mut child = start(
            "one_who_is_killed_in_the_middle_of_a_transaction_blocks_nobody_and_leaves_nothing",
            "holder",
            &path,
        );
        assert!(child.lines().any(|line| line == "holding"));
        let refused = board.exchange(&member("ada", 2), &mine).await.unwrap_err();
        assert!(refused.is_unavailable(), "{refused:?}");
        drop(child);
        board
            .exchange(&member("ada", 3), &mine)
            .await
            .expect("nobody holds it any more");
        assert_eq!(board.held().await.unwrap().len(), 1);
        assert_eq!(board.blocks().await.unwrap(), []);
    });
}

/// A child that is on the board and does nothing any more.
#[tokio::main(flavor = "current_thread")]
async fn stay_until_killed(path: &str) {
    let board = Coordination::open(path).unwrap();
    let mine = [telling("a", "1")];
    board.exchange(&member("child", 1), &mine).await.unwrap();
    board.blocks().await.unwrap();
    say("\nstaying");
    loop {
        std::thread::park();
    }
}

#[test]
fn one_who_still_has_a_file_open_that_was_taken_away_does_not_harm_the_new_one() {
    if let Some((_, path)) = role() {
        stay_until_killed(&path);
    }
    let directory = directory();
    let path = directory.path().join("board");
    let mut child = start(
        "one_who_still_has_a_file_open_that_was_taken_away_does_not_harm_the_new_one",
        "child",
        &path,
    );
    assert!(child.lines().any(|line| line == "staying"));
    std::fs::remove_file(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let board = Coordination::open(&path).unwrap();
        for beat in 1..300 {
            let mine = [telling("a", &"x".repeat(500))];
            let heard = board.exchange(&member("ada", beat), &mine).await.unwrap();
            assert_eq!(heard, []);
            board.blocks().await.unwrap();
        }
    });
    drop(child);
    assert_sound(&path);
}
