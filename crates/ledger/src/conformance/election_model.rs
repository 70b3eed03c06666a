//! An office in a variable: what the cases of the election are tried on. For tests of this crate alone.

use std::sync::Mutex;

use async_trait::async_trait;

use crate::port::Result;
use crate::port::election::{Election, Office};

#[derive(Default)]
pub(super) struct Chair(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    office: Option<Office>,
    steps: u64,
}

impl Inner {
    fn step(&mut self, holder: Option<&str>, epoch: u64) -> Option<Office> {
        self.steps += 1;
        self.office = Some(Office {
            holder: holder.map(str::to_owned),
            epoch,
            mark: self.steps.to_string(),
        });
        self.office.clone()
    }
}

#[async_trait]
impl Election for Chair {
    async fn look(&self) -> Result<Option<Office>> {
        Ok(self.0.lock().unwrap().office.clone())
    }

    async fn take(&self, me: &str, over: Option<&Office>) -> Result<Option<Office>> {
        let mut inner = self.0.lock().unwrap();
        if inner.office.as_ref() != over {
            return Ok(None);
        }
        Ok(inner.step(Some(me), over.map_or(1, |over| over.epoch + 1)))
    }

    async fn renew(&self, mine: &Office) -> Result<Option<Office>> {
        let mut inner = self.0.lock().unwrap();
        if inner.office.as_ref() != Some(mine) {
            return Ok(None);
        }
        Ok(inner.step(mine.holder.as_deref(), mine.epoch))
    }

    async fn resign(&self, mine: &Office) -> Result<()> {
        let mut inner = self.0.lock().unwrap();
        if inner.office.as_ref() == Some(mine) {
            inner.step(None, mine.epoch);
        }
        Ok(())
    }
}

mod tests {
    use std::sync::Arc;

    use super::super::tests::run;
    use super::*;

    macro_rules! election {
        ($($case:ident)*) => { $(
            #[test]
            fn $case() {
                run(crate::conformance::election::$case(&|handles| {
                    let chair: Arc<dyn Election> = Arc::new(Chair::default());
                    vec![chair; handles]
                }));
            }
        )* };
    }
    crate::election_cases!(election);

    #[test]
    fn every_case_is_named_where_adapters_look_for_it() {
        macro_rules! names {
            ($($case:ident)*) => { [$(stringify!($case)),*] };
        }
        let written: Vec<&str> = include_str!("election_cases.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn ")?.split_once('('))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(written, crate::election_cases!(names));
    }
}
