//! Cases of the office that the candidates of one deployment share.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::fixture::together;
use crate::lease::{Candidate, Figures, Next, Reign};
use crate::port::election::{Election, Office};

/// Opens a fresh, empty store, and gives so many handles to it, as so many candidates have them.
pub type Open<'a> = &'a dyn Fn(usize) -> Vec<Arc<dyn Election>>;

type Store = Arc<dyn Election>;

async fn look(store: &Store) -> Option<Office> {
    store.look().await.expect("the office is looked at")
}

async fn take(store: &Store, me: &str, over: Option<&Office>) -> Option<Office> {
    let taken = store.take(me, over).await;
    taken.expect("the office is taken or not")
}

async fn renew(store: &Store, mine: &Office) -> Option<Office> {
    let renewed = store.renew(mine).await;
    renewed.expect("the office is renewed or not")
}

async fn resign(store: &Store, mine: &Office) {
    let resigned = store.resign(mine).await;
    resigned.expect("the office is given back or not");
}

/// Somebody takes an office that is free.
async fn won(store: &Store, me: &str, over: Option<&Office>) -> Office {
    let office = take(store, me, over).await;
    let office = office.expect("nobody else has taken a step");
    assert_eq!(office.holder.as_deref(), Some(me));
    office
}

/// However often one looks.
pub async fn nobody_holds_an_office_that_was_never_taken(open: Open<'_>) {
    let stores = open(2);
    for store in stores.iter().chain(&stores) {
        assert_eq!(look(store).await, None);
    }
}

/// And it is seen by everybody as it was answered, whatever the name.
pub async fn an_office_that_nobody_holds_is_taken(open: Open<'_>) {
    for name in [
        "ada",
        "node-1.example.org/4711/c0ffee",
        "bob's \"ü🌊\" %; --",
    ] {
        let stores = open(3);
        let office = won(&stores[0], name, None).await;
        assert!(office.epoch >= 1, "{office:?}");
        for store in &stores {
            assert_eq!(look(store).await.as_ref(), Some(&office));
        }
    }
}

/// Looking changes nothing, so that what somebody has seen can be taken after others have looked.
pub async fn an_office_is_taken_over_as_it_was_seen(open: Open<'_>) {
    let stores = open(3);
    won(&stores[0], "ada", None).await;
    let seen = look(&stores[1]).await.expect("it is held");
    for store in &stores {
        assert_eq!(look(store).await.as_ref(), Some(&seen));
    }
    let office = won(&stores[1], "bob", Some(&seen)).await;
    assert!(office.epoch > seen.epoch, "{office:?} after {seen:?}");
    assert_ne!(office.mark, seen.mark);
    for store in &stores {
        assert_eq!(look(store).await.as_ref(), Some(&office));
    }
}

/// Neither over an earlier mark of it, nor as if there was none.
pub async fn an_office_that_has_moved_on_is_not_taken(open: Open<'_>) {
    let stores = open(2);
    let taken = won(&stores[0], "ada", None).await;
    let seen = look(&stores[1]).await.expect("it is held");
    let renewed = renew(&stores[0], &taken).await.expect("it is ada's");
    assert_eq!(take(&stores[1], "bob", Some(&seen)).await, None);
    assert_eq!(take(&stores[1], "bob", None).await, None);
    assert_eq!(look(&stores[1]).await, Some(renewed.clone()));

    resign(&stores[0], &renewed).await;
    let free = look(&stores[1]).await.expect("it was given back");
    assert_eq!(take(&stores[1], "bob", Some(&renewed)).await, None);
    assert_eq!(take(&stores[1], "bob", None).await, None);
    assert_eq!(look(&stores[0]).await, Some(free));
}

/// A store that has lost what it was told gives the office to nobody who goes by what was there.
pub async fn an_office_that_is_gone_is_neither_taken_over_nor_renewed(open: Open<'_>) {
    let gone = won(&open(1)[0], "ada", None).await;
    let store = open(1).remove(0);
    assert_eq!(take(&store, "bob", Some(&gone)).await, None);
    assert_eq!(renew(&store, &gone).await, None);
    resign(&store, &gone).await;
    assert_eq!(look(&store).await, None);
    won(&store, "bob", None).await;
}

/// Of an office that was never taken, that is held, and that was given back.
pub async fn of_many_who_take_at_once_exactly_one_gets_it(open: Open<'_>) {
    const CANDIDATES: usize = 6;
    const ROUNDS: usize = 15;
    let stores = open(CANDIDATES);
    let mut over: Option<Office> = None;
    for round in 0..ROUNDS {
        let winners: Mutex<Vec<Office>> = Mutex::default();
        let mut running: Vec<Pin<Box<dyn Future<Output = ()> + Send + '_>>> = Vec::new();
        for (number, store) in stores.iter().enumerate() {
            let (over, winners) = (over.as_ref(), &winners);
            running.push(Box::pin(async move {
                if let Some(office) = take(store, &format!("candidate-{number}"), over).await {
                    assert_eq!(office.holder, Some(format!("candidate-{number}")));
                    winners.lock().expect("no one panicked").push(office);
                }
            }));
        }
        together(running).await;
        let winners = winners.into_inner().expect("no one panicked");
        let [winner] = &winners[..] else {
            panic!("round {round}: one wins, but these do: {winners:?}");
        };
        let before = over.map_or(0, |office| office.epoch);
        assert!(winner.epoch > before, "{winner:?} after {before}");
        assert_eq!(look(&stores[0]).await.as_ref(), Some(winner));
        if round % 3 == 2 {
            resign(&stores[0], winner).await;
        }
        over = look(&stores[0]).await;
    }
}

/// Whoever has waited too short has lost, or whoever has slept has: never do both hold it.
pub async fn of_a_renewal_and_a_takeover_at_once_exactly_one_succeeds(open: Open<'_>) {
    const ROUNDS: usize = 25;
    let stores = open(2);
    let mut office = won(&stores[0], "holder-0", None).await;
    for round in 1..=ROUNDS {
        let name = format!("holder-{round}");
        let renewed: Mutex<Option<Office>> = Mutex::default();
        let taken: Mutex<Option<Office>> = Mutex::default();
        let renewal = async {
            let answer = renew(&stores[0], &office).await;
            *renewed.lock().expect("no one panicked") = answer;
        };
        let takeover = async {
            let answer = take(&stores[1], &name, Some(&office)).await;
            *taken.lock().expect("no one panicked") = answer;
        };
        // Who goes first is no matter of who is asked first.
        let (renewal, takeover): (Pin<Box<dyn Future<Output = ()> + Send + '_>>, _) =
            (Box::pin(renewal), Box::pin(takeover));
        together(if round % 2 == 0 {
            vec![renewal, takeover]
        } else {
            vec![takeover, renewal]
        })
        .await;
        let renewed = renewed.into_inner().expect("no one panicked");
        let taken = taken.into_inner().expect("no one panicked");
        let next = match (renewed, taken) {
            (Some(next), None) | (None, Some(next)) => next,
            both => panic!("round {round}: one succeeds, but not these: {both:?}"),
        };
        assert_eq!(look(&stores[0]).await.as_ref(), Some(&next));
        office = next;
    }
}

/// Not the holder, and not the epoch.
pub async fn a_renewal_changes_the_mark_and_only_the_mark(open: Open<'_>) {
    let stores = open(2);
    let mut mine = won(&stores[0], "ada", None).await;
    for _ in 0..5 {
        let renewed = renew(&stores[0], &mine).await.expect("it is ada's");
        assert_ne!(renewed.mark, mine.mark);
        let expected = Office {
            mark: renewed.mark.clone(),
            ..mine
        };
        assert_eq!(renewed, expected);
        assert_eq!(look(&stores[1]).await.as_ref(), Some(&renewed));
        mine = renewed;
    }
}

/// Who has seen one of them knows whether anybody has taken a step since.
pub async fn no_mark_returns(open: Open<'_>) {
    let store = open(1).remove(0);
    let mut marks: BTreeSet<String> = BTreeSet::new();
    let mut over = None;
    for round in 0..4 {
        let mut mine = won(&store, "ada", over.as_ref()).await;
        for _ in 0..3 {
            assert!(marks.insert(mine.mark.clone()), "{round}: {mine:?}");
            mine = renew(&store, &mine).await.expect("it is ada's");
        }
        assert!(marks.insert(mine.mark.clone()), "{round}: {mine:?}");
        resign(&store, &mine).await;
        let free = look(&store).await.expect("it was given back");
        assert!(marks.insert(free.mark.clone()), "{round}: {free:?}");
        over = Some(free);
    }
}

/// To another, or by having given it back. The office stays as it is.
pub async fn who_has_lost_the_office_renews_nothing(open: Open<'_>) {
    let stores = open(2);
    let lost = won(&stores[0], "ada", None).await;
    let theirs = won(&stores[1], "bob", Some(&lost)).await;
    assert_eq!(renew(&stores[0], &lost).await, None);
    assert_eq!(look(&stores[0]).await.as_ref(), Some(&theirs));

    resign(&stores[1], &theirs).await;
    let free = look(&stores[0]).await;
    for lost in [&lost, &theirs] {
        assert_eq!(renew(&stores[1], lost).await, None);
        assert_eq!(look(&stores[0]).await, free);
    }

    // Another office of the same holder is another office.
    let again = won(&stores[0], "ada", free.as_ref()).await;
    assert_eq!(renew(&stores[0], &lost).await, None);
    assert_eq!(look(&stores[1]).await, Some(again));
}

/// By whichever handle, and the next one goes on counting.
pub async fn an_office_given_back_is_free_and_keeps_its_epoch(open: Open<'_>) {
    let stores = open(2);
    let mine = won(&stores[0], "ada", None).await;
    let mine = renew(&stores[0], &mine).await.expect("it is ada's");
    resign(&stores[0], &mine).await;
    let free = look(&stores[1]).await.expect("the epoch stays");
    assert_eq!(free.holder, None);
    assert_eq!(free.epoch, mine.epoch);
    assert_ne!(free.mark, mine.mark);
    let next = won(&stores[1], "bob", Some(&free)).await;
    assert!(next.epoch > mine.epoch, "{next:?} after {mine:?}");
}

/// Twice is as good as once, too.
pub async fn who_has_lost_the_office_gives_nothing_back(open: Open<'_>) {
    let stores = open(2);
    let lost = won(&stores[0], "ada", None).await;
    let theirs = won(&stores[1], "bob", Some(&lost)).await;
    resign(&stores[0], &lost).await;
    assert_eq!(look(&stores[0]).await.as_ref(), Some(&theirs));
    resign(&stores[1], &theirs).await;
    let free = look(&stores[0]).await;
    resign(&stores[1], &theirs).await;
    resign(&stores[0], &lost).await;
    assert_eq!(look(&stores[0]).await, free);
    let again = won(&stores[0], "ada", free.as_ref()).await;
    resign(&stores[0], &lost).await;
    assert_eq!(look(&stores[1]).await, Some(again));
}

/// Also of the same name, and however the office was left.
pub async fn each_holder_has_a_higher_epoch_than_the_one_before(open: Open<'_>) {
    let stores = open(2);
    let mut over: Option<Office> = None;
    let mut last = 0;
    for (round, name) in ["ada", "bob", "bob", "ada", "eve"].iter().enumerate() {
        let store = &stores[round % 2];
        let office = won(store, name, over.as_ref()).await;
        assert!(office.epoch > last, "{office:?} after {last}");
        last = office.epoch;
        let office = renew(store, &office).await.expect("nobody has taken it");
        assert_eq!(office.epoch, last);
        if round % 2 == 0 {
            resign(store, &office).await;
        }
        over = look(&stores[0]).await;
    }
}

/// One that campaigns by a handle of its own.
struct Campaign {
    candidate: Candidate,
    store: Store,
    /// When there is something to do for it.
    due: Duration,
}

/// Several campaigns, on a clock that only goes on when a step is taken or nothing is left to do.
struct Race {
    now: Duration,
    campaigns: Vec<Campaign>,
}

impl Race {
    /// Lets the next one do what is due.
    async fn go_on(&mut self) {
        let next = self
            .campaigns
            .iter_mut()
            .min_by_key(|campaign| campaign.due);
        let campaign = next.expect("somebody campaigns");
        self.now = self.now.max(campaign.due);
        loop {
            match campaign.candidate.next(self.now) {
                Next::Tell(_) => {}
                Next::Do { step, .. } => {
                    let answer = step.on(&*campaign.store).await;
                    self.now += Duration::from_millis(10);
                    campaign.candidate.answered(&answer, self.now, 0.5);
                }
                Next::Wait { until } => {
                    campaign.due = until;
                    break;
                }
                Next::Ended => {
                    campaign.due = Duration::MAX;
                    break;
                }
            }
        }
        let leads = |campaign: &&Campaign| campaign.candidate.reign(self.now).is_some();
        let leaders = self.campaigns.iter().filter(leads).count();
        assert!(leaders <= 1, "at {:?} {leaders} lead", self.now);
    }

    fn leader(&self) -> Option<(usize, Reign)> {
        let reign = |campaign: &Campaign| campaign.candidate.reign(self.now);
        let mut reigns = self.campaigns.iter().map(reign).enumerate();
        reigns.find_map(|(number, reign)| Some((number, reign?)))
    }

    /// Goes on until somebody leads, and says who, and after how long.
    async fn won(&mut self) -> (usize, Reign, Duration) {
        let start = self.now;
        loop {
            if let Some((number, reign)) = self.leader() {
                return (number, reign, self.now - start);
            }
            self.go_on().await;
        }
    }
}

/// The whole of an election, without a wait: who leads goes on leading, who is killed is followed within the lease, and who
/// leaves within a second.
pub async fn one_candidate_leads_at_a_time_and_is_followed_in_time(open: Open<'_>) {
    let stores = open(4).into_iter().enumerate();
    let campaign = |(number, store)| Campaign {
        candidate: Candidate::new(format!("candidate-{number}"), Figures::DEFAULT),
        store,
        due: Duration::from_millis(137 * number as u64),
    };
    let mut race = Race {
        now: Duration::ZERO,
        campaigns: stores.map(campaign).collect(),
    };
    let (first, reign, after) = race.won().await;
    assert!(after < Figures::DEFAULT.lease, "{after:?}");
    let epoch = reign.epoch;
    while race.now < Duration::from_secs(60) {
        race.go_on().await;
        let leader = race.leader().map(|(number, reign)| (number, reign.epoch));
        assert_eq!(leader, Some((first, epoch)), "at {:?}", race.now);
    }

    drop(race.campaigns.remove(first));
    let (second, reign, after) = race.won().await;
    assert!(
        after < Figures::DEFAULT.lease,
        "{after:?} after one was killed"
    );
    assert!(reign.epoch > epoch, "{reign:?} after {epoch}");
    let epoch = reign.epoch;

    let leaves = &mut race.campaigns[second];
    leaves.candidate.leave(race.now);
    leaves.due = race.now;
    let (third, reign, after) = race.won().await;
    assert_ne!(third, second);
    assert!(
        after < Duration::from_secs(1),
        "{after:?} after one has left"
    );
    assert!(reign.epoch > epoch, "{reign:?} after {epoch}");
}
