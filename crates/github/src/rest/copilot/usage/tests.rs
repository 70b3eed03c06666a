use jiff::civil::date;
use proptest::prelude::*;

use super::*;

/// A day of the reports here.
pub(in super::super) fn day() -> Date {
    date(2025, 10, 1)
}

/// A report of users over four weeks, of which nothing is read yet.
pub(in super::super) fn users() -> Usage {
    Usage::new(
        date(2025, 9, 10),
        date(2025, 10, 7),
        Kind::Users,
        Bounds::default(),
    )
}

fn totals() -> Usage {
    Usage {
        kind: Kind::Totals,
        ..users()
    }
}

fn told_apart(usage: Usage) -> Usage {
    let bounds = Bounds {
        dimensions: [
            Dimension::Ide,
            Dimension::Feature,
            Dimension::Language,
            Dimension::Model,
        ]
        .into(),
        ..usage.bounds
    };
    Usage { bounds, ..usage }
}

fn after(mut usage: Usage, lines: &[&str]) -> Usage {
    lines.iter().for_each(|line| usage.read(line.as_bytes()));
    usage
}

/// Rows as `day user dimension=name`, with the counts that are not 0.
fn shown(usage: &Usage) -> String {
    let row = |(key, counts): (&Key, &Counts)| {
        let user = key.user.as_ref().map_or("all", |user| user.login.as_str());
        let part = key
            .part
            .as_ref()
            .map(|(dimension, name)| format!(" {}={name}", dimension.as_str()));
        let values = counts.values();
        let counts: Vec<String> = std::iter::zip(Counts::NAMES, values)
            .filter(|(_, value)| *value > 0)
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let day = key.day;
        format!(
            "{day} {user}{}: {}\n",
            part.unwrap_or_default(),
            counts.join(", ")
        )
    };
    usage.rows.iter().map(row).collect()
}

#[test]
fn a_users_day_is_told_apart_by_each_dimension() {
    let line = r#"{"day":"2025-10-01","user_id":7,"user_login":"ann","user_initiated_interaction_count":9,
        "code_generation_activity_count":8,"loc_added_sum":30,
        "totals_by_ide":[{"ide":"vscode","user_initiated_interaction_count":9,"code_generation_activity_count":8,
                          "loc_added_sum":30,"last_known_ide_version":{"ide_version":"1.85.0"}}],
        "totals_by_feature":[{"feature":"code_completion","code_generation_activity_count":5,"loc_added_sum":20},
                             {"feature":"agent_edit","code_generation_activity_count":3,"loc_added_sum":10}],
        "totals_by_language_feature":[{"language":"rust","feature":"code_completion","loc_added_sum":20},
                                      {"language":"rust","feature":"agent_edit","loc_added_sum":6},
                                      {"language":"","feature":"agent_edit","loc_added_sum":4}],
        "totals_by_language_model":[{"language":"rust","model":"m","loc_added_sum":6}],
        "totals_by_model_feature":[{"model":"m","feature":"agent_edit","user_initiated_interaction_count":9,"loc_added_sum":10}],
        "totals_by_cli":{"session_count":2},"used_agent":true}"#;
    let usage = after(told_apart(users()), &[line]);
    assert_eq!((usage.lines, usage.bad_lines), (1, 0));
    insta::assert_snapshot!(shown(&usage), @r"
    2025-10-01 ann: user_initiated_interactions 9, code_generations 8, loc_added 30
    2025-10-01 ann ide=vscode: user_initiated_interactions 9, code_generations 8, loc_added 30
    2025-10-01 ann feature=agent_edit: code_generations 3, loc_added 10
    2025-10-01 ann feature=code_completion: code_generations 5, loc_added 20
    2025-10-01 ann language=rust: loc_added 26
    2025-10-01 ann language=unknown: loc_added 4
    2025-10-01 ann model=m: user_initiated_interactions 9, loc_added 10
    ");
    let plain = after(users(), &[line]);
    assert_eq!(plain.rows.len(), 1, "only what was asked for");
    assert_eq!(
        plain.rows.keys().next().and_then(|key| key.user.clone()),
        Some(Person::new("ann", Some(7)))
    );
}

#[test]
fn the_days_of_everybody_lie_inside_one_line_or_stand_by_themselves() {
    let inside = r#"{"report_start_day":"2025-09-10","report_end_day":"2025-10-07","organization_id":"1","day_totals":[
        {"day":"2025-10-01","loc_added_sum":5,"pull_requests":{"total_created":4,"total_reviewed":3,
         "total_created_by_copilot":2,"total_reviewed_by_copilot":1,"median_minutes_to_merge":12.5}},
        {"day":"2025-10-02","totals_by_ide":[{"ide":"vscode","loc_added_sum":2},{"ide":"neovim","loc_added_sum":1}]}]}"#;
    let usage = after(totals(), &[inside]);
    assert_eq!((usage.lines, usage.bad_lines), (1, 0));
    insta::assert_snapshot!(shown(&usage), @r"
    2025-10-01 all: loc_added 5, pull_requests_created 4, pull_requests_reviewed 3, pull_requests_created_by_copilot 2, pull_requests_reviewed_by_copilot 1
    2025-10-02 all: loc_added 3
    ");
    let one = Usage {
        first: day(),
        last: day(),
        ..totals()
    };
    let usage = after(one, &[r#"{"organization_id":"1","loc_deleted_sum":2}"#]);
    insta::assert_snapshot!(shown(&usage), @"2025-10-01 all: loc_deleted 2");
}

#[test]
fn records_that_say_the_same_are_added() {
    let line = r#"{"day":"2025-10-01","user_login":"ann","loc_added_sum":9007199254740992}"#;
    let mut usage = after(users(), &[line, line]);
    usage.absorb(after(usage.rest(), &[line]));
    assert_eq!((usage.lines, usage.rows.len()), (3, 1));
    assert_eq!(
        usage.rows.values().next().map(|counts| counts.loc_added),
        Some(3 << 53)
    );
    let most = Counts {
        loc_added: u64::MAX,
        ..Counts::default()
    };
    let mut sum = most;
    sum.add(&most);
    assert_eq!(sum, most);
}

#[test]
fn a_line_is_taken_whole_or_not_at_all() {
    let long = format!(
        r#"{{"day":"2025-10-01","user_login":"{}","loc_added_sum":1}}"#,
        "x".repeat(101)
    );
    let long_name = format!(
        r#"{{"day":"2025-10-01","user_login":"ann","totals_by_ide":[{{"ide":"{}"}}]}}"#,
        "x".repeat(101)
    );
    for line in [
        // Of another day, of none, of several.
        r#"{"day":"2025-10-08","user_login":"ann","loc_added_sum":1}"#,
        r#"{"user_login":"ann","loc_added_sum":1}"#,
        r#"{"day_totals":[{"day":"2025-10-01","loc_added_sum":1}]}"#,
        // Of nobody.
        r#"{"day":"2025-10-01","loc_added_sum":1}"#,
        r#"{"day":"2025-10-01","user_login":" ","loc_added_sum":1}"#,
        // Of nothing.
        r#"{"day":"2025-10-01","user_login":"ann"}"#,
        r#"{"message":"Server Error"}"#,
        // With names that are none.
        long.as_str(),
        long_name.as_str(),
        r#"{"day":"2025-10-01","user_login":"ann","totals_by_model_feature":[{"model":"a\nb"}],"loc_added_sum":1}"#,
        // With one count that is none, deep inside.
        r#"{"day":"2025-10-01","user_login":"ann","loc_added_sum":1,"totals_by_ide":[{"ide":"x","loc_added_sum":-1}]}"#,
    ] {
        let usage = after(told_apart(users()), &[line]);
        assert_eq!(
            (usage.lines, usage.bad_lines, usage.rows.len()),
            (1, 1, 0),
            "{line}"
        );
    }
    for line in [
        r#"{"day_totals":[{"day":"2025-10-01","loc_added_sum":1},{"day":"2025-10-08","loc_added_sum":1}]}"#,
        r#"{"day_totals":[{"day":"2025-10-01","loc_added_sum":1},{"loc_added_sum":1}]}"#,
        r#"{"day_totals":[{"day":"2025-10-01","loc_added_sum":1,"day_totals":[]}]}"#,
        r#"{"report_start_day":"2025-09-10","report_end_day":"2025-10-07","loc_added_sum":1}"#,
    ] {
        let usage = after(totals(), &[line]);
        assert_eq!((usage.bad_lines, usage.rows.len()), (1, 0), "{line}");
    }
}

#[test]
fn bounds_hold_over_all_files() {
    let bounds = Bounds {
        records: 4,
        users: 1,
        ..Bounds::default()
    };
    let mut usage = Usage { bounds, ..users() };
    let [ann, bob] = ["ann", "bob"]
        .map(|login| format!(r#"{{"day":"2025-10-01","user_login":"{login}","loc_added_sum":1}}"#));
    usage.absorb(after(usage.rest(), &[&bob, &ann]));
    assert_eq!(
        (usage.lines, usage.left_out, usage.is_cut_short),
        (2, 1, false)
    );
    usage.absorb(after(usage.rest(), &["bad", &bob]));
    assert_eq!(
        (usage.lines, usage.bad_lines, usage.is_cut_short),
        (4, 1, false)
    );
    usage.absorb(after(usage.rest(), &[&bob, &bob]));
    assert_eq!((usage.lines, usage.is_cut_short), (4, true));
    insta::assert_snapshot!(shown(&usage), @"2025-10-01 bob: loc_added 2");
}

#[test]
fn names_beyond_the_bound_are_counted_together() {
    let parts: Vec<String> = (0..MOST_NAMES + 50)
        .map(|n| format!(r#"{{"ide":"ide-{n}","loc_added_sum":1}}"#))
        .collect();
    let line = format!(
        r#"{{"day":"2025-10-01","user_login":"ann","totals_by_ide":[{}]}}"#,
        parts.join(",")
    );
    let usage = after(told_apart(users()), &[&line]);
    let of = |name: &str| {
        let part = Some((Dimension::Ide, name.to_owned()));
        let mut rows = usage.rows.iter();
        rows.find(|(key, _)| key.part == part)
            .map(|(_, counts)| counts.loc_added)
    };
    assert_eq!(
        (of("ide-0"), of("other"), of("ide-249")),
        (Some(1), Some(50), None)
    );
    assert_eq!(usage.rows.len(), 1 + MOST_NAMES + 1);
}

/// JSON that is now and then what a report holds.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        Just("null".to_owned()),
        Just("\"2025-10-01\"".to_owned()),
        Just("1e999".to_owned()),
        "\"[a-z\\\\]{0,6}\"",
    ];
    let field = prop::sample::select(vec![
        "day",
        "user_login",
        "user_id",
        "loc_added_sum",
        "code_generation_activity_count",
        "totals_by_ide",
        "totals_by_language_feature",
        "day_totals",
        "pull_requests",
        "total_created",
        "ide",
        "language",
        "x",
    ]);
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((field.clone(), inner), 0..6).prop_map(|fields| {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_a_line_holds_it_is_counted_once(lines in prop::collection::vec(json(), 0..6)) {
        for usage in [told_apart(users()), told_apart(totals())] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let usage = after(usage, &lines);
            prop_assert_eq!(usage.lines, lines.len() as u64);
            prop_assert!(usage.bad_lines + usage.left_out <= usage.lines);
            prop_assert!(usage.rows.keys().all(|key| (usage.first..=usage.last).contains(&key.day)));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut usage = users();
        usage.read(&line);
        prop_assert_eq!(usage.lines, 1);
    }

    #[test]
    fn a_good_line_is_read(added in 0..=1_u64 << 53, login in "[a-z]{1,20}") {
        let line = format!(r#"{{"day":"2025-10-01","user_login":"{login}","loc_added_sum":{added}}}"#);
        let usage = after(users(), &[&line]);
        prop_assert_eq!(usage.rows.values().map(|counts| counts.loc_added).collect::<Vec<_>>(), [added]);
    }
}
