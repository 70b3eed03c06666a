//! How the parts make the whole.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn acme() -> Component {
    Component::GitHub("acme".to_owned())
}

fn beta() -> Component {
    Component::GitHub("beta".to_owned())
}

fn node() -> Health {
    let health = Health::new(
        [
            Component::State,
            Component::Exporter,
            Component::Scheduler,
            acme(),
            beta(),
        ],
        at(0),
    );
    for component in [
        Component::State,
        Component::Exporter,
        Component::Scheduler,
        acme(),
        beta(),
    ] {
        health.healthy(&component, at(1));
    }
    health
}

#[test]
fn the_mode_is_the_worst_that_matters() {
    type Change = fn(&Health);
    let cases: &[(&str, Change, Mode)] = &[
        ("all is well", |_| {}, Mode::Healthy),
        (
            "one organisation fails",
            |health| health.failed(&acme(), "404", at(2)),
            Mode::Degraded,
        ),
        (
            "one organisation has gaps",
            |health| health.degraded(&acme(), "1 gap", at(2)),
            Mode::Degraded,
        ),
        (
            "every organisation fails",
            |health| {
                health.failed(&acme(), "no connection", at(2));
                health.failed(&beta(), "no connection", at(2));
            },
            Mode::Unhealthy,
        ),
        (
            "the store fails",
            |health| health.failed(&Component::State, "disk full", at(2)),
            Mode::Unhealthy,
        ),
        (
            "the exporter fails",
            |health| health.failed(&Component::Exporter, "panicked", at(2)),
            Mode::Unhealthy,
        ),
        (
            "the scheduler fails",
            |health| health.failed(&Component::Scheduler, "panicked", at(2)),
            Mode::Degraded,
        ),
    ];
    for (case, change, expected) in cases {
        let health = node();
        change(&health);
        assert_eq!(health.report(at(3)).mode, *expected, "{case}");
    }
}

#[test]
fn a_part_tells_since_when_and_keeps_its_last_error_after_it_is_over() {
    let health = node();
    health.failed(&acme(), "no connection", at(10));
    health.failed(&acme(), "no connection", at(20));
    let part = |health: &Health, now| {
        let report = health.report(now);
        report
            .components
            .into_iter()
            .find(|part| part.organisation.as_deref() == Some("acme"))
            .unwrap()
    };
    let failed = part(&health, at(21));
    assert_eq!(
        (failed.condition, failed.since),
        (Condition::Failed, at(10))
    );
    assert_eq!(failed.note.as_deref(), Some("no connection"));

    health.healthy(&acme(), at(30));
    let again = part(&health, at(31));
    assert_eq!((again.condition, again.since), (Condition::Healthy, at(30)));
    assert_eq!(again.note, None);
    assert_eq!(again.last_error.map(|error| error.at), Some(at(20)));
}

#[test]
fn the_age_of_the_data_grows_while_nothing_arrives_and_the_data_never_goes_back() {
    let health = node();
    health.data_at(&acme(), at(100), at(100));
    health.data_at(&acme(), at(90), at(101));
    health.data_at(&beta(), at(40), at(101));
    assert_eq!(health.report(at(160)).data_age_seconds, Some(120));
    assert_eq!(health.report(at(220)).data_age_seconds, Some(180));
    let ages: Vec<Option<i64>> = health
        .report(at(160))
        .components
        .iter()
        .map(|part| part.data_age_seconds)
        .collect();
    assert_eq!(ages, [None, None, None, Some(60), Some(120)]);
}

#[test]
fn a_node_that_leaves_is_not_ready_again() {
    let health = node();
    assert!(!health.is_ready());
    health.ready();
    assert!(health.is_ready());
    health.drain();
    health.ready();
    assert!(!health.is_ready());
}
