//! Matching, counting, and the JSON of rules.

use super::book::FaultBook;
use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn target<'a>() -> Target<'a> {
    Target {
        method: "POST",
        path: "/graphql",
        operation: Some("Pulls"),
        resource: Resource::Graphql,
        credential: "installation:50000001",
        first: Some(100),
    }
}

#[test]
fn a_star_stands_for_anything() {
    for (pattern, text, fits) in [
        ("/a", "/a", true),
        ("/a", "/ab", false),
        ("/a*", "/ab", true),
        ("*", "", true),
        (
            "/repos/*/issues/comments*",
            "/repos/o/r/issues/comments?page=2",
            true,
        ),
        ("/repos/*/pulls", "/repos/o/r/issues", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*a", "a", false),
    ] {
        assert_eq!(wildcard(pattern, text), fits, "{pattern} {text}");
    }
}

#[test]
fn a_rule_skips_strikes_and_runs_out() {
    let book = FaultBook::new(1);
    book.add(
        Rule::always(Action::Reset)
            .when(Matcher::operation("PULLS"))
            .skip(1)
            .times(2),
    );
    let struck: Vec<usize> = (0..5)
        .map(|_| book.strike(&target(), NOW).names().len())
        .collect();
    assert_eq!(struck, [0, 1, 1, 0, 0]);
}

#[test]
fn every_part_of_a_matcher_has_to_fit() {
    let all = Matcher {
        method: Some("post".into()),
        path: Some("/graph*".into()),
        operation: Some("pulls".into()),
        resource: Some(Resource::Graphql),
        credential: Some("installation:*".into()),
        first_above: Some(30),
    };
    assert!(all.fits(&target()));
    assert!(!all.fits(&Target {
        first: Some(30),
        ..target()
    }));
    assert!(!all.fits(&Target {
        credential: "user:a",
        ..target()
    }));
    assert!(!all.fits(&Target {
        operation: None,
        ..target()
    }));
    assert!(!all.fits(&Target {
        method: "GET",
        ..target()
    }));
}

#[test]
fn the_first_that_ends_a_request_wins_and_the_bending_ones_all_apply() {
    let book = FaultBook::new(1);
    book.add(Rule::always(Action::Skew { seconds: 5 }));
    book.add(Rule::always(Action::Status { code: 500 }).times(1));
    book.add(Rule::always(Action::Reset));
    book.add(Rule::always(Action::NoLimitHeaders));
    let names = |struck: Struck| struck.names();
    assert_eq!(
        names(book.strike(&target(), NOW)),
        ["skew", "status", "no_limit_headers"]
    );
    assert_eq!(
        names(book.strike(&target(), NOW)),
        ["skew", "reset", "no_limit_headers"]
    );
}

#[test]
fn chance_follows_the_seed_and_until_ends_it() {
    let draw = |seed| {
        let book = FaultBook::new(seed);
        book.add(Rule::always(Action::Reset).chance(0.5));
        (0..64)
            .map(|_| book.strike(&target(), NOW).names().len())
            .collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let struck: usize = draw(1).iter().sum();
    assert!((16..48).contains(&struck), "{struck} of 64");

    let book = FaultBook::new(1);
    book.add(Rule::always(Action::Reset).until(NOW));
    assert!(book.strike(&target(), NOW).names().is_empty());
}

#[test]
fn rules_are_json() {
    let rule = Rule::always(Action::Status { code: 502 })
        .when(Matcher {
            first_above: Some(30),
            ..Matcher::operation("PULLS")
        })
        .times(3);
    let short = r#"{"when":{"operation":"PULLS","first_above":30},"then":{"status":{"code":502}},"times":3}"#;
    assert_eq!(serde_json::from_str::<Rule>(short).unwrap(), rule);
    assert_eq!(
        serde_json::from_str::<Rule>(&serde_json::to_string(&rule).unwrap()).unwrap(),
        rule
    );
    assert_eq!(
        serde_json::from_str::<Rule>(r#"{"then":"reset"}"#).unwrap(),
        Rule::outage()
    );
    assert!(serde_json::from_str::<Rule>(r#"{"then":"reset","tims":3}"#).is_err());
}
