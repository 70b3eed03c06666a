//! The office of the leader: who holds it, and since which epoch. Decides what each step means; refuses to decide when a
//! holder is to be taken for dead: that is [`crate::lease`]'s.
//!
//! **No clock is compared with another.** The store keeps no time. A holder renews, which gives the office another
//! [`Office::mark`]; who waits judges by its own monotonic clock how long the mark has stood still. So every step is a
//! compare-and-swap on the mark, whatever the store is made of.

use async_trait::async_trait;

use super::Result;

/// The office as the store shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Office {
    /// Who holds it: a name unlike every other, also unlike an earlier start of the same process. None where it was given
    /// back.
    pub holder: Option<String>,
    /// Counts the holders. Each taking makes it higher by one at least, for as long as the store keeps what it is told.
    pub epoch: u64,
    /// Differs after every step that anybody took, and never returns, not even in a store that has lost what it was told and
    /// starts again. Text to everybody but its store.
    pub mark: String,
}

/// The store of the office. Each method is one step.
#[async_trait]
pub trait Election: Send + Sync + 'static {
    /// The office as it is now; none if nobody has ever held it, or the store has lost it.
    async fn look(&self) -> Result<Option<Office>>;

    /// Takes the office in place of exactly `over`, which the caller has seen and judged to be free or dead; `None` where
    /// there was no office. Answers the office as it is held now, or none if somebody has taken a step since.
    async fn take(&self, me: &str, over: Option<&Office>) -> Result<Option<Office>>;

    /// Renews the office that the caller holds, and answers it with its next mark; none if it is not the caller's any
    /// more.
    async fn renew(&self, mine: &Office) -> Result<Option<Office>>;

    /// Gives the office back, if it is still the caller's: the next one may take it at once. The epoch stays.
    async fn resign(&self, mine: &Office) -> Result<()>;
}
