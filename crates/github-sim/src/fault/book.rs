//! The rules in force: kept in order, counted, drawn from the seed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::{Action, Rule, Struck, Target};
use crate::Sim;

/// The rules of one simulated GitHub, as a test or an operator handles them.
#[derive(Clone)]
pub struct Faults {
    pub(crate) sim: Sim,
}

impl Faults {
    /// Adds a rule and returns its number. [`Action::Stale`] freezes the lagging replica now.
    pub fn add(&self, rule: Rule) -> u64 {
        if rule.then == Action::Stale {
            self.sim.freeze_replica();
        }
        self.book().add(rule)
    }

    /// Removes one rule.
    pub fn remove(&self, number: u64) {
        self.book()
            .lock()
            .rules
            .retain(|kept| kept.number != number);
    }

    /// Removes all rules, and the lagging replica.
    pub fn clear(&self) {
        self.book().lock().rules.clear();
        self.sim.thaw_replica();
    }

    /// The rules with their numbers and how often each has struck.
    pub fn list(&self) -> Vec<(u64, Rule, u64)> {
        self.book()
            .lock()
            .rules
            .iter()
            .map(|kept| (kept.number, kept.rule.clone(), kept.struck))
            .collect()
    }

    fn book(&self) -> &FaultBook {
        &self.sim.shared.faces.faults
    }
}

/// Where the rules are kept.
#[derive(Debug, Clone)]
pub(crate) struct FaultBook {
    inner: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    rules: Vec<KeptRule>,
    next: u64,
    rng: ChaCha12Rng,
}

#[derive(Debug)]
struct KeptRule {
    number: u64,
    rule: Rule,
    met: u64,
    struck: u64,
}

impl FaultBook {
    pub(crate) fn new(seed: u64) -> FaultBook {
        let kept = Kept {
            rules: Vec::new(),
            next: 1,
            rng: ChaCha12Rng::seed_from_u64(seed ^ 0xFA17),
        };
        FaultBook {
            inner: Arc::new(Mutex::new(kept)),
        }
    }

    pub(super) fn add(&self, rule: Rule) -> u64 {
        let mut kept = self.lock();
        let number = kept.next;
        kept.next += 1;
        kept.rules.push(KeptRule {
            number,
            rule,
            met: 0,
            struck: 0,
        });
        number
    }

    /// What happens to a request: at most one action that ends it, and all that bend its answer.
    pub(crate) fn strike(&self, target: &Target<'_>, now: Timestamp) -> Struck {
        let mut kept = self.lock();
        let Kept { rules, rng, .. } = &mut *kept;
        let mut struck: Vec<Action> = Vec::new();
        for kept in rules {
            let KeptRule {
                rule,
                met,
                struck: times,
                ..
            } = kept;
            let is_out = rule.until.is_some_and(|until| now >= until)
                || rule.times.is_some_and(|most| *times >= most);
            let is_ended = rule.then.ends() && struck.iter().any(Action::ends);
            if is_out || is_ended || !rule.then.is_for(target) || !rule.when.fits(target) {
                continue;
            }
            *met += 1;
            if *met > rule.skip
                && rule
                    .chance
                    .is_none_or(|chance| rng.random::<f64>() < chance)
            {
                *times += 1;
                struck.push(rule.then.clone());
            }
        }
        Struck(struck)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
