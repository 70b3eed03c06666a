//! The scripts, and how they are called: with the keys of the store, who calls, and what it goes by.

use std::sync::{Arc, LazyLock};

use ledger::port::Term;
use ledger::port::activity::{Authority, Claim};
use redis::{Script, Value};

use super::Redis;
use super::fault::Fault;
use super::link::Live;
use super::reply::Reply;

macro_rules! scripts {
    ($($name:ident = $file:literal)*) => { $(
        pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!(include_str!("prelude.lua"), include_str!($file)))
        });
    )* };
}

scripts! {
    ARRIVE = "arrive.lua"
    CHANGES = "changes.lua"
    CLAIM = "claim.lua"
    CYCLE = "cycle.lua"
    DISPATCHED = "dispatched.lua"
    HOLD = "hold.lua"
    LEAD = "lead.lua"
    REPO = "repo.lua"
    REPOS = "repos.lua"
    SINCE = "since.lua"
}

/// Who takes a step.
#[derive(Debug, Clone, Copy)]
pub(super) enum By<'a> {
    Leader(Term),
    Filler(&'a Claim),
    Anybody,
}

impl<'a> From<&'a Authority> for By<'a> {
    fn from(authority: &'a Authority) -> By<'a> {
        match authority {
            Authority::Leader(term) => By::Leader(*term),
            Authority::Filler(claim) => By::Filler(claim),
        }
    }
}

impl By<'_> {
    /// What a script is told of it.
    fn words(self) -> [Vec<u8>; 3] {
        match self {
            By::Leader(term) => ["leader".into(), term.to_string().into(), Vec::new()],
            By::Filler(claim) => [
                "filler".into(),
                claim.token.to_string().into(),
                claim_field(claim).into(),
            ],
            By::Anybody => ["anybody".into(), Vec::new(), Vec::new()],
        }
    }

    fn refused(self, word: &str) -> Option<Fault> {
        match (self, word) {
            (By::Leader(term), "fenced") => Some(Fault::Fenced(term)),
            (By::Filler(claim), "lost") => Some(Fault::Lost(claim.token)),
            _ => None,
        }
    }
}

/// Where the claims of a stream's gaps lie.
pub(super) fn field(repo: ledger::event::RepoId, stream: ledger::event::Stream) -> String {
    format!("{repo}:{stream}")
}

fn claim_field(claim: &Claim) -> String {
    field(claim.repo, claim.stream)
}

/// What came of a script.
pub(super) enum Answer {
    Done(Reply),
    /// What was to be changed is of another version; here it is as it is now.
    Moved(Reply),
    /// Another has it.
    Held(Reply),
    /// The store is of another incarnation than what the step went by. What was known of it is forgotten.
    Anew,
}

impl Redis {
    /// Calls a script of activity, on the store of this incarnation.
    pub(super) async fn call(
        &self,
        script: &'static Script,
        by: By<'_>,
        incarnation: &Arc<str>,
        own: Vec<Vec<u8>>,
    ) -> Result<Answer, Fault> {
        let live = self.live().await?;
        self.call_by(&live, script, by, incarnation, own).await
    }

    /// The same, by a connection that is at hand.
    pub(super) async fn call_by(
        &self,
        live: &Live,
        script: &'static Script,
        by: By<'_>,
        incarnation: &Arc<str>,
        own: Vec<Vec<u8>>,
    ) -> Result<Answer, Fault> {
        let (word, mut reply) = self.ask(live, script, by, incarnation, own).await?;
        match word.as_str() {
            "done" => Ok(Answer::Done(reply)),
            "moved" => Ok(Answer::Moved(reply)),
            "held" => Ok(Answer::Held(reply)),
            "anew" => {
                self.parts.known.renew(&reply.text()?);
                Ok(Answer::Anew)
            }
            word => Err(by
                .refused(word)
                .unwrap_or(Fault::Unreadable("an answer of other words"))),
        }
    }

    /// The first word of the answer, and the rest.
    pub(super) async fn ask(
        &self,
        live: &Live,
        script: &'static Script,
        by: By<'_>,
        incarnation: &Arc<str>,
        own: Vec<Vec<u8>>,
    ) -> Result<(String, Reply), Fault> {
        let keys = &self.parts.keys;
        let mut call = script.prepare_invoke();
        for key in &keys.activity {
            call.key(key);
        }
        call.arg(&keys.prefix).arg(&**incarnation);
        for word in by.words() {
            call.arg(word);
        }
        for word in own {
            call.arg(word);
        }
        let send = async move |mut connection| call.invoke_async::<Value>(&mut connection).await;
        let mut reply = Reply::of(self.parts.link.send(live, send).await?)?;
        let word = reply.text()?;
        Ok((word, reply))
    }
}
