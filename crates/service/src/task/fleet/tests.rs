//! Processes that share a credential, on paused time: each is a governor and a fleet, and all meet on one board.

use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;
use backends::sqlite::Coordination as Sqlite;
use github::gate::Ask;
use github::{Gate, Lane};
use jiff::Timestamp;
use ledger::port::coordination::Block;
use quota::{Learnt, Observation, Refusal, Resource, Seen};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::blocks::{LOOK_EVERY, TO_A_SECOND};
use super::*;
use crate::health::{Component, Condition};

const TOKEN: &str = "token";

fn start() -> Timestamp {
    Timestamp::constant(1_800_000_000, 0)
}

fn at(second: u64) -> Timestamp {
    start() + Duration::from_secs(second)
}

fn used(used: u64) -> Seen {
    Seen {
        observation: Observation {
            resource: Some(Resource::core()),
            limit: Some(5000),
            remaining: Some(5000 - used),
            used: Some(used),
            reset: Some(at(3000)),
            ..Observation::default()
        },
        ..Seen::default()
    }
}

fn refused(seconds: u64) -> Seen {
    let retry_after = Some(Duration::from_secs(seconds));
    Seen {
        refusal: Some(Refusal::Secondary { retry_after }),
        ..used(100)
    }
}

/// One process.
struct Process {
    governor: Arc<Governor>,
    gate: Gate,
    fleet: Fleet,
    health: Health,
    leave: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Process {
    fn run(&mut self) {
        self.task = Some(tokio::spawn(self.fleet.clone().run(self.leave.clone())));
    }

    async fn sees(&self, seen: Seen) {
        let pass = self
            .gate
            .admit(Lane::Live, Ask::read(Resource::core(), 1))
            .await;
        self.gate.observe(pass, seen);
    }

    fn closed_until(&self) -> Option<Timestamp> {
        self.gate.report().quota.closed_until
    }

    fn condition(&self) -> Condition {
        self.health.condition(&Component::Coordination).unwrap()
    }

    fn core_used(&self) -> Option<u64> {
        let resources = self.gate.report().quota.resources;
        let core = resources
            .iter()
            .find(|found| found.resource == Resource::core());
        core.and_then(|core| core.used)
    }

    /// Ends as kill -9 does.
    fn kill(mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    async fn end(mut self) {
        self.leave.cancel();
        if let Some(task) = self.task.take() {
            task.await.unwrap();
        }
    }
}

/// Where processes meet, and the time of all of them.
struct World {
    board: Arc<dyn Coordination>,
    clock: Clock,
}

impl World {
    fn new() -> World {
        World::on(Arc::new(Sqlite::in_memory().unwrap()))
    }

    fn on(board: Arc<dyn Coordination>) -> World {
        World {
            board,
            clock: Clock::virtual_from(start()),
        }
    }

    /// A process that has joined and takes part.
    async fn start(&self, name: &str) -> Process {
        let mut process = self.joined(name).await;
        process.run();
        process
    }

    async fn joined(&self, name: &str) -> Process {
        let process = self.process(name);
        process.fleet.join().await.unwrap();
        process
    }

    fn process(&self, name: &str) -> Process {
        let governor = Governor::new(self.clock, quota::Settings::default());
        let gate = governor.gate(TOKEN);
        let health = Health::new([Component::Coordination], start());
        let view = format!("a view of {name}");
        let views: Views = Arc::new(move || BTreeMap::from([(TOKEN.to_owned(), view.clone())]));
        let fleet = Fleet::new(
            governor.clone(),
            self.board.clone(),
            self.clock,
            name.to_owned(),
            views,
            health.clone(),
        );
        Process {
            governor,
            gate,
            fleet,
            health,
            leave: CancellationToken::new(),
            task: None,
        }
    }

    async fn two(&self) -> (Process, Process) {
        (self.start("ada").await, self.start("bob").await)
    }

    async fn held(&self) -> Vec<Held> {
        self.board.held().await.unwrap()
    }

    async fn blocks(&self) -> Vec<Block> {
        self.board.blocks().await.unwrap()
    }

    async fn learnt(&self) -> Learnt {
        let kept = self
            .board
            .learnt(TOKEN)
            .await
            .unwrap()
            .expect("something is kept");
        serde_json::from_str(&kept).expect("it can be read")
    }
}

/// A board that can be out of reach.
struct Moody {
    board: Sqlite,
    mood: Mutex<Mood>,
    changed: Notify,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Answers,
    Refuses,
    Hangs,
}

impl Moody {
    fn new() -> Arc<Moody> {
        Arc::new(Moody {
            board: Sqlite::in_memory().unwrap(),
            mood: Mutex::new(Mood::Answers),
            changed: Notify::new(),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
        })
    }

    fn turns(&self, mood: Mood) {
        *lock(&self.mood) = mood;
        self.changed.notify_waiters();
    }

    async fn mood(&self) -> port::Result<()> {
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_under_way.fetch_max(now, Ordering::SeqCst);
        let answer = loop {
            let changed = self.changed.notified();
            let mood = *lock(&self.mood);
            match mood {
                Mood::Answers => break Ok(()),
                Mood::Refuses => {
                    break Err(port::Error::Unavailable {
                        doing: "be there",
                        cause: "as asked".into(),
                    });
                }
                Mood::Hangs => changed.await,
            }
        };
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        answer
    }
}

#[async_trait]
impl Coordination for Moody {
    async fn exchange(&self, me: &Member, mine: &[Telling]) -> port::Result<Vec<Held>> {
        self.mood().await?;
        self.board.exchange(me, mine).await
    }

    async fn leave(&self, member: &str) -> port::Result<()> {
        self.mood().await?;
        self.board.leave(member).await
    }

    async fn sweep(&self, still: &Member) -> port::Result<bool> {
        self.mood().await?;
        self.board.sweep(still).await
    }

    async fn held(&self) -> port::Result<Vec<Held>> {
        self.mood().await?;
        self.board.held().await
    }

    async fn close(&self, block: &Block) -> port::Result<()> {
        self.mood().await?;
        self.board.close(block).await
    }

    async fn blocks(&self) -> port::Result<Vec<Block>> {
        self.mood().await?;
        self.board.blocks().await
    }

    async fn learnt(&self, credential: &str) -> port::Result<Option<String>> {
        self.mood().await?;
        self.board.learnt(credential).await
    }

    async fn keep_learnt(
        &self,
        credential: &str,
        learnt: &str,
        over: Option<&str>,
    ) -> port::Result<bool> {
        self.mood().await?;
        self.board.keep_learnt(credential, learnt, over).await
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_has_seen_the_others_know_two_seconds_later_and_views_lie_on_the_board() {
    let world = World::new();
    let (ada, bob) = world.two().await;
    ada.sees(used(700)).await;
    assert_eq!(bob.core_used(), None);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(bob.core_used(), Some(700));
    let views: Vec<String> = world
        .held()
        .await
        .into_iter()
        .map(|held| held.view)
        .collect();
    assert_eq!(views, ["a view of ada", "a view of bob"]);
    assert_eq!(
        (ada.condition(), bob.condition()),
        (Condition::Healthy, Condition::Healthy)
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_knows_the_others_and_their_blocks_before_its_first_request() {
    let world = World::new();
    let ada = world.start("ada").await;
    ada.sees(used(700)).await;
    ada.sees(refused(90)).await;
    sleep(Duration::from_secs(2)).await;
    ada.kill();
    let bob = world.joined("bob").await;
    assert_eq!(bob.core_used(), Some(700));
    let until = bob.closed_until().expect("GitHub has refused");
    assert!((at(90)..=at(92)).contains(&until), "{until}");
    let began = Instant::now();
    bob.sees(used(701)).await;
    let waited = began.elapsed();
    assert!(waited >= Duration::from_secs(88), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_block_is_on_the_board_at_once_and_closes_everybody_within_a_quarter_of_a_second() {
    let world = World::new();
    let (ada, bob) = world.two().await;
    sleep(Duration::from_millis(10_130)).await;
    ada.sees(refused(600)).await;
    // Whatever happens without time passing.
    sleep(Duration::from_nanos(1)).await;
    let until = ada.closed_until().unwrap();
    let [block] = &world.blocks().await[..] else {
        panic!("there is one block");
    };
    assert_eq!(block.credential, TOKEN);
    // The dates of GitHub's answers are cut to seconds.
    assert_eq!(block.until.duration_since(until), TO_A_SECOND);
    sleep(LOOK_EVERY).await;
    assert_eq!(bob.closed_until(), Some(block.until));
    assert_eq!(ada.closed_until(), Some(until), "its own end is exact");
}

#[tokio::test(start_paused = true)]
async fn whoever_begins_in_a_block_on_a_machine_whose_clock_is_wrong_waits_for_its_end() {
    for wrong in [-600_i64, 0, 600] {
        let world = World::new();
        let ada = world.start("ada").await;
        // GitHub's clock shows so much more than ours.
        let dated = |seen: Seen| Seen {
            observation: Observation {
                date: Some(start() + SignedDuration::from_secs(wrong)),
                ..seen.observation
            },
            ..seen
        };
        ada.sees(dated(refused(90))).await;
        sleep(Duration::from_secs(1)).await;
        ada.kill();
        let bob = world.joined("bob").await;
        let began = Instant::now();
        bob.sees(used(1)).await;
        let waited = began.elapsed().as_secs_f64();
        assert!((89.0..92.0).contains(&waited), "{waited} s with {wrong} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_that_goes_to_and_fro_between_processes_does_not_grow() {
    let world = World::new();
    let (ada, bob) = world.two().await;
    ada.sees(refused(600)).await;
    sleep(Duration::from_secs(1)).await;
    let first = world.blocks().await;
    for _ in 0..200 {
        sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(world.blocks().await, first);
    let apart = bob
        .closed_until()
        .unwrap()
        .duration_since(ada.closed_until().unwrap());
    assert!(apart <= TO_A_SECOND, "{apart}");
}

#[tokio::test(start_paused = true)]
async fn a_block_that_the_board_has_lost_is_written_again() {
    let world = World::new();
    let ada = world.start("ada").await;
    ada.sees(refused(600)).await;
    sleep(Duration::from_secs(1)).await;
    // Another file has taken the place of the first.
    let other = World::new();
    let fleet = Fleet::new(
        ada.governor.clone(),
        other.board.clone(),
        world.clock,
        "ada".to_owned(),
        Arc::new(BTreeMap::new),
        Health::new([], start()),
    );
    let task = tokio::spawn(fleet.run(ada.leave.clone()));
    sleep(Duration::from_secs(1)).await;
    let [first, again] = [world.blocks().await, other.blocks().await];
    assert_eq!((first.len(), again.len()), (1, 1));
    let apart = again[0].until.duration_since(first[0].until);
    assert!(apart.abs() < TO_A_SECOND, "{apart}");
    ada.end().await;
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_learnt_is_kept_every_minute_and_at_the_end_and_none_of_it_is_lost() {
    let world = World::new();
    let (ada, bob) = world.two().await;
    for n in 0..40 {
        ada.sees(used(n * 3)).await;
        sleep(Duration::from_secs(2)).await;
    }
    let first = world.learnt().await;
    assert!(!first.resources.is_empty(), "a minute has passed");
    for n in 0..20 {
        bob.sees(used(200 + n * 3)).await;
        sleep(Duration::from_millis(300)).await;
    }
    ada.end().await;
    bob.end().await;
    assert_eq!(world.held().await, [], "they have taken leave");
    let kept = world.learnt().await;
    let next = world.joined("next").await;
    let [mut before, mut after] = [kept, next.gate.with_quota(|quota, _| quota.learnt())];
    assert!(!before.resources.is_empty());
    before.resources.sort_by(|one, other| one.0.cmp(&other.0));
    after.resources.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(before, after, "the next one begins with all of it");
}

#[tokio::test(start_paused = true)]
async fn learning_in_an_unknown_form_is_replaced_and_a_share_in_one_counts_as_a_busy_process() {
    let world = World::new();
    assert!(
        world
            .board
            .keep_learnt(TOKEN, "of a later version", None)
            .await
            .unwrap()
    );
    let later = Telling {
        credential: TOKEN.to_owned(),
        share: "of a later version".to_owned(),
        view: String::new(),
    };
    let me = Member {
        name: "later".to_owned(),
        beat: 1,
    };
    world.board.exchange(&me, &[later]).await.unwrap();
    let ada = world.start("ada").await;
    ada.sees(used(1)).await;
    sleep(Duration::from_secs(61)).await;
    assert_eq!(ada.condition(), Condition::Healthy);
    assert!(!world.learnt().await.resources.is_empty());
    let held = Held {
        member: "later".to_owned(),
        beat: 1,
        credential: TOKEN.to_owned(),
        share: "of a later version".to_owned(),
        view: String::new(),
    };
    let heard = ada.fleet.inner.heard(&held);
    assert!(heard.share.is_busy && heard.share.resources.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_board_out_of_reach_is_said_aloud_holds_nobody_up_and_ends_by_itself() {
    for mood in [Mood::Refuses, Mood::Hangs] {
        let moody = Moody::new();
        let world = World::on(moody.clone());
        let (ada, bob) = world.two().await;
        ada.sees(used(100)).await;
        sleep(Duration::from_secs(5)).await;
        assert_eq!(ada.condition(), Condition::Healthy);

        moody.turns(mood);
        sleep(Duration::from_secs(4)).await;
        assert_eq!(ada.condition(), Condition::Failed);
        for n in 0..600 {
            let began = Instant::now();
            ada.sees(used(101 + n)).await;
            assert_eq!(
                began.elapsed(),
                Duration::ZERO,
                "requests wait for no board"
            );
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(ada.condition(), Condition::Failed);
        let most = moody.most_under_way.load(Ordering::SeqCst);
        assert!(most <= 6, "{most} questions at once of two processes");

        moody.turns(Mood::Answers);
        sleep(Duration::from_secs(6)).await;
        assert_eq!(
            (ada.condition(), bob.condition()),
            (Condition::Healthy, Condition::Healthy)
        );
        assert_eq!(bob.core_used(), Some(700));
        ada.end().await;
        bob.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_that_was_met_while_the_board_was_out_of_reach_is_written_when_it_is_back() {
    let moody = Moody::new();
    let world = World::on(moody.clone());
    let (ada, bob) = world.two().await;
    moody.turns(Mood::Refuses);
    sleep(Duration::from_secs(3)).await;
    ada.sees(refused(600)).await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(bob.closed_until(), None);
    moody.turns(Mood::Answers);
    sleep(Duration::from_secs(1)).await;
    assert!(
        bob.closed_until() >= ada.closed_until(),
        "{:?}",
        bob.closed_until()
    );
    assert_eq!(world.blocks().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_board_that_does_not_answer_keeps_nobody_from_ending() {
    let moody = Moody::new();
    let world = World::on(moody.clone());
    let ada = world.start("ada").await;
    sleep(Duration::from_secs(3)).await;
    moody.turns(Mood::Hangs);
    sleep(Duration::from_secs(10)).await;
    let began = Instant::now();
    ada.end().await;
    assert!(began.elapsed() <= 2 * FAREWELL, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_process_told_is_taken_away_a_minute_later() {
    let world = World::new();
    let (ada, killed) = (world.start("ada").await, world.start("killed").await);
    sleep(Duration::from_secs(10)).await;
    killed.kill();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(world.held().await.len(), 2, "not yet");
    sleep(Duration::from_secs(40)).await;
    let held = world.held().await;
    assert_eq!(
        held.iter()
            .map(|held| held.member.as_str())
            .collect::<Vec<_>>(),
        ["ada"]
    );
    ada.end().await;
}

#[test]
fn no_two_starts_have_the_same_name() {
    let (one, other) = (member_name(), member_name());
    assert_ne!(one, other);
    assert!(one.contains(&format!("-{}-", std::process::id())), "{one}");
}
