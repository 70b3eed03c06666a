//! Copilot's reports: every file of them, added up and held against the truth, and never a token for their host.

use std::collections::{BTreeMap, BTreeSet};

use github::rest::copilot::{self, Bounds, Counts, Dimension, Kind, Report, Scope, Usage};
use github::stats::Code;
use github::{ApiUrl, Client, Error, Lane, Settings};
use github_sim::fault::{Action, Matcher, Rule};
use github_sim::serve;
use github_sim::truth::{TruthCopilot, TruthCounts, TruthUsage};
use github_sim::world::copilot::Quirks;
use jiff::civil::Date;

use crate::lab::{Lab, minutes, status};

const FILES: &str = "/copilot-usage-metrics/*";

fn org() -> Scope {
    Scope::Organization("acme".to_owned())
}

fn enterprise() -> Scope {
    Scope::Enterprise("acme-enterprise".to_owned())
}

fn every_dimension() -> Bounds {
    let dimensions = [
        Dimension::Ide,
        Dimension::Feature,
        Dimension::Language,
        Dimension::Model,
    ];
    Bounds {
        dimensions: dimensions.into(),
        ..Bounds::default()
    }
}

async fn latest(client: &Client, scope: &Scope, kind: Kind) -> Report {
    let request = copilot::latest(scope, kind);
    let report = client.copilot_report(Lane::Scheduled, request).await;
    report.unwrap().unwrap()
}

async fn usage(client: &Client, report: &Report, kind: Kind) -> Result<Usage, Error> {
    let bounds = every_dimension();
    client
        .copilot_usage(Lane::Scheduled, "acme", report, kind, &bounds)
        .await
}

impl Lab {
    fn quirks(&self, change: impl FnOnce(&mut Quirks)) {
        let mut world = self.sim.world();
        let org = world.account_named("acme").unwrap().id;
        change(&mut world.copilot_mut(org).quirks);
    }

    fn copilot_of(&self, scope: &str) -> TruthCopilot {
        let mut all = self.sim.truth().copilot.into_iter();
        all.find(|one| one.scope == scope).unwrap()
    }

    /// Promise of every test here.
    #[track_caller]
    fn assert_no_token_left_the_api(&self) {
        let downloads = self.sim.observer().downloads();
        assert!(!downloads.is_empty());
        for download in downloads {
            assert!(!download.was_shown_a_token, "{download:?}");
            assert_ne!(download.host, "127.0.0.1:1", "the API's own host");
        }
    }
}

/// Rows of a report as the truth has them: by day, user and part.
type Rows = BTreeMap<(Date, String, String), [u64; 11]>;

fn rows(usage: &Usage) -> Rows {
    let row = |(key, counts): (&copilot::Key, &Counts)| {
        let user = key.user.as_ref().map_or("all", |user| user.login.as_str());
        let part = key
            .part
            .as_ref()
            .map_or_else(String::new, |(dimension, name)| {
                format!("{}={name}", dimension.as_str())
            });
        ((key.day, user.to_owned(), part), counts.values())
    };
    usage.rows.iter().map(row).collect()
}

fn values(of: &TruthCounts) -> [u64; 11] {
    [
        of.user_initiated_interactions,
        of.code_generations,
        of.code_acceptances,
        of.loc_suggested_to_add,
        of.loc_suggested_to_delete,
        of.loc_added,
        of.loc_deleted,
        of.pull_requests_created,
        of.pull_requests_reviewed,
        of.pull_requests_created_by_copilot,
        of.pull_requests_reviewed_by_copilot,
    ]
}

fn add(rows: &mut Rows, day: Date, user: &str, of: &TruthUsage) {
    rows.insert((day, user.to_owned(), String::new()), values(&of.total));
    for (dimension, parts) in [
        ("ide", &of.by_ide),
        ("feature", &of.by_feature),
        ("language", &of.by_language),
        ("model", &of.by_model),
    ] {
        for (name, counts) in parts {
            let part = format!("{dimension}={name}");
            rows.insert((day, user.to_owned(), part), values(counts));
        }
    }
}

/// What the truth has for the days of a report.
fn expected(truth: &TruthCopilot, first: Date, last: Date, kind: Kind) -> Rows {
    let mut rows = Rows::new();
    for day in truth
        .days
        .iter()
        .filter(|day| (first..=last).contains(&day.day))
    {
        match kind {
            Kind::Totals => add(&mut rows, day.day, "all", &day.all),
            Kind::Users => {
                for (user, of) in &day.users {
                    add(&mut rows, day.day, user, of);
                }
            }
        }
    }
    rows
}

#[tokio::test(start_paused = true)]
async fn every_report_of_every_scope_adds_up_to_the_truth() {
    for without_sums in [false, true] {
        let lab = Lab::new();
        lab.quirks(|quirks| (quirks.files, quirks.without_sums) = (3, without_sums));
        let client = lab.with_token();
        for (scope, known) in [(org(), "organization"), (enterprise(), "enterprise")] {
            let truth = lab.copilot_of(known);
            for kind in [Kind::Totals, Kind::Users] {
                let report = latest(&client, &scope, kind).await;
                assert_eq!(report.files(), 3);
                assert_eq!(report.last, truth.days.last().unwrap().day);
                let of = usage(&client, &report, kind).await.unwrap();
                assert_eq!((of.bad_lines, of.left_out, of.is_cut_short), (0, 0, false));
                let truth = expected(&truth, report.first, report.last, kind);
                assert_eq!(rows(&of), truth, "{scope:?} {kind:?}");
                assert!(truth.len() > 100, "{}", truth.len());
            }
        }
        lab.assert_no_token_left_the_api();
        assert_eq!(lab.sim.observer().downloads().len(), 12);
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_can_be_had_by_itself_and_may_have_no_report() {
    let lab = Lab::new();
    let client = lab.with_app();
    let truth = lab.copilot_of("organization");
    let day = truth.days[5].day;
    let ask = async |scope: &Scope, kind, day| {
        let request = copilot::day(scope, kind, day);
        client.copilot_report(Lane::Backfill, request).await
    };
    for kind in [Kind::Totals, Kind::Users] {
        let report = ask(&org(), kind, day).await.unwrap().unwrap();
        assert_eq!((report.first, report.last), (day, day));
        let of = usage(&client, &report, kind).await.unwrap();
        assert_eq!(rows(&of), expected(&truth, day, day, kind));
    }
    let tomorrow = jiff::civil::date(2025, 6, 2);
    assert!(ask(&org(), Kind::Users, tomorrow).await.unwrap().is_none());
    let kept_out = ask(&enterprise(), Kind::Users, day).await.unwrap_err();
    assert!(kept_out.is_forbidden());
    lab.sim
        .credentials()
        .withhold("organization_copilot_metrics", true);
    assert!(
        ask(&org(), Kind::Users, day)
            .await
            .unwrap_err()
            .is_forbidden()
    );
    let nobody = Scope::Organization("nobody-here".to_owned());
    lab.sim
        .credentials()
        .withhold("organization_copilot_metrics", false);
    assert!(
        ask(&nobody, Kind::Users, day)
            .await
            .unwrap_err()
            .is_not_found()
    );
    lab.assert_no_token_left_the_api();
}

#[tokio::test(start_paused = true)]
async fn bad_lines_cost_themselves_alone() {
    let lab = Lab::new();
    let client = lab.with_token();
    let report = latest(&client, &org(), Kind::Users).await;
    let clean = usage(&client, &report, Kind::Users).await.unwrap();
    lab.quirks(|quirks| (quirks.bad_lines, quirks.long_line) = (4, Some((16 << 20) + 1)));
    let dirty = usage(&client, &report, Kind::Users).await.unwrap();
    assert_eq!(dirty.rows, clean.rows);
    assert_eq!(
        (dirty.bad_lines, dirty.lines),
        (10, clean.lines + 10),
        "five in each of two files"
    );
}

#[tokio::test(start_paused = true)]
async fn bounds_on_records_and_users_are_said() {
    let lab = Lab::new();
    let client = lab.with_token();
    let report = latest(&client, &org(), Kind::Users).await;
    let whole = usage(&client, &report, Kind::Users).await.unwrap();
    let read = async |records, users| {
        let bounds = Bounds {
            records,
            users,
            dimensions: BTreeSet::new(),
        };
        client
            .copilot_usage(Lane::Scheduled, "acme", &report, Kind::Users, &bounds)
            .await
            .unwrap()
    };
    let few = read(whole.lines, 3).await;
    let users: BTreeSet<_> = few.rows.keys().filter_map(|key| key.user.clone()).collect();
    assert_eq!((users.len(), few.is_cut_short), (3, false));
    assert_eq!(few.rows.len() as u64 + few.left_out, whole.lines);
    let short = read(10, 1_000).await;
    assert_eq!(
        (short.lines, short.rows.len(), short.is_cut_short),
        (10, 10, true)
    );
    let enough = read(whole.lines, 1_000).await;
    assert_eq!((enough.lines, enough.is_cut_short), (whole.lines, false));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_fails_is_asked_for_again_and_begun_anew() {
    for fault in [status(503), Action::Reset, Action::Truncate { keep: None }] {
        let lab = Lab::new();
        let client = lab.with_token();
        let report = latest(&client, &org(), Kind::Users).await;
        lab.strikes(
            Rule::always(fault.clone())
                .when(Matcher::path("*/2-of-2.ndjson"))
                .times(1),
        );
        let of = usage(&client, &report, Kind::Users).await.unwrap();
        let truth = lab.copilot_of("organization");
        assert_eq!(
            rows(&of),
            expected(&truth, report.first, report.last, Kind::Users),
            "{fault:?}"
        );
        assert_eq!(lab.sim.observer().downloads().len(), 3);
        lab.assert_no_token_left_the_api();
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_had_fails_the_report() {
    let lab = Lab::new();
    let client = lab.with_token();
    let report = latest(&client, &org(), Kind::Users).await;
    let ask = async |fault: Action| {
        lab.strikes(Rule::always(fault).when(Matcher::path("*/2-of-2.ndjson")));
        let error = usage(&client, &report, Kind::Users).await.unwrap_err();
        lab.sim.faults().clear();
        error
    };
    let down = ask(status(503)).await;
    assert!(down.is_server_error() && !down.is_expired_link());
    let broken = ask(Action::Truncate { keep: None }).await;
    assert!(broken.is_unreachable());
    let silent = Action::Trickle {
        pieces: 2,
        pause_ms: 31_000,
    };
    assert!(ask(silent).await.is_unreachable());
    minutes(61).await;
    let expired = usage(&client, &report, Kind::Users).await.unwrap_err();
    // Not a permission that is missing: asking anew helps.
    assert!(expired.is_expired_link() && !expired.is_forbidden());
    assert_eq!(expired.status(), None);
    insta::assert_snapshot!([down, broken, expired].map(|error| error.to_string()).join("\n"), @r"
    localhost answers for a report's file with 503 Service Unavailable
    cannot reach GitHub for a file on localhost
    localhost answers for a report's file with 403 Forbidden
    ");
}

#[tokio::test(start_paused = true)]
async fn a_slow_file_is_read_as_long_as_it_comes() {
    let lab = Lab::new();
    let client = lab.with_token();
    let report = latest(&client, &org(), Kind::Users).await;
    let slow = Action::Trickle {
        pieces: 10,
        pause_ms: 20_000,
    };
    lab.strikes(Rule::always(slow).when(Matcher::path(FILES)));
    let of = usage(&client, &report, Kind::Users).await.unwrap();
    assert!(of.lines > 100 && of.bad_lines == 0);
    assert_eq!(lab.sim.observer().downloads().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_followed_without_the_token_wherever_it_leads() {
    let lab = Lab::new();
    let client = lab.with_token();
    let redirects = |to: &str| {
        let headers = [("location".to_owned(), Some(to.to_owned()))];
        for then in [status(302), Action::Headers(headers.into())] {
            lab.strikes(
                Rule::always(then)
                    .when(Matcher::path("*/1-of-2.ndjson"))
                    .times(1),
            );
        }
    };
    // To the API itself: whoever sent a token there would get an answer.
    redirects("http://127.0.0.1:1/user");
    let report = latest(&client, &org(), Kind::Users).await;
    lab.sim.observer().reset();
    let error = usage(&client, &report, Kind::Users).await.unwrap_err();
    assert!(error.is_expired_link(), "{error}");
    let seen = lab.sim.observer().requests();
    let seen: Vec<_> = seen
        .iter()
        .map(|one| (one.credential.as_str(), one.status))
        .collect();
    assert_eq!(seen, [("address:127.0.0.1", 401)]);

    for to in [
        "ftp://files.test/x",
        "http://user:secret@files.test/x",
        "//files.test/x",
        "x",
        "",
    ] {
        redirects(to);
        let error = usage(&client, &report, Kind::Users).await.unwrap_err();
        assert!(error.is_elsewhere(), "{to}: {error}");
        assert_eq!(
            error.to_string(),
            "a file on localhost leads to no address that may be followed"
        );
    }

    lab.strikes(Rule::always(status(302)).when(Matcher::path(FILES)));
    let round = [(
        "location".to_owned(),
        Some("/copilot-usage-metrics/round".to_owned()),
    )];
    lab.strikes(Rule::always(Action::Headers(round.into())).when(Matcher::path(FILES)));
    let error = usage(&client, &report, Kind::Users).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "a file on localhost was redirected more than 3 times"
    );
    lab.assert_no_token_left_the_api();
}

#[tokio::test]
async fn over_sockets_files_come_from_another_name_than_the_api() {
    let lab = Lab::new();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let until = async move { drop(stopped.await) };
    let any = "127.0.0.1:0".parse().unwrap();
    let (address, served) = serve::spawn(lab.sim.clone(), any, until).await.unwrap();
    let api_url = ApiUrl::parse(&format!("http://{address}")).unwrap();
    let client = Client::new(
        Settings::new(api_url.clone(), "lab"),
        crate::lab::token("sim-token"),
        github::reqwest_transport(&api_url).unwrap(),
        lab.governor.gate("lab"),
        lab.clock,
        lab.answers.clone(),
    );
    let report = latest(&client, &org(), Kind::Totals).await;
    let of = usage(&client, &report, Kind::Totals).await.unwrap();
    let truth = lab.copilot_of("organization");
    assert_eq!(
        rows(&of),
        expected(&truth, report.first, report.last, Kind::Totals)
    );
    let downloads = lab.sim.observer().downloads();
    let seen: Vec<_> = downloads
        .iter()
        .map(|one| (one.host.as_str(), one.was_shown_a_token))
        .collect();
    let host = format!("localhost:{}", address.port());
    assert_eq!(seen, [(host.as_str(), false), (host.as_str(), false)]);
    drop(stop);
    served.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn plain_http_is_followed_only_where_the_api_is_spoken_to_so() {
    let lab = Lab::new();
    let report = latest(&lab.with_token(), &org(), Kind::Users).await;
    let secure = lab.client_with(crate::lab::token("sim-token"), |settings| {
        settings.api_url = ApiUrl::parse("https://api.github.com").unwrap();
    });
    let error = usage(&secure, &report, Kind::Users).await.unwrap_err();
    assert!(error.is_elsewhere(), "{error}");
    let there = latest(&secure, &org(), Kind::Users).await;
    assert!(usage(&secure, &there, Kind::Users).await.is_ok());
    let hosts: BTreeSet<String> = lab
        .sim
        .observer()
        .downloads()
        .into_iter()
        .map(|one| one.host)
        .collect();
    assert_eq!(Vec::from_iter(hosts), ["copilot-reports.api.github.com"]);
}

#[tokio::test(start_paused = true)]
async fn links_are_asked_for_each_time_and_neither_kept_nor_shown() {
    let lab = Lab::new();
    let client = lab.with_token();
    let report = latest(&client, &org(), Kind::Users).await;
    let shown = format!("{report:?}");
    assert!(!shown.contains("sig") && !shown.contains("http"), "{shown}");
    minutes(61).await;
    let anew = latest(&client, &org(), Kind::Users).await;
    assert!(usage(&client, &anew, Kind::Users).await.is_ok());
    let asked = lab.summary();
    assert_eq!((asked.total.requests, asked.total.not_modified), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_link_that_github_cannot_give_once_is_asked_for_again() {
    let lab = Lab::new();
    let client = lab.with_token();
    lab.strikes(
        Rule::always(status(503))
            .when(Matcher::path("/orgs/acme/copilot/*"))
            .times(1),
    );
    assert_eq!(latest(&client, &org(), Kind::Totals).await.files(), 2);
    lab.strikes(Rule::always(status(503)).when(Matcher::path("/orgs/acme/copilot/*")));
    let request = copilot::latest(&org(), Kind::Totals);
    let error = client
        .copilot_report(Lane::Scheduled, request)
        .await
        .unwrap_err();
    assert!(error.is_server_error());
}

#[tokio::test(start_paused = true)]
async fn downloads_are_counted_and_cost_nothing() {
    let lab = Lab::new();
    let client = lab.with_token();
    let report = latest(&client, &org(), Kind::Users).await;
    lab.strikes(
        Rule::always(status(503))
            .when(Matcher::path(FILES))
            .times(1),
    );
    usage(&client, &report, Kind::Users).await.unwrap();
    let stats = client.stats();
    let files = stats
        .requests
        .iter()
        .filter(|(sent, _)| sent.endpoint == "copilot report file");
    let files: Vec<_> = files
        .map(|(sent, count)| (sent.org.as_str(), sent.code, *count))
        .collect();
    assert_eq!(
        files,
        [
            ("acme", Code::Status(200), 2),
            ("acme", Code::Status(503), 1)
        ]
    );
    assert_eq!(stats.spent.values().sum::<u64>(), 1, "the link alone");
    assert_eq!(lab.bucket("core").remaining, Some(4_999));
}
