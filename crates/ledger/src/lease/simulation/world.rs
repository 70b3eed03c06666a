//! The world of a schedule. True time is known to nobody in it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::{Candidate, Edge, Figures, Next, Step};
use crate::port::election::Office;
use crate::port::{Error, Result};

/// From here on nothing goes wrong any more, and everything that did is over.
const CALM: Duration = Duration::from_secs(150);
/// The leader gives the office back.
const CLEAN_END: Duration = Duration::from_secs(220);
/// The next leader is killed.
const KILL: Duration = Duration::from_secs(235);
const END: Duration = Duration::from_secs(260);
/// A leader writes so often.
const WRITE: Duration = Duration::from_millis(1_500);

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a schedule came to.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Who, until when by true time, and who else from when.
    pub(super) two_at_once: Option<(usize, Duration, usize, Duration)>,
    /// The term that was accepted, after a newer one.
    pub(super) older_term: Option<(u64, u64)>,
    /// What follows is counted before the calm.
    pub(super) reigns: u64,
    pub(super) crashes_of_leaders: u64,
    /// Leaders that were stopped, and went on after their trust was over.
    pub(super) outlived_trusts: u64,
    pub(super) losses_under_leaders: u64,
    pub(super) outages: u64,
    pub(super) lost_requests: u64,
    pub(super) lost_answers: u64,
    pub(super) writes_accepted: u64,
    pub(super) writes_refused: u64,
    /// How long after the last fault anything changed for the last time, until the leader was asked to leave.
    pub(super) settled: Duration,
    pub(super) after_a_clean_end: Option<Duration>,
    pub(super) after_a_crash: Option<Duration>,
    pub(super) last_write_is_the_leaders: bool,
}

/// Splitmix: a few lines, and the same schedule for the same seed everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.roll() % (to - from)
    }

    fn span(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_micros(self.between(from * 1_000, to * 1_000))
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.roll().is_multiple_of(times)
    }

    fn jitter(&mut self) -> f64 {
        self.between(0, 1_001) as f64 / 1_000.0
    }
}

/// A clock with an offset and a rate, in thousandths, that nobody knows.
#[derive(Debug, Clone, Copy)]
struct Clock {
    offset: Duration,
    rate: u128,
}

impl Clock {
    fn shows(self, truth: Duration) -> Duration {
        self.offset + nanos(truth.as_nanos() * self.rate / 1_000)
    }

    /// The first moment in which it shows this.
    fn truth(self, shown: Duration) -> Duration {
        nanos((shown.saturating_sub(self.offset).as_nanos() * 1_000).div_ceil(self.rate))
    }
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).expect("a schedule is short"))
}

struct Process {
    candidate: Candidate,
    clock: Clock,
    /// Counts what it waits for: who comes with an older number comes too late.
    turn: u64,
    is_asking: bool,
    is_gone: bool,
    stopped_until: Duration,
    /// Leaves as soon as it waits for no answer.
    is_leaving: bool,
    /// As it was told by the edges.
    leads: Option<u64>,
    term: Option<u64>,
    trust: Option<(Duration, Duration)>,
}

enum Event {
    Wake {
        who: usize,
        turn: u64,
    },
    Apply {
        who: usize,
        turn: u64,
        step: Step,
    },
    Answer {
        who: usize,
        turn: u64,
        answer: Result<Option<Office>>,
    },
    AskForTerm {
        who: usize,
        epoch: u64,
    },
    Term {
        who: usize,
        epoch: u64,
        term: u64,
    },
    Tick {
        who: usize,
        term: u64,
    },
    Write {
        who: usize,
        term: u64,
    },
    Refused {
        who: usize,
        term: u64,
    },
    Start,
    Crash(usize),
    Stop(usize),
    Leave(usize),
    Lose,
    Fail,
    Calm,
    CleanEnd,
    Kill,
}

pub(super) struct World {
    figures: Figures,
    dice: Dice,
    now: Duration,
    events: BTreeMap<(Duration, u64), Event>,
    sequence: u64,
    processes: Vec<Process>,
    /// The office's store.
    office: Option<Office>,
    marks: u64,
    down_until: Duration,
    /// Whether it renews by holder and epoch, not by the mark.
    is_lenient: bool,
    /// The store of activity.
    newest_term: u64,
    accepted: Option<(usize, u64)>,
    trusts: Vec<(Duration, Duration, usize)>,
    /// When the office was last left in the calm.
    left_at: Option<Duration>,
    report: Report,
}

impl World {
    pub(super) fn new(seed: u64, figures: Figures) -> World {
        let mut world = World {
            figures,
            dice: Dice(seed),
            now: Duration::ZERO,
            events: BTreeMap::new(),
            sequence: 0,
            processes: Vec::new(),
            office: None,
            marks: 0,
            down_until: Duration::ZERO,
            is_lenient: seed.is_multiple_of(2),
            newest_term: 0,
            accepted: None,
            trusts: Vec::new(),
            left_at: None,
            report: Report::default(),
        };
        world.plan(seed);
        world
    }

    /// What will go wrong, and when.
    fn plan(&mut self, seed: u64) {
        let is_new = seed.is_multiple_of(3);
        self.start(is_new);
        let candidates = self.dice.between(1, 4);
        for _ in 0..candidates {
            let at = self.dice.span(0, 8_000);
            self.at(at, Event::Start);
        }
        // A store that somebody has just made is not lost in its first moments.
        let first = if is_new { 10_000 } else { 0 };
        let faults = self.dice.between(2, 14);
        for _ in 0..faults {
            let at = self.dice.span(first, 145_000);
            let who = self.dice.between(0, 5) as usize;
            let event = match self.dice.between(0, 12) {
                0..3 => Event::Crash(who),
                3..7 => Event::Stop(who),
                7..9 => Event::Lose,
                9..11 => Event::Fail,
                _ => Event::Leave(who),
            };
            self.at(at, event);
        }
        // It meets who leads as often as the others together.
        for _ in 0..2 {
            let at = self.dice.span(first + 15_000, 145_000);
            let event = if self.dice.one_in(2) {
                Event::Crash(usize::MAX)
            } else {
                Event::Stop(usize::MAX)
            };
            self.at(at, event);
        }
        self.at(CALM, Event::Calm);
        self.at(CLEAN_END, Event::CleanEnd);
        self.at(KILL, Event::Kill);
    }

    pub(super) fn run(mut self) -> Report {
        while let Some(((at, _), event)) = self.events.pop_first() {
            if at > END {
                break;
            }
            self.now = at;
            self.handle(event);
        }
        self.judge()
    }

    fn at(&mut self, at: Duration, event: Event) {
        self.sequence += 1;
        self.events.insert((at, self.sequence), event);
    }

    fn handle(&mut self, event: Event) {
        // Who is stopped finds it when it goes on.
        if let Event::Wake { who, .. }
        | Event::Answer { who, .. }
        | Event::Term { who, .. }
        | Event::Tick { who, .. }
        | Event::Refused { who, .. } = event
        {
            if self.processes[who].is_gone {
                return;
            }
            let goes_on = self.processes[who].stopped_until;
            if self.now < goes_on {
                return self.at(goes_on, event);
            }
        }
        match event {
            Event::Wake { who, turn } => {
                if self.processes[who].turn == turn {
                    if self.processes[who].is_asking {
                        let jitter = self.dice.jitter();
                        let process = &mut self.processes[who];
                        process
                            .candidate
                            .unanswered(process.clock.shows(self.now), jitter);
                    }
                    self.go_on(who);
                }
            }
            Event::Apply { who, turn, step } => self.apply(who, turn, &step),
            Event::Answer { who, turn, answer } => {
                if self.processes[who].turn == turn {
                    let jitter = self.dice.jitter();
                    let process = &mut self.processes[who];
                    process
                        .candidate
                        .answered(&answer, process.clock.shows(self.now), jitter);
                    self.go_on(who);
                }
            }
            Event::AskForTerm { who, epoch } => {
                self.newest_term += 1;
                let (at, term) = (self.now + self.delay(), self.newest_term);
                self.at(at, Event::Term { who, epoch, term });
            }
            Event::Term { who, epoch, term } => {
                if self.processes[who].leads == Some(epoch) {
                    self.processes[who].term = Some(term);
                    self.at(self.now, Event::Tick { who, term });
                }
            }
            Event::Tick { who, term } => {
                if self.processes[who].term == Some(term) {
                    let at = self.now + self.delay();
                    self.at(at, Event::Write { who, term });
                    self.at(self.now + WRITE, Event::Tick { who, term });
                }
            }
            Event::Write { who, term } => self.write(who, term),
            Event::Refused { who, term } => {
                if self.processes[who].term == Some(term) {
                    self.processes[who].term = None;
                    self.ask_for_term(who);
                }
            }
            Event::Start => self.start(false),
            Event::Crash(who) => self.crash(who),
            Event::Stop(who) => self.stop(who),
            Event::Leave(who) => self.leave(who),
            Event::Lose => {
                self.report.losses_under_leaders += u64::from(self.leader().is_some());
                self.office = None;
            }
            Event::Fail => {
                self.report.outages += 1;
                self.down_until = (self.now + self.dice.span(100, 30_000)).min(CALM);
            }
            Event::Calm => {
                let stays =
                    |process: &&Process| !process.is_gone && process.candidate.leaves_by.is_none();
                for _ in self.processes.iter().filter(stays).count()..3 {
                    self.start(false);
                }
            }
            Event::CleanEnd => {
                let leader = self.leader().expect("somebody leads");
                self.left_at = Some(self.now);
                if self.processes[leader].is_asking {
                    self.processes[leader].is_leaving = true;
                } else {
                    self.leave(leader);
                }
            }
            Event::Kill => {
                let leader = self.leader().expect("somebody leads");
                self.left_at = Some(self.now);
                self.crash(leader);
            }
        }
    }

    /// Now and again it takes long, or is lost; nothing is in the calm.
    fn delay(&mut self) -> Duration {
        if self.now >= CALM || !self.dice.one_in(12) {
            return self.dice.span(1, 25);
        }
        let slow = if self.dice.one_in(4) {
            self.dice.span(3_000, 30_000)
        } else {
            self.dice.span(25, 4_000)
        };
        slow.min(CALM.saturating_sub(self.now)).max(millis(1))
    }

    fn is_lost(&mut self) -> bool {
        self.now < CALM && self.dice.one_in(40)
    }

    fn start(&mut self, is_new: bool) {
        let who = self.processes.len();
        let name = format!("candidate-{who}");
        let candidate = if is_new {
            Candidate::of_a_new_store(name, self.figures)
        } else {
            Candidate::new(name, self.figures)
        };
        let clock = Clock {
            offset: self.dice.span(0, 1_000_000_000),
            rate: u128::from(self.dice.between(950, 1_051)),
        };
        self.processes.push(Process {
            candidate,
            clock,
            turn: 0,
            is_asking: false,
            is_gone: false,
            stopped_until: Duration::ZERO,
            is_leaving: false,
            leads: None,
            term: None,
            trust: None,
        });
        self.at(self.now, Event::Wake { who, turn: 0 });
    }

    /// Its process does what the candidate says, until there is something to wait for.
    fn go_on(&mut self, who: usize) {
        loop {
            let process = &mut self.processes[who];
            let next = process.candidate.next(process.clock.shows(self.now));
            self.note_trust(who);
            match next {
                Next::Tell(Edge::Leads(reign)) => {
                    self.processes[who].leads = Some(reign.epoch);
                    self.report.reigns += u64::from(self.now < CALM);
                    self.note_edge(true);
                    self.ask_for_term(who);
                }
                Next::Tell(Edge::LeadsNoMore { epoch }) => {
                    let process = &mut self.processes[who];
                    assert_eq!(process.leads.take(), Some(epoch), "an end has a beginning");
                    process.term = None;
                    self.note_edge(false);
                }
                Next::Do { step, until } => {
                    let turn = self.wait(who, until, true);
                    if self.is_lost() {
                        self.report.lost_requests += 1;
                    } else {
                        let at = self.now + self.delay();
                        self.at(at, Event::Apply { who, turn, step });
                    }
                    return;
                }
                Next::Wait { .. } if std::mem::take(&mut self.processes[who].is_leaving) => {
                    let process = &mut self.processes[who];
                    process.candidate.leave(process.clock.shows(self.now));
                }
                Next::Wait { until } => {
                    self.wait(who, until, false);
                    return;
                }
                Next::Ended => {
                    self.processes[who].is_gone = true;
                    return;
                }
            }
        }
    }

    fn wait(&mut self, who: usize, until: Duration, is_asking: bool) -> u64 {
        let process = &mut self.processes[who];
        process.turn += 1;
        process.is_asking = is_asking;
        let (turn, at) = (process.turn, process.clock.truth(until));
        assert!(at > self.now, "it waits for something that is to come");
        self.at(at, Event::Wake { who, turn });
        turn
    }

    /// Only who trusts itself asks, but the answer may be late.
    fn ask_for_term(&mut self, who: usize) {
        let process = &self.processes[who];
        if let Some(reign) = process.candidate.reign(process.clock.shows(self.now)) {
            let (at, epoch) = (self.now + self.delay(), reign.epoch);
            self.at(at, Event::AskForTerm { who, epoch });
        }
    }

    fn apply(&mut self, who: usize, turn: u64, step: &Step) {
        let answer = if self.now < self.down_until {
            if self.dice.one_in(2) {
                return;
            }
            let cause = "it is down".into();
            Err(Error::Unavailable {
                doing: "hold the office",
                cause,
            })
        } else {
            Ok(self.step(step))
        };
        if self.is_lost() {
            self.report.lost_answers += 1;
        } else {
            let at = self.now + self.delay();
            self.at(at, Event::Answer { who, turn, answer });
        }
    }

    fn step(&mut self, step: &Step) -> Option<Office> {
        match step {
            Step::Look => self.office.clone(),
            Step::Take { me, over } => (self.office == *over).then(|| {
                let epoch = over.as_ref().map_or(1, |over| over.epoch + 1);
                self.mark(Some(me.clone()), epoch)
            }),
            Step::Renew(mine) => {
                let is_mine = self.is_of(mine);
                is_mine.then(|| self.mark(mine.holder.clone(), mine.epoch))
            }
            Step::Resign(mine) => {
                if self.is_of(mine) {
                    self.mark(None, mine.epoch);
                }
                None
            }
        }
    }

    fn is_of(&self, mine: &Office) -> bool {
        self.office.as_ref().is_some_and(|office| {
            let is_same = office.holder == mine.holder && office.epoch == mine.epoch;
            is_same && (self.is_lenient || office.mark == mine.mark)
        })
    }

    fn mark(&mut self, holder: Option<String>, epoch: u64) -> Office {
        self.marks += 1;
        let mark = self.marks.to_string();
        let office = Office {
            holder,
            epoch,
            mark,
        };
        self.office = Some(office.clone());
        office
    }

    fn write(&mut self, who: usize, term: u64) {
        if term == self.newest_term {
            self.report.writes_accepted += 1;
            if let Some((_, newer)) = self.accepted.filter(|(_, accepted)| *accepted > term) {
                self.report.older_term = Some((term, newer));
            }
            self.accepted = Some((who, term));
        } else {
            self.report.writes_refused += 1;
            let at = self.now + self.delay();
            self.at(at, Event::Refused { who, term });
        }
    }

    /// Who trusts itself now.
    fn leader(&self) -> Option<usize> {
        let leads = |process: &Process| {
            let now = process.clock.shows(self.now);
            !process.is_gone && process.candidate.reign(now).is_some()
        };
        self.processes.iter().position(leads)
    }

    /// Nobody stands for everybody: the leader.
    fn pick(&self, who: usize) -> Option<usize> {
        let who = if who == usize::MAX {
            self.leader()?
        } else {
            who
        };
        let process = self.processes.get(who)?;
        (!process.is_gone).then_some(who)
    }

    fn crash(&mut self, who: usize) {
        let Some(who) = self.pick(who) else { return };
        let is_leader = self.now < CALM && self.leader() == Some(who);
        self.report.crashes_of_leaders += u64::from(is_leader);
        self.end_trust(who, self.now);
        self.processes[who].is_gone = true;
        if self.now < CALM {
            let again = self.now + self.dice.span(10, 20_000);
            self.at(again, Event::Start);
        }
    }

    fn stop(&mut self, who: usize) {
        let Some(who) = self.pick(who) else { return };
        let goes_on = self.now + self.dice.span(50, 40_000);
        let process = &mut self.processes[who];
        process.stopped_until = process.stopped_until.max(goes_on).min(CALM);
        let stopped_until = process.stopped_until;
        let outlives = process
            .trust
            .is_some_and(|(_, end)| self.now < end && end < stopped_until);
        self.report.outlived_trusts += u64::from(outlives);
    }

    /// Also while it waits for an answer.
    fn leave(&mut self, who: usize) {
        let Some(who) = self.pick(who) else { return };
        if self.now < self.processes[who].stopped_until {
            return;
        }
        let process = &mut self.processes[who];
        process.candidate.leave(process.clock.shows(self.now));
        self.note_trust(who);
        self.go_on(who);
        if self.now < CALM {
            let again = self.now + self.dice.span(10, 20_000);
            self.at(again, Event::Start);
        }
    }

    fn note_edge(&mut self, is_beginning: bool) {
        match self.left_at {
            None => self.report.settled = self.now.saturating_sub(CALM),
            Some(_) if !is_beginning => {}
            Some(left) if left < KILL => self.report.after_a_clean_end = Some(self.now - left),
            Some(left) => self.report.after_a_crash = Some(self.now - left),
        }
    }

    /// Follows in truth when somebody trusts itself, whether anybody asks it or not.
    fn note_trust(&mut self, who: usize) {
        let process = &self.processes[who];
        let held = process
            .candidate
            .held
            .filter(|_| process.candidate.leaves_by.is_none());
        let trust = held.and_then(|held| {
            let start = process.clock.truth(held.ripe).max(self.now);
            let end = process.clock.truth(held.until);
            (start < end).then_some((start, end))
        });
        let Some((start, end)) = trust else {
            return self.end_trust(who, self.now);
        };
        match &mut self.processes[who].trust {
            // It has gone on without a pause.
            Some((_, before)) if *before >= start => *before = end,
            _ => {
                self.end_trust(who, self.now);
                self.processes[who].trust = Some((start, end));
            }
        }
    }

    fn end_trust(&mut self, who: usize, at: Duration) {
        if let Some((start, end)) = self.processes[who].trust.take()
            && start < at
        {
            self.trusts.push((start, end.min(at), who));
        }
    }

    fn judge(mut self) -> Report {
        for who in 0..self.processes.len() {
            self.end_trust(who, END);
        }
        self.trusts.sort_unstable();
        let mut last: Option<(Duration, usize)> = None;
        for (start, end, who) in self.trusts {
            if let Some((until, other)) = last
                && start < until
                && other != who
            {
                self.report.two_at_once = Some((other, until, who, start));
            }
            last = last.max(Some((end, who)));
        }
        let leads = |process: &Process| process.leads.is_some() && !process.is_gone;
        let leader = self.processes.iter().position(leads);
        self.report.last_write_is_the_leaders =
            leader.is_some() && self.accepted.map(|(who, _)| who) == leader;
        self.report
    }
}
