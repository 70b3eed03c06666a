use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
}

fn heard(member: &str, share: Share) -> Heard {
    Heard {
        member: member.to_owned(),
        share,
    }
}

fn fleet(rank: usize, size: usize) -> Fleet {
    let names: Vec<String> = (0..size).map(|n| format!("process-{n}")).collect();
    let others: Vec<Heard> = names
        .iter()
        .filter(|name| **name != names[rank])
        .map(|name| heard(name, Share::default()))
        .collect();
    let mut fleet = Fleet::default();
    fleet.hear(&names[rank], &others);
    fleet
}

fn may_go(fleet: &Fleet, headroom: u64, now: Timestamp) -> bool {
    fleet
        .turn(headroom, 12, Own::default(), now, &Skew::default())
        .is_none()
}

#[test]
fn one_process_alone_never_waits_for_a_turn() {
    assert!(may_go(&Fleet::default(), 12, at(0)));
}

#[test]
fn where_there_is_enough_for_all_nobody_waits_for_a_turn() {
    for rank in 0..4 {
        assert!(may_go(&fleet(rank, 4), 48, at(0)));
        let untold = fleet(rank, 4).turn(
            48,
            12,
            Own {
                untold: 1,
                ..Own::default()
            },
            at(0),
            &Skew::default(),
        );
        let is_first_turn = rank == 0 && untold.is_none();
        assert!(untold.is_some() || is_first_turn, "{rank}");
    }
}

#[test]
fn close_to_the_floor_one_process_goes_at_a_time_and_each_gets_its_turn() {
    let fleets: Vec<Fleet> = (0..4).map(|rank| fleet(rank, 4)).collect();
    let mut turns = [0; 4];
    for tenth in 0..320 {
        let now = at(tenth * 100);
        let going: Vec<usize> = (0..4)
            .filter(|rank| may_go(&fleets[*rank], 47, now))
            .collect();
        assert!(going.len() <= 1, "{going:?} at {now}");
        for rank in going {
            turns[rank] += 1;
        }
    }
    assert_eq!(turns, [40; 4], "two seconds of each sixteen");
}

#[test]
fn whoever_waits_for_a_turn_is_told_when_it_begins() {
    for rank in 0..4 {
        let fleet = fleet(rank, 4);
        for tenth in 0..160 {
            let now = at(tenth * 100);
            if let Some(begins) = fleet.turn(13, 12, Own::default(), now, &Skew::default()) {
                assert!(begins > now && begins <= after(now, Duration::from_secs(16)));
                assert!(may_go(&fleet, 13, begins), "{now} {begins}");
            }
        }
    }
}

#[test]
fn a_clock_that_is_off_takes_the_same_turn() {
    let mut skew = Skew::default();
    skew.observe(at(0), at(120_000));
    let fleet = fleet(2, 4);
    for tenth in 0..160 {
        let (github, local) = (at(tenth * 100), at(tenth * 100 + 120_000));
        let right = fleet
            .turn(13, 12, Own::default(), github, &Skew::default())
            .is_none();
        assert_eq!(
            fleet.turn(13, 12, Own::default(), local, &skew).is_none(),
            right
        );
    }
}

#[test]
fn in_silence_each_keeps_to_its_part_of_headroom_and_rate_until_it_ends() {
    let mut fleet = fleet(0, 4);
    fleet.fall_silent();
    assert!(may_go(&fleet, 48, at(2500)));
    assert!(
        !may_go(&fleet, 47, at(2500)),
        "its turn, if it could be heard"
    );
    let others = fleet.others();
    assert_eq!((others.divided_by, others.rest_points), (4, 540));
    fleet.hear("process-0", &[]);
    assert!(may_go(&fleet, 12, at(0)));
    assert_eq!(fleet.others().divided_by, 1);
}

#[test]
fn only_those_that_are_busy_take_a_part_of_the_rate() {
    let busy = |is_busy| Share {
        is_busy,
        rest_points: 100,
        ..Share::default()
    };
    let mut fleet = Fleet::default();
    fleet.hear("a", &[heard("b", busy(true)), heard("c", busy(false))]);
    let others = fleet.others();
    assert_eq!((others.divided_by, others.rest_points), (2, 200));
}

#[test]
fn what_a_process_has_spent_is_news_once() {
    let told = |live| ResourceShare {
        resource: "core".to_owned(),
        limit: None,
        used: None,
        reset: None,
        settled: 0,
        in_flight: 0,
        held: 0,
        demanded: [live, 0, 0],
    };
    let mut fleet = Fleet::default();
    assert_eq!(fleet.news("b", &told(700)), [0; 3], "before we listened");
    assert_eq!(fleet.news("b", &told(710)), [10, 0, 0]);
    assert_eq!(fleet.news("b", &told(710)), [0; 3]);
    assert_eq!(fleet.news("b", &told(5)), [0; 3], "it begins anew");
    assert_eq!(fleet.news("b", &told(6)), [1, 0, 0]);
}
