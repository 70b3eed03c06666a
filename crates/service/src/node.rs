//! A node: its tasks in one tree with one token that ends them.
//!
//! Start reading at [`Node::run`]. A node begins to serve before it has read anything, and goes on serving whatever
//! happens to GitHub. It ends when it is told to, or when its very first cycles show that it was configured wrong.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use backends::sqlite::Sqlite;
use github::graphql::Pages;
use github::{AnswerStore, Client, Clock, Governor, Lane, Transport};
use ledger::aggregate::Aggregate;
use ledger::port::Coordination;
use ledger::port::activity::Activity;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::Config;
use crate::export::{self, Snapshots};
use crate::health::{Component, Health, Role};
use crate::quota_view::{self, Lately, QuotaView};
use crate::task::fleet::{self, Fleet};
use crate::task::keep_running;
use crate::task::schedule::Schedule;
use crate::task::scrape::Scrape;
use crate::task::snapshot::{Followed, Publish};
use crate::wire::{self, Connected, Plan};
use crate::{Trouble, http};

/// What is under way may finish within this when the node leaves.
const DRAIN: Duration = Duration::from_secs(30);

/// Organisations start this far apart, so that they do not all ask in one instant.
const APART: Duration = Duration::from_millis(250);

/// What a node is made of that differs between production, the demo and tests.
pub struct Outside {
    /// What time it is.
    pub clock: Clock,
    /// Where everything is kept.
    pub store: Sqlite,
    /// Where it meets the processes that share a credential with it.
    pub coordination: Arc<dyn Coordination>,
    /// The way to GitHub.
    pub transport: Transport,
}

/// A node that is put together and does nothing yet.
pub struct Node {
    config: Config,
    clock: Clock,
    store: Arc<dyn Activity>,
    scrapes: Vec<Arc<Scrape>>,
    fleet: Fleet,
    publish: Publish,
    health: Health,
    snapshots: Snapshots,
    /// Whether any organisation was ever read into this state.
    has_data: bool,
}

impl Node {
    /// Puts a node together, in order, and takes office.
    ///
    /// # Errors
    ///
    /// Only the store's.
    pub async fn build(config: Config, plan: Plan, outside: Outside) -> anyhow::Result<Node> {
        let Outside {
            clock,
            store,
            coordination,
            transport,
        } = outside;
        let started = clock.now();
        let governor = wire::governor(&config, clock);
        let activity: Arc<dyn Activity> = Arc::new(store.clone());
        let answers: Arc<dyn AnswerStore> = Arc::new(wire::KeptInState {
            state: Arc::new(store),
            clock,
        });
        let connected = plan.connect(clock, &governor, &transport, &answers);

        let holder = format!("tidegate-{}", std::process::id());
        let term = activity
            .lead(&holder, started)
            .await
            .context("cannot begin to work on the state")?;
        let known = activity.orgs().await.context("cannot read the state")?;
        let has_data = known.iter().any(|org| org.last_read.is_some());

        let orgs: Vec<String> = connected
            .iter()
            .map(|connected| connected.org.clone())
            .collect();
        let parts = [
            Component::State,
            Component::Exporter,
            Component::Scheduler,
            Component::Coordination,
        ];
        let parts = parts
            .into_iter()
            .chain(orgs.iter().cloned().map(Component::GitHub));
        let health = Health::new(parts, started);
        health.role(Role::Leader, Some(term.0));
        let clients = distinct(&connected);
        let fleet = Fleet::new(
            Arc::clone(&governor),
            coordination,
            clock,
            fleet::member_name(),
            views(&governor, &clients, clock),
            health.clone(),
        );
        fleet
            .join()
            .await
            .context("cannot meet the other processes in the coordination file")?;
        let snapshots = Snapshots::new(started);
        let publish = Publish {
            store: Arc::clone(&activity),
            followed: Arc::new(tokio::sync::Mutex::new(Followed::new(Aggregate::new(
                plan.labels,
                plan.exclude,
                started,
            )))),
            snapshots: snapshots.clone(),
            settings: export::Settings {
                max_series: config.export.max_series,
            },
            period: config.export.refresh_interval,
            nudge: Arc::new(Notify::new()),
            clock,
            started,
            health: health.clone(),
            governor: Arc::clone(&governor),
            clients,
            orgs,
        };
        let scrape = |Connected { org, client }| {
            Arc::new(Scrape {
                org,
                client,
                store: Arc::clone(&activity),
                term,
                clock,
                lane: Lane::Scheduled,
                settings: config.scrape.clone(),
                pages: Pages::new(),
                refused: Mutex::default(),
            })
        };
        let scrapes = connected.into_iter().map(scrape).collect();
        Ok(Node {
            config,
            clock,
            store: activity,
            scrapes,
            fleet,
            publish,
            health,
            snapshots,
            has_data,
        })
    }

    /// One scrape per organisation, in the order of the configuration.
    pub fn scrapes(&self) -> &[Arc<Scrape>] {
        &self.scrapes
    }

    /// The store of activity.
    pub fn store(&self) -> &Arc<dyn Activity> {
        &self.store
    }

    /// Reads the change feed and publishes a snapshot now.
    pub async fn publish(&self) {
        self.publish.publish().await;
    }

    /// What HTTP shows of it.
    pub fn face(&self) -> http::Face {
        let (snapshots, clock) = (self.snapshots.clone(), self.clock);
        http::Face {
            health: self.health.clone(),
            metrics: Arc::new(move |headers| snapshots.answer(headers)),
            now: Arc::new(move || clock.now()),
        }
    }

    /// Shares each credential with the other processes from now on: for whoever drives a node that does not run by itself.
    pub fn take_part(&self) -> TakesPart {
        let (fleet, leave) = (self.fleet.clone(), CancellationToken::new());
        let token = leave.clone();
        let task = tokio::spawn(async move {
            keep_running("fleet", token.clone(), || fleet.clone().run(token.clone())).await;
        });
        TakesPart {
            task,
            leave: leave.drop_guard(),
        }
    }

    /// Measures and serves until `leave` is cancelled, then lets what is under way finish.
    ///
    /// # Errors
    ///
    /// What the first cycles found to be configured wrong, where nothing was ever read into this state: then there is
    /// nothing to serve, and whoever started the node is still looking.
    pub async fn run(self, listener: TcpListener, leave: CancellationToken) -> anyhow::Result<()> {
        let local = listener
            .local_addr()
            .context("cannot tell the address of the listener")?;
        let guard = http::Guard::new(
            local,
            &self.config.http.allowed_hosts,
            self.config.api.token.as_ref(),
        )?;
        let router = http::router(self.face(), guard);
        let mut tasks = JoinSet::new();
        let serve_until = CancellationToken::new();
        let server = tokio::spawn(http::serve(listener, router, serve_until.clone()));

        let fleet = self.take_part();
        let publish = self.publish.clone();
        let token = leave.clone();
        tasks.spawn(async move {
            keep_running("snapshot", token.clone(), || {
                publish.clone().run(token.clone())
            })
            .await;
        });
        let (outcomes, heard) = mpsc::channel(self.scrapes.len().max(1));
        for (number, scrape) in (0_u32..).zip(&self.scrapes) {
            let schedule = Schedule {
                scrape: Arc::clone(scrape),
                interval: self.config.scrape.interval,
                offset: APART * number,
                health: self.health.clone(),
                after: Arc::clone(&self.publish.nudge),
                outcomes: outcomes.clone(),
                api_url: self.config.github.api_url.clone(),
            };
            let token = leave.clone();
            tasks.spawn(async move {
                keep_running("schedule", token.clone(), || {
                    schedule.clone().run(token.clone())
                })
                .await;
            });
        }
        self.health.ready();

        let misconfigured = tokio::select! {
            () = leave.cancelled() => None,
            trouble = all_wrong(heard, self.scrapes.len()), if !self.has_data => trouble,
        };
        if misconfigured.is_none() {
            leave.cancelled().await;
        }
        leave.cancel();
        self.health.drain();
        let drained = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!(
                "some tasks did not finish in {} s and are left behind",
                DRAIN.as_secs()
            );
        }
        // Last, so that what the requests under way have met is told, too.
        fleet.leave().await;
        serve_until.cancel();
        server
            .await
            .context("the server failed")?
            .context("the server failed")?;
        misconfigured.map_or(Ok(()), |trouble| Err(trouble.into()))
    }
}

/// A process that shares its credentials with others for as long as this is there.
#[must_use = "dropped, it begins to leave"]
pub struct TakesPart {
    task: JoinHandle<()>,
    leave: DropGuard,
}

impl TakesPart {
    /// Keeps what was learnt, and takes leave of the others.
    pub async fn leave(self) {
        drop(self.leave);
        if let Err(error) = self.task.await {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// The first trouble, once the first cycle of each of so many organisations has ended in one that will come again. An
/// organisation whose first cycle ended well settles it: the node stays.
async fn all_wrong(
    mut heard: mpsc::Receiver<(String, Option<Trouble>)>,
    orgs: usize,
) -> Option<Trouble> {
    let mut wrong = HashSet::new();
    let mut first = None;
    while wrong.len() < orgs {
        let (org, trouble) = heard.recv().await?;
        if wrong.insert(org) {
            first.get_or_insert(trouble?);
        }
    }
    first
}

/// One client per credential.
fn distinct(connected: &[Connected]) -> Vec<Client> {
    let mut clients: Vec<Client> = Vec::new();
    for Connected { client, .. } in connected {
        if clients
            .iter()
            .all(|known| known.credential() != client.credential())
        {
            clients.push(client.clone());
        }
    }
    clients
}

/// What people are shown of each credential.
fn views(governor: &Arc<Governor>, clients: &[Client], clock: Clock) -> fleet::Views {
    let (governor, clients) = (Arc::clone(governor), clients.to_vec());
    let lately = Mutex::new(Lately::default());
    Arc::new(move || {
        let mut views = quota_view::of(&governor, &clients);
        lately
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .mark(&mut views, clock.now());
        let json = |view: &QuotaView| serde_json::to_string(view).expect("a view is plain data");
        views
            .iter()
            .map(|view| (view.credential.clone(), json(view)))
            .collect()
    })
}
