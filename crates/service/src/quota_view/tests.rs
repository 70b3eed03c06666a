use github::stats::{Code, Sent};
use proptest::prelude::*;

use super::gather::spending;
use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn bucket(used: u64, reset: Option<i64>, limit: u64) -> ResourceView {
    ResourceView {
        resource: "core".to_owned(),
        limit: Some(limit),
        used: Some(used),
        remaining: Some(limit - used),
        reset: reset.map(at),
        ..ResourceView::default()
    }
}

fn with(bucket: ResourceView, seen: i64) -> QuotaView {
    QuotaView {
        resources: vec![bucket],
        ..QuotaView::new("token".to_owned(), at(seen))
    }
}

#[track_caller]
fn check(views: [QuotaView; 2], expected: ResourceView) {
    let [one, other] = views;
    for order in [[one.clone(), other.clone()], [other, one]] {
        let joined = together(order);
        assert_eq!(
            (joined.len(), &joined[0].resources),
            (1, &vec![expected.clone()])
        );
    }
}

#[test]
fn of_one_window_the_most_that_anybody_has_seen_used_counts() {
    // Resets of one window differ by a second or two.
    let seen = [
        with(bucket(70, Some(100), 5_000), 2),
        with(bucket(90, Some(99), 5_000), 1),
    ];
    check(seen, bucket(90, Some(100), 5_000));
    // An installation has grown meanwhile, and who has seen more has looked last.
    let grown = [
        with(bucket(70, Some(100), 5_000), 2),
        with(bucket(90, Some(100), 5_050), 1),
    ];
    check(grown, bucket(90, Some(100), 5_050));
}

#[test]
fn a_later_window_counts_whatever_an_earlier_one_says() {
    let seen = [
        with(bucket(4_900, Some(100), 5_000), 9),
        with(bucket(3, Some(3_700), 5_000), 1),
    ];
    check(seen, bucket(3, Some(3_700), 5_000));
    let over = [
        with(bucket(0, None, 5_000), 9),
        with(bucket(3, Some(3_700), 5_000), 1),
    ];
    check(over, bucket(3, Some(3_700), 5_000));
}

#[test]
fn the_block_that_ends_last_holds_and_who_was_refused_knows_why() {
    let closed = |until, why| QuotaView {
        closed: Some(ClosedView {
            until: at(until),
            why,
        }),
        ..QuotaView::new("token".to_owned(), at(0))
    };
    let joined = together([closed(60, Why::Secondary), closed(61, Why::Told)]);
    assert_eq!(
        joined[0].closed,
        Some(ClosedView {
            until: at(61),
            why: Why::Secondary
        })
    );
}

#[test]
fn many_spenders_are_summed_up_by_lane_and_nothing_gets_lost() {
    let spent = |number: u64| SpentView {
        lane: if number.is_multiple_of(2) {
            "live"
        } else {
            "bulk"
        }
        .to_owned(),
        org: format!("org-{number}"),
        endpoint: "graphql Probe".to_owned(),
        requests: number,
        units: 2 * number,
        lately: 0,
    };
    let view = || QuotaView {
        spent: (1..=200).map(spent).collect(),
        ..QuotaView::new("token".to_owned(), at(0))
    };
    let once = together([view()]);
    assert_eq!(once[0].spent.len(), MOST_SPENDERS + 2);
    assert_eq!(once[0].spent[0], spent(200));
    let twice = together([once[0].clone(), view()]);
    assert!(twice[0].spent.len() <= MOST_SPENDERS + 2);
    for (views, times) in [(once, 1), (twice, 2)] {
        let sum: u64 = views[0].spent.iter().map(|spent| spent.units).sum();
        assert_eq!(sum, times * 200 * 201);
    }
}

#[test]
fn spending_is_counted_by_lane_organisation_and_endpoint_whatever_the_status() {
    let sent = |lane, code| Sent {
        org: "acme".to_owned(),
        endpoint: "graphql Probe",
        lane,
        code: Code::Status(code),
    };
    let stats = Stats {
        requests: [
            (sent(Lane::Scheduled, 200), 5),
            (sent(Lane::Scheduled, 502), 1),
            (sent(Lane::Live, 200), 1),
        ]
        .into(),
        spent: [(sent(Lane::Scheduled, 200), 10), (sent(Lane::Live, 200), 2)].into(),
        coalesced: [("acme".to_owned(), 3)].into(),
        ..Stats::default()
    };
    let mut view = QuotaView::new("token".to_owned(), at(0));
    spending(&mut view, &stats);
    let mut counts: Vec<_> = view
        .spent
        .iter()
        .map(|spent| (spent.lane.as_str(), spent.requests, spent.units))
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [("live", 1, 2), ("scheduled", 6, 10)]);
    assert_eq!(view.avoided[0].mode, "coalesced");
}

#[test]
fn lately_is_what_came_in_the_last_five_minutes() {
    let mut lately = Lately::default();
    let mut seen = Vec::new();
    for second in 0..=900 {
        let mut views = [QuotaView {
            spent: vec![SpentView {
                lane: "scheduled".to_owned(),
                org: "acme".to_owned(),
                endpoint: "graphql Probe".to_owned(),
                requests: 0,
                // One a second for ten minutes, then nothing.
                units: second.min(600),
                lately: 0,
            }],
            ..QuotaView::new("token".to_owned(), at(0))
        }];
        lately.mark(&mut views, at(i64::try_from(second).unwrap()));
        seen.push((views[0].spent[0].lately, views[0].lately_seconds));
    }
    assert_eq!(seen[0], (0, 0));
    assert_eq!(seen[60], (60, 60));
    for (count, seconds) in [seen[300], seen[599]] {
        assert!((295..=305).contains(&count) && (295..=305).contains(&seconds));
    }
    assert!(seen[750].0 < 160 && seen[900].0 <= 5, "{:?}", seen[900]);
    assert!(lately.counts.len() <= 62, "its memory is bounded");
}

#[test]
fn a_view_is_read_back_and_one_of_an_older_process_as_well() {
    let view = with(bucket(70, Some(100), 5_000), 2);
    let text = serde_json::to_string(&view).unwrap();
    assert_eq!(serde_json::from_str::<QuotaView>(&text).unwrap(), view);
    let old = r#"{"credential":"token","at":"2026-01-01T00:00:00Z","resources":[{"resource":"core","limit":60,
        "used":1,"remaining":59,"reset":null,"new":1}],"rate":1.0,"in_flight":0,"refused":0,"secondary_hits":0}"#;
    let old: QuotaView = serde_json::from_str(old).unwrap();
    assert_eq!(old.resources[0].remaining, Some(59));
}

fn any_view() -> impl Strategy<Value = QuotaView> {
    let limits = prop::sample::select(vec![5_000_u64, 5_050]);
    let buckets = prop::option::of((0..5_000_u64, prop::option::of(0..3_i64), limits));
    let lanes = prop::sample::select(vec!["live", "bulk"]);
    let spent = prop::collection::vec((lanes, 0..9_u64), 0..3);
    (buckets, spent, 0..4_i64, 0..5_u64).prop_map(|(found, spent, seen, in_flight)| {
        let resources = found.map(|(used, window, limit)| {
            bucket(used, window.map(|window| window * 3_600 + seen), limit)
        });
        QuotaView {
            resources: resources.into_iter().collect(),
            in_flight,
            spent: spent
                .into_iter()
                .map(|(lane, units)| SpentView {
                    lane: lane.to_owned(),
                    org: "acme".to_owned(),
                    endpoint: "graphql Probe".to_owned(),
                    requests: units,
                    units,
                    lately: units,
                })
                .collect(),
            ..QuotaView::new("token".to_owned(), at(seen))
        }
    })
}

proptest! {
    #[test]
    fn the_order_in_which_processes_are_heard_does_not_matter(
        (views, shuffled) in prop::collection::vec(any_view(), 1..5)
            .prop_flat_map(|views| (Just(views.clone()), Just(views).prop_shuffle())),
    ) {
        let sum = |spent: &[SpentView]| spent.iter().map(|spent| spent.units).sum::<u64>();
        let all: u64 = views.iter().map(|view| sum(&view.spent)).sum();
        let joined = together(views);
        prop_assert_eq!(joined.len(), 1);
        prop_assert_eq!(sum(&joined[0].spent), all);
        prop_assert_eq!(joined, together(shuffled));
    }
}
