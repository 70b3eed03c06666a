//! Secrets are planted everywhere, everything is said that can be said, and what goes wrong with a secret goes wrong:
//! none of them appears in what is printed, logged, served or kept, and none goes to another host.

use std::collections::BTreeMap;

use github_sim::SimConfig;
use rustix::process::Signal;

use crate::process::between::Between;
use crate::process::github::{GitHub, small};
use crate::process::stranger::Stranger;
use crate::process::{Place, ask, until};

const TOKEN: &str = "ghp_Vq7planted1token2NeverToBeSeen34567890";
const WRONG: &str = "ghp_Wr0ngplanted9token8NeverToBeSeen765432";
const READERS: &str = "readers-planted-token-2f6d0c1b9a";
const LABELS: &str = "labels-planted-key-81c5e7aa04";

/// Everything that was said, by who said it.
#[derive(Default)]
struct Said(BTreeMap<String, Vec<u8>>);

impl Said {
    fn add(&mut self, who: impl Into<String>, what: impl AsRef<[u8]>) {
        self.0
            .entry(who.into())
            .or_default()
            .extend_from_slice(what.as_ref());
    }

    /// Runs a command to its end and keeps what it says.
    fn run(
        &mut self,
        place: &Place,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Option<i32> {
        let ended = place.run(&[arguments, &["-vv"]].concat(), variables);
        let who = format!(
            "{arguments:?} with {:?}",
            variables.iter().map(|(name, _)| name).collect::<Vec<_>>()
        );
        self.add(format!("standard output of {who}"), ended.out);
        self.add(format!("standard error of {who}"), ended.err);
        ended.code
    }

    /// Keeps every file of a place, but for those in which a secret was planted.
    fn files(&mut self, place: &Place, planted: &[&str]) {
        for path in place.files() {
            if path.is_file() && !planted.iter().any(|name| path.ends_with(name)) {
                let content = std::fs::read(&path).expect("the file can be read");
                self.add(path.display().to_string(), content);
            }
        }
    }

    /// Nobody has said any of these secrets, in no form.
    #[track_caller]
    fn holds_none_of(&self, secrets: &[&str]) {
        let forms: Vec<String> = secrets
            .iter()
            .flat_map(|secret| forms(secret.as_bytes()))
            .map(|form| form.to_ascii_lowercase())
            .collect();
        for (who, what) in &self.0 {
            let what = String::from_utf8_lossy(what).to_ascii_lowercase();
            for form in &forms {
                if let Some(at) = what.find(form.as_str()) {
                    let before: String = what[..at].chars().rev().take(200).collect();
                    let before: String = before.chars().rev().collect();
                    panic!("{who} says {form} after {before}");
                }
            }
        }
    }
}

/// A secret as it is, in hex, and in base64 wherever it may stand in a longer text.
fn forms(secret: &[u8]) -> Vec<String> {
    let mut forms = vec![
        String::from_utf8_lossy(secret).into_owned(),
        hex::encode(secret),
    ];
    for before in 0..3 {
        let shifted = [&vec![b' '; before], secret].concat();
        let whole = shifted.len() / 3 * 3;
        let text = base64(&shifted[..whole]);
        // The first letters mix with what stands before.
        forms.push(text[if before == 0 { 0 } else { 4 }..].to_owned());
    }
    forms
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks_exact(3) {
        let number = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for shift in [18, 12, 6, 0] {
            text.push(char::from(LETTERS[(number >> shift) as usize & 63]));
        }
    }
    text
}

#[test]
fn a_secret_is_found_in_every_form_that_this_test_looks_for() {
    assert_eq!(base64(b"light work"), "bGlnaHQgd29y");
    for told in [
        TOKEN.to_owned(),
        hex::encode(TOKEN),
        base64(format!("x{TOKEN}yz").as_bytes()),
        base64(format!("xy{TOKEN}zz").as_bytes()),
    ] {
        let found = forms(TOKEN.as_bytes())
            .iter()
            .any(|form| told.contains(form));
        assert!(found, "{told}");
    }
}

/// Everything that a node serves, to those who may read and to those who may not.
fn serve(said: &mut Said, address: &str) {
    for authorization in [
        "",
        &format!("authorization: Bearer {READERS}\n"),
        "authorization: Bearer guess\n",
    ] {
        for path in [
            "/",
            "/metrics",
            "/healthz",
            "/readyz",
            "/livez",
            "/style.css",
            "/nothing?token=x",
        ] {
            for accept in ["", "accept: application/openmetrics-text\n"] {
                let answer = ask(address, &format!("GET {path}\n{authorization}{accept}"))
                    .expect("the node serves");
                said.add(
                    format!("{path} of a node"),
                    format!("{}\n{}", answer.head, answer.body),
                );
            }
        }
    }
}

#[test]
fn no_secret_appears_in_anything_that_is_said_served_or_kept() {
    let github = GitHub::start(small());
    github.sim.credentials().grant(TOKEN, "reader");
    let pem = github.sim.credentials().app_pem();
    let between = Between::before(&github.address, |head| head);
    let url = format!("http://{}", between.address);
    let place = Place::new();
    let mut said = Said::default();
    let planted = ["token", "app.pem", "readers", "labels"];
    place.write("token", format!("{TOKEN}\n"));
    place.write("app.pem", &pem);
    place.write("readers", READERS);
    place.write("labels", LABELS);
    let common = format!(
        "github.api_url = \"{url}\"\nlabels.users = \"hmac\"\nlabels.hmac_key_file = \"labels\"\n\
         api.token_file = \"readers\"\nhttp.listen = \"0.0.0.0:0\"\nscrape.interval = \"5s\"\nexport.refresh_interval = \"1s\"\n"
    );
    let app_id = github.sim.credentials().app_id();
    place.write(
        "token.toml",
        format!("{common}github.token_file = \"token\"\n"),
    );
    place.write(
        "app.toml",
        format!("{common}github.app_id = {app_id}\ngithub.private_key_file = \"app.pem\"\n"),
    );

    for file in ["token.toml", "app.toml"] {
        let state = format!("{file}.db");
        let of_file = ["--config", file, "--state", &state];
        let run = |said: &mut Said, arguments: &[&str]| {
            said.run(&place, &[arguments, &of_file].concat(), &[])
        };
        assert_eq!(
            run(&mut said, &["config", "check", "--org", "acme"]),
            Some(0)
        );
        assert_eq!(run(&mut said, &["config", "show", "--json"]), Some(0));
        assert_eq!(run(&mut said, &["config", "show"]), Some(0));
        assert_eq!(run(&mut said, &["doctor", "--org", "acme"]), Some(0));
        assert_eq!(run(&mut said, &["scrape", "acme"]), Some(0));
        assert_eq!(run(&mut said, &["status"]), Some(0));
        assert_eq!(run(&mut said, &["scrape", "umbrella"]), Some(2));

        let arguments = [&["run", "--org", "acme", "-vv"] as &[&str], &of_file].concat();
        let mut node = place.start(&arguments, &[]);
        let port = node.listening_on(1).remove(0);
        let address = format!("127.0.0.1:{}", port.rsplit(':').next().expect("a port"));
        until("it has read everything", 60, || {
            let answer = ask(
                &address,
                &format!("GET /metrics\nauthorization: Bearer {READERS}\n"),
            )?;
            answer.body.contains("gh_commits_total").then_some(())
        });
        serve(&mut said, &address);
        // What it has minted is taken back in the middle, so that it has to look again.
        github.sim.credentials().revoke_installation_tokens();
        let cycles = |node: &crate::process::Running| node.err().matches("\"cycle\"").count();
        let before = cycles(&node);
        until("it has gone on", 60, || {
            (cycles(&node) > before + 1).then_some(())
        });
        node.signal(Signal::TERM);
        let ended = node.wait();
        assert_eq!(ended.code, Some(0));
        assert!(
            ended.err.contains("\"level\":\"DEBUG\"") || ended.err.contains("\"level\":\"TRACE\""),
            "it tells all: {}",
            ended.err
        );
        said.add("standard output of a node", ended.out);
        said.add("standard error of a node", ended.err);
    }

    // What goes wrong with them.
    let closed = "http://127.0.0.1:1";
    place.write("broken.pem", pem.replacen("MII", "!!!", 1));
    place.write("two-lines", format!("{TOKEN}\n{TOKEN}\n"));
    let scrape = ["scrape", "acme", "--state", "wrong.db", "--api-url"];
    for (url, variables, code) in [
        (url.as_str(), [("GITHUB_TOKEN", WRONG)].as_slice(), 2),
        (closed, &[("GITHUB_TOKEN", TOKEN)], 1),
        (
            &url,
            &[
                ("TIDEGATE_GITHUB_APP_ID", "99"),
                ("TIDEGATE_GITHUB_PRIVATE_KEY_FILE", "app.pem"),
            ],
            2,
        ),
        (
            &url,
            &[
                ("TIDEGATE_GITHUB_APP_ID", "1"),
                ("TIDEGATE_GITHUB_PRIVATE_KEY_FILE", "broken.pem"),
            ],
            2,
        ),
        (
            &url,
            &[
                ("TIDEGATE_GITHUB_APP_ID", "1"),
                ("TIDEGATE_GITHUB_PRIVATE_KEY", &pem[..pem.len() / 2]),
            ],
            2,
        ),
        (&url, &[("TIDEGATE_GITHUB_TOKEN_FILE", "two-lines")], 2),
        (
            &url,
            &[
                ("GITHUB_TOKEN", TOKEN),
                ("TIDEGATE_GITHUB_TOKEN", WRONG),
                ("TIDEGATE_GITHUB_TOKEN_FILE", "token"),
            ],
            2,
        ),
    ] {
        assert_eq!(
            said.run(&place, &[&scrape as &[&str], &[url]].concat(), variables),
            Some(code),
            "{variables:?}"
        );
        said.run(
            &place,
            &["doctor", "--org", "acme", "--api-url", url],
            variables,
        );
        said.run(
            &place,
            &[
                "run",
                "--org",
                "acme",
                "--listen",
                "256.0.0.1:0",
                "--api-url",
                url,
            ],
            variables,
        );
    }

    said.files(
        &place,
        &[&planted as &[&str], &["broken.pem", "two-lines"]].concat(),
    );
    let seen = between.seen();
    let minted: Vec<&str> = seen
        .match_indices("\"ghs_")
        .map(|(at, _)| &seen[at + 1..at + 41])
        .collect();
    assert!(
        minted.len() >= 2 && seen.contains(&format!("Bearer {}", minted[0])),
        "tokens were minted and used: {minted:?}"
    );
    let jwts = seen
        .match_indices("Bearer eyJ")
        .map(|(at, _)| seen[at + 7..].split('\r').next().unwrap_or_default());
    let jwts: Vec<&str> = jwts.collect();
    assert!(!jwts.is_empty());
    // Line breaks of a key may be written as `\n`, and each line alone would be enough to look for more.
    let lines: Vec<&str> = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    said.holds_none_of(
        &[
            &[TOKEN, WRONG, READERS, LABELS],
            minted.as_slice(),
            &jwts,
            &lines,
        ]
        .concat(),
    );
}

#[test]
fn no_other_host_ever_hears_of_a_token() {
    let other = Stranger::who_says("200 OK\r\ncontent-type: application/json", "[]");
    let mut config = SimConfig {
        repos: 1,
        ..small()
    };
    config.history = jiff::SignedDuration::from_hours(60 * 24);
    let github = GitHub::start(config);
    let place = Place::new();
    let token = [("GITHUB_TOKEN", "sim-token")];
    let scrape = |address: &str, state: &str| {
        let url = format!("http://{address}");
        place.run(
            &["scrape", "acme", "-vv", "--state", state, "--api-url", &url],
            &token,
        )
    };

    // Every page says that the next one is elsewhere.
    let elsewhere = other.address.clone();
    let links = Between::before(&github.address, move |head| {
        let lines = head.split("\r\n").map(|line| {
            let is_link = line.to_ascii_lowercase().starts_with("link:");
            let line = if is_link {
                line.replace("<http://", &format!("<http://{elsewhere}/http://"))
            } else {
                line.to_owned()
            };
            line + "\r\n"
        });
        let mut head: String = lines.collect();
        head.truncate(head.len() - 2);
        head
    });
    let ended = scrape(&links.address, "links.db");
    assert!(
        links
            .seen()
            .contains(&format!("<http://{}/http://", other.address)),
        "a page led elsewhere"
    );
    assert_eq!(
        ended.code,
        Some(1),
        "what was not read is not called read: {}",
        ended.out
    );

    // Every answer says that the thing has moved.
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let head = format!("{status}\r\nlocation: http://{}/elsewhere", other.address);
        let moved = Stranger::who_says(&head, "");
        let ended = scrape(&moved.address, "moved.db");
        assert!(matches!(ended.code, Some(1 | 2)), "{status}: {}", ended.err);
        assert!(!moved.heard().is_empty());
        let doctor = place.run(
            &[
                "doctor",
                "--org",
                "acme",
                "--api-url",
                &format!("http://{}", moved.address),
            ],
            &token,
        );
        assert_eq!(doctor.code, Some(1), "{}", doctor.out);
    }
    for head in other.heard() {
        assert!(
            !head.to_ascii_lowercase().contains("authorization") && !head.contains("sim-token"),
            "{head}"
        );
    }
}
