//! Carries blocks both ways between the gates and the board: those that this process meets at once, those of others within a
//! quarter of a second.
//!
//! It decides which end of a block is news. Ends are instants of GitHub's clock, which nobody knows better than to a second,
//! so an end that comes back from others is never told again as a later one.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ledger::port;
use ledger::port::coordination::Block;
use tokio_util::sync::CancellationToken;

use super::standing::Doing;
use super::{Inner, every, lock};

/// So often somebody looks whether another process has met a block.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Ends of a block that are no further apart are the same end, told by two who know GitHub's clock to a second each.
const SAME_END: SignedDuration = SignedDuration::from_secs(2);

/// GitHub's clock is known by dates that are cut to seconds, so it may be ahead by so much of what is known. Whoever reads the
/// end of a block knows it no better.
pub(super) const TO_A_SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The board may round an end up by so much.
const ROUNDED: SignedDuration = SignedDuration::from_micros(1);

/// What is known of the ends of blocks.
pub(super) struct Blocks {
    /// This machine, until it is started again; empty where the kernel does not say.
    machine: String,
    ends: Mutex<BTreeMap<String, Ends>>,
}

/// The end of the block of a credential, on either side.
#[derive(Debug, Default, Clone, Copy)]
struct Ends {
    /// What the board last said.
    on_board: Option<Timestamp>,
    /// What the gate was last told.
    at_gate: Option<Timestamp>,
}

impl Blocks {
    pub(super) fn new() -> Blocks {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        Blocks {
            machine: id.map(|id| id.trim().to_owned()).unwrap_or_default(),
            ends: Mutex::default(),
        }
    }
}

impl Inner {
    /// Carries blocks until `leave` is cancelled.
    pub(super) async fn watch_blocks(&self, leave: &CancellationToken) {
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
    pub(super) async fn write_blocks(&self, leeway: SignedDuration) -> port::Result<()> {
        for (credential, gate) in self.governor.gates() {
            let (until, ahead) = gate.with_quota(|quota, now| {
                let ahead = quota.github_time(now).duration_since(now);
                (quota.report(now).closed_until, ahead)
            });
            let Some(until) = until else { continue };
            let on_board = lock(&self.blocks.ends)
                .get(&credential)
                .and_then(|ends| ends.on_board);
            if on_board.is_some_and(|end| until.duration_since(end) <= leeway) {
                continue;
            }
            let block = Block {
                credential,
                until: until.checked_add(TO_A_SECOND).unwrap_or(until),
                machine: self.blocks.machine.clone(),
                ahead,
            };
            self.board.close(&block).await?;
            // This gate knows the end better than the board does.
            let mut known = lock(&self.blocks.ends);
            let ends = known.entry(block.credential).or_default();
            ends.at_gate = ends.at_gate.max(block.until.checked_add(ROUNDED).ok());
        }
        Ok(())
    }

    /// Closes the gates until the ends that the board knows.
    pub(super) async fn read_blocks(&self) -> port::Result<()> {
        let mut on_board: BTreeMap<String, Block> = self
            .board
            .blocks()
            .await?
            .into_iter()
            .map(|block| (block.credential.clone(), block))
            .collect();
        for (credential, gate) in self.governor.gates() {
            let block = on_board.remove(&credential);
            let mut known = lock(&self.blocks.ends);
            let ends = known.entry(credential).or_default();
            ends.on_board = block.as_ref().map(|block| block.until);
            let Some(block) = block.filter(|block| Some(block.until) > ends.at_gate) else {
                continue;
            };
            ends.at_gate = Some(block.until);
            drop(known);
            if !self.blocks.machine.is_empty() && block.machine == self.blocks.machine {
                gate.with_quota(|quota, _| quota.recall_clock(block.ahead));
            }
            gate.close(block.until);
        }
        Ok(())
    }
}
