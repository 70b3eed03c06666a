//! Items: paid for as a whole before they begin.

use super::*;
use crate::item::ItemId;

fn begun(quota: &mut CredentialQuota, cost: u64, now: f64) -> ItemId {
    let reservation = quota.reserve(Lane::Bulk, Ask::item(Resource::core(), cost), at(now));
    quota.begin(reservation)
}

/// A credential in which `remaining` of 5,000 are left, 1,000 of them reserved.
fn left(remaining: u64) -> CredentialQuota {
    let mut quota = paced_by(Policy::Sprint);
    ask(&mut quota, Lane::Live, &answer(5000 - remaining), 0.0);
    quota
}

fn may_begin(quota: &CredentialQuota, cost: u64) -> bool {
    quota.decide(Lane::Bulk, &Ask::item(Resource::core(), cost), at(1.0)) == Decision::Go
}

fn may_send(quota: &CredentialQuota, lane: Lane, item: Option<ItemId>) -> bool {
    let ask = Ask { item, ..read() };
    quota.decide(lane, &ask, at(1.0)) == Decision::Go
}

#[test]
fn an_item_begins_only_if_all_of_it_is_above_the_reserve() {
    assert!(may_begin(&left(1012), 12));
    assert!(!may_begin(&left(1011), 12));
}

#[test]
fn items_under_way_count_as_spent_for_the_next_one_and_not_for_live_work() {
    let mut quota = left(1024);
    begun(&mut quota, 12, 1.0);
    assert!(may_begin(&quota, 12));
    begun(&mut quota, 12, 1.0);
    assert!(!may_begin(&quota, 12));
    assert!(!may_send(&quota, Lane::Bulk, None));
    let mut nearly_empty = left(12);
    nearly_empty
        .resources
        .known
        .get_mut(&Resource::core())
        .unwrap()
        .bucket
        .hold(12);
    assert!(
        may_send(&nearly_empty, Lane::Live, None),
        "live work may take it all"
    );
}

#[test]
fn a_request_of_an_item_goes_at_the_reserve_until_the_item_has_cost_what_was_expected() {
    let mut quota = left(1003);
    let item = begun(&mut quota, 3, 1.0);
    for used in 0..3 {
        assert!(!may_send(&quota, Lane::Bulk, None));
        assert!(may_send(&quota, Lane::Bulk, Some(item)));
        let reservation = quota.reserve(Lane::Bulk, read().within(item), at(1.0));
        quota.settle(reservation, &answer(3998 + used), at(1.0));
    }
    assert!(
        !may_send(&quota, Lane::Bulk, Some(item)),
        "beyond that it waits like any other"
    );
}

#[test]
fn what_an_item_did_not_spend_is_free_when_it_ends() {
    let mut quota = left(1020);
    let item = begun(&mut quota, 20, 1.0);
    let reservation = quota.reserve(Lane::Bulk, read().within(item), at(1.0));
    quota.settle(reservation, &answer(3981), at(1.0));
    assert!(!may_begin(&quota, 1));
    quota.end(item);
    assert!(may_begin(&quota, 19));
    assert!(!may_begin(&quota, 20));
    quota.end(item);
    assert!(!may_begin(&quota, 20), "ending it again gives nothing");
}

#[test]
fn a_304_gives_the_item_back_what_it_paid() {
    let mut quota = left(1001);
    let item = begun(&mut quota, 1, 1.0);
    for _ in 0..5 {
        assert!(may_send(&quota, Lane::Bulk, Some(item)));
        let reservation = quota.reserve(Lane::Bulk, read().within(item), at(1.0));
        assert!(!may_send(&quota, Lane::Bulk, Some(item)));
        let unchanged = Seen {
            charged: Some(0),
            ..answer(3999)
        };
        quota.settle(reservation, &unchanged, at(1.0));
    }
    quota.end(item);
    assert_eq!(quota.resources.known[&Resource::core()].bucket.held(), 0);
}

#[test]
fn an_answer_after_the_end_of_its_item_leaves_nothing_behind() {
    let mut quota = left(2000);
    let item = begun(&mut quota, 5, 1.0);
    let late = quota.reserve(Lane::Bulk, read().within(item), at(1.0));
    let dropped = quota.reserve(Lane::Bulk, read().within(item), at(1.0));
    quota.end(item);
    quota.settle(
        late,
        &Seen {
            charged: Some(0),
            ..answer(3000)
        },
        at(2.0),
    );
    quota.refund(dropped, at(2.0));
    let bucket = &quota.resources.known[&Resource::core()].bucket;
    assert_eq!((bucket.held(), bucket.in_flight()), (0, 0));
}

#[test]
fn an_item_that_was_let_through_and_given_up_holds_nothing() {
    let mut quota = left(1012);
    let reservation = quota.reserve(Lane::Bulk, Ask::item(Resource::core(), 12), at(1.0));
    assert!(!may_begin(&quota, 12));
    quota.refund(reservation, at(1.0));
    assert!(may_begin(&quota, 12));
}

#[test]
fn an_item_takes_no_place_in_flight_and_no_points() {
    let mut quota = left(5000);
    for _ in 0..200 {
        begun(&mut quota, 1, 1.0);
    }
    assert_eq!(quota.report(at(1.0)).in_flight, 0);
    assert!(may_send(&quota, Lane::Scheduled, None));
}

#[test]
fn an_item_pays_for_one_bucket_only() {
    let mut quota = left(1012);
    let item = begun(&mut quota, 12, 1.0);
    ask(&mut quota, Lane::Live, &answer(4000), 1.0);
    let search = Resource::search();
    quota.observe(
        &search,
        &Observation {
            limit: Some(30),
            remaining: Some(12),
            used: Some(18),
            reset: Some(at(60.0)),
            ..Observation::default()
        },
        at(1.0),
    );
    let query = Ask::read(search, 1).within(item);
    assert!(matches!(
        quota.decide(Lane::Bulk, &query, at(1.0)),
        Decision::Wait(_)
    ));
}

#[test]
fn before_anything_is_known_one_item_begins_and_is_promised_one_request() {
    let mut quota = paced_by(Policy::Adaptive);
    assert!(may_begin(&quota, 12));
    let item = begun(&mut quota, 12, 1.0);
    assert!(!may_begin(&quota, 12), "the first one finds out");
    assert!(may_send(&quota, Lane::Bulk, Some(item)));
    let first = quota.reserve(Lane::Bulk, read().within(item), at(1.0));
    assert!(!may_send(&quota, Lane::Bulk, Some(item)));
    quota.settle(first, &answer(4900), at(1.0));
    assert!(
        !may_send(&quota, Lane::Bulk, Some(item)),
        "100 are left to live work"
    );
    assert!(may_send(&quota, Lane::Live, None));
}

#[test]
fn after_the_reset_items_begin_again_whatever_the_policy() {
    for policy in [Policy::Adaptive, Policy::Even, Policy::Sprint] {
        let mut quota = paced_by(policy);
        let item = begun(&mut quota, 12, 1.0);
        let first = quota.reserve(Lane::Bulk, read().within(item), at(1.0));
        quota.settle(first, &answer(4001), at(1.1));
        let item_ask = Ask::item(Resource::core(), 12);
        let Decision::Wait(wait) = quota.decide(Lane::Bulk, &item_ask, at(2.0)) else {
            panic!("{policy}: it is at the reserve");
        };
        assert_eq!(
            wait.until.map(|until| until <= at(3601.0)),
            Some(true),
            "{policy}"
        );
        assert_eq!(
            quota.decide(Lane::Bulk, &item_ask, at(3601.0)),
            Decision::Go,
            "{policy}"
        );
        let within = read().within(item);
        assert_eq!(
            quota.decide(Lane::Bulk, &within, at(3601.0)),
            Decision::Go,
            "{policy}"
        );
    }
}
