//! Equal GETs under way at the same time are one request: who shares whose answer, and who never does.

use std::time::Duration;

use github::request::Origin;
use github::rest::comments::{IssueComment, of_repo};
use github::{Client, Error, Lane, Request, Response, page, rest};
use github_sim::SimConfig;
use github_sim::fault::{Action, Matcher, Rule};
use github_sim::limit::RefusalStatus;
use github_sim::world::Found;
use quota::CredentialQuota;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::lab::{Lab, settle, status, token};

/// Asks from a task of its own.
fn ask(client: &Client, lane: Lane, request: Request) -> JoinHandle<Result<Response, Error>> {
    let client = client.clone();
    tokio::spawn(async move { client.send(lane, request).await })
}

/// Nobody may go for a minute, so that all that is asked meanwhile is asked at once.
fn close_for_a_minute(lab: &Lab) {
    let gate = lab.governor.gate("lab");
    gate.close(lab.sim.clock().now() + Duration::from_secs(60));
}

fn org() -> Request {
    rest::users::org("acme")
}

fn requests(lab: &Lab) -> u64 {
    lab.summary().total.requests
}

/// The answers of those that succeed.
async fn answers(asked: Vec<JoinHandle<Result<Response, Error>>>) -> Vec<Response> {
    let mut answers = Vec::new();
    for asked in asked {
        answers.extend(asked.await.unwrap());
    }
    answers
}

fn ids(response: &Response) -> Vec<u64> {
    let comments: Vec<IssueComment> = response.json().unwrap();
    comments.iter().map(|comment| comment.id).collect()
}

/// Writes a comment.
fn write(lab: &Lab, repo: &str) -> u64 {
    let truth = lab.sim.truth();
    let known = truth.repos.iter().find(|one| one.name == repo).unwrap();
    let number = known
        .comments
        .iter()
        .find(|one| one.on != "diff")
        .unwrap()
        .number;
    let mut world = lab.sim.world();
    let Some(Found::Here(found)) = world.find_repo("acme", repo) else {
        panic!("it is there")
    };
    let id = found.id;
    world.comment(id, number, None, "one more")
}

#[tokio::test(start_paused = true)]
async fn a_hundred_equal_gets_of_five_lanes_at_once_are_one_request_and_a_hundred_answers() {
    let lab = Lab::new();
    let client = lab.with_token();
    close_for_a_minute(&lab);
    let asked = (0..100)
        .map(|n| ask(&client, Lane::ALL[n % 5], org()))
        .collect();
    let answers = answers(asked).await;
    assert_eq!(answers.len(), 100);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    let total = lab.summary().total;
    assert_eq!((total.requests, total.cost, total.points), (1, 1, 1));
    assert_eq!(client.stats().coalesced["acme"], 99);
    let gate = lab.governor.gate("lab");
    let quota = gate.report().quota;
    assert_eq!(quota.in_flight, 0);
    let used: Vec<Option<u64>> = quota.resources.iter().map(|one| one.used).collect();
    assert_eq!(used, [Some(1)]);
    let points = gate.with_quota(CredentialQuota::share).rest_points;
    assert_eq!(points, 1, "leave that was given back unsent takes none");
}

#[tokio::test(start_paused = true)]
async fn what_is_late_joins_what_is_in_the_air() {
    let lab = Lab::new();
    let client = lab.with_token();
    lab.strikes(Rule::always(Action::Delay { ms: 3_000 }).times(1));
    let first = ask(&client, Lane::Live, org());
    settle().await;
    let late = [Lane::Scheduled, Lane::Backfill, Lane::Bulk].map(|lane| ask(&client, lane, org()));
    let asked = late.into_iter().chain([first]).collect();
    assert_eq!(answers(asked).await.len(), 4);
    assert_eq!(requests(&lab), 1);
}

/// A lab of which what bulk may spend is spent.
async fn at_the_reserve() -> (Lab, Client) {
    let mut config = SimConfig::default();
    config.rules.limits.primary.user = 100;
    let lab = Lab::with(config);
    let client = lab.with_token();
    for _ in 0..70 {
        client
            .send(Lane::Live, org().unconditional())
            .await
            .unwrap();
    }
    (lab, client)
}

#[tokio::test(start_paused = true)]
async fn a_live_get_for_what_a_bulk_get_waits_to_send_goes_at_once_and_serves_it() {
    let (lab, client) = at_the_reserve().await;
    let bulk = ask(&client, Lane::Bulk, org());
    sleep(Duration::from_secs(60)).await;
    assert!(!bulk.is_finished());
    let (begun, before) = (Instant::now(), requests(&lab));
    client.send(Lane::Live, org()).await.unwrap();
    bulk.await.unwrap().unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(requests(&lab) - before, 1);
    let report = lab.governor.gate("lab").report();
    assert!(report.waiting.is_empty(), "{:?}", report.waiting);
    assert_eq!(report.quota.in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_live_get_does_not_take_an_answer_that_was_sent_before_it_came() {
    for lane in [Lane::Live, Lane::Interactive] {
        let lab = Lab::new();
        let (client, repo) = (lab.with_token(), lab.repo());
        lab.strikes(
            Rule::always(Action::Trickle {
                pieces: 5,
                pause_ms: 2_000,
            })
            .times(1),
        );
        let early =
            [Lane::Bulk, Lane::Scheduled].map(|lane| ask(&client, lane, of_repo("acme", &repo)));
        // GitHub has made its answer, which is on its way still.
        sleep(Duration::from_secs(3)).await;
        let news = write(&lab, &repo);
        let begun = Instant::now();
        let told = client.send(lane, of_repo("acme", &repo)).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1));
        assert!(ids(&told).contains(&news));
        // The sender has its own answer, which is older; whoever waited for it has the newer one at once.
        let [sender, joined] = early;
        assert!(ids(&joined.await.unwrap().unwrap()).contains(&news));
        assert!(begun.elapsed() < Duration::from_secs(1));
        assert!(!ids(&sender.await.unwrap().unwrap()).contains(&news));
        assert_eq!(requests(&lab), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_is_dropped_leaves_the_others_to_go_on() {
    let lab = Lab::new();
    let client = lab.with_token();
    lab.strikes(Rule::always(Action::Delay { ms: 10_000 }).times(1));
    let sender = ask(&client, Lane::Scheduled, org());
    settle().await;
    let others: Vec<_> = (0..9)
        .map(|_| ask(&client, Lane::Scheduled, org()))
        .collect();
    sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    sender.abort();
    assert_eq!(answers(others).await.len(), 9);
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(requests(&lab), 2);
    assert_eq!(client.stats().coalesced["acme"], 8);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_fails_fails_nobody_else() {
    // The first tells its sender that it failed; the others are tried again.
    for (failure, succeed) in [(status(404), 9), (status(502), 10), (Action::Reset, 10)] {
        let lab = Lab::new();
        let client = lab.with_token();
        close_for_a_minute(&lab);
        lab.strikes(Rule::always(failure.clone()).times(1));
        let asked: Vec<_> = (0..10)
            .map(|_| ask(&client, Lane::Interactive, org()))
            .collect();
        assert_eq!(answers(asked).await.len(), succeed, "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_everybody_fails_everybody_in_the_time_that_two_take() {
    let lab = Lab::new();
    let client = lab.with_token();
    lab.strikes(Rule::always(Action::Delay { ms: 1_000 }));
    // Scrapes wait for the first answer of all, so that all of these are asked at once.
    let first = ask(&client, Lane::Scheduled, org());
    settle().await;
    let asked: Vec<_> = (0..30)
        .map(|_| ask(&client, Lane::Scheduled, rest::users::org("nobody-here")))
        .collect();
    first.await.unwrap().unwrap();
    let begun = Instant::now();
    for asked in asked {
        assert!(asked.await.unwrap().unwrap_err().is_not_found());
    }
    assert!(
        begun.elapsed() < Duration::from_millis(2_500),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_sender_waits_with_the_others_and_one_of_them_goes_for_all() {
    let lab = Lab::new();
    let client = lab.with_token();
    let limit = Action::SecondaryLimit {
        seconds: 90,
        retry_after: true,
        status: RefusalStatus::Forbidden,
        claims_exhaustion: false,
    };
    lab.strikes(Rule::always(limit).times(1));
    close_for_a_minute(&lab);
    let asked = (0..20)
        .map(|n| ask(&client, Lane::ALL[n % 5], org()))
        .collect();
    assert_eq!(answers(asked).await.len(), 20);
    assert_eq!(requests(&lab), 2);
    lab.assert_nothing_sent_into_a_block();
}

#[tokio::test(start_paused = true)]
async fn different_questions_and_different_credentials_are_never_mixed() {
    let lab = Lab::new();
    lab.sim.credentials().grant("another", "sim-reader");
    let repo = lab.repo();
    let (client, another) = (lab.with_token(), lab.client(token("another")));
    lab.strikes(Rule::always(Action::Delay { ms: 1_000 }));
    close_for_a_minute(&lab);
    let page = |page: u64| {
        Request::get(format!(
            "/repos/acme/{repo}/issues/comments?per_page=1&page={page}"
        ))
        .unconditional()
    };
    let asked = [
        ask(&client, Lane::Bulk, page(1)),
        ask(&client, Lane::Bulk, page(2)),
        ask(&another, Lane::Bulk, page(1)),
        ask(
            &client,
            Lane::Bulk,
            Request::get(format!(
                "/repos/acme/{repo}/issues/comments?per_page=1&page=1"
            )),
        ),
    ];
    let answers = answers(asked.into()).await;
    assert_ne!(ids(&answers[0]), ids(&answers[1]));
    assert_eq!(ids(&answers[0]), ids(&answers[2]));
    assert_eq!(requests(&lab), 4);
    assert!(client.stats().coalesced.is_empty() && another.stats().coalesced.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_shared_answer_is_the_askers_own_in_all_but_its_body() {
    let lab = Lab::new();
    let (client, repo) = (lab.with_token(), lab.repo());
    close_for_a_minute(&lab);
    let list = || Request::get(format!("/repos/acme/{repo}/issues/comments?per_page=1"));
    let asked = vec![
        ask(&client, Lane::Scheduled, list().named("/sender")),
        ask(
            &client,
            Lane::Scheduled,
            list().named("/other").for_org("elsewhere"),
        ),
    ];
    let answers = answers(asked).await;
    assert!(answers.iter().all(|answer| answer.origin == Origin::Sent));
    assert_eq!(client.stats().coalesced["elsewhere"], 1);
    let next = page::next(&answers[1]).unwrap().unwrap();
    client.send(Lane::Scheduled, next).await.unwrap();
    let sent: Vec<_> = client
        .stats()
        .requests
        .into_keys()
        .map(|sent| (sent.org, sent.endpoint))
        .collect();
    assert_eq!(
        sent,
        [
            ("acme".to_owned(), "/sender"),
            ("elsewhere".to_owned(), "/other")
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_followed_by_each_and_its_target_is_asked_for_once() {
    let lab = Lab::new();
    let (client, name) = (lab.with_token(), lab.repo());
    {
        let mut world = lab.sim.world();
        let Some(Found::Here(found)) = world.find_repo("acme", &name) else {
            panic!("it is there")
        };
        let id = found.id;
        world.rename_repo(id, "renamed");
    }
    close_for_a_minute(&lab);
    let asked = (0..10)
        .map(|_| ask(&client, Lane::Interactive, rest::repos::repo("acme", &name)))
        .collect();
    for answer in answers(asked).await {
        assert_eq!(answer.json::<rest::repos::Repo>().unwrap().name, "renamed");
    }
    let moved = lab.summary().by_status[&301];
    let found = requests(&lab) - moved;
    assert!(moved <= 10 && found <= 2, "{moved} moved, {found} found");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_is_not_shared() {
    let lab = Lab::new();
    let client = lab.with_token();
    lab.strikes(
        Rule::always(Action::Truncate { keep: Some(10) })
            .when(Matcher::path("/orgs/acme"))
            .times(1),
    );
    close_for_a_minute(&lab);
    let asked = (0..10).map(|_| ask(&client, Lane::Bulk, org())).collect();
    let answers = answers(asked).await;
    assert_eq!(answers.len(), 10);
    for answer in answers {
        assert_eq!(answer.json::<rest::User>().unwrap().login, "acme");
    }
}
