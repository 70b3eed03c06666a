//! `tidegate export` as a shell sees it, and Prometheus' own tool reading what it wrote.

use std::process::Command;

use backends::sqlite::Sqlite;
use jiff::{SignedDuration, Timestamp};
use ledger::event::{Actor, Event, Fact, RepoId, Stream, id};
use ledger::port::activity::{Activity as _, Part, SeenRepo};

use crate::cli::run;
use crate::process::Place;

const START: &str = "2026-01-01T00:00:00Z";

fn start() -> Timestamp {
    START.parse().unwrap()
}

/// A state with a hundred commits, one every ten minutes, by two people in two repositories.
fn state(place: &Place) -> String {
    let path = place.argument("state.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Sqlite::open(std::path::Path::new(&path)).unwrap();
        let term = store.lead("one", start()).await.unwrap();
        let repos = [(1, "web"), (2, "lib")].map(|(id, name)| SeenRepo {
            id: RepoId(id),
            name: name.to_owned(),
            streams: Stream::ALL.to_vec(),
            created_at: start(),
        });
        store
            .track(term, "acme", &repos, start(), start())
            .await
            .unwrap();
        for number in 0..100_i64 {
            let event = Event {
                id: id::commit(&format!("{number:040x}")),
                at: start() + SignedDuration::from_mins(number * 10),
                actor: Actor::new(["ada", "eve"][number as usize % 2], None),
                fact: Fact::Commit {
                    additions: 3,
                    deletions: 0,
                    changed_files: 1,
                },
                version: 0,
            };
            let part = Part {
                stream: Stream::Commits,
                events: vec![event],
                retracted: Vec::new(),
                proof: None,
            };
            let repo = RepoId(number as u64 / 50 + 1);
            let now = start() + SignedDuration::from_hours(48);
            store
                .record(term.into(), "acme", repo, vec![part], now)
                .await
                .unwrap();
        }
    });
    path
}

#[test]
fn promtool_makes_blocks_of_the_openmetrics_export_and_finds_the_counters_in_them() {
    let place = Place::new();
    let (state, file, blocks) = (
        state(&place),
        place.argument("history.om"),
        place.argument("blocks"),
    );
    let until = "2026-01-01T20:00:00Z";
    let ended = run(
        &[
            "export",
            "--state",
            &state,
            "--since",
            START,
            "--until",
            until,
            "--openmetrics",
            "--step",
            "15m",
            "-o",
            &file,
        ],
        &[],
    );
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert!(
        ended.out.contains("100 events of 2 repositories"),
        "{}",
        ended.out
    );

    let promtool = |arguments: &[&str]| {
        let output = Command::new("promtool").args(arguments).output();
        let output = output.expect(
            "promtool is there: install the Debian package prometheus, or run make test, which does",
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    promtool(&["tsdb", "create-blocks-from", "openmetrics", &file, &blocks]);
    // It makes blocks alone, and reads only what has a log as well.
    std::fs::create_dir(std::path::Path::new(&blocks).join("wal")).unwrap();
    let dump = promtool(&["tsdb", "dump", &blocks]);
    let last = |series: &str| {
        let lines = dump.lines().filter_map(|line| line.strip_prefix(series));
        let samples = lines.map(|line| {
            let (value, at) = line.trim().split_once(' ').unwrap();
            (at.parse::<i64>().unwrap(), value.parse::<f64>().unwrap())
        });
        let mut samples: Vec<(i64, f64)> = samples.collect();
        samples.sort_by_key(|sample| sample.0);
        assert!(
            samples.is_sorted_by_key(|sample| sample.1),
            "a counter never falls"
        );
        assert_eq!(
            samples.first().map(|sample| sample.1),
            Some(0.0),
            "{series}"
        );
        (samples.len(), *samples.last().unwrap())
    };
    let end = until.parse::<Timestamp>().unwrap().as_millisecond();
    for (repo, user, steps) in [("web", "ada", 81), ("web", "eve", 81), ("lib", "eve", 48)] {
        let series = format!(
            "{{__name__=\"gh_commits_total\", org=\"acme\", repo=\"{repo}\", user=\"{user}\"}}"
        );
        assert_eq!(last(&series), (steps, (end, 25.0)), "{series}");
        let lines = series.replace("gh_commits_total", "gh_lines_added_total");
        assert_eq!(last(&lines), (steps, (end, 75.0)), "{lines}");
    }
}

#[test]
fn text_goes_to_standard_output_for_the_time_that_was_asked_for() {
    let place = Place::new();
    let state = state(&place);
    let whole = ["export", "--state", &state, "--since", "2025-12-31"];
    for (format, lines) in [("--csv", 101), ("--json", 100)] {
        let ended = run(&[&whole[..], &[format]].concat(), &[]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
        assert_eq!(ended.out.lines().count(), lines, "{format}");
    }
    let hour = [
        "--until",
        "2026-01-01T01:00:00Z",
        "--json",
        "--org",
        "acme",
        "--repo",
        "web",
    ];
    let ended = run(&[&whole[..], &hour].concat(), &[]);
    assert_eq!(ended.out.lines().count(), 6, "{}", ended.out);
    let ended = run(
        &[&whole[..], &["--openmetrics", "--step", "1h"]].concat(),
        &[],
    );
    assert!(ended.out.ends_with("\n# EOF\n"));
}

#[test]
fn what_cannot_be_exported_is_refused_with_what_to_do_and_leaves_no_file() {
    let place = Place::new();
    let state = state(&place);
    let out = place.argument("out.parquet");
    let refused = |more: &[&str], says: &str| {
        let first = ["export", "--state", &state, "--since", START];
        let ended = run(&[&first[..], more].concat(), &[]);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{more:?}");
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        assert!(ended.err.contains(says), "{says} in {}", ended.err);
    };
    refused(&[], "choose --openmetrics, --csv, --json or --parquet");
    refused(&["--csv", "--json"], "choose");
    refused(&["--parquet"], "-o");
    refused(&["--csv", "--until", "2025-01-01"], "--until");
    refused(&["--csv", "--until", "tomorrow"], "2025-01-01");
    refused(&["--csv", "--org", "other"], "acme");
    refused(&["--csv", "--repo", "other"], "`other`");
    refused(&["--openmetrics", "--step", "1s"], "15s");
    refused(&["--parquet", "-o", &out, "--org", "other"], "acme");
    let nowhere = place.argument("none/out.csv");
    let ended = run(
        &[
            "export", "--state", &state, "--since", START, "--csv", "-o", &nowhere,
        ],
        &[],
    );
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("a folder that exists"), "{}", ended.err);

    let ended = run(
        &[
            "export",
            "--state",
            &state,
            "--since",
            START,
            "--parquet",
            "-o",
            &out,
        ],
        &[],
    );
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let folder = std::path::Path::new(&out).parent().unwrap();
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with("state.db")).collect();
    names.sort();
    assert_eq!(names, ["out.parquet"], "nothing else is left behind");
}
