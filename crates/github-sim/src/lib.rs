//! A GitHub made of rules; knows nobody in the house.
//!
//! Start at [`Sim`]: a [`world`] that lives by a [`clock::SimClock`], and its faces over HTTP. What is GitHub's
//! documented behaviour, what was observed, and what is invented here is said where it is decided.

pub mod clock;
pub mod from_git;
pub mod truth;
pub mod world;

pub mod auth;
pub mod body;
pub mod control;
mod copilot;
pub mod etag;
pub mod fault;
pub mod graphql;
pub mod limit;
pub mod observer;
pub mod route;
pub mod serve;
pub mod service;

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};

pub use clock::SimClock;
pub use world::World;

/// What kind of GitHub to make.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Everything that is generated follows from it.
    pub seed: u64,
    /// Logins of the organisations.
    pub orgs: Vec<String>,
    /// How many repositories there are, spread over the organisations.
    pub repos: usize,
    /// How many of them live on after the start; the others only have a past.
    pub active: usize,
    /// How many people there are.
    pub users: usize,
    /// How long a past the repositories have.
    pub history: SignedDuration,
    /// How many times faster than life the active ones live after the start; 0 is standstill.
    pub speed: f64,
    /// When the past ends and life begins; `None`: when the simulator is made.
    pub start: Option<Timestamp>,
    /// How callers are treated.
    pub rules: service::Rules,
}

impl Default for SimConfig {
    fn default() -> SimConfig {
        SimConfig {
            seed: 1,
            orgs: vec!["acme".to_owned()],
            repos: 12,
            active: 4,
            users: 24,
            history: SignedDuration::from_hours(30 * 24),
            speed: 1.0,
            start: None,
            rules: service::Rules::default(),
        }
    }
}

/// A simulated GitHub. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Sim {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) clock: SimClock,
    world: Mutex<World>,
    replica: Mutex<Option<World>>,
    pub(crate) faces: service::State,
}

impl Sim {
    /// A GitHub generated from the configuration's seed.
    pub fn new(config: SimConfig, clock: SimClock) -> Sim {
        let world = World::generate(&config, clock.now());
        Sim::with_world(config, clock, world)
    }

    /// A GitHub with a world that was made elsewhere.
    pub fn with_world(config: SimConfig, clock: SimClock, world: World) -> Sim {
        let faces = service::State::new(&config, clock);
        let (world, replica) = (Mutex::new(world), Mutex::new(None));
        Sim {
            shared: Arc::new(Shared {
                clock,
                world,
                replica,
                faces,
            }),
        }
    }

    /// The clock.
    pub fn clock(&self) -> SimClock {
        self.shared.clock
    }

    /// The world as of now. The guard locks it: take it, use it, drop it; never across an await.
    pub fn world(&self) -> WorldGuard<'_> {
        let mut world = self
            .shared
            .world
            .lock()
            .expect("a change to the world panicked");
        world.advance(self.shared.clock.now());
        WorldGuard(world)
    }

    /// What this GitHub would have to answer now.
    pub fn truth(&self) -> truth::Truth {
        truth::Truth::of(&self.world())
    }

    /// Keeps the world as it is now for the requests that a fault sends to a lagging replica.
    pub fn freeze_replica(&self) {
        let frozen = self.world().clone();
        *self
            .shared
            .replica
            .lock()
            .expect("nothing panics with the replica") = Some(frozen);
    }

    /// Forgets the lagging replica; every request sees the world again.
    pub fn thaw_replica(&self) {
        *self
            .shared
            .replica
            .lock()
            .expect("nothing panics with the replica") = None;
    }

    /// The lagging replica, if one was frozen.
    pub fn replica(&self) -> Option<World> {
        self.shared
            .replica
            .lock()
            .expect("nothing panics with the replica")
            .clone()
    }
}

/// The world, locked.
pub struct WorldGuard<'a>(MutexGuard<'a, World>);

impl Deref for WorldGuard<'_> {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl DerefMut for WorldGuard<'_> {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.0
    }
}
