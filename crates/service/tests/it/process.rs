//! Processes of the real binary, as a shell would start them: in a folder of their own, with no variable of the test's
//! own process, and gone when the test is. What they answer is read over a plain socket.

pub(crate) mod between;
pub(crate) mod exposition;
pub(crate) mod github;
pub(crate) mod stranger;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

/// So often somebody looks whether something has happened.
const LOOK: Duration = Duration::from_millis(20);

/// The longest that anything may take; a test that gets here has failed.
pub(crate) const PATIENCE: u64 = 60;

/// Looks again and again until there is an answer.
#[track_caller]
pub(crate) fn until<T>(what: &str, seconds: u64, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..seconds * 1_000 / 20 {
        if let Some(seen) = look() {
            return seen;
        }
        std::thread::sleep(LOOK);
    }
    panic!("{what}: not within {seconds} s");
}

/// A machine's worth of folders: a home, a place for temporary files and a working directory.
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        let root = tempfile::tempdir().expect("a folder can be made");
        for name in ["home", "tmp", "work"] {
            std::fs::create_dir(root.path().join(name)).expect("a folder can be made");
        }
        Place { root }
    }

    /// A path in the working directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("work").join(name)
    }

    /// A path in the working directory, as an argument.
    pub(crate) fn argument(&self, name: &str) -> String {
        self.path(name)
            .to_str()
            .expect("paths of tests are UTF-8")
            .to_owned()
    }

    /// Writes a file into the working directory, readable by its owner alone; its path as an argument.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut options = std::fs::OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.path(name));
        file.and_then(|mut file| file.write_all(content.as_ref()))
            .expect("the file is written");
        self.argument(name)
    }

    /// Every file and folder below, without those that were there from the start.
    pub(crate) fn files(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut folders = ["home", "tmp", "work"]
            .map(|name| self.root.path().join(name))
            .to_vec();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("the folder can be read") {
                let path = entry.expect("the folder can be read").path();
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path.clone());
                }
                found.insert(path);
            }
        }
        found
    }

    /// The binary, with these arguments, in the working directory.
    pub(crate) fn tidegate(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command
            .args(arguments)
            .env_clear()
            // Git is found by it.
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.root.path().join("home"))
            .env("TMPDIR", self.root.path().join("tmp"))
            .envs(variables.iter().copied())
            .current_dir(self.root.path().join("work"));
        command
    }

    /// Starts the binary and does not wait for it.
    pub(crate) fn start(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Running {
        Running::start(self.tidegate(arguments, variables))
    }

    /// Runs the binary to its end.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        self.start(arguments, variables).wait()
    }
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A process that ends with the test.
pub(crate) struct Running {
    child: Child,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Running {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let (out, err) = (Arc::default(), Arc::default());
        let readers = vec![
            follow(child.stdout.take().expect("it is piped"), &out),
            follow(child.stderr.take().expect("it is piped"), &err),
        ];
        Running {
            child,
            out,
            err,
            readers,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard output so far.
    pub(crate) fn out(&self) -> String {
        self.out.lock().expect("readers do not panic").clone()
    }

    /// What it has written to standard error so far.
    pub(crate) fn err(&self) -> String {
        self.err.lock().expect("readers do not panic").clone()
    }

    /// The addresses that it says it listens on, once there are so many. They are its first lines.
    #[track_caller]
    pub(crate) fn listening_on(&mut self, count: usize) -> Vec<String> {
        until("it listens", PATIENCE, || {
            let out = self.out();
            let lines: Vec<&str> = out
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'))
                .take(count)
                .collect();
            if lines.len() < count {
                let ended = self.child.try_wait().expect("a child can be asked");
                assert!(ended.is_none(), "it ended with {ended:?}: {}", self.err());
                return None;
            }
            let address = |line: &&str| {
                let address = line.trim_end().strip_prefix("listening on http://");
                address
                    .unwrap_or_else(|| panic!("the first lines are the addresses: {out}"))
                    .to_owned()
            };
            Some(lines.iter().map(address).collect())
        })
    }

    #[track_caller]
    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal)
            .expect("the process is there");
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// Ends it with SIGKILL, wherever it is.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ended {
        let status = until_or_else(PATIENCE, || self.ended()).unwrap_or_else(|| {
            panic!(
                "it does not end; standard output:\n{}\nstandard error:\n{}",
                self.out(),
                self.err()
            )
        });
        for reader in self.readers.drain(..) {
            reader.join().expect("readers do not panic");
        }
        Ended {
            code: status.code(),
            out: self.out(),
            err: self.err(),
        }
    }

    fn end(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn until_or_else<T>(seconds: u64, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    (0..seconds * 1_000 / 20).find_map(|_| {
        let seen = look();
        if seen.is_none() {
            std::thread::sleep(LOOK);
        }
        seen
    })
}

/// Reads a stream to its end in a thread.
fn follow(mut stream: impl Read + Send + 'static, text: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let text = Arc::clone(text);
    std::thread::spawn(move || {
        let mut piece = [0; 8 << 10];
        // A character may be cut in two by the end of a piece; what is kept here is its beginning.
        let mut bytes = Vec::new();
        while let Ok(length @ 1..) = stream.read(&mut piece) {
            bytes.extend_from_slice(&piece[..length]);
            let whole = match std::str::from_utf8(&bytes) {
                Ok(text) => text.len(),
                Err(error) => error.valid_up_to(),
            };
            let text_of_it =
                String::from_utf8(bytes.drain(..whole).collect()).expect("it was checked");
            text.lock()
                .expect("readers do not panic")
                .push_str(&text_of_it);
        }
        assert!(bytes.is_empty(), "output is UTF-8: {bytes:?}");
    })
}

/// An answer over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks `http://{address}{path}`; none if nobody answers.
pub(crate) fn ask(address: &str, request: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(PATIENCE)))
        .ok()?;
    let (line, more) = request.split_once('\n').unwrap_or((request, ""));
    let more = more.replace('\n', "\r\n");
    // HTTP/1.0: the answer comes in one piece and ends with the connection.
    write!(stream, "{line} HTTP/1.0\r\nhost: {address}\r\n{more}\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

/// The body of what must be there.
#[track_caller]
pub(crate) fn get(address: &str, path: &str) -> String {
    let answer = ask(address, &format!("GET {path}"))
        .unwrap_or_else(|| panic!("nobody answers at {address}"));
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

/// What must be there, as JSON.
#[track_caller]
pub(crate) fn get_json(address: &str, path: &str) -> serde_json::Value {
    serde_json::from_str(&get(address, path)).expect("the answer is JSON")
}
