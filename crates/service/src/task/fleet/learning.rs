//! Keeps what was learnt of how each credential is used beyond the end of the process, together with what others learn of it.
//! Refuses to know what that is.

use std::time::Duration;

use github::Gate;
use ledger::port;
use quota::Learnt;
use tokio_util::sync::CancellationToken;

use super::standing::Doing;
use super::{Inner, every, lock};

/// So often what was learnt is kept.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// If it could not be kept, it is tried again so soon, so that the end of an outage is noticed.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What was learnt is merged again so many times if others keep at the same time; the rest is for the next minute.
const TRIES: u32 = 5;

impl Inner {
    /// Keeps what was learnt now and then.
    pub(super) async fn keep_learning(&self, leave: &CancellationToken) {
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

    pub(super) async fn keep_all(&self) -> port::Result<()> {
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
    pub(super) async fn read_learnt(
        &self,
        credential: &str,
        gate: &Gate,
    ) -> port::Result<Option<String>> {
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
}
