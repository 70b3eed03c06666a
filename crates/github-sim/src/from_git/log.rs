//! `git log --numstat`, parsed as it streams, in as many processes as there are cores.
//!
//! The settings that decide what a change counts are left as they are for whoever runs this, so that the numbers are
//! those that a plain `git log --numstat` prints there; only what would change the form of the output is pinned.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jiff::Timestamp;

use super::git::{Error, Git};
use super::people::People;
use crate::world::Oid;

/// The most processes at once.
const PROCESSES: usize = 8;

/// How often progress is told, in commits.
const STEP: usize = 1_000;

const ARGUMENTS: &[&str] = &[
    "-c",
    "log.showSignature=false",
    "log",
    "--no-walk=unsorted",
    "--stdin",
    "--no-color",
    "--no-diff-merges",
    "--encoding=UTF-8",
    "--numstat",
    "--format=%x00%H%x00%P%x00%aN%x00%aE%x00%at%x00%cN%x00%cE%x00%ct%x00%s",
];

/// A commit as git prints it; its people by their place in [`People`].
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) oid: Oid,
    pub(super) parents: Box<[Oid]>,
    pub(super) author: usize,
    pub(super) authored_at: Timestamp,
    pub(super) committer: usize,
    pub(super) committed_at: Timestamp,
    pub(super) subject: Box<str>,
    pub(super) additions: u64,
    pub(super) deletions: u64,
    pub(super) changed_files: u64,
}

/// Reads these commits, in this order.
pub(super) fn read(
    git: &Git,
    oids: &[Oid],
    people: &mut People,
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<Vec<Entry>, Error> {
    let processes = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(PROCESSES);
    let chunks: Vec<&[Oid]> = oids
        .chunks((oids.len() / (processes * 4)).clamp(500, 20_000))
        .collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let told = Mutex::new((progress, 0_usize));
    let done: Mutex<Vec<Option<Chunk>>> = Mutex::new(chunks.iter().map(|_| None).collect());
    let work = || -> Result<(), Error> {
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(oids) = chunks.get(at) else { break };
            let chunk = Chunk::read(git, oids, &mut |count| {
                let mut told = told.lock().expect("progress does not panic");
                let (progress, commits) = &mut *told;
                *commits += count;
                progress(*commits);
            });
            let chunk = chunk.inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
            done.lock().expect("no reader panics")[at] = Some(chunk);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..processes.min(chunks.len()))
            .map(|_| scope.spawn(work))
            .collect();
        readers
            .into_iter()
            .try_for_each(|reader| reader.join().expect("no reader panics"))
    })?;
    // In the order of the history again, so that who is met first does not depend on who reads faster.
    let mut entries = Vec::with_capacity(oids.len());
    for chunk in done
        .into_inner()
        .expect("no reader panics")
        .into_iter()
        .flatten()
    {
        let place = people.admit(chunk.people);
        entries.extend(chunk.entries.into_iter().map(|entry| Entry {
            author: place[entry.author],
            committer: place[entry.committer],
            ..entry
        }));
    }
    Ok(entries)
}

/// A part of a history, with people counted by itself.
struct Chunk {
    entries: Vec<Entry>,
    people: People,
}

impl Chunk {
    fn read(git: &Git, oids: &[Oid], progress: &mut dyn FnMut(usize)) -> Result<Chunk, Error> {
        let mut input = Vec::with_capacity(oids.len() * 41);
        for oid in oids {
            input.extend(oid.to_string().as_bytes());
            input.push(b'\n');
        }
        let mut running = git.start(ARGUMENTS, &input)?;
        let mut chunk = Chunk {
            entries: Vec::with_capacity(oids.len()),
            people: People::default(),
        };
        let mut line = Vec::new();
        let mut told = 0;
        while running.line(&mut line)? {
            match line.split_first() {
                Some((0, header)) => {
                    let entry = entry(header, &mut chunk.people);
                    chunk
                        .entries
                        .push(entry.ok_or_else(|| git.nonsense("a commit that is none"))?);
                    if chunk.entries.len() - told == STEP {
                        progress(STEP);
                        told += STEP;
                    }
                }
                Some((b'0'..=b'9' | b'-', _)) => {
                    let counts = counts(&line).zip(chunk.entries.last_mut());
                    let ((additions, deletions), entry) =
                        counts.ok_or_else(|| git.nonsense("a count that is none"))?;
                    entry.additions += additions;
                    entry.deletions += deletions;
                    entry.changed_files += 1;
                }
                _ => {}
            }
        }
        running.finish()?;
        if chunk.entries.len() != oids.len() {
            return Err(git.nonsense("fewer commits than there are"));
        }
        progress(chunk.entries.len() - told);
        Ok(chunk)
    }
}

/// A header line, without the NUL that it begins with.
fn entry(header: &[u8], people: &mut People) -> Option<Entry> {
    let mut fields = header.splitn(9, |byte| *byte == 0);
    let mut field = || fields.next();
    let oid = Oid::from_hex(field()?)?;
    let parents = field()?
        .split(|byte| *byte == b' ')
        .filter(|parent| !parent.is_empty());
    let parents = parents.map(Oid::from_hex).collect::<Option<_>>()?;
    let author = people.author(field()?, field()?);
    let authored_at = time(field()?);
    let committer = people.committer(field()?, field()?);
    let committed_at = time(field()?);
    let subject = String::from_utf8_lossy(field()?)
        .into_owned()
        .into_boxed_str();
    let (additions, deletions, changed_files) = (0, 0, 0);
    Some(Entry {
        oid,
        parents,
        author,
        authored_at,
        committer,
        committed_at,
        subject,
        additions,
        deletions,
        changed_files,
    })
}

/// Seconds since 1970, kept within what a timestamp can be; git prints nothing for a time that it cannot read.
fn time(digits: &[u8]) -> Timestamp {
    let Some(seconds) = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse::<i128>().ok())
    else {
        return Timestamp::UNIX_EPOCH;
    };
    let bounds = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let seconds =
        i64::try_from(seconds.clamp(bounds.0.into(), bounds.1.into())).unwrap_or_default();
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The two numbers of a `--numstat` line; `-` stands for a binary file.
fn counts(line: &[u8]) -> Option<(u64, u64)> {
    let mut fields = line.split(|byte| *byte == b'\t');
    let mut count = || match fields.next()? {
        b"-" => Some(0),
        digits => std::str::from_utf8(digits).ok()?.parse().ok(),
    };
    Some((count()?, count()?))
}
