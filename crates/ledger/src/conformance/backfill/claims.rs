//! Who is given the gaps of a stream: one at a time, and until when.

use std::sync::Mutex;

use super::*;
use crate::port::Term;

/// A filler needs to know what it fills.
pub async fn a_claim_comes_with_the_repository_as_it_is_now(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS]).await;
    let now = world.view(LIB).await;
    match world.ask("ada", LIB_COMMITS, 900, 500).await {
        Claimed::Given { claim, repo } => {
            assert_eq!(*repo, now);
            assert_eq!(
                (claim.org.as_str(), claim.repo, claim.stream),
                (ORG, LIB, Stream::Commits)
            );
        }
        other => panic!("it is given, and not {other:?}"),
    }
    assert_eq!(
        world.ask("ada", LIB_PULLS, 900, 500).await,
        Claimed::Nothing,
        "a stream without a gap has nothing to fill"
    );
}

/// Exactly one, and the others hear until when to wait.
pub async fn of_many_who_claim_at_once_one_is_given_it(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS]).await;
    for round in 1..=5 {
        let (second, until) = (round * 1_000, round * 1_000 + 500);
        let answers = Mutex::new(Vec::new());
        let (world, heard) = (&world, &answers);
        let claim = |number: i64| {
            Box::pin(async move {
                let holder = format!("worker-{number}");
                let answer = world.ask(&holder, LIB_COMMITS, until, second).await;
                heard.lock().expect("no one panicked").push(answer);
            }) as std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>>
        };
        together((0..8).map(claim).collect()).await;
        let answers = answers.into_inner().expect("no one panicked");
        let (given, refused): (Vec<_>, Vec<_>) = answers
            .into_iter()
            .partition(|answer| matches!(answer, Claimed::Given { .. }));
        assert_eq!(given.len(), 1);
        assert_eq!(refused, vec![Claimed::Held(at(until)); 7]);
    }
}

/// Also of the same holder: who asks again does not know that it has it.
pub async fn a_claim_that_has_passed_is_taken_over_and_the_old_one_writes_nothing(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS]).await;
    let first = world.claim("ada", LIB_COMMITS, 600, 500).await;
    for holder in ["eve", "ada"] {
        let asked = world.ask(holder, LIB_COMMITS, 900, 599).await;
        assert_eq!(asked, Claimed::Held(at(600)));
    }
    let second = world.claim("eve", LIB_COMMITS, 900, 600).await;
    assert!(second.token > first.token, "tokens rise");
    world.assert_void(&first).await;
    let asked = world.ask("ada", LIB_COMMITS, 950, 700).await;
    assert_eq!(
        asked,
        Claimed::Held(at(900)),
        "the late one has moved nothing"
    );
    assert!(
        world
            .store
            .hold(&second, at(950))
            .await
            .expect("it is answered")
    );
}

/// The times of a claim say only when others may try.
pub async fn a_claim_that_has_passed_and_that_nobody_took_still_writes(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS]).await;
    let claim = world.claim("ada", LIB_COMMITS, 600, 500).await;
    let by = Authority::Filler(claim.clone());
    let recorded = world
        .store
        .record(by, ORG, LIB, vec![proven(10, 15)], at(700))
        .await;
    recorded.expect("it is still entitled");
    assert!(
        world
            .store
            .hold(&claim, at(900))
            .await
            .expect("it is answered")
    );
    assert_eq!(
        world.ask("eve", LIB_COMMITS, 999, 899).await,
        Claimed::Held(at(900)),
        "a renewal counts"
    );
    assert!(world.end(&claim, Ending::Filled, 950).await);
    assert_eq!(
        world.due(950).await,
        [LIB_COMMITS],
        "what is left is due at once"
    );
}

/// Nobody else's either.
pub async fn a_claim_that_was_ended_writes_nothing(open: Open<'_>) {
    for ending in [Ending::Filled, Ending::Abandoned, failed("502", None)] {
        let world = World::with_gaps(open, &[LIB_COMMITS]).await;
        let claim = world.claim("ada", LIB_COMMITS, 900, 500).await;
        assert!(world.end(&claim, ending, 600).await);
        world.assert_void(&claim).await;
    }
}

/// Whatever numbers they consist of.
pub async fn terms_and_tokens_do_not_entitle_for_each_other(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS, LIB_PULLS]).await;
    let claim = world.claim("ada", LIB_COMMITS, 900, 500).await;
    for number in [0, world.term.0, claim.token.0, u64::MAX] {
        for (repo, stream) in [LIB_PULLS, APP_COMMITS, (RepoId(99), Stream::Commits)] {
            let forged = Claim {
                repo,
                stream,
                ..token(&claim, number)
            };
            world.assert_void(&forged).await;
        }
        if Token(number) != claim.token {
            world.assert_void(&token(&claim, number)).await;
        }
    }
    let next = world
        .store
        .lead("second", now())
        .await
        .expect("a term begins");
    assert!(
        world
            .store
            .hold(&claim, at(950))
            .await
            .expect("it is answered"),
        "a new leader takes no claim away"
    );
    for number in [0, claim.token.0, world.term.0, u64::MAX] {
        let stale = Term(number);
        if stale != next {
            let refused = world
                .store
                .dispatched(stale, ORG, &[LIB_COMMITS], at(500))
                .await;
            assert!(refused.expect_err("it is not in office").is_fenced());
        }
    }
}

/// The gaps are the repository's, wherever it belongs, and so is who is at them.
pub async fn a_repository_that_moves_keeps_its_gaps_and_who_is_at_them(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS, LIB_PULLS]).await;
    let claim = world.claim("ada", LIB_COMMITS, 600, 500).await;
    assert!(world.end(&claim, failed("502", Some(520)), 510).await);
    let claim = world.claim("ada", LIB_COMMITS, 900, 520).await;
    world.track("umbrella", &[seen(LIB, "lib")], 300).await;
    world.track(ORG, &[seen(APP, "app")], 300).await;

    assert_eq!(world.due_now(ORG, 600, 100).await, DueNow::default());
    let asked = async |second| {
        let asked = world
            .store
            .claim(
                "umbrella",
                LIB,
                Stream::Commits,
                "eve",
                at(2_000),
                at(second),
            )
            .await;
        asked.expect("the claim is answered")
    };
    assert_eq!(asked(600).await, Claimed::Held(at(900)));
    let found = world.due_now("umbrella", 900, 100).await;
    assert_eq!(found.under_way, 0);
    let due: Vec<_> = found
        .due
        .iter()
        .map(|due| (due.stream, due.window, due.attempts))
        .collect();
    assert_eq!(
        due,
        [
            (Stream::Commits, window(10, 20), 1),
            (Stream::Pulls, window(10, 20), 0)
        ]
    );
    assert_eq!(
        world.ask("eve", LIB_COMMITS, 999, 900).await,
        Claimed::Nothing
    );
    let taken = given(asked(900).await);
    assert!(taken.token > claim.token);
    world.assert_void(&claim).await;
}

/// Whoever is given the gaps sees all that was ever written with the claim before; what comes later is refused.
pub async fn what_a_filler_writes_is_there_before_another_has_its_gaps_or_never(open: Open<'_>) {
    let world = World::with_gaps(open, &[LIB_COMMITS]).await;
    let mut claim = world.claim("ada", LIB_COMMITS, 510, 500).await;
    for round in 1..=10 {
        let (second, by) = (round * 1_000, Authority::Filler(claim.clone()));
        let outcomes = Mutex::new((false, claim, Vec::new()));
        let (world, outcomes_of) = (&world, &outcomes);
        let write = async move {
            let parts = commits(vec![commit(&format!("round-{round}"), 5)]);
            match world.store.record(by, ORG, LIB, parts, at(second)).await {
                Ok(_) => outcomes_of.lock().expect("no one panicked").0 = true,
                Err(error) => assert!(error.is_lost(), "{error}"),
            }
        };
        let take = async move {
            let taken = world.claim("eve", LIB_COMMITS, second + 10, second).await;
            let seen = world.events(LIB).await;
            let mut outcomes = outcomes_of.lock().expect("no one panicked");
            (outcomes.1, outcomes.2) = (taken, seen);
        };
        together(vec![Box::pin(write), Box::pin(take)]).await;
        let (wrote, taken, seen) = outcomes.into_inner().expect("no one panicked");
        assert_eq!(seen, world.events(LIB).await, "nothing came later");
        let id = format!("round-{round}");
        assert_eq!(seen.iter().any(|event| event.id == id), wrote);
        claim = taken;
    }
}

/// Whoever takes office sees all that was ever written in a term before; what comes later is refused.
pub async fn what_a_leader_writes_is_there_before_the_next_term_begins_or_never(open: Open<'_>) {
    let world = World::new(open).await;
    let mut term = world.term;
    for round in 1..=10 {
        let outcomes = Mutex::new((false, term, Vec::new()));
        let (world, outcomes_of) = (&world, &outcomes);
        let write = async move {
            let parts = commits(vec![commit(&format!("round-{round}"), 5)]);
            match world
                .store
                .record(term.into(), ORG, LIB, parts, now())
                .await
            {
                Ok(_) => outcomes_of.lock().expect("no one panicked").0 = true,
                Err(error) => assert!(error.is_fenced(), "{error}"),
            }
        };
        let lead = async move {
            let next = world.store.lead("next", now()).await;
            let seen = world.events(LIB).await;
            let mut outcomes = outcomes_of.lock().expect("no one panicked");
            (outcomes.1, outcomes.2) = (next.expect("a term begins"), seen);
        };
        together(vec![Box::pin(write), Box::pin(lead)]).await;
        let (wrote, next, seen) = outcomes.into_inner().expect("no one panicked");
        assert_eq!(seen, world.events(LIB).await, "nothing came later");
        let id = format!("round-{round}");
        assert_eq!(seen.iter().any(|event| event.id == id), wrote);
        term = next;
    }
}
