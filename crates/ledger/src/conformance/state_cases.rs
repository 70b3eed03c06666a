//! Cases of small durable state.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::port::state::{KeptAnswer, State};

/// Opens a fresh, empty store that keeps at most this many answers.
pub type Open<'a> = &'a dyn Fn(usize) -> Arc<dyn State>;

fn answer(credential: &str, url: &str, body: &[u8]) -> KeptAnswer {
    KeptAnswer {
        credential: credential.to_owned(),
        url: url.to_owned(),
        etag: Some("W/\"abc\"".to_owned()),
        date: Some(at(3)),
        headers: vec![(
            "link".to_owned(),
            "<https://example.test/?page=2>; rel=\"next\"".to_owned(),
        )],
        body: body.to_vec(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::constant(1_767_225_600, 0) + SignedDuration::from_secs(second)
}

async fn keep(store: &Arc<dyn State>, answer: KeptAnswer, second: i64) {
    store
        .keep_answer(answer, at(second))
        .await
        .expect("the answer is kept");
}

async fn find(store: &Arc<dyn State>, credential: &str, url: &str) -> Option<KeptAnswer> {
    store
        .answer(credential, url)
        .await
        .expect("the answer is read")
}

/// With any body and without a validator.
pub async fn a_kept_answer_comes_back_as_it_was(open: Open<'_>) {
    let store = open(10);
    assert_eq!(find(&store, "a", "/x").await, None);
    let bare = KeptAnswer {
        etag: None,
        date: None,
        headers: Vec::new(),
        ..answer("a", "/y", b"")
    };
    let all_bytes: Vec<u8> = (0..=255).collect();
    for kept in [
        answer("a", "/x", &all_bytes),
        bare,
        answer("a", "/z?q=märz", &vec![7; 1 << 20]),
    ] {
        keep(&store, kept.clone(), 1).await;
        assert_eq!(find(&store, "a", &kept.url).await, Some(kept));
    }
}

/// One answer per credential and URL.
pub async fn a_newer_answer_takes_the_place_of_the_older_one(open: Open<'_>) {
    let store = open(10);
    keep(&store, answer("a", "/x", b"old"), 1).await;
    let newer = KeptAnswer {
        etag: Some("\"new\"".to_owned()),
        headers: Vec::new(),
        ..answer("a", "/x", b"new")
    };
    keep(&store, newer.clone(), 2).await;
    assert_eq!(find(&store, "a", "/x").await, Some(newer));
}

/// A private answer to one is not given to another.
pub async fn answers_are_not_shared_between_credentials(open: Open<'_>) {
    let store = open(10);
    keep(&store, answer("a", "/x", b"secret"), 1).await;
    assert_eq!(find(&store, "b", "/x").await, None);
    keep(&store, answer("b", "/x", b"other"), 2).await;
    assert_eq!(
        find(&store, "a", "/x").await,
        Some(answer("a", "/x", b"secret"))
    );
}

/// Past the bound those go that were kept longest ago; keeping one again makes it young. An adapter may drop in steps,
/// but never more than half of what it may keep.
pub async fn kept_answers_are_bounded_and_the_oldest_go_first(open: Open<'_>) {
    const BOUND: i64 = 20;
    let store = open(20);
    for number in 0..BOUND {
        keep(&store, answer("a", &format!("/{number}"), b"x"), number).await;
    }
    keep(&store, answer("a", "/0", b"again"), BOUND).await;
    for number in BOUND..BOUND + 5 {
        keep(&store, answer("a", &format!("/{number}"), b"x"), number + 1).await;
    }
    let mut left = 0;
    for number in 0..BOUND + 5 {
        left += i64::from(find(&store, "a", &format!("/{number}")).await.is_some());
    }
    assert!(
        (BOUND / 2..=BOUND).contains(&left),
        "{left} answers are left of a bound of {BOUND}"
    );
    assert!(find(&store, "a", "/0").await.is_some(), "it was kept again");
    assert_eq!(
        find(&store, "a", "/1").await,
        None,
        "it was kept longest ago"
    );
    assert!(find(&store, "a", "/24").await.is_some(), "it is the newest");
}

/// A few short texts that outlive a restart; an empty one is a note as well.
pub async fn what_is_noted_stays_until_something_else_is_noted_under_its_name(open: Open<'_>) {
    let store = open(10);
    let noted = async |name| store.noted(name).await.expect("the note is read");
    assert_eq!(noted("place").await, None);
    for (name, value) in [("place", "12"), ("other", ""), ("place", "13 märz\n")] {
        store.note(name, value).await.expect("it is noted");
        assert_eq!(noted(name).await.as_deref(), Some(value));
    }
    assert_eq!(noted("other").await.as_deref(), Some(""));
    assert_eq!(noted("Place").await, None);
}
