//! How long what takes, and why that is enough.

use std::time::Duration;

/// How far any clock's rate may be off the true one, in parts of it: a second may be shown as 0.9 or 1.1 seconds. Clocks of
/// machines are off by less than a thousandth.
///
/// A holder whose clock is that slow trusts itself for 1 / 0.9 of [`Figures::trust`] in truth; a candidate whose clock is
/// that fast is patient for 1 / 1.1 of [`Figures::patience`] in truth. The second is the longer one.
pub const RATE: f64 = 0.1;

/// The times of an election. All of them follow from the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// What is promised: another leads at most so long after the leader was killed, if the store answers within
    /// moments.
    pub lease: Duration,
    /// A holder renews so long after it sent the last renewal that succeeded. A third of the lease.
    pub renew: Duration,
    /// A holder leads so long after it sent the last renewal that succeeded, and no longer. Two thirds of the lease.
    pub trust: Duration,
    /// A mark that has stood still for so long is a dead holder's. What remains of the lease, two fifteenths, is for the
    /// pause in which the mark has not been seen yet, and for answers.
    pub patience: Duration,
    /// At most so long between two looks at an office that another holds, and between a step that failed and the next one:
    /// a twentieth of the lease, so that an office that was given back is taken within a second.
    pub poll: Duration,
    /// An answer is waited for so long. A fifth of the lease, so that a renewal whose answer is lost can be tried again.
    pub answer: Duration,
}

impl Figures {
    /// The times for a lease of 15 s: renewed every 5 s, trusted for 10 s, another's looked at every 750 ms at most and
    /// taken for dead after 13 s; an answer may take 3 s.
    pub const DEFAULT: Figures = Figures::of_lease(Duration::from_secs(15));

    /// The times for another lease. Answers of the store take their time and processes are held up whatever the lease, so a
    /// short one ends often.
    pub const fn of_lease(lease: Duration) -> Figures {
        let share = lease.checked_div(60).expect("sixty is not zero");
        Figures {
            lease,
            renew: share.saturating_mul(20),
            trust: share.saturating_mul(40),
            patience: share.saturating_mul(52),
            poll: share.saturating_mul(3),
            answer: share.saturating_mul(12),
        }
    }

    /// Up to a quarter less than [`Figures::poll`].
    pub(super) fn pause(&self, jitter: f64) -> Duration {
        self.poll.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_has_given_up_before_anybody_takes_it_for_dead_whatever_the_rates_of_their_clocks() {
        for lease in [1, 15, 60, 3600].map(Duration::from_secs) {
            let figures = Figures::of_lease(lease);
            let trust = figures.trust.as_secs_f64() / (1.0 - RATE);
            let patience = figures.patience.as_secs_f64() / (1.0 + RATE);
            assert!(patience - trust > lease.as_secs_f64() / 25.0, "{figures:?}");
        }
    }

    #[test]
    fn the_default_is_as_documented() {
        let expected = Figures {
            lease: Duration::from_secs(15),
            renew: Duration::from_secs(5),
            trust: Duration::from_secs(10),
            patience: Duration::from_secs(13),
            poll: Duration::from_millis(750),
            answer: Duration::from_secs(3),
        };
        assert_eq!(Figures::DEFAULT, expected);
    }

    #[test]
    fn a_killed_leader_is_followed_within_the_lease() {
        let figures = Figures::DEFAULT;
        let for_answers = figures.lease - figures.patience - figures.poll;
        assert!(for_answers >= Duration::from_secs(1), "{for_answers:?}");
        assert!(
            figures.poll < Duration::from_secs(1),
            "given back: within a second"
        );
    }

    #[test]
    fn a_renewal_whose_answer_is_lost_is_tried_again_while_there_is_trust() {
        let figures = Figures::DEFAULT;
        let again = figures.renew + figures.answer + figures.poll;
        assert!(figures.trust - again >= Duration::from_secs(1));
    }
}
