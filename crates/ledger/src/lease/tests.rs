//! What a candidate does, step by step.

use super::*;
use crate::port::Error;

/// A candidate by the name `me`, and what time it is.
struct Play {
    candidate: Candidate,
    now: f64,
}

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn office(holder: &str, epoch: u64, mark: &str) -> Office {
    Office {
        holder: (!holder.is_empty()).then(|| holder.to_owned()),
        epoch,
        mark: mark.to_owned(),
    }
}

fn take(over: Option<Office>) -> Step {
    Step::Take {
        me: "me".to_owned(),
        over,
    }
}

fn down() -> Error {
    let cause = "connection refused".into();
    Error::Unavailable {
        doing: "renew the office",
        cause,
    }
}

impl Play {
    fn new() -> Play {
        Play {
            candidate: Candidate::new("me", Figures::DEFAULT),
            now: 0.0,
        }
    }

    /// One that has taken the office over a holder that gave it back, as it stands with this mark.
    fn leading(mark: &str) -> Play {
        let mut play = Play::new();
        play.look(Some(office("", 6, "free")));
        play.step(
            take(Some(office("", 6, "free"))),
            Some(office("me", 7, mark)),
        );
        let until = at(10.0);
        play.tells(Edge::Leads(Reign { epoch: 7, until }));
        play
    }

    fn next(&mut self) -> Next {
        self.candidate.next(at(self.now))
    }

    #[track_caller]
    fn tells(&mut self, edge: Edge) {
        assert_eq!(self.next(), Next::Tell(edge));
    }

    /// It takes this step now, and waits for the answer so long at most.
    #[track_caller]
    fn asks(&mut self, expected: Step, seconds: f64) {
        match self.next() {
            Next::Do { step, until } => {
                assert_eq!(step, expected, "at {}", self.now);
                assert_eq!(until, at(self.now + seconds));
            }
            next => panic!("at {} it is {next:?}, not {expected:?}", self.now),
        }
    }

    fn answers(&mut self, office: Option<Office>) {
        self.candidate.answered(&Ok(office), at(self.now), 0.0);
    }

    /// The step is answered in the same moment.
    #[track_caller]
    fn step(&mut self, step: Step, answer: Option<Office>) {
        match self.next() {
            Next::Do { step: found, .. } => assert_eq!(found, step, "at {}", self.now),
            next => panic!("at {} it is {next:?}, not {step:?}", self.now),
        }
        self.answers(answer);
    }

    #[track_caller]
    fn look(&mut self, answer: Option<Office>) {
        self.step(Step::Look, answer);
    }

    fn fails(&mut self) {
        self.candidate.answered(&Err(down()), at(self.now), 0.0);
    }

    /// It does nothing until then.
    #[track_caller]
    fn waits(&mut self, until: f64) {
        let expected = Next::Wait { until: at(until) };
        assert_eq!(self.next(), expected, "at {}", self.now);
        self.now = until;
    }

    #[track_caller]
    fn leads(&self, until: Option<f64>) {
        let reign = self.candidate.reign(at(self.now));
        assert_eq!(
            reign.map(|reign| reign.until),
            until.map(at),
            "at {}",
            self.now
        );
    }
}

#[test]
fn an_office_given_back_is_taken_at_once_and_renewed_every_five_seconds() {
    let mut play = Play::leading("a");
    play.waits(5.0);
    play.step(
        Step::Renew(office("me", 7, "a")),
        Some(office("me", 7, "b")),
    );
    play.leads(Some(15.0));
    play.waits(10.0);
    play.step(
        Step::Renew(office("me", 7, "b")),
        Some(office("me", 7, "c")),
    );
    play.leads(Some(20.0));
    play.waits(15.0);
}

#[test]
fn a_mark_that_stands_still_is_taken_over_when_the_patience_is_over() {
    let mut play = Play::new();
    play.look(Some(office("other", 3, "a")));
    let mut looks = 0;
    loop {
        play.waits((play.now + 0.75).min(13.0));
        if play.now >= 13.0 {
            break;
        }
        play.look(Some(office("other", 3, "a")));
        looks += 1;
    }
    assert_eq!(looks, 17);
    play.step(
        take(Some(office("other", 3, "a"))),
        Some(office("me", 4, "b")),
    );
    play.leads(Some(23.0));
}

#[test]
fn a_mark_that_moves_is_waited_for_anew_from_when_it_was_answered() {
    let mut play = Play::new();
    play.look(Some(office("other", 3, "a")));
    play.now = 12.9;
    play.asks(Step::Look, 3.0);
    play.now = 13.2;
    play.answers(Some(office("other", 3, "b")));
    play.waits(12.9 + 0.75);
    play.look(Some(office("other", 3, "b")));
    play.now = 26.1;
    play.look(Some(office("other", 3, "b")));
    play.waits(26.2);
    play.asks(take(Some(office("other", 3, "b"))), 3.0);
}

#[test]
fn who_was_faster_is_looked_at_at_once() {
    let mut play = Play::new();
    play.look(Some(office("", 3, "a")));
    play.step(take(Some(office("", 3, "a"))), None);
    play.look(Some(office("other", 4, "b")));
    play.waits(0.75);
    play.leads(None);
}

#[test]
fn jitter_takes_up_to_a_quarter_off_a_pause() {
    for (jitter, pause) in [(0.0, 0.75), (0.5, 0.65625), (1.0, 0.5625), (7.0, 0.5625)] {
        let mut play = Play::new();
        play.asks(Step::Look, 3.0);
        let answer = Ok(Some(office("other", 3, "a")));
        play.candidate.answered(&answer, at(play.now), jitter);
        play.waits(pause);
        play.asks(Step::Look, 3.0);
        play.candidate.unanswered(at(play.now), jitter);
        play.waits(2.0 * pause);
    }
}

#[test]
fn the_trust_is_counted_from_before_the_renewal_was_sent() {
    let mut play = Play::leading("a");
    play.waits(5.0);
    play.asks(Step::Renew(office("me", 7, "a")), 3.0);
    play.now = 7.5;
    play.answers(Some(office("me", 7, "b")));
    play.leads(Some(15.0));
    play.waits(10.0);
}

#[test]
fn without_a_renewal_that_succeeds_it_leads_for_ten_seconds_and_no_longer() {
    let mut play = Play::leading("a");
    play.waits(5.0);
    let mut tries = 0;
    while play.now < 9.9 {
        play.asks(
            Step::Renew(office("me", 7, "a")),
            f64::min(3.0, 10.0 - play.now),
        );
        play.leads(Some(10.0));
        play.fails();
        tries += 1;
        play.waits((play.now + 0.75).min(10.0));
    }
    assert_eq!(tries, 7);
    play.leads(None);
    play.tells(Edge::LeadsNoMore { epoch: 7 });
    // The office is still its own, for all that it knows.
    play.waits(9.5 + 0.75);
    play.step(
        Step::Renew(office("me", 7, "a")),
        Some(office("me", 7, "b")),
    );
    let until = at(20.25);
    play.tells(Edge::Leads(Reign { epoch: 7, until }));
}

#[test]
fn a_passing_error_changes_nothing() {
    let mut play = Play::leading("a");
    play.waits(5.0);
    play.asks(Step::Renew(office("me", 7, "a")), 3.0);
    play.now = 8.0;
    play.candidate.unanswered(at(8.0), 0.0);
    play.waits(8.75);
    play.asks(Step::Renew(office("me", 7, "a")), 1.25);
    play.answers(Some(office("me", 7, "c")));
    play.leads(Some(18.75));
    play.waits(13.75);
}

/// The answer of an earlier renewal was lost, so that its mark is not known.
#[test]
fn a_renewal_that_is_refused_is_looked_into() {
    let mut play = Play::leading("a");
    play.waits(5.0);
    play.asks(Step::Renew(office("me", 7, "a")), 3.0);
    play.fails();
    play.waits(5.75);
    play.step(Step::Renew(office("me", 7, "a")), None);
    play.look(Some(office("me", 7, "b")));
    play.leads(Some(10.0));
    play.step(
        Step::Renew(office("me", 7, "b")),
        Some(office("me", 7, "c")),
    );
    play.leads(Some(15.75));
}

#[test]
fn who_finds_another_in_its_office_leads_no_more_and_waits() {
    for found in [
        Some(office("other", 8, "b")),
        Some(office("me", 9, "b")),
        None,
    ] {
        let mut play = Play::leading("a");
        play.waits(5.0);
        play.step(Step::Renew(office("me", 7, "a")), None);
        play.look(found);
        play.leads(None);
        play.tells(Edge::LeadsNoMore { epoch: 7 });
    }
}

#[test]
fn what_is_told_is_told_once() {
    let mut play = Play::leading("a");
    for _ in 0..3 {
        assert_eq!(play.next(), Next::Wait { until: at(5.0) });
    }
    play.now = 60.0;
    play.tells(Edge::LeadsNoMore { epoch: 7 });
    play.step(Step::Renew(office("me", 7, "a")), None);
    play.look(Some(office("", 8, "b")));
    play.step(take(Some(office("", 8, "b"))), Some(office("me", 9, "c")));
    let until = at(70.0);
    play.tells(Edge::Leads(Reign { epoch: 9, until }));
    assert_eq!(play.next(), Next::Wait { until: at(65.0) });
}

/// It was stopped while it waited for the answer.
#[test]
fn a_trust_that_was_over_before_the_next_one_came_is_told_to_have_been_over() {
    let mut play = Play::leading("a");
    play.now = 9.0;
    play.asks(Step::Renew(office("me", 7, "a")), 1.0);
    play.now = 12.0;
    play.answers(Some(office("me", 7, "b")));
    play.leads(Some(19.0));
    play.tells(Edge::LeadsNoMore { epoch: 7 });
    let until = at(19.0);
    play.tells(Edge::Leads(Reign { epoch: 7, until }));
    play.waits(14.0);
}

/// Somebody may lead whom the store has forgotten.
#[test]
fn an_office_that_nobody_is_known_to_have_held_is_taken_at_once_and_led_after_the_patience() {
    let mut play = Play::new();
    play.look(None);
    play.step(take(None), Some(office("me", 1, "a")));
    play.leads(None);
    play.waits(5.0);
    play.step(
        Step::Renew(office("me", 1, "a")),
        Some(office("me", 1, "b")),
    );
    play.leads(None);
    play.waits(10.0);
    play.step(
        Step::Renew(office("me", 1, "b")),
        Some(office("me", 1, "c")),
    );
    play.waits(13.0);
    let until = at(20.0);
    play.tells(Edge::Leads(Reign { epoch: 1, until }));
    play.waits(15.0);
}

#[test]
fn who_has_made_the_store_leads_at_once() {
    let mut play = Play::new();
    play.candidate = Candidate::of_a_new_store("me", Figures::DEFAULT);
    play.look(None);
    play.step(take(None), Some(office("me", 1, "a")));
    let until = at(10.0);
    play.tells(Edge::Leads(Reign { epoch: 1, until }));
}

#[test]
fn who_has_made_the_store_trusts_it_until_the_first_surprise() {
    let surprises: [fn(&mut Play); 3] = [
        |play| {
            play.asks(Step::Look, 3.0);
            play.fails();
            play.waits(0.75);
            play.look(None);
        },
        |play| {
            play.look(None);
            play.step(take(None), None);
            play.look(None);
            play.waits(0.75);
        },
        |play| {
            play.look(Some(office("", 3, "a")));
            play.step(take(Some(office("", 3, "a"))), None);
            play.look(None);
        },
    ];
    for surprise in surprises {
        let mut play = Play::new();
        play.candidate = Candidate::of_a_new_store("me", Figures::DEFAULT);
        surprise(&mut play);
        play.step(take(None), Some(office("me", 1, "a")));
        play.leads(None);
        assert!(matches!(play.next(), Next::Wait { .. }));
    }
}

#[test]
fn an_office_that_turns_out_to_be_its_own_has_to_be_had_for_the_patience() {
    let mut play = Play::new();
    play.look(Some(office("", 3, "a")));
    play.asks(take(Some(office("", 3, "a"))), 3.0);
    play.now = 3.0;
    play.candidate.unanswered(at(3.0), 0.0);
    play.waits(3.75);
    play.step(take(Some(office("", 3, "a"))), None);
    play.look(Some(office("me", 4, "b")));
    play.step(
        Step::Renew(office("me", 4, "b")),
        Some(office("me", 4, "c")),
    );
    play.leads(None);
    play.now = 16.75;
    play.leads(None);
    play.step(
        Step::Renew(office("me", 4, "c")),
        Some(office("me", 4, "d")),
    );
    play.leads(Some(26.75));
}

/// It may be that request which took it, after the store had lost the office that it led by, and another one since.
#[test]
fn who_once_took_an_absent_office_without_an_answer_trusts_no_mark_that_it_does_not_know() {
    let mut play = Play::new();
    play.look(None);
    play.asks(take(None), 3.0);
    play.fails();
    play.waits(0.75);
    play.step(take(None), Some(office("me", 1, "a")));
    play.now = 13.75;
    let step = Step::Renew(office("me", 1, "a"));
    play.step(step, Some(office("me", 1, "b")));
    play.leads(Some(23.75));
    let until = at(23.75);
    play.tells(Edge::Leads(Reign { epoch: 1, until }));

    play.waits(18.75);
    play.step(Step::Renew(office("me", 1, "b")), None);
    play.look(Some(office("me", 1, "c")));
    play.leads(None);
    play.tells(Edge::LeadsNoMore { epoch: 1 });
    let step = Step::Renew(office("me", 1, "c"));
    play.step(step, Some(office("me", 1, "d")));
    play.now = 31.5;
    let step = Step::Renew(office("me", 1, "d"));
    play.step(step, Some(office("me", 1, "e")));
    play.leads(None);
    play.now = 31.75;
    play.leads(Some(41.5));
}

#[test]
fn who_leaves_stops_leading_then_gives_back_then_ends() {
    let mut play = Play::leading("a");
    play.now = 1.0;
    play.candidate.leave(at(1.0));
    play.leads(None);
    play.tells(Edge::LeadsNoMore { epoch: 7 });
    play.step(Step::Resign(office("me", 7, "a")), None);
    assert_eq!(play.next(), Next::Ended);
    play.candidate.leave(at(1.0));
    assert_eq!(play.next(), Next::Ended);
}

#[test]
fn who_leaves_while_it_renews_looks_for_the_mark_to_give_back() {
    let mut play = Play::leading("a");
    play.waits(5.0);
    play.asks(Step::Renew(office("me", 7, "a")), 3.0);
    play.candidate.leave(at(5.0));
    play.tells(Edge::LeadsNoMore { epoch: 7 });
    let mut other = Play {
        candidate: play.candidate.clone(),
        now: 5.0,
    };
    for (play, mark) in [(&mut play, "a"), (&mut other, "b")] {
        play.look(Some(office("me", 7, mark)));
        play.step(Step::Resign(office("me", 7, mark)), None);
        assert_eq!(play.next(), Next::Ended);
    }
}

#[test]
fn who_leaves_and_has_nothing_to_give_back_ends() {
    let mut play = Play::new();
    play.look(Some(office("other", 3, "a")));
    play.candidate.leave(at(0.1));
    assert_eq!(play.next(), Next::Ended);

    let mut play = Play::new();
    play.look(None);
    play.step(take(None), Some(office("me", 1, "a")));
    play.candidate.leave(at(0.1));
    assert_eq!(
        play.next(),
        Next::Ended,
        "the next one could lead too early"
    );
}

#[test]
fn who_leaves_and_cannot_reach_the_store_ends_after_three_seconds() {
    let mut play = Play::leading("a");
    play.candidate.leave(at(0.0));
    play.tells(Edge::LeadsNoMore { epoch: 7 });
    play.asks(Step::Resign(office("me", 7, "a")), 3.0);
    play.fails();
    play.waits(0.75);
    play.asks(Step::Resign(office("me", 7, "a")), 2.25);
    play.now = 3.0;
    play.candidate.unanswered(at(3.0), 0.0);
    assert_eq!(play.next(), Next::Ended);
}

#[test]
fn a_step_that_is_not_reported_counts_as_not_answered() {
    let mut play = Play::leading("a");
    play.waits(5.0);
    play.asks(Step::Renew(office("me", 7, "a")), 3.0);
    play.now = 6.0;
    play.waits(6.75);
    play.asks(Step::Renew(office("me", 7, "a")), 3.0);
    // And an answer that nobody waits for is none.
    play.candidate.unanswered(at(6.75), 0.0);
    play.answers(Some(office("me", 7, "b")));
    play.leads(Some(10.0));
}
