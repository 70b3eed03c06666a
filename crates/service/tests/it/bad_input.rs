//! What a person gets who was wrong about something, or whose machine is: one line that names the thing and the remedy,
//! the right exit code, and no file that was not there before.

use std::net::TcpListener;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

use github_sim::{Sim, SimClock, SimConfig};
use jiff::SignedDuration;
use rustix::fs::FlockOperation;
use rustix::process::Signal;

use crate::process::github::{GitHub, small};
use crate::process::stranger::Stranger;
use crate::process::{Ended, Place, until};

const TOKEN: (&str, &str) = ("GITHUB_TOKEN", "sim-token");

/// A place, a GitHub, and what differs from run to run in what is said about them.
struct Case {
    place: Place,
    github: GitHub,
    redacted: Vec<(String, &'static str)>,
}

impl Case {
    fn new() -> Case {
        Case::with(GitHub::start(small()))
    }

    fn with(github: GitHub) -> Case {
        let place = Place::new();
        let redacted = vec![
            (place.argument(""), "WORK/"),
            (github.address.clone(), "GITHUB"),
        ];
        Case {
            place,
            github,
            redacted,
        }
    }

    fn app(&self, id: &str, pem: &str) -> String {
        self.place.write(
            "app.toml",
            format!(
                "github.app_id = {id}\ngithub.private_key_file = {:?}\n",
                self.place.write("app.pem", pem)
            ),
        )
    }

    /// The one line and the exit code of a command that must fail and leave nothing behind.
    #[track_caller]
    fn line(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let url = self.github.url();
        let mut all = arguments.to_vec();
        if !arguments.contains(&"--api-url") {
            all.extend(["--api-url", &url]);
        }
        let before = self.place.files();
        let ended = self.place.run(&all, variables);
        assert_eq!(
            self.place.files(),
            before,
            "nothing is left behind: {}",
            ended.err
        );
        self.only_line(&ended)
    }

    #[track_caller]
    fn only_line(&self, ended: &Ended) -> String {
        assert_eq!(ended.out, "", "{}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        self.told(ended)
    }

    /// The last line and the exit code. What a node has logged before is not for the one who started it.
    fn told(&self, ended: &Ended) -> String {
        let mut line = ended.err.lines().last().unwrap_or_default().to_owned();
        for (what, instead) in &self.redacted {
            line = line.replace(what, instead);
        }
        format!(
            "{} {line}",
            ended
                .code
                .map_or_else(|| "signal".to_owned(), |code| code.to_string())
        )
    }

    /// A node says the same as a scrape once it has seen that nothing can come of it, and leaves nothing behind either.
    #[track_caller]
    fn node_says_the_same(&self, line: &str, arguments: &[&str], variables: &[(&str, &str)]) {
        let before = self.place.files();
        let url = self.github.url();
        let mut all = vec!["run", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        if !arguments.contains(&"--api-url") {
            all.extend(["--api-url", &url]);
        }
        let ended = self.place.run(&all, variables);
        assert_eq!(self.told(&ended), line);
        assert_eq!(self.place.files(), before, "nothing is left behind");
    }
}

#[test]
fn a_credential_that_is_missing_or_wrong() {
    let case = Case::new();
    let missing = case.line(&["scrape", "acme"], &[]);
    case.node_says_the_same(&missing, &["--org", "acme"], &[]);
    let wrong = [("GITHUB_TOKEN", "ghp_wrong")];
    let refused = case.line(&["scrape", "acme"], &wrong);
    case.node_says_the_same(&refused, &["--org", "acme"], &wrong);
    let unknown = case.line(&["scrape", "umbrella"], &[TOKEN]);
    case.node_says_the_same(&unknown, &["--org", "umbrella"], &[TOKEN]);
    let not_a_login = case.line(&["scrape", "acme/tide"], &[TOKEN]);

    let no_pem = case.line(
        &["scrape", "acme", "--config", &case.app("1", "ghp_nokey")],
        &[],
    );
    let good = case.github.sim.credentials().app_pem();
    let halved = case.line(
        &[
            "scrape",
            "acme",
            "--config",
            &case.app("1", &good[..good.len() / 2]),
        ],
        &[],
    );
    let other = Sim::new(SimConfig { seed: 2, ..small() }, SimClock::real());
    let app = case.app("1", &other.credentials().app_pem());
    let unfit = case.line(&["scrape", "acme", "--config", &app], &[]);
    case.node_says_the_same(&unfit, &["--org", "acme", "--config", &app], &[]);
    let other_id = case.line(&["scrape", "acme", "--config", &case.app("2", &good)], &[]);
    let not_installed = case.line(
        &["scrape", "umbrella", "--config", &case.app("1", &good)],
        &[],
    );
    insta::assert_snapshot!(
        [missing, refused, unknown, not_a_login, no_pem, halved, unfit, other_id, not_installed].join("\n"),
        @r#"
        2 tidegate: no token for `acme`: set GITHUB_TOKEN or github.token_file, or github.app_id with github.private_key_file
        2 tidegate: GitHub does not accept the token for `acme` (wrong, expired or revoked): set a valid one in GITHUB_TOKEN or github.token_file
        2 tidegate: GitHub shows no organisation or user `umbrella` to this credential: check the name, and that the token may read it or the App is installed there
        2 tidegate: ORG: github.organisations: "acme/tide" is not a login: write the name alone, such as acme
        2 tidegate: WORK/app.toml:2: github.private_key_file: is not an RSA private key in PEM form: download it again from the App's settings page
        2 tidegate: WORK/app.toml:2: github.private_key_file: is not an RSA private key in PEM form: download it again from the App's settings page
        2 tidegate: GitHub does not accept the App's private key for `acme`: check that github.app_id and github.private_key_file belong to the same App
        2 tidegate: GitHub does not accept the App's private key for `acme`: check that github.app_id and github.private_key_file belong to the same App
        2 tidegate: the App is not installed in `umbrella`: install it there, or check the name and installation_id
        "#
    );
}

#[test]
fn an_address_that_is_not_github_s() {
    let mut case = Case::new();
    let page = Stranger::who_says("200 OK\r\ncontent-type: text/html", "<html>Welcome</html>");
    let web = Stranger::who_says(
        "404 Not Found\r\ncontent-type: text/plain",
        "no such page\n",
    );
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let nobody = closed.local_addr().expect("it is bound").to_string();
    drop(closed);
    case.redacted.extend([
        (page.address.clone(), "PAGE"),
        (web.address.clone(), "WEB"),
        (nobody.clone(), "NOBODY"),
    ]);
    let scrape = |url: &str| case.line(&["scrape", "acme", "--api-url", url], &[TOKEN]);
    let html = scrape(&format!("http://{}", page.address));
    case.node_says_the_same(
        &html,
        &[
            "--org",
            "acme",
            "--api-url",
            &format!("http://{}", page.address),
        ],
        &[TOKEN],
    );
    let lines = [
        html,
        scrape(&format!("http://{}", web.address)),
        scrape("https://github.com"),
        scrape("https://github.com/acme"),
        scrape("ftp://api.github.com"),
        scrape("api.github.com"),
        scrape("https://ada:secret@api.github.com"),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    2 tidegate: what answers at http://PAGE is not GitHub's API: set github.api_url to the root of the REST API, such as https://api.github.com or https://HOST/api/v3
    2 tidegate: what answers at http://WEB is not GitHub's API: set github.api_url to the root of the REST API, such as https://api.github.com or https://HOST/api/v3
    2 tidegate: --api-url: github.api_url: cannot use https://github.com as the address of GitHub's API: this is the web site; the API is at https://api.github.com: write the root of the REST API, such as https://api.github.com or https://HOST/api/v3
    2 tidegate: --api-url: github.api_url: cannot use https://github.com/acme as the address of GitHub's API: this is the web site; the API is at https://api.github.com: write the root of the REST API, such as https://api.github.com or https://HOST/api/v3
    2 tidegate: --api-url: github.api_url: cannot use ftp://api.github.com as the address of GitHub's API: it has to start with https://: write the root of the REST API, such as https://api.github.com or https://HOST/api/v3
    2 tidegate: --api-url: github.api_url: cannot use api.github.com as the address of GitHub's API: it has to start with https://: write the root of the REST API, such as https://api.github.com or https://HOST/api/v3
    2 tidegate: --api-url: github.api_url: cannot use https://***@api.github.com as the address of GitHub's API: it must not hold a user name or a password: write the root of the REST API, such as https://api.github.com or https://HOST/api/v3
    ");
    assert!(!lines.concat().contains("secret"));

    // Nobody answers: that may pass, so what was made for the next time may stay.
    let url = format!("http://{nobody}");
    let ended = case
        .place
        .run(&["scrape", "acme", "--api-url", &url], &[TOKEN]);
    insta::assert_snapshot!(case.only_line(&ended), @r"1 tidegate: cannot reach GitHub at http://NOBODY: check the network, the proxy (HTTPS_PROXY) and github.api_url");
}

#[test]
fn a_node_that_cannot_reach_github_goes_on_trying_and_serves() {
    let case = Case::new();
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", closed.local_addr().expect("it is bound"));
    drop(closed);
    let arguments = [
        "run",
        "--org",
        "acme",
        "--interval",
        "5s",
        "--listen",
        "127.0.0.1:0",
        "--api-url",
        &url,
    ];
    let mut node = case.place.start(&arguments, &[TOKEN]);
    let address = node.listening_on(1).remove(0);
    until("it has said twice that it cannot reach GitHub", 60, || {
        (node.err().matches("cannot reach GitHub at").count() >= 2).then_some(())
    });
    let health = crate::process::get_json(&address, "/healthz");
    assert_eq!(crate::process::get(&address, "/livez").trim(), "ok");
    assert_ne!(health["mode"], "healthy", "{health:#}");
    node.signal(Signal::TERM);
    assert_eq!(node.wait().code, Some(0));
}

#[test]
fn a_configuration_with_a_slip_in_it() {
    let case = Case::new();
    let file = |name: &str, text: &str| case.place.write(name, text);
    let run =
        |arguments: &[&str]| case.line(&[&["run", "--org", "acme"], arguments].concat(), &[TOKEN]);
    let lines = [
        run(&[
            "--config",
            &file("key.toml", "[scrape]\n\nintervall = \"5m\"\n"),
        ]),
        run(&[
            "--config",
            &file(
                "table.toml",
                "[githb]\napi_url = \"https://api.github.com\"\n",
            ),
        ]),
        run(&[
            "--config",
            &file("span.toml", "scrape.interval = \"5 parsecs\"\n"),
        ]),
        run(&[
            "--config",
            &file("short.toml", "scrape.interval = \"1s\"\n"),
        ]),
        run(&["--config", &file("toml.toml", "[scrape\n")]),
        run(&["--config", "absent.toml"]),
        run(&["--interval", "soon"]),
        run(&["--listen", "here"]),
        run(&["--listen", "0.0.0.0:0"]),
        run(&["--token-file", "absent.token"]),
        case.line(
            &["run", "--org", "acme"],
            &[TOKEN, ("TIDEGATE_SCRAPE_INTERVALL", "5m")],
        ),
        case.line(&["run"], &[TOKEN]),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    2 tidegate: WORK/key.toml:3: scrape.intervall: unknown key: did you mean `scrape.interval`?
    2 tidegate: WORK/table.toml:1: githb: unknown key: did you mean `github`?
    2 tidegate: WORK/span.toml:1: scrape.interval: `5 parsecs` is not a duration: write a whole number and s, m, h, d or w, such as 30s, 5m or 7d
    2 tidegate: WORK/short.toml:1: scrape.interval: 1s is not from 5s to 1w
    2 tidegate: WORK/toml.toml:1: not TOML: unclosed table, expected `]`
    2 tidegate: cannot read the configuration absent.toml (No such file or directory)
    2 tidegate: --interval: scrape.interval: `soon` is not a duration: write a whole number and s, m, h, d or w, such as 30s, 5m or 7d
    2 tidegate: --listen: http.listen: `here` is not an address and a port, such as 127.0.0.1:10270 or [::1]:0
    2 tidegate: --listen: http.listen: 0.0.0.0:0 is reachable from other machines: set api.token_file, or listen on 127.0.0.1
    2 tidegate: --token-file: github.token_file: cannot read absent.token (No such file or directory)
    2 tidegate: TIDEGATE_SCRAPE_INTERVALL: unknown variable: did you mean TIDEGATE_SCRAPE_INTERVAL?
    2 tidegate: no organisation to measure: give --org NAME, or list them in github.organisations
    ");
}

#[test]
fn a_state_that_cannot_be_used() {
    let case = Case::new();
    let url = case.github.url();
    let made = case.place.run(
        &["scrape", "acme", "--api-url", &url, "--state", "good.db"],
        &[TOKEN],
    );
    assert_eq!(made.code, Some(0), "{}", made.err);
    let good = std::fs::read(case.place.path("good.db")).expect("the state is there");
    let scrape = |state: &str| {
        // A lock file may stay beside a state that is there: it must not be taken away under another node.
        let ended = case.place.run(
            &["scrape", "acme", "--api-url", &url, "--state", state],
            &[TOKEN],
        );
        case.only_line(&ended)
    };

    case.place.write("newer.db", &good);
    let newer = std::fs::OpenOptions::new()
        .write(true)
        .open(case.place.path("newer.db"));
    // The schema's version stands in the file's header.
    newer
        .and_then(|file| file.write_all_at(&99_u32.to_be_bytes(), 60))
        .expect("the file is written");

    case.place.write("locked.db", &good);
    let options = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(case.place.path("locked.db"));
    let held = options.expect("the file is there");
    rustix::fs::fcntl_lock(&held, FlockOperation::NonBlockingLockExclusive)
        .expect("nobody else has it");

    case.place.write("text.db", "all work and no play\n");
    let lines = [
        scrape("newer.db"),
        scrape("locked.db"),
        scrape("text.db"),
        scrape("nowhere/state.db"),
        scrape("."),
        // Not even root makes a file here.
        scrape("/sys/state.db"),
        case.line(&["status", "--state", "absent.db"], &[]),
        case.only_line(&case.place.run(&["status", "--state", "newer.db"], &[])),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    1 tidegate: cannot open the state newer.db: it has schema version 99, and this program knows versions up to 3: run the version of tidegate that wrote it or a later one, or name another file with --state
    1 tidegate: cannot open the state locked.db: another program holds it locked: end the program that holds it (a database shell or a backup), and try again
    1 tidegate: cannot open the state text.db: it is not a SQLite database: name another file with --state, or move this one away
    1 tidegate: cannot make the state nowhere/state.db: its directory does not exist: make it, or name another file with --state
    1 tidegate: cannot open the state .: it is not a SQLite database: name another file with --state, or move this one away
    1 tidegate: cannot open the state /sys/state.db: it is read-only: let this user read and write the file and its directory, or name another file with --state
    1 tidegate: there is no state absent.db: start a node or a scrape first, or name the file with --state
    1 tidegate: cannot open the state newer.db: it has schema version 99, and this program knows versions up to 3: run the version of tidegate that wrote it or a later one, or name another file with --state
    ");
    assert_eq!(
        std::fs::read(case.place.path("text.db")).ok().as_deref(),
        Some(b"all work and no play\n".as_slice())
    );

    // Whoever may not write there, which root always may.
    if !rustix::process::getuid().is_root() {
        case.place.write("read-only.db", &good);
        let mode = std::fs::Permissions::from_mode(0o400);
        std::fs::set_permissions(case.place.path("read-only.db"), mode).expect("the file is ours");
        let line = scrape("read-only.db");
        assert!(
            line.contains("it is read-only: let this user read and write"),
            "{line}"
        );
    }
}

#[test]
fn what_another_process_has() {
    let mut case = Case::new();
    let url = case.github.url();
    let common = ["--api-url", &url, "--state", "state.db"];
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    let run = ["run", "--org", "acme", "--listen"];
    let port = case.line(&[&run as &[&str], &[&address], &common].concat(), &[TOKEN]);
    let elsewhere = case.line(
        &[&run as &[&str], &["192.0.2.1:80"], &common].concat(),
        &[TOKEN],
    );

    let mut first = case.place.start(
        &[&run as &[&str], &["127.0.0.1:0"], &common].concat(),
        &[TOKEN],
    );
    first.listening_on(1);
    let second = case.place.run(
        &[&run as &[&str], &["127.0.0.1:0"], &common].concat(),
        &[TOKEN],
    );
    let scrape = case.place.run(
        &[&["scrape", "acme"] as &[&str], &common].concat(),
        &[TOKEN],
    );
    // Looking is allowed.
    assert_eq!(
        case.place.run(&["status", "--state", "state.db"], &[]).code,
        Some(0)
    );
    case.redacted
        .extend([(address, "TAKEN"), (first.id().to_string(), "PID")]);
    let lines = [
        port,
        elsewhere,
        case.only_line(&second),
        case.only_line(&scrape),
    ];
    insta::assert_snapshot!(lines.join("\n").replace(&case.redacted[2].0, "TAKEN"), @r"
    1 tidegate: the port of TAKEN is in use: stop the program that has it, or choose another with --listen (port 0 takes any free one)
    2 tidegate: --listen: http.listen: 192.0.2.1:80 is reachable from other machines: set api.token_file, or listen on 127.0.0.1
    1 tidegate: cannot open the state state.db: the node with process id PID works on it: stop process PID, or name another file with --state
    1 tidegate: cannot open the state state.db: the node with process id PID works on it: stop process PID, or name another file with --state
    ");
    first.signal(Signal::TERM);
    assert_eq!(first.wait().code, Some(0));
}

#[test]
fn a_clock_that_is_off_by_minutes() {
    let lines = [10, -25].map(|minutes| {
        let clock = SimClock::real().skewed(SignedDuration::from_mins(minutes));
        let case = Case::with(GitHub::start_with(small(), clock));
        let app = case.app("1", &case.github.sim.credentials().app_pem());
        let ended = case.place.run(
            &[
                "scrape",
                "acme",
                "--api-url",
                &case.github.url(),
                "--config",
                &app,
            ],
            &[],
        );
        case.only_line(&ended)
    });
    insta::assert_snapshot!(lines.join("\n"), @r"
    1 tidegate: this machine's clock is 10 minutes behind GitHub's, so GitHub refuses the App's signature: set the clock (for example by NTP) and start again
    1 tidegate: this machine's clock is 25 minutes ahead of GitHub's, so GitHub refuses the App's signature: set the clock (for example by NTP) and start again
    ");
}
