//! A world from a seed: people, bots, repositories of every kind, and their past, which is growth that has happened.
//!
//! All of it is invented; only the proportions are meant to be those of a company's organisation.

use jiff::Timestamp;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::growth::{Growth, Life, Rates, Workflows};
use super::{AccountId, AccountKind, RepoId, World, words};
use crate::SimConfig;

/// The life of an active repository per day, at speed 1. The parts make up 60 commits on the default branch, 15 pulls
/// touched and 40 comments.
const ACTIVE: Rates = Rates {
    pushes: 22.0,
    pulls: 8.3,
    issues: 4.0,
};

impl World {
    /// The world that follows from a configuration, as of its start, which is `start` unless it names another.
    pub fn generate(config: &SimConfig, start: Timestamp) -> World {
        let start = config.start.unwrap_or(start);
        let born = start
            .checked_sub(config.history)
            .unwrap_or(Timestamp::UNIX_EPOCH);
        let mut random = ChaCha8Rng::seed_from_u64(config.seed);
        let mut world = World::empty(config.seed, born);
        let orgs: Vec<AccountId> = config
            .orgs
            .iter()
            .map(|login| world.add_org(login))
            .collect();
        let people = populate(&mut world, config.users, &orgs, &mut random);
        let bots = [world.add_bot("dependabot"), world.add_bot("renovate")];
        organise(&mut world, &orgs, config.seed);
        let mut growth = Growth::new(start, config.speed);
        let mut settings = Vec::new();
        if let Some(first) = orgs.first() {
            for n in 0..config.repos {
                let owner = *orgs.get(n % orgs.len()).unwrap_or(first);
                let repo = world.create_repo(owner, &words::repo(n));
                words::purpose(&mut random).clone_into(&mut world.repo_mut(repo).description);
                let life = ChaCha8Rng::seed_from_u64(
                    config.seed ^ repo.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                );
                let mut dice = life.clone();
                dice.set_stream(2);
                world.set_up_actions(repo, Workflows::draw(&mut dice));
                let team = team_of(&people, &mut random);
                if n < config.active {
                    growth.begin(repo, born, Life::new(life, ACTIVE, true, team, bots));
                } else {
                    let share = random.random_range(0.001..0.03);
                    settings.push((repo, Settings::draw(&mut random)));
                    growth.begin(
                        repo,
                        born,
                        Life::new(life, ACTIVE.times(share), false, team, bots),
                    );
                }
            }
        }
        for (repo, drawn) in &settings {
            drawn.before(&mut world, *repo);
            if drawn.empty {
                growth.end(*repo);
            }
        }
        world.growth = Some(Box::new(growth));
        world.advance(start);
        for (repo, drawn) in &settings {
            drawn.after(&mut world, *repo);
        }
        world
    }
}

/// What sets some quiet repositories apart.
struct Settings {
    private: bool,
    fork: bool,
    issues: bool,
    empty: bool,
    archived: bool,
    disabled: bool,
}

impl Settings {
    fn draw(random: &mut ChaCha8Rng) -> Settings {
        Settings {
            private: random.random_bool(0.25),
            fork: random.random_bool(0.05),
            issues: random.random_bool(0.92),
            empty: random.random_bool(0.02),
            archived: random.random_bool(0.05),
            disabled: random.random_bool(0.005),
        }
    }

    fn before(&self, world: &mut World, repo: RepoId) {
        let repo = world.repo_mut(repo);
        (repo.private, repo.fork, repo.issues_enabled) = (self.private, self.fork, self.issues);
    }

    fn after(&self, world: &mut World, repo: RepoId) {
        let repo = world.repo_mut(repo);
        (repo.archived, repo.disabled) = (self.archived, self.disabled);
    }
}

/// People with names, some with several addresses, spread over the organisations as members.
fn populate(
    world: &mut World,
    count: usize,
    orgs: &[AccountId],
    random: &mut ChaCha8Rng,
) -> Vec<AccountId> {
    let mut people = Vec::with_capacity(count.max(1));
    for n in 0..count.max(1) {
        let person = words::person(n);
        let mut emails = vec![format!("{}@example.org", person.login)];
        if random.random_bool(0.3) {
            emails.push(format!("{}@home.example.net", person.login));
        }
        let id = world.add_account(&person.login, AccountKind::User, Some(person.name), emails);
        if random.random_bool(0.2) {
            world.add_email(
                id,
                &format!("{id}+{}@users.noreply.github.com", person.login),
            );
        }
        if let Some(org) = orgs.choose(random) {
            world.add_member(*org, id);
        }
        people.push(id);
    }
    people
}

/// Teams and seats in every organisation, and an enterprise of all of them. Drawn apart, so that people and repositories
/// are what they are without.
fn organise(world: &mut World, orgs: &[AccountId], seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x7ea3);
    for org in orgs {
        let members = world.account(*org).map(|org| org.members.clone());
        let members = members.unwrap_or_default();
        let engineering = world.add_team(*org, "Engineering", None);
        let inside =
            ["Platform", "Product"].map(|name| world.add_team(*org, name, Some(engineering)));
        let writers = world.add_team(*org, "Docs & Writing", None);
        for member in &members {
            let team = match random.random_range(0..10) {
                0 => engineering,
                1 | 2 => writers,
                3..=5 => inside[0],
                _ => inside[1],
            };
            world.join_team(team, *member);
            if random.random_bool(0.15) {
                world.join_team(writers, *member);
            }
        }
        let seated: Vec<AccountId> = members
            .into_iter()
            .filter(|_| random.random_bool(0.7))
            .collect();
        world.seat(*org, seated);
    }
    if let Some(first) = orgs.first().and_then(|org| world.account(*org)) {
        let slug = format!("{}-enterprise", first.login);
        world.add_enterprise(&slug, orgs);
    }
}

/// A handful of the people, the first of whom do most.
fn team_of(people: &[AccountId], random: &mut ChaCha8Rng) -> Vec<AccountId> {
    let size = random.random_range(3..=12).min(people.len());
    people.sample(random, size).copied().collect()
}
