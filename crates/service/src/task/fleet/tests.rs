//! Processes that share a credential, on paused time: each is a governor and a fleet, and all meet on one board.

mod moody;
mod world;

use github::Lane;
use github::gate::Ask;
use jiff::{SignedDuration, Timestamp};
use quota::{Observation, Refusal, Resource, Seen};
use tokio::time::sleep;

use self::moody::{Mood, Moody};
use self::world::{Process, World};
use super::blocks::{LOOK_EVERY, TO_A_SECOND};
use super::*;
use crate::health::Condition;

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

#[tokio::test(start_paused = true)]
async fn what_one_has_seen_the_others_know_two_seconds_later_and_views_lie_on_the_board() {
    let world = World::new();
    let (ada, bob) = world.two().await;
    ada.sees(used(700)).await;
    assert_eq!(bob.core_used(), None);
    sleep(Duration::from_millis(2_100)).await;
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
async fn of_one_who_is_killed_before_its_block_is_written_the_rest_learn_with_one_refusal() {
    let world = World::new();
    let (ada, bob) = world.two().await;
    sleep(Duration::from_secs(5)).await;
    ada.sees(refused(600)).await;
    ada.kill();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(world.blocks().await, [], "nobody was there to write it");
    assert_eq!(bob.closed_until(), None);
    bob.sees(refused(590)).await;
    sleep(LOOK_EVERY).await;
    let next = world.joined("next").await;
    let began = Instant::now();
    next.sees(used(101)).await;
    let waited = began.elapsed();
    assert!(waited >= Duration::from_secs(589), "{waited:?}");
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
async fn whoever_begins_in_a_block_waits_for_its_end_however_wrong_its_clock_is_or_was() {
    // GitHub's clock shows so much more than that of the first, and that of the second so much more than that of the first.
    for (ahead, set) in [
        (0, 0),
        (-600, 0),
        (600, 0),
        (0, 600),
        (0, -600),
        (120, -120),
    ] {
        let world = World::new();
        let ada = world.start("ada").await;
        sleep(Duration::from_secs(20)).await;
        let dated = Seen {
            observation: Observation {
                date: Some(world.clock.now() + SignedDuration::from_secs(ahead)),
                ..refused(90).observation
            },
            ..refused(90)
        };
        ada.sees(dated).await;
        sleep(Duration::from_secs(5)).await;
        ada.kill();
        sleep(Duration::from_secs(25)).await;
        let bob = world.with_a_clock_ahead(set).joined("bob").await;
        let began = Instant::now();
        bob.sees(used(1)).await;
        let waited = began.elapsed().as_secs_f64();
        assert!(
            (60.0..63.0).contains(&waited),
            "{waited} s with {ahead} and {set} s"
        );
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
async fn what_two_have_learnt_apart_is_kept_together_whoever_keeps_last() {
    let world = World::new();
    let (ada, bob) = (world.joined("ada").await, world.joined("bob").await);
    for (process, every) in [(&ada, 1), (&bob, 7)] {
        for n in 0..60 {
            process.sees(used(n)).await;
            sleep(Duration::from_secs(every)).await;
        }
    }
    let learnt = |process: &Process| process.gate.with_quota(|quota, _| quota.learnt());
    let apart = [learnt(&ada), learnt(&bob)];
    assert_ne!(apart[0], apart[1]);
    ada.fleet.inner.keep_all().await.unwrap();
    bob.fleet.inner.keep_all().await.unwrap();
    let next = world.joined("next").await;
    let together = learnt(&next);
    for one in &apart {
        next.gate.with_quota(|quota, now| quota.learn(one, now));
        assert_eq!(learnt(&next), together, "nothing of it is new");
    }
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

/// How many bulk requests go within a minute that no bucket pays for.
async fn in_a_minute(process: &Process) -> u64 {
    let mut sent = 0;
    let minute = async {
        loop {
            let ask = Ask::read(Resource::core(), 0);
            let pass = process.gate.admit(Lane::Bulk, ask).await;
            sent += 1;
            process.gate.observe(pass, used(0));
        }
    };
    let _over = timeout(Duration::from_secs(60), minute).await;
    sent
}

#[tokio::test(start_paused = true)]
async fn who_cannot_hear_the_others_keeps_to_its_part_of_the_rate() {
    let alone = World::new().start("alone").await;
    let whole = in_a_minute(&alone).await;
    let moody = Moody::new();
    let world = World::on(moody.clone());
    let (ada, _bob) = world.two().await;
    sleep(Duration::from_secs(3)).await;
    moody.turns(Mood::Refuses);
    sleep(Duration::from_secs(3)).await;
    let part = in_a_minute(&ada).await;
    assert!(
        part > 0 && part * 10 <= whole * 6,
        "{part} of {whole}, which is half of it and a little"
    );
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

#[tokio::test(start_paused = true)]
async fn a_board_that_hangs_while_the_dead_are_swept_is_said_aloud_and_ends_by_itself() {
    let moody = Moody::new();
    let world = World::on(moody.clone());
    let (ada, killed) = world.two().await;
    sleep(Duration::from_secs(10)).await;
    killed.kill();
    moody.turns(Mood::HangsWhenItSweeps);
    sleep(Duration::from_secs(50)).await;
    assert_eq!(ada.condition(), Condition::Healthy, "nobody is swept yet");
    sleep(Duration::from_secs(20)).await;
    assert_eq!(ada.condition(), Condition::Failed);
    moody.turns(Mood::Answers);
    sleep(Duration::from_secs(6)).await;
    assert_eq!(ada.condition(), Condition::Healthy);
    assert_eq!(world.held().await.len(), 1, "the dead one is swept");
}

#[test]
fn no_two_starts_have_the_same_name() {
    let (one, other) = (member_name(), member_name());
    assert_ne!(one, other);
    assert!(one.contains(&format!("-{}-", std::process::id())), "{one}");
}
