//! The simulator behind a socket, spoken to in plain HTTP/1.1.

use std::net::SocketAddr;

use github_sim::fault::{Action, Matcher, Rule};
use github_sim::{SimClock, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::Stage;

/// One request on one connection, and everything that comes back.
async fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: test\r\nauthorization: token sim-token\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset may also show as an error of the socket.
    let _read = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn it_answers_resets_truncates_and_ends_when_told() {
    let stage = Stage::instant();
    let (stop, stopped) = oneshot::channel::<()>();
    let stop_when = async move { drop(stopped.await) };
    let (address, task) =
        serve::spawn(stage.sim.clone(), "127.0.0.1:0".parse().unwrap(), stop_when)
            .await
            .unwrap();

    let answer = ask(address, "/repos/acme/widget").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("x-ratelimit-remaining: 4999\r\n"));
    assert!(answer.contains(&format!("\"url\":\"http://{address}/repos/acme/widget\"")));
    assert!(
        ask(address, "/_sim/summary")
            .await
            .contains("\"requests\":1")
    );

    stage
        .sim
        .faults()
        .add(Rule::always(Action::Reset).when(Matcher::path("/user")));
    assert_eq!(ask(address, "/user").await, "", "no answer at all");
    stage
        .sim
        .faults()
        .add(Rule::always(Action::Truncate { keep: Some(10) }).when(Matcher::path("/meta")));
    let cut = ask(address, "/meta").await;
    let (head, body) = cut.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains("content-length:") && body.len() <= 10,
        "{cut}"
    );

    drop(stop);
    task.await.unwrap().unwrap();
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn report_files_lie_at_another_name_of_the_same_socket() {
    let stage = Stage::instant();
    {
        let mut world = stage.sim.world();
        let org = world.account_named("acme").unwrap().id;
        world.seat(org, []);
    }
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_hours(48)).await;
    tokio::time::resume();
    let (stop, stopped) = oneshot::channel::<()>();
    let stop_when = async move { drop(stopped.await) };
    let (address, task) =
        serve::spawn(stage.sim.clone(), "127.0.0.1:0".parse().unwrap(), stop_when)
            .await
            .unwrap();
    let path = "/orgs/acme/copilot/metrics/reports/users-28-day/latest";
    let answer = ask(address, path).await;
    let origin = format!("\"http://localhost:{}", address.port());
    let (_, link) = answer
        .split_once(&origin)
        .expect("a link to another origin");
    let (link, _) = link.split_once('"').unwrap();
    assert!(ask(address, link).await.starts_with("HTTP/1.1 200 OK\r\n"));
    drop(stop);
    task.await.unwrap().unwrap();
}

#[test]
fn a_real_clock_can_be_used_as_well() {
    assert!(SimClock::real().now() > "2024-01-01T00:00:00Z".parse().unwrap());
}
