use jiff::Timestamp;

use super::*;

fn review(state: ReviewState, version: i64) -> Event {
    Event {
        id: id::item(7),
        at: Timestamp::UNIX_EPOCH,
        actor: Actor::new("ada", Some(1)),
        fact: Fact::Review {
            number: 3,
            state,
            seconds_since_ready: Some(60),
        },
        version,
    }
}

#[test]
fn a_newer_version_replaces_the_state_of_a_review_and_nothing_else() {
    let mut event = review(ReviewState::Approved, 1);
    let mut newer = review(ReviewState::Dismissed, 2);
    newer.actor = Actor::ghost();
    newer.at = Timestamp::MAX;
    assert!(event.amend(&newer));
    assert_eq!(event, review(ReviewState::Dismissed, 2));
}

#[test]
fn an_older_or_equal_version_replaces_nothing() {
    let mut event = review(ReviewState::Dismissed, 2);
    assert!(!event.amend(&review(ReviewState::Approved, 2)));
    assert!(!event.amend(&review(ReviewState::Approved, 1)));
    assert_eq!(event, review(ReviewState::Dismissed, 2));
}

#[test]
fn a_commit_cannot_be_amended() {
    let fact = |additions| Fact::Commit {
        additions,
        deletions: 0,
        changed_files: 1,
    };
    let commit = |additions, version| Event {
        fact: fact(additions),
        ..review(ReviewState::Approved, version)
    };
    let mut event = commit(1, 0);
    assert!(!event.amend(&commit(2, 1)));
    assert_eq!(event, commit(1, 0));
}

#[test]
fn the_words_of_kinds_states_places_and_streams_lead_back_to_them() {
    assert!(
        Kind::ALL
            .into_iter()
            .all(|kind| Kind::parse(kind.as_str()) == Some(kind))
    );
    assert!(
        ReviewState::ALL
            .into_iter()
            .all(|state| ReviewState::parse(state.as_str()) == Some(state))
    );
    assert!(
        CommentOn::ALL
            .into_iter()
            .all(|on| CommentOn::parse(on.as_str()) == Some(on))
    );
    assert!(
        Stream::ALL
            .into_iter()
            .all(|stream| Stream::parse(stream.as_str()) == Some(stream))
    );
    assert_eq!(
        ReviewState::parse("CHANGES_REQUESTED"),
        Some(ReviewState::ChangesRequested)
    );
    assert_eq!(ReviewState::parse("PENDING"), None);
}

#[test]
fn a_comment_on_an_issue_and_one_on_a_diff_with_the_same_number_are_two_facts() {
    assert_ne!(
        id::comment(CommentOn::Issue, 5),
        id::comment(CommentOn::Diff, 5)
    );
    assert_eq!(
        id::comment(CommentOn::Issue, 5),
        id::comment(CommentOn::Pull, 5)
    );
}
