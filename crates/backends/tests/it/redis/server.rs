//! Servers of a test's own, and sentinels: real processes, on a socket in a temporary folder or on a free port.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A process that ends with its handle.
pub(super) struct Server {
    directory: TempDir,
    arguments: Vec<String>,
    url: String,
    process: Child,
}

/// A port that nobody has now.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Server {
    /// On a socket, with nothing on its disk.
    pub(super) fn start(arguments: &[&str]) -> Server {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("redis.sock");
        let url = format!("unix://{}", socket.display());
        let own = ["--port", "0", "--unixsocket", socket.to_str().unwrap()];
        Server::start_in(directory, &own, arguments, url)
    }

    /// On a port.
    pub(super) fn on_port(port: u16, arguments: &[&str]) -> Server {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("redis://127.0.0.1:{port}");
        let own = ["--bind", "127.0.0.1", "--port", &port.to_string()];
        Server::start_in(directory, &own, arguments, url)
    }

    /// A sentinel that finds a master dead by itself.
    pub(super) fn sentinel(port: u16, master: u16) -> Server {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sentinel.conf");
        let lines = [
            format!("bind 127.0.0.1\nport {port}"),
            format!("sentinel monitor main 127.0.0.1 {master} 1"),
            "sentinel down-after-milliseconds main 300".to_owned(),
            "sentinel failover-timeout main 5000".to_owned(),
        ];
        std::fs::write(&file, lines.join("\n")).unwrap();
        let arguments = [file.to_str().unwrap(), "--sentinel"].map(str::to_owned);
        let url = format!("redis://127.0.0.1:{port}");
        let process = run(&directory, &arguments, "Sentinel ID is");
        Server {
            directory,
            arguments: arguments.to_vec(),
            url,
            process,
        }
    }

    fn start_in(directory: TempDir, own: &[&str], more: &[&str], url: String) -> Server {
        let common = [
            "--save",
            "",
            "--appendonly",
            "no",
            "--maxmemory-policy",
            "noeviction",
            "--repl-diskless-sync-delay",
            "0",
        ];
        let all = own.iter().chain(&common).chain(more);
        let arguments: Vec<String> = all.map(|argument| (*argument).to_owned()).collect();
        let process = run(&directory, &arguments, "eady to accept connections");
        Server {
            directory,
            arguments,
            url,
            process,
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("redis.sock")
    }

    /// Kills it, as a loss of power does.
    pub(super) fn kill(&mut self) {
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }

    /// Starts it again with what its disk has.
    pub(super) fn start_again(&mut self) {
        self.process = run(
            &self.directory,
            &self.arguments,
            "eady to accept connections",
        );
    }

    /// Starts it again at another's port, with what its own disk has and as a master.
    pub(super) fn become_at(&mut self, port: u16) {
        self.url = format!("redis://127.0.0.1:{port}");
        let follows = self
            .arguments
            .iter()
            .position(|argument| argument == "--replicaof");
        if let Some(place) = follows {
            self.arguments.drain(place..place + 3);
        }
        let place = self
            .arguments
            .iter()
            .position(|argument| argument == "--port");
        self.arguments[place.unwrap() + 1] = port.to_string();
        self.start_again();
    }

    pub(super) fn connection(&self) -> ::redis::Connection {
        let client = ::redis::Client::open(self.url()).unwrap();
        client.get_connection().unwrap()
    }

    pub(super) fn ask<T: ::redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let mut ask = ::redis::cmd(command[0]);
        ask.arg(&command[1..]);
        ask.query(&mut self.connection()).unwrap()
    }

    /// What `INFO` says under this name.
    pub(super) fn info(&self, name: &str) -> String {
        let info: String = self.ask(&["INFO", "everything"]);
        info.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    /// How often scripts were called.
    pub(super) fn scripts(&self) -> u64 {
        let stats = self.info("cmdstat_evalsha");
        let calls = stats
            .split(',')
            .find_map(|part| part.strip_prefix("calls="));
        calls.map_or(0, |calls| calls.parse().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A process that has said that it is ready.
fn run(directory: &TempDir, arguments: &[String], ready: &str) -> Child {
    let mut process = Command::new("redis-server")
        .args(arguments)
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server must be on the PATH: apt-get install redis-server");
    let mut log = BufReader::new(process.stdout.take().unwrap());
    let mut told = String::new();
    loop {
        let before = told.len();
        if log.read_line(&mut told).unwrap() == 0 {
            panic!("redis-server has ended: {told}");
        }
        if told[before..].contains(ready) {
            break;
        }
    }
    // It would stand still if nobody read what it says.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    process
}
