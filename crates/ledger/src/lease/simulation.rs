//! Candidates on clocks of their own, a network that delays and loses, and a store that fails and forgets, in virtual time:
//! a thousand random schedules, and what must hold in each of them.

mod world;

use std::time::Duration;

use super::Figures;
use world::{Report, World};

const SCHEDULES: u64 = 1_200;

/// What happened in all schedules, for a person to judge whether they were worth anything.
#[derive(Debug, Default)]
struct Tally {
    schedules: u64,
    reigns: u64,
    with_a_takeover: u64,
    with_a_crash_of_the_leader: u64,
    with_a_pause_of_the_leader_past_its_trust: u64,
    with_a_loss_of_the_store_under_a_leader: u64,
    with_an_outage: u64,
    with_a_late_write_that_was_refused: u64,
    lost_requests: u64,
    lost_answers: u64,
    writes_accepted: u64,
    writes_refused: u64,
    longest_to_settle: Duration,
    longest_after_a_clean_end: Duration,
    longest_after_a_crash: Duration,
}

impl Tally {
    fn add(&mut self, report: &Report) {
        self.schedules += 1;
        self.reigns += report.reigns;
        self.with_a_takeover += u64::from(report.reigns > 1);
        self.with_a_crash_of_the_leader += u64::from(report.crashes_of_leaders > 0);
        self.with_a_pause_of_the_leader_past_its_trust += u64::from(report.outlived_trusts > 0);
        self.with_a_loss_of_the_store_under_a_leader += u64::from(report.losses_under_leaders > 0);
        self.with_an_outage += u64::from(report.outages > 0);
        self.with_a_late_write_that_was_refused += u64::from(report.writes_refused > 0);
        self.lost_requests += report.lost_requests;
        self.lost_answers += report.lost_answers;
        self.writes_accepted += report.writes_accepted;
        self.writes_refused += report.writes_refused;
        self.longest_to_settle = self.longest_to_settle.max(report.settled);
        for (longest, this) in [
            (
                &mut self.longest_after_a_clean_end,
                report.after_a_clean_end,
            ),
            (&mut self.longest_after_a_crash, report.after_a_crash),
        ] {
            *longest = (*longest).max(this.expect("somebody leads again"));
        }
    }
}

#[test]
fn never_do_two_trust_themselves_and_never_is_an_older_term_accepted_and_always_does_somebody_lead_again()
 {
    let mut tally = Tally::default();
    for seed in 0..SCHEDULES {
        let report = World::new(seed, Figures::DEFAULT).run();
        assert_eq!(
            report.two_at_once, None,
            "seed {seed}: two trust themselves"
        );
        assert_eq!(
            report.older_term, None,
            "seed {seed}: an older term is accepted"
        );
        assert!(
            report.settled < Duration::from_secs(32),
            "seed {seed}: {report:#?}"
        );
        assert!(
            report.last_write_is_the_leaders,
            "seed {seed}: the last leader writes"
        );
        assert!(
            report.after_a_clean_end < Some(Duration::from_secs(1)),
            "seed {seed}: {report:#?}"
        );
        assert!(
            report.after_a_crash < Some(Duration::from_secs(15)),
            "seed {seed}: {report:#?}"
        );
        tally.add(&report);
    }
    println!("{tally:#?}");
    // The schedules are worth something.
    assert!(tally.schedules >= 1_000);
    for often in [
        tally.with_a_takeover,
        tally.with_a_crash_of_the_leader,
        tally.with_a_pause_of_the_leader_past_its_trust,
        tally.with_a_loss_of_the_store_under_a_leader,
        tally.with_an_outage,
        tally.with_a_late_write_that_was_refused,
    ] {
        assert!(often > SCHEDULES / 5, "{tally:#?}");
    }
}

/// The simulation is able to find what it looks for.
#[test]
fn a_patience_that_is_shorter_than_the_trust_is_found_out() {
    let figures = Figures {
        patience: Duration::from_secs(9),
        ..Figures::DEFAULT
    };
    let found = (0..200)
        .filter(|seed| World::new(*seed, figures).run().two_at_once.is_some())
        .count();
    assert!(found > 10, "{found} of 200");
}
