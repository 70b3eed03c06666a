//! A server of its own that is stopped as by a crash, and started again.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ledger::event::RepoId;
use ledger::port::queue::{BackfillQueue, Delays};
use ledger::port::{Activity, Coordination, Cursor};
use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::super::{Postgres, PostgresQueue, Settings};
use super::world::{ORG, at, commits, feed, held, lead, now};

/// Whom the server runs as where the tests run as root, which it refuses.
const NOBODY: u32 = 65_534;

struct Server {
    directory: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
    running: Option<Child>,
}

impl Server {
    fn new() -> Server {
        let advice =
            "this test starts a PostgreSQL server of its own: put its pg_config on the path";
        let programs = Command::new("pg_config")
            .arg("--bindir")
            .output()
            .expect(advice);
        let programs = String::from_utf8(programs.stdout).unwrap();
        let directory = tempfile::tempdir().unwrap();
        if geteuid().is_root() {
            std::os::unix::fs::chown(directory.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server {
            directory,
            programs: PathBuf::from(programs.trim()),
            port: listener.local_addr().unwrap().port(),
            running: None,
        };
        let made = server
            .program("initdb")
            .args([
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(server.data())
            .stdout(Stdio::null())
            .status()
            .expect(advice);
        assert!(made.success(), "{made}");
        server
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(Path::new("/"));
        if geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn start(&mut self) {
        let child = self
            .program("postgres")
            .arg("-D")
            .arg(self.data())
            .args([
                "-p",
                &self.port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
            ])
            .args([
                "-c",
                "unix_socket_directories=",
                "-c",
                "shared_buffers=16MB",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.running = Some(child);
    }

    /// At once, and without a word on disk.
    fn crash(&mut self) {
        if let Some(mut child) = self.running.take() {
            let pid = Pid::from_child(&child);
            kill_process(pid, Signal::QUIT).unwrap();
            child.wait().unwrap();
        }
    }

    fn settings(&self) -> Settings {
        Settings::new(format!(
            "postgres://postgres@127.0.0.1:{}/postgres",
            self.port
        ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.crash();
    }
}

/// Until the server is there.
async fn ready(store: &Postgres) {
    while let Err(error) = store.ping().await {
        assert!(error.is_unavailable(), "{error:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_before_a_crash_of_the_server_is_there_after_it() {
    let mut server = Server::new();
    let store = Postgres::open(&server.settings()).unwrap();
    assert!(
        store.ping().await.unwrap_err().is_unavailable(),
        "nobody is there yet"
    );
    server.start();
    ready(&store).await;
    let queue = PostgresQueue::open(&store, Delays::new([Duration::from_secs(60)]).unwrap());
    let term = lead(&store, [1]).await;
    for round in 1..4 {
        let oid = format!("{round}");
        let recorded = store
            .record(term.into(), ORG, RepoId(1), commits(&[&oid], round), now())
            .await;
        recorded.unwrap();
        let block = ledger::port::coordination::Block {
            credential: "a".to_owned(),
            until: at(round),
            reckoned: None,
        };
        store.close(&block).await.unwrap();
        queue.publish(&super::faults::task(), now()).await.unwrap();
        let before = feed(&store, Cursor::default()).await;

        server.crash();
        assert!(store.ping().await.unwrap_err().is_unavailable());
        server.start();
        ready(&store).await;
        assert_eq!(feed(&store, Cursor::default()).await, before);
        assert_eq!(store.blocks().await.unwrap(), [block]);
        assert_eq!(queue.depth().await.unwrap().waiting, round.unsigned_abs());
        assert_eq!(
            held(&store, 1).await.1,
            at(round),
            "the term and the schema are the same"
        );
    }
}
