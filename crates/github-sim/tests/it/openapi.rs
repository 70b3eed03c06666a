//! The bodies of the REST face, held against GitHub's own published `OpenAPI` description.
//!
//! Each row asks one route of a lively world and checks the answer against what the description says for that status.
//! What does not fit and is right all the same stands in [`EXCEPTIONS`], each with its reason.

mod description;
mod stage;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use description::Description;
use stage::{As, OWNER, START, Stage};

/// Where a right body does not fit the description: route (`*` for any), place in the body (`*` for an index), reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "/app/installations",
        "/*/account",
        "the package writes this list's account as a user and an enterprise at once; one installation's is either",
    ),
    (
        "/app/installations",
        "/*/account/user_view_type",
        "the package writes this list's user out in an older form than its own component",
    ),
    (
        "/app/installations",
        "/*/client_id",
        "the package writes this list's installation out in an older form than its own component",
    ),
    (
        "/app/installations",
        "/*/permissions/organization_copilot_metrics",
        "the package's list of permissions lacks the one for Copilot's reports, which GitHub has",
    ),
    (
        "*",
        "/permissions/organization_copilot_metrics",
        "the package's list of permissions lacks the one for Copilot's reports, which GitHub has",
    ),
    (
        "/repos/{owner}/{repo}/actions/runs",
        "/workflow_runs/*/head_commit/author/email",
        "a bot's address has brackets, which GitHub's commits carry and no standard allows",
    ),
    (
        "/repos/{owner}/{repo}/actions/runs",
        "/workflow_runs/*/head_commit/committer/email",
        "a bot's address has brackets, which GitHub's commits carry and no standard allows",
    ),
    (
        "*",
        "/status",
        "GitHub's error bodies carry their status; the description of a 422 lags behind the others",
    ),
];

/// One row: what is asked by whom, the route in the description, the status that must come.
type Row = (String, As, &'static str, u16);

fn rows(stage: &Stage) -> Vec<Row> {
    let Stage {
        issue,
        pull,
        branch,
        installation,
        run,
        ..
    } = stage;
    let world = stage.sim.world();
    let account = world.account_named("dependabot").unwrap().id;
    let org = world.account_named(OWNER).unwrap().id;
    let repo = world.find_repo(OWNER, "rocket").unwrap();
    let repo = match repo {
        github_sim::world::Found::Here(repo) | github_sim::world::Found::Moved(repo) => repo,
    };
    let (head, id) = (repo.head().unwrap(), repo.id);
    let parent = repo.default_history().commits().last().unwrap().oid;
    let row = |path: String, by: As, route: &'static str, status: u16| (path, by, route, status);
    let read = |path: &str, route: &'static str| row(path.to_owned(), As::Reader, route, 200);
    let within = |rest: &str, route: &'static str| {
        row(format!("/repos/acme/rocket{rest}"), As::Reader, route, 200)
    };
    let report = |whose: &str, report: &str, route: &'static str| {
        read(&format!("/{whose}/copilot/metrics/reports/{report}"), route)
    };
    let refused = |path: &str, by: As, route: &'static str, status: u16| {
        row(path.to_owned(), by, route, status)
    };
    vec![
        read("/rate_limit", "/rate_limit"),
        read("/meta", "/meta"),
        read("/user", "/user"),
        read("/user/repos", "/user/repos"),
        read(&format!("/user/{account}"), "/user/{account_id}"),
        read("/users/dependabot%5Bbot%5D", "/users/{username}"),
        read("/users/acme", "/users/{username}"),
        read("/users/acme/repos", "/users/{username}/repos"),
        read("/orgs/acme", "/orgs/{org}"),
        read("/orgs/acme/repos?per_page=100", "/orgs/{org}/repos"),
        read(&format!("/organizations/{org}"), "/orgs/{org}"),
        read(&format!("/organizations/{org}/repos"), "/orgs/{org}/repos"),
        row("/app".to_owned(), As::App, "/app", 200),
        row(
            "/app/installations".to_owned(),
            As::App,
            "/app/installations",
            200,
        ),
        row(
            format!("/app/installations/{installation}"),
            As::App,
            "/app/installations/{installation_id}",
            200,
        ),
        row(
            "/orgs/acme/installation".to_owned(),
            As::App,
            "/orgs/{org}/installation",
            200,
        ),
        row(
            "/users/acme/installation".to_owned(),
            As::App,
            "/users/{username}/installation",
            200,
        ),
        row(
            "/repos/acme/rocket/installation".to_owned(),
            As::App,
            "/repos/{owner}/{repo}/installation",
            200,
        ),
        row(
            "/installation/repositories".to_owned(),
            As::Installation,
            "/installation/repositories",
            200,
        ),
        within("", "/repos/{owner}/{repo}"),
        read(&format!("/repositories/{id}"), "/repos/{owner}/{repo}"),
        row(
            "/repos/acme/rocket".to_owned(),
            As::Anonymous,
            "/repos/{owner}/{repo}",
            200,
        ),
        read("/repos/acme/empty", "/repos/{owner}/{repo}"),
        within(
            &format!("/branches/{branch}"),
            "/repos/{owner}/{repo}/branches/{branch}",
        ),
        within("/commits?per_page=100", "/repos/{owner}/{repo}/commits"),
        within(
            &format!("/commits/{head}"),
            "/repos/{owner}/{repo}/commits/{ref}",
        ),
        within(
            &format!("/compare/{parent}...{head}"),
            "/repos/{owner}/{repo}/compare/{basehead}",
        ),
        within(
            "/issues?state=all&per_page=100",
            "/repos/{owner}/{repo}/issues",
        ),
        within(
            &format!("/issues/{issue}"),
            "/repos/{owner}/{repo}/issues/{issue_number}",
        ),
        within(
            &format!("/issues/{pull}"),
            "/repos/{owner}/{repo}/issues/{issue_number}",
        ),
        within(
            "/issues/comments?per_page=100",
            "/repos/{owner}/{repo}/issues/comments",
        ),
        within(
            &format!("/issues/{issue}/comments"),
            "/repos/{owner}/{repo}/issues/{issue_number}/comments",
        ),
        within(
            "/pulls?state=all&per_page=100",
            "/repos/{owner}/{repo}/pulls",
        ),
        within(
            &format!("/pulls/{pull}"),
            "/repos/{owner}/{repo}/pulls/{pull_number}",
        ),
        within(
            "/pulls/comments?per_page=100",
            "/repos/{owner}/{repo}/pulls/comments",
        ),
        within(
            &format!("/pulls/{pull}/comments"),
            "/repos/{owner}/{repo}/pulls/{pull_number}/comments",
        ),
        within(
            &format!("/pulls/{pull}/reviews"),
            "/repos/{owner}/{repo}/pulls/{pull_number}/reviews",
        ),
        within(
            "/actions/runs?per_page=100",
            "/repos/{owner}/{repo}/actions/runs",
        ),
        within(
            &format!("/actions/runs/{run}"),
            "/repos/{owner}/{repo}/actions/runs/{run_id}",
        ),
        within(
            &format!("/actions/runs/{run}/attempts/1"),
            "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}",
        ),
        within(
            &format!("/actions/runs/{run}/jobs?filter=all"),
            "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs",
        ),
        within(
            &format!("/actions/runs/{run}/attempts/1/jobs"),
            "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs",
        ),
        within("/releases?per_page=100", "/repos/{owner}/{repo}/releases"),
        row(
            "/repos/acme/rocket/releases?per_page=100".to_owned(),
            As::Member,
            "/repos/{owner}/{repo}/releases",
            200,
        ),
        read("/orgs/acme/teams", "/orgs/{org}/teams"),
        read(
            "/orgs/acme/teams/everybody/members",
            "/orgs/{org}/teams/{team_slug}/members",
        ),
        report(
            "orgs/acme",
            "organization-28-day/latest",
            "/orgs/{org}/copilot/metrics/reports/organization-28-day/latest",
        ),
        report(
            "orgs/acme",
            "users-28-day/latest",
            "/orgs/{org}/copilot/metrics/reports/users-28-day/latest",
        ),
        report(
            "orgs/acme",
            "organization-1-day?day=2026-02-20",
            "/orgs/{org}/copilot/metrics/reports/organization-1-day",
        ),
        report(
            "orgs/acme",
            "users-1-day?day=2026-02-20",
            "/orgs/{org}/copilot/metrics/reports/users-1-day",
        ),
        report(
            "enterprises/acme-enterprise",
            "enterprise-28-day/latest",
            "/enterprises/{enterprise}/copilot/metrics/reports/enterprise-28-day/latest",
        ),
        report(
            "enterprises/acme-enterprise",
            "users-28-day/latest",
            "/enterprises/{enterprise}/copilot/metrics/reports/users-28-day/latest",
        ),
        report(
            "enterprises/acme-enterprise",
            "enterprise-1-day?day=2026-02-20",
            "/enterprises/{enterprise}/copilot/metrics/reports/enterprise-1-day",
        ),
        report(
            "enterprises/acme-enterprise",
            "users-1-day?day=2026-02-20",
            "/enterprises/{enterprise}/copilot/metrics/reports/users-1-day",
        ),
        refused(
            "/enterprises/acme-enterprise/copilot/metrics/reports/users-28-day/latest",
            As::Installation,
            "/enterprises/{enterprise}/copilot/metrics/reports/users-28-day/latest",
            403,
        ),
        refused(
            "/orgs/acme/copilot/metrics/reports/none",
            As::Reader,
            "/orgs/{org}/copilot/metrics/reports/users-28-day/latest",
            404,
        ),
        refused("/user", As::Anonymous, "/user", 401),
        refused("/user", As::Installation, "/user", 403),
        refused("/users/nobody-at-all", As::Reader, "/users/{username}", 404),
        refused("/orgs/nobody-at-all", As::Reader, "/orgs/{org}", 404),
        refused(
            "/repos/acme/old-name",
            As::Reader,
            "/repos/{owner}/{repo}",
            301,
        ),
        refused(
            "/repos/acme/no-such",
            As::Reader,
            "/repos/{owner}/{repo}",
            404,
        ),
        refused(
            "/repos/acme/rocket/branches/none",
            As::Reader,
            "/repos/{owner}/{repo}/branches/{branch}",
            404,
        ),
        refused(
            "/repos/acme/empty/commits",
            As::Reader,
            "/repos/{owner}/{repo}/commits",
            409,
        ),
        refused(
            "/repos/acme/rocket/commits/none",
            As::Reader,
            "/repos/{owner}/{repo}/commits/{ref}",
            422,
        ),
        refused(
            "/repos/acme/rocket/issues/999999",
            As::Reader,
            "/repos/{owner}/{repo}/issues/{issue_number}",
            404,
        ),
        refused(
            "/repos/acme/rocket/issues?sort=size",
            As::Reader,
            "/repos/{owner}/{repo}/issues",
            422,
        ),
        refused(
            "/repos/acme/rocket/pulls/999999",
            As::Reader,
            "/repos/{owner}/{repo}/pulls/{pull_number}",
            404,
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_rest_body_fits_githubs_published_description() {
    let stage = Stage::new().await;
    let description = Description::published();
    let mut differences = Vec::new();
    let mut used = BTreeSet::new();
    let mut rows = rows(&stage);
    let tokens = format!("/app/installations/{}/access_tokens", stage.installation);
    rows.push((
        tokens,
        As::App,
        "/app/installations/{installation_id}/access_tokens",
        201,
    ));
    for (path, by, route, status) in rows {
        let method = if status == 201 { "post" } else { "get" };
        let (answered, body) = stage.ask(&method.to_uppercase(), &path, by).await;
        if answered != status {
            differences.push(format!(
                "{path} as {by:?}: {answered} instead of {status}: {body}"
            ));
            continue;
        }
        if body.is_null() || body.as_array().is_some_and(Vec::is_empty) {
            differences.push(format!("{path} as {by:?}: nothing to check in {body}"));
        }
        for (place, error) in description.differences(method, route, status, &body) {
            let exception = EXCEPTIONS
                .iter()
                .position(|(of, at, _)| (*of == route || *of == "*") && *at == place);
            match exception {
                Some(index) => drop(used.insert(index)),
                None => differences.push(format!("{method} {route} {status} {place}: {error}")),
            }
        }
    }
    differences.sort();
    differences.dedup();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(
        used.len(),
        EXCEPTIONS.len(),
        "every exception is still needed, not only {used:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wrong_body_is_told_apart() {
    let stage = Stage::new().await;
    let description = Description::published();
    let (_, mut body) = stage
        .ask("GET", "/repos/acme/rocket/pulls?state=all", As::Reader)
        .await;
    let check = |body: &Value, expected: &[&str]| {
        let found = description.differences("get", "/repos/{owner}/{repo}/pulls", 200, body);
        let found: Vec<String> = found
            .iter()
            .map(|(place, error)| format!("{place}: {error}"))
            .collect();
        assert_eq!(found, expected);
    };
    check(&body, &[]);
    let pull = body[0].as_object_mut().unwrap();
    let user = pull.remove("user");
    check(&body, &["/*: \"user\" is a required property"]);
    body[0]["user"] = user.unwrap();
    body[0]["created_at"] = json!("yesterday");
    check(&body, &["/*/created_at: value is not a \"date-time\""]);
    body[0]["created_at"] = json!(START);
    body[0]["number"] = json!("1");
    body[0]["titel"] = json!("");
    check(
        &body,
        &[
            "/*/number: value is not of type \"integer\"",
            "/*/titel: the description knows no such field",
        ],
    );
}
