//! An organisation that is as large as asked: twenty people a repository, half of them active in the last day.

use jiff::{SignedDuration, Timestamp};
use ledger::aggregate::Aggregate;
use ledger::event::{Actor, CommentOn, Event, Fact, RepoId, ReviewState, Stream};
use ledger::exclude::Exclude;
use ledger::port::Cursor;
use ledger::port::activity::{Changes, EventChange, News, RepoView, StreamView};
use ledger::user_label::UserLabels;
use service::export::SharedView;

const ORG: &str = "example-organisation";
const PEOPLE: u64 = 20;
/// Samples of one repository with its people.
const PER_REPO: usize = 10 * 14 + 10 * 8 + 2 + 13 + 13 + 10;

fn now() -> Timestamp {
    Timestamp::constant(1_767_225_600, 0)
}

/// About so many samples.
pub(crate) fn of(samples: usize) -> (Aggregate, SharedView) {
    let mut aggregate = Aggregate::new(UserLabels::Login, Exclude::nobody(), now());
    let mut seq = 0;
    for number in 1..=samples.div_ceil(PER_REPO) as u64 {
        let events: Vec<EventChange> = (0..PEOPLE)
            .flat_map(|person| of_person(number, person))
            .map(|event| {
                seq += 1;
                change(seq, number, event)
            })
            .collect();
        aggregate.apply(&Changes {
            events,
            repos: vec![repo(number)],
            next: Cursor(seq),
            ..Changes::default()
        });
    }
    let view = SharedView {
        as_of: now(),
        orgs: Vec::new(),
        streams: Vec::new(),
    };
    (aggregate, view)
}

/// One more commit in so many repositories, spread over all of them.
pub(crate) fn stir(aggregate: &mut Aggregate, repos: u64) {
    let all = aggregate.repos().len() as u64;
    let first = aggregate.cursor().0 + 1;
    let events: Vec<EventChange> = (0..repos.min(all))
        .map(|place| {
            let (seq, repo) = (first + place, 1 + place * all / repos.min(all));
            let mut events = of_person(repo, seq % PEOPLE);
            let mut event = events.swap_remove(0);
            event.id = format!("{seq:040x}");
            event.at = now();
            change(seq, repo, event)
        })
        .collect();
    aggregate.apply(&Changes {
        next: Cursor(first + events.len() as u64),
        events,
        ..Changes::default()
    });
}

fn of_person(repo: u64, person: u64) -> Vec<Event> {
    let active = person.is_multiple_of(2);
    let hours = if active { 1 + person as i64 } else { 24 * 20 };
    let at = now() - SignedDuration::from_hours(hours);
    let number = repo * 100 + person;
    let facts = [
        Fact::Commit {
            additions: 10 + number % 5_000,
            deletions: 1 + number % 700,
            changed_files: 3,
        },
        Fact::PullOpened { number },
        Fact::PullMerged {
            number,
            merged_by: None,
            seconds_open: number * 97 % 3_000_000,
            lines: number * 31 % 12_000,
        },
        Fact::Review {
            number: number + 1,
            state: ReviewState::Approved,
            seconds_since_ready: Some(number * 53 % 900_000),
        },
        Fact::Comment {
            on: CommentOn::Pull,
        },
    ];
    let login = format!("contributor-{:05}", (repo * 7 + person * 131) % 20_000);
    let event = |(place, fact)| Event {
        id: format!("{number:032x}{place:08x}"),
        at,
        actor: Actor::new(login.clone(), None),
        fact,
        version: 0,
    };
    (0..)
        .zip(facts)
        .map(|(place, fact): (u32, Fact)| event((place, fact)))
        .collect()
}

fn change(seq: u64, repo: u64, event: Event) -> EventChange {
    EventChange {
        seq: Cursor(seq),
        news: News::Recorded,
        org: ORG.to_owned(),
        repo: RepoId(repo),
        first_state: match event.fact {
            Fact::Review { state, .. } => Some(state),
            _ => None,
        },
        event,
        retracted: false,
        history: false,
    }
}

fn repo(number: u64) -> RepoView {
    let start = now() - SignedDuration::from_hours(24 * 400);
    let stream = |stream, open| StreamView {
        open,
        ..StreamView::new(stream, start)
    };
    RepoView {
        org: ORG.to_owned(),
        id: RepoId(number),
        name: format!("service-{number:05}"),
        created_at: start,
        tracked: true,
        streams: vec![
            stream(Stream::Commits, None),
            stream(Stream::Pulls, Some(number % 60)),
            stream(Stream::Issues, Some(number % 90)),
        ],
    }
}
