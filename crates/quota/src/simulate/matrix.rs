//! Decides which worlds a policy has to prove itself in.

use super::dice::{CALM, CHAOS};
use super::scenario::{Bursts, Rate, Ratio, Scenario, Strangers, Surely};

/// Bursts of 700 requests in 90 seconds, about every second hour.
const BURSTS: Bursts = Bursts {
    apart: 7200.0,
    requests: 700,
    lasts: 90.0,
    surely: Surely::Nothing,
};

/// Everything usual: 5,000 requests an hour, items of 12 calls, one process, a day of history.
fn usual(name: &'static str, about: &'static str, live: Rate, items: u32) -> Scenario {
    Scenario {
        name,
        about,
        limit: 5000,
        live,
        bursts: None,
        strangers: None,
        items,
        calls: (12, 12),
        unchanged: 0.0,
        processes: 1,
        first_reset: 3600,
        used: 0,
        skew: 0,
        network: CALM,
        kills: None,
        is_store_lost: false,
        history: 24,
        counts: Ratio::Counts,
        hours: 40,
    }
}

fn cold(name: &'static str, about: &'static str, live: Rate) -> Scenario {
    Scenario {
        history: 0,
        counts: Ratio::Cold,
        ..usual(name, about, live, 300)
    }
}

/// Every scenario, in the order of tables.
pub fn matrix() -> Vec<Scenario> {
    use Rate::{Daily, Idle, Steady, Until};
    let half = Steady(0.5);
    vec![
        usual("idle", "no live work, 300 items", Idle, 300),
        usual("live-0.25", "live 0.25/s, 300 items", Steady(0.25), 300),
        Scenario {
            first_reset: 1800,
            used: 2000,
            ..usual(
                "live-0.5-midway",
                "live 0.5/s, start mid-window with 2,000 used",
                half,
                300,
            )
        },
        usual(
            "live-0.25-long",
            "live 0.25/s, 1,000 items",
            Steady(0.25),
            1000,
        ),
        usual("live-1", "live 1/s, 300 items", Steady(1.0), 300),
        usual("live-1.3", "live 1.3/s, 300 items", Steady(1.3), 300),
        Scenario {
            bursts: Some(BURSTS),
            ..usual(
                "bursts",
                "live 0.2/s and bursts of 700 in 90 s",
                Steady(0.2),
                1800,
            )
        },
        Scenario {
            bursts: Some(Bursts {
                surely: Surely::Overlap,
                ..BURSTS
            }),
            ..usual(
                "bursts-overlap",
                "the same, and two bursts that overlap",
                Steady(0.2),
                1800,
            )
        },
        Scenario {
            bursts: Some(BURSTS),
            processes: 4,
            ..usual(
                "bursts-4",
                "the same bursts, bulk work in 4 processes",
                Steady(0.2),
                1800,
            )
        },
        Scenario {
            bursts: Some(Bursts {
                apart: f64::INFINITY,
                surely: Surely::Burst,
                ..BURSTS
            }),
            ..usual(
                "first-burst",
                "a burst of 700 in 90 s after a day without live work",
                Idle,
                1000,
            )
        },
        usual(
            "daily",
            "live 0.1 to 0.9/s in the course of a day",
            Daily(0.1, 0.9),
            1000,
        ),
        Scenario {
            first_reset: 1800,
            used: 4000,
            ..usual(
                "used-4000",
                "no live work, start mid-window with 4,000 used",
                Idle,
                300,
            )
        },
        Scenario {
            processes: 4,
            ..usual(
                "processes-4",
                "live 0.5/s in one of 4 processes, bulk work in all",
                half,
                600,
            )
        },
        Scenario {
            processes: 8,
            ..usual(
                "processes-8",
                "live 0.5/s in one of 8 processes, bulk work in all",
                half,
                600,
            )
        },
        Scenario {
            calls: (8, 8),
            ..usual("items-8", "live 0.5/s, items of 8 calls", half, 450)
        },
        Scenario {
            calls: (30, 30),
            ..usual("items-30", "live 0.5/s, items of 30 calls", half, 160)
        },
        Scenario {
            calls: (60, 60),
            ..usual("items-60", "live 0.5/s, items of 60 calls", half, 80)
        },
        Scenario {
            calls: (8, 60),
            ..usual(
                "items-mixed",
                "live 0.5/s, items of 8 to 60 calls",
                half,
                140,
            )
        },
        Scenario {
            limit: 60,
            calls: (8, 8),
            ..usual(
                "limit-60",
                "60 an hour, live 3 an hour, items of 8",
                Steady(3.0 / 3600.0),
                30,
            )
        },
        Scenario {
            limit: 1000,
            ..usual(
                "limit-1000",
                "1,000 an hour, live 180 an hour",
                Steady(0.05),
                150,
            )
        },
        Scenario {
            limit: 12_500,
            ..usual("limit-12500", "12,500 an hour, live 1/s", Steady(1.0), 1250)
        },
        Scenario {
            limit: 15_000,
            ..usual("limit-15000", "15,000 an hour, live 1/s", Steady(1.0), 1500)
        },
        Scenario {
            skew: 120,
            ..usual(
                "clock-ahead",
                "live 0.5/s, our clocks two minutes ahead of GitHub's",
                half,
                300,
            )
        },
        Scenario {
            skew: -120,
            ..usual(
                "clock-behind",
                "live 0.5/s, our clocks two minutes behind GitHub's",
                half,
                300,
            )
        },
        Scenario {
            strangers: Some(Strangers {
                rate: 0.3,
                clumps: None,
            }),
            ..usual(
                "strangers",
                "live 0.25/s, strangers spend 0.3/s",
                Steady(0.25),
                450,
            )
        },
        Scenario {
            strangers: Some(Strangers {
                rate: 0.05,
                clumps: Some((1200.0, 150)),
            }),
            ..usual(
                "strangers-clumps",
                "live 0.25/s, strangers spend 150 at a time",
                Steady(0.25),
                1000,
            )
        },
        Scenario {
            unchanged: 0.4,
            ..usual(
                "unchanged",
                "live 0.5/s, two of five bulk calls answered by 304",
                half,
                600,
            )
        },
        Scenario {
            network: CHAOS,
            ..usual(
                "chaos",
                "live 0.5/s, answers out of order, one in fifty lost",
                half,
                300,
            )
        },
        Scenario {
            processes: 4,
            kills: Some(300.0),
            ..usual(
                "kills",
                "live 0.5/s, 4 processes, those without live work killed at random",
                half,
                600,
            )
        },
        Scenario {
            processes: 4,
            is_store_lost: true,
            ..usual(
                "store-lost",
                "live 0.5/s, 4 processes that no longer hear of each other",
                half,
                600,
            )
        },
        Scenario {
            bursts: Some(Bursts {
                surely: Surely::Overlap,
                ..BURSTS
            }),
            strangers: Some(Strangers {
                rate: 0.05,
                clumps: None,
            }),
            network: CHAOS,
            processes: 4,
            kills: Some(600.0),
            skew: 120,
            unchanged: 0.2,
            calls: (8, 30),
            counts: Ratio::Torture,
            ..usual(
                "everything",
                "overlapping bursts, strangers, chaos, kills, skew and 304s at once",
                Steady(0.2),
                700,
            )
        },
        cold("cold-idle", "no live work, nothing learnt yet", Idle),
        cold("cold-live-0.5", "live 0.5/s, nothing learnt yet", half),
        cold("cold-live-1", "live 1/s, nothing learnt yet", Steady(1.0)),
        Scenario {
            first_reset: 1800,
            used: 4900,
            ..cold(
                "cold-used-4900",
                "live 0.02/s, nothing learnt yet, 100 left for half an hour",
                Steady(0.02),
            )
        },
        Scenario {
            bursts: Some(Bursts {
                surely: Surely::Overlap,
                apart: f64::INFINITY,
                ..BURSTS
            }),
            ..cold(
                "cold-overlap",
                "live 0.2/s and the first two bursts ever, which overlap",
                Steady(0.2),
            )
        },
        Scenario {
            bursts: Some(BURSTS),
            ..cold(
                "cold-bursts",
                "live 0.2/s and bursts, nothing learnt yet",
                Steady(0.2),
            )
        },
        Scenario {
            counts: Ratio::Infeasible,
            hours: 8,
            ..usual(
                "overload",
                "live 1.6/s, more than the limit",
                Steady(1.6),
                300,
            )
        },
        Scenario {
            counts: Ratio::Infeasible,
            hours: 24,
            ..usual(
                "overload-ends",
                "live 1.6/s for three hours, then 0.2/s",
                Until(1.6, 10_800, 0.2),
                300,
            )
        },
        Scenario {
            limit: 60,
            calls: (60, 60),
            counts: Ratio::Dear,
            ..usual(
                "dear-items",
                "60 an hour, live 3 an hour, items of 60",
                Steady(3.0 / 3600.0),
                4,
            )
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different_and_short() {
        let all = matrix();
        for (index, scenario) in all.iter().enumerate() {
            assert!(scenario.name.len() <= 16, "{}", scenario.name);
            assert!(all[..index].iter().all(|other| other.name != scenario.name));
        }
    }

    #[test]
    fn the_matrix_has_what_the_product_promises_to_simulate() {
        let all = matrix();
        let any = |is: fn(&Scenario) -> bool| assert!(all.iter().any(is));
        for limit in [60, 1000, 5000, 12_500, 15_000] {
            assert!(
                all.iter().any(|scenario| scenario.limit == limit),
                "{limit}"
            );
        }
        for processes in [1, 4, 8] {
            assert!(all.iter().any(|scenario| scenario.processes == processes));
        }
        for skew in [-120, 0, 120] {
            assert!(all.iter().any(|scenario| scenario.skew == skew), "{skew}");
        }
        for rate in [0.25, 0.5, 1.0, 1.3] {
            assert!(
                all.iter()
                    .any(|scenario| scenario.live == Rate::Steady(rate))
            );
        }
        any(|scenario| scenario.kills.is_some());
        any(|scenario| scenario.strangers.is_some());
        any(|scenario| scenario.unchanged > 0.0);
        any(|scenario| {
            scenario
                .bursts
                .is_some_and(|bursts| bursts.surely == Surely::Overlap)
        });
        any(|scenario| scenario.calls == (8, 60));
        any(|scenario| scenario.used > 0);
    }
}
