//! Carries blocks both ways between the gates and the board: those that this process meets at once, those of others within a
//! quarter of a second.
//!
//! It decides which end of a block is news: one that this process was told by GitHub itself, or one on the board. What a gate
//! makes of an end by its own clock is never told again, so that an end does not grow on its way from one to the next.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use github::Gate;
use jiff::{SignedDuration, Timestamp};
use ledger::port;
use ledger::port::coordination::Block;
use tokio_util::sync::CancellationToken;

use super::standing::Doing;
use super::{Inner, every, lock};

/// So often somebody looks whether another process has met a block.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// GitHub's clock is known by dates that are cut to seconds, so it may be ahead by so much of what is known. Whoever reads the
/// end of a block knows it no better.
pub(super) const TO_A_SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The board may round an end up by so much.
const ROUNDED: SignedDuration = SignedDuration::from_micros(1);

/// What is known of the ends of blocks.
pub(super) struct Blocks {
    /// This machine, until it is started again; empty where the kernel does not say.
    machine: String,
    known: Mutex<BTreeMap<String, Known>>,
}

/// The block of a credential.
#[derive(Debug, Default, Clone)]
struct Known {
    /// The one that ends last, of those that this process has met or has read.
    last: Option<Block>,
    /// What the board said when it was read.
    on_board: Option<Timestamp>,
    /// What the gate was told.
    at_gate: Option<Timestamp>,
    /// So many refusals were looked at.
    refused: u64,
}

impl Blocks {
    pub(super) fn new() -> Blocks {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        Blocks {
            machine: id.map(|id| id.trim().to_owned()).unwrap_or_default(),
            known: Mutex::default(),
        }
    }
}

impl Inner {
    /// Carries blocks until `leave` is cancelled.
    pub(super) async fn watch_blocks(&self, leave: &CancellationToken) {
        let mut period = every(LOOK_EVERY);
        loop {
            tokio::select! {
                biased;
                () = leave.cancelled() => return,
                () = self.governor.refused() => {}
                _ = period.tick() => {}
            }
            let carried = async {
                self.write_blocks().await?;
                self.read_blocks().await
            };
            match carried.await {
                Ok(()) => self.standing.works(Doing::Blocks),
                Err(error) => self.standing.fails(Doing::Blocks, &error),
            }
        }
    }

    /// Records the blocks that the board does not have: new ones, and those that it has lost.
    pub(super) async fn write_blocks(&self) -> port::Result<()> {
        for (credential, gate) in self.governor.gates() {
            if let Some(block) = self.unrecorded(&credential, &gate) {
                self.board.close(&block).await?;
            }
        }
        Ok(())
    }

    /// The last block of a credential, while it lasts and if the board does not have it.
    fn unrecorded(&self, credential: &str, gate: &Gate) -> Option<Block> {
        let (report, ahead) = gate.with_quota(|quota, now| {
            let ahead = quota.github_time(now).duration_since(now);
            (quota.report(now), ahead)
        });
        let until = report.closed_until?;
        let mut blocks = lock(&self.blocks.known);
        let known = blocks.entry(credential.to_owned()).or_default();
        if report.refused > known.refused {
            known.refused = report.refused;
            let met = Block {
                credential: credential.to_owned(),
                until: until.checked_add(TO_A_SECOND).unwrap_or(until),
                machine: self.blocks.machine.clone(),
                ahead,
            };
            if known
                .last
                .as_ref()
                .is_none_or(|last| last.until < met.until)
            {
                // This gate knows the end better than the board will.
                known.at_gate = known.at_gate.max(met.until.checked_add(ROUNDED).ok());
                known.last = Some(met);
            }
        }
        let last = known.last.clone();
        last.filter(|last| Some(last.until) > known.on_board)
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
            let mut blocks = lock(&self.blocks.known);
            let known = blocks.entry(credential).or_default();
            known.on_board = block.as_ref().map(|block| block.until);
            let Some(block) = block else { continue };
            if known
                .last
                .as_ref()
                .is_none_or(|last| last.until < block.until)
            {
                known.last = Some(block.clone());
            }
            if known.at_gate >= Some(block.until) {
                continue;
            }
            known.at_gate = Some(block.until);
            drop(blocks);
            if !self.blocks.machine.is_empty() && block.machine == self.blocks.machine {
                gate.with_quota(|quota, _| quota.recall_clock(block.ahead));
            }
            gate.close(block.until);
        }
        Ok(())
    }
}
