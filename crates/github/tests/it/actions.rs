//! Workflow runs with their jobs, releases and teams: lists read to where they are known, held against the truth.

use std::collections::{BTreeMap, BTreeSet};

use github::rest::runs::{Run, RunList};
use github::rest::{jobs, releases, runs, teams};
use github::{Client, Error, Lane, Person};
use github_sim::world::{Conclusion, Found, RepoId, Trigger};
use jiff::{SignedDuration, Timestamp};

use crate::lab::{Lab, minutes};

const REPO: &str = "busy";
const LIST: &str = "GET /repos/{owner}/{repo}/actions/runs";

/// A lab with an empty repository whose workflow has two jobs.
struct Stage {
    lab: Lab,
    client: Client,
    repo: RepoId,
    workflow: u64,
}

impl Stage {
    fn new() -> Stage {
        let lab = Lab::new();
        let (repo, workflow) = {
            let mut world = lab.sim.world();
            let org = world.account_named("acme").unwrap().id;
            let repo = world.create_repo(org, REPO);
            let ada = world
                .account(world.account(org).unwrap().members[0])
                .unwrap()
                .id;
            let commit = github_sim::world::NewCommit::by(world.identity(ada));
            world.push(repo, "main", vec![commit]);
            (repo, world.add_workflow(repo, "CI", &["lint", "test"]))
        };
        let client = lab.with_token();
        Stage {
            lab,
            client,
            repo,
            workflow,
        }
    }

    fn start(&self) -> u64 {
        let mut world = self.lab.sim.world();
        world.start_run(self.repo, self.workflow, Trigger::Push, "main", None)
    }

    fn finish(&self, run: u64) {
        self.lab
            .sim
            .world()
            .end_run(self.repo, run, Conclusion::Success);
    }

    fn now(&self) -> Timestamp {
        self.lab.sim.clock().now()
    }

    async fn poll(&self, since: Timestamp) -> RunList {
        let first = runs::of_repo("acme", REPO);
        self.client
            .runs(Lane::Scheduled, first, Some(since))
            .await
            .unwrap()
    }

    /// Requests for the list since this was asked last, and how many of them were free.
    fn asked(&self) -> (u64, u64) {
        let sum = self.lab.summary().endpoint(LIST);
        self.lab.sim.observer().reset();
        (sum.requests, sum.not_modified)
    }
}

fn ids(list: &RunList) -> Vec<u64> {
    list.runs.iter().map(|run| run.id).collect()
}

#[tokio::test(start_paused = true)]
async fn every_run_and_job_of_a_world_is_read_as_it_is() {
    let lab = Lab::new();
    let client = lab.with_token();
    let truth = lab.sim.truth();
    let mut read = 0;
    let enabled = truth.repos.iter().filter(|repo| repo.actions_enabled);
    for repo in enabled.take(4) {
        let first = runs::of_repo("acme", &repo.name);
        let since = lab.sim.clock().now() - SignedDuration::from_hours(48);
        let list = client
            .runs(Lane::Backfill, first, Some(since))
            .await
            .unwrap();
        let newest = repo.runs.iter().rev().map(|run| run.id);
        assert_eq!(ids(&list), newest.take(list.runs.len()).collect::<Vec<_>>());
        let beyond = repo.runs.iter().rev().nth(list.runs.len());
        assert!(
            beyond.is_none_or(|run| run.created_at < since),
            "{beyond:?}"
        );
        assert_eq!(list.total as usize, repo.runs.len());
        assert_eq!((list.unreadable, list.is_cut_short), (0, false));
        let known: BTreeMap<u64, _> = repo.runs.iter().map(|run| (run.id, run)).collect();
        for run in &list.runs {
            let latest = known[&run.id].attempts.last().unwrap();
            assert_eq!(run.workflow(), known[&run.id].workflow);
            assert_eq!(
                (run.run_attempt, run.started_at()),
                (latest.number, latest.started_at)
            );
            assert_eq!(run.conclusion.as_deref(), latest.conclusion);
            assert_eq!(run.is_finished(), latest.status == "completed");
            assert_eq!(Person::from_rest(run.by()).login, latest.actor);
        }
        for run in list.runs.iter().filter(|run| run.is_finished()).take(20) {
            for attempt in &known[&run.id].attempts {
                let first = jobs::of_attempt("acme", &repo.name, run.id, attempt.number);
                let jobs = client.jobs(Lane::Backfill, first).await.unwrap().jobs;
                let took: Vec<_> = jobs.iter().map(took).collect();
                let expected: Vec<_> = attempt
                    .jobs
                    .iter()
                    .map(|job| (job.id, job.queue_seconds.zip(job.run_seconds)))
                    .collect();
                assert_eq!(took, expected);
                let first = runs::attempt("acme", &repo.name, run.id, attempt.number);
                let as_it_was = client.send(Lane::Backfill, first).await.unwrap();
                let as_it_was: Run = as_it_was.json().unwrap();
                let timing = as_it_was.timing(&jobs).unwrap();
                assert_eq!(Some(timing.completed_at), attempt.completed_at);
                assert_eq!(as_it_was.conclusion.as_deref(), attempt.conclusion);
                read += 1;
            }
        }
    }
    assert!(read > 30, "{read} attempts");
}

fn took(job: &jobs::Job) -> (u64, Option<(i64, i64)>) {
    let signed = |seconds: u64| i64::try_from(seconds).unwrap();
    let took = job
        .timing()
        .map(|took| (signed(took.queue_seconds), signed(took.run_seconds)));
    (job.id, took)
}

#[tokio::test(start_paused = true)]
async fn a_poll_without_news_is_one_free_request() {
    let stage = Stage::new();
    let start = stage.now();
    for _ in 0..50 {
        let run = stage.start();
        stage.finish(run);
    }
    assert_eq!(stage.poll(start).await.runs.len(), 50);
    assert_eq!(stage.asked(), (3, 1), "two pages, and the first once more");
    minutes(15).await;
    let since = stage.now();
    let again = stage.poll(since).await;
    assert_eq!(stage.asked(), (1, 1));
    assert_eq!(again.runs.len(), 30, "a page is taken whole");
}

#[tokio::test(start_paused = true)]
async fn a_poll_stops_at_what_is_known_and_says_what_has_to_stay_listed() {
    let stage = Stage::new();
    let slow = stage.start();
    for _ in 0..40 {
        let run = stage.start();
        stage.finish(run);
    }
    let list = stage.poll(stage.now() - SignedDuration::from_mins(1)).await;
    let unfinished: Vec<u64> = list.unfinished().map(|run| run.id).collect();
    assert_eq!(unfinished, [slow]);

    minutes(15).await;
    let since = stage.now();
    let new = stage.start();
    stage.finish(new);
    stage.finish(slow);
    stage.asked();
    let list = stage.poll(since).await;
    assert_eq!(stage.asked(), (1, 0), "the second page is known");
    assert_eq!(ids(&list)[0], new);
    // What ended behind the known has to be asked for by itself, and only that.
    assert_eq!(list.absent([slow, new]), [slow]);
    let one = runs::run("acme", REPO, slow);
    let one: Run = stage
        .client
        .send(Lane::Scheduled, one)
        .await
        .unwrap()
        .json()
        .unwrap();
    assert!(one.is_finished());
    stage.finish(slow);
    let again = runs::run("acme", REPO, slow);
    let again = stage.client.send(Lane::Scheduled, again).await.unwrap();
    assert_eq!(again.origin, github::request::Origin::Confirmed);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_started_anew_is_seen_while_it_is_listed() {
    let stage = Stage::new();
    let run = stage.start();
    stage
        .lab
        .sim
        .world()
        .end_run(stage.repo, run, Conclusion::Failure);
    let since = stage.now();
    let before = stage.poll(since).await;
    assert_eq!(
        (before.runs[0].run_attempt, before.runs[0].is_finished()),
        (1, true)
    );
    minutes(5).await;
    stage.lab.sim.world().rerun(stage.repo, run, None);
    let after = stage.poll(since).await;
    assert_eq!(
        (after.runs[0].run_attempt, after.runs[0].is_finished()),
        (2, false)
    );
    let all = jobs::of_run("acme", REPO, run);
    let jobs = stage.client.jobs(Lane::Scheduled, all).await.unwrap().jobs;
    let attempts: Vec<_> = jobs
        .iter()
        .map(|job| (job.run_attempt, job.is_finished()))
        .collect();
    assert_eq!(attempts, [(1, true), (1, true), (2, false), (2, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_deleted_while_pages_are_read_hides_no_other() {
    let stage = Stage::new();
    let mut started: Vec<u64> = (0..70).map(|_| stage.start()).collect();
    started.reverse();
    let list = {
        let first = runs::of_repo("acme", REPO);
        let reading = stage.client.runs(Lane::Scheduled, first, None);
        let deleting = async {
            while stage.lab.summary().endpoint(LIST).requests < 1 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            let mut world = stage.lab.sim.world();
            world.repo_mut(stage.repo).runs.remove(&started[0]);
        };
        tokio::join!(reading, deleting).0.unwrap()
    };
    let read: BTreeSet<u64> = ids(&list).into_iter().collect();
    assert!(
        started[1..].iter().all(|run| read.contains(run)),
        "{read:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_window_is_read_whole_or_said_to_be_cut_short() {
    let stage = Stage::new();
    let start = stage.now();
    let mut runs_of_minute = Vec::new();
    for _ in 0..3 {
        runs_of_minute.push((0..120).map(|_| stage.start()).collect::<Vec<_>>());
        minutes(1).await;
    }
    let minute = |n: i64| start + SignedDuration::from_mins(n);
    let window = |from: i64, until: i64| runs::within("acme", REPO, minute(from), minute(until));
    let read = async |first| {
        stage
            .client
            .runs(Lane::Backfill, first, None)
            .await
            .unwrap()
    };
    let list = read(window(1, 2)).await;
    let mut listed = ids(&list);
    listed.sort_unstable();
    assert_eq!(
        (listed, list.is_cut_short),
        (runs_of_minute[1].clone(), false)
    );
    assert!(read(window(7, 8)).await.runs.is_empty());
    for _ in 0..700 {
        stage.start();
    }
    stage.asked();
    let list = read(window(0, 60)).await;
    assert_eq!(
        (list.runs.len(), list.total, list.is_cut_short),
        (1_000, 1_060, true)
    );
    assert_eq!(stage.asked(), (10, 0), "a window is read once");
    let rest = read(window(3, 60)).await;
    assert_eq!((rest.runs.len(), rest.is_cut_short), (700, false));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_says_why() {
    let stage = Stage::new();
    let client = &stage.client;
    let ask = async || {
        let first = runs::of_repo("acme", REPO);
        client.runs(Lane::Scheduled, first, None).await.unwrap_err()
    };
    let shown = |error: &Error| (error.is_forbidden(), error.is_gone());
    stage.lab.sim.credentials().withhold("actions", true);
    assert_eq!(shown(&ask().await), (true, false));
    stage.lab.sim.credentials().withhold("actions", false);
    stage.lab.sim.world().enable_actions(stage.repo, false);
    assert_eq!(shown(&ask().await), (false, true));
    stage.lab.sim.credentials().withhold("members", true);
    let teams = client.teams(Lane::Scheduled, teams::of_org("acme")).await;
    assert!(teams.unwrap_err().is_forbidden());
}

#[tokio::test(start_paused = true)]
async fn releases_are_read_to_where_they_are_known_and_drafts_told_apart() {
    let lab = Lab::new();
    let truth = lab.sim.truth();
    let repo = truth
        .repos
        .iter()
        .max_by_key(|repo| repo.releases.len())
        .unwrap();
    let client = lab.with_token();
    let list = releases::of_repo("acme", &repo.name);
    let listed = client.releases(Lane::Scheduled, list, None).await.unwrap();
    let read: Vec<_> = listed
        .releases
        .iter()
        .map(|one| {
            (
                one.id,
                one.published(),
                Person::from_rest(one.author.as_ref()).login,
            )
        })
        .collect();
    let expected: Vec<_> = repo
        .releases
        .iter()
        .filter(|one| one.published_at.is_some())
        .map(|one| (one.id, one.published_at, one.author.clone()))
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(read, expected);

    // A hundred and fifty of them on two pages, of which the second is old.
    let id = {
        let mut world = lab.sim.world();
        let Some(Found::Here(found)) = world.find_repo("acme", &repo.name) else {
            panic!("it is there")
        };
        let (id, member) = (found.id, world.account_named("acme").unwrap().members[0]);
        let login = world.account(member).unwrap().login.clone();
        lab.sim.credentials().grant("member", &login);
        for n in 0..150 {
            world.release(id, &format!("v8.{n}.0"), member);
        }
        id
    };
    minutes(60).await;
    let since = lab.sim.clock().now();
    lab.sim.world().draft_release(id, "v9.0.0", None);
    lab.sim.observer().reset();
    let member = lab.client(crate::lab::token("member"));
    let list = releases::of_repo("acme", &repo.name);
    let polled = member
        .releases(Lane::Scheduled, list, Some(since))
        .await
        .unwrap();
    assert_eq!(polled.releases.len(), 100);
    assert_eq!(lab.summary().total.requests, 1);
    let drafts: Vec<_> = polled
        .releases
        .iter()
        .filter(|one| one.published().is_none())
        .collect();
    assert_eq!((drafts.len(), drafts[0].tag_name.as_str()), (1, "v9.0.0"));
    let list = releases::of_repo("acme", &repo.name);
    let whole = member.releases(Lane::Scheduled, list, None).await.unwrap();
    assert_eq!(
        whole.releases.len(),
        expected.len() + 151 + drafts_before(repo)
    );
}

fn drafts_before(repo: &github_sim::truth::TruthRepo) -> usize {
    repo.releases
        .iter()
        .filter(|one| one.published_at.is_none())
        .count()
}

#[tokio::test(start_paused = true)]
async fn teams_come_with_the_members_of_the_teams_inside_them() {
    let lab = Lab::new();
    let truth = lab.sim.truth();
    for client in [lab.with_token(), lab.with_app()] {
        let listed = client
            .teams(Lane::Scheduled, teams::of_org("acme"))
            .await
            .unwrap();
        assert_eq!(listed.len(), truth.teams.len());
        for (team, known) in listed.iter().zip(&truth.teams) {
            assert_eq!(team.slug, known.slug);
            let parent = team.parent.as_ref().map(|parent| parent.slug.clone());
            assert_eq!(parent, known.parent);
            let members = teams::members("acme", &team.slug);
            let members = client.members(Lane::Scheduled, members).await.unwrap();
            let mut members: Vec<String> = members
                .iter()
                .map(|one| Person::from_rest(Some(one)).login)
                .collect();
            members.sort();
            assert_eq!(members, known.members, "{}", team.slug);
        }
    }
}
