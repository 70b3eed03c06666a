//! What the processes of one credential share, in one server. Each step is one script or one command.
//!
//! A block is answered when the server has it. What the server has survives a loss of its power as well as its persistence does;
//! with `appendfsync everysec` the last second may be lost: then another process may send until GitHub says again that it is
//! closed. What members tell is about this second, and none of it is missed.

use std::sync::LazyLock;

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::port::coordination::{Block, Held, Member, Reckoned, Telling};
use ledger::port::{self, Result};
use redis::{Cmd, FromRedisValue, Script, Value};

use super::Redis;
use super::fault::Fault;
use super::reply::Reply;
use super::rows::time;
use super::term::EXACT;

macro_rules! scripts {
    ($($name:ident = $file:literal)*) => { $(
        static $name: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!($file)));
    )* };
}

scripts! {
    CLOSE = "close.lua"
    EXCHANGE = "exchange.lua"
    KEEP = "keep.lua"
    SWEEP = "sweep.lua"
}

const ROW: Fault = Fault::Unreadable("a telling of another form");

impl Redis {
    /// Calls a script that knows of one key.
    pub(super) async fn call_on(
        &self,
        script: &'static Script,
        key: &str,
        arguments: &[&str],
    ) -> std::result::Result<Reply, Fault> {
        let live = self.parts.link.live().await?;
        let mut call = script.prepare_invoke();
        call.key(self.parts.keys.named(key));
        for argument in arguments {
            call.arg(*argument);
        }
        let send = async move |mut connection| call.invoke_async::<Value>(&mut connection).await;
        Reply::of(self.parts.link.send(&live, send).await?)
    }

    /// One command.
    pub(super) async fn command<T: FromRedisValue>(
        &self,
        command: Cmd,
    ) -> std::result::Result<T, Fault> {
        let live = self.parts.link.live().await?;
        let send = async move |mut connection| command.query_async(&mut connection).await;
        self.parts.link.send(&live, send).await
    }

    async fn tell(&self, me: &Member, mine: &[Telling]) -> std::result::Result<Vec<Held>, Fault> {
        let row = if mine.is_empty() {
            String::new()
        } else {
            let told: Vec<(&str, &str, &str)> = mine
                .iter()
                .map(|telling| {
                    (
                        telling.credential.as_str(),
                        telling.share.as_str(),
                        telling.view.as_str(),
                    )
                })
                .collect();
            format!("{}\n{}", me.beat, serde_json::to_string(&told)?)
        };
        let mut reply = self.call_on(&EXCHANGE, "board", &[&me.name, &row]).await?;
        let mut held = Vec::new();
        while !reply.is_read() {
            let (member, row) = (reply.text()?, reply.text()?);
            if member != me.name {
                take_in(&mut held, &member, &row)?;
            }
        }
        Ok(in_order(held))
    }

    async fn board(&self) -> std::result::Result<Vec<Held>, Fault> {
        let key = self.parts.keys.named("board");
        let rows: Vec<(String, String)> = self.command(Cmd::hgetall(key)).await?;
        let mut held = Vec::new();
        for (member, row) in rows {
            take_in(&mut held, &member, &row)?;
        }
        Ok(in_order(held))
    }

    async fn record_block(&self, block: &Block) -> std::result::Result<(), Fault> {
        let reckoned = block.reckoned.as_ref();
        let rest = reckoned.map(|reckoned| (&reckoned.machine, reckoned.started.as_microsecond()));
        let until = no_earlier(block.until).to_string();
        let rest = serde_json::to_string(&rest)?;
        self.call_on(&CLOSE, "blocks", &[&block.credential, &until, &rest])
            .await?;
        Ok(())
    }

    async fn read_blocks(&self) -> std::result::Result<Vec<Block>, Fault> {
        const ROW: Fault = Fault::Unreadable("a block of another form");
        let key = self.parts.keys.named("blocks");
        let rows: Vec<(String, String)> = self.command(Cmd::hgetall(key)).await?;
        let block = |(credential, row): (String, String)| {
            let (until, rest) = row.split_once(' ').ok_or(ROW)?;
            let reckoned: Option<(String, i64)> = serde_json::from_str(rest)?;
            let reckoned = match reckoned {
                Some((machine, started)) => Some(Reckoned {
                    machine,
                    started: time(started)?,
                }),
                None => None,
            };
            Ok(Block {
                credential,
                until: time(until.parse().map_err(|_error| ROW)?)?,
                reckoned,
            })
        };
        let blocks = rows.into_iter().map(block);
        let mut blocks = blocks.collect::<std::result::Result<Vec<Block>, Fault>>()?;
        blocks.sort_by(|one, other| one.credential.cmp(&other.credential));
        Ok(blocks)
    }
}

/// A row is the beat, and what was told: credential, share and view.
fn take_in(held: &mut Vec<Held>, member: &str, row: &str) -> std::result::Result<(), Fault> {
    let (beat, told) = row.split_once('\n').ok_or(ROW)?;
    let beat = beat.parse().map_err(|_error| ROW)?;
    let told: Vec<(String, String, String)> = serde_json::from_str(told)?;
    held.extend(told.into_iter().map(|(credential, share, view)| Held {
        member: member.to_owned(),
        beat,
        credential,
        share,
        view,
    }));
    Ok(())
}

fn in_order(mut held: Vec<Held>) -> Vec<Held> {
    held.sort_by(|one, other| {
        (&one.member, &one.credential).cmp(&(&other.member, &other.credential))
    });
    held
}

/// A row has whole microseconds, and a block must not end before its end.
fn no_earlier(until: Timestamp) -> i64 {
    let whole = until.as_microsecond();
    let is_cut = Timestamp::from_microsecond(whole).is_ok_and(|cut| cut < until);
    (whole + i64::from(is_cut)).clamp(-EXACT, EXACT)
}

#[async_trait]
impl port::Coordination for Redis {
    async fn exchange(&self, me: &Member, mine: &[Telling]) -> Result<Vec<Held>> {
        self.tell(me, mine)
            .await
            .map_err(|fault| fault.while_it_should("exchange with the other processes"))
    }

    async fn leave(&self, member: &str) -> Result<()> {
        let leave = Cmd::hdel(self.parts.keys.named("board"), member);
        self.command::<i64>(leave)
            .await
            .map(|_left| ())
            .map_err(|fault| fault.while_it_should("leave the other processes"))
    }

    async fn sweep(&self, still: &Member) -> Result<bool> {
        let beat = still.beat.to_string();
        self.call_on(&SWEEP, "board", &[&still.name, &beat])
            .await
            .and_then(|mut reply| reply.yes())
            .map_err(|fault| fault.while_it_should("sweep away what a dead process told"))
    }

    async fn held(&self) -> Result<Vec<Held>> {
        self.board()
            .await
            .map_err(|fault| fault.while_it_should("read what processes tell"))
    }

    async fn close(&self, block: &Block) -> Result<()> {
        self.record_block(block)
            .await
            .map_err(|fault| fault.while_it_should("record a block"))
    }

    async fn blocks(&self) -> Result<Vec<Block>> {
        self.read_blocks()
            .await
            .map_err(|fault| fault.while_it_should("read blocks"))
    }

    async fn learnt(&self, credential: &str) -> Result<Option<String>> {
        let read = Cmd::hget(self.parts.keys.named("learnt"), credential);
        self.command(read)
            .await
            .map_err(|fault| fault.while_it_should("read what was learnt"))
    }

    async fn keep_learnt(
        &self,
        credential: &str,
        learnt: &str,
        over: Option<&str>,
    ) -> Result<bool> {
        let is_over = if over.is_some() { "1" } else { "0" };
        let arguments = [credential, learnt, is_over, over.unwrap_or_default()];
        let kept = self.call_on(&KEEP, "learnt", &arguments);
        kept.await
            .and_then(|mut reply| reply.yes())
            .map_err(|fault| fault.while_it_should("keep what was learnt"))
    }
}
