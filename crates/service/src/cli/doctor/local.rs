//! What can be checked without asking GitHub: the configuration, the files, the port.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use backends::sqlite::{Coordination, OpenError, Problem, Sqlite};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::Finding;
use crate::{
    config::{Config, ConfigError, Loaded},
    http, wire,
};

/// Every fault of the configuration is a finding of its own.
pub(super) fn faults(faults: &ConfigError) -> Vec<Finding> {
    let finding = |fault: &crate::config::Complaint| {
        Finding::bad(
            "configuration",
            fault.to_string(),
            "`tidegate config show` lists the keys and where each value comes from",
        )
    };
    faults.0.iter().map(finding).collect()
}

/// It was loaded, so it is right.
pub(super) fn configuration(loaded: &Loaded) -> Finding {
    let count = loaded.config.github.organisations.len();
    let organisations = if count == 1 {
        "1 organisation".to_owned()
    } else {
        format!("{count} organisations")
    };
    let from = match &loaded.file {
        Some(file) => file.display().to_string(),
        None => "environment and flags".to_owned(),
    };
    Finding::good("configuration", format!("{organisations}, from {from}"))
}

/// Whether a node can work on the state file.
pub(super) async fn state(config: &Config) -> Finding {
    looked("state", config.state.path.clone(), look_at_state).await
}

/// Whether a node can meet others in the coordination file.
pub(super) async fn coordination(config: &Config) -> Finding {
    let path = config.coordination.path.clone();
    looked("coordination", path, look_at_coordination).await
}

async fn looked(check: &'static str, path: PathBuf, look: fn(&Path) -> Finding) -> Finding {
    let looked = tokio::task::spawn_blocking(move || look(&path)).await;
    looked.unwrap_or_else(|_panicked| {
        Finding::bad(
            check,
            format!("the {check} file could not be looked at"),
            "try again with -v",
        )
    })
}

fn look_at_state(path: &Path) -> Finding {
    if !path.exists() {
        return missing("state", path, "--state");
    }
    let shown = path.display();
    let looked = Sqlite::read_only(path).map(drop);
    let opened = looked.and_then(|()| Sqlite::open(path).map(drop));
    match opened {
        Ok(()) => Finding::good("state", format!("{shown} can be read and written")),
        Err(error) if matches!(error.problem(), Problem::Held { .. }) => {
            Finding::good("state", format!("{shown}: {}", error.problem()))
        }
        Err(error) => older_or_unusable("state", path, error),
    }
}

fn look_at_coordination(path: &Path) -> Finding {
    if !path.exists() {
        return missing("coordination", path, "coordination.path");
    }
    let looked = Coordination::read_only(path).map(drop);
    match looked.and_then(|()| Coordination::open(path).map(drop)) {
        Ok(()) => Finding::good(
            "coordination",
            format!("{} can be read and written", path.display()),
        ),
        Err(error) => older_or_unusable("coordination", path, error),
    }
}

/// A node would make it.
fn missing(check: &'static str, path: &Path, setting: &str) -> Finding {
    let shown = path.display();
    match writable_folder(path) {
        Ok(()) => Finding::good(check, format!("{shown} will be made")),
        Err(folder) => Finding::bad(
            check,
            format!(
                "{shown} cannot be made: no file can be made in {}",
                folder.display()
            ),
            format!("make that folder writable, or name another file with {setting}"),
        ),
    }
}

fn older_or_unusable(check: &'static str, path: &Path, error: OpenError) -> Finding {
    if matches!(error.problem(), Problem::OlderSchema { .. }) {
        let shown = path.display();
        return Finding::good(
            check,
            format!("{shown} is of an older version: a node brings it up to date"),
        );
    }
    Finding::trouble(check, &wire::unusable_file(error))
}

/// Whether a file can be made beside `path`; the folder if not.
fn writable_folder(path: &Path) -> Result<(), PathBuf> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    tempfile::tempfile_in(folder)
        .map(drop)
        .map_err(|_reason| folder.to_owned())
}

/// Whether the address to listen on is free, or taken by a node.
pub(super) async fn port(config: &Config) -> Finding {
    let address = config.http.listen;
    match http::bind(address) {
        Ok(listener) => {
            drop(listener);
            let found = if address.port() == 0 {
                "any free one is taken".to_owned()
            } else {
                format!("{address} is free")
            };
            Finding::good("port", found)
        }
        Err(_) if is_a_node(address).await => {
            Finding::good("port", format!("a node listens on {address}"))
        }
        Err(trouble) => Finding::trouble("port", &trouble),
    }
}

/// Whether what listens there answers as a node does.
async fn is_a_node(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        stream
            .write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await?;
        let mut answer = String::new();
        stream.take(4_096).read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nok\n"))
    };
    matches!(
        tokio::time::timeout(Duration::from_secs(2), ask).await,
        Ok(Ok(true))
    )
}
