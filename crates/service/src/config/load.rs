//! The layers, from the lowest: defaults, the file, the variables, the flags; then what only the whole can be asked.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    ActivityStore, Complaint, Config, ConfigError, CoordinationStore, Credential, ElectionBy,
    Environment, Identity, Origin, QueueBroker, Secret, UserLabel, file,
    key::{Book, Placed, Written, nearest},
    keys::{self, KEYS},
};

/// The variable that names the configuration file.
const FILE_VARIABLE: &str = "TIDEGATE_CONFIG";
/// The variable in which many machines carry a token.
const SHARED_TOKEN: &str = "GITHUB_TOKEN";
/// What a person makes up is at least this long, in characters.
const SHORTEST: usize = 16;
/// The ways to give a credential.
const CREDENTIALS: &str =
    "set GITHUB_TOKEN or github.token_file, or github.app_id with github.private_key_file";

/// What a configuration is loaded for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// To measure and to serve: organisations, credentials and a guarded address must be there.
    Measure,
    /// To look at what is there: nothing of that is asked for.
    Read,
}

/// A flag of the command line that sets a key.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The key.
    pub key: &'static str,
    /// The flag as the user typed it: `--interval`.
    pub flag: String,
    /// Its values; a flag that may be repeated has several.
    pub values: Vec<String>,
}

/// What to load.
#[derive(Clone, Debug)]
pub struct Request {
    /// The file that `--config` named.
    pub file: Option<PathBuf>,
    /// The flags that set keys.
    pub flags: Vec<Flag>,
    /// What for.
    pub purpose: Purpose,
}

/// A configuration and where each of its values came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The effective configuration.
    pub config: Config,
    /// The file it was read from, if there was one.
    pub file: Option<PathBuf>,
    pub(crate) origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Where the value of a key came from.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }
}

/// Loads the layers and checks the whole.
///
/// # Errors
///
/// Every fault that was found, not only the first.
pub fn load(request: &Request, environment: &Environment) -> Result<Loaded, ConfigError> {
    let mut config = Config::default();
    let mut book = Book::default();
    let file = file_named(request, environment, &mut book);
    if let Some(path) = &file {
        file::read(path, &mut config, &mut book);
    }
    // What a file that could not be read would have said is missing for no other reason.
    let unread = book
        .complaints
        .iter()
        .any(|complaint| complaint.key.is_none());
    let purpose = if unread {
        Purpose::Read
    } else {
        request.purpose
    };
    variables(environment, &mut config, &mut book);
    flags(&request.flags, &mut config, &mut book);
    credentials(&mut config, purpose, &mut book);
    meeting_place(&mut config);
    whole(&config, purpose, &mut book);
    if book.complaints.is_empty() {
        Ok(Loaded {
            config,
            file,
            origins: book.origins,
        })
    } else {
        book.complaints
            .sort_by_key(|complaint| match &complaint.origin {
                Origin::File { line, .. } => (0, *line),
                Origin::SharedVariable(_) | Origin::Variable(_) => (1, 0),
                Origin::Flag(_) => (2, 0),
                Origin::Default => (3, 0),
            });
        Err(ConfigError(book.complaints))
    }
}

fn file_named(request: &Request, environment: &Environment, book: &mut Book) -> Option<PathBuf> {
    if request.file.is_some() {
        return request.file.clone();
    }
    match environment.get(FILE_VARIABLE) {
        Ok(path) => path.map(PathBuf::from),
        Err(reason) => {
            book.complaints.push(unkeyed(FILE_VARIABLE, reason));
            None
        }
    }
}

fn unkeyed(variable: &str, message: String) -> Complaint {
    Complaint {
        origin: Origin::Variable(variable.to_owned()),
        key: None,
        message,
    }
}

fn variables(environment: &Environment, config: &mut Config, book: &mut Book) {
    if let Some(placed) = secret(
        environment,
        SHARED_TOKEN,
        Origin::SharedVariable(SHARED_TOKEN),
        book,
    ) {
        set(config, "github.token_file", &placed, book);
    }
    let mut known = vec![FILE_VARIABLE.to_owned()];
    for key in KEYS {
        let variable = key.variable();
        let origin = Origin::Variable(variable.clone());
        match environment.get(&variable) {
            Ok(Some(text)) => {
                let placed = Placed {
                    written: Written::Text(text.to_owned()),
                    origin: origin.clone(),
                };
                (key.slot)(config).take(key.name, &placed, book);
            }
            Ok(None) => {}
            Err(reason) => book.complain(&origin, key.name, reason),
        }
        if let Some(bare) = key.secret_variable() {
            if environment.has(&bare) && environment.has(&variable) {
                book.complain(
                    &origin,
                    key.name,
                    format!("{bare} is set as well: keep one of the two"),
                );
            } else if let Some(placed) =
                secret(environment, &bare, Origin::Variable(bare.clone()), book)
            {
                (key.slot)(config).take(key.name, &placed, book);
            }
            known.push(bare);
        }
        known.push(variable);
    }
    for name in environment
        .names("TIDEGATE_")
        .filter(|name| !known.iter().any(|known| known == name))
    {
        let message = match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("unknown variable: did you mean {near}?"),
            None => "unknown variable: `tidegate config show` lists the keys".to_owned(),
        };
        book.complaints.push(unkeyed(name, message));
    }
}

fn secret(
    environment: &Environment,
    variable: &str,
    origin: Origin,
    book: &mut Book,
) -> Option<Placed> {
    let text = environment.get(variable);
    match text.and_then(|text| text.map(Secret::new).transpose()) {
        Ok(secret) => secret.map(|secret| Placed {
            written: Written::Secret(secret),
            origin,
        }),
        Err(reason) => {
            book.complaints.push(unkeyed(variable, reason));
            None
        }
    }
}

fn flags(flags: &[Flag], config: &mut Config, book: &mut Book) {
    for flag in flags {
        let origin = Origin::Flag(flag.flag.clone());
        let text = |value: &String| Placed {
            written: Written::Text(value.clone()),
            origin: origin.clone(),
        };
        if let (Some(url), Some(key)) = (
            state_url(flag),
            KEYS.iter().find(|key| key.name == STATE_URL),
        ) {
            match Secret::new(url) {
                Ok(secret) => {
                    let written = Written::Secret(secret);
                    let placed = Placed { written, origin };
                    (key.slot)(config).take(key.name, &placed, book);
                }
                Err(reason) => book.complain(&origin, key.name, reason),
            }
            continue;
        }
        let written = match flag.values.as_slice() {
            [one] => Written::Text(one.clone()),
            several => Written::List(several.iter().map(text).collect()),
        };
        set(
            config,
            flag.key,
            &Placed {
                written,
                origin: origin.clone(),
            },
            book,
        );
    }
}

const STATE_URL: &str = "state.url_file";

/// `--state` takes a file or the URL of a database.
fn state_url(flag: &Flag) -> Option<&str> {
    let url = flag.values.first().filter(|_| flag.key == "state.path")?;
    let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
    is_url.then_some(url.as_str())
}

fn set(config: &mut Config, name: &str, placed: &Placed, book: &mut Book) {
    let key = KEYS
        .iter()
        .find(|key| key.name == name)
        .expect("flags name keys of the table");
    (key.slot)(config).take(key.name, placed, book);
}

/// Puts the parts of each credential together and gives every organisation the one that reads it.
fn credentials(config: &mut Config, purpose: Purpose, book: &mut Book) {
    let mut unread = book.complaints.iter().any(is_about_a_credential);
    let common = assemble(
        &config.github.identity,
        &|key| format!("github.{key}"),
        book,
    );
    unread |= book.complaints.iter().any(is_about_a_credential);
    for organisation in &mut config.github.organisations {
        let identity = &organisation.identity;
        let key = |key: &str| keys::of_organisation(&organisation.name, key);
        let own = assemble(identity, &key, book);
        // Its absence was explained already where its parts were looked at.
        let mut explained = unread
            || own.is_none() && (identity.app_id.is_some() || identity.private_key.is_some());
        let mut credential = own.or_else(|| common.clone());
        match (&mut credential, identity.installation_id) {
            (Some(Credential::App { installation, .. }), Some(id)) => *installation = Some(id),
            (_, Some(_)) if !explained => {
                let message =
                    "has an effect only with an App: add app_id and private_key_file, or remove it";
                let key = key("installation_id");
                book.complain(&book.origin(&key), &key, message);
                explained = true;
            }
            _ => {}
        }
        if credential.is_none() && !explained && purpose == Purpose::Measure {
            book.complaints.push(missing(format!(
                "no token for `{}`: {CREDENTIALS}",
                organisation.name
            )));
        }
        organisation.credential = credential;
    }
    if config.github.organisations.is_empty()
        && common.is_none()
        && !unread
        && purpose == Purpose::Measure
    {
        book.complaints
            .push(missing(format!("no token: {CREDENTIALS}")));
    }
    config.github.credential = common;
}

/// Whether a credential is missing because what was given could not be taken: then its absence is no second fault.
fn is_about_a_credential(complaint: &Complaint) -> bool {
    let variable = complaint.origin.to_string();
    let key = complaint.key.as_deref().unwrap_or_default();
    let parts = ["token_file", "app_id", "private_key_file"];
    key.starts_with("github.") && parts.iter().any(|part| key.ends_with(part))
        || complaint.key.is_none()
            && ["GITHUB_TOKEN", "TIDEGATE_GITHUB_"]
                .iter()
                .any(|start| variable.starts_with(start))
}

fn missing(message: String) -> Complaint {
    Complaint {
        origin: Origin::Default,
        key: None,
        message,
    }
}

/// Makes one credential of its parts. `key` gives the full name of a part.
fn assemble(
    identity: &Identity,
    key: &dyn Fn(&str) -> String,
    book: &mut Book,
) -> Option<Credential> {
    let layer = |book: &Book, part: &str| book.origin(&key(part)).layer();
    let app_layer = layer(book, "app_id").max(layer(book, "private_key_file"));
    let token_layer = layer(book, "token_file");
    let has_app = identity.app_id.is_some() || identity.private_key.is_some();
    if let Some(token) = identity
        .token
        .as_ref()
        .filter(|_| !has_app || token_layer >= app_layer)
    {
        if has_app && token_layer == app_layer {
            let message = "a token and an App at once: keep one of the two";
            book.complain(
                &book.origin(&key("token_file")),
                &key("token_file"),
                message,
            );
            return None;
        }
        if !token.is_one_line() {
            let message = "is not a token: a token is one line without spaces";
            book.complain(
                &book.origin(&key("token_file")),
                &key("token_file"),
                message,
            );
            return None;
        }
        return Some(Credential::Token(token.clone()));
    }
    match (identity.app_id, &identity.private_key) {
        (Some(id), Some(private_key)) => {
            if github::AppKey::from_pem(private_key.expose().as_bytes()).is_err() {
                let message = "is not an RSA private key in PEM form: download it again from the App's settings page";
                book.complain(
                    &book.origin(&key("private_key_file")),
                    &key("private_key_file"),
                    message,
                );
                return None;
            }
            Some(Credential::App {
                id,
                key: private_key.clone(),
                installation: None,
            })
        }
        (Some(_), None) => {
            let message = format!(
                "an App needs its key as well: set {}",
                key("private_key_file")
            );
            book.complain(&book.origin(&key("app_id")), &key("app_id"), message);
            None
        }
        (None, Some(_)) => {
            let message = format!("a key needs its App as well: set {}", key("app_id"));
            book.complain(
                &book.origin(&key("private_key_file")),
                &key("private_key_file"),
                message,
            );
            None
        }
        (None, None) => None,
    }
}

/// Processes of one state meet beside it, unless they were told where.
fn meeting_place(config: &mut Config) {
    if config.coordination.path.as_os_str().is_empty() {
        let mut beside = config.state.path.clone().into_os_string();
        beside.push(".coordination");
        config.coordination.path = beside.into();
    }
}

/// What can only be asked of the whole.
fn whole(config: &Config, purpose: Purpose, book: &mut Book) {
    let labels = &config.labels;
    let key_name = "labels.hmac_key_file";
    match (labels.users, &labels.hmac_key) {
        (UserLabel::Hmac, None) if !complained(book, key_name) => {
            book.complain(
                &book.origin("labels.users"),
                "labels.users",
                format!("hmac needs a key: set {key_name}"),
            );
        }
        (UserLabel::Hmac, Some(key)) => long_enough(key, key_name, book),
        (_, Some(_)) => {
            let message = "has an effect only with labels.users = \"hmac\"";
            book.complain(&book.origin(key_name), key_name, message);
        }
        _ => {}
    }
    if let Some(token) = &config.api.token {
        long_enough(token, "api.token_file", book);
        if !token.is_one_line() {
            let message = "is not a token: a token is one line without spaces";
            book.complain(&book.origin("api.token_file"), "api.token_file", message);
        }
    }
    servers(config, book);
    attempts(config, book);
    if config.coordination.path == config.state.path {
        let message = "is the file of state.path: name another";
        let key = "coordination.path";
        book.complain(&book.origin(key), key, message);
    }
    if purpose == Purpose::Read {
        return;
    }
    let listen = config.http.listen;
    if !listen.ip().is_loopback()
        && config.api.token.is_none()
        && !complained(book, "api.token_file")
    {
        let message = format!(
            "{listen} is reachable from other machines: set api.token_file, or listen on 127.0.0.1"
        );
        book.complain(&book.origin("http.listen"), "http.listen", message);
    }
    if config.github.organisations.is_empty() && !complained(book, "github.organisations") {
        let message =
            "no organisation to measure: give --org NAME, or list them in github.organisations";
        book.complaints.push(missing(message.to_owned()));
    }
}

/// Attempts need pauses between them.
fn attempts(config: &Config, book: &mut Book) {
    let key = "backfill.retry_delays";
    if config.backfill.retry_delays.is_empty() && !complained(book, key) {
        book.complain(&book.origin(key), key, "is empty: give one pause at least");
    }
}

/// What is to lie on a server needs to know where that is, and a server that nothing lies on is a mistake.
fn servers(config: &Config, book: &mut Book) {
    let redis = [
        (
            "activity.store",
            config.activity.store == ActivityStore::Redis,
        ),
        (
            "coordination.store",
            config.coordination.store == CoordinationStore::Redis,
        ),
        ("election.by", config.election.by == ElectionBy::Redis),
    ];
    let postgres = [
        (
            "coordination.store",
            config.coordination.store == CoordinationStore::Postgres,
        ),
        ("election.by", config.election.by == ElectionBy::Postgres),
    ];
    let rabbitmq = [(
        "backfill.broker",
        config.backfill.broker == QueueBroker::RabbitMq,
    )];
    needs(&redis, "redis.url_file", config.redis.url.is_some(), book);
    needs(&postgres, STATE_URL, config.state.url.is_some(), book);
    let has_rabbitmq = config.rabbitmq.url.is_some();
    needs(&rabbitmq, "rabbitmq.url_file", has_rabbitmq, book);
    let unused = |users: &[(&str, bool)]| users.iter().all(|(_, uses)| !uses);
    for (key, has, users, hint) in [
        (
            "redis.url_file",
            config.redis.url.is_some(),
            &redis[..],
            "activity.store, coordination.store or election.by is redis",
        ),
        (
            "rabbitmq.url_file",
            has_rabbitmq,
            &rabbitmq[..],
            "backfill.broker is rabbitmq",
        ),
    ] {
        if has && unused(users) {
            let message = format!("has an effect only where {hint}");
            book.complain(&book.origin(key), key, message);
        }
    }
    let is_set = |key: &str| book.origin(key) != Origin::Default;
    if config.state.url.is_some() && is_set("state.path") {
        let message = "a file and a database at once: keep one of state.path and state.url_file";
        book.complain(&book.origin("state.path"), "state.path", message);
    }
}

fn needs(users: &[(&str, bool)], server: &str, is_there: bool, book: &mut Book) {
    if is_there || complained(book, server) {
        return;
    }
    for (key, _) in users.iter().filter(|(_, uses)| *uses) {
        let message = format!("needs a server: set {server}");
        book.complain(&book.origin(key), key, message);
    }
}

fn complained(book: &Book, key: &str) -> bool {
    book.complaints.iter().any(|complaint| {
        complaint
            .key
            .as_deref()
            .is_some_and(|about| about.starts_with(key))
    })
}

fn long_enough(secret: &Secret, key: &str, book: &mut Book) {
    if secret.expose().len() < SHORTEST {
        book.complain(
            &book.origin(key),
            key,
            format!("is shorter than {SHORTEST} characters: make a longer one"),
        );
    }
}
