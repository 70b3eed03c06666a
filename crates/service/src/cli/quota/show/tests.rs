use jiff::SignedDuration;

use super::*;
use crate::quota_view::{
    AvoidedView, ClosedView, FloorView, ForecastView, ResourceView, WaitedView, WaitingView,
};

fn now() -> Timestamp {
    Timestamp::constant(1_767_225_600, 0)
}

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn plain(width: usize) -> Style {
    Style {
        colour: false,
        unicode: false,
        width,
    }
}

fn resource(name: &str, used: u64, leaves: u64, forecast: ForecastView) -> ResourceView {
    ResourceView {
        resource: name.to_owned(),
        limit: Some(5_000),
        used: Some(used),
        remaining: Some(5_000 - used),
        reset: Some(later(2_470)),
        floors: vec![FloorView {
            lane: "scheduled".to_owned(),
            leaves,
        }],
        forecast: Some(forecast),
    }
}

fn spent(lane: &str, endpoint: &str, units: u64) -> SpentView {
    SpentView {
        lane: lane.to_owned(),
        org: "acme".to_owned(),
        endpoint: endpoint.to_owned(),
        requests: units / 2,
        units,
        lately: units / 10,
    }
}

fn busy() -> QuotaView {
    let waiting = |lane: &str, requests, reason: &str, until| WaitingView {
        lane: lane.to_owned(),
        resource: "core".to_owned(),
        requests,
        reason: reason.to_owned(),
        until,
    };
    QuotaView {
        resources: vec![
            resource(
                "core",
                4_240,
                1_000,
                ForecastView {
                    used_at_reset: 5_000,
                    runs_out: Some(later(754)),
                },
            ),
            resource(
                "graphql",
                600,
                840,
                ForecastView {
                    used_at_reset: 1_020,
                    runs_out: None,
                },
            ),
            ResourceView {
                resource: "search".to_owned(),
                ..ResourceView::default()
            },
        ],
        rate: 0.5,
        in_flight: 3,
        refused: 2,
        secondary_hits: 1,
        closed: Some(ClosedView {
            until: later(63),
            why: Why::Secondary,
        }),
        spent: vec![
            spent("bulk", "/repos/{owner}/{repo}/issues/comments", 4_000),
            spent("scheduled", "graphql Probe", 600),
        ],
        lately_seconds: 300,
        waiting: vec![
            waiting("scheduled", 1, "blocked", Some(later(63))),
            waiting("bulk", 12, "secondary", None),
        ],
        waited: vec![WaitedView {
            lane: "bulk".to_owned(),
            reason: "pacing".to_owned(),
            requests: 40,
            seconds: 200.4,
        }],
        avoided: vec![
            AvoidedView {
                org: "acme".to_owned(),
                mode: "probe".to_owned(),
                requests: 5_400,
            },
            AvoidedView {
                org: "beta".to_owned(),
                mode: "not_modified".to_owned(),
                requests: 20,
            },
        ],
        ..QuotaView::new("token".to_owned(), now())
    }
}

fn answer(credentials: Vec<QuotaView>) -> Answer {
    let process = |name: &str, life, still_seconds| Process {
        name: name.to_owned(),
        life,
        still_seconds,
        credentials: vec!["token".to_owned()],
    };
    Answer {
        source: Source::Processes,
        notes: Vec::new(),
        credentials,
        processes: vec![
            process("alpha-812-1f", Life::Alive, 0),
            process("beta-90-c3", Life::Silent, 71),
        ],
        whole: true,
    }
}

#[test]
fn everything_has_its_place_on_eighty_columns() {
    let text = lines(&answer(vec![busy()]), plain(80), usize::MAX).join("\n");
    insta::assert_snapshot!(text, @r"
    credential token
    closed for 1m 3s: a secondary limit; nothing is sent
    resource  used          left               reset       reserve  at the reset
    core      4240   760 of 5000  #..........  in 41m 10s     1000  gone in 12m 34s+
    graphql    600  4400 of 5000  #########..  in 41m 10s      840  1020 used
    search       -      no limit               -                 -  -

    who spends  organisation  endpoint                       last 5m  used  requests
    bulk        acme          ~wner}/{repo}/issues/comments      400  4000      2000
    scheduled   acme          graphql Probe                       60   600       300

    who waits  resource  requests  for                   until
    scheduled  core             1  GitHub to reopen      in 1m 3s
    bulk       core            12  the secondary limits  an answer comes
    waited so far: bulk 3m 20s for pacing (40 requests)

    3 in flight, 2 refused (1 by secondary limits), going on at 50 % of the usual
    rate
    requests that cost nothing: 20 answered with a 304, 5400 spared by the probe

    process       state              credentials
    alpha-812-1f  alive              token
    beta-90-c3    silent for 1m 11s  token
    ");
}

#[test]
fn a_wider_terminal_shows_whole_endpoints_and_longer_bars() {
    let lines = lines(&answer(vec![busy()]), plain(120), usize::MAX);
    for line in [
        "core      4240   760 of 5000  ###.....................  in 41m 10s     1000  gone in 12m 34s+",
        "bulk        acme          /repos/{owner}/{repo}/issues/comments      400  4000      2000",
    ] {
        assert!(lines.iter().any(|shown| shown == line), "{lines:#?}");
    }
}

#[test]
fn what_will_not_last_is_said_to_reach_the_reserve_before_it_is_gone() {
    let forecast = |used, leaves| {
        let will_be_gone = ForecastView {
            used_at_reset: 5_000,
            runs_out: Some(later(800)),
        };
        let view = QuotaView {
            resources: vec![resource("core", used, leaves, will_be_gone)],
            ..QuotaView::new("token".to_owned(), now())
        };
        let lines = lines(&answer(vec![view]), plain(120), usize::MAX);
        let bucket = lines.iter().find(|line| line.starts_with("core"));
        let (_, said) = bucket
            .unwrap()
            .rsplit_once(&format!(" {leaves}  "))
            .unwrap();
        said.to_owned()
    };
    // Of 2,000 that are gone in 800 seconds the first 1,500 take 600.
    assert_eq!(forecast(3_000, 500), "reserve in 10m");
    // Whoever has to leave the reserve stands still by now, so that it cannot go faster.
    assert_eq!(forecast(4_500, 500), "gone in 13m 20s+");
    assert_eq!(forecast(4_600, 500), "gone in 13m 20s+");
    assert_eq!(forecast(3_000, 0), "gone in 13m 20s");
}

#[test]
fn what_waits_because_of_the_reserve_is_said_to_wait_for_the_reset_only_if_it_does() {
    let waits_for = |until: Option<Timestamp>, reset: Option<Timestamp>| {
        let bucket = ResourceView {
            resource: "core".to_owned(),
            reset,
            ..ResourceView::default()
        };
        let view = QuotaView {
            resources: vec![bucket],
            waiting: vec![WaitingView {
                lane: "scheduled".to_owned(),
                resource: "core".to_owned(),
                requests: 4,
                reason: "reserve".to_owned(),
                until,
            }],
            ..QuotaView::new("token".to_owned(), now())
        };
        let text = lines(&answer(vec![view]), plain(120), usize::MAX).join("\n");
        text.contains("the reset; the rest is reserved")
            .then_some("the reset")
            .or(text.contains("room above the reserve").then_some("room"))
    };
    let reset = Some(later(600));
    assert_eq!(waits_for(reset, reset), Some("the reset"));
    // Resets of one window differ, and a little is added to them.
    assert_eq!(waits_for(Some(later(599)), reset), Some("the reset"));
    assert_eq!(waits_for(Some(later(601)), reset), Some("the reset"));
    assert_eq!(waits_for(Some(later(512)), reset), Some("room"));
    assert_eq!(waits_for(Some(later(60)), None), Some("room"));
    assert_eq!(waits_for(None, reset), Some("room"));
}

#[test]
fn where_lines_are_few_spenders_make_room_for_what_stands_below_them() {
    let many = QuotaView {
        spent: (0..20)
            .map(|number| spent("bulk", "graphql Probe", 100 - number))
            .collect(),
        ..busy()
    };
    let all = lines(&answer(vec![many.clone()]), plain(80), usize::MAX);
    assert!(
        all.iter().any(|line| line.starts_with("5 more ")),
        "{all:#?}"
    );
    let few = lines(&answer(vec![many]), plain(80), all.len() - 3);
    assert!(
        few.iter().any(|line| line.starts_with("12 more ")),
        "{few:#?}"
    );
    assert_eq!(few.last(), all.last());
}

#[test]
fn what_github_says_is_shown_without_what_only_a_node_knows() {
    let bucket = |name: &str, used| ResourceView {
        floors: Vec::new(),
        forecast: None,
        ..resource(
            name,
            used,
            0,
            ForecastView {
                used_at_reset: 0,
                runs_out: None,
            },
        )
    };
    let view = QuotaView {
        resources: vec![
            bucket("code_scanning_upload", 0),
            bucket("core", 0),
            bucket("search", 3),
        ],
        ..QuotaView::new("token".to_owned(), now())
    };
    let unlimited = QuotaView::new("app-1-acme".to_owned(), now());
    let answer = Answer {
        source: Source::GitHub,
        notes: vec!["app-1-acme: this GitHub has no limits.".to_owned()],
        processes: Vec::new(),
        ..answer(vec![unlimited, view])
    };
    insta::assert_snapshot!(lines(&answer, plain(80), usize::MAX).join("\n"), @r"
    app-1-acme: this GitHub has no limits.

    credential token
    resource  used          left                            reset
    core         0  5000 of 5000  ########################  in 41m 10s
    search       3  4997 of 5000  #######################.  in 41m 10s
    ");
}

#[test]
fn whatever_is_known_fits_into_any_width() {
    let odd = QuotaView {
        credential: "app-12345678-an-organisation-with-a-very-long-name-indeed-it-is-long"
            .to_owned(),
        ..busy()
    };
    let quiet = QuotaView::new("token".to_owned(), now());
    for width in 20..130 {
        for colour in [false, true] {
            let style = Style {
                colour,
                unicode: true,
                width,
            };
            for line in lines(&answer(vec![odd.clone(), quiet.clone()]), style, width) {
                let shown = without_colours(&line).chars().count();
                assert!(shown <= width, "{width}: {line}");
            }
        }
    }
}

#[test]
fn without_colours_there_is_no_control_character_and_without_unicode_nothing_but_ascii() {
    let coloured = Style {
        colour: true,
        ..plain(100)
    };
    let text = lines(&answer(vec![busy()]), coloured, usize::MAX).join("\n");
    assert!(text.contains("\u{1b}[31;1m###"), "little is left: {text}");
    let plain = lines(&answer(vec![busy()]), plain(100), usize::MAX).join("\n");
    assert_eq!(without_colours(&text), plain);
    assert!(
        plain
            .chars()
            .all(|c| c == '\n' || c.is_ascii() && !c.is_control())
    );
}

fn without_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, code)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = code.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain + rest
}
