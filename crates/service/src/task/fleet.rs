//! Lets the processes that share a credential act as one: tells the others what this one spends and hears what they tell,
//! keeps blocks and what was learnt beyond the end of the process.
//!
//! It carries and judges nothing but who is alive; what a share means is `quota`'s. It knows of a governor and a board and of
//! nothing else of a node, so that any program that sends requests can take part: [`Fleet::join`] before the first request,
//! then [`Fleet::run`] beside them.
//!
//! With the board out of reach every gate is told so ([`Hearing::Silence`]) and keeps to its part; requests wait for the board
//! at no time.

mod blocks;
mod learning;
mod machine;
mod members;
mod standing;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use github::{Clock, Governor};
use ledger::port;
use ledger::port::coordination::{Coordination, Held, Member, Telling};
use quota::{CredentialQuota, Heard, Hearing, Share};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use self::blocks::Blocks;
use self::machine::Machine;
use self::members::Members;
use self::standing::{Doing, Standing};
use crate::health::Health;

/// Members exchange so often.
const EXCHANGE_EVERY: Duration = Duration::from_secs(1);

/// An exchange that takes longer is as good as none.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// When the process ends, the board gets so long for each last step.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a person is shown of each credential, by its name.
pub type Views = Arc<dyn Fn() -> BTreeMap<String, String> + Send + Sync>;

/// One process among those that share its credentials. Clones are the same process.
#[derive(Clone)]
pub struct Fleet {
    inner: Arc<Inner>,
}

struct Inner {
    governor: Arc<Governor>,
    board: Arc<dyn Coordination>,
    me: String,
    beat: AtomicU64,
    views: Views,
    standing: Standing,
    members: Mutex<Members>,
    /// Whose shares could not be read, so that it is said once.
    unread: Mutex<Vec<String>>,
    blocks: Blocks,
    /// What the board has of what was learnt, as far as it was taken in.
    learnt: Mutex<BTreeMap<String, String>>,
}

/// A name that no other start of any process has: host, process id, and something random.
pub fn member_name() -> String {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    // The standard library seeds each of its hashers anew.
    let random = RandomState::new().build_hasher().finish();
    format!("{host}-{}-{random:016x}", std::process::id())
}

impl Fleet {
    /// A process that goes by `me`, which no other start of any process may (see [`member_name`]).
    pub fn new(
        governor: Arc<Governor>,
        board: Arc<dyn Coordination>,
        clock: Clock,
        me: String,
        views: Views,
        health: Health,
    ) -> Fleet {
        Fleet::on(Machine::this(), governor, board, clock, me, views, health)
    }

    fn on(
        machine: Option<Machine>,
        governor: Arc<Governor>,
        board: Arc<dyn Coordination>,
        clock: Clock,
        me: String,
        views: Views,
        health: Health,
    ) -> Fleet {
        Fleet {
            inner: Arc::new(Inner {
                governor,
                board,
                me,
                beat: AtomicU64::new(0),
                views,
                standing: Standing::new(health, clock),
                members: Mutex::default(),
                unread: Mutex::default(),
                blocks: Blocks::on(machine),
                learnt: Mutex::default(),
            }),
        }
    }

    /// Takes in what there is to know before the first request: blocks, what was learnt, and the others. The gates must be
    /// there.
    ///
    /// # Errors
    ///
    /// The board's.
    pub async fn join(&self) -> port::Result<()> {
        let inner = &*self.inner;
        inner.read_blocks().await?;
        for (credential, gate) in inner.governor.gates() {
            inner.read_learnt(&credential, &gate).await?;
        }
        inner.take(inner.ask().await?);
        for doing in [Doing::Exchange, Doing::Blocks, Doing::Learning] {
            inner.standing.works(doing);
        }
        Ok(())
    }

    /// Takes part until `leave` is cancelled, then keeps what was learnt and leaves.
    pub async fn run(self, leave: CancellationToken) {
        let inner = &*self.inner;
        // What is under way is waited for, so that nothing comes after the farewell; but not for ever.
        let patience = async {
            leave.cancelled().await;
            tokio::time::sleep(FAREWELL).await;
        };
        let part = async {
            tokio::join!(
                inner.exchange(&leave),
                inner.watch_blocks(&leave),
                inner.keep_learning(&leave)
            );
        };
        tokio::select! {
            () = part => {}
            () = patience => {}
        }
        inner.farewell().await;
    }
}

impl Inner {
    /// Exchanges until `leave` is cancelled.
    async fn exchange(&self, leave: &CancellationToken) {
        let mut period = every(EXCHANGE_EVERY);
        loop {
            tokio::select! {
                () = leave.cancelled() => return,
                _ = period.tick() => {}
            }
            let mut asked = pin!(self.ask());
            let answer = match timeout(ANSWERED_WITHIN, &mut asked).await {
                Ok(answer) => answer,
                // There is never more than one under way, so that a disk that hangs is not buried in questions.
                Err(_) => loop {
                    self.standing.hangs(Doing::Exchange);
                    self.fall_silent();
                    tokio::select! {
                        answer = &mut asked => break answer,
                        _ = period.tick() => {}
                    }
                },
            };
            match answer {
                Ok(held) => {
                    self.take(held);
                    self.standing.works(Doing::Exchange);
                }
                Err(error) => {
                    self.standing.fails(Doing::Exchange, &error);
                    self.fall_silent();
                }
            }
        }
    }

    /// Tells the others what this process does, and asks what they do. Whoever has long been dead goes first.
    async fn ask(&self) -> port::Result<Vec<Held>> {
        self.sweep().await;
        let mut views = (self.views)();
        let tellings: Vec<Telling> = self
            .governor
            .gates()
            .map(|(credential, gate)| {
                let share = gate.with_quota(CredentialQuota::share);
                Telling {
                    share: serde_json::to_string(&share).expect("a share is plain data"),
                    view: views.remove(&credential).unwrap_or_default(),
                    credential,
                }
            })
            .collect();
        let me = Member {
            name: self.me.clone(),
            beat: self.beat.fetch_add(1, Ordering::Relaxed) + 1,
        };
        self.board.exchange(&me, &tellings).await
    }

    /// Lets each gate hear those of the others who are alive.
    fn take(&self, held: Vec<Held>) {
        let alive = lock(&self.members).hear(held);
        lock(&self.unread).retain(|member| alive.iter().any(|held| held.member == *member));
        for (credential, gate) in self.governor.gates() {
            let of_it = alive.iter().filter(|held| held.credential == credential);
            let hearing = Hearing::Others {
                me: self.me.clone(),
                heard: of_it.map(|held| self.heard(held)).collect(),
            };
            gate.with_quota(|quota, now| quota.hear(&hearing, now));
        }
    }

    /// What one other tells. Of one whose words are not understood it is known that it is there, and taken for granted that
    /// it is busy.
    fn heard(&self, held: &Held) -> Heard {
        let share = serde_json::from_str(&held.share).unwrap_or_else(|error| {
            let mut unread = lock(&self.unread);
            if !unread.contains(&held.member) {
                tracing::warn!(
                    member = held.member,
                    %error,
                    "another process tells its share in a form that this version does not know; it is counted as a busy one"
                );
                unread.push(held.member.clone());
            }
            Share {
                is_busy: true,
                ..Share::default()
            }
        });
        Heard {
            member: held.member.clone(),
            share,
        }
    }

    fn fall_silent(&self) {
        for (_, gate) in self.governor.gates() {
            gate.with_quota(|quota, now| {
                // Time passes for it all the same.
                let _unheard = quota.share(now);
                quota.hear(&Hearing::Silence, now);
            });
        }
    }

    /// Takes away what long dead processes told. Whether it worked shows with the exchange.
    async fn sweep(&self) {
        let dead = lock(&self.members).long_dead();
        for member in dead {
            match self.board.sweep(&member).await {
                Ok(true) => tracing::debug!(member = member.name, "swept what a dead process told"),
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "could not sweep what a dead process told"),
            }
        }
    }

    /// Keeps what there is to keep, and leaves. A board that does not answer holds nobody up for long.
    async fn farewell(&self) {
        let last = async {
            self.write_blocks().await?;
            self.keep_all().await?;
            self.board.leave(&self.me).await
        };
        match timeout(FAREWELL, last).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(
                error = super::scrape::chain(&error),
                "could not take leave of the processes that share a credential; they notice within seconds"
            ),
            Err(_) => tracing::warn!(
                "the coordination file does not answer; the other processes notice within seconds"
            ),
        }
    }
}

/// Ticks first after one period, and never in a burst.
fn every(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// What is in there is assigned whole: a panic leaves nothing torn.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
