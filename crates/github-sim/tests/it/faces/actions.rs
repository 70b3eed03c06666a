//! Workflow runs, their attempts and jobs, and releases.

use github_sim::world::{Conclusion, Trigger};
use jiff::SignedDuration;

use super::{Stage, anonymous};

const RUNS: &str = "/repos/acme/widget/actions/runs";

impl Stage {
    /// Lets time pass.
    async fn seconds(&self, seconds: u64) {
        tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
    }

    fn run(&self, workflow: u64) -> u64 {
        self.sim
            .world()
            .start_run(self.repo, workflow, Trigger::Push, "main", None)
    }

    async fn ids(&self, query: &str) -> Vec<u64> {
        let body = self.get(&format!("{RUNS}{query}")).await.json();
        let runs = body["workflow_runs"].as_array().unwrap().iter();
        runs.map(|run| run["id"].as_u64().unwrap()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_is_queued_runs_and_ends_as_the_worst_of_its_jobs() {
    let stage = Stage::instant();
    let repo = stage.repo;
    let workflow = stage
        .sim
        .world()
        .add_workflow(repo, "CI", &["lint", "test"]);
    let run = stage.run(workflow);
    let state = async || {
        let run = stage.get(&format!("{RUNS}/{run}")).await.json();
        let text = |field: &str| run[field].as_str().map(str::to_owned);
        (
            text("status").unwrap(),
            text("conclusion"),
            text("updated_at").unwrap(),
        )
    };
    let is = |status: &str, conclusion: Option<&str>, at: &str| {
        let conclusion = conclusion.map(str::to_owned);
        (
            status.to_owned(),
            conclusion,
            format!("2024-06-01T00:{at}Z"),
        )
    };
    assert_eq!(state().await, is("queued", None, "00:00"));
    stage.seconds(30).await;
    stage.sim.world().start_job(repo, run, 0);
    assert_eq!(state().await, is("in_progress", None, "00:30"));
    stage.seconds(60).await;
    stage.sim.world().end_job(repo, run, 0, Conclusion::Failure);
    stage.sim.world().start_job(repo, run, 1);
    assert_eq!(state().await, is("in_progress", None, "01:30"));
    stage.seconds(10).await;
    stage.sim.world().end_job(repo, run, 1, Conclusion::Success);
    assert_eq!(state().await, is("completed", Some("failure"), "01:40"));

    let truth = stage.sim.truth();
    let jobs = &truth.repo("acme", "widget").unwrap().runs[0].attempts[0].jobs;
    let took: Vec<_> = jobs
        .iter()
        .map(|job| (job.queue_seconds, job.run_seconds))
        .collect();
    assert_eq!(took, [(Some(30), Some(60)), (Some(90), Some(10))]);
}

#[tokio::test(start_paused = true)]
async fn another_attempt_keeps_the_runs_id_and_has_jobs_of_its_own() {
    let stage = Stage::instant();
    let repo = stage.repo;
    let workflow = stage.sim.world().add_workflow(repo, "CI", &["test"]);
    let run = stage.run(workflow);
    stage.sim.world().end_run(repo, run, Conclusion::Failure);
    stage.seconds(600).await;
    let alice = stage.sim.world().account_named("alice").unwrap().id;
    stage.sim.world().rerun(repo, run, alice);

    let body = stage.get(&format!("{RUNS}/{run}")).await.json();
    assert_eq!(
        (&body["run_attempt"], &body["status"], &body["conclusion"]),
        (&2.into(), &"queued".into(), &serde_json::Value::Null)
    );
    assert_eq!(body["created_at"], "2024-06-01T00:00:00Z");
    assert_eq!(body["run_started_at"], "2024-06-01T00:10:00Z");
    assert_eq!(body["triggering_actor"]["login"], "alice");
    assert_eq!(body["actor"]["login"], "ghost");

    let before = stage.get(&format!("{RUNS}/{run}/attempts/1")).await.json();
    assert_eq!(
        (
            &before["run_attempt"],
            &before["conclusion"],
            &before["updated_at"]
        ),
        (&1.into(), &"failure".into(), &"2024-06-01T00:00:00Z".into())
    );

    let jobs = async |rest: &str| {
        let body = stage.get(&format!("{RUNS}/{run}{rest}")).await.json();
        let jobs = body["jobs"].as_array().unwrap().iter();
        jobs.map(|job| {
            let ended = job["conclusion"].as_str().map(str::to_owned);
            (job["run_attempt"].as_u64().unwrap(), ended)
        })
        .collect::<Vec<_>>()
    };
    let (first, second) = ((1, Some("failure".to_owned())), (2, None));
    assert_eq!(jobs("/jobs").await, std::slice::from_ref(&second));
    assert_eq!(
        jobs("/jobs?filter=all").await,
        [first.clone(), second.clone()]
    );
    assert_eq!(jobs("/attempts/1/jobs").await, [first]);
    assert_eq!(jobs("/attempts/2/jobs").await, [second]);
    for none in [
        "/attempts/3/jobs",
        "/attempts/0/jobs",
        "/attempts/x/jobs",
        "/attempts/3",
    ] {
        assert_eq!(
            stage.get(&format!("{RUNS}/{run}{none}")).await.status,
            404,
            "{none}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn runs_are_listed_newest_first_and_can_be_narrowed() {
    let stage = Stage::instant();
    let repo = stage.repo;
    let workflow = stage.sim.world().add_workflow(repo, "CI", &["test"]);
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(stage.run(workflow));
        stage.seconds(60).await;
    }
    stage
        .sim
        .world()
        .end_run(repo, runs[0], Conclusion::Success);
    stage
        .sim
        .world()
        .end_run(repo, runs[1], Conclusion::Cancelled);
    stage.sim.world().start_job(repo, runs[2], 0);
    let of = |places: &[usize]| -> Vec<u64> { places.iter().map(|place| runs[*place]).collect() };
    for (query, expected) in [
        ("", of(&[3, 2, 1, 0])),
        ("?per_page=2&page=2", of(&[1, 0])),
        ("?status=completed", of(&[1, 0])),
        ("?status=success", of(&[0])),
        ("?status=cancelled", of(&[1])),
        ("?status=in_progress", of(&[2])),
        ("?status=queued", of(&[3])),
        ("?created=%3E%3D2024-06-01T00:02:00Z", of(&[3, 2])),
        (
            "?created=2024-06-01T00:01:00Z..2024-06-01T00:02:00Z",
            of(&[2, 1]),
        ),
        ("?created=%3E2024-06-01", vec![]),
        ("?event=pull_request", vec![]),
        ("?branch=main&event=push", of(&[3, 2, 1, 0])),
    ] {
        assert_eq!(stage.ids(query).await, expected, "{query}");
    }
    for nonsense in ["?status=odd", "?created=yesterday"] {
        assert_eq!(
            stage.get(&format!("{RUNS}{nonsense}")).await.status,
            422,
            "{nonsense}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_narrowed_list_ends_after_a_thousand_and_a_whole_one_does_not() {
    let stage = Stage::instant();
    let workflow = stage.sim.world().add_workflow(stage.repo, "CI", &["test"]);
    for _ in 0..1_050 {
        stage.run(workflow);
    }
    let narrowed = format!("{RUNS}?created=2024-06-01&per_page=100&page=");
    let last = stage.get(&format!("{narrowed}10")).await;
    assert_eq!(last.json()["workflow_runs"].as_array().unwrap().len(), 100);
    assert_eq!(last.json()["total_count"], 1_050);
    assert!(!last.header("link").unwrap().contains("rel=\"next\""));
    assert!(
        stage
            .ids("?created=2024-06-01&per_page=100&page=11")
            .await
            .is_empty()
    );
    assert_eq!(stage.ids("?per_page=100&page=11").await.len(), 50);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_runs_is_confirmed_until_a_run_changes() {
    let stage = Stage::instant();
    let workflow = stage.sim.world().add_workflow(stage.repo, "CI", &["test"]);
    let run = stage.run(workflow);
    let first = stage.get(RUNS).await;
    let again = async || {
        let mut request = super::get(RUNS);
        let validator = first.header("etag").unwrap().parse().unwrap();
        request.headers_mut().insert("if-none-match", validator);
        stage.send(request).await.unwrap().status.as_u16()
    };
    assert_eq!(again().await, 304);
    stage.sim.world().start_job(stage.repo, run, 0);
    assert_eq!(again().await, 200);
}

#[tokio::test(start_paused = true)]
async fn without_actions_or_the_permission_there_are_no_runs() {
    let stage = Stage::instant();
    let workflow = stage.sim.world().add_workflow(stage.repo, "CI", &["test"]);
    stage.run(workflow);
    assert_eq!(
        stage.send(anonymous(RUNS)).await.unwrap().status,
        200,
        "it is public"
    );
    stage.sim.credentials().withhold("actions", true);
    let installation = stage.installation_token().await;
    let refused = stage.get_as(&installation, RUNS).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message().as_str()),
        (403, "Resource not accessible by integration")
    );
    assert_eq!(
        refused.header("x-accepted-github-permissions"),
        Some("actions=read")
    );
    assert_eq!(
        stage.get(RUNS).await.message(),
        "Resource not accessible by personal access token"
    );
    assert_eq!(stage.get("/repos/acme/widget/releases").await.status, 200);
    stage.sim.credentials().withhold("actions", false);
    assert_eq!(stage.get(RUNS).await.status, 200);
    stage.sim.world().enable_actions(stage.repo, false);
    assert_eq!(stage.get(RUNS).await.status, 404);
    assert!(
        stage
            .sim
            .truth()
            .repo("acme", "widget")
            .unwrap()
            .runs
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn drafts_of_releases_are_shown_to_those_who_may_push() {
    let stage = Stage::instant();
    let credentials = stage.sim.credentials();
    credentials.grant("alices", "alice");
    credentials.grant("bobs", "bob");
    let alice = stage.sim.world().account_named("alice").unwrap().id;
    let (published, draft) = {
        let mut world = stage.sim.world();
        let published = world.release(stage.repo, "v1.0.0", alice);
        (
            published,
            world.draft_release(stage.repo, "v1.1.0-rc.1", alice),
        )
    };
    let listed = async |token: &str| {
        let releases = stage
            .get_as(token, "/repos/acme/widget/releases")
            .await
            .json();
        let releases = releases.as_array().unwrap().iter();
        releases
            .map(|one| one["id"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed("alices").await, [draft, published]);
    for reader in ["bobs", "sim-token", &stage.installation_token().await] {
        assert_eq!(listed(reader).await, [published], "{reader}");
    }
    stage.seconds(90).await;
    stage.sim.world().publish_release(stage.repo, draft);
    let releases = stage.get("/repos/acme/widget/releases").await.json();
    assert_eq!(
        (
            &releases[0]["tag_name"],
            &releases[0]["prerelease"],
            &releases[0]["published_at"]
        ),
        (
            &"v1.1.0-rc.1".into(),
            &true.into(),
            &"2024-06-01T00:01:30Z".into()
        )
    );
    // Not when it was published, but when what it holds was committed.
    assert!(releases[0]["created_at"].as_str().unwrap() <= "2024-06-01T00:00:00Z");
}

#[test]
fn the_past_of_a_generated_world_has_runs_of_every_kind_and_releases() {
    let config = github_sim::SimConfig::default();
    let world = github_sim::World::generate(&config, super::START.parse().unwrap());
    let summary = github_sim::truth::Truth::of(&world).summary();
    for state in ["success", "failure", "cancelled"] {
        assert!(
            summary.runs.get(state) > Some(&5),
            "{state} in {:?}",
            summary.runs
        );
    }
    assert!(summary.jobs > 500 && summary.releases > 5, "{summary:?}");
    let runs: Vec<_> = world.repos().flat_map(|repo| repo.runs.values()).collect();
    assert!(runs.iter().any(|run| run.attempts.len() > 1));
    let longest = SignedDuration::from_hours(2);
    for job in runs
        .iter()
        .flat_map(|run| run.attempts.iter().flat_map(|attempt| &attempt.jobs))
    {
        if let (Some(started), Some((ended, _))) = (job.started_at, job.ended) {
            assert!(job.created_at <= started && started <= ended);
            assert!(ended.duration_since(job.created_at) < longest, "{job:?}");
        }
    }
}
