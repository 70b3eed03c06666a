//! The table of keys under test: each key from every layer, every fault at once, and no secret anywhere.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{
    key::{Book, Placed, Written},
    keys::{KEYS, ORGANISATION_KEYS},
    *,
};

const PEM: &str = include_str!("tests/app.pem");

/// A folder with a configuration file and every secret that the examples of the table name.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(toml: &str) -> Folder {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("secrets")).unwrap();
        let examples = KEYS
            .iter()
            .map(|key| key.example)
            .chain(ORGANISATION_KEYS.iter().map(|key| key.example));
        for name in
            examples.filter_map(|example| example.trim_matches('"').strip_prefix("secrets/"))
        {
            let secret = if name.ends_with(".pem") {
                PEM
            } else {
                "planted-secret-of-a-file"
            };
            std::fs::write(folder.path().join("secrets").join(name), secret).unwrap();
        }
        std::fs::write(folder.path().join("t.toml"), toml).unwrap();
        Folder(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("t.toml")
    }

    fn load(
        &self,
        variables: &[(&str, &str)],
        flags: &[(&'static str, &str, &[&str])],
        purpose: Purpose,
    ) -> Result<Loaded, ConfigError> {
        let flags = flags.iter().map(|(key, flag, values)| Flag {
            key,
            flag: (*flag).to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        });
        let request = Request {
            file: Some(self.file()),
            flags: flags.collect(),
            purpose,
        };
        load(&request, &Environment::of(variables.iter().copied()))
    }

    /// The complaints, each without the folder in front of the file's name.
    fn complaints(
        &self,
        variables: &[(&str, &str)],
        flags: &[(&'static str, &str, &[&str])],
    ) -> Vec<String> {
        let faults = self
            .load(variables, flags, Purpose::Measure)
            .expect_err("the configuration is faulty")
            .0;
        let folder = format!("{}/", self.0.path().display());
        faults
            .iter()
            .map(|fault| fault.to_string().replace(&folder, ""))
            .collect()
    }
}

fn taken(toml: &str, at: &Path) -> (Config, Book) {
    let (mut config, mut book) = (Config::default(), Book::default());
    file::take(at, toml, &mut config, &mut book);
    (config, book)
}

#[test]
fn every_key_is_explained_and_its_example_has_an_effect_from_the_file_and_from_its_variable() {
    let folder = Folder::with("");
    let untouched = format!("{:?}", Config::default());
    let page = markdown();
    for key in KEYS {
        assert!(
            key.about.ends_with('.') && page.contains(key.about),
            "{} is explained",
            key.name
        );
        assert!(
            page.contains(&format!("### `{}`", key.name)) && page.contains(&key.variable()),
            "{}",
            key.name
        );

        let (from_file, book) = taken(&format!("{} = {}", key.name, key.example), &folder.file());
        assert_eq!(book.complaints, [], "{}", key.name);
        let shown = format!("{from_file:?}");
        assert_ne!(
            shown, untouched,
            "the example of {} changes something",
            key.name
        );

        let (mut from_variable, mut book) = (Config::default(), Book::default());
        let bare = match key.example.strip_prefix('[') {
            Some(list) => list.trim_end_matches(']'),
            None => key.example,
        };
        let parts: Vec<&str> = bare
            .split(", ")
            .map(|part| part.trim_matches('"'))
            .collect();
        let secrets = format!("{}/secrets/", folder.0.path().display());
        let text = parts.join(",").replace("secrets/", &secrets);
        let placed = Placed {
            written: Written::Text(text),
            origin: Origin::Variable(key.variable()),
        };
        (key.slot)(&mut from_variable).take(key.name, &placed, &mut book);
        assert_eq!(book.complaints, [], "{}", key.name);
        assert_eq!(
            format!("{from_variable:?}"),
            shown,
            "{} reads the same from its variable",
            key.name
        );
    }
}

#[test]
fn every_key_of_an_organisation_is_explained_and_its_example_has_an_effect() {
    let folder = Folder::with("");
    for key in ORGANISATION_KEYS {
        assert!(
            key.about.ends_with('.') && markdown().contains(key.about),
            "{} is explained",
            key.name
        );
        let mut untouched = Organisation::default();
        let before = format!("{untouched:?}");
        let toml = format!(
            "github.organisations = [{{ name = \"x\", {} = {} }}]",
            key.name, key.example
        );
        let toml = if key.name == "name" {
            toml.replace("name = \"x\", ", "")
        } else {
            toml
        };
        let (config, book) = taken(&toml, &folder.file());
        assert_eq!(book.complaints, [], "{}", key.name);
        untouched.name = "x".to_owned();
        assert_ne!(
            format!("{:?}", config.github.organisations[0]),
            before,
            "{}",
            key.name
        );
        assert_ne!(
            format!("{:?}", config.github.organisations[0]),
            format!("{untouched:?}"),
            "{}",
            key.name
        );
    }
}

#[test]
fn names_variables_and_flags_of_keys_are_distinct() {
    let all = KEYS.iter().flat_map(|key| {
        [
            Some(key.variable()),
            key.secret_variable(),
            key.flag.map(str::to_owned),
        ]
    });
    let mut all: Vec<String> = all
        .flatten()
        .chain(KEYS.iter().map(|key| key.name.to_owned()))
        .collect();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn every_fault_is_reported_at_once_with_its_line_its_key_and_what_to_do() {
    let folder = Folder::with(
        r#"[github]
api_urll = "https://api.github.com"
organisations = ["acme", "b/c", { name = "beta", tokn_file = "x" }, "ACME", 7]
token_file = "nope"
[scrape]
interval = 300
history = "5 parsecs"
concurrency = 0
allow = "core"
deny = ["/(/", "ok*"]
[scrap]
interval = "5m"
[quota]
reserve = 1.5
[http]
listen = "0.0.0.0:80"
allowed_hosts = ["https://a.example"]
[log]
level = "loud"
[labels]
users = "hmac"
state = 3
"#,
    );
    let complaints = folder.complaints(
        &[
            ("TIDEGATE_SCRAPE_INTERVALL", "5m"),
            ("TIDEGATE_QUOTA_RESERVE", "some"),
        ],
        &[],
    );
    insta::assert_snapshot!(complaints.join("\n"), @r#"
    t.toml:2: github.api_urll: unknown key: did you mean `github.api_url`?
    t.toml:3: github.organisations: "b/c" is not a login: write the name alone, such as acme
    t.toml:3: github.organisations.tokn_file: unknown key: did you mean `token_file`?
    t.toml:3: github.organisations: `ACME` is listed twice: keep one
    t.toml:3: github.organisations: a number is neither a name nor a table
    t.toml:4: github.token_file: cannot read nope (No such file or directory)
    t.toml:6: scrape.interval: a number has no unit: write "300s" for seconds
    t.toml:7: scrape.history: `5 parsecs` is not a duration: write a whole number and s, m, h, d or w, such as 30s, 5m or 7d
    t.toml:8: scrape.concurrency: 0 is not from 1 to 50
    t.toml:9: scrape.allow: a string is not a list of strings
    t.toml:10: scrape.deny: `/(/` is not a regular expression (unclosed group)
    t.toml:11: scrap: unknown key: did you mean `scrape`?
    t.toml:14: quota.reserve: a number with a fraction is not a whole number from 0 to 1000000
    t.toml:16: http.listen: 0.0.0.0:80 is reachable from other machines: set api.token_file, or listen on 127.0.0.1
    t.toml:17: http.allowed_hosts: "https://a.example" is not a host name: write it without scheme, port and path, such as tidegate.example.com
    t.toml:19: log.level: `loud` is not one of error, warn, info, debug, trace
    t.toml:21: labels.users: hmac needs a key: set labels.hmac_key_file
    t.toml:22: labels.state: unknown key: `tidegate config show` lists the keys
    TIDEGATE_QUOTA_RESERVE: quota.reserve: `some` is not a whole number
    TIDEGATE_SCRAPE_INTERVALL: unknown variable: did you mean TIDEGATE_SCRAPE_INTERVAL?
    "#);
}

#[test]
fn a_file_that_cannot_be_read_is_the_only_fault_it_causes() {
    let faulty = Folder::with("[github]\norganisations = [\"a\"\n[scrape\ninterval = 5m\n");
    insta::assert_snapshot!(faulty.complaints(&[], &[]).join("\n"), @r"
    t.toml:3: not TOML: missing comma between array elements, expected `,`
    t.toml:4: not TOML: missing comma between array elements, expected `,`
    ");
    let request = |file: &Path| Request {
        file: Some(file.to_owned()),
        flags: Vec::new(),
        purpose: Purpose::Measure,
    };
    for absent in [
        faulty.0.path().to_owned(),
        faulty.0.path().join("absent.toml"),
    ] {
        let faults = load(&request(&absent), &Environment::default())
            .unwrap_err()
            .0;
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            faults[0]
                .to_string()
                .contains(&absent.display().to_string()),
            "{faults:?}"
        );
    }
    std::fs::write(faulty.file(), b"\xff\xfe").unwrap();
    assert!(faulty.complaints(&[], &[])[0].contains("not UTF-8"));
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let folder = Folder::with(
        "[scrape]\n\ninterval = \"1m\"\nconcurrency = 2\nhistory = \"1d\"\n[github]\norganisations = [\"filed\"]\n",
    );
    let variables = [
        ("TIDEGATE_SCRAPE_INTERVAL", "2m"),
        ("TIDEGATE_SCRAPE_CONCURRENCY", "3"),
    ];
    let loaded = folder
        .load(
            &variables,
            &[("scrape.interval", "--interval", &["3m"])],
            Purpose::Read,
        )
        .unwrap();
    let of = |key: &str| {
        loaded
            .origin(key)
            .to_string()
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        (
            show_span(loaded.config.scrape.interval),
            of("scrape.interval")
        ),
        ("3m".into(), "--interval".into())
    );
    assert_eq!(
        (loaded.config.scrape.concurrency, of("scrape.concurrency")),
        (3, "TIDEGATE_SCRAPE_CONCURRENCY".into())
    );
    assert_eq!(
        (
            loaded.config.scrape.history.map(show_span),
            of("scrape.history")
        ),
        (Some("1d".into()), "t.toml:5".into())
    );
    assert_eq!(
        (loaded.config.quota.reserve, of("quota.reserve")),
        (1000, "default".into())
    );
}

#[test]
fn processes_meet_beside_their_state_unless_they_are_told_where_and_never_in_it() {
    let folder = Folder::with("[state]\npath = \"deep/state.db\"\n");
    let meets = |variables: &[(&str, &str)]| {
        let loaded = folder.load(variables, &[], Purpose::Read).unwrap();
        loaded.config.coordination.path
    };
    assert_eq!(
        meets(&[]),
        folder.0.path().join("deep/state.db.coordination")
    );
    let other = [("TIDEGATE_STATE_PATH", "other.db")];
    assert_eq!(meets(&other), Path::new("other.db.coordination"));
    let told = [("TIDEGATE_COORDINATION_PATH", "/run/board")];
    assert_eq!(meets(&told), Path::new("/run/board"));
    let same = [
        ("TIDEGATE_STATE_PATH", "one.db"),
        ("TIDEGATE_COORDINATION_PATH", "one.db"),
    ];
    let refused = folder.load(&same, &[], Purpose::Read).unwrap_err();
    assert_eq!(
        refused.0[0].to_string(),
        "TIDEGATE_COORDINATION_PATH: coordination.path: is the file of state.path: name another"
    );
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let folder = Folder::with("");
    let loaded = folder
        .load(
            &[("TIDEGATE_SCRAPE_INTERVAL", ""), ("GITHUB_TOKEN", "")],
            &[],
            Purpose::Read,
        )
        .unwrap();
    assert_eq!(loaded.origin("scrape.interval"), Origin::Default);
    assert!(loaded.config.github.credential.is_none());
}

#[test]
fn names_given_by_flags_choose_from_the_file_and_keep_its_credentials() {
    let folder = Folder::with(
        "[[github.organisations]]\nname = \"acme\"\ntoken_file = \"secrets/acme-token\"\n[[github.organisations]]\nname = \"beta\"\n",
    );
    let orgs: &[&str] = &["Acme", "gamma"];
    let loaded = folder
        .load(
            &[("GITHUB_TOKEN", "common-token")],
            &[("github.organisations", "--org", orgs)],
            Purpose::Measure,
        )
        .unwrap();
    let tokens = loaded
        .config
        .github
        .organisations
        .iter()
        .map(|organisation| match &organisation.credential {
            Some(Credential::Token(token)) => (organisation.name.as_str(), token.expose()),
            other => panic!("{other:?}"),
        });
    let expected = [
        ("acme", "planted-secret-of-a-file"),
        ("gamma", "common-token"),
    ];
    assert_eq!(tokens.collect::<Vec<_>>(), expected);
}

/// Which credential an organisation gets, in a word.
#[track_caller]
fn check_credential(toml: &str, variables: &[(&str, &str)], expected: &str) {
    let folder = Folder::with(toml);
    let org: &[&str] = &["acme"];
    let word = match folder.load(
        variables,
        &[("github.organisations", "--org", org)],
        Purpose::Measure,
    ) {
        Ok(loaded) => match loaded.config.github.organisations[0].credential.clone() {
            Some(Credential::Token(token)) => format!("token {}", token.expose()),
            Some(Credential::App {
                id, installation, ..
            }) => format!("app {id} at {installation:?}"),
            None => "none".to_owned(),
        },
        Err(_) => folder
            .complaints(variables, &[("github.organisations", "--org", org)])
            .join("\n"),
    };
    assert_eq!(word, expected, "{toml}");
}

#[test]
fn an_organisation_gets_its_own_credential_else_the_common_one_of_the_highest_layer() {
    const APP: &str = "[github]\napp_id = 7\nprivate_key_file = \"secrets/app.pem\"\n";
    const TOKEN: &str = "[github]\ntoken_file = \"secrets/github-token\"\n";
    let own = |own: &str| format!("{APP}[[github.organisations]]\nname = \"acme\"\n{own}\n");
    check_credential(TOKEN, &[], "token planted-secret-of-a-file");
    check_credential(TOKEN, &[("GITHUB_TOKEN", "shared")], "token shared");
    check_credential(
        TOKEN,
        &[("GITHUB_TOKEN", "shared"), ("TIDEGATE_GITHUB_TOKEN", "own")],
        "token own",
    );
    check_credential(APP, &[], "app 7 at None");
    check_credential(APP, &[("GITHUB_TOKEN", "shared")], "token shared");
    check_credential(
        "",
        &[
            ("GITHUB_TOKEN", "shared"),
            ("TIDEGATE_GITHUB_APP_ID", "9"),
            ("TIDEGATE_GITHUB_PRIVATE_KEY", PEM),
        ],
        "app 9 at None",
    );
    check_credential(&own("installation_id = 5"), &[], "app 7 at Some(5)");
    check_credential(
        &own("token_file = \"secrets/acme-token\""),
        &[("GITHUB_TOKEN", "shared")],
        "token planted-secret-of-a-file",
    );
    check_credential(
        &own("app_id = 8\nprivate_key_file = \"secrets/acme.pem\""),
        &[],
        "app 8 at None",
    );
}

#[test]
fn a_credential_with_a_part_missing_or_in_doubt_is_refused_in_one_line() {
    const KEY: &str = "private_key_file = \"secrets/app.pem\"\n";
    check_credential(
        "",
        &[],
        "no token for `acme`: set GITHUB_TOKEN or github.token_file, or github.app_id with github.private_key_file",
    );
    check_credential(
        "[github]\napp_id = 7\n",
        &[],
        "t.toml:2: github.app_id: an App needs its key as well: set github.private_key_file",
    );
    check_credential(
        &format!("[github]\n{KEY}"),
        &[],
        "t.toml:2: github.private_key_file: a key needs its App as well: set github.app_id",
    );
    check_credential(
        &format!("[github]\napp_id = 7\n{KEY}token_file = \"secrets/github-token\"\n"),
        &[],
        "t.toml:4: github.token_file: a token and an App at once: keep one of the two",
    );
    check_credential(
        "[github]\napp_id = 7\nprivate_key_file = \"secrets/github-token\"\n",
        &[],
        "t.toml:3: github.private_key_file: is not an RSA private key in PEM form: download it again from the App's settings page",
    );
    check_credential(
        "[[github.organisations]]\nname = \"acme\"\ninstallation_id = 5\n",
        &[("GITHUB_TOKEN", "t")],
        "t.toml:3: github.organisations.acme.installation_id: has an effect only with an App: add app_id and private_key_file, or remove it",
    );
    check_credential(
        "",
        &[("GITHUB_TOKEN", "two words")],
        "GITHUB_TOKEN: github.token_file: is not a token: a token is one line without spaces",
    );
    check_credential("", &[("GITHUB_TOKEN", " ")], "GITHUB_TOKEN: is empty");
    check_credential(
        "",
        &[
            ("TIDEGATE_GITHUB_TOKEN", "a"),
            ("TIDEGATE_GITHUB_TOKEN_FILE", "secrets/github-token"),
        ],
        "TIDEGATE_GITHUB_TOKEN_FILE: github.token_file: cannot read secrets/github-token (No such file or directory)\n\
         TIDEGATE_GITHUB_TOKEN_FILE: github.token_file: TIDEGATE_GITHUB_TOKEN is set as well: keep one of the two",
    );
}

#[test]
fn an_address_that_other_machines_reach_needs_a_token() {
    let folder = Folder::with("[github]\norganisations = [\"acme\"]\n");
    let token = [
        ("GITHUB_TOKEN", "t"),
        ("TIDEGATE_API_TOKEN", "a-token-that-is-long"),
    ];
    for (address, open) in [
        ("127.0.0.1:0", true),
        ("[::1]:0", true),
        ("localhost:0", true),
        ("0.0.0.0:0", false),
        ("[::]:0", false),
        ("192.0.2.1:0", false),
    ] {
        let listen: &[&str] = &[address];
        let flags = [("http.listen", "--listen", listen)];
        assert_eq!(
            folder.load(&token[..1], &flags, Purpose::Measure).is_ok(),
            open,
            "{address} without a token"
        );
        assert!(
            folder.load(&token, &flags, Purpose::Measure).is_ok(),
            "{address} with a token"
        );
    }
    assert_eq!(
        folder.complaints(
            &[("GITHUB_TOKEN", "t"), ("TIDEGATE_API_TOKEN", "short")],
            &[]
        ),
        ["TIDEGATE_API_TOKEN: api.token_file: is shorter than 16 characters: make a longer one"]
    );
}

#[test]
fn a_misspelt_key_is_answered_with_the_one_it_is_nearest_to() {
    for key in KEYS {
        let (section, name) = key.name.split_once('.').unwrap();
        let spellings = [
            name.replacen('_', "", 1),
            format!("{name}s"),
            name[..name.len() - 1].to_owned(),
            name.replacen('e', "ee", 1),
        ];
        for spelling in spellings.iter().filter(|spelling| *spelling != name) {
            let (_, book) = taken(&format!("[{section}]\n{spelling} = 1"), Path::new("t.toml"));
            let line = book.complaints[0].to_string();
            assert_eq!(
                line,
                format!(
                    "t.toml:2: {section}.{spelling}: unknown key: did you mean `{}`?",
                    key.name
                )
            );
        }
    }
    let (_, book) = taken("[github]\nzzz = 1\n[qqq]", Path::new("t.toml"));
    let lines: Vec<String> = book.complaints.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "t.toml:2: github.zzz: unknown key: `tidegate config show` lists the keys",
            "t.toml:3: qqq: unknown key: `tidegate config show` lists the keys",
        ]
    );
}

#[test]
fn what_show_prints_reads_back_as_the_same_configuration_and_fits_the_schema() {
    let folder = Folder::with(
        "[github]\norganisations = [\"plain\", { name = \"Acme\", app_id = 3, private_key_file = \"secrets/acme.pem\", installation_id = 4 }]\n\
         token_file = \"secrets/github-token\"\n[scrape]\nhistory = \"all\"\ndeny = ['/a\\d+/', \"x*\"]\n\
         [labels]\nusers = \"hmac\"\nhmac_key_file = \"secrets/label-key\"\nexclude_users = [\"*[bot]\"]\n\
         [api]\ntoken_file = \"secrets/api-token\"\n[http]\nlisten = \"0.0.0.0:1\"\n[state]\npath = 'odd \"name'\n",
    );
    let loaded = folder.load(&[], &[], Purpose::Measure).unwrap();
    let text = show(&loaded);
    std::fs::write(folder.file(), &text).unwrap();
    let again = folder.load(&[], &[], Purpose::Measure).unwrap();
    assert_eq!(
        format!("{:?}", again.config),
        format!("{:?}", loaded.config),
        "{text}"
    );

    let schema = jsonschema::validator_for(&json_schema()).unwrap();
    let as_json = |toml: &str| serde_json::to_value(toml.parse::<toml::Table>().unwrap()).unwrap();
    assert_eq!(
        schema
            .iter_errors(&as_json(&text))
            .map(|error| error.to_string())
            .collect::<Vec<_>>(),
        [""; 0]
    );
    for faulty in [
        "a = 1",
        "scrape.interval = 5",
        "log.level = \"loud\"",
        "github.organisations = [{ token_file = \"x\" }]",
    ] {
        assert!(!schema.is_valid(&as_json(faulty)), "{faulty}");
    }
}

#[test]
fn no_secret_shows_in_show_or_in_debug_or_in_a_complaint() {
    let folder = Folder::with(
        "[labels]\nusers = \"hmac\"\nexclude_users = 4\n[github]\norganisations = [\"acme\"]\n",
    );
    let pem = format!("planted-{PEM}");
    let variables = [
        ("GITHUB_TOKEN", "planted-1 with a space"),
        ("TIDEGATE_GITHUB_TOKEN", "planted-2"),
        ("TIDEGATE_GITHUB_PRIVATE_KEY", pem.as_str()),
        ("TIDEGATE_API_TOKEN", "planted-4"),
        ("TIDEGATE_LABELS_HMAC_KEY", "planted-5"),
    ];
    let faults = folder.complaints(&variables, &[]).join("\n");
    assert!(
        faults.contains("api.token_file") && !faults.contains("planted"),
        "{faults}"
    );

    std::fs::write(
        folder.file(),
        "[labels]\nusers = \"hmac\"\n[github]\ntoken_file = \"secrets/github-token\"\n",
    )
    .unwrap();
    let long = [
        ("GITHUB_TOKEN", "planted-1"),
        ("TIDEGATE_API_TOKEN", "planted-a-long-token"),
        ("TIDEGATE_LABELS_HMAC_KEY", "planted-a-long-key"),
    ];
    let environment = Environment::of(long);
    let loaded = folder.load(&long, &[], Purpose::Read).unwrap();
    let everything = format!(
        "{}\n{}\n{loaded:?}\n{environment:?}",
        show(&loaded),
        serde_json::to_string(&list(&loaded)).unwrap()
    );
    assert!(!everything.contains("planted"), "{everything}");
    assert!(
        show(&loaded).contains("# token_file is hidden"),
        "{}",
        show(&loaded)
    );
}

#[test]
fn a_policy_that_is_there_to_be_compared_with_is_refused_by_name() {
    let taken = |word: &str| taken(&format!("quota.policy = \"{word}\""), Path::new("t.toml"));
    for (word, policy) in [
        ("adaptive", quota::Policy::Adaptive),
        ("even", quota::Policy::Even),
    ] {
        let (config, book) = taken(word);
        assert_eq!((config.quota.policy, book.complaints), (policy, vec![]));
    }
    let complaint = |word| taken(word).1.complaints[0].message.clone();
    for word in ["reactive", "sprint"] {
        let said = complaint(word);
        assert!(
            said.contains("`tidegate simulate` alone") && said.ends_with("one of adaptive, even"),
            "{said}"
        );
    }
    assert_eq!(complaint("fair"), "`fair` is not one of adaptive, even");
}

#[test]
fn the_page_in_the_documentation_is_the_one_made_from_the_table() {
    let written = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/configuration.md"
    ))
    .unwrap_or_default();
    assert!(
        written == markdown(),
        "docs/configuration.md is old: tidegate config schema --markdown > docs/configuration.md"
    );
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic_and_every_complaint_names_a_line_of_it(text in "([a-z.\\[\\]=\"# 0-9]{0,12}\n?){0,8}") {
        let (_, book) = taken(&text, Path::new("t.toml"));
        let lines = text.lines().count().max(1) + 1;
        for complaint in book.complaints {
            let within = matches!(complaint.origin, Origin::File { line, .. } if (1..=lines).contains(&line));
            prop_assert!(within, "{complaint}");
        }
    }

    #[test]
    fn any_value_of_any_key_is_taken_or_refused_in_one_line(index in 0..KEYS.len(), value in "[\"'\\[]?[a-z0-9:/.*-]{0,10}[\"'\\]]?") {
        let key = &KEYS[index];
        let (_, book) = taken(&format!("{} = {value}", key.name), Path::new("t.toml"));
        for complaint in book.complaints {
            prop_assert!(!complaint.to_string().contains('\n'), "{complaint}");
        }
    }
}
