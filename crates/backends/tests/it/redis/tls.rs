//! A server that speaks TLS alone, with a certificate of the test's own authority.

use std::path::Path;
use std::process::Command;

use backends::redis::Settings;
use ledger::port::Activity;

use super::server::{Server, free_port};
use super::{open, settings, told};
use crate::at;

fn openssl(directory: &Path, arguments: &str) {
    let made = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(directory)
        .output()
        .expect("openssl must be on the PATH: apt-get install openssl");
    let told = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{told}");
}

#[tokio::test]
async fn a_server_with_tls_is_spoken_to_if_its_certificate_is_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let at_path = |name: &str| directory.path().join(name).display().to_string();
    let make = |arguments: &str| openssl(directory.path(), arguments);
    make(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -keyout ca.key -out ca.pem",
    );
    make(
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout own.key -out own.csr",
    );
    std::fs::write(
        directory.path().join("names"),
        "subjectAltName=DNS:localhost",
    )
    .unwrap();
    make(
        "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out own.pem",
    );

    let port = free_port();
    let _server = Server::on_port(
        0,
        &[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &at_path("own.pem"),
            "--tls-key-file",
            &at_path("own.key"),
            "--tls-ca-cert-file",
            &at_path("ca.pem"),
            "--tls-auth-clients",
            "no",
            "--requirepass",
            "s3cret",
        ],
    );
    let url = format!("rediss://:s3cret@localhost:{port}");
    let trusting = Settings {
        ca_file: Some(directory.path().join("ca.pem")),
        ..settings(&url)
    };
    open(&trusting).lead("test", at(0)).await.unwrap();

    let refused = open(&settings(&url)).lead("test", at(0)).await.unwrap_err();
    assert!(refused.is_unavailable());
    let words = told(&refused);
    assert!(words.contains("certificate"), "{words}");
    assert!(!words.contains("s3cret"), "{words}");
}
