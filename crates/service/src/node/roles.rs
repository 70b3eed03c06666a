//! What leading and following consist of in a node. Decides which tasks run in which role; when a role begins and ends is
//! told by the [role manager](crate::role::RoleManager).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use github::Clock;
use ledger::port::{Activity, Term};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::Trouble;
use crate::health::{Component, Health, Role};
use crate::role::RoleHooks;
use crate::task::backfill::Backfill;
use crate::task::cooldown;
use crate::task::dispatch::Dispatch;
use crate::task::keep_running;
use crate::task::schedule::Schedule;
use crate::task::scrape::{Scrape, chain};

/// Organisations start this far apart, so that they do not all ask in one instant.
const APART: Duration = Duration::from_millis(250);

/// The pause before office is taken again, after the store could not be asked or has given it to another.
const AGAIN: Duration = Duration::from_secs(5);

/// What the roles of a node are made of. Clones share it.
#[derive(Clone)]
pub(crate) struct Roles(pub(crate) Arc<Parts>);

/// See [`Roles`].
pub(crate) struct Parts {
    pub(crate) scrapes: Vec<Arc<Scrape>>,
    pub(crate) store: Arc<dyn Activity>,
    pub(crate) clock: Clock,
    /// This node's name, unlike every other.
    pub(crate) name: String,
    pub(crate) backfill: Backfill,
    /// So many tasks are worked on at the same time.
    pub(crate) consumers: u64,
    pub(crate) interval: Duration,
    pub(crate) silence: Duration,
    pub(crate) cooldown: cooldown::Settings,
    pub(crate) health: Health,
    pub(crate) after: Arc<Notify>,
    pub(crate) outcomes: mpsc::Sender<(String, Option<Trouble>)>,
    pub(crate) api_url: String,
    /// The role that runs.
    pub(crate) running: Mutex<Option<Running>>,
}

/// A role that runs.
pub(crate) struct Running {
    leave: CancellationToken,
    task: JoinHandle<()>,
}

#[async_trait]
impl RoleHooks for Roles {
    async fn start_leader(&self, _epoch: u64) {
        let roles = self.clone();
        self.start(|leave| async move {
            tokio::join!(roles.lead(leave.clone()), roles.consume(leave.clone()));
        });
    }

    async fn stop_leader(&self) {
        self.stop().await;
        self.0.health.role(Role::Starting, None);
    }

    async fn start_follower(&self) {
        self.0.health.role(Role::Follower, None);
        let roles = self.clone();
        self.start(|leave| async move { roles.consume(leave).await });
    }

    async fn stop_follower(&self) {
        self.stop().await;
        self.0.health.role(Role::Starting, None);
    }
}

impl Roles {
    fn start<F>(&self, role: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let leave = CancellationToken::new();
        let task = tokio::spawn(role(leave.clone()));
        let before = self.running().replace(Running { leave, task });
        debug_assert!(
            before.is_none(),
            "one role is stopped before another starts"
        );
    }

    async fn stop(&self) {
        let running = self.running().take();
        let Some(Running { leave, task }) = running else {
            return;
        };
        leave.cancel();
        if let Err(error) = task.await {
            tracing::error!(%error, "a role ended in a panic");
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Leads until `leave` is cancelled: takes a term of the store, and again if the store gives one to another while this
    /// node is still the one that was elected.
    async fn lead(&self, leave: CancellationToken) {
        let Parts {
            store,
            clock,
            health,
            name,
            ..
        } = &*self.0;
        loop {
            match store.lead(name, clock.now()).await {
                Ok(term) => {
                    health.healthy(&Component::State, clock.now());
                    health.role(Role::Leader, Some(term.0));
                    tracing::info!(%term, "takes office");
                    let fenced = Arc::new(Notify::new());
                    let over = leave.child_token();
                    let schedules = self.schedule(term, &fenced, over.clone());
                    tokio::select! {
                        () = leave.cancelled() => {}
                        () = fenced.notified() => {}
                    }
                    over.cancel();
                    schedules.join_all().await;
                    health.role(Role::Starting, None);
                }
                Err(error) => {
                    let text = chain(&error);
                    tracing::warn!(error = text, "cannot take office");
                    health.failed(&Component::State, text, clock.now());
                }
            }
            tokio::select! {
                () = leave.cancelled() => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    fn schedule(&self, term: Term, fenced: &Arc<Notify>, leave: CancellationToken) -> JoinSet<()> {
        let parts = &self.0;
        let mut tasks = JoinSet::new();
        for (number, scrape) in (0_u32..).zip(&parts.scrapes) {
            let dispatch = Dispatch {
                org: scrape.org.clone(),
                store: Arc::clone(&parts.store),
                queue: Arc::clone(&parts.backfill.queue),
                term,
                clock: parts.clock,
                silence: parts.silence,
                counts: parts.backfill.counts.clone(),
                lately: std::collections::VecDeque::new(),
            };
            let schedule = Schedule {
                scrape: Arc::clone(scrape),
                term,
                interval: parts.interval,
                offset: APART * number,
                cooldown: parts.cooldown,
                dispatch: Arc::new(tokio::sync::Mutex::new(dispatch)),
                health: parts.health.clone(),
                after: Arc::clone(&parts.after),
                fenced: Arc::clone(fenced),
                outcomes: parts.outcomes.clone(),
                api_url: parts.api_url.clone(),
            };
            let leave = leave.clone();
            tasks.spawn(async move {
                keep_running("schedule", leave.clone(), || {
                    schedule.clone().run(leave.clone())
                })
                .await;
            });
        }
        tasks
    }

    /// Takes tasks from the queue until `leave` is cancelled.
    async fn consume(&self, leave: CancellationToken) {
        let mut tasks = JoinSet::new();
        for _ in 0..self.0.consumers {
            let (backfill, leave) = (self.0.backfill.clone(), leave.clone());
            tasks.spawn(async move {
                keep_running("backfill", leave.clone(), || {
                    backfill.clone().run(leave.clone())
                })
                .await;
            });
        }
        tasks.join_all().await;
        // Without consumers the role still lasts as long as it was meant to.
        leave.cancelled().await;
    }
}
