//! Cases of the board that the processes of one credential share.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;

use super::fixture::{at, together};
use crate::port::coordination::{Block, Coordination, Held, Member, Reckoned, Telling};

/// Opens a fresh, empty board, and gives so many handles to it, as so many processes have them.
pub type Open<'a> = &'a dyn Fn(usize) -> Vec<Arc<dyn Coordination>>;

/// A member, by name and beat.
pub fn member(name: &str, beat: u64) -> Member {
    Member {
        name: name.to_owned(),
        beat,
    }
}

/// A telling of a credential, whose view can be told from its share.
pub fn telling(credential: &str, share: &str) -> Telling {
    Telling {
        credential: credential.to_owned(),
        share: share.to_owned(),
        view: format!("a view of {share}"),
    }
}

fn held(by: &Member, telling: &Telling) -> Held {
    Held {
        member: by.name.clone(),
        beat: by.beat,
        credential: telling.credential.clone(),
        share: telling.share.clone(),
        view: telling.view.clone(),
    }
}

/// A member tells these shares, each of a credential.
async fn exchange(
    board: &Arc<dyn Coordination>,
    name: &str,
    beat: u64,
    mine: &[(&str, &str)],
) -> Vec<Held> {
    let mine: Vec<Telling> = mine.iter().map(|(of, share)| telling(of, share)).collect();
    tell(board, &member(name, beat), &mine).await
}

async fn tell(board: &Arc<dyn Coordination>, me: &Member, mine: &[Telling]) -> Vec<Held> {
    board.exchange(me, mine).await.expect("they exchange")
}

async fn sweep(board: &Arc<dyn Coordination>, name: &str, beat: u64) -> bool {
    let swept = board.sweep(&member(name, beat)).await;
    swept.expect("the board is there")
}

async fn all(board: &Arc<dyn Coordination>) -> Vec<Held> {
    board.held().await.expect("the board is read")
}

fn block(credential: &str, second: i64) -> Block {
    Block {
        credential: credential.to_owned(),
        until: at(second),
        reckoned: Some(Reckoned {
            machine: "this one".to_owned(),
            started: at(-50_000) - SignedDuration::from_micros(1),
        }),
    }
}

async fn blocks(board: &Arc<dyn Coordination>) -> Vec<Block> {
    board.blocks().await.expect("blocks are read")
}

async fn close(board: &Arc<dyn Coordination>, block: &Block) {
    board.close(block).await.expect("the block is kept");
}

async fn learnt(board: &Arc<dyn Coordination>, credential: &str) -> Option<String> {
    board.learnt(credential).await.expect("it is read")
}

async fn keep(
    board: &Arc<dyn Coordination>,
    credential: &str,
    learnt: &str,
    over: Option<&str>,
) -> bool {
    board
        .keep_learnt(credential, learnt, over)
        .await
        .expect("it is kept or not")
}

/// By whichever handle, whatever is in it.
pub async fn what_is_told_is_held_for_everybody_else_as_it_was_told(open: Open<'_>) {
    let boards = open(3);
    let empty = Telling {
        credential: "märz \"1\"\n".to_owned(),
        share: String::new(),
        view: String::new(),
    };
    let long = telling(
        "token",
        &"{\"used\": 12, \"what\": \"🌊\\u0000\"}".repeat(20_000),
    );
    let (ada, bob) = (member("ada-1-x", 1), member("bob'; --", u64::MAX));
    assert_eq!(
        tell(&boards[0], &ada, &[long.clone(), empty.clone()]).await,
        []
    );
    assert_eq!(
        tell(&boards[1], &bob, &[telling("token", "b")]).await,
        [held(&ada, &empty), held(&ada, &long)]
    );
    let everything = [
        held(&ada, &empty),
        held(&ada, &long),
        held(&bob, &telling("token", "b")),
    ];
    for board in &boards {
        assert_eq!(all(board).await, everything);
    }
}

/// Also not by another handle, nor what it told of another credential.
pub async fn nobody_hears_its_own_row_as_another_s(open: Open<'_>) {
    let boards = open(2);
    exchange(&boards[0], "ada", 1, &[("a", "1"), ("b", "2")]).await;
    assert_eq!(exchange(&boards[1], "ada", 2, &[("a", "3")]).await, []);
    // A name that begins with another's is another's.
    let heard = exchange(&boards[1], "ada-2", 1, &[("a", "4")]).await;
    assert_eq!(heard, [held(&member("ada", 2), &telling("a", "3"))]);
    let heard = exchange(&boards[0], "ada", 3, &[("a", "5")]).await;
    assert_eq!(heard, [held(&member("ada-2", 1), &telling("a", "4"))]);
}

/// A credential that it does not tell of any more is held no more.
pub async fn a_telling_takes_the_place_of_all_that_was_told_before(open: Open<'_>) {
    let boards = open(2);
    exchange(&boards[0], "ada", 1, &[("a", "1"), ("b", "2")]).await;
    exchange(&boards[0], "ada", 2, &[("b", "3"), ("c", "4")]).await;
    let ada = member("ada", 2);
    assert_eq!(
        exchange(&boards[1], "bob", 1, &[]).await,
        [
            held(&ada, &telling("b", "3")),
            held(&ada, &telling("c", "4"))
        ]
    );
    exchange(&boards[0], "ada", 3, &[]).await;
    assert_eq!(exchange(&boards[1], "bob", 2, &[]).await, []);
    assert_eq!(all(&boards[0]).await, [], "who tells nothing holds nothing");
}

/// Neither in what is told, nor in blocks, nor in what was learnt.
pub async fn credentials_do_not_mix(open: Open<'_>) {
    let board = open(1).remove(0);
    let ada = member("ada", 1);
    exchange(&board, "ada", 1, &[("a", "of a"), ("A", "of A")]).await;
    close(&board, &block("a", 10)).await;
    close(&board, &block("a ", 20)).await;
    assert!(keep(&board, "a", "learnt of a", None).await);
    assert!(keep(&board, "a%", "learnt of a%", None).await);
    assert_eq!(
        exchange(&board, "bob", 1, &[]).await,
        [
            held(&ada, &telling("A", "of A")),
            held(&ada, &telling("a", "of a"))
        ]
    );
    assert_eq!(blocks(&board).await, [block("a", 10), block("a ", 20)]);
    assert_eq!(learnt(&board, "a").await.as_deref(), Some("learnt of a"));
    assert_eq!(learnt(&board, "a%").await.as_deref(), Some("learnt of a%"));
    assert_eq!(learnt(&board, "A").await, None);
}

/// What a member heard of the others, by its own beat: their beats.
type Heard = BTreeMap<u64, BTreeMap<String, u64>>;

/// Several members, each by a handle of its own: what is heard of another is whole and never older than before, nothing is
/// lost, and of any two exchanges at least one heard the other.
pub async fn an_exchange_is_one_step_under_concurrent_writers(open: Open<'_>) {
    const MEMBERS: usize = 4;
    const ROUNDS: u64 = 40;
    let credentials = ["a", "b", "c"];
    let boards = open(MEMBERS);
    let logs: Vec<Mutex<Heard>> = (0..MEMBERS).map(|_| Mutex::default()).collect();
    let mut running: Vec<Pin<Box<dyn Future<Output = ()> + Send + '_>>> = Vec::new();
    for (number, (board, log)) in boards.iter().zip(&logs).enumerate() {
        running.push(Box::pin(async move {
            let name = format!("member-{number}");
            let mut before: BTreeMap<String, u64> = BTreeMap::new();
            for beat in 1..=ROUNDS {
                let share = beat.to_string();
                let mine = credentials.map(|credential| (credential, share.as_str()));
                let heard = exchange(board, &name, beat, &mine).await;
                let mut beats: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
                let mut pieces: BTreeMap<String, usize> = BTreeMap::new();
                for held in heard {
                    assert_ne!(held.member, name, "its own row is nobody else's");
                    assert_eq!(held.share, held.beat.to_string(), "a row is of one beat");
                    *pieces.entry(held.member.clone()).or_default() += 1;
                    beats.entry(held.member).or_default().insert(held.beat);
                }
                let now: BTreeMap<String, u64> = beats
                    .into_iter()
                    .map(|(member, beats)| {
                        assert_eq!(beats.len(), 1, "all that one tells is of one beat");
                        assert_eq!(pieces[&member], credentials.len(), "nothing of it is lost");
                        (member, beats.into_iter().next().expect("there is one"))
                    })
                    .collect();
                for (member, beat) in &before {
                    assert!(now.get(member) >= Some(beat), "{member} never goes back");
                }
                log.lock()
                    .expect("no one panicked")
                    .insert(beat, now.clone());
                before = now;
            }
        }));
    }
    together(running).await;

    let logs: Vec<Heard> = logs
        .into_iter()
        .map(|log| log.into_inner().expect("no one panicked"))
        .collect();
    let heard = |by: usize, beat: u64, of: usize| {
        logs[by][&beat]
            .get(&format!("member-{of}"))
            .copied()
            .unwrap_or_default()
    };
    for one in 0..MEMBERS {
        for other in 0..one {
            for (beat, theirs) in (1..=ROUNDS).flat_map(|beat| (1..=ROUNDS).map(move |b| (beat, b)))
            {
                assert!(
                    heard(one, beat, other) >= theirs || heard(other, theirs, one) >= beat,
                    "beat {beat} of {one} and beat {theirs} of {other} did not hear each other"
                );
            }
        }
    }
    assert_eq!(all(&boards[0]).await.len(), MEMBERS * credentials.len());
}

/// Twice is as good as once.
pub async fn one_who_leaves_is_gone_and_the_others_stay(open: Open<'_>) {
    let boards = open(2);
    exchange(&boards[0], "ada", 1, &[("a", "1"), ("b", "2")]).await;
    exchange(&boards[0], "ada-2", 1, &[("a", "3")]).await;
    boards[1].leave("ada").await.expect("it leaves");
    let left = [held(&member("ada-2", 1), &telling("a", "3"))];
    assert_eq!(exchange(&boards[1], "bob", 1, &[]).await, left);
    boards[0].leave("ada").await.expect("it has left already");
    boards[0].leave("nobody").await.expect("nobody leaves");
    assert_eq!(all(&boards[0]).await, left);
}

/// Killed is to be silent from some beat on.
pub async fn the_beat_of_one_who_was_killed_stands_still_until_it_is_swept(open: Open<'_>) {
    let boards = open(2);
    exchange(&boards[0], "killed", 7, &[("a", "1"), ("b", "2")]).await;
    for beat in 1..5 {
        let heard = exchange(&boards[1], "bob", beat, &[("a", "3")]).await;
        assert_eq!(heard.len(), 2);
        assert!(heard.iter().all(|held| held.beat == 7), "{heard:?}");
    }
    assert!(sweep(&boards[1], "killed", 7).await, "it was there");
    assert_eq!(exchange(&boards[1], "bob", 5, &[("a", "3")]).await, []);
    assert!(!sweep(&boards[1], "killed", 7).await);
    assert_eq!(all(&boards[1]).await.len(), 1, "bob stays");
}

/// Who sweeps has seen it stand still, and was too slow.
pub async fn one_whose_beat_has_moved_on_is_not_swept(open: Open<'_>) {
    let boards = open(2);
    exchange(&boards[0], "slow", 7, &[("a", "1")]).await;
    assert_eq!(exchange(&boards[1], "bob", 1, &[]).await[0].beat, 7);
    exchange(&boards[0], "slow", 8, &[("a", "2")]).await;
    for beat in [7, 6, 9] {
        assert!(!sweep(&boards[1], "slow", beat).await, "{beat}");
    }
    let still = held(&member("slow", 8), &telling("a", "2"));
    assert_eq!(all(&boards[1]).await, [still]);
}

/// It notices nothing of it.
pub async fn one_who_was_swept_by_mistake_is_back_with_the_next_exchange(open: Open<'_>) {
    let boards = open(2);
    exchange(&boards[0], "stopped", 7, &[("a", "1")]).await;
    assert!(sweep(&boards[1], "stopped", 7).await);
    assert_eq!(exchange(&boards[0], "stopped", 8, &[("a", "2")]).await, []);
    assert_eq!(
        exchange(&boards[1], "bob", 1, &[]).await,
        [held(&member("stopped", 8), &telling("a", "2"))]
    );
}

/// Whoever reports it, and to the microsecond. Who reports the latest end says what is known of the clock.
pub async fn a_block_only_grows(open: Open<'_>) {
    let boards = open(2);
    assert_eq!(blocks(&boards[0]).await, []);
    close(&boards[0], &block("a", 60)).await;
    let theirs = |second| Block {
        reckoned: None,
        ..block("a", second)
    };
    let later = theirs(90);
    let steps = [
        (30, &block("a", 60)),
        (60, &block("a", 60)),
        (90, &later),
        (89, &later),
    ];
    for (end, latest) in steps {
        close(&boards[1], &theirs(end)).await;
        for board in &boards {
            assert_eq!(blocks(board).await, std::slice::from_ref(latest));
        }
    }
    let fine = Block {
        until: at(90) + SignedDuration::from_micros(1),
        ..block("a", 0)
    };
    close(&boards[0], &fine).await;
    assert_eq!(blocks(&boards[1]).await, [fine]);
}

/// Members come and go; their blocks stay.
pub async fn a_block_outlives_everybody(open: Open<'_>) {
    let boards = open(2);
    exchange(&boards[0], "ada", 1, &[("a", "1")]).await;
    close(&boards[0], &block("a", 60)).await;
    exchange(&boards[1], "bob", 1, &[("a", "1")]).await;
    boards[0].leave("ada").await.expect("it leaves");
    assert!(sweep(&boards[1], "bob", 1).await);
    assert_eq!(all(&boards[1]).await, []);
    assert_eq!(blocks(&boards[1]).await, [block("a", 60)]);
}

/// By any handle, whatever is in it, and after everybody has left.
pub async fn what_was_learnt_comes_back_as_it_was_kept(open: Open<'_>) {
    let boards = open(2);
    assert_eq!(learnt(&boards[0], "a").await, None);
    exchange(&boards[0], "ada", 1, &[("a", "1")]).await;
    let long = "ü🌊\"\n".repeat(100_000);
    let mut over = None;
    for text in ["", "{\"curves\": [1, 2]}", &long] {
        assert!(keep(&boards[0], "a", text, over).await);
        assert_eq!(learnt(&boards[1], "a").await.as_deref(), Some(text));
        over = Some(text);
    }
    boards[0].leave("ada").await.expect("it leaves");
    assert_eq!(learnt(&boards[1], "a").await.as_deref(), over);
}

/// Who has not read it may not replace it.
pub async fn what_somebody_else_has_kept_is_not_kept_over(open: Open<'_>) {
    let boards = open(2);
    assert!(!keep(&boards[0], "a", "mine", Some("what was never there")).await);
    assert_eq!(learnt(&boards[0], "a").await, None);
    assert!(keep(&boards[0], "a", "theirs", None).await);
    assert!(!keep(&boards[1], "a", "mine", None).await);
    assert!(!keep(&boards[1], "a", "mine", Some("Theirs")).await);
    assert_eq!(learnt(&boards[1], "a").await.as_deref(), Some("theirs"));
    assert!(keep(&boards[1], "a", "both", Some("theirs")).await);
    assert_eq!(learnt(&boards[0], "a").await.as_deref(), Some("both"));
}

/// Each reads, adds its own and keeps, until it is kept.
pub async fn of_several_who_keep_at_once_nobody_s_learning_is_lost(open: Open<'_>) {
    const MEMBERS: usize = 4;
    const ROUNDS: usize = 15;
    let boards = open(MEMBERS);
    let mut running: Vec<Pin<Box<dyn Future<Output = ()> + Send + '_>>> = Vec::new();
    for (number, board) in boards.iter().enumerate() {
        running.push(Box::pin(async move {
            for round in 0..ROUNDS {
                loop {
                    let before = learnt(board, "a").await;
                    let more =
                        format!("{} {number}-{round}", before.as_deref().unwrap_or_default());
                    if keep(board, "a", &more, before.as_deref()).await {
                        break;
                    }
                }
            }
        }));
    }
    together(running).await;
    let kept = learnt(&boards[0], "a").await.expect("something was kept");
    let words: BTreeSet<&str> = kept.split_whitespace().collect();
    assert_eq!(words.len(), MEMBERS * ROUNDS, "{kept}");
}
