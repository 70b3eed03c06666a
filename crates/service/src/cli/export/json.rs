//! One JSON object a line, each with every column.

use std::io::Write as _;

use super::record::{Record, Sink};
use super::target::{Target, unwritten};

pub(super) struct Json(Target);

impl Json {
    pub(super) fn new(target: Target) -> Json {
        Json(target)
    }
}

impl Sink for Json {
    fn take(&mut self, record: &Record<'_>) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.0, record).map_err(|error| unwritten(error.into()))?;
        self.0.write_all(b"\n").map_err(unwritten)
    }

    fn finish(self) -> anyhow::Result<Target> {
        Ok(self.0)
    }
}
