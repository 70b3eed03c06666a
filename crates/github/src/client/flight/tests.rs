use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{HeaderMap, StatusCode};
use proptest::prelude::*;

use super::*;
use crate::origin::ApiUrl;
use crate::request::Origin;

fn request() -> Request {
    Request::get("/repos/acme/tide")
}

/// An answer that says which flight it is of.
fn answer(flight: usize) -> Response {
    Response {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: flight.to_string().into(),
        date: None,
        origin: Origin::Sent,
        request: request(),
        api_url: Arc::new(ApiUrl::parse("http://127.0.0.1:1").unwrap()),
    }
}

fn said(answer: &Response) -> usize {
    std::str::from_utf8(&answer.body).unwrap().parse().unwrap()
}

/// What is ready now.
fn now<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// The answer of somebody else, if it is there.
fn given(seat: &Seat) -> Option<usize> {
    match now(seat.answer()) {
        Poll::Ready(answer) => Some(said(&answer)),
        Poll::Pending => None,
    }
}

#[test]
fn whoever_is_let_through_first_goes_for_all_that_are_late() {
    let flights = Flights::default();
    let seats: Vec<Seat> = [Lane::Scheduled, Lane::Backfill, Lane::Bulk]
        .map(|lane| flights.arrive(&request(), lane))
        .into();
    assert!(matches!(now(seats[0].join()), Poll::Ready(None)));
    let flight = seats[1].take_off().unwrap();
    assert!(seats[0].take_off().is_none());
    let latecomer = flights.arrive(&request(), Lane::Bulk);
    assert!(now(latecomer.join()).is_pending());
    flight.land(&answer(7));
    for seat in [&seats[0], &seats[2], &latecomer] {
        assert_eq!(given(seat), Some(7));
    }
    assert_eq!(given(&seats[1]), None, "its own answer is in its hands");
    drop((seats, latecomer));
    assert_eq!(flights.len(), 0);
}

#[test]
fn what_is_urgent_takes_only_answers_that_were_asked_for_after_it_arrived() {
    let flights = Flights::default();
    let bulk = flights.arrive(&request(), Lane::Bulk);
    let early = flights.arrive(&request(), Lane::Live);
    let before = bulk.take_off().unwrap();
    let live = flights.arrive(&request(), Lane::Live);
    let person = flights.arrive(&request(), Lane::Interactive);
    assert!(matches!(now(live.join()), Poll::Ready(None)));
    before.land(&answer(1));
    assert_eq!(given(&early), Some(1));
    assert_eq!((given(&live), given(&person)), (None, None));
    let after = person.take_off().unwrap();
    after.land(&answer(2));
    assert_eq!(given(&live), Some(2));
}

#[test]
fn requests_that_differ_in_anything_that_matters_do_not_meet() {
    let flights = Flights::default();
    let first = flights.arrive(&request(), Lane::Bulk);
    let flight = first.take_off().unwrap();
    let others = [
        Request::get("/repos/acme/tide?page=2"),
        Request::get("/repos/acme/tides"),
        request().unconditional(),
        request().unconditional().as_app(),
        Request::post("/repos/acme/tide", &()).unwrap(),
        Request::graphql(
            crate::graphql::PULLS,
            &serde_json::json!({ "owner": "acme" }),
        ),
    ];
    let seats: Vec<Seat> = others
        .iter()
        .map(|other| flights.arrive(other, Lane::Bulk))
        .collect();
    for seat in &seats {
        assert!(seat.take_off().is_some());
    }
    flight.land(&answer(1));
    assert!(seats.iter().all(|seat| given(seat).is_none()));
    // Whom a request is counted for does not matter.
    let counted = request()
        .named("/repos/{owner}/{repo}")
        .for_org("elsewhere");
    let flight = first.take_off().unwrap();
    let seat = flights.arrive(&counted, Lane::Bulk);
    assert!(seat.take_off().is_none());
    flight.land(&answer(2));
    assert_eq!(given(&seat), Some(2));
}

#[test]
fn a_flight_that_fails_sends_every_other_its_own_way_at_once() {
    let flights = Flights::default();
    let seats: Vec<Seat> = (0..4)
        .map(|_| flights.arrive(&request(), Lane::Bulk))
        .collect();
    let first = seats[0].take_off().unwrap();
    for seat in &seats[1..] {
        assert!(now(seat.join()).is_pending());
    }
    first.fail();
    for seat in &seats[1..] {
        assert!(matches!(now(seat.join()), Poll::Ready(None)));
    }
    let flying: Vec<Flight> = seats[1..]
        .iter()
        .map(|seat| {
            seat.take_off()
                .expect("nobody waits for anybody a second time")
        })
        .collect();
    drop((flying, seats));
    assert_eq!(flights.len(), 0);
}

#[test]
fn where_senders_go_away_the_others_rely_on_the_next_one_a_few_times() {
    let flights = Flights::default();
    let patient = flights.arrive(&request(), Lane::Bulk);
    for _ in 0..MOST_IN_VAIN {
        let sender = flights.arrive(&request(), Lane::Bulk);
        let flight = sender.take_off().unwrap();
        assert!(now(patient.join()).is_pending());
        drop((flight, sender));
    }
    let sender = flights.arrive(&request(), Lane::Bulk);
    let _flight = sender.take_off().unwrap();
    assert!(patient.take_off().is_some());
}

#[test]
fn a_request_that_is_sent_elsewhere_stays_as_old_as_it_is() {
    let flights = Flights::default();
    let live = flights.arrive(&request(), Lane::Live);
    let target = Request::get("/repositories/7");
    let bulk = flights.arrive(&target, Lane::Bulk);
    let flight = bulk.take_off().unwrap();
    let live = live.moved_to(&target);
    assert!(live.take_off().is_none(), "it was sent after live arrived");
    flight.land(&answer(3));
    assert_eq!(given(&live), Some(3));
}

/// One thing that happens to one of several requests for the same.
#[derive(Debug, Clone, Copy)]
enum Step {
    Arrive(Lane),
    TakeOff,
    Land,
    Fail,
    Vanish,
    GoAway,
}

fn steps() -> impl Strategy<Value = Vec<(Step, usize)>> {
    let step = prop_oneof![
        3 => prop::sample::select(Lane::ALL.to_vec()).prop_map(Step::Arrive),
        3 => Just(Step::TakeOff),
        2 => Just(Step::Land),
        1 => Just(Step::Fail),
        1 => Just(Step::Vanish),
        1 => Just(Step::GoAway),
    ];
    prop::collection::vec((step, 0..8_usize), 1..80)
}

struct Sender {
    seat: Seat,
    arrived: usize,
    is_urgent: bool,
    flight: Option<(Flight, usize)>,
}

proptest! {
    #[test]
    fn nobody_hangs_nobody_gets_what_is_too_old_and_nothing_is_remembered(steps in steps()) {
        let flights = Flights::default();
        let mut senders: Vec<Sender> = Vec::new();
        for (moment, (step, who)) in steps.into_iter().enumerate() {
            if let Step::Arrive(lane) = step {
                let seat = flights.arrive(&request(), lane);
                senders.push(Sender { seat, arrived: moment, is_urgent: is_urgent(lane), flight: None });
            } else if !senders.is_empty() {
                let who = who % senders.len();
                let sender = &mut senders[who];
                match (step, sender.flight.take()) {
                    (Step::TakeOff, None) => sender.flight = sender.seat.take_off().map(|flight| (flight, moment)),
                    (Step::TakeOff, flying) => sender.flight = flying,
                    (Step::Land, Some((flight, took_off))) => {
                        flight.land(&answer(took_off));
                        senders.remove(who);
                    }
                    (Step::Fail, Some((flight, _))) => {
                        flight.fail();
                        senders.remove(who);
                    }
                    (Step::Vanish, Some((flight, _))) => {
                        drop(flight);
                        senders.remove(who);
                    }
                    (Step::GoAway, _) => drop(senders.remove(who)),
                    (_, flying) => sender.flight = flying,
                }
            }
            // Whoever does not fly has an answer, can go, or waits for somebody who flies and may serve it.
            let flying: Vec<usize> = senders
                .iter()
                .filter_map(|sender| Some(sender.flight.as_ref()?.1))
                .collect();
            let mut served = Vec::new();
            for (index, sender) in senders.iter().enumerate().filter(|(_, sender)| sender.flight.is_none()) {
                match now(sender.seat.join()) {
                    Poll::Ready(Some(answer)) => {
                        prop_assert!(!sender.is_urgent || said(&answer) > sender.arrived);
                        served.push(index);
                    }
                    Poll::Ready(None) => {}
                    Poll::Pending => {
                        let may_serve = |took_off: &usize| !sender.is_urgent || *took_off > sender.arrived;
                        prop_assert!(flying.iter().any(may_serve));
                    }
                }
            }
            for index in served.into_iter().rev() {
                senders.remove(index);
            }
        }
        drop(senders);
        prop_assert_eq!(flights.len(), 0);
    }
}
