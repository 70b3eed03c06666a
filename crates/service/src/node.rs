//! A node: its tasks in one tree with one token that ends them.
//!
//! Start reading at [`Node::run`]. A node begins to serve before it has read anything, and goes on serving whatever
//! happens to GitHub. It ends when it is told to, or when its very first cycles show that it was configured wrong.

mod roles;

use std::collections::{HashMap, HashSet};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use github::graphql::Pages;
use github::{AnswerStore, Client, Clock, Governor, Transport};
use ledger::aggregate::Aggregate;
use ledger::lease::{Candidate, Figures};
use ledger::port::activity::Activity;
use ledger::port::queue::Depth;
use ledger::port::{self, Election, Term};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::roles::Roles;
use crate::config::Config;
use crate::export::{self, NodeCounts, Snapshots};
use crate::health::{Component, Health, Report};
use crate::quota_view::{self, Lately, QuotaView};
use crate::role::{self, RoleManager, elector};
use crate::task::backfill::{Backfill, Patience};
use crate::task::cooldown;
use crate::task::fleet::{self, Fleet};
use crate::task::keep_running;
use crate::task::scrape::{Cycle, Progress, Scrape};
use crate::task::snapshot::{Followed, Publish, as_of};
use crate::wire::{self, Connected, Plan, Stores};
use crate::{Trouble, http};

/// What is under way may finish within this when the node leaves.
const DRAIN: Duration = Duration::from_secs(30);

/// What a node is made of that differs between production, the demo and tests.
pub struct Outside {
    /// What time it is.
    pub clock: Clock,
    /// Where everything is kept.
    pub stores: Stores,
    /// The way to GitHub.
    pub transport: Transport,
}

/// A node that is put together and does nothing yet.
pub struct Node {
    config: Config,
    clock: Clock,
    store: Arc<dyn Activity>,
    election: Option<Arc<dyn Election>>,
    roles: Roles,
    fleet: Fleet,
    publish: Publish,
    health: Health,
    snapshots: Snapshots,
    /// Hears how the first cycles ended.
    heard: mpsc::Receiver<(String, Option<Trouble>)>,
}

impl Node {
    /// Puts a node together, in order. It has no role yet.
    ///
    /// # Errors
    ///
    /// That the other processes of its credentials cannot be met.
    pub async fn build(config: Config, plan: Plan, outside: Outside) -> anyhow::Result<Node> {
        let Outside {
            clock,
            stores,
            transport,
        } = outside;
        let Stores {
            state,
            activity,
            queue,
            election,
            coordination,
        } = stores;
        let started = clock.now();
        let governor = wire::governor(&config, clock);
        let answers: Arc<dyn AnswerStore> = Arc::new(wire::KeptInState { state, clock });
        let connected = plan.connect(clock, &governor, &transport, &answers);

        let orgs: Vec<String> = connected
            .iter()
            .map(|connected| connected.org.clone())
            .collect();
        let parts = [
            Component::State,
            Component::Exporter,
            Component::Scheduler,
            Component::Coordination,
            Component::Queue,
        ];
        let parts = parts
            .into_iter()
            .chain(election.is_some().then_some(Component::Election))
            .chain(orgs.iter().cloned().map(Component::GitHub));
        let health = Health::new(parts, started);
        let clients = distinct(&connected);
        let name = fleet::member_name();
        let fleet = Fleet::new(
            Arc::clone(&governor),
            coordination,
            clock,
            name.clone(),
            views(&governor, &clients, clock),
            health.clone(),
        );
        fleet
            .join()
            .await
            .context("cannot meet the other processes in the coordination file")?;
        let snapshots = Snapshots::new(started);
        let counts = NodeCounts::default();
        let settings = export::Settings::of(&config.export);
        let as_of = as_of(started, config.export.refresh_interval);
        let aggregate = Aggregate::new(plan.labels, plan.exclude, as_of);
        let publish = Publish {
            store: Arc::clone(&activity),
            followed: Arc::new(tokio::sync::Mutex::new(Followed::new(aggregate, settings))),
            snapshots: snapshots.clone(),
            settings,
            period: config.export.refresh_interval,
            nudge: Arc::new(Notify::new()),
            clock,
            started,
            health: health.clone(),
            governor: Arc::clone(&governor),
            clients,
            orgs: connected
                .iter()
                .map(|it| (it.org.clone(), it.client.credential().to_owned()))
                .collect(),
            queue: Arc::clone(&queue),
            counts: counts.clone(),
        };
        let scrape = |Connected { org, client }| {
            Arc::new(Scrape {
                org,
                client,
                store: Arc::clone(&activity),
                clock,
                settings: config.scrape.clone(),
                pages: Pages::new(),
                refused: Mutex::default(),
                counts: counts.clone(),
            })
        };
        let scrapes: Vec<Arc<Scrape>> = connected.into_iter().map(scrape).collect();
        let by_name = |scrape: &Arc<Scrape>| (scrape.org.to_ascii_lowercase(), Arc::clone(scrape));
        let backfill = Backfill {
            scrapes: Arc::new(scrapes.iter().map(by_name).collect::<HashMap<_, _>>()),
            store: Arc::clone(&activity),
            queue,
            clock,
            holder: name.clone(),
            patience: Patience {
                delays: config.backfill.retry_delays.clone(),
                max_message_age: config.backfill.max_message_age,
            },
            counts: counts.clone(),
            health: health.clone(),
            after: Arc::clone(&publish.nudge),
        };
        let (outcomes, heard) = mpsc::channel(scrapes.len().max(1));
        let roles = Roles(Arc::new(roles::Parts {
            scrapes,
            store: Arc::clone(&activity),
            clock,
            name,
            backfill,
            consumers: config.backfill.consumers,
            interval: config.scrape.interval,
            silence: config.backfill.silence,
            cooldown: cooldown::Settings {
                threshold: config.health.unhealthy_failure_threshold,
                pause: config.health.unhealthy_cooldown,
                good_probes: config.health.recovery_probes,
            },
            health: health.clone(),
            after: Arc::clone(&publish.nudge),
            outcomes,
            api_url: config.github.api_url.clone(),
            running: Mutex::default(),
        }));
        Ok(Node {
            config,
            clock,
            store: activity,
            election,
            roles,
            fleet,
            publish,
            health,
            snapshots,
            heard,
        })
    }

    /// One scrape per organisation, in the order of the configuration.
    pub fn scrapes(&self) -> &[Arc<Scrape>] {
        &self.roles.0.scrapes
    }

    /// Takes office in the store, for whoever drives a node that does not run by itself.
    ///
    /// # Errors
    ///
    /// Only the store's.
    pub async fn lead(&self) -> port::Result<Term> {
        self.store.lead(&self.roles.0.name, self.clock.now()).await
    }

    /// One cycle of every organisation, one after the other.
    ///
    /// # Errors
    ///
    /// Only the store's.
    pub async fn run_leader_cycle(&self, term: Term) -> port::Result<Vec<Cycle>> {
        let mut cycles = Vec::new();
        for scrape in self.scrapes() {
            let (progress, _unseen) = watch::channel(Progress::default());
            cycles.push(scrape.cycle(term, &progress).await?);
        }
        Ok(cycles)
    }

    /// What `/healthz` says now.
    pub fn current_status(&self) -> Report {
        self.health.report(self.clock.now())
    }

    /// What the queue of backfill tasks holds.
    ///
    /// # Errors
    ///
    /// Only the queue's.
    pub async fn queue_depth(&self) -> port::Result<Depth> {
        self.roles.0.backfill.queue.depth().await
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
            metrics: Arc::new(move |part, headers| snapshots.answer(part, headers)),
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

    /// Leads and fills gaps until `leave` is cancelled, without serving anything.
    pub(crate) async fn work(self, leave: CancellationToken) {
        let fleet = self.take_part();
        let (keep, leadership) = elector::undisputed();
        RoleManager::new(self.roles.clone())
            .run(leadership, leave)
            .await;
        drop(keep);
        fleet.leave().await;
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
        // A store that is down says nothing of how this node was configured.
        let known = self.store.orgs().await.unwrap_or_default();
        let has_data = known.iter().any(|org| org.last_read.is_some());
        let resign = CancellationToken::new();
        let campaign_over = resign.clone();
        let (leadership, campaign) = self.campaign(campaign_over, known.is_empty());
        let resign = resign.drop_guard();
        let manager = RoleManager::new(self.roles.clone()).run(leadership, leave.clone());
        tasks.spawn(manager);
        self.health.ready();

        let organisations = self.scrapes().len();
        let misconfigured = tokio::select! {
            () = leave.cancelled() => None,
            trouble = all_wrong(self.heard, organisations), if !has_data => trouble,
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
        // The office is given back when nothing is done in its name any more.
        drop(resign);
        if let Err(error) = campaign.await {
            tracing::error!(%error, "the campaign ended in a panic");
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

impl Node {
    /// Who leads, as a stream, and the task that finds it out. That ends, and gives the office back, once `resign` is
    /// cancelled.
    fn campaign(
        &self,
        resign: CancellationToken,
        is_new: bool,
    ) -> (watch::Receiver<role::Leadership>, JoinHandle<()>) {
        let Some(election) = &self.election else {
            let (keep, leadership) = elector::undisputed();
            let task = tokio::spawn(async move {
                resign.cancelled().await;
                drop(keep);
            });
            return (leadership, task);
        };
        let (tell, leadership) = watch::channel(role::Leadership::Unknown);
        let (health, clock) = (self.health.clone(), self.clock);
        let heard: elector::Heard = Arc::new(move |outcome| match outcome {
            Ok(()) => health.healthy(&Component::Election, clock.now()),
            Err(error) => {
                let text = crate::task::scrape::chain(error);
                health.failed(&Component::Election, text, clock.now());
            }
        });
        let name = self.roles.0.name.clone();
        let candidate = if is_new {
            Candidate::of_a_new_store(name, Figures::DEFAULT)
        } else {
            Candidate::new(name, Figures::DEFAULT)
        };
        let campaign = elector::run(Arc::clone(election), candidate, tell, heard, resign);
        (leadership, tokio::spawn(campaign))
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
