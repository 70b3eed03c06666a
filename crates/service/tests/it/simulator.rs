//! `tidegate sim` as a process of its own, for tests of commands that go to GitHub over a socket.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

/// A simulated GitHub that ends with the test.
pub(crate) struct Simulator {
    child: Child,
    address: String,
}

impl Simulator {
    /// Starts one on a free port and waits until it says where.
    pub(crate) fn start(arguments: &[&str]) -> Simulator {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("tidegate"))
            .args(["sim", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut out = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut first = String::new();
        out.read_line(&mut first).expect("a first line comes");
        let address = first
            .trim()
            .strip_prefix("listening on http://")
            .expect("the first line is the address")
            .to_owned();
        // The lines after the first must not end it with a closed pipe.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Simulator { child, address }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The root of its API.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The whole answer to a request that its token signs.
    pub(crate) fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("the simulator listens");
        let head =
            "authorization: Bearer sim-token\r\nuser-agent: test\r\nconnection: close\r\n\r\n";
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {}\r\n{head}",
            self.address
        )
        .expect("the request is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer comes");
        answer
    }

    /// Ctrl-C; its exit code.
    pub(crate) fn interrupt(&mut self) -> Option<i32> {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).expect("it is there");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}
