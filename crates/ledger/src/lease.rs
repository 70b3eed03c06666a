//! What does a candidate for the office do next, and does it lead?
//!
//! Refuses to know of clocks, waiting and stores: time is a monotonic argument, and the steps of
//! [`Election`](crate::port::Election) are the caller's to take. A [`Candidate`] is asked for what is [`Next`], and told
//! what came of it, one step at a time:
//!
//! ```ignore
//! let mut leaves = false;
//! loop {
//!     match candidate.next(now()) {
//!         Next::Tell(edge) => roles.send(edge).await,
//!         Next::Do { step, until } => match timeout_at(until, step.on(&*store)).await {
//!             Ok(answer) => candidate.answered(&answer, now(), jitter()),
//!             Err(_) => candidate.unanswered(now(), jitter()),
//!         },
//!         Next::Wait { until } => select! {
//!             () = sleep_until(until) => {}
//!             () = stop.cancelled(), if !leaves => {
//!                 leaves = true;
//!                 candidate.leave(now());
//!             }
//!         },
//!         Next::Ended => break,
//!     }
//! }
//! ```
//!
//! # Why never two lead at one time
//!
//! No clock is compared with another, so that offsets do not matter. What matters is that clocks run at about the same
//! [rate](figures::RATE).
//!
//! 1. **Who leads trusts itself for so long and no longer** ([`Figures::trust`]), counted from before it sent the step that
//!    last succeeded. So its trust began before the store made the office's present mark.
//! 2. **Who takes over a holder has seen the same mark stand still** for [`Figures::patience`], counted from when an answer
//!    first showed it, which is after the store made it; and takes exactly that mark. Marks never return. So whoever else
//!    has had a step that succeeded, had it before the patience began, and its trust, which is shorter, is over.
//! 3. **Who gives the office back stops leading first.** So an office without a holder may be taken at once.
//! 4. **Who finds no office at all** does not know whether there never was one, or the store has lost it while somebody
//!    leads. It takes it at once, so that it can be seen, renews it like any other, and leads only after it has had it for
//!    the patience: whatever others did before the loss is over by then. Until then it does not give it back either. Where
//!    the caller knows that there never was an office, [`Candidate::of_a_new_store`] leads at once.
//! 5. **An answer that was lost changes nothing of this.** Whoever does not know what became of a step asks again. A
//!    renewal that is refused is looked into; an office that turns out to be one's own after a lost answer is renewed
//!    before it counts, and has to be had for the patience, since what it was taken over is not known for sure.
//!
//! What a process does in a pause (stopped, swapped out) is out of anybody's hands: it may act for a moment after its trust
//! is over. The store of activity refuses what it writes then ([`crate::port::Term`]).
//!
//! The caller's clock has to go on while the machine sleeps.

pub mod figures;
mod step;

use std::time::Duration;

use crate::port::Result;
use crate::port::election::Office;

pub use figures::Figures;
pub use step::Step;

/// What a candidate does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Tell those who have to know.
    Tell(Edge),
    /// Take the step, and tell the candidate [what it answered](Candidate::answered), or that it has [not answered
    /// by then](Candidate::unanswered).
    Do {
        /// The step.
        step: Step,
        /// Until when an answer is waited for.
        until: Duration,
    },
    /// Nothing, until then or until something else happens, whichever is sooner.
    Wait {
        /// When to ask again.
        until: Duration,
    },
    /// Nothing more: it has left.
    Ended,
}

/// A change of what the candidate is. Each is told once, and from a beginning to its end the trust had no gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// It leads from now on.
    Leads(Reign),
    /// It does not lead any more since this epoch.
    LeadsNoMore {
        /// The epoch that is over.
        epoch: u64,
    },
}

/// That a candidate leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reign {
    /// The office's epoch. A store that has lost what it was told counts from the start again.
    pub epoch: u64,
    /// Until when it leads for sure; each renewal moves it.
    pub until: Duration,
}

/// One start of one process that wants the office.
#[derive(Debug, Clone)]
pub struct Candidate {
    me: String,
    figures: Figures,
    /// No office means that there never was one. Until the first surprise.
    is_new: bool,
    /// The office as it was last answered.
    seen: Option<Seen>,
    /// Has the office, as far as is known.
    held: Option<Held>,
    /// What is under way.
    doing: Option<Doing>,
    /// A step was refused: how the office stands now has to be looked at before anything else.
    is_refused: bool,
    /// A step to have the office has not answered: it may have been taken all the same.
    is_unsure: bool,
    /// A step that takes the office where there is none has not answered: it may be taken at any time yet, also after the
    /// store has lost what came in between.
    is_haunted: bool,
    /// When to do the next thing.
    due: Duration,
    /// The epoch of the last edge that was told, if that was a beginning.
    told: Option<u64>,
    /// Its trust was over before the answer came that gave it a new one: that has to be told, too.
    has_lapsed: bool,
    /// Wants to go, and will have gone by then.
    leaves_by: Option<Duration>,
}

/// What the store answered.
#[derive(Debug, Clone)]
struct Seen {
    office: Option<Office>,
    /// When an answer first showed it as it is.
    since: Duration,
}

/// The office is the candidate's.
#[derive(Debug, Clone, Copy)]
struct Held {
    epoch: u64,
    /// From when on whatever anybody did before is over.
    ripe: Duration,
    /// Until when it trusts itself.
    until: Duration,
}

#[derive(Debug, Clone)]
struct Doing {
    step: Step,
    /// From before it was sent.
    sent: Duration,
}

impl Candidate {
    /// A candidate by this name, which is unlike every other, also unlike an earlier start of the same process.
    pub fn new(me: impl Into<String>, figures: Figures) -> Candidate {
        Candidate {
            me: me.into(),
            figures,
            is_new: false,
            seen: None,
            held: None,
            doing: None,
            is_refused: false,
            is_unsure: false,
            is_haunted: false,
            due: Duration::ZERO,
            told: None,
            has_lapsed: false,
            leaves_by: None,
        }
    }

    /// A candidate that has made the store itself, just now, so that there is nobody whom the store may have forgotten: if its
    /// first look finds no office, and its first try to take it succeeds, it leads at once.
    pub fn of_a_new_store(me: impl Into<String>, figures: Figures) -> Candidate {
        Candidate {
            is_new: true,
            ..Candidate::new(me, figures)
        }
    }

    /// Whether it leads at this time.
    pub fn reign(&self, now: Duration) -> Option<Reign> {
        let held = self.held.filter(|_| self.leaves_by.is_none())?;
        (held.ripe <= now && now < held.until).then_some(Reign {
            epoch: held.epoch,
            until: held.until,
        })
    }

    /// What to do now. A step that was asked for and has not been reported counts as [not
    /// answered](Candidate::unanswered).
    pub fn next(&mut self, now: Duration) -> Next {
        self.unanswered(now, 0.0);
        let reign = self.reign(now);
        if let Some(edge) = self.edge(reign) {
            return Next::Tell(edge);
        }
        let step = match self.leaves_by {
            None => Some(self.campaign(now)),
            Some(end) if now < end => self.farewell(now),
            Some(_) => None,
        };
        let Some(step) = step else {
            return Next::Ended;
        };
        if now < self.due {
            let ripe = self.held.map(|held| held.ripe).filter(|ripe| *ripe > now);
            let changes = [reign.map(|reign| reign.until), ripe, self.leaves_by];
            let until = changes.into_iter().flatten().fold(self.due, Duration::min);
            return Next::Wait { until };
        }
        self.doing = Some(Doing {
            step: step.clone(),
            sent: now,
        });
        let patient = now + self.figures.answer;
        let ends = [reign.map(|reign| reign.until), self.leaves_by];
        let until = ends.into_iter().flatten().fold(patient, Duration::min);
        Next::Do { step, until }
    }

    /// The step that was asked for has answered. An error is as good as no answer. `jitter`, of 0 to 1, is a random number
    /// of the caller's: it keeps candidates from walking in step.
    pub fn answered(&mut self, answer: &Result<Option<Office>>, now: Duration, jitter: f64) {
        let Ok(office) = answer else {
            return self.unanswered(now, jitter);
        };
        let Some(Doing { step, sent }) = self.doing.take() else {
            return;
        };
        self.is_unsure = false;
        self.has_lapsed |= self.told.is_some() && self.reign(now).is_none();
        match step {
            Step::Look => self.has_looked(office.as_ref(), sent, now, jitter),
            Step::Take { over, .. } => {
                let ripe = if over.is_some() || self.is_new {
                    now
                } else {
                    now + self.figures.patience
                };
                self.has_stepped(office.as_ref(), ripe, sent, now);
            }
            Step::Renew(_) => {
                let ripe = self
                    .held
                    .map_or(now + self.figures.patience, |held| held.ripe);
                self.has_stepped(office.as_ref(), ripe, sent, now);
            }
            Step::Resign(_) => self.leaves_by = Some(now),
        }
    }

    /// The step that was asked for has not answered in time, or could not be taken. `jitter` as for
    /// [`Candidate::answered`].
    pub fn unanswered(&mut self, now: Duration, jitter: f64) {
        if let Some(Doing { step, .. }) = self.doing.take() {
            self.is_unsure |= matches!(step, Step::Take { .. } | Step::Renew(_));
            self.is_haunted |= matches!(step, Step::Take { over: None, .. });
            self.is_new = false;
            self.due = now + self.figures.pause(jitter);
        }
    }

    /// It does not lead from now on, gives back what it has, and [ends](Next::Ended) as soon as that is done, or after as
    /// long as one answer may take. Twice is as good as once.
    pub fn leave(&mut self, now: Duration) {
        if self.leaves_by.is_none() {
            self.unanswered(now, 0.0);
            self.leaves_by = Some(now + self.figures.answer);
            self.due = now;
        }
    }

    /// What has to be told, one at a time.
    fn edge(&mut self, reign: Option<Reign>) -> Option<Edge> {
        match (self.told, reign) {
            (Some(epoch), reign)
                if self.has_lapsed || reign.is_none_or(|reign| reign.epoch != epoch) =>
            {
                self.told = None;
                self.has_lapsed = false;
                Some(Edge::LeadsNoMore { epoch })
            }
            (None, Some(reign)) => {
                self.told = Some(reign.epoch);
                Some(Edge::Leads(reign))
            }
            _ => None,
        }
    }

    fn campaign(&self, now: Duration) -> Step {
        let Some(seen) = self.seen.as_ref().filter(|_| !self.is_refused) else {
            return Step::Look;
        };
        match &seen.office {
            Some(office) if self.is_mine(office) => Step::Renew(office.clone()),
            Some(office) if office.holder.is_some() && now < seen.since + self.figures.patience => {
                Step::Look
            }
            over => Step::Take {
                me: self.me.clone(),
                over: over.clone(),
            },
        }
    }

    /// None when there is nothing to give back, or no right to: see 4. of the module.
    fn farewell(&self, now: Duration) -> Option<Step> {
        if self.is_unsure || self.is_refused {
            return Some(Step::Look);
        }
        self.held.filter(|held| held.ripe <= now)?;
        let office = self.seen.as_ref()?.office.clone()?;
        Some(Step::Resign(office))
    }

    fn has_looked(&mut self, office: Option<&Office>, sent: Duration, now: Duration, jitter: f64) {
        self.is_refused = false;
        self.is_new &= office.is_none();
        let mine = office.filter(|office| self.is_mine(office));
        let is_same = |held: &Held| mine.is_some_and(|mine| mine.epoch == held.epoch);
        let kept = self.held.filter(|held| is_same(held) && !self.is_haunted);
        self.held = kept.or_else(|| {
            mine.map(|mine| Held {
                epoch: mine.epoch,
                ripe: now + self.figures.patience,
                until: now,
            })
        });
        let before = self.seen.take();
        let is_news = before
            .as_ref()
            .is_none_or(|seen| seen.office.as_ref() != office);
        let since = before.filter(|_| !is_news).map_or(now, |seen| seen.since);
        let is_others = office.is_some_and(|office| office.holder.is_some()) && mine.is_none();
        self.due = if self.leaves_by.is_some() || (is_news && !is_others) {
            now
        } else if is_others {
            (sent + self.figures.pause(jitter)).min(since + self.figures.patience)
        } else {
            sent + self.figures.pause(jitter)
        };
        self.seen = Some(Seen {
            office: office.cloned(),
            since,
        });
    }

    fn has_stepped(
        &mut self,
        office: Option<&Office>,
        ripe: Duration,
        sent: Duration,
        now: Duration,
    ) {
        self.is_new = false;
        let Some(office) = office else {
            self.is_refused = true;
            self.due = now;
            return;
        };
        self.held = Some(Held {
            epoch: office.epoch,
            ripe,
            until: sent + self.figures.trust,
        });
        self.seen = Some(Seen {
            office: Some(office.clone()),
            since: now,
        });
        self.due = sent + self.figures.renew;
    }

    fn is_mine(&self, office: &Office) -> bool {
        office.holder.as_ref() == Some(&self.me)
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
