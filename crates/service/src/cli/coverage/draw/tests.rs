use ledger::coverage::GapReason;
use ledger::event::RepoId;
use ledger::port::activity::{Ending, Miss, Proof};

use super::*;

fn hour(hour: i64) -> Timestamp {
    "2025-06-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour)
}

fn window(from: i64, to: i64) -> Window {
    Window::new(hour(from), hour(to)).unwrap()
}

fn read(view: &mut StreamView, from: i64, to: i64) {
    let proof = Proof {
        window: window(from, to),
        fingerprint: ledger::fingerprint::Fingerprint::commits(None, None, 0),
        open: None,
        deep: false,
    };
    view.prove(proof, hour(48));
}

fn miss(view: &mut StreamView, from: i64, to: i64, error: &str) {
    view.miss(&Miss {
        repo: RepoId(1),
        stream: view.stream,
        window: window(from, to),
        reason: GapReason::ScrapeError,
        error: error.to_owned(),
    });
}

fn repo(name: &str, streams: Vec<StreamView>) -> RepoView {
    RepoView {
        org: "acme".to_owned(),
        id: RepoId(1),
        name: name.to_owned(),
        created_at: hour(-10),
        tracked: true,
        streams,
    }
}

fn drawn(repos: Vec<RepoView>, by_stream: bool) -> String {
    let org = Org {
        name: "acme".to_owned(),
        repos,
    };
    let style = Style {
        colour: false,
        unicode: false,
        width: 60,
    };
    lines(&[org], by_stream, style, hour(48)).join("\n")
}

fn api() -> RepoView {
    let mut commits = StreamView::new(Stream::Commits, hour(0));
    read(&mut commits, 0, 47);
    let mut pulls = StreamView::new(Stream::Pulls, hour(0));
    read(&mut pulls, 0, 12);
    miss(&mut pulls, 12, 24, "the server answered 502");
    read(&mut pulls, 24, 47);
    repo("api", vec![commits, pulls])
}

#[test]
fn the_worst_of_a_repository_s_streams_shows_in_each_column() {
    insta::assert_snapshot!(drawn(vec![api()], false));
}

#[test]
fn streams_have_rows_of_their_own_when_they_are_asked_for() {
    insta::assert_snapshot!(drawn(vec![api()], true));
}

#[test]
fn what_is_stuck_says_what_to_do_and_what_cannot_be_read_says_why() {
    let mut pulls = StreamView::new(Stream::Pulls, hour(24));
    miss(&mut pulls, 24, 30, "first");
    pulls.end(Ending::Failed {
        error: "not there by this name".to_owned(),
        next_attempt: None,
    });
    let mut issues = StreamView::new(Stream::Issues, hour(0));
    issues.unavailable = Some("the token may not read issues".to_owned());
    insta::assert_snapshot!(drawn(vec![repo("web", vec![pulls, issues])], false));
}

#[test]
fn a_share_is_never_rounded_up_to_all() {
    let mut commits = StreamView::new(Stream::Commits, hour(0));
    read(&mut commits, 0, 47);
    assert_eq!(share(&[&commits], hour(48)), "97 %");
    read(&mut commits, 47, 48);
    assert_eq!(share(&[&commits], hour(48)), "100 %");
}
