//! A board in plain maps: what the cases of coordination are tried on. For tests of this crate alone.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use crate::port::Result;
use crate::port::coordination::{Block, Coordination, Held, Member, Telling};

#[derive(Default)]
pub(super) struct Board(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    held: BTreeMap<(String, String), Held>,
    blocks: BTreeMap<String, Block>,
    learnt: BTreeMap<String, String>,
}

#[async_trait]
impl Coordination for Board {
    async fn exchange(&self, me: &Member, mine: &[Telling]) -> Result<Vec<Held>> {
        let mut inner = self.0.lock().unwrap();
        inner.held.retain(|(member, _), _| *member != me.name);
        let others = inner.held.values().cloned().collect();
        for telling in mine {
            let Telling {
                credential,
                share,
                view,
            } = telling.clone();
            let held = Held {
                member: me.name.clone(),
                beat: me.beat,
                credential: credential.clone(),
                share,
                view,
            };
            inner.held.insert((me.name.clone(), credential), held);
        }
        Ok(others)
    }

    async fn leave(&self, member: &str) -> Result<()> {
        let mut inner = self.0.lock().unwrap();
        inner.held.retain(|(of, _), _| of != member);
        Ok(())
    }

    async fn sweep(&self, still: &Member) -> Result<bool> {
        let mut inner = self.0.lock().unwrap();
        let before = inner.held.len();
        inner
            .held
            .retain(|(of, _), held| *of != still.name || held.beat != still.beat);
        Ok(inner.held.len() < before)
    }

    async fn held(&self) -> Result<Vec<Held>> {
        Ok(self.0.lock().unwrap().held.values().cloned().collect())
    }

    async fn close(&self, block: &Block) -> Result<()> {
        let mut inner = self.0.lock().unwrap();
        let known = inner.blocks.get(&block.credential);
        if known.is_none_or(|known| known.until < block.until) {
            inner.blocks.insert(block.credential.clone(), block.clone());
        }
        Ok(())
    }

    async fn blocks(&self) -> Result<Vec<Block>> {
        Ok(self.0.lock().unwrap().blocks.values().cloned().collect())
    }

    async fn learnt(&self, credential: &str) -> Result<Option<String>> {
        Ok(self.0.lock().unwrap().learnt.get(credential).cloned())
    }

    async fn keep_learnt(
        &self,
        credential: &str,
        learnt: &str,
        over: Option<&str>,
    ) -> Result<bool> {
        let mut inner = self.0.lock().unwrap();
        let is_read = inner.learnt.get(credential).map(String::as_str) == over;
        if is_read {
            inner
                .learnt
                .insert(credential.to_owned(), learnt.to_owned());
        }
        Ok(is_read)
    }
}
