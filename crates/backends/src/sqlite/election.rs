//! The office of the leader, in the file that the processes of one machine coordinate by. Refuses to know who is dead.
//!
//! A taking is synced before it is answered, so that epochs grow also over a loss of power. A renewal is not: every holder and
//! everybody who waits is a process of this machine, and has died with it.

use async_trait::async_trait;
use ledger::port::{
    self,
    election::{Election, Office},
};

use super::coordination::{Coordination, Survives, office};

#[async_trait]
impl Election for Coordination {
    async fn look(&self) -> port::Result<Option<Office>> {
        self.read("look at the leader's office", office::look).await
    }

    async fn take(&self, me: &str, over: Option<&Office>) -> port::Result<Option<Office>> {
        let (me, over) = (me.to_owned(), over.cloned());
        self.change(
            Survives::Power,
            "take the leader's office",
            move |connection| office::take(connection, &me, over.as_ref()),
        )
        .await
    }

    async fn renew(&self, mine: &Office) -> port::Result<Option<Office>> {
        let mine = mine.clone();
        self.change(
            Survives::Processes,
            "renew the leader's office",
            move |connection| office::renew(connection, &mine),
        )
        .await
    }

    async fn resign(&self, mine: &Office) -> port::Result<()> {
        let mine = mine.clone();
        self.change(
            Survives::Processes,
            "give the leader's office back",
            move |connection| office::resign(connection, &mine),
        )
        .await
    }
}
