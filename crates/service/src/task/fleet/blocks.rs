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
use ledger::port::coordination::{Block, Reckoned};
use tokio_util::sync::CancellationToken;

use super::machine::Machine;
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
    machine: Option<Machine>,
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
    pub(super) fn on(machine: Option<Machine>) -> Blocks {
        Blocks {
            machine,
            known: Mutex::default(),
        }
    }

    /// What GitHub's clock, which shows `github` now, has showed when this machine was started.
    fn reckon(&self, github: Timestamp) -> Option<Reckoned> {
        let machine = self.machine.as_ref()?;
        Some(Reckoned {
            machine: machine.boot.clone(),
            started: github.checked_sub(machine.running_for()?).ok()?,
        })
    }

    /// What GitHub's clock shows now, as far as that was reckoned on this machine.
    fn github(&self, reckoned: &Reckoned) -> Option<Timestamp> {
        let machine = self.machine.as_ref()?;
        if reckoned.machine != machine.boot {
            return None;
        }
        reckoned.started.checked_add(machine.running_for()?).ok()
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
        let (report, github) =
            gate.with_quota(|quota, now| (quota.report(now), quota.seen_clock(now)));
        let until = report.closed_until?;
        let mut blocks = lock(&self.blocks.known);
        let known = blocks.entry(credential.to_owned()).or_default();
        if report.refused > known.refused {
            known.refused = report.refused;
            let met = Block {
                credential: credential.to_owned(),
                until: until.checked_add(TO_A_SECOND).unwrap_or(until),
                reckoned: github.and_then(|github| self.blocks.reckon(github)),
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
            let reckoned = block.reckoned.as_ref();
            let github = reckoned.and_then(|reckoned| self.blocks.github(reckoned));
            gate.with_quota(|quota, now| {
                if let Some(github) = github {
                    quota.recall_clock(github, now);
                }
                quota.close(block.until, now);
            });
        }
        Ok(())
    }
}
