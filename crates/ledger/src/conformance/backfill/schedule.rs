//! A leader, the one before it and two fillers at work on the same streams, in any order. Decides what must be true after every
//! step, whatever the step was; refuses to know what came before it, but who was given what.

use std::collections::BTreeMap;

use super::*;
use crate::port::activity::SeenRepo;
use crate::port::{Error, Result, Term};

/// What decides one step: what is done, to which stream, where its window starts, how long it is, and who does it when.
pub(crate) type Dice = [u8; 5];

/// Two hundred steps, and the same ones every time.
pub async fn whatever_leaders_and_fillers_do_only_who_may_write_does_and_nothing_read_is_lost(
    open: Open<'_>,
) {
    let mut state = 1_u64;
    let mut byte = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    let dice: Vec<Dice> = (0..200).map(|_| std::array::from_fn(|_| byte())).collect();
    play(open, &dice).await;
}

pub(crate) async fn play(open: Open<'_>, dice: &[Dice]) {
    let mut play = Play::new(World::new(open).await);
    for dice in dice {
        play.step(*dice).await;
        play.look().await;
    }
}

struct Play {
    world: World,
    before: Option<Term>,
    claims: [Option<Claim>; 2],
    /// Who was given a stream last, and until when, unless it was ended.
    held: BTreeMap<Gaps, (Token, i64)>,
    second: i64,
    /// What a reader of the feed knows.
    shown: BTreeMap<RepoId, RepoView>,
    cursor: Cursor,
}

impl Play {
    fn new(world: World) -> Play {
        Play {
            world,
            before: None,
            claims: [None, None],
            held: BTreeMap::new(),
            second: 200,
            shown: BTreeMap::new(),
            cursor: Cursor::default(),
        }
    }

    async fn step(&mut self, [what, which, start, length, who]: Dice) {
        self.second += i64::from(who % 8);
        let (start, length) = (i64::from(start % 60), i64::from(length % 20));
        let repo = if which.is_multiple_of(2) { LIB } else { APP };
        let gaps = (
            repo,
            Stream::ALL[usize::from(which / 2) % Stream::ALL.len()],
        );
        match what % 12 {
            0 => self.lead().await,
            1 => self.leader_writes(gaps, start, length, who, 0).await,
            2 => self.leader_writes(gaps, start, length, who, 1).await,
            3 => self.leader_writes(gaps, start, length, who, 2).await,
            4 => self.leader_writes(gaps, start, length, who, 3).await,
            5 => self.dispatch(gaps, who).await,
            6 | 7 => self.ask(gaps, length, who).await,
            8 => self.filler_records(start, length, who).await,
            9 => self.filler_holds_or_gives_up(length, who).await,
            10 => self.filler_ends(length, who).await,
            _ => self.somebody_asks(repo, start, who).await,
        }
    }

    async fn lead(&mut self) {
        let term = self.world.store.lead("next", at(self.second)).await;
        let term = term.expect("a term begins");
        self.before = Some(std::mem::replace(&mut self.world.term, term));
    }

    /// The leader, or the one before it.
    async fn leader_writes(&mut self, gaps: Gaps, start: i64, length: i64, who: u8, what: u8) {
        let (term, stale) = match self.before {
            Some(before) if who.is_multiple_of(4) => (before, true),
            _ => (self.world.term, false),
        };
        let before = self.world.said().await;
        let (world, now, (repo, stream)) = (&self.world, at(self.second), gaps);
        let read = window(start, start + length + 1);
        let wrote = match what {
            0 => {
                let parts = parts(stream, start, length);
                let recorded = world.store.record(term.into(), ORG, repo, parts, now).await;
                recorded.map(|_| ())
            }
            1 => {
                let miss = Miss {
                    repo,
                    stream,
                    window: read,
                    reason: GapReason::ScrapeError,
                    error: who.to_string(),
                };
                world.store.miss(term, ORG, &[miss], now).await
            }
            2 => {
                world
                    .store
                    .confirm(term, ORG, &[gaps], read.end(), now)
                    .await
            }
            _ => {
                let listing: &[SeenRepo] = match who % 3 {
                    0 => &[seen(LIB, "lib")],
                    _ => &[seen(LIB, "lib"), seen(APP, "app")],
                };
                world.store.track(term, ORG, listing, at(0), now).await
            }
        };
        self.check(wrote, !stale, Error::is_fenced, before).await;
    }

    async fn dispatch(&mut self, gaps: Gaps, who: u8) {
        let due = self
            .world
            .due_now(ORG, self.second, usize::from(who % 3))
            .await
            .due;
        let mut streams: Vec<Gaps> = due.iter().map(|due| (due.repo, due.stream)).collect();
        streams.push(gaps);
        self.world.dispatch(&streams, self.second).await;
    }

    async fn ask(&mut self, gaps: Gaps, length: i64, who: u8) {
        let until = self.second + length;
        let asked = self.world.ask("a filler", gaps, until, self.second).await;
        let held = self.held.get(&gaps).copied();
        match asked {
            Claimed::Given { claim, repo } => {
                assert!(
                    held.is_none_or(|(token, until)| until <= self.second && token < claim.token)
                );
                assert_eq!(*repo, self.world.view(gaps.0).await);
                self.held.insert(gaps, (claim.token, until));
                self.claims[usize::from(who) % 2] = Some(claim);
            }
            Claimed::Held(until) => {
                let known = held.expect("somebody was given it");
                assert_eq!(at(known.1), until);
            }
            Claimed::NotYet(time) => {
                assert_eq!(
                    self.world.stream(gaps).await.backfill.next_attempt,
                    Some(time)
                );
                assert!(time > at(self.second));
            }
            Claimed::Stuck => assert!(self.world.stream(gaps).await.backfill.stuck),
            Claimed::Nothing => {
                let view = self.world.view(gaps.0).await;
                let stream = view.stream(gaps.1).expect("every stream is listed");
                let fillable = view.tracked && stream.unavailable.is_none();
                assert!(!fillable || stream.gaps_window(at(self.second)).is_none());
            }
        }
    }

    /// Whether a claim is still that of its stream.
    fn is_theirs(&self, claim: &Claim) -> bool {
        let held = self.held.get(&(claim.repo, claim.stream));
        held.is_some_and(|(token, _)| *token == claim.token)
    }

    async fn filler_records(&mut self, start: i64, length: i64, who: u8) {
        let Some(claim) = self.claims[usize::from(who) % 2].clone() else {
            return;
        };
        let before = self.world.said().await;
        let may = self.is_theirs(&claim);
        let parts = parts(claim.stream, start, length);
        let (repo, by) = (claim.repo, Authority::Filler(claim));
        let recorded = self
            .world
            .store
            .record(by, ORG, repo, parts, at(self.second))
            .await;
        self.check(recorded.map(|_| ()), may, Error::is_lost, before)
            .await;
    }

    async fn filler_holds_or_gives_up(&mut self, length: i64, who: u8) {
        let Some(claim) = self.claims[usize::from(who) % 2].clone() else {
            return;
        };
        let may = self.is_theirs(&claim);
        if who.is_multiple_of(5) {
            let before = self.world.said().await;
            let (repo, stream, why) = (claim.repo, claim.stream, "gone".to_owned());
            let by = Authority::Filler(claim);
            let said = self
                .world
                .store
                .unavailable(by, ORG, repo, stream, why, at(self.second))
                .await;
            return self.check(said, may, Error::is_lost, before).await;
        }
        let until = self.second + length;
        let held = self.world.store.hold(&claim, at(until)).await;
        assert_eq!(held.expect("it is answered"), may);
        if may {
            self.held
                .insert((claim.repo, claim.stream), (claim.token, until));
        }
    }

    async fn filler_ends(&mut self, length: i64, who: u8) {
        let Some(claim) = self.claims[usize::from(who) % 2].clone() else {
            return;
        };
        let before = self.world.said().await;
        let ending = match who / 2 % 4 {
            0 => Ending::Filled,
            1 => Ending::Abandoned,
            2 => failed("502", Some(self.second + length)),
            _ => failed("502", None),
        };
        let ended = self.world.end(&claim, ending, self.second).await;
        assert_eq!(ended, self.is_theirs(&claim));
        if ended {
            self.held.remove(&(claim.repo, claim.stream));
        } else {
            assert_eq!(self.world.said().await, before);
        }
    }

    async fn somebody_asks(&mut self, repo: RepoId, start: i64, who: u8) {
        let store = &self.world.store;
        let asked = match who % 3 {
            0 => {
                store
                    .ask_history(ORG, Some(repo), at(-start), at(self.second))
                    .await
            }
            1 => store.rearm(ORG, Some(repo), at(self.second)).await,
            _ => store.rearm(ORG, None, at(self.second)).await,
        };
        asked.expect("anybody may");
    }

    /// Who may write does, and who may not changes nothing.
    async fn check(&self, wrote: Result<()>, may: bool, refused: fn(&Error) -> bool, before: Said) {
        match wrote {
            Ok(()) => assert!(may, "it was not entitled to this"),
            Err(error) => {
                assert!(!may && refused(&error), "{error}");
                assert_eq!(self.world.said().await, before);
            }
        }
    }

    /// What is true after every step.
    async fn look(&mut self) {
        let news = self.world.feed(self.cursor, 10).await;
        self.cursor = news.next;
        let earlier = self.shown.clone();
        self.shown
            .extend(news.repos.into_iter().map(|view| (view.id, view)));
        let views = self.world.store.repos(ORG).await.expect("they are read");
        assert!(
            self.shown.values().eq(&views),
            "the feed tells all that changes"
        );
        for view in &views {
            let before = earlier.get(&view.id);
            for stream in &view.streams {
                let before = before.and_then(|view| view.stream(stream.stream));
                assert_sound(before, stream);
            }
        }
        let due = self.world.due_now(ORG, self.second, 100).await;
        assert_eq!(due.deferred, 0);
        for due in due.due {
            let view = self.world.view(due.repo).await;
            let expected = view
                .stream(due.stream)
                .and_then(|stream| stream.due(due.repo, at(self.second)));
            assert!(view.tracked);
            assert_eq!(Some(&due), expected.as_ref());
            let held = self.held.get(&(due.repo, due.stream));
            assert!(
                held.is_none_or(|(_, until)| *until <= self.second),
                "nobody is at it"
            );
        }
    }
}

/// What is read stays read, and before the frontier every instant is read or a gap.
fn assert_sound(before: Option<&StreamView>, after: &StreamView) {
    let coverage = &after.coverage;
    for window in before.iter().flat_map(|before| before.coverage.covered()) {
        assert!(coverage.contains(*window), "{window:?} was read");
    }
    let mut known: Vec<_> = coverage.covered().to_vec();
    known.extend(coverage.gaps().iter().map(|gap| gap.window));
    known.sort_unstable();
    let mut end = coverage.start();
    for window in known
        .iter()
        .take_while(|window| window.start() < coverage.frontier())
    {
        assert_eq!(
            window.start(),
            end,
            "nothing before the frontier is undecided, and nothing overlaps"
        );
        end = window.end();
    }
    assert!(end >= coverage.frontier());
    assert!(!coverage.gaps().is_empty() || after.backfill == fresh());
    if let Some(before) = before {
        assert_eq!(after.counted_from, before.counted_from);
        assert!(coverage.start() <= before.coverage.start());
        assert!(coverage.frontier() >= before.coverage.frontier());
    }
}

fn parts(stream: Stream, start: i64, length: i64) -> Vec<crate::port::activity::Part> {
    let mut part = proven(start, start + length + 1);
    part.stream = stream;
    part.events = vec![commit(&format!("{start}"), start)];
    vec![part]
}
