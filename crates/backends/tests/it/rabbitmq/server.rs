//! A broker of a test's own: a real process, with its state in a temporary folder and on a free port.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

/// Where packages put it, and else by the name alone. What packages put on the path under that name changes its user.
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// A broker that ends with its handle.
pub(super) struct Server {
    directory: TempDir,
    port: u16,
    node: String,
    process: Child,
}

impl Server {
    /// Returns when it takes connections. Blocks for some ten seconds.
    pub(super) fn start() -> Server {
        Server::start_in(tempfile::tempdir().unwrap(), "")
    }

    /// With more settings.
    pub(super) fn start_in(directory: TempDir, more: &str) -> Server {
        let [port, distribution] = free_ports();
        let settings = format!("listeners.tcp.1 = 127.0.0.1:{port}\nlog.console = true\n{more}");
        fs::write(directory.path().join("rabbitmq.conf"), settings).unwrap();
        fs::write(directory.path().join("plugins"), "[].").unwrap();
        let node = format!("tidegate-test-{port}-{distribution}@localhost");
        let process = run(directory.path(), &node, distribution);
        Server {
            directory,
            port,
            node,
            process,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// It is killed, and started on what it has left on its disk.
    pub(super) fn restart(&mut self) {
        self.kill();
        let [distribution, _] = free_ports();
        self.process = run(self.directory.path(), &self.node, distribution);
    }

    fn kill(&mut self) {
        let group = i32::try_from(self.process.id()).unwrap();
        let group = Pid::from_raw(group).unwrap();
        let _ = kill_process_group(group, Signal::KILL);
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ports that nobody has now.
pub(super) fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn run(directory: &Path, node: &str, distribution: u16) -> Child {
    let program = if Path::new(PROGRAM).exists() {
        PROGRAM
    } else {
        "rabbitmq-server"
    };
    let spawned = Command::new(program)
        .env("HOME", directory)
        .env("RABBITMQ_NODENAME", node)
        .env("RABBITMQ_DIST_PORT", distribution.to_string())
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        .env("RABBITMQ_CONFIG_FILE", directory.join("rabbitmq"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", directory.join("plugins"))
        .env("RABBITMQ_MNESIA_BASE", directory.join("state"))
        .env("RABBITMQ_LOG_BASE", directory.join("log"))
        .env("RABBITMQ_LOGS", "-")
        .current_dir(directory)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut process = spawned.unwrap_or_else(|error| {
        panic!("this test starts a RabbitMQ of its own, and there is no program for it ({error}): install rabbitmq-server")
    });
    let mut said = BufReader::new(process.stdout.take().unwrap());
    let mut all = String::new();
    while !all.contains("Server startup complete") {
        let read = said.read_line(&mut all).unwrap();
        assert!(read > 0, "the RabbitMQ of this test has ended:\n{all}");
    }
    // What it says further is of no interest, and must not fill the pipe.
    std::thread::spawn(move || {
        let mut rest = [0; 4096];
        while said.read(&mut rest).is_ok_and(|read| read > 0) {}
    });
    process
}
