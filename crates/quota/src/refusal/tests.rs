use super::*;

const SECONDARY_BODY: &str = r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}"#;
const ABUSE_BODY: &str = r#"{"message":"You have triggered an abuse detection mechanism. Please retry your request again later."}"#;
const PRIMARY_BODY: &str = r#"{"message":"API rate limit exceeded for user ID 1.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"}"#;
const FORBIDDEN_BODY: &str = r#"{"message":"Resource not accessible by integration"}"#;

fn reset() -> Timestamp {
    Timestamp::from_second(1_700_003_600).unwrap()
}

fn exhausted() -> Observation {
    Observation {
        limit: Some(5000),
        remaining: Some(0),
        reset: Some(reset()),
        ..Observation::default()
    }
}

fn wait(seconds: u64) -> Observation {
    Observation {
        retry_after: Some(Duration::from_secs(seconds)),
        ..Observation::default()
    }
}

fn primary() -> Option<Refusal> {
    Some(Refusal::Primary {
        until: Some(reset()),
    })
}

fn secondary(seconds: Option<u64>) -> Option<Refusal> {
    Some(Refusal::Secondary {
        retry_after: seconds.map(Duration::from_secs),
    })
}

#[test]
fn a_limit_is_told_by_its_body_and_then_by_its_headers() {
    let silent = Observation::default();
    let plenty = Observation {
        remaining: Some(10),
        ..silent.clone()
    };
    for status in [403, 429] {
        let check = |seen: &Observation, body: &str, wanted: Option<Refusal>| {
            assert_eq!(
                classify(status, seen, body),
                wanted,
                "{status} {seen:?} {body}"
            );
        };
        check(&exhausted(), PRIMARY_BODY, primary());
        check(&exhausted(), "", primary());
        check(
            &silent,
            PRIMARY_BODY,
            Some(Refusal::Primary { until: None }),
        );
        check(&wait(60), SECONDARY_BODY, secondary(Some(60)));
        check(&wait(60), "", secondary(Some(60)));
        check(&silent, SECONDARY_BODY, secondary(None));
        check(&silent, ABUSE_BODY, secondary(None));
        check(&plenty, SECONDARY_BODY, secondary(None));
    }
}

#[test]
fn a_secondary_limit_that_carries_remaining_0_is_still_secondary() {
    for status in [403, 429] {
        assert_eq!(
            classify(status, &exhausted(), SECONDARY_BODY),
            secondary(None)
        );
        let seen = Observation {
            retry_after: Some(Duration::from_secs(30)),
            ..exhausted()
        };
        assert_eq!(classify(status, &seen, SECONDARY_BODY), secondary(Some(30)));
    }
}

#[test]
fn a_403_without_any_sign_of_a_limit_is_a_missing_permission() {
    let plenty = Observation {
        remaining: Some(4000),
        ..Observation::default()
    };
    assert_eq!(classify(403, &plenty, FORBIDDEN_BODY), None);
    assert_eq!(classify(403, &Observation::default(), ""), None);
}

#[test]
fn a_429_without_any_sign_is_a_secondary_limit() {
    assert_eq!(
        classify(429, &Observation::default(), "slow down"),
        secondary(None)
    );
}

#[test]
fn other_answers_are_no_limit_whatever_they_say() {
    for status in [200, 304, 401, 404, 422, 500, 502] {
        assert_eq!(
            classify(status, &exhausted(), PRIMARY_BODY),
            None,
            "{status}"
        );
    }
}

#[test]
fn graphql_reports_a_limit_inside_a_200_under_two_spellings() {
    for kind in ["RATE_LIMITED", "RATE_LIMIT"] {
        let errors = [(Some(kind), "API rate limit exceeded for user ID 1.")];
        assert_eq!(classify_graphql(&exhausted(), errors), primary());
        assert_eq!(
            classify_graphql(&exhausted(), [(Some(kind), "")]),
            primary()
        );
    }
}

#[test]
fn graphql_reports_secondary_limits_as_well() {
    let message = "You have exceeded a secondary rate limit.";
    assert_eq!(
        classify_graphql(&exhausted(), [(Some("RATE_LIMITED"), message)]),
        secondary(None)
    );
    assert_eq!(
        classify_graphql(&wait(60), [(None, message)]),
        secondary(Some(60))
    );
    assert_eq!(
        classify_graphql(&wait(60), [(Some("RATE_LIMIT"), "")]),
        secondary(Some(60))
    );
    let both = [
        (Some("RATE_LIMITED"), message),
        (Some("RATE_LIMITED"), "API rate limit exceeded"),
    ];
    assert_eq!(classify_graphql(&exhausted(), both), secondary(None));
}

#[test]
fn other_graphql_errors_are_no_limit() {
    let errors = [
        (Some("NOT_FOUND"), "Could not resolve"),
        (None, "RESOURCE_LIMITS_EXCEEDED"),
    ];
    assert_eq!(classify_graphql(&exhausted(), errors), None);
    assert_eq!(classify_graphql(&exhausted(), []), None);
}
