//! A broker that speaks TLS, with a certificate of the test's own authority.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use backends::rabbitmq::{Settings, State};
use ledger::port::BackfillQueue;

use super::bench::{Place, task, until};
use super::server::{Server, free_ports};

/// `openssl`, with these words.
fn openssl(directory: &Path, words: &str) {
    let made = Command::new("openssl")
        .args(words.split(' '))
        .current_dir(directory)
        .output()
        .expect("openssl must be on the PATH: apt-get install openssl");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_with_tls_is_spoken_to_if_its_certificate_is_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for words in [
        format!("req -x509 {key} -days 2 -subj /CN=test -keyout ca.key -out ca.pem"),
        format!(
            "req {key} -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout own.key -out own.csr"
        ),
        "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy -out own.pem"
            .to_owned(),
    ] {
        openssl(directory.path(), &words);
    }
    let [port, _] = free_ports();
    let at = |name: &str| directory.path().join(name);
    let ca_file = at("ca.pem");
    let more = format!(
        "listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.verify = verify_none\n\
         ssl_options.cacertfile = {}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n",
        ca_file.display(),
        at("own.pem").display(),
        at("own.key").display(),
    );
    let server = tokio::task::spawn_blocking(move || Server::start_in(directory, &more));
    let server = server.await.unwrap();
    let place = Arc::new(Place::at(&server.url()).await);

    let url = format!("amqps://guest:guest@localhost:{port}/%2f");
    let stranger = place.open_at(&url);
    let state = until(&stranger, |state| matches!(state, State::Down(_))).await;
    let State::Down(why) = state else {
        unreachable!()
    };
    assert!(why.contains("certificate"), "{why}");
    stranger.close().await;

    let trusting = place.open_as(&Settings {
        ca_file: Some(ca_file),
        ..place.settings(&url)
    });
    trusting.publish(&task(1), place.time()).await.unwrap();
    assert_eq!(trusting.next().await.unwrap().task, Some(task(1)));
    trusting.close().await;

    let unread = place.open_as(&Settings {
        ca_file: Some("/nowhere/ca.pem".into()),
        ..place.settings(&url)
    });
    let state = until(&unread, |state| matches!(state, State::Down(_))).await;
    let State::Down(why) = state else {
        unreachable!()
    };
    assert!(why.contains("/nowhere/ca.pem"), "{why}");
    unread.close().await;
}
