//! Who leads, and which filling of the store this is.

use std::sync::Arc;

use jiff::Timestamp;
use ledger::port::Term;

use super::fault::Fault;
use super::link::Live;
use super::reply::Reply;
use super::script::{ARRIVE, Answer, By, LEAD};
use super::server::Refusal;
use super::{Redis, leap, unheard_of};

/// How things lie in the store. A later one is refused.
const FORMAT: u32 = 1;

/// Numbers in scripts are exact up to here.
pub(super) const EXACT: i64 = 1 << 52;

/// What a connection stands by: the store as it was when it was made.
#[derive(Debug)]
pub(super) struct Arrival {
    connection: u64,
    incarnation: Arc<str>,
    generation: String,
    server: String,
}

impl Redis {
    /// The connection. Of a new one the store is told, which begins a new incarnation if it has lost something: see `arrive.lua`.
    pub(super) async fn live(&self) -> Result<Live, Fault> {
        let live = self.parts.link.live().await?;
        let mut arrival = self.parts.arrival.lock().await;
        let (incarnation, seen) = self.parts.known.seen();
        let stands_by = arrival
            .as_ref()
            .filter(|arrival| arrival.incarnation == incarnation);
        if stands_by.is_none_or(|arrival| arrival.connection != live.number) {
            let (generation, server) = stands_by.map_or_else(Default::default, |arrival| {
                (arrival.generation.clone(), arrival.server.clone())
            });
            let own = vec![
                live.server.clone().into(),
                unheard_of().into(),
                FORMAT.to_string().into(),
                generation.into(),
                server.into(),
                seen.to_string().into(),
            ];
            // Until it has answered, what was stood by before is what counts.
            let answer = self.ask(&live, &ARRIVE, By::Anybody, &incarnation, own);
            *arrival = Some(self.arrived(&live, answer.await?)?);
        }
        Ok(live)
    }

    fn arrived(&self, live: &Live, answer: (String, Reply)) -> Result<Arrival, Fault> {
        let (word, mut reply) = answer;
        if word != "done" {
            return Err(Refusal::Newer(reply.text()?).into());
        }
        let incarnation: Arc<str> = reply.text()?.into();
        self.parts.known.renew(&incarnation);
        Ok(Arrival {
            connection: live.number,
            incarnation,
            generation: reply.text()?,
            server: live.server.clone(),
        })
    }

    /// Begins the next term.
    pub(super) async fn lead(&self, holder: &str, now: Timestamp) -> Result<Term, Fault> {
        loop {
            let live = self.live().await?;
            let (incarnation, _) = self.parts.known.seen();
            let own = vec![
                holder.into(),
                now.as_microsecond().clamp(1, EXACT).to_string().into(),
                leap().into(),
                unheard_of().into(),
            ];
            let answer = self.call_by(&live, &LEAD, By::Anybody, &incarnation, own);
            if let Answer::Done(mut reply) = answer.await? {
                return Ok(Term(reply.number()?));
            }
        }
    }
}
