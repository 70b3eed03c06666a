//! The board that the processes of one credential share. Decides what each step of it means; refuses to know what a share
//! says, when a member is to be taken for dead, and what time it is.
//!
//! **No clock is compared with another.** A member counts its [`Member::beat`] up with every exchange. Who reads judges by
//! its own monotonic clock how long a beat has stood still; nothing here says when something was written. The only times
//! are ends of blocks, and those are GitHub's; beside each stands what that clock showed when a machine was started, for those
//! who start again on that machine.
//!
//! **Nothing here is a lease.** A member that is gone leaves what it told last until somebody [sweeps](Coordination::sweep)
//! it, and one that was swept by mistake is back with its next exchange. Blocks and what was learnt outlive everybody, and a
//! loss of power too; what members tell need not, since it is about who is here now.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;

/// One start of one process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// Unlike every other, also unlike an earlier start of the same process: host, process id and something random.
    pub name: String,
    /// Counts up with every exchange.
    pub beat: u64,
}

/// What a member tells the others of one credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// The credential, by name.
    pub credential: String,
    /// Its share of the quota, in a form that the processes agree on.
    pub share: String,
    /// What a person is shown of it, in a form that the commands agree on.
    pub view: String,
}

/// What a member told of one credential, as it is held for the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The member's name.
    pub member: String,
    /// Its beat when it told this.
    pub beat: u64,
    /// The credential, by name.
    pub credential: String,
    /// See [`Telling::share`].
    pub share: String,
    /// See [`Telling::view`].
    pub view: String,
}

/// A span in which GitHub has said that nothing of a credential may be sent, and what it takes to tell after a restart whether
/// it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The credential, by name.
    pub credential: String,
    /// The end, by GitHub's clock. To the microsecond.
    pub until: Timestamp,
    /// What the process that met it knew of GitHub's clock, if anything.
    pub reckoned: Option<Reckoned>,
}

/// What is known of GitHub's clock on one machine, for as long as that machine runs. Its time of day may be wrong and may be
/// set; the time that has passed since its start is neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reckoned {
    /// The machine, from one start of it to the next. On any other, this says nothing.
    pub machine: String,
    /// What GitHub's clock showed when the machine was started, as far as the process knew. To the microsecond.
    pub started: Timestamp,
}

/// The board. Each method is one step: a crash leaves all of it or nothing.
#[async_trait]
pub trait Coordination: Send + Sync + 'static {
    /// Puts what `me` tells in place of all that it told before, and answers what everybody else holds, in one step: of two
    /// members who exchange at the same time at least one hears the other. By member, then credential.
    async fn exchange(&self, me: &Member, mine: &[Telling]) -> Result<Vec<Held>>;

    /// Takes away what this member told: it leaves, and tells nothing any more.
    async fn leave(&self, member: &str) -> Result<()>;

    /// Takes away what a member told if its beat still stands where `still` says, and answers whether it did. A member that
    /// is alive after all has told something since, and keeps it.
    async fn sweep(&self, still: &Member) -> Result<bool>;

    /// What every member holds, by member, then credential. For those who only look.
    async fn held(&self) -> Result<Vec<Held>>;

    /// Records that GitHub has closed a credential. A block only grows: one that ends no later than what is recorded changes
    /// nothing. Answered when it is on disk.
    async fn close(&self, block: &Block) -> Result<()>;

    /// The block that ends last of each credential that ever had one, passed or not, by credential. Cheap: it is asked
    /// several times a second.
    async fn blocks(&self) -> Result<Vec<Block>>;

    /// What was last kept of how a credential is used, as it was kept.
    async fn learnt(&self, credential: &str) -> Result<Option<String>>;

    /// Keeps what was learnt in place of exactly `over`, which the caller has read and taken in; `None` where there was
    /// nothing. Answers false, and keeps what is there, if somebody has kept something else since: read that first.
    async fn keep_learnt(&self, credential: &str, learnt: &str, over: Option<&str>)
    -> Result<bool>;
}
