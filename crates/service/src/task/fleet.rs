//! Lets the processes that share a credential act as one: tells the others what this one spends and hears what they tell,
//! keeps blocks and what was learnt beyond the end of the process.
//!
//! It carries and judges nothing but who is alive; what a share means is `quota`'s. It knows of a governor and a board and of
//! nothing else of a node, so that any program that sends requests can take part: [`Fleet::join`] before the first request,
//! then [`Fleet::run`] beside them.
//!
//! With the board out of reach every gate is told so ([`Hearing::Silence`]) and keeps to its part; requests wait for the board
//! at no time.

mod members;
mod standing;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use github::{Clock, Gate, Governor};
use jiff::{SignedDuration, Timestamp};
use ledger::port;
use ledger::port::coordination::{Block, Coordination, Held, Member, Telling};
use quota::{CredentialQuota, Heard, Hearing, Learnt, Share};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use self::members::Members;
use self::standing::{Doing, Standing};
use crate::health::Health;

/// Members exchange so often.
const EXCHANGE_EVERY: Duration = Duration::from_secs(1);

/// An exchange that takes longer is as good as none.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// So often somebody looks whether another process has met a block.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// So often what was learnt is kept.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// If it could not be kept, it is tried again so soon, so that the end of an outage is noticed.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What was learnt is merged again so many times if others keep at the same time; the rest is for the next minute.
const TRIES: u32 = 5;

/// When the process ends, the board gets so long for each last step.
const FAREWELL: Duration = Duration::from_secs(2);

/// Ends of a block that are no further apart are the same end, told by two who know GitHub's clock to a second each.
const SAME_END: SignedDuration = SignedDuration::from_secs(2);

/// GitHub's clock is known by dates that are cut to seconds, so it may be ahead by so much of what is known. Whoever reads the
/// end of a block knows it no better.
const TO_A_SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The board may round an end up by so much.
const ROUNDED: SignedDuration = SignedDuration::from_micros(1);

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
    /// This machine, until it is started again.
    machine: String,
    blocks: Mutex<BTreeMap<String, Ends>>,
    /// What the board has of what was learnt, as far as it was taken in.
    learnt: Mutex<BTreeMap<String, String>>,
}

/// The end of the block of a credential, on either side.
#[derive(Debug, Default, Clone, Copy)]
struct Ends {
    /// What the board last said.
    on_board: Option<Timestamp>,
    /// What the gate was last told.
    at_gate: Option<Timestamp>,
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

/// What this machine is called until it is started again; nothing where the kernel does not say.
fn machine() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
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
                machine: machine(),
                blocks: Mutex::default(),
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
                    self.sweep().await;
                }
                Err(error) => {
                    self.standing.fails(Doing::Exchange, &error);
                    self.fall_silent();
                }
            }
        }
    }

    /// Tells the others what this process does, and asks what they do.
    async fn ask(&self) -> port::Result<Vec<Held>> {
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

    /// Takes away what long dead processes told. Whether it worked shows with the next exchange.
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

    /// Carries blocks both ways: those that this process meets at once, those of others within [`LOOK_EVERY`].
    async fn watch_blocks(&self, leave: &CancellationToken) {
        let mut period = every(LOOK_EVERY);
        let mut leeway = SAME_END;
        loop {
            tokio::select! {
                biased;
                () = leave.cancelled() => return,
                () = self.governor.refused() => leeway = SignedDuration::ZERO,
                _ = period.tick() => {}
            }
            let carried = async {
                self.write_blocks(leeway).await?;
                self.read_blocks().await
            };
            match carried.await {
                Ok(()) => {
                    leeway = SAME_END;
                    self.standing.works(Doing::Blocks);
                }
                Err(error) => self.standing.fails(Doing::Blocks, &error),
            }
        }
    }

    /// Records the blocks that end later than the board says by more than `leeway`.
    async fn write_blocks(&self, leeway: SignedDuration) -> port::Result<()> {
        for (credential, gate) in self.governor.gates() {
            let (until, ahead) = gate.with_quota(|quota, now| {
                let ahead = quota.github_time(now).duration_since(now);
                (quota.report(now).closed_until, ahead)
            });
            let Some(until) = until else { continue };
            let on_board = lock(&self.blocks)
                .get(&credential)
                .and_then(|ends| ends.on_board);
            if on_board.is_some_and(|end| until.duration_since(end) <= leeway) {
                continue;
            }
            let block = Block {
                credential,
                until: until.checked_add(TO_A_SECOND).unwrap_or(until),
                machine: self.machine.clone(),
                ahead,
            };
            self.board.close(&block).await?;
            // This gate knows the end better than the board does.
            let mut known = lock(&self.blocks);
            let ends = known.entry(block.credential).or_default();
            ends.at_gate = ends.at_gate.max(block.until.checked_add(ROUNDED).ok());
        }
        Ok(())
    }

    /// Closes the gates until the ends that the board knows.
    async fn read_blocks(&self) -> port::Result<()> {
        let mut on_board: BTreeMap<String, Block> = self
            .board
            .blocks()
            .await?
            .into_iter()
            .map(|block| (block.credential.clone(), block))
            .collect();
        for (credential, gate) in self.governor.gates() {
            let block = on_board.remove(&credential);
            let mut known = lock(&self.blocks);
            let ends = known.entry(credential).or_default();
            ends.on_board = block.as_ref().map(|block| block.until);
            let Some(block) = block.filter(|block| Some(block.until) > ends.at_gate) else {
                continue;
            };
            ends.at_gate = Some(block.until);
            drop(known);
            if !self.machine.is_empty() && block.machine == self.machine {
                gate.with_quota(|quota, _| quota.recall_clock(block.ahead));
            }
            gate.close(block.until);
        }
        Ok(())
    }

    /// Keeps what was learnt now and then.
    async fn keep_learning(&self, leave: &CancellationToken) {
        let mut period = every(KEEP_EVERY);
        loop {
            tokio::select! {
                () = leave.cancelled() => return,
                _ = period.tick() => {}
            }
            match self.keep_all().await {
                Ok(()) => self.standing.works(Doing::Learning),
                Err(error) => {
                    self.standing.fails(Doing::Learning, &error);
                    period.reset_after(TRY_AGAIN_AFTER);
                }
            }
        }
    }

    async fn keep_all(&self) -> port::Result<()> {
        for (credential, gate) in self.governor.gates() {
            self.keep(&credential, &gate).await?;
        }
        Ok(())
    }

    /// Keeps what the gate has learnt, together with what others have kept.
    async fn keep(&self, credential: &str, gate: &Gate) -> port::Result<()> {
        for _ in 0..TRIES {
            let kept = self.read_learnt(credential, gate).await?;
            let mine = gate.with_quota(|quota, _| quota.learnt());
            let mine = serde_json::to_string(&mine).expect("what was learnt is plain data");
            if kept.as_deref() == Some(&mine) {
                return Ok(());
            }
            let over = kept.as_deref();
            if self.board.keep_learnt(credential, &mine, over).await? {
                lock(&self.learnt).insert(credential.to_owned(), mine);
                return Ok(());
            }
        }
        tracing::debug!(
            credential,
            "others keep what they have learnt at the same time; later"
        );
        Ok(())
    }

    /// Takes in what others, or earlier runs, have learnt. Gives back what the board has.
    async fn read_learnt(&self, credential: &str, gate: &Gate) -> port::Result<Option<String>> {
        let kept = self.board.learnt(credential).await?;
        let Some(text) = kept
            .clone()
            .filter(|text| lock(&self.learnt).get(credential) != Some(text))
        else {
            return Ok(kept);
        };
        match serde_json::from_str::<Learnt>(&text) {
            Ok(learnt) => gate.with_quota(|quota, now| quota.learn(&learnt, now)),
            Err(error) => tracing::warn!(
                credential,
                %error,
                "what was learnt of a credential is in a form that this version does not know; it is learnt again"
            ),
        }
        lock(&self.learnt).insert(credential.to_owned(), text);
        Ok(kept)
    }

    /// Keeps what there is to keep, and leaves. A board that does not answer holds nobody up for long.
    async fn farewell(&self) {
        let last = async {
            self.write_blocks(SignedDuration::ZERO).await?;
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
