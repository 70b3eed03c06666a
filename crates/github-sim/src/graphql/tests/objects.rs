//! What objects look like: renamed, deleted, bots, drafts, private, empty.

use serde_json::json;

use super::Stage;
use crate::auth::Viewer;
use crate::world::NewCommit;
use crate::world::NewPull;
use crate::world::ReviewState;

#[test]
fn a_renamed_repository_answers_by_its_old_name_unless_told_not_to() {
    let mut stage = Stage::new();
    stage.world.rename_repo(stage.repo, "spaceship");
    let query = "query($follow: Boolean) {
        repository(owner: \"ACME\", name: \"Rocket\", followRenames: $follow) { nameWithOwner databaseId }
    }";
    let data = stage.data(query, json!({ "follow": true }));
    assert_eq!(
        data["repository"],
        json!({ "nameWithOwner": "acme/spaceship", "databaseId": stage.repo })
    );
    let error = stage.error(query, json!({ "follow": false }));
    assert_eq!(error["type"], "NOT_FOUND");
}

#[test]
fn an_empty_repository_has_no_default_branch() {
    let stage = Stage::new();
    let data = stage.data(
        "{ repository(owner: \"acme\", name: \"rocket\") { isEmpty pushedAt defaultBranchRef { name } } }",
        json!({}),
    );
    assert_eq!(
        data["repository"],
        json!({ "isEmpty": true, "pushedAt": null, "defaultBranchRef": null })
    );
}

#[test]
fn a_commit_shows_people_as_users_and_a_pull_shows_bots_as_bots() {
    let mut stage = Stage::new();
    let bot = stage.world.add_bot("dependabot");
    let identity = stage.world.identity(bot);
    let ann = stage.world.identity(stage.ann);
    stage
        .world
        .push(stage.repo, "main", vec![NewCommit::by(ann)]);
    stage.world.push(
        stage.repo,
        "bump",
        vec![NewCommit::by(identity).lines(3, 2, 1)],
    );
    stage.world.open_pull(stage.repo, NewPull::by(bot, "bump"));
    let data = stage.data(
        "{ repository(owner: \"acme\", name: \"rocket\") {
            pullRequest(number: 1) { author { __typename login ... on Bot { databaseId } } }
            object(expression: \"bump\") { ... on Commit {
                additions deletions changedFilesIfAvailable
                author { email user { __typename login databaseId } }
                parents(first: 1) { totalCount nodes { author { user { login } } } }
            } }
        } }",
        json!({}),
    );
    let repository = &data["repository"];
    assert_eq!(
        repository["pullRequest"]["author"],
        json!({ "__typename": "Bot", "login": "dependabot", "databaseId": bot })
    );
    assert_eq!(
        repository["object"],
        json!({
            "additions": 3, "deletions": 2, "changedFilesIfAvailable": 1,
            "author": {
                "email": format!("{bot}+dependabot[bot]@users.noreply.github.com"),
                "user": { "__typename": "User", "login": "dependabot[bot]", "databaseId": bot },
            },
            "parents": { "totalCount": 1, "nodes": [{ "author": { "user": { "login": "ann" } } }] },
        })
    );
}

#[test]
fn a_deleted_account_is_null() {
    let mut stage = Stage::new();
    stage.issues(1);
    stage.world.delete_account(stage.ann);
    let data = stage.data(
        "{ repository(owner: \"acme\", name: \"rocket\") { issue(number: 1) { author { login } } } }",
        json!({}),
    );
    assert_eq!(data["repository"]["issue"]["author"], json!(null));
}

#[test]
fn a_timeline_holds_the_types_asked_for_oldest_first() {
    let mut stage = Stage::new();
    let ann = stage.world.identity(stage.ann);
    stage
        .world
        .push(stage.repo, "main", vec![NewCommit::by(ann.clone())]);
    stage
        .world
        .push(stage.repo, "topic", vec![NewCommit::by(ann)]);
    let (repo, ann) = (stage.repo, stage.ann);
    let number = stage
        .world
        .open_pull(repo, NewPull::by(ann, "topic").draft());
    stage.later(60);
    stage.world.close(repo, number, ann);
    stage.later(60);
    stage.world.reopen(repo, number, ann);
    stage.later(60);
    stage.world.ready_pull(repo, number, ann);
    stage.later(60);
    let review = stage
        .world
        .review(repo, number, ann, ReviewState::Approved, "");
    stage.world.dismiss_review(repo, review, ann);
    let data = stage.data(
        "{ repository(owner: \"acme\", name: \"rocket\") { pullRequest(number: 1) {
            isDraft
            timelineItems(first: 50, itemTypes: [READY_FOR_REVIEW_EVENT, CLOSED_EVENT]) {
                totalCount
                nodes {
                    __typename
                    ... on ClosedEvent { createdAt actor { login } closable { closed } }
                    ... on ReadyForReviewEvent { createdAt }
                }
            }
            all: timelineItems { totalCount }
            reviews(first: 50, states: DISMISSED) { totalCount nodes { state fullDatabaseId submittedAt } }
        } } }",
        json!({}),
    );
    assert_eq!(
        data["repository"]["pullRequest"],
        json!({
            "isDraft": false,
            "timelineItems": {
                "totalCount": 2,
                "nodes": [
                    {
                        "__typename": "ClosedEvent", "createdAt": "2026-03-01T12:01:00Z",
                        "actor": { "login": "ann" }, "closable": { "closed": false },
                    },
                    { "__typename": "ReadyForReviewEvent", "createdAt": "2026-03-01T12:03:00Z" },
                ],
            },
            "all": { "totalCount": 4 },
            "reviews": {
                "totalCount": 1,
                "nodes": [{
                    "state": "DISMISSED", "fullDatabaseId": review.to_string(), "submittedAt": "2026-03-01T12:04:00Z",
                }],
            },
        })
    );
}

#[test]
fn issues_that_are_switched_off_are_none() {
    let mut stage = Stage::new();
    stage.issues(2);
    stage.world.enable_issues(stage.repo, false);
    let data = stage.data(
        "{ repository(owner: \"acme\", name: \"rocket\") { hasIssuesEnabled issues(first: 5) { totalCount nodes { id } } } }",
        json!({}),
    );
    assert_eq!(
        data["repository"],
        json!({ "hasIssuesEnabled": false, "issues": { "totalCount": 0, "nodes": [] } })
    );
}

#[test]
fn a_private_repository_is_seen_by_its_own_installation_and_no_other() {
    let mut stage = Stage::new();
    let (own, other) = (stage.org, stage.world.add_org("other"));
    stage.world.repo_mut(stage.repo).private = true;
    let query = "{ repositoryOwner(login: \"acme\") { repositories(first: 9) { totalCount } }
                   repository(owner: \"acme\", name: \"rocket\") { isPrivate } }";
    let mut seen_by = |viewer: Viewer| {
        stage.viewer = viewer;
        let body = stage.ask(query, json!({}));
        (
            body["data"]["repositoryOwner"]["repositories"]["totalCount"].clone(),
            body.get("errors").is_none(),
        )
    };
    let installation = |owner| Viewer::Installation { id: 1, owner };
    assert_eq!(seen_by(installation(own)), (json!(1), true));
    assert_eq!(seen_by(installation(other)), (json!(0), false));
    assert_eq!(seen_by(Viewer::Anonymous), (json!(0), false));
}

#[test]
fn aliases_fragments_and_directives_work_together() {
    let mut stage = Stage::new();
    stage.issues(2);
    let data = stage.data(
        "query($deep: Boolean!, $number: Int = 2) {
            one: repository(owner: \"acme\", name: \"rocket\") { ...Named issue(number: 1) { ...Titled } }
            two: repository(owner: \"acme\", name: \"rocket\") {
                ...Named
                issue(number: $number) { ...Titled author @include(if: $deep) { login } }
            }
        }
        fragment Named on Repository { called: name name }
        fragment Titled on Comment { __typename ... on Issue { title } }",
        json!({ "deep": false }),
    );
    assert_eq!(
        data,
        json!({
            "one": {
                "called": "rocket", "name": "rocket", "issue": { "__typename": "Issue", "title": "issue 0" },
            },
            "two": {
                "called": "rocket", "name": "rocket", "issue": { "__typename": "Issue", "title": "issue 1" },
            },
        })
    );
}

#[test]
fn the_rate_limit_has_this_query_charged_already() {
    let stage = Stage::new();
    let data = stage.data(
        "{ viewer { login } rateLimit { cost limit remaining used resetAt nodeCount } }",
        json!({}),
    );
    assert_eq!(
        data,
        json!({
            "viewer": { "login": "ann" },
            "rateLimit": {
                "cost": 1, "limit": 5_000, "remaining": 4_899, "used": 101,
                "resetAt": "2026-03-01T13:00:00Z", "nodeCount": 0,
            },
        })
    );
}

#[test]
fn issues_and_pulls_are_found_by_their_node_ids_and_nothing_else_is() {
    let mut stage = Stage::new();
    let issue = stage.world.open_issue(stage.repo, stage.ann, "one");
    let ann = stage.world.identity(stage.ann);
    for branch in ["main", "work"] {
        let commit = NewCommit::by(ann.clone());
        stage.world.push(stage.repo, branch, vec![commit]);
    }
    let pull = stage
        .world
        .open_pull(stage.repo, NewPull::by(stage.ann, "work"));
    for n in 0..3 {
        stage.later(1);
        let text = format!("remark {n}");
        stage.world.comment(stage.repo, issue, stage.ann, &text);
    }
    let ids = stage.data(
        "query($issue: Int!, $pull: Int!) { repository(owner: \"acme\", name: \"rocket\") {
            id issue(number: $issue) { id } pullRequest(number: $pull) { id } } }",
        json!({ "issue": issue, "pull": pull }),
    );
    let repository = &ids["repository"];
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename
        ... on Issue { number comments(last: 2) { totalCount pageInfo { hasPreviousPage } nodes { body } } }
        ... on PullRequest { number } } }";
    let (issue_id, pull_id) = (&repository["issue"]["id"], &repository["pullRequest"]["id"]);
    let data = stage.data(query, json!({ "ids": [pull_id, issue_id] }));
    assert_eq!(
        data["nodes"],
        json!([
            { "__typename": "PullRequest", "number": pull },
            { "__typename": "Issue", "number": issue, "comments": {
                "totalCount": 3, "pageInfo": { "hasPreviousPage": true },
                "nodes": [{ "body": "remark 1" }, { "body": "remark 2" }] } },
        ])
    );
    for other in ["I_nonsense", repository["id"].as_str().unwrap()] {
        let body = stage.ask(query, json!({ "ids": [issue_id, other] }));
        assert_eq!(body["data"]["nodes"][1], json!(null));
        assert_eq!(body["data"]["nodes"][0]["number"], issue);
        let error = &body["errors"][0];
        assert_eq!(
            (&error["type"], &error["path"]),
            (&json!("NOT_FOUND"), &json!(["nodes", 1]))
        );
    }
    let many = vec![issue_id; 101];
    stage.error(query, json!({ "ids": many }));
    stage.viewer = Viewer::Anonymous;
    stage.world.repo_mut(stage.repo).private = true;
    let hidden = stage.ask(query, json!({ "ids": [issue_id] }));
    assert_eq!(hidden["data"]["nodes"], json!([null]));
}

#[test]
fn a_thread_outlives_its_first_comment() {
    let mut stage = Stage::new();
    let ann = stage.world.identity(stage.ann);
    for branch in ["main", "work"] {
        let commit = NewCommit::by(ann.clone());
        stage.world.push(stage.repo, branch, vec![commit]);
    }
    let pull = stage
        .world
        .open_pull(stage.repo, NewPull::by(stage.ann, "work"));
    let first = stage
        .world
        .diff_comment(stage.repo, pull, stage.ann, "first");
    for answer in ["second", "third"] {
        stage.later(1);
        stage.world.reply(stage.repo, first, stage.ann, answer);
    }
    stage
        .world
        .diff_comment(stage.repo, pull, stage.ann, "other");
    stage.world.delete_diff_comment(stage.repo, first);
    let data = stage.data(
        "query($pull: Int!) { repository(owner: \"acme\", name: \"rocket\") { pullRequest(number: $pull) {
            reviewThreads(first: 9) { nodes { comments(first: 9) { nodes { body state } } } } } } }",
        json!({ "pull": pull }),
    );
    let comment = |body: &str| json!({ "body": body, "state": "SUBMITTED" });
    assert_eq!(
        data["repository"]["pullRequest"]["reviewThreads"]["nodes"],
        json!([
            { "comments": { "nodes": [comment("second"), comment("third")] } },
            { "comments": { "nodes": [comment("other")] } },
        ])
    );
}
