//! Queries against small worlds whose every item the test made.

mod documents;
mod errors;
mod objects;
mod paging;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Answer, RateLimitView, execute};
use crate::World;
use crate::auth::Viewer;
use crate::world::{AccountId, RepoId};

const START: &str = "2026-03-01T12:00:00Z";

/// A world with one organisation, one person and one repository, `acme/rocket`.
struct Stage {
    world: World,
    viewer: Viewer,
    org: AccountId,
    ann: AccountId,
    repo: RepoId,
}

impl Stage {
    fn new() -> Stage {
        let mut world = World::empty(7, START.parse().unwrap());
        let org = world.add_org("acme");
        let ann = world.add_user("ann");
        let repo = world.create_repo(org, "rocket");
        let viewer = Viewer::User {
            login: "ann".to_owned(),
        };
        Stage {
            world,
            viewer,
            org,
            ann,
            repo,
        }
    }

    /// Lets some seconds pass.
    fn later(&mut self, seconds: i64) {
        let now = self.world.now() + SignedDuration::from_secs(seconds);
        self.world.advance(now);
    }

    /// `count` issues, a minute apart, numbered from 1 in a new world.
    fn issues(&mut self, count: usize) {
        for index in 0..count {
            self.world
                .open_issue(self.repo, self.ann, &format!("issue {index}"));
            self.later(60);
        }
    }

    /// Sends any body.
    fn send(&self, body: &[u8]) -> Answer {
        let reset: Timestamp = "2026-03-01T13:00:00Z".parse().unwrap();
        let limits = RateLimitView {
            limit: 5_000,
            used: 100,
            reset,
        };
        execute(&self.world, &self.viewer, body, &limits)
    }

    /// Asks a query and returns the whole answer's body.
    fn ask(&self, query: &str, variables: Value) -> Value {
        let request = json!({ "query": query, "variables": variables });
        let answer = self.send(request.to_string().as_bytes());
        assert_eq!(answer.status, 200);
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Asks a query that must succeed and returns its data.
    fn data(&self, query: &str, variables: Value) -> Value {
        let mut body = self.ask(query, variables);
        assert_eq!(body.get("errors"), None, "{body}");
        body["data"].take()
    }

    /// Asks a query that must fail and returns its only error.
    fn error(&self, query: &str, variables: Value) -> Value {
        let mut body = self.ask(query, variables);
        let errors = body["errors"].as_array_mut().expect("there are errors");
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.remove(0)
    }
}
