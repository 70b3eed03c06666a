//! What the script makes of events is what `ledger` says of them.

use std::collections::BTreeMap;

use ledger::event::{Actor, Event, Fact, RepoId, ReviewState, Stream, id};
use ledger::port::activity::{Authority, News, Part};
use ledger::port::{Activity, Cursor};

use super::{Rooms, open};
use crate::{ORG, at, seen};

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn review(number: u64, state: ReviewState, version: i64) -> Event {
    Event {
        id: id::item(number),
        at: at(number.cast_signed()),
        actor: Actor::new("eve", Some(2)),
        fact: Fact::Review {
            number: 7,
            state,
            seconds_since_ready: number.is_multiple_of(2).then_some(number),
        },
        version,
    }
}

fn commit(number: u64) -> Event {
    Event {
        id: id::commit(&format!("{number:040x}")),
        at: at(number.cast_signed()),
        actor: Actor::new("ada", Some(1)),
        fact: Fact::Commit {
            additions: 1,
            deletions: 2,
            changed_files: 3,
        },
        version: 0,
    }
}

/// Four hundred batches of reviews whose versions come in any order, and of commits that go and come back.
#[tokio::test]
async fn whatever_comes_in_whatever_order_the_store_and_a_model_of_it_agree() {
    let rooms = Rooms::default();
    let store = open(&rooms.settings());
    let term = store.lead("test", at(0)).await.unwrap();
    store
        .track(term, ORG, &[seen(1)], at(0), at(0))
        .await
        .unwrap();
    let mut dice = Dice(7);
    let mut model: BTreeMap<(u8, String), (Event, bool)> = BTreeMap::new();
    let mut told: BTreeMap<(u8, String), (Event, bool, u32)> = BTreeMap::new();
    let mut cursor = Cursor::default();
    for batch in 0..400 {
        let mut events = Vec::new();
        let mut retracted = Vec::new();
        for _ in 0..=dice.roll(8) {
            match dice.roll(3) {
                0 => {
                    let state = ReviewState::ALL[usize::try_from(dice.roll(4)).unwrap()];
                    let version = dice.roll(5).cast_signed() - 2;
                    events.push(review(dice.roll(12), state, version));
                }
                1 => events.push(commit(dice.roll(12))),
                _ => retracted.push(commit(dice.roll(12)).id),
            }
        }
        events.sort_by_key(|event| event.at);
        let (mut inserted, mut updated, mut taken_back) = (0, 0, 0);
        let brought: Vec<String> = events.iter().map(|event| event.id.clone()).collect();
        for oid in &retracted {
            if let Some((_, is_retracted @ false)) = model.get_mut(&(0, oid.clone()))
                && !brought.contains(oid)
            {
                *is_retracted = true;
                taken_back += 1;
            }
        }
        for event in &events {
            let kind = u8::from(!matches!(event.fact, Fact::Commit { .. }));
            match model.get_mut(&(kind, event.id.clone())) {
                None => {
                    model.insert((kind, event.id.clone()), (event.clone(), false));
                    inserted += 1;
                }
                Some((kept, is_retracted)) => {
                    let is_amended = kept.amend(event);
                    updated += u64::from(is_amended || *is_retracted);
                    *is_retracted = false;
                }
            }
        }
        let part = Part {
            stream: Stream::Commits,
            events,
            retracted,
            proof: None,
        };
        let recorded = store
            .record(
                Authority::Leader(term),
                ORG,
                RepoId(1),
                vec![part],
                at(1000),
            )
            .await
            .unwrap();
        assert_eq!(
            (recorded.inserted, recorded.updated, recorded.retracted),
            (inserted, updated, taken_back),
            "in batch {batch}"
        );
        loop {
            let piece = store
                .changes(cursor, 1 + usize::try_from(dice.roll(6)).unwrap())
                .await
                .unwrap();
            for change in piece.events {
                let kind = u8::from(!matches!(change.event.fact, Fact::Commit { .. }));
                let key = (kind, change.event.id.clone());
                let times = told.get(&key).map_or(0, |(_, _, times)| *times)
                    + u32::from(change.news == News::Recorded);
                told.insert(key, (change.event, change.retracted, times));
            }
            cursor = piece.next;
            if !piece.more {
                break;
            }
        }
        let followed: BTreeMap<_, _> = told
            .iter()
            .map(|(key, (event, retracted, times))| {
                assert_eq!(*times, 1, "{key:?} is counted once");
                (key.clone(), (event.clone(), *retracted))
            })
            .collect();
        assert_eq!(followed, model, "a reader that follows, in batch {batch}");
    }
}
