//! A step of the office's store, as something that can be decided in one place and taken in another.

use crate::port::Result;
use crate::port::election::{Election, Office};

/// A step that a candidate takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// See [`Election::look`].
    Look,
    /// See [`Election::take`].
    Take {
        /// The candidate's name.
        me: String,
        /// What it was seen as.
        over: Option<Office>,
    },
    /// See [`Election::renew`].
    Renew(Office),
    /// See [`Election::resign`].
    Resign(Office),
}

impl Step {
    /// Takes the step. Who gives an office back is answered no office.
    ///
    /// # Errors
    ///
    /// What the store answers.
    pub async fn on(&self, store: &dyn Election) -> Result<Option<Office>> {
        match self {
            Step::Look => store.look().await,
            Step::Take { me, over } => store.take(me, over.as_ref()).await,
            Step::Renew(mine) => store.renew(mine).await,
            Step::Resign(mine) => store.resign(mine).await.map(|()| None),
        }
    }
}
