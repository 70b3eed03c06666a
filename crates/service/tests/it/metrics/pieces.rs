//! What is written in pieces, and again only where something changed, is what would be written anew.

use jiff::SignedDuration;
use ledger::aggregate::Aggregate;
use ledger::event::{Actor, Event, Fact, RepoId};
use ledger::exclude::Exclude;
use ledger::port::Cursor;
use ledger::port::activity::{Changes, EventChange, News, RepoView};
use ledger::user_label::UserLabels;
use proptest::prelude::*;
use service::config::Refresh;
use service::export::{Format, Settings, SharedView, Writer};

use super::ROOMY;
use super::moment::{commit, now, repository};

/// Enough of them for many groups.
const REPOS: u64 = 900;

#[derive(Clone, Debug)]
enum Act {
    /// Somebody commits in these repositories.
    Commit(Vec<u64>, u8),
    /// A pull request is merged here.
    Merge(u64),
    /// A repository has another name, or is no longer there.
    Rename(u64, Option<u8>),
    /// There is a new one.
    New(u64),
    Pass(i64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let repo = 1..=REPOS;
    let act = prop_oneof![
        4 => (prop::collection::vec(repo.clone(), 1..6), 0..30_u8).prop_map(|(repos, who)| Act::Commit(repos, who)),
        2 => repo.clone().prop_map(Act::Merge),
        1 => (repo, prop::option::of(0..5_u8)).prop_map(|(repo, name)| Act::Rename(repo, name)),
        1 => (REPOS + 1..2 * REPOS).prop_map(Act::New),
        2 => (1..30_i64).prop_map(Act::Pass),
    ];
    prop::collection::vec(act, 1..8)
}

struct Feed {
    aggregate: Aggregate,
    place: u64,
}

impl Feed {
    fn new() -> Feed {
        let mut feed = Feed {
            aggregate: Aggregate::new(UserLabels::Login, Exclude::nobody(), now()),
            place: 0,
        };
        let repos = (1..=REPOS).map(|id| repository(id, "acme", &format!("repo-{id:04}")));
        feed.tell(repos.collect(), Vec::new());
        let events = (1..=REPOS).flat_map(|repo| (0..repo % 4).map(move |who| (repo, who as u8)));
        let events: Vec<_> = events
            .map(|(repo, who)| (repo, who, commit(repo % 50, 1)))
            .collect();
        feed.tell(Vec::new(), events);
        feed
    }

    fn tell(&mut self, repos: Vec<RepoView>, events: Vec<(u64, u8, Fact)>) {
        let events: Vec<EventChange> = events
            .into_iter()
            .map(|(repo, who, fact)| {
                self.place += 1;
                EventChange {
                    seq: Cursor(self.place),
                    news: News::Recorded,
                    org: "acme".to_owned(),
                    repo: RepoId(repo),
                    event: Event {
                        id: format!("{:040x}", self.place),
                        at: self.aggregate.now() - SignedDuration::from_mins(who.into()),
                        actor: Actor::new(format!("user-{who}"), None),
                        fact,
                        version: 0,
                    },
                    first_state: None,
                    retracted: false,
                    history: false,
                }
            })
            .collect();
        self.place += 1;
        self.aggregate.apply(&Changes {
            events,
            repos,
            next: Cursor(self.place),
            ..Changes::default()
        });
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Commit(repos, who) => {
                let events = repos.iter().map(|repo| (*repo, *who, commit(2, 1)));
                self.tell(Vec::new(), events.collect());
            }
            Act::Merge(repo) => {
                let merged = Fact::PullMerged {
                    number: self.place,
                    merged_by: None,
                    seconds_open: self.place * 100,
                    lines: self.place,
                };
                self.tell(Vec::new(), vec![(*repo, 1, merged)]);
            }
            Act::Rename(repo, name) => {
                let mut view = repository(*repo, "acme", &format!("name-{}", name.unwrap_or(0)));
                view.tracked = name.is_some();
                self.tell(vec![view], Vec::new());
            }
            Act::New(repo) => {
                let view = repository(*repo, "acme", &format!("repo-{:04}x", repo % REPOS));
                self.tell(vec![view], vec![(*repo, 2, commit(1, 1))]);
            }
            Act::Pass(hours) => {
                let later = self.aggregate.now() + SignedDuration::from_hours(*hours);
                self.aggregate.advance(later);
            }
        }
    }

    fn shared(&self) -> SharedView {
        SharedView {
            as_of: self.aggregate.now(),
            orgs: Vec::new(),
            streams: Vec::new(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_changed_is_written_anew_and_nothing_else_is_another(acts in acts(), scarce in any::<bool>()) {
        let settings = |refresh| Settings {
            max_series: if scarce { 6_000 } else { 500_000 },
            refresh,
            ..ROOMY
        };
        let mut feed = Feed::new();
        let mut incremental = Writer::new(settings(Refresh::Incremental));
        for act in [&Act::Pass(0)].into_iter().chain(&acts) {
            feed.act(act);
            let some = incremental.write(&feed.aggregate, &feed.shared());
            let all = Writer::new(settings(Refresh::Full)).write(&feed.aggregate, &feed.shared());
            for format in [Format::Text, Format::OpenMetrics] {
                prop_assert!(some.body(format) == all.body(format), "{format:?} after {act:?}");
            }
            prop_assert_eq!(some.samples, all.samples);
        }
    }
}
