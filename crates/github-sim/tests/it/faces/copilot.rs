//! Copilot's reports: links at the API, files on another host. And teams, which live in the same organisations.

use std::collections::BTreeMap;

use bytes::Bytes;
use github_sim::fault::{Action, Matcher, Rule};
use http::Request;
use serde_json::Value;

use super::{Answer, Stage, anonymous};

const REPORTS: &str = "/orgs/acme/copilot/metrics/reports";

/// A stage whose organisation has had seats for sixty days.
async fn seated() -> Stage {
    let stage = Stage::instant();
    {
        let mut world = stage.sim.world();
        let org = world.account_named("acme").unwrap().id;
        let users = ["alice", "bob"].map(|login| world.account_named(login).unwrap().id);
        world.seat(org, users);
        world.add_enterprise("umbrella", &[org]);
    }
    tokio::time::sleep(std::time::Duration::from_hours(60 * 24)).await;
    stage
}

fn links(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let links = body["download_links"].as_array().unwrap().iter();
    links
        .map(|link| link.as_str().unwrap().to_owned())
        .collect()
}

impl Stage {
    async fn download(&self, link: &str) -> Answer {
        let request = Request::get(link).body(Bytes::new()).unwrap();
        self.send(request).await.unwrap()
    }

    /// Every record of every file of a report.
    async fn records(&self, path: &str) -> Vec<Value> {
        let mut records = Vec::new();
        for link in links(&self.get(path).await) {
            let file = self.download(&link).await;
            assert_eq!(file.status, 200, "{file:?}");
            let text = String::from_utf8(file.body.to_vec()).unwrap();
            let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            records.extend(lines.collect::<Vec<Value>>());
        }
        records
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_is_several_files_on_another_host() {
    let stage = seated().await;
    let answer = stage.get(&format!("{REPORTS}/users-28-day/latest")).await;
    let body = answer.json();
    // The day of which it was known at six in the morning.
    assert_eq!(
        (&body["report_start_day"], &body["report_end_day"]),
        (&"2024-07-02".into(), &"2024-07-29".into())
    );
    let links = links(&answer);
    assert_eq!(links.len(), 2);
    for link in &links {
        assert!(
            link.starts_with("http://copilot-reports.gh.test/"),
            "{link}"
        );
    }
    assert_eq!(stage.download(&links[0]).await.status, 200);
    let mut shown = Request::get(&links[1]).body(Bytes::new()).unwrap();
    shown
        .headers_mut()
        .insert("authorization", "Bearer sim-token".parse().unwrap());
    stage.send(shown).await.unwrap();
    let downloads = stage.sim.observer().downloads();
    let seen: Vec<_> = downloads
        .iter()
        .map(|one| (one.host.as_str(), one.status, one.was_shown_a_token))
        .collect();
    assert_eq!(
        seen,
        [
            ("copilot-reports.gh.test", 200, false),
            ("copilot-reports.gh.test", 200, true)
        ]
    );
    assert_eq!(
        stage.sim.observer().summary().total.requests,
        1,
        "files are no requests to the API"
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_files_say_adds_up_to_the_truth() {
    let stage = seated().await;
    let truth = stage.sim.truth();
    let [acme, umbrella] = truth.copilot.as_slice() else {
        panic!("{:?}", truth.copilot)
    };
    let days: BTreeMap<String, _> = acme
        .days
        .iter()
        .map(|day| (day.day.to_string(), day))
        .collect();
    assert_eq!(days.len(), 59);

    let records = stage
        .records(&format!("{REPORTS}/users-28-day/latest"))
        .await;
    let expected = acme
        .days
        .iter()
        .rev()
        .take(28)
        .map(|day| day.users.len())
        .sum::<usize>();
    assert_eq!(records.len(), expected);
    for record in &records {
        let of_day = days[record["day"].as_str().unwrap()];
        let of_user = &of_day.users[record["user_login"].as_str().unwrap()];
        assert_eq!(record["loc_added_sum"], of_user.total.loc_added);
        assert_eq!(
            record["user_initiated_interaction_count"],
            of_user.total.user_initiated_interactions
        );
        for (list, field, sums) in [
            ("totals_by_ide", "ide", &of_user.by_ide),
            (
                "totals_by_language_feature",
                "language",
                &of_user.by_language,
            ),
            ("totals_by_model_feature", "model", &of_user.by_model),
        ] {
            for (name, sum) in sums {
                let entries = record[list].as_array().unwrap().iter();
                let added = entries.filter(|entry| entry[field] == *name);
                let added: u64 = added
                    .map(|entry| entry["loc_added_sum"].as_u64().unwrap())
                    .sum();
                assert_eq!(added, sum.loc_added, "{list} {name}");
            }
        }
    }
    let totals = stage
        .records(&format!("{REPORTS}/organization-28-day/latest"))
        .await;
    assert_eq!(totals.len(), 2);
    let mut listed = 0;
    for day in totals
        .iter()
        .flat_map(|whole| whole["day_totals"].as_array().unwrap())
    {
        let all = &days[day["day"].as_str().unwrap()].all.total;
        assert_eq!(day["code_generation_activity_count"], all.code_generations);
        assert_eq!(
            day["pull_requests"]["total_created_by_copilot"],
            all.pull_requests_created_by_copilot
        );
        listed += 1;
    }
    assert_eq!(listed, 28);

    let one = "/enterprises/umbrella/copilot/metrics/reports/enterprise-1-day?day=2024-07-01";
    let one = stage.records(one).await;
    let known = umbrella
        .days
        .iter()
        .find(|day| day.day.to_string() == "2024-07-01")
        .unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(one[0]["loc_deleted_sum"], known.all.total.loc_deleted);
    assert_eq!(known.users, days["2024-07-01"].users);
}

#[tokio::test(start_paused = true)]
async fn a_day_that_has_no_report_says_so() {
    let stage = seated().await;
    let of = async |path: &str| stage.get(path).await.status.as_u16();
    for (day, status) in [
        ("2024-06-01", 200),
        ("2024-07-29", 200),
        ("2024-05-31", 204),
        ("2024-07-30", 204),
        ("soon", 422),
    ] {
        assert_eq!(
            of(&format!("{REPORTS}/organization-1-day?day={day}")).await,
            status,
            "{day}"
        );
    }
    let enterprise = "/enterprises/umbrella/copilot/metrics/reports/users-1-day?day=2024-05-31";
    assert_eq!(of(enterprise).await, 404);
    assert_eq!(of(&format!("{REPORTS}/users-1-day")).await, 422);
    assert_eq!(
        of("/orgs/nobody-at-all/copilot/metrics/reports/users-28-day/latest").await,
        404
    );
}

#[tokio::test(start_paused = true)]
async fn reports_are_not_for_everybody() {
    let stage = seated().await;
    let latest = format!("{REPORTS}/organization-28-day/latest");
    let enterprise = "/enterprises/umbrella/copilot/metrics/reports/enterprise-28-day/latest";
    let nobody = stage.send(anonymous(&latest)).await.unwrap();
    assert_eq!(nobody.status, 401);
    let installation = stage.installation_token().await;
    assert_eq!(stage.get_as(&installation, &latest).await.status, 200);
    assert_eq!(stage.get_as(&installation, enterprise).await.status, 403);
    assert_eq!(stage.get(enterprise).await.status, 200);
    stage
        .sim
        .credentials()
        .withhold("organization_copilot_metrics", true);
    assert_eq!(stage.get_as(&installation, &latest).await.status, 403);
    assert_eq!(stage.get(&latest).await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn a_link_is_good_for_an_hour_and_as_it_was_given() {
    let stage = seated().await;
    let path = format!("{REPORTS}/users-1-day?day=2024-07-01");
    let link = &links(&stage.get(&path).await)[0];
    let forged = link.replace("2024-07-01..2024-07-01", "2024-06-01..2024-07-01");
    assert_eq!(stage.download(&forged).await.status, 403);
    assert_eq!(
        stage.download(link.split('?').next().unwrap()).await.status,
        403
    );
    tokio::time::sleep(std::time::Duration::from_hours(1)).await;
    let late = stage.download(link).await;
    assert_eq!(
        (late.status.as_u16(), late.header("content-type")),
        (403, Some("application/xml"))
    );
}

#[tokio::test(start_paused = true)]
async fn faults_strike_links_and_files_alike() {
    let stage = seated().await;
    let latest = format!("{REPORTS}/users-28-day/latest");
    let fail = |path: &str, code| {
        let rule = Rule::always(Action::Status { code }).when(Matcher::path(path));
        stage.sim.faults().add(rule.times(1));
    };
    fail("/orgs/*/copilot/*", 503);
    assert_eq!(stage.get(&latest).await.status, 503);
    let links = links(&stage.get(&latest).await);
    fail("/copilot-usage-metrics/*/2-of-2.ndjson", 503);
    assert_eq!(stage.download(&links[0]).await.status, 200);
    assert_eq!(stage.download(&links[1]).await.status, 503);
    assert_eq!(stage.download(&links[1]).await.status, 200);
    stage
        .sim
        .faults()
        .add(Rule::always(Action::Truncate { keep: None }).times(1));
    let request = Request::get(&links[0]).body(Bytes::new()).unwrap();
    assert!(stage.send(request).await.is_err());
    stage.sim.faults().add(Rule::outage().times(1));
    let request = Request::get(&links[0]).body(Bytes::new()).unwrap();
    assert!(stage.send(request).await.is_err());
    let faults: Vec<_> = stage
        .sim
        .observer()
        .downloads()
        .into_iter()
        .map(|one| one.faults)
        .collect();
    assert_eq!(
        faults,
        [
            vec![],
            vec!["status"],
            vec![],
            vec!["truncate"],
            vec!["reset"]
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn files_are_as_bad_as_a_test_wants_them() {
    let stage = seated().await;
    {
        let mut world = stage.sim.world();
        let org = world.account_named("acme").unwrap().id;
        let quirks = &mut world.copilot_mut(org).quirks;
        (quirks.files, quirks.bad_lines, quirks.long_line) = (3, 4, Some(5_000));
        quirks.without_sums = true;
    }
    let links = links(&stage.get(&format!("{REPORTS}/users-28-day/latest")).await);
    assert_eq!(links.len(), 3);
    let text = stage.download(&links[0]).await.body;
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert_eq!(text.lines().filter(|line| line.len() == 5_000).count(), 1);
    let broken = text
        .lines()
        .filter(|line| serde_json::from_str::<Value>(line).is_err());
    assert_eq!(broken.count(), 2, "two of four are JSON, of another kind");
    assert!(
        !text
            .lines()
            .any(|line| line.starts_with("{\"code_generation_activity_count\""))
    );
}

#[tokio::test(start_paused = true)]
async fn permissions_and_reports_can_be_changed_from_outside() {
    let stage = seated().await;
    let tell = async |path: &str, body: Value| {
        let answer = stage.send(super::post(path, &body)).await.unwrap();
        answer.status.as_u16()
    };
    let wanted = serde_json::json!({"org": "acme", "files": 5, "bad_lines": 1});
    assert_eq!(tell("/_sim/copilot", wanted).await, 200);
    assert_eq!(
        tell("/_sim/copilot", serde_json::json!({"org": "nobody"})).await,
        404
    );
    assert_eq!(
        tell("/_sim/copilot", serde_json::json!({"files": "x"})).await,
        400
    );
    let latest = format!("{REPORTS}/users-28-day/latest");
    assert_eq!(links(&stage.get(&latest).await).len(), 5);
    let permission = |granted: bool| serde_json::json!({"organization_copilot_metrics": granted});
    assert_eq!(tell("/_sim/permissions", permission(false)).await, 200);
    assert_eq!(stage.get(&latest).await.status, 403);
    assert_eq!(tell("/_sim/permissions", permission(true)).await, 200);
    let links = links(&stage.get(&latest).await);
    stage.download(&links[0]).await;
    let seen = stage.get("/_sim/downloads").await.json();
    assert_eq!(
        (&seen[0]["status"], &seen[0]["was_shown_a_token"]),
        (&200.into(), &false.into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_team_has_the_members_of_the_teams_inside_it() {
    let stage = Stage::instant();
    {
        let mut world = stage.sim.world();
        let org = world.account_named("acme").unwrap().id;
        let [alice, bob] = ["alice", "bob"].map(|login| world.account_named(login).unwrap().id);
        let whole = world.add_team(org, "Engineering", None);
        let part = world.add_team(org, "Web & Docs", Some(whole));
        world.join_team(whole, alice);
        world.join_team(part, bob);
    }
    let teams = stage.get("/orgs/acme/teams").await.json();
    let names: Vec<_> = (0..2)
        .map(|n| (&teams[n]["slug"], &teams[n]["parent"]["slug"]))
        .collect();
    assert_eq!(
        names,
        [
            (&"engineering".into(), &Value::Null),
            (&"web-docs".into(), &"engineering".into())
        ]
    );
    let members = async |slug: &str| {
        let members = stage
            .get(&format!("/orgs/acme/teams/{slug}/members"))
            .await
            .json();
        let members = members.as_array().unwrap().iter();
        members
            .map(|one| one["login"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(members("engineering").await, ["alice", "bob"]);
    assert_eq!(members("Web-Docs").await, ["bob"]);
    let truth = stage.sim.truth();
    assert_eq!(truth.teams[0].members, ["alice", "bob"]);
    assert_eq!(truth.teams[1].parent.as_deref(), Some("engineering"));

    let address = format!("{}/organizations", "http://gh.test");
    assert!(teams[0]["url"].as_str().unwrap().starts_with(&address));
    assert_eq!(stage.get("/orgs/acme/teams/none/members").await.status, 404);
    assert_eq!(
        stage
            .send(anonymous("/orgs/acme/teams"))
            .await
            .unwrap()
            .status,
        401
    );
    stage.sim.credentials().withhold("members", true);
    assert_eq!(stage.get("/orgs/acme/teams").await.status, 403);
}
