//! The office of the leader, in one server: every step is a compare-and-swap on its mark.
//!
//! A server that loses the last second, or all, may lose a taking or a renewal, and then two may hold that they lead for as long as
//! they trust themselves; what is written to the store of activity is still of one of them alone, by its term.

use std::sync::LazyLock;

use async_trait::async_trait;
use ledger::port::Result;
use ledger::port::election::{Election, Office};
use redis::Script;

use super::fault::Fault;
use super::{Redis, unheard_of};

static OFFICE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("office.lua")));

const KEY: &str = "office";

impl Redis {
    async fn see_office(&self) -> std::result::Result<Option<Office>, Fault> {
        let mut read = redis::cmd("HMGET");
        read.arg(self.parts.keys.named(KEY));
        read.arg(&["mark", "held", "holder", "epoch"]);
        let (mark, held, holder, epoch): (Option<String>, Option<u8>, Option<String>, Option<u64>) =
            self.command(read).await?;
        let Some(mark) = mark else {
            return Ok(None);
        };
        Ok(Some(Office {
            holder: holder.filter(|_| held == Some(1)),
            epoch: epoch.ok_or(Fault::Unreadable("an office without an epoch"))?,
            mark,
        }))
    }

    /// The office, if its mark was the one that was seen.
    async fn step(
        &self,
        over: Option<&Office>,
        holder: Option<&str>,
        epoch: u64,
    ) -> std::result::Result<Option<Office>, Fault> {
        let mark = over.map_or("", |over| over.mark.as_str());
        let is_held = if holder.is_some() { "1" } else { "0" };
        let (epoch_word, unheard_of) = (epoch.to_string(), unheard_of());
        let arguments = [
            mark,
            is_held,
            holder.unwrap_or_default(),
            &epoch_word,
            &unheard_of,
        ];
        let mut reply = self.call_on(&OFFICE, KEY, &arguments).await?;
        if !reply.yes()? {
            return Ok(None);
        }
        Ok(Some(Office {
            holder: holder.map(str::to_owned),
            epoch,
            mark: reply.text()?,
        }))
    }
}

#[async_trait]
impl Election for Redis {
    async fn look(&self) -> Result<Option<Office>> {
        self.see_office()
            .await
            .map_err(|fault: Fault| fault.while_it_should("look at the office"))
    }

    async fn take(&self, me: &str, over: Option<&Office>) -> Result<Option<Office>> {
        let epoch = over.map_or(0, |over| over.epoch).saturating_add(1);
        self.step(over, Some(me), epoch)
            .await
            .map_err(|fault| fault.while_it_should("take the office"))
    }

    async fn renew(&self, mine: &Office) -> Result<Option<Office>> {
        self.step(Some(mine), mine.holder.as_deref(), mine.epoch)
            .await
            .map_err(|fault| fault.while_it_should("renew the office"))
    }

    async fn resign(&self, mine: &Office) -> Result<()> {
        self.step(Some(mine), None, mine.epoch)
            .await
            .map(|_next| ())
            .map_err(|fault| fault.while_it_should("give the office back"))
    }
}
