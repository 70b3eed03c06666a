//! A board that answers, refuses or hangs, as it is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use backends::sqlite::Coordination as Sqlite;
use ledger::port;
use ledger::port::coordination::{Block, Coordination, Held, Member, Telling};
use tokio::sync::Notify;

use super::super::lock;

/// A board that can be out of reach.
pub(super) struct Moody {
    board: Sqlite,
    mood: Mutex<Mood>,
    changed: Notify,
    under_way: AtomicUsize,
    pub(super) most_under_way: AtomicUsize,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mood {
    Answers,
    Refuses,
    Hangs,
    /// It answers until something is to be swept, and hangs from then on.
    HangsWhenItSweeps,
}

impl Moody {
    pub(super) fn new() -> Arc<Moody> {
        Arc::new(Moody {
            board: Sqlite::in_memory().unwrap(),
            mood: Mutex::new(Mood::Answers),
            changed: Notify::new(),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
        })
    }

    pub(super) fn turns(&self, mood: Mood) {
        *lock(&self.mood) = mood;
        self.changed.notify_waiters();
    }

    pub(super) async fn mood(&self) -> port::Result<()> {
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_under_way.fetch_max(now, Ordering::SeqCst);
        let answer = loop {
            let changed = self.changed.notified();
            let mood = *lock(&self.mood);
            match mood {
                Mood::Answers | Mood::HangsWhenItSweeps => break Ok(()),
                Mood::Refuses => {
                    break Err(port::Error::Unavailable {
                        doing: "be there",
                        cause: "as asked".into(),
                    });
                }
                Mood::Hangs => changed.await,
            }
        };
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        answer
    }
}

#[async_trait]
impl Coordination for Moody {
    async fn exchange(&self, me: &Member, mine: &[Telling]) -> port::Result<Vec<Held>> {
        self.mood().await?;
        self.board.exchange(me, mine).await
    }

    async fn leave(&self, member: &str) -> port::Result<()> {
        self.mood().await?;
        self.board.leave(member).await
    }

    async fn sweep(&self, still: &Member) -> port::Result<bool> {
        if *lock(&self.mood) == Mood::HangsWhenItSweeps {
            self.turns(Mood::Hangs);
        }
        self.mood().await?;
        self.board.sweep(still).await
    }

    async fn held(&self) -> port::Result<Vec<Held>> {
        self.mood().await?;
        self.board.held().await
    }

    async fn close(&self, block: &Block) -> port::Result<()> {
        self.mood().await?;
        self.board.close(block).await
    }

    async fn blocks(&self) -> port::Result<Vec<Block>> {
        self.mood().await?;
        self.board.blocks().await
    }

    async fn learnt(&self, credential: &str) -> port::Result<Option<String>> {
        self.mood().await?;
        self.board.learnt(credential).await
    }

    async fn keep_learnt(
        &self,
        credential: &str,
        learnt: &str,
        over: Option<&str>,
    ) -> port::Result<bool> {
        self.mood().await?;
        self.board.keep_learnt(credential, learnt, over).await
    }
}
