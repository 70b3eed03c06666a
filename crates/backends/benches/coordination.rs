//! How long an exchange takes when eight processes exchange on one file, four times a second each, on the disk that holds
//! the temporary directory. To stay under: 250 ms for 99 of 100.

use std::process::{Command, Stdio};
use std::time::Duration;

use backends::sqlite::Coordination;
use jiff::Timestamp;
use ledger::port::Coordination as _;
use ledger::port::coordination::{Block, Member, Telling};
use tokio::time::{Instant, MissedTickBehavior};

const PROCESSES: usize = 8;
const PERIOD: Duration = Duration::from_millis(250);
const EXCHANGES: u64 = 60;
/// A credential's share and view have about this size.
const SHARE: usize = 1_500;
const VIEW: usize = 4_000;

#[tokio::main]
async fn main() {
    let role = std::env::args().find_map(|argument| Some(argument.strip_prefix("on=")?.to_owned()));
    match role {
        Some(path) => take_part(&path).await,
        None => measure(),
    }
}

/// A process: prints how long each step took, in microseconds.
async fn take_part(path: &str) {
    let board = Coordination::open(path).expect("the file opens");
    let mine = ["app-1-acme", "app-1-beta"].map(|credential| Telling {
        credential: credential.to_owned(),
        share: "s".repeat(SHARE),
        view: "v".repeat(VIEW),
    });
    let mut period = tokio::time::interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for beat in 1..=EXCHANGES {
        period.tick().await;
        let me = Member {
            name: format!("bench-{}", std::process::id()),
            beat,
        };
        let began = Instant::now();
        board.exchange(&me, &mine).await.expect("they exchange");
        println!("exchange {}", began.elapsed().as_micros());
        let began = Instant::now();
        board.blocks().await.expect("blocks are read");
        println!("blocks {}", began.elapsed().as_micros());
        if beat % 20 == 0 {
            let began = Instant::now();
            let block = Block {
                credential: "app-1-acme".to_owned(),
                until: Timestamp::constant(1_767_225_600, 0) + Duration::from_secs(beat),
                reckoned: None,
            };
            board.close(&block).await.expect("it is kept");
            println!("close {}", began.elapsed().as_micros());
        }
    }
}

fn measure() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let role = format!("on={}", directory.path().join("board").display());
    let start = |_| {
        Command::new(std::env::current_exe().expect("it has a path"))
            .arg(&role)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process starts")
    };
    let running: Vec<_> = (0..PROCESSES).map(start).collect();
    let mut took: std::collections::BTreeMap<String, Vec<u64>> = Default::default();
    for process in running {
        let ended = process.wait_with_output().expect("it ends");
        assert!(ended.status.success(), "{}", ended.status);
        for line in String::from_utf8(ended.stdout).expect("it is text").lines() {
            let (what, micros) = line.split_once(' ').expect("two words");
            let micros = micros.parse().expect("a number");
            took.entry(what.to_owned()).or_default().push(micros);
        }
    }
    for (what, mut took) in took {
        took.sort_unstable();
        let at = |share: usize| took[(took.len() * share / 1_000).min(took.len() - 1)] as f64 / 1e3;
        println!(
            "{what}, {PROCESSES} processes, 4 times a second each: {} of them, median {:.1} ms, 99 of 100 within {:.1} ms, longest {:.1} ms",
            took.len(),
            at(500),
            at(990),
            at(1_000),
        );
    }
}
