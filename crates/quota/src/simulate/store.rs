//! A model of the store through which processes hear of each other: who told what last, the block, and what was learnt.

use std::time::Duration;

use jiff::Timestamp;

use super::process::Process;
use super::{Millis, SECOND};
use crate::demand::Learnt;
use crate::fleet::{Heard, Hearing, Share};
use crate::time::after;

/// A process that has not told anything for so long is taken for dead.
const DEAD_AFTER: Millis = 5 * SECOND;

#[derive(Debug)]
pub(super) struct Store {
    shares: Vec<Option<(Millis, Heard)>>,
    /// The block, as the process said that met it.
    block: Option<Timestamp>,
    /// Its true end.
    closed_until: Millis,
    learnt: Learnt,
    lost: Option<Millis>,
}

impl Store {
    pub(super) fn new(processes: usize, lost: Option<Millis>) -> Store {
        Store {
            shares: vec![None; processes],
            block: None,
            closed_until: Millis::MIN,
            learnt: Learnt::default(),
            lost,
        }
    }

    /// A process tells its share and hears the others'.
    pub(super) fn exchange(&mut self, number: usize, process: &mut Process, now: Millis) {
        let (me, clock) = (process.name(number), process.clock(now));
        let quota = process.desk.quota_mut();
        if self.is_lost(now) {
            quota.hear(&Hearing::Silence, clock);
            return;
        }
        let share: Share = quota.share(clock);
        let member = me.clone();
        self.shares[number] = Some((now, Heard { member, share }));
        let others = self.shares.iter().enumerate().filter_map(|(other, told)| {
            let (at, heard) = told.as_ref()?;
            (other != number && now - at <= DEAD_AFTER).then(|| heard.clone())
        });
        let heard = others.collect();
        quota.hear(&Hearing::Others { me, heard }, clock);
        self.tell_block(process, now);
    }

    /// A process writes a block down as soon as it has met it.
    pub(super) fn keep_block(&mut self, until: Option<Timestamp>, truly: Millis, now: Millis) {
        if !self.is_lost(now) {
            // GitHub's dates are cut to seconds: an end that is written down is told a second later.
            let until = until.map(|until| after(until, Duration::from_secs(1)));
            self.block = self.block.max(until);
            self.closed_until = self.closed_until.max(truly);
        }
    }

    /// A process reads the block that is written down.
    pub(super) fn tell_block(&self, process: &mut Process, now: Millis) {
        if let Some(block) = self.block.filter(|_| !self.is_lost(now)) {
            let clock = process.clock(now);
            process.desk.quota_mut().close(block, clock);
            process.knows_closed_until = process.knows_closed_until.max(self.closed_until);
        }
    }

    /// A process writes down what it has learnt.
    pub(super) fn keep_learnt(&mut self, process: &Process, now: Millis) {
        if !self.is_lost(now) {
            self.learnt.merge(&process.desk.quota().learnt());
        }
    }

    /// A process that starts reads what was learnt before.
    pub(super) fn teach(&self, process: &mut Process, now: Millis) {
        let clock = process.clock(now);
        process.desk.quota_mut().learn(&self.learnt, clock);
    }

    fn is_lost(&self, now: Millis) -> bool {
        self.lost.is_some_and(|lost| lost <= now)
    }
}
