//! Clones made on the spot, with everything in them that histories have: merges, renames, binary files, empty commits,
//! names in any bytes, several addresses, a mailmap, and times that are out of order or out of this world.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

/// A bare clone in a directory that goes away with it.
pub(crate) struct TestClone {
    directory: TempDir,
}

impl TestClone {
    /// A clone without a commit.
    pub(crate) fn empty() -> TestClone {
        let clone = TestClone {
            directory: TempDir::new().unwrap(),
        };
        let path = clone.path();
        std::fs::create_dir(&path).unwrap();
        clone.git(
            &["init", "--quiet", "--bare", "--initial-branch=trunk"],
            b"",
        );
        clone
    }

    /// A clone with about so many commits.
    pub(crate) fn of(seed: u64, commits: usize) -> TestClone {
        let clone = TestClone::empty();
        clone.git(
            &["fast-import", "--quiet", "--date-format=raw-permissive"],
            &Stream::write(seed, commits),
        );
        clone.commit_by_hand(b"Ancient <old@example.org> -86400 +0000");
        clone.commit_by_hand(b"Broken <broken@example.org> yesterday");
        clone.commit_by_hand(b"Far <far@example.org> 99999999999999 +0000");
        clone
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("some thing.git")
    }

    /// Runs git here and returns what it prints.
    pub(crate) fn git(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        git(&self.path(), arguments, input)
    }

    /// An empty commit on top with a signature that git itself would refuse to write.
    fn commit_by_hand(&self, signature: &[u8]) {
        let tip = String::from_utf8(self.git(&["rev-parse", "HEAD"], b"")).unwrap();
        let tree = String::from_utf8(self.git(&["rev-parse", "HEAD^{tree}"], b"")).unwrap();
        let mut commit = format!("tree {}\nparent {}\n", tree.trim(), tip.trim()).into_bytes();
        for role in ["author ", "committer "] {
            commit.extend(role.as_bytes());
            commit.extend(signature);
            commit.push(b'\n');
        }
        commit.extend(b"\nBy hand\n");
        let oid = self.git(
            &[
                "hash-object",
                "-t",
                "commit",
                "-w",
                "--stdin",
                "--literally",
            ],
            &commit,
        );
        self.git(
            &["update-ref", "HEAD", String::from_utf8(oid).unwrap().trim()],
            b"",
        );
    }
}

pub(crate) fn git(path: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(path)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feed = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap().unwrap();
    assert!(output.status.success(), "git {arguments:?} fails");
    output.stdout
}

/// Authors as they stand in commits: some are one person with several addresses, some are two with names that look the
/// same once they are read as UTF-8.
const AUTHORS: &[&[u8]] = &[
    b"Ada Byron <ada@example.org>",
    b"Ada Byron <ada@home.example.net>",
    b"Ada Byron <12345+ada-b@users.noreply.github.com>",
    b"ada-b <ada-b@example.org>",
    b"Jos\xe9 Latin <jose@example.org>",
    b"Jos\xe8 Latin <jose@example.org>",
    "Zoë Dvořák <zoe@example.org>".as_bytes(),
    "יעל כהן <yael@example.org>".as_bytes(),
    "محمد علي <m.ali@example.org>".as_bytes(),
    "李雷 <li@example.org>".as_bytes(),
    b" <nameless@example.org>",
    b" <other@example.org>",
    b"No Address <>",
    b"dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>",
    b"Old Name <renamed@example.org>",
    b"1\t2\tnot a count <tabs@example.org>",
    b"web-flow <me@example.org>",
    b"GitHub <noreply@github.com>",
];

const MAILMAP: &str = "New Name <renamed@example.org>\n";

struct Stream {
    out: Vec<u8>,
    random: ChaCha8Rng,
    mark: usize,
    time: i64,
    files: Vec<String>,
}

impl Stream {
    fn write(seed: u64, commits: usize) -> Vec<u8> {
        let random = ChaCha8Rng::seed_from_u64(seed);
        let mut stream = Stream {
            out: Vec::new(),
            random,
            mark: 0,
            time: 1_600_000_000,
            files: Vec::new(),
        };
        stream.first();
        while stream.mark < commits {
            match stream.random.random_range(0..10) {
                0 => stream.merge(),
                1 => stream.empty(),
                2 => stream.rename(),
                3 => stream.binary(),
                _ => stream.edit(),
            }
        }
        stream.out
    }

    fn say(&mut self, line: impl AsRef<[u8]>) {
        self.out.extend(line.as_ref());
        self.out.push(b'\n');
    }

    fn data(&mut self, data: &[u8]) {
        self.say(format!("data {}", data.len()));
        self.say(data);
    }

    /// A commit on a branch, without its changes.
    fn commit(&mut self, branch: &str, from: Option<&str>, merge: Option<&str>, message: &str) {
        self.mark += 1;
        self.time += self.random.random_range(0..2_000);
        let odd = match self.random.random_range(0..40) {
            0 => 0,
            1 => 1,
            2 => self.time - 90_000_000,
            3 => self.time + 4_000_000_000,
            _ => self.time,
        };
        let (author, committer) = (self.author(), self.author());
        self.say(format!("commit refs/heads/{branch}"));
        self.say(format!("mark :{}", self.mark));
        for (role, who) in [("author ", author), ("committer ", committer)] {
            self.out.extend(role.as_bytes());
            self.out.extend(who);
            self.say(format!(" {odd} +0130"));
        }
        if self.random.random_bool(0.02) {
            self.say("encoding ISO-8859-1");
        }
        self.data(message.as_bytes());
        for (word, commit) in [("from", from), ("merge", merge)] {
            if let Some(commit) = commit {
                self.say(format!("{word} {commit}"));
            }
        }
    }

    fn author(&mut self) -> &'static [u8] {
        AUTHORS[self.random.random_range(0..AUTHORS.len())]
    }

    fn first(&mut self) {
        self.commit("trunk", None, None, "Begin");
        self.say("M 100644 inline .mailmap");
        self.data(MAILMAP.as_bytes());
        for n in 0..12 {
            self.file(&format!("src/file {n}.txt"));
        }
    }

    /// A file of random lines, old or new.
    fn file(&mut self, name: &str) {
        let mut text = String::new();
        for n in 0..self.random.random_range(1..40) {
            let word: u32 = self.random.random_range(0..4);
            text.push_str(&format!("line {n} of {word}\n"));
        }
        if self.random.random_bool(0.2) {
            text.pop();
        }
        self.say(format!("M 100644 inline {name}"));
        self.data(text.as_bytes());
        if !self.files.iter().any(|file| file == name) {
            self.files.push(name.to_owned());
        }
    }

    fn some_file(&mut self) -> String {
        self.files[self.random.random_range(0..self.files.len())].clone()
    }

    fn edit(&mut self) {
        self.commit(
            "trunk",
            None,
            None,
            "Edit\n\nWith a body.\n5\t5\tthat looks like a count\n",
        );
        for _ in 0..self.random.random_range(1..4) {
            let file = self.some_file();
            self.file(&file);
        }
    }

    fn empty(&mut self) {
        self.commit("trunk", None, None, "");
    }

    fn rename(&mut self) {
        let mark = self.mark;
        let (old, new) = (self.some_file(), format!("moved/\u{fc}ber {mark}.txt"));
        self.commit("trunk", None, None, "Move a file");
        self.say(format!("R \"{old}\" {new}"));
        self.files.retain(|file| *file != old);
        self.files.push(new);
    }

    fn binary(&mut self) {
        self.commit("trunk", None, None, "Add a picture");
        let picture: Vec<u8> = (0..200)
            .map(|_| self.random.random_range(0..=255))
            .collect();
        let mark = self.mark;
        self.say(format!("M 100644 inline picture {}.bin", mark % 5));
        self.data(&[&[0], picture.as_slice()].concat());
    }

    /// A topic that begins some way back, with a merge of it.
    fn merge(&mut self) {
        let back = self.random.random_range(0..self.mark.min(20)) + 1;
        let (base, number) = (format!(":{}", self.mark + 1 - back), self.mark);
        self.say("reset refs/heads/topic");
        self.say(format!("from {base}"));
        self.say("");
        for n in 0..self.random.random_range(1..4) {
            self.commit("topic", None, None, "Work on a topic (#9)");
            self.say(format!("M 100644 inline topic/{number}-{n}.txt"));
            self.data(b"one\ntwo\n");
        }
        let topic = format!(":{}", self.mark);
        let message = format!("Merge pull request #{number} from ada-b/topic");
        self.commit("trunk", None, Some(&topic), &message);
    }
}
