//! Comma-separated values after RFC 4180: a head, then one event a line; what is not there is empty.

use std::fmt::Display;
use std::io::{self, Write};

use super::record::{COLUMNS, Record, Sink};
use super::target::{Target, unwritten};

pub(super) struct Csv<W = Target>(W);

impl Csv {
    pub(super) fn new(mut target: Target) -> anyhow::Result<Csv> {
        head(&mut target).map_err(unwritten)?;
        Ok(Csv(target))
    }
}

impl Sink for Csv {
    fn take(&mut self, record: &Record<'_>) -> anyhow::Result<()> {
        line(&mut self.0, record).map_err(unwritten)
    }

    fn finish(self) -> anyhow::Result<Target> {
        Ok(self.0)
    }
}

pub(super) fn head(out: &mut impl Write) -> io::Result<()> {
    write!(out, "{}\r\n", COLUMNS.join(","))
}

pub(super) fn line(out: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    let Record {
        time,
        org,
        repo,
        repo_id,
        kind,
        id,
        user,
        number,
        state,
        on,
        merged_by,
        seconds,
        additions,
        deletions,
        changed_files,
        lines,
    } = record;
    write!(out, "{time},")?;
    text(out, org)?;
    text(out, repo)?;
    write!(out, "{repo_id},")?;
    for value in [kind, *id, *user] {
        text(out, value)?;
    }
    number_or_nothing(out, number)?;
    text(out, state.unwrap_or_default())?;
    text(out, on.unwrap_or_default())?;
    text(out, merged_by.as_deref().unwrap_or_default())?;
    for number in [seconds, additions, deletions, changed_files] {
        number_or_nothing(out, number)?;
    }
    match lines {
        Some(lines) => write!(out, "{lines}\r\n"),
        None => out.write_all(b"\r\n"),
    }
}

fn number_or_nothing(out: &mut impl Write, number: &Option<impl Display>) -> io::Result<()> {
    match number {
        Some(number) => write!(out, "{number},"),
        None => out.write_all(b","),
    }
}

fn text(out: &mut impl Write, value: &str) -> io::Result<()> {
    if value.contains([',', '"', '\r', '\n']) {
        write!(out, "\"{}\",", value.replace('"', "\"\""))
    } else {
        write!(out, "{value},")
    }
}
