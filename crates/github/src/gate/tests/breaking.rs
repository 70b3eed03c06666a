//! Callers that go away at any point: while they wait, once they may go, in mid-air, inside an item.

use super::*;

/// Numbers without order, the same for each seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// The end of the window, and what is used of it.
type Spent = Arc<Mutex<(u64, u64)>>;

/// Sends a request, unless it changes its mind, and spends one of a bucket that is nearly empty.
async fn one(gate: Gate, spent: Spent, lane: Lane, ask: Ask, whims: [u64; 2]) {
    let [whim, millis] = whims;
    let mut pass = gate.admit(lane, ask).await;
    if whim == 0 {
        return;
    }
    pass.sent();
    sleep(Duration::from_millis(millis)).await;
    match whim {
        1 => drop(pass),
        2 => gate.observe(pass, Seen::default()),
        _ => {
            let elapsed = gate.shared.clock.now().duration_since(start()).as_secs() as u64;
            let ends = 3600 * (1 + elapsed / 3600);
            let used = {
                let mut spent = lock(&spent);
                if spent.0 < ends {
                    *spent = (ends, if spent.0 == 0 { spent.1 } else { 0 });
                }
                spent.1 = (spent.1 + 1).min(5000);
                spent.1
            };
            gate.observe(pass, window(used, ends));
        }
    }
}

async fn one_item(gate: Gate, spent: Spent, lane: Lane, calls: u64, whims: [u64; 2]) {
    let item = gate.item(lane, Ask::item(Resource::core(), calls)).await;
    for call in 0..calls + 1 {
        let whims = [(whims[0] + call) % 5, whims[1]];
        let ask = read().within(item.id());
        one(gate.clone(), spent.clone(), lane, ask, whims).await;
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_at_any_point_leaves_nothing_behind() {
    for seed in 0..40 {
        let policy = [Policy::Adaptive, Policy::Even, Policy::Sprint][seed as usize % 3];
        let gate = paced(policy).gate("acme");
        let mut dice = Dice(seed);
        let spent = Arc::new(Mutex::new((0, dice.below(4500))));
        let mut tasks = Vec::new();
        for _ in 0..300 {
            let lane = Lane::ALL[dice.below(5) as usize];
            let whims = [dice.below(5), dice.below(30_000)];
            let (gate, spent) = (gate.clone(), spent.clone());
            tasks.push(match dice.below(4) {
                0 => tokio::spawn(one_item(gate, spent, lane, dice.below(9), whims)),
                _ => tokio::spawn(one(gate, spent, lane, read(), whims)),
            });
            sleep(Duration::from_millis(dice.below(2000))).await;
            if dice.below(3) == 0 {
                let which = dice.below(tasks.len() as u64) as usize;
                tasks.swap_remove(which).abort();
            }
        }
        for task in tasks {
            timeout(Duration::from_secs(24 * 3600), task)
                .await
                .unwrap_or_else(|_| panic!("somebody waits for ever, seed {seed}"))
                .unwrap();
        }
        let report = gate.report();
        assert_eq!(report.quota.in_flight, 0, "seed {seed}");
        assert_eq!(report.waiting, [], "seed {seed}");
        let share = gate.with_quota(CredentialQuota::share);
        for told in share.resources {
            assert_eq!((told.in_flight, told.held), (0, 0), "seed {seed}");
        }
        assert!(gate.shared.counter().alarms.is_empty(), "seed {seed}");
    }
}
