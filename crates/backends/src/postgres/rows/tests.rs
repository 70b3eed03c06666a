//! What lies in columns is what was put there, also by an earlier version.

use ledger::coverage::GapReason;
use ledger::event::{CommentOn, Stream};
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::{OrgView, Proof};
use ledger::window::Window;

use super::*;

/// The column says what `Event::amend` would take over.
#[test]
fn what_can_change_in_a_fact_is_what_a_newer_version_amends() {
    let number = 1;
    let seconds_open = 1;
    let facts = [
        Fact::Commit {
            additions: 1,
            deletions: 1,
            changed_files: 1,
        },
        Fact::PullOpened { number },
        Fact::PullMerged {
            number,
            merged_by: None,
            seconds_open,
            lines: 1,
        },
        Fact::PullClosed {
            number,
            seconds_open,
        },
        Fact::Review {
            number,
            state: ReviewState::Approved,
            seconds_since_ready: None,
        },
        Fact::Comment {
            on: CommentOn::Issue,
        },
        Fact::IssueOpened { number },
        Fact::IssueClosed {
            number,
            seconds_open,
        },
    ];
    let kinds: Vec<_> = facts.iter().map(Fact::kind).collect();
    assert_eq!(kinds, ledger::event::Kind::ALL);
    for fact in facts {
        let changes = changeable(&fact).unwrap().is_some();
        let kept = Event {
            id: String::new(),
            at: Timestamp::UNIX_EPOCH,
            actor: Actor::ghost(),
            fact,
            version: 1,
        };
        let newer = Event {
            version: 2,
            ..kept.clone()
        };
        assert_eq!(kept.clone().amend(&newer), changes, "{kept:?}");
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn window(start: i64, end: i64) -> Window {
    Window::new(at(start), at(end)).unwrap()
}

fn proved(end: i64) -> StreamView {
    let mut view = StreamView::new(Stream::Commits, at(0));
    let fingerprint = Fingerprint::commits(Some("main".to_owned()), Some("aa".to_owned()), 3);
    let proof = Proof {
        window: window(0, end),
        fingerprint,
        open: None,
        deep: true,
    };
    view.prove(proof, at(1_000));
    view
}

/// However often they have moved since the views were written.
#[test]
fn where_ends_have_moved_the_views_of_before_are_those_of_after() {
    let unread = StreamView::new(Stream::Pulls, at(0));
    let mut gappy = proved(10);
    gappy.coverage.cover(window(20, 30));
    gappy
        .coverage
        .miss(window(35, 40), GapReason::Partial, "502");
    let kept = [proved(10), gappy, unread];
    let mut now = kept.to_vec();
    for end in [33, 35, 38, 60] {
        let before = now.clone();
        for view in &mut now {
            view.confirm(at(end), at(100));
        }
        let ends = moved(&before, &now).expect("nothing else is different");
        let mut read = kept.to_vec();
        for (view, end) in read.iter_mut().zip(ends) {
            view.coverage.advance(end);
        }
        assert_eq!(read, now, "at {end}");
    }
    assert_eq!(now[1].coverage.covered(), [window(0, 10), window(20, 60)]);

    let more = [
        |view: &mut StreamView| view.unavailable = Some("gone".to_owned()),
        |view: &mut StreamView| view.coverage.cover(window(10, 20)),
        |view: &mut StreamView| view.coverage.reach_back(at(-5)),
        |view: &mut StreamView| view.doubt(),
    ];
    for change in more {
        let mut after = now.clone();
        change(&mut after[1]);
        assert_eq!(moved(&now, &after), None, "{after:?}");
    }
    assert_eq!(moved(&now, &now[1..]), None);
}

/// A field that is added to these has a default.
#[test]
fn what_the_first_version_has_kept_can_be_read() {
    let streams = r#"{"listed":[{"stream":"commits","coverage":{"start":"1970-01-01T00:00:00Z","covered":[{"start":"1970-01-01T00:00:00Z","end":"1970-01-01T00:00:10Z"}],"gaps":[]},"counted_from":"1970-01-01T00:00:00Z","fingerprint":{"of":"commits","branch":"main","head":"aa","total":3},"fetched_at":"1970-01-01T00:16:40Z","open":null,"unavailable":null,"backfill":{"attempts":0,"error":"","next_attempt":null,"stuck":false}}]}"#;
    let read: Streams = serde_json::from_str(streams).unwrap();
    assert_eq!(read.listed, [proved(10)]);
    assert_eq!(serde_json::to_string(&read).unwrap(), streams);

    let body =
        r#"["ada",1,{"kind":"review","number":7,"state":"approved","seconds_since_ready":null}]"#;
    let (login, id, fact): (String, Option<u64>, Fact) = serde_json::from_str(body).unwrap();
    let event = Event {
        id: String::new(),
        at: at(0),
        actor: Actor::new(login, id),
        fact,
        version: 0,
    };
    assert_eq!(super::body(&event).unwrap(), body);

    let org = r#"{"org":"acme","last":null,"last_read":null,"cycles":[1,0,0,0],"recorded":{"inserted":1,"updated":0,"retracted":0,"outside":0}}"#;
    let read: OrgView = serde_json::from_str(org).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), org);
}
