//! Moments of a node: what is folded, and what it knows of itself. Small enough to be read.

use std::collections::BTreeMap;

use github::stats::{Code, Sent, Stats};
use jiff::{SignedDuration, Timestamp};
use ledger::aggregate::Aggregate;
use ledger::coverage::GapReason;
use ledger::event::{Actor, CommentOn, Event, Fact, RepoId, ReviewState, Stream};
use ledger::exclude::Exclude;
use ledger::port::Cursor;
use ledger::port::activity::{
    Changes, CycleReport, CycleResult, EventChange, News, OrgView, Recorded, RepoView, StreamView,
};
use ledger::user_label::UserLabels;
use quota::{Lane, WaitReason};
use service::export::{
    Dependency, NodeCounts, NodeView, QueueState, SharedView, Source, StreamState, Written,
};
use service::quota_view::{FloorView, ForecastView, QuotaView, ResourceView, WaitedView};

/// The moment: 1 January 2026.
pub(super) fn now() -> Timestamp {
    Timestamp::constant(1_767_225_600, 0)
}

fn hours_ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

/// A repository of `acme`, tracked for a month, with a few open items.
pub(super) fn repository(id: u64, org: &str, name: &str) -> RepoView {
    let stream = |stream, open| StreamView {
        open,
        ..StreamView::new(stream, hours_ago(720))
    };
    RepoView {
        org: org.to_owned(),
        id: RepoId(id),
        name: name.to_owned(),
        created_at: hours_ago(10_000),
        tracked: true,
        streams: vec![
            stream(Stream::Commits, None),
            stream(Stream::Pulls, Some(4)),
            stream(Stream::Issues, Some(0)),
        ],
    }
}

/// Repositories and what happened in them: hours ago, by whom, what.
pub(super) fn folded(
    repos: Vec<RepoView>,
    events: impl IntoIterator<Item = (u64, i64, String, Fact)>,
) -> Aggregate {
    let mut aggregate = Aggregate::new(UserLabels::Login, Exclude::nobody(), now());
    let events: Vec<EventChange> = (1..)
        .zip(events)
        .map(|(number, (repo, hours, login, fact))| EventChange {
            seq: Cursor(number),
            news: News::Recorded,
            org: repos[0].org.clone(),
            repo: RepoId(repo),
            first_state: match fact {
                Fact::Review { state, .. } => Some(state),
                _ => None,
            },
            event: Event {
                id: format!("{number:040x}"),
                at: hours_ago(hours),
                actor: Actor::new(login, None),
                fact,
                version: 0,
            },
            retracted: false,
            history: false,
        })
        .collect();
    let next = Cursor(events.len() as u64 + 1);
    aggregate.apply(&Changes {
        events,
        repos,
        next,
        ..Changes::default()
    });
    aggregate
}

pub(super) fn commit(additions: u64, deletions: u64) -> Fact {
    Fact::Commit {
        additions,
        deletions,
        changed_files: 1,
    }
}

/// Two repositories, three people, one fact of each kind and more.
fn activity() -> Aggregate {
    let repos = vec![repository(1, "acme", "web"), repository(2, "acme", "lib")];
    let review = |state, seconds_since_ready| Fact::Review {
        number: 7,
        state,
        seconds_since_ready,
    };
    let merged = Fact::PullMerged {
        number: 7,
        merged_by: None,
        seconds_open: 7_200,
        lines: 120,
    };
    let happened = [
        (1, 1, "ada", commit(10, 3)),
        (1, 30, "ada", commit(5, 0)),
        (1, 3, "ada", Fact::PullOpened { number: 7 }),
        (1, 2, "eve", review(ReviewState::Approved, Some(900))),
        (1, 2, "eve", review(ReviewState::Commented, None)),
        (1, 1, "ada", merged),
        (
            1,
            4,
            "bot[bot]",
            Fact::Comment {
                on: CommentOn::Pull,
            },
        ),
        (
            1,
            4,
            "eve",
            Fact::Comment {
                on: CommentOn::Diff,
            },
        ),
        (
            1,
            400,
            "eve",
            Fact::Comment {
                on: CommentOn::Issue,
            },
        ),
        (
            2,
            5,
            "eve",
            Fact::PullClosed {
                number: 3,
                seconds_open: 9,
            },
        ),
        (2, 6, "ada", Fact::IssueOpened { number: 4 }),
        (
            2,
            5,
            "ada",
            Fact::IssueClosed {
                number: 4,
                seconds_open: 3_600,
            },
        ),
    ];
    folded(
        repos,
        happened.map(|(repo, hours, login, fact)| (repo, hours, login.to_owned(), fact)),
    )
}

/// What a node shows at one moment.
pub(super) struct Moment {
    pub(super) aggregate: Aggregate,
    pub(super) shared: SharedView,
    pub(super) node: NodeView,
}

/// A node that has just started against an organisation it has never read.
pub(super) fn empty() -> Moment {
    let aggregate = Aggregate::new(UserLabels::Login, Exclude::nobody(), now());
    of(aggregate, vec![OrgView::new("acme")])
}

/// A node with nothing to tell but its organisations.
pub(super) fn of(aggregate: Aggregate, orgs: Vec<OrgView>) -> Moment {
    let node = NodeView {
        started: hours_ago(2),
        leads: true,
        orgs: orgs
            .iter()
            .map(|org| (org.org.clone(), "token".to_owned()))
            .collect(),
        github: Vec::new(),
        quota: Vec::new(),
        dependencies: dependencies(true),
        counts: NodeCounts::default(),
    };
    let shared = SharedView {
        as_of: aggregate.now(),
        orgs,
        streams: Vec::new(),
    };
    Moment {
        aggregate,
        shared,
        node,
    }
}

fn dependencies(up: bool) -> Vec<Dependency> {
    vec![
        Dependency { name: "state", up },
        Dependency { name: "github", up },
    ]
}

/// A node that has read everything.
pub(super) fn full() -> Moment {
    let mut org = OrgView::new("acme");
    let first = cycle(hours_ago(1), CycleResult::Partial);
    let counts = NodeCounts::default();
    counts.recorded(Source::Scrape, &first.recorded);
    counts.not_written(Source::Backfill, Written::Refused);
    counts.enqueued("acme", GapReason::Outage);
    counts.under_way("acme", 3);
    counts.deferred("acme", 2);
    for result in ["filled", "failed", "stuck"] {
        counts.processed("acme", result);
    }
    let jobs = QueueState {
        depth: Some(4),
        oldest: Some(std::time::Duration::from_millis(61_500)),
    };
    counts.queue("jobs", jobs);
    org.fold(first);
    org.fold(cycle(now(), CycleResult::Success));
    let mut moment = of(activity(), vec![org]);
    moment.shared.streams = streams([0, 0], 0.0, 123.25);
    moment.node.github = vec![stats()];
    moment.node.quota = vec![credential(Some(Timestamp::constant(1_767_227_400, 0)))];
    moment.node.counts = counts;
    moment
}

/// The same node two hours after GitHub and the store were gone.
pub(super) fn degraded() -> Moment {
    let mut moment = full();
    let later = now() + SignedDuration::from_hours(2);
    moment.shared.as_of = later;
    moment.shared.orgs[0].fold(cycle(later, CycleResult::Failure));
    moment.shared.streams = streams([2, 1], 7_200.0, 7_320.5);
    moment.node.leads = false;
    moment.node.quota = vec![credential(None)];
    moment.node.dependencies = dependencies(false);
    let refused = Sent {
        org: "acme".to_owned(),
        endpoint: "graphql PROBE",
        lane: Lane::Scheduled,
        code: Code::Fault("connect"),
    };
    moment.node.github[0].requests.insert(refused, 8);
    moment
}

fn cycle(finished: Timestamp, result: CycleResult) -> CycleReport {
    CycleReport {
        started: finished - SignedDuration::from_millis(1_250),
        finished,
        result,
        repos: 2,
        changed: 1,
        failed: 0,
        recorded: Recorded {
            inserted: 6,
            updated: 1,
            retracted: 0,
            outside: 2,
        },
        requests: 4,
        points: 4,
        error: None,
    }
}

fn streams(
    [errors, partial]: [u64; 2],
    oldest_gap_seconds: f64,
    age_seconds: f64,
) -> Vec<StreamState> {
    let gaps = GapReason::ALL.map(|reason| match reason {
        GapReason::ScrapeError => (reason, errors),
        GapReason::Partial => (reason, partial),
        _ => (reason, 0),
    });
    let state = |stream| StreamState {
        org: "acme".to_owned(),
        stream,
        ratio: Some(0.998_5),
        stuck: partial,
        unavailable: 1,
        gaps: gaps.to_vec(),
        oldest_gap_seconds,
        age_seconds,
    };
    Stream::ALL.map(state).into()
}

fn stats() -> Stats {
    let sent = |endpoint, status| Sent {
        org: "acme".to_owned(),
        endpoint,
        lane: Lane::Scheduled,
        code: Code::Status(status),
    };
    let requests = [
        (sent("graphql PROBE", 200), 24),
        (sent("/repos/{owner}/{repo}/issues/comments", 304), 9),
        (sent("/repos/{owner}/{repo}/issues/comments", 200), 3),
    ];
    Stats {
        requests: BTreeMap::from(requests),
        not_modified: BTreeMap::from([("acme".to_owned(), 9)]),
        coalesced: BTreeMap::from([("acme".to_owned(), 2)]),
        spared: BTreeMap::from([("acme".to_owned(), 115)]),
        etag_rule_in_use: true,
        ..Stats::default()
    }
}

fn credential(reset: Option<Timestamp>) -> QuotaView {
    let resource = |resource: &str, remaining: Option<u64>| ResourceView {
        resource: resource.to_owned(),
        limit: Some(5_000),
        used: remaining.map(|remaining| 5_000 - remaining),
        remaining,
        reset,
        floors: vec![FloorView {
            lane: Lane::Scheduled.as_str().to_owned(),
            leaves: 1_000,
        }],
        forecast: remaining.map(|remaining| ForecastView {
            used_at_reset: 2 * (5_000 - remaining),
            runs_out: None,
        }),
    };
    QuotaView {
        resources: vec![
            resource("core", Some(4_988)),
            resource("graphql", reset.map(|_| 4_976)),
        ],
        refused: 1,
        secondary_hits: 1,
        waited: vec![WaitedView {
            lane: Lane::Scheduled.as_str().to_owned(),
            reason: WaitReason::Secondary.as_str().to_owned(),
            requests: 3,
            seconds: 61.5,
        }],
        ..QuotaView::new("token".to_owned(), now())
    }
}
