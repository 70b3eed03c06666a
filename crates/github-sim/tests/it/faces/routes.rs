//! REST as a client reads it: lists, pages, filters, redirects, errors.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Stage, get, post};

fn numbers(list: &Value, field: &str) -> Vec<i64> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item[field].as_i64().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages_that_lead_to_each_other() {
    let stage = Stage::instant();
    for n in 0..250 {
        stage
            .sim
            .world()
            .comment(stage.repo, 2, None, &format!("{n}"));
    }
    let mut path =
        "/repos/acme/widget/issues/comments?per_page=1000&sort=updated&direction=desc".to_owned();
    let (mut sizes, mut ids) = (Vec::new(), Vec::new());
    loop {
        let page = stage.get(&path).await;
        let found = numbers(&page.json(), "id");
        sizes.push(found.len());
        ids.extend(found);
        let links = page.header("link").unwrap_or_default();
        let Some(next) = links
            .split(", ")
            .find_map(|link| link.strip_suffix(">; rel=\"next\""))
        else {
            break;
        };
        path = next.strip_prefix("<http://gh.test").unwrap().to_owned();
        assert!(
            path.starts_with(&format!("/repositories/{}/issues/comments?", stage.repo)),
            "{path}"
        );
    }
    assert_eq!(sizes, [100, 100, 53]);
    ids.dedup();
    assert_eq!(ids.len(), 253);
    assert!(
        ids.is_sorted_by(|one, other| one > other),
        "equal times are told apart by id"
    );
    assert_eq!(
        stage
            .get("/repos/acme/widget/issues/comments?page=99")
            .await
            .json(),
        json!([])
    );
    assert_eq!(
        stage
            .get("/repos/acme/widget/issues/comments")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        30
    );
}

#[tokio::test(start_paused = true)]
async fn comments_tell_where_they_stand_and_follow_since() {
    let stage = Stage::instant();
    let all = stage.get("/repos/acme/widget/issues/comments").await.json();
    let places: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["html_url"].as_str().unwrap())
        .collect();
    assert!(
        places[0].contains("/issues/5#") && places[1].contains("/pull/2#"),
        "{places:?}"
    );
    assert!(all[2]["user"].is_null(), "a ghost");

    tokio::time::advance(Duration::from_secs(60)).await;
    let first = u64::try_from(numbers(&all, "id")[0]).unwrap();
    stage.sim.world().edit_comment(stage.repo, first, "edited");
    let since = stage
        .get("/repos/acme/widget/issues/comments?since=2024-06-01T00:01:00Z")
        .await
        .json();
    assert_eq!(numbers(&since, "id"), [first.cast_signed()]);
    let of_pull = stage
        .get("/repos/acme/widget/issues/2/comments")
        .await
        .json();
    assert_eq!(of_pull.as_array().unwrap().len(), 2);
    stage.sim.world().delete_comment(stage.repo, first);
    assert_eq!(
        stage
            .get("/repos/acme/widget/issues/comments")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn diff_comments_and_reviews_belong_to_their_pull() {
    let stage = Stage::instant();
    let all = stage
        .get("/repos/acme/widget/pulls/comments?sort=updated&direction=desc")
        .await
        .json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    let of_pull = stage
        .get("/repos/acme/widget/pulls/2/comments")
        .await
        .json();
    assert_eq!(of_pull[1]["in_reply_to_id"], of_pull[0]["id"]);
    let reviews = stage.get("/repos/acme/widget/pulls/2/reviews").await.json();
    assert_eq!(
        (
            reviews[0]["state"].as_str(),
            reviews[0]["user"]["login"].as_str()
        ),
        (Some("APPROVED"), Some("alice"))
    );
    assert_eq!(
        stage
            .get("/repos/acme/widget/pulls/99/reviews")
            .await
            .status,
        404
    );
}

#[tokio::test(start_paused = true)]
async fn pulls_are_filtered_and_sorted() {
    let stage = Stage::instant();
    let list = async |query: &str| {
        numbers(
            &stage
                .get(&format!("/repos/acme/widget/pulls{query}"))
                .await
                .json(),
            "number",
        )
    };
    assert_eq!(list("").await, [4, 3, 2]);
    assert_eq!(list("?state=closed").await, [1]);
    assert_eq!(list("?state=all&direction=asc").await, [1, 2, 3, 4]);
    assert_eq!(
        list("?state=all&sort=popularity&direction=desc").await[0],
        2
    );
    assert_eq!(list("?head=acme:topic-3").await, [3]);
    assert_eq!(list("?base=elsewhere").await, [0_i64; 0]);
    let refused = stage.get("/repos/acme/widget/pulls?state=odd").await;
    assert_eq!(
        (refused.status.as_u16(), refused.message().as_str()),
        (422, "Validation Failed")
    );
    assert_eq!(
        refused.json()["errors"][0],
        json!({"resource": "PullRequest", "code": "invalid", "field": "state"})
    );

    let merged = stage.get("/repos/acme/widget/pulls/1").await.json();
    assert_eq!(
        (
            merged["merged"].as_bool(),
            merged["merged_by"]["login"].as_str()
        ),
        (Some(true), Some("bob"))
    );
    let by_bot = stage.get("/repos/acme/widget/pulls/3").await.json();
    assert_eq!(
        (
            by_bot["user"]["login"].as_str(),
            by_bot["user"]["type"].as_str()
        ),
        (Some("renovate[bot]"), Some("Bot"))
    );
}

#[tokio::test(start_paused = true)]
async fn issues_list_pulls_as_well_and_can_be_off() {
    let stage = Stage::instant();
    let all = stage
        .get("/repos/acme/widget/issues?state=all")
        .await
        .json();
    assert_eq!(numbers(&all, "number"), [6, 5, 4, 3, 2, 1]);
    assert!(all[0]["pull_request"].is_null() && all[5]["pull_request"]["merged_at"].is_string());
    assert_eq!(
        stage.get("/repos/acme/widget/issues/6").await.json()["closed_by"]["login"],
        "alice"
    );
    assert_eq!(
        numbers(
            &stage
                .get("/repos/acme/widget/issues?creator=bob")
                .await
                .json(),
            "number"
        ),
        [5, 2]
    );

    stage.sim.world().enable_issues(stage.repo, false);
    assert_eq!(stage.get("/repos/acme/widget/issues").await.status, 410);
    assert_eq!(stage.get("/repos/acme/widget/issues/5").await.status, 410);
    assert_eq!(
        stage.get("/repos/acme/widget/issues/2").await.status,
        200,
        "a pull stays"
    );
    let comments = stage.get("/repos/acme/widget/issues/comments").await.json();
    assert_eq!(comments.as_array().unwrap().len(), 2, "those of pulls");
}

#[tokio::test(start_paused = true)]
async fn commits_are_what_the_branch_reaches() {
    let stage = Stage::instant();
    let list = stage.get("/repos/acme/widget/commits").await.json();
    assert_eq!(list.as_array().unwrap().len(), 6, "five and a squash");
    let branch = stage
        .get("/repos/acme/widget/commits?sha=topic-2")
        .await
        .json();
    assert_eq!(branch[0]["commit"]["author"]["email"], "bob@example.org");
    let early = stage
        .get("/repos/acme/widget/commits?until=2024-05-30T00:00:00Z&author=alice")
        .await
        .json();
    assert_eq!(early.as_array().unwrap().len(), 3);
    let sha = early[0]["sha"].as_str().unwrap();
    let one = stage
        .get(&format!("/repos/acme/widget/commits/{sha}"))
        .await
        .json();
    assert_eq!(
        one["stats"],
        json!({"total": 12, "additions": 10, "deletions": 2})
    );
    assert_eq!(numbers(&one["files"], "additions").iter().sum::<i64>(), 10);
    let gone = stage
        .get("/repos/acme/widget/commits/0000000000000000000000000000000000000000")
        .await;
    assert_eq!(gone.status, 422);
    assert_eq!(
        stage
            .get("/repos/acme/widget/commits?sha=nowhere")
            .await
            .status,
        404
    );
    assert_eq!(
        stage.get("/repos/acme/widget/branches/main").await.json()["commit"]["sha"],
        list[0]["sha"]
    );

    let org = stage.sim.world().account_named("acme").unwrap().id;
    stage.sim.world().create_repo(org, "empty");
    let empty = stage.get("/repos/acme/empty/commits").await;
    assert_eq!(
        (empty.status.as_u16(), empty.message().as_str()),
        (409, "Git Repository is empty.")
    );
}

#[tokio::test(start_paused = true)]
async fn two_commits_compare() {
    let stage = Stage::instant();
    let ahead = stage
        .get("/repos/acme/widget/compare/main...topic-2")
        .await
        .json();
    assert_eq!(
        (ahead["status"].as_str(), ahead["ahead_by"].as_u64()),
        (Some("diverged"), Some(1))
    );
    assert_eq!(ahead["behind_by"], 1);
    assert_eq!(ahead["commits"][0]["commit"]["author"]["name"], "bob");
    let same = stage
        .get("/repos/acme/widget/compare/main...main")
        .await
        .json();
    assert_eq!(
        (same["status"].as_str(), same["total_commits"].as_u64()),
        (Some("identical"), Some(0))
    );
    assert_eq!(
        stage
            .get("/repos/acme/widget/compare/main...nowhere")
            .await
            .status,
        404
    );
}

#[tokio::test(start_paused = true)]
async fn a_renamed_repository_redirects_by_its_id() {
    let stage = Stage::instant();
    stage.sim.world().rename_repo(stage.repo, "gadget");
    let moved = stage.get("/repos/acme/widget/pulls?state=all").await;
    assert_eq!(
        (moved.status.as_u16(), moved.message().as_str()),
        (301, "Moved Permanently")
    );
    let to = moved
        .header("location")
        .unwrap()
        .strip_prefix("http://gh.test")
        .unwrap();
    assert_eq!(to, format!("/repositories/{}/pulls?state=all", stage.repo));
    assert_eq!(numbers(&stage.get(to).await.json(), "number"), [4, 3, 2, 1]);
    assert_eq!(
        stage.get("/repos/acme/gadget").await.json()["id"].as_u64(),
        Some(stage.repo)
    );
    assert_eq!(
        stage
            .send(post("/repos/acme/widget/issues", &json!({})))
            .await
            .unwrap()
            .status,
        307
    );
}

#[tokio::test(start_paused = true)]
async fn an_account_lists_its_repositories() {
    let stage = Stage::instant();
    let org = stage.sim.world().account_named("acme").unwrap().id;
    tokio::time::advance(Duration::from_secs(60)).await;
    stage.sim.world().create_repo(org, "anvil");
    let names = async |path: &str| {
        let list = stage.get(path).await.json();
        list.as_array()
            .unwrap()
            .iter()
            .map(|repo| repo["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names("/orgs/acme/repos").await,
        ["anvil", "widget"],
        "newest first"
    );
    assert_eq!(
        names("/orgs/acme/repos?sort=full_name&direction=desc").await,
        ["widget", "anvil"]
    );
    assert_eq!(
        names("/users/acme/repos").await,
        ["anvil", "widget"],
        "by name"
    );
    assert_eq!(names("/users/alice/repos").await, [""; 0]);
    assert_eq!(stage.get("/orgs/alice/repos").await.status, 404);
    assert_eq!(stage.get("/orgs/ACME").await.json()["login"], "acme");
    assert_eq!(
        stage.get("/users/renovate%5Bbot%5D").await.json()["login"],
        "renovate[bot]"
    );
}

#[tokio::test(start_paused = true)]
async fn head_is_get_without_a_body() {
    let stage = Stage::instant();
    let mut request = get("/repos/acme/widget");
    *request.method_mut() = http::Method::HEAD;
    let head = stage.send(request).await.unwrap();
    let whole = stage.get("/repos/acme/widget").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("etag"), whole.header("etag"));
    assert_eq!(
        head.number("content-length"),
        i64::try_from(whole.body.len()).ok()
    );
}

#[tokio::test(start_paused = true)]
async fn unknown_addresses_and_methods_are_missing() {
    let stage = Stage::instant();
    assert_eq!(stage.get("/").await.status, 404);
    assert_eq!(stage.get("/repos/acme").await.status, 404);
    let mut request = get("/repos/acme/widget");
    *request.method_mut() = http::Method::DELETE;
    let answer = stage.send(request).await.unwrap();
    assert_eq!(
        answer.json(),
        json!({"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"})
    );
}

#[tokio::test(start_paused = true)]
async fn an_enterprise_server_keeps_its_api_under_a_prefix() {
    let stage = Stage::instant();
    let repo = stage.get("/api/v3/repos/acme/widget").await.json();
    assert_eq!(repo["url"], "http://gh.test/api/v3/repos/acme/widget");
    let query = json!({"query": "{ viewer { login } }"});
    assert_eq!(
        stage
            .send(post("/api/graphql", &query))
            .await
            .unwrap()
            .json()["data"]["viewer"]["login"],
        "sim-reader"
    );
}
