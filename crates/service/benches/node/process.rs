//! The binary as a process: how soon it is ready, how much it holds when idle, how large it is.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

const BINARY: &str = env!("CARGO_BIN_EXE_tidegate");
const STARTS: usize = 9;

/// What was measured.
pub(crate) struct Measured {
    pub(crate) ready_ms: f64,
    pub(crate) ready_all: Vec<f64>,
    pub(crate) idle_mib: f64,
    pub(crate) binary_mib: f64,
}

/// A process that is ended when it is dropped.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// Starts a command and reads the first address it prints.
    fn start(folder: &Path, arguments: &[&str]) -> Process {
        let mut child = Command::new(BINARY)
            .args(arguments)
            .env_clear()
            .env("GITHUB_TOKEN", "sim-token")
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let address = lines.by_ref().find_map(|line| {
            let line = line.expect("output is text");
            line.strip_prefix("listening on http://")?.parse().ok()
        });
        let address = address.expect("it says where it listens");
        // What it prints later must have somewhere to go.
        std::thread::spawn(move || lines.for_each(drop));
        Process { child, address }
    }

    /// The status and the body at a path; nothing where it does not answer yet.
    fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.address
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    fn resident_mib(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<f64>().ok())
            .expect("a number")
            / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn measure() -> Measured {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let sim = Process::start(
        folder.path(),
        &["sim", "--listen", "127.0.0.1:0", "--speed", "0"],
    );
    let api = format!("http://{}", sim.address);
    let run = |state: &str| {
        let arguments = [
            "run",
            "--org",
            "acme",
            "--api-url",
            &api,
            "--listen",
            "127.0.0.1:0",
            "--state",
            state,
        ];
        Process::start(folder.path(), &arguments)
    };
    // The first start is for the caches of the disk.
    let mut ready_all = Vec::new();
    for number in 0..=STARTS {
        let begun = Instant::now();
        let node = run(&format!("{number}.db"));
        while node.get("/readyz").is_none_or(|(status, _)| status != 200) {
            std::thread::sleep(Duration::from_millis(1));
        }
        ready_all.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    ready_all.remove(0);
    let mut sorted = ready_all.clone();
    sorted.sort_by(f64::total_cmp);

    let node = run("idle.db");
    let patience = Instant::now() + Duration::from_secs(60);
    let up = |(_, body): (u16, String)| body.contains("tidegate_up{org=\"acme\"} 1\n");
    while !node.get("/metrics").is_some_and(up) {
        assert!(Instant::now() < patience, "no cycle ended within a minute");
        std::thread::sleep(Duration::from_millis(50));
    }
    // It settles: snapshots are published and read a few times more.
    std::thread::sleep(Duration::from_secs(5));
    let binary = std::fs::metadata(BINARY)
        .expect("the binary is there")
        .len();
    Measured {
        ready_ms: sorted[sorted.len() / 2],
        ready_all,
        idle_mib: node.resident_mib(),
        binary_mib: binary as f64 / f64::from(1 << 20),
    }
}
