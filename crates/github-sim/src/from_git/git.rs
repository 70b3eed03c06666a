//! Running git: what to ask it, and what its failures mean.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::world::Oid;

/// Why a clone could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no git.
    #[error("could not run git: install it to read local clones")]
    NoGit(#[source] std::io::Error),
    /// The path is none of git's.
    #[error("`{path}` is no git repository that can be read (git says: {said})")]
    NotARepository {
        /// The path.
        path: PathBuf,
        /// Git's own words.
        said: String,
    },
    /// Git gave up.
    #[error("git could not read the history of `{path}` (git says: {said})")]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Git's own words.
        said: String,
    },
    /// Git's output broke off or is not what it should be.
    #[error("could not read git's output for `{path}`")]
    Output {
        /// The path.
        path: PathBuf,
        /// What was wrong.
        #[source]
        source: std::io::Error,
    },
}

/// A clone that git accepts.
#[derive(Debug)]
pub(super) struct Git {
    path: PathBuf,
}

impl Git {
    pub(super) fn open(path: &Path) -> Result<Git, Error> {
        let git = Git {
            path: path.to_owned(),
        };
        if !path.is_dir() {
            let said = "there is no such directory".to_owned();
            return Err(Error::NotARepository {
                path: git.path,
                said,
            });
        }
        match git.ask(&["rev-parse", "--git-dir"])? {
            Ok(_) => Ok(git),
            Err(said) => Err(Error::NotARepository {
                path: git.path,
                said,
            }),
        }
    }

    /// The directory's own name, without `.git`, in the letters that a repository's name may have.
    pub(super) fn name(&self) -> String {
        let path = self
            .path
            .canonicalize()
            .unwrap_or_else(|_| self.path.clone());
        let own = path.file_name().unwrap_or_default();
        let outer = path.parent().and_then(Path::file_name).unwrap_or_default();
        let own = if own == ".git" { outer } else { own }.to_string_lossy();
        let own = own.strip_suffix(".git").unwrap_or(&own);
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
        let name: String = own
            .chars()
            .map(|letter| if allowed(letter) { letter } else { '-' })
            .collect();
        if name.trim_matches(['-', '.']).is_empty() {
            "clone".to_owned()
        } else {
            name
        }
    }

    /// The branch that is checked out; `main` if none is.
    pub(super) fn branch(&self) -> Result<String, Error> {
        let branch = self.ask(&["symbolic-ref", "--quiet", "--short", "HEAD"])?;
        Ok(branch
            .ok()
            .filter(|branch| !branch.is_empty())
            .unwrap_or_else(|| "main".to_owned()))
    }

    /// The commit that is checked out; `None` before the first.
    pub(super) fn head(&self) -> Result<Option<String>, Error> {
        Ok(self
            .ask(&["rev-parse", "--quiet", "--verify", "HEAD^{commit}"])?
            .ok())
    }

    /// Everything reachable, in the order of `git log`.
    pub(super) fn reachable(&self, head: &str) -> Result<Vec<Oid>, Error> {
        let mut running = self.start(&["rev-list", head], &[])?;
        let mut oids = Vec::new();
        let mut line = Vec::new();
        while running.line(&mut line)? {
            let oid = Oid::from_hex(&line);
            oids.push(oid.ok_or_else(|| self.nonsense("a line of rev-list that is no object id"))?);
        }
        running.finish()?;
        Ok(oids)
    }

    /// What git prints, or what it complains.
    fn ask(&self, arguments: &[&str]) -> Result<Result<String, String>, Error> {
        let output = self
            .command(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(Error::NoGit)?;
        Ok(match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout)
                .trim_end()
                .to_owned()),
            false => Err(last_line(&output.stderr)),
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.path).args(arguments);
        // English complaints, no questions, and no lock that a reader does not need.
        command
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0");
        command
    }

    /// Starts git and feeds it `input`, which it has to read to its end before it prints.
    pub(super) fn start(&self, arguments: &[&str], input: &[u8]) -> Result<Running, Error> {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(Error::NoGit)?;
        let mut stderr = child.stderr.take().expect("it was piped");
        let complaints = std::thread::spawn(move || {
            let mut said = Vec::new();
            // What git says beyond reading it is of no use to anybody.
            drop(stderr.read_to_end(&mut said));
            said
        });
        let stdout = BufReader::with_capacity(1 << 18, child.stdout.take().expect("it was piped"));
        // A git that gave up does not read: its complaint comes at the end.
        drop(child.stdin.take().expect("it was piped").write_all(input));
        Ok(Running {
            path: self.path.clone(),
            child,
            stdout,
            complaints,
        })
    }

    pub(super) fn nonsense(&self, what: &str) -> Error {
        let source = std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
        Error::Output {
            path: self.path.clone(),
            source,
        }
    }
}

/// A git that is printing.
#[derive(Debug)]
pub(super) struct Running {
    path: PathBuf,
    child: Child,
    stdout: BufReader<ChildStdout>,
    complaints: std::thread::JoinHandle<Vec<u8>>,
}

impl Running {
    /// The next line without its end; `false` when there is none.
    pub(super) fn line(&mut self, line: &mut Vec<u8>) -> Result<bool, Error> {
        line.clear();
        let read = self.stdout.read_until(b'\n', line);
        let read = read.map_err(|source| Error::Output {
            path: self.path.clone(),
            source,
        })?;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(read > 0)
    }

    /// Waits for the end, which has to be a good one.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let status = self.child.wait().map_err(|source| Error::Output {
            path: self.path.clone(),
            source,
        })?;
        let said = self.complaints.join().unwrap_or_default();
        if status.success() {
            Ok(())
        } else {
            Err(Error::Unreadable {
                path: self.path,
                said: last_line(&said),
            })
        }
    }
}

/// The last thing that git said, which names the cause.
fn last_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let fatal = said.lines().find_map(|line| line.strip_prefix("fatal: "));
    let line = fatal.or_else(|| said.lines().rev().find(|line| !line.trim().is_empty()));
    line.unwrap_or("nothing").trim().to_owned()
}
