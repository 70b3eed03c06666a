//! `tidegate simulate` as a shell sees it.

use serde_json::Value;

use crate::cli::run;

/// The rows of a run, each with its fields in their order.
fn rows(arguments: &[&str]) -> Vec<Value> {
    let ended = run(&[&["simulate", "--json"], arguments].concat(), &[]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    match serde_json::from_str(&ended.out).expect("the output is JSON") {
        Value::Array(rows) => rows,
        other => panic!("not a list: {other}"),
    }
}

#[test]
fn rows_are_json_with_the_documented_fields_first() {
    let rows = rows(&["--scenario", "idle", "--policy", "sprint", "--seed", "3"]);
    let [Value::Object(row)] = rows.as_slice() else {
        panic!("not one row: {rows:?}");
    };
    let names: Vec<&str> = row.keys().map(String::as_str).take(11).collect();
    let documented = [
        "scenario",
        "seed",
        "policy",
        "live_blocked",
        "live_wait_p99_s",
        "makespan_s",
        "oracle_s",
        "makespan_ratio",
        "unused_at_reset",
        "reserve_violations",
        "sent_into_block",
    ];
    assert_eq!(names, documented);
    assert_eq!(
        (&row["scenario"], &row["seed"]),
        (&"idle".into(), &3.into())
    );
    assert!(row["makespan_s"].as_f64() >= row["oracle_s"].as_f64());
}

#[test]
fn rows_come_in_one_order_and_a_part_of_them_is_the_same_alone() {
    let some = ["--scenario", "live-0.25,idle", "--policy", "even,sprint"];
    let all = rows(&[&some[..], &["--seeds", "2"]].concat());
    let order: Vec<String> = all
        .iter()
        .map(|row| format!("{} {} {}", row["scenario"], row["seed"], row["policy"]))
        .collect();
    let mut expected = Vec::new();
    for scenario in ["idle", "live-0.25"] {
        for seed in 1..=2 {
            for policy in ["even", "sprint"] {
                expected.push(format!("{scenario:?} {seed} {policy:?}"));
            }
        }
    }
    assert_eq!(order, expected);
    let alone = rows(&[
        "--scenario",
        "live-0.25",
        "--policy",
        "sprint",
        "--seed",
        "2",
    ]);
    assert_eq!(alone.first(), all.last());
}

#[test]
fn the_table_says_whether_each_bar_is_met() {
    let arguments = [
        "simulate",
        "--scenario",
        "idle",
        "--policy",
        "adaptive,even",
        "--seed",
        "1",
    ];
    let ended = run(&arguments, &[]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert_eq!(
        ended.out.matches("\n  met     ").count(),
        6,
        "{}",
        ended.out
    );
}

#[test]
fn every_scenario_is_listed_by_a_name_that_can_be_asked_for() {
    let ended = run(&["simulate", "--list"], &[]);
    assert_eq!(ended.code, 0);
    for scenario in quota::simulate::matrix() {
        let line = ended
            .out
            .lines()
            .find(|line| line.starts_with(&format!("{} ", scenario.name)));
        assert!(
            line.is_some_and(|line| line.ends_with(scenario.about)),
            "{}",
            scenario.name
        );
    }
}

#[test]
fn a_name_that_is_none_is_refused_with_the_nearest_or_with_all_where_none_is_near() {
    for (flag, name, said) in [
        (
            "--scenario",
            "live-025",
            "there is no scenario `live-025`: the nearest is `live-0.25`",
        ),
        (
            "--policy",
            "evn",
            "there is no policy `evn`: the nearest is `even`",
        ),
        (
            "--scenario",
            "nonsense",
            "there is no scenario `nonsense`: `tidegate simulate --list` names them",
        ),
        (
            "--policy",
            "foo",
            "there is no policy `foo`: name one of adaptive, even, reactive, sprint",
        ),
    ] {
        let ended = run(&["simulate", flag, name], &[]);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""));
        assert_eq!(ended.err, format!("tidegate: {said}\n"));
    }
}

#[test]
fn a_timeline_is_a_picture_of_one_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("idle.svg");
    let file = file.to_str().expect("the path is text");
    let one = [
        "simulate",
        "--scenario",
        "idle",
        "--policy",
        "sprint",
        "--timeline",
        file,
    ];
    let ended = run(&one, &[]);
    assert_eq!(ended.code, 2, "five seeds are five runs");
    let ended = run(&[&one[..], &["--seed", "1"]].concat(), &[]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let svg = std::fs::read_to_string(file).expect("the picture is there");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
}
