//! A made-up history with everything that real ones have, as a stream for `git fast-import`.
//!
//! Merges of two and of three, an unrelated history merged in, renames, copies, binary files, links, submodules, empty
//! commits, changed modes, dates out of order and out of this world, several addresses of one person, names in other
//! scripts and in no script at all. And a branch that was never merged, which must not count.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Names and addresses as they stand in commits, and the encoding that the commit claims for them.
const PEOPLE: &[(&[u8], Option<&str>)] = &[
    (b"Ada Lovelace <ada@example.org>", None),
    (b"Ada Lovelace <ada@engine.example>", None),
    (b"Ada Lovelace <4711+ada@users.noreply.github.com>", None),
    (b"ada lovelace <ada@second.example>", None),
    (b"Ada-Lovelace <ada@third.example>", None),
    ("Jos\u{e9} Garc\u{ed}a <jose@example.org>".as_bytes(), None),
    (b"Andr\xe9 Latin <andre@example.org>", Some("ISO-8859-1")),
    (b"Raw \xff\xfe Bytes <raw@example.org>", None),
    (
        "\u{646}\u{648}\u{631}\u{627} <noura@example.org>".as_bytes(),
        None,
    ),
    (
        "\u{5e9}\u{5e8}\u{5d4} \u{5db}\u{5d4}\u{5df} <sarah@example.org>".as_bytes(),
        None,
    ),
    ("\u{674e}\u{96f7} <li@example.org>".as_bytes(), None),
    (
        b"dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>",
        None,
    ),
    (b"Pat \"Quote\" O'Back\\slash <pat@example.org>", None),
    (b" <nameless@example.org>", None),
    (b"No Address <>", None),
];

/// How GitHub signs what is done in its web pages.
const WEB: &[u8] = b"GitHub <noreply@github.com>";

/// Writes a bare repository with at least so many commits below `HEAD`; how many they are exactly.
pub(super) fn make(repository: &Path, commits: u64) -> u64 {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.env("HOME", repository).env("GIT_CONFIG_NOSYSTEM", "1");
        git.arg("-C").arg(repository).args(arguments);
        git
    };
    std::fs::create_dir(repository).expect("the folder is new");
    let made = git(&["init", "--quiet", "--bare", "--initial-branch=trunk"])
        .status()
        .expect("git runs");
    assert!(made.success());
    let mut import = git(&["fast-import", "--quiet", "--date-format=raw-permissive"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("git runs");
    let mut stream = Stream::new();
    stream.write(commits);
    import
        .stdin
        .take()
        .expect("it is piped")
        .write_all(&stream.text)
        .expect("git reads");
    assert!(import.wait().expect("git ends").success());
    let count = git(&["rev-list", "--count", "HEAD"])
        .output()
        .expect("git runs")
        .stdout;
    String::from_utf8_lossy(&count)
        .trim()
        .parse()
        .expect("a number")
}

struct Stream {
    text: Vec<u8>,
    random: ChaCha8Rng,
    marks: u64,
    /// The lines of `notes.txt` on the trunk.
    notes: Vec<String>,
}

impl Stream {
    fn new() -> Stream {
        Stream {
            text: Vec::new(),
            random: ChaCha8Rng::seed_from_u64(7),
            marks: 0,
            notes: Vec::new(),
        }
    }

    fn write(&mut self, commits: u64) {
        let mut trunk = self.commit("trunk", &[], &changed("read me.md", b"one\ntwo\n"));
        while self.marks < commits {
            trunk = match self.random.random_range(0..20) {
                0 | 1 => self.side_branch(trunk, self.marks),
                2 => self.octopus(trunk),
                3 => self.commit("trunk", &[trunk], b""),
                4 => self.renamed(trunk),
                5 => {
                    let mut bytes = vec![0_u8; 64];
                    self.random.fill(&mut bytes[..]);
                    self.commit("trunk", &[trunk], &changed("logo.bin", &bytes))
                }
                6 => self.oddity(trunk),
                _ => self.edit(trunk),
            };
        }
        // Another root, merged in; and a branch that the trunk never gets.
        let root = self.commit(
            "imported",
            &[],
            &changed("imported/a.c", b"int a;\nint b;\n"),
        );
        let other = self.commit("imported", &[root], &changed("imported/a.c", b"int a;\n"));
        let merged = self.commit(
            "trunk",
            &[trunk, other],
            &changed("imported/a.c", b"int a;\n"),
        );
        self.commit(
            "never-merged",
            &[merged],
            &changed("lost.txt", b"1\n2\n3\n"),
        );
    }

    /// Lines of a file come and go.
    fn edit(&mut self, trunk: u64) -> u64 {
        for _ in 0..self.random.random_range(1..6) {
            let at = self.random.random_range(0..=self.notes.len());
            if self.notes.len() > 30 || (self.random.random_bool(0.4) && at < self.notes.len()) {
                self.notes.remove(at.min(self.notes.len() - 1));
            } else {
                let line = format!("line {}", self.random.random_range(0..1_000));
                self.notes.insert(at, line);
            }
        }
        let mut text = self.notes.join(if self.random.random_bool(0.1) {
            "\r\n"
        } else {
            "\n"
        });
        if self.random.random_bool(0.8) {
            text.push('\n');
        }
        self.commit("trunk", &[trunk], &changed("notes.txt", text.as_bytes()))
    }

    /// A few commits beside the trunk and their merge, now and then with a change of its own.
    fn side_branch(&mut self, trunk: u64, number: u64) -> u64 {
        let file = format!("feature {number}.rs");
        let mut tip = trunk;
        let mut text = String::new();
        for line in 0..self.random.random_range(1..5) {
            text.push_str(&format!("fn f{line}() {{}}\n"));
            tip = self.commit("side", &[tip], &changed(&file, text.as_bytes()));
        }
        if self.random.random_bool(0.3) {
            text.push_str("// settled while merging\n");
        }
        self.commit("trunk", &[trunk, tip], &changed(&file, text.as_bytes()))
    }

    fn octopus(&mut self, trunk: u64) -> u64 {
        let mut arms = vec![trunk];
        let mut all = Vec::new();
        for arm in ["left", "right"] {
            let change = changed(
                &format!("{arm}.txt"),
                format!("{}\n", self.marks).as_bytes(),
            );
            arms.push(self.commit(arm, &[trunk], &change));
            all.extend(change);
        }
        self.commit("trunk", &arms, &all)
    }

    /// A file gets another name and two more lines, so that git has to find the rename.
    fn renamed(&mut self, trunk: u64) -> u64 {
        let (from, to) = (
            format!("old {}.txt", self.marks),
            format!("new {}.txt", self.marks),
        );
        let body: String = (0..20)
            .map(|line| format!("sentence {line} of {from}\n"))
            .collect();
        let there = self.commit("trunk", &[trunk], &changed(&from, body.as_bytes()));
        let mut change = format!("D {}\n", quoted(&from)).into_bytes();
        change.extend(changed(
            &to,
            format!("{body}one more\nand another\n").as_bytes(),
        ));
        self.commit("trunk", &[there], &change)
    }

    /// What is rare, and somewhere in every old repository.
    fn oddity(&mut self, trunk: u64) -> u64 {
        let link = b"M 120000 inline link\ndata 6\nread m\n".to_vec();
        let module = format!("M 160000 {:040x} vendor/lib\n", self.marks + 1).into_bytes();
        let mode = b"M 100755 inline run.sh\ndata 10\n#!/bin/sh\n\n".to_vec();
        let plain = b"M 100644 inline run.sh\ndata 10\n#!/bin/sh\n\n".to_vec();
        let strange = changed(
            "tab\there \"and\" \u{4e2d}\n.txt",
            format!("{}\n", self.marks).as_bytes(),
        );
        let bare = changed("empty", b"");
        let text_to_binary = changed(
            "turns.dat",
            if self.random.random_bool(0.5) {
                b"a\nb\n"
            } else {
                b"a\0b\n"
            },
        );
        let gone = b"D logo.bin\nD empty\n".to_vec();
        let all = [
            link,
            module,
            mode,
            plain,
            strange,
            bare,
            text_to_binary,
            gone,
        ];
        let change = all.choose(&mut self.random).cloned().unwrap_or_default();
        self.commit("trunk", &[trunk], &change)
    }

    /// Dates mostly go on, but clocks are wrong, rebases happen, and somebody lives in no time zone.
    fn when(&mut self) -> String {
        let usual = 1_100_000_000 + self.marks * 60_000;
        match self.random.random_range(0..100) {
            0 => "0 +0000".to_owned(),
            1 => format!("{} +0000", usual - 200_000_000),
            2 => format!("{} -7530", usual),
            3 => "4102444800 +0000".to_owned(),
            4..20 => format!("{} +0530", usual - self.random.random_range(0..5_000_000)),
            _ => format!("{usual} +0200"),
        }
    }

    fn commit(&mut self, branch: &str, parents: &[u64], change: &[u8]) -> u64 {
        self.marks += 1;
        let (author, encoding) = *PEOPLE.choose(&mut self.random).expect("there are people");
        let merges_on_the_web = parents.len() > 1 && self.random.random_bool(0.5);
        let committer = if merges_on_the_web { WEB } else { author };
        let (authored, committed) = (self.when(), self.when());
        let mut put = |bytes: &[u8]| self.text.extend_from_slice(bytes);
        put(format!("commit refs/heads/{branch}\nmark :{}\nauthor ", self.marks).as_bytes());
        put(author);
        put(format!(" {authored}\ncommitter ").as_bytes());
        put(committer);
        put(format!(" {committed}\n").as_bytes());
        if let Some(encoding) = encoding {
            put(format!("encoding {encoding}\n").as_bytes());
        }
        put(b"data 7\nchange\n\n");
        for (parent, word) in parents
            .iter()
            .zip(std::iter::once("from").chain(std::iter::repeat("merge")))
        {
            put(format!("{word} :{parent}\n").as_bytes());
        }
        put(change);
        put(b"\n");
        self.marks
    }
}

/// A file with this content.
fn changed(path: &str, content: &[u8]) -> Vec<u8> {
    let mut change =
        format!("M 100644 inline {}\ndata {}\n", quoted(path), content.len()).into_bytes();
    change.extend_from_slice(content);
    change.push(b'\n');
    change
}

fn quoted(path: &str) -> String {
    let path = path
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{path}\"")
}
