//! Lists to their end, and what each document says of a world, held against the truth.

use std::collections::BTreeMap;

use github::{Client, Lane, Person, graphql, page, rest};
use github_sim::world::Found;
use quota::Policy;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::lab::{Lab, limit, minutes};

async fn all<T: DeserializeOwned>(client: &Client, first: github::Request) -> Vec<T> {
    let (mut items, mut next) = (Vec::new(), Some(first));
    while let Some(request) = next.take() {
        let response = client.send(Lane::Scheduled, request).await.unwrap();
        items.extend(response.json::<Vec<T>>().unwrap());
        next = page::next(&response).unwrap();
    }
    items
}

async fn ask<T: DeserializeOwned>(client: &Client, document: &'static str, variables: &Value) -> T {
    client
        .graphql(Lane::Scheduled, document, variables)
        .await
        .unwrap()
        .data
}

/// A lab in which a scrape may spend so much, and knows it.
async fn above_the_reserve(requests: u64) -> Lab {
    let lab = Lab::with(limit(100)).paced(Policy::Even);
    lab.others_spend(60 - requests - 1).await;
    let first = rest::users::org("acme").unconditional();
    lab.with_token().send(Lane::Live, first).await.unwrap();
    assert_eq!(lab.bucket("core").remaining, Some(40 + requests));
    lab.sim.observer().reset();
    lab
}

#[tokio::test(start_paused = true)]
async fn the_first_pages_of_lists_in_parallel_pass_the_gate() {
    for room in [0, 5] {
        let lab = above_the_reserve(room).await;
        let client = lab.with_token();
        let repos = lab.sim.truth().repos;
        let first_pages: Vec<_> = repos
            .iter()
            .map(|repo| {
                let (client, page) = (client.clone(), rest::comments::of_repo("acme", &repo.name));
                tokio::spawn(async move { client.send(Lane::Scheduled, page).await.unwrap() })
            })
            .collect();
        assert_eq!(first_pages.len(), 12);
        minutes(10).await;
        assert_eq!(lab.summary().total.requests, room);
        let report = lab.governor.gate("lab").report();
        let waiting: usize = report.waiting.iter().map(|line| line.requests).sum();
        assert_eq!((waiting as u64, report.quota.in_flight), (12 - room, 0));
        for page in first_pages {
            page.await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_takes_one_leave_for_each_page_and_none_after_the_last() {
    for pages in [1, 3] {
        let lab = above_the_reserve(pages).await;
        let client = lab.with_token();
        let talk = |repo: &github_sim::truth::TruthRepo| {
            repo.comments.iter().filter(|one| one.on != "diff").count() as u64
        };
        let repos = lab.sim.truth().repos;
        let repo = repos.iter().find(|repo| (9..=90).contains(&talk(repo)));
        let repo = repo.unwrap();
        let of_a_page = talk(repo).div_ceil(pages);
        let list = github::Request::get(format!(
            "/repos/acme/{}/issues/comments?per_page={of_a_page}",
            repo.name
        ));
        let begun = tokio::time::Instant::now();
        let listed: Vec<Value> = all(&client, list).await;
        assert_eq!(listed.len() as u64, talk(repo));
        assert!(begun.elapsed().as_secs() < 1, "{:?}", begun.elapsed());
        assert_eq!(lab.summary().total.requests, pages);
        // Every leave was used: whatever comes next waits.
        let one_more = rest::users::org("acme").unconditional();
        let one_more = client.send(Lane::Scheduled, one_more);
        let waited = tokio::time::timeout(std::time::Duration::from_secs(60), one_more);
        assert!(waited.await.is_err());
    }
}

fn busiest(lab: &Lab) -> github_sim::truth::TruthRepo {
    lab.sim
        .truth()
        .repos
        .into_iter()
        .max_by_key(|repo| repo.commits.len())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_comment_is_listed_once_over_all_pages() {
    let lab = Lab::new();
    let client = lab.with_token();
    for repo in lab.sim.truth().repos {
        let talk: Vec<rest::comments::IssueComment> =
            all(&client, rest::comments::of_repo("acme", &repo.name)).await;
        let diff: Vec<rest::review_comments::ReviewComment> =
            all(&client, rest::review_comments::of_repo("acme", &repo.name)).await;
        let on = |one: &rest::comments::IssueComment| match one.conversation() {
            rest::comments::Conversation::Issue => "issue",
            rest::comments::Conversation::Pull => "pull",
        };
        let mut listed: Vec<_> = talk
            .iter()
            .map(|one| {
                (
                    on(one),
                    one.id,
                    Person::from_rest(one.user.as_ref()).login,
                    one.created_at,
                )
            })
            .chain(diff.iter().map(|one| {
                (
                    "diff",
                    one.id,
                    Person::from_rest(one.user.as_ref()).login,
                    one.created_at,
                )
            }))
            .collect();
        let mut truth: Vec<_> = repo
            .comments
            .iter()
            .map(|one| (one.on, one.id, one.author.clone(), one.at))
            .collect();
        listed.sort();
        truth.sort();
        assert_eq!(listed, truth, "{}", repo.name);
    }
}

#[tokio::test(start_paused = true)]
async fn the_history_of_a_branch_is_read_whole_with_its_authors() {
    let lab = Lab::new();
    let client = lab.with_token();
    let truth = busiest(&lab);
    let head: graphql::CommitsHead = ask(
        &client,
        graphql::HEAD,
        &json!({ "owner": "acme", "name": truth.name }),
    )
    .await;
    let branch = head.repository.unwrap().default_branch_ref.unwrap();
    assert_eq!(
        (branch.head(), branch.name.as_str()),
        (truth.head.as_deref(), truth.default_branch.as_str())
    );
    let total = branch.target.as_ref().unwrap().history.unwrap().total_count;
    assert_eq!(total as usize, truth.commits.len());

    let (mut read, mut after) = (Vec::new(), None::<String>);
    loop {
        let variables = json!({ "owner": "acme", "name": truth.name, "head": branch.head(), "first": 40, "after": after });
        let commits: graphql::Commits = ask(&client, graphql::COMMITS, &variables).await;
        let history = commits.repository.unwrap().object.unwrap().history.unwrap();
        read.extend(history.nodes.iter().map(|one| {
            (
                one.oid.clone(),
                one.committed_date,
                Person::author_of(one).login,
            )
        }));
        after = history.next().map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<_> = truth
        .commits
        .iter()
        .map(|one| (one.oid.clone(), one.at, one.author.clone()))
        .collect();
    assert_eq!(read, expected);
}

#[tokio::test(start_paused = true)]
async fn pull_requests_and_issues_come_with_their_reviews_and_closes() {
    let lab = Lab::new();
    let client = lab.with_token();
    let truth = busiest(&lab);
    let variables = json!({ "owner": "acme", "name": truth.name, "first": 100 });

    let pulls: graphql::Pulls = ask(&client, graphql::PULLS, &variables).await;
    let pulls = pulls.repository.unwrap().pull_requests;
    assert_eq!(pulls.total_count as usize, truth.pulls.len());
    let by_number: BTreeMap<u64, _> = truth.pulls.iter().map(|pull| (pull.number, pull)).collect();
    for pull in &pulls.nodes {
        let expected = by_number[&pull.number];
        let author = Person::from_graphql(pull.author.as_ref()).login;
        assert_eq!((pull.database_id, &author), (expected.id, &expected.author));
        assert_eq!(
            (pull.merged_at, pull.closed_at),
            (expected.merged_at, expected.closed_at)
        );
        let reviews = truth
            .reviews
            .iter()
            .filter(|review| review.number == pull.number)
            .count();
        assert_eq!(pull.reviews.nodes.len(), reviews);
        assert_eq!(pull.timeline_items.unreadable, 0);
    }

    let issues: graphql::Issues = ask(&client, graphql::ISSUES, &variables).await;
    let issues = issues.repository.unwrap().issues;
    assert_eq!(issues.total_count as usize, truth.issues.len());
    for issue in &issues.nodes {
        let expected = truth
            .issues
            .iter()
            .find(|one| one.number == issue.number)
            .unwrap();
        assert_eq!(
            (issue.database_id, issue.closed_at),
            (expected.id, expected.closed_at)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_nested_list_can_be_asked_for() {
    let lab = Lab::new();
    let client = lab.with_token();
    let truth = lab
        .sim
        .truth()
        .repos
        .into_iter()
        .find(|repo| !repo.reviews.is_empty())
        .unwrap();
    let number = truth.reviews[0].number;
    let variables = json!({ "owner": "acme", "name": truth.name, "number": number });
    let reviews: graphql::PullReviews = ask(&client, graphql::PULL_REVIEWS, &variables).await;
    let reviews = reviews.repository.unwrap().pull_request.unwrap().reviews;
    let expected = truth
        .reviews
        .iter()
        .filter(|review| review.number == number)
        .count();
    assert_eq!(reviews.nodes.len(), expected);
    let timeline: graphql::PullTimeline = ask(&client, graphql::PULL_TIMELINE, &variables).await;
    assert!(timeline.repository.unwrap().pull_request.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_renamed_repository_is_found_through_githubs_redirect() {
    let lab = Lab::new();
    let client = lab.with_token();
    let name = lab.repo();
    {
        let mut world = lab.sim.world();
        let Some(Found::Here(found)) = world.find_repo("acme", &name) else {
            panic!("it is there")
        };
        let id = found.id;
        world.rename_repo(id, "renamed");
    }
    let response = client
        .send(Lane::Interactive, rest::repos::repo("acme", &name))
        .await
        .unwrap();
    assert_eq!(
        response.json::<rest::repos::Repo>().unwrap().name,
        "renamed"
    );
    let comments: Vec<rest::comments::IssueComment> =
        all(&client, rest::comments::of_repo("acme", &name)).await;
    assert!(!comments.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_nobody_knows_is_absent_and_a_repository_not_found() {
    let lab = Lab::new();
    let client = lab.with_token();
    let variables = json!({ "owner": "nobody-here", "first": 1 });
    match client
        .graphql::<graphql::Probe>(Lane::Interactive, graphql::PROBE, &variables)
        .await
    {
        Ok(answer) => assert!(answer.data.repository_owner.is_none()),
        Err(error) => assert!(error.is_not_found(), "{error}"),
    }
    let variables = json!({ "owner": "acme", "name": "nothing-here" });
    let error = client
        .graphql::<graphql::CommitsHead>(Lane::Interactive, graphql::HEAD, &variables)
        .await
        .unwrap_err();
    assert!(error.is_not_found(), "{error}");
}
