//! The stores in Redis: the suites on the server that the tests share, and servers of their own for what would disturb others.

mod events;
mod lost;
mod network;
mod proxy;
mod refused;
mod server;
mod steps;
mod suites;
mod tls;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backends::redis::{Redis, Settings};

/// The server that the tests share: nobody stops it, empties it or changes its settings.
fn shared_url() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "where the tests' servers are is said by the environment"
    )]
    let url = std::env::var("TIDEGATE_TEST_REDIS_URL");
    url.unwrap_or_else(|_unset| "redis://127.0.0.1:6379".to_owned())
}

/// A prefix unlike every other.
fn prefix() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let random = RandomState::new().build_hasher().finish();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("test-{}-{random:016x}-{number}", std::process::id())
}

fn settings(url: &str) -> Settings {
    Settings {
        prefix: prefix(),
        patience: Duration::from_secs(20),
        ..Settings::new(url.to_owned().into())
    }
}

fn open(settings: &Settings) -> Redis {
    Redis::open(settings).unwrap()
}

/// Stores on the shared server. What they leave is taken away when it goes.
#[derive(Default)]
struct Rooms(std::sync::Mutex<Vec<String>>);

impl Rooms {
    fn settings(&self) -> Settings {
        let settings = settings(&shared_url());
        self.0.lock().unwrap().push(settings.prefix.clone());
        settings
    }
}

impl Drop for Rooms {
    fn drop(&mut self) {
        let prefixes = std::mem::take(&mut *self.0.lock().unwrap());
        let client = ::redis::Client::open(shared_url()).unwrap();
        let Ok(mut connection) = client.get_connection() else {
            return;
        };
        for prefix in prefixes {
            let mut scan = ::redis::cmd("SCAN");
            scan.cursor_arg(0);
            scan.arg("MATCH").arg(format!("{{{prefix}}}:*"));
            scan.arg("COUNT").arg(10_000);
            let keys: Vec<Vec<u8>> = match scan.iter(&mut connection) {
                Ok(keys) => keys.filter_map(Result::ok).collect(),
                Err(_) => return,
            };
            if !keys.is_empty() {
                let mut unlink = ::redis::cmd("UNLINK");
                let _: Result<i64, _> = unlink.arg(keys).query(&mut connection);
            }
        }
    }
}

/// Asks again until there is an answer. Bounded: what is waited for takes a moment, and not half a minute.
async fn eventually<T, E: std::fmt::Debug>(
    what: &str,
    mut ask: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let mut last = None;
    let asking = async {
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(not_yet) => last = Some(not_yet),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(30), asking).await;
    answer.unwrap_or_else(|_| panic!("half a minute has passed without {what}: {last:?}"))
}

/// The chain of an error, as the edge prints it.
fn told(error: &ledger::port::Error) -> String {
    let mut told = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        told.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    told
}
