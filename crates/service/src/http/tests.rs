//! The door under test, in process: who may come in, and what everybody is told.

use std::net::SocketAddr;

use axum::{body::to_bytes, http::Request};
use tower::ServiceExt as _;

use super::*;
use crate::{
    config::Secret,
    health::{Component, Cycle},
};

const TOKEN: &str = "planted-api-token";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn health() -> Health {
    let acme = Component::GitHub("<acme & sons>".to_owned());
    let health = Health::new(
        [Component::State, Component::Exporter, acme.clone()],
        at(1_000),
    );
    health.healthy(&Component::State, at(1_000));
    health.degraded(&acme, "1 repository could not be read: \"<b>\"", at(1_100));
    health.data_at(&acme, at(1_080), at(1_100));
    let cycle = Cycle {
        finished: at(1_100),
        seconds: 1.25,
        result: "partial".to_owned(),
        repositories: 12,
    };
    health.cycle("<acme & sons>", cycle);
    health
}

fn door(listen: &str, health: Health) -> Router {
    let token = Secret::new(TOKEN).unwrap();
    let listen: SocketAddr = listen.parse().unwrap();
    let guard = Guard::new(listen, &["Tidegate.example.com".to_owned()], Some(&token)).unwrap();
    let metrics: Metrics = Arc::new(|part, _| {
        let body = match part {
            Part::All => "up 1\n",
            Part::Activity => "activity 1\n",
            Part::Node => "node 1\n",
        };
        http::Response::new(Parts::from(vec![body.into()]))
    });
    let face = Face {
        health,
        metrics,
        now: Arc::new(|| at(1_142)),
    };
    router(face, guard).layer(axum::Extension(LocalAddress(
        "10.1.2.3:10270".parse().unwrap(),
    )))
}

async fn ask(door: &Router, request: http::request::Builder) -> (StatusCode, HeaderMap, String) {
    let response = door
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let (head, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    (
        head.status,
        head.headers,
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

async fn status(door: &Router, request: http::request::Builder) -> u16 {
    ask(door, request).await.0.as_u16()
}

fn get(path: &str) -> http::request::Builder {
    Request::get(path).header("host", "localhost")
}

#[tokio::test]
async fn only_names_of_this_node_come_in() {
    let door = door("127.0.0.1:10270", health());
    let known = [
        "localhost",
        "LOCALHOST:1",
        "localhost.",
        "127.0.0.1",
        "127.0.0.1:10270",
        "[::1]",
        "[::1]:10270",
        "10.1.2.3:9",
        "tidegate.example.com",
        "TIDEGATE.example.com:443",
        "[::ffff:127.0.0.1]",
    ];
    for host in known {
        assert_eq!(
            status(&door, Request::get("/metrics").header("host", host)).await,
            200,
            "{host}"
        );
    }
    let strange = [
        "evil.example",
        "localhost.evil.example",
        "10.1.2.4",
        "127.0.0.1.nip.io",
        "[::2]",
        "xn--localhost-",
        "tidegate.example.com.evil",
    ];
    for host in strange {
        let (status, _, body) = ask(&door, Request::get("/metrics").header("host", host)).await;
        assert_eq!(status.as_u16(), 421, "{host}");
        assert!(body.contains("http.allowed_hosts"), "{body}");
    }
    for host in [
        "",
        "a b",
        "localhost@evil.example",
        "user@localhost",
        "/",
        ":80",
    ] {
        assert_eq!(
            status(&door, Request::get("/livez").header("host", host)).await,
            400,
            "{host:?}"
        );
    }
    assert_eq!(status(&door, Request::get("/livez")).await, 400);
    let twice = Request::get("/livez")
        .header("host", "localhost")
        .header("host", "evil.example");
    assert_eq!(status(&door, twice).await, 400);
    let elsewhere = Request::get("http://evil.example/metrics").header("host", "localhost");
    assert_eq!(status(&door, elsewhere).await, 400);
}

#[tokio::test]
async fn beyond_loopback_everything_but_the_probes_of_orchestrators_needs_the_token() {
    let door = door("0.0.0.0:10270", health());
    for path in [
        "/",
        "/metrics",
        "/healthz",
        "/style.css",
        "/icon.svg",
        "/nothing",
    ] {
        let (code, headers, body) = ask(&door, get(path)).await;
        assert_eq!(code.as_u16(), 401, "{path}");
        assert!(
            headers["www-authenticate"]
                .to_str()
                .unwrap()
                .starts_with("Bearer")
                && !body.contains(TOKEN)
        );
        let with = |value: String| get(path).header("authorization", value);
        for wrong in [
            format!("Bearer {TOKEN}x"),
            format!("Bearer x{TOKEN}"),
            format!("Basic {TOKEN}"),
            TOKEN.to_owned(),
            "Bearer ".to_owned(),
        ] {
            assert_eq!(
                status(&door, with(wrong.clone())).await,
                401,
                "{path} with {wrong}"
            );
        }
        let twice =
            with(format!("Bearer {TOKEN}")).header("authorization", format!("Bearer {TOKEN}"));
        assert_eq!(status(&door, twice).await, 401);
        assert_ne!(
            status(&door, with(format!("Bearer {TOKEN}"))).await,
            401,
            "{path}"
        );
        assert_ne!(
            status(&door, with(format!("bearer {TOKEN}"))).await,
            401,
            "{path}"
        );
    }
    assert_eq!(status(&door, get("/livez")).await, 200);
    assert_eq!(status(&door, get("/readyz")).await, 503);
}

#[tokio::test]
async fn each_part_of_the_metrics_has_a_path_of_its_own() {
    let door = door("127.0.0.1:10270", health());
    for (path, expected) in [
        ("/metrics", "up 1\n"),
        ("/metrics/activity", "activity 1\n"),
        ("/metrics/node", "node 1\n"),
    ] {
        let (code, headers, body) = ask(&door, get(path)).await;
        assert_eq!((code.as_u16(), body.as_str()), (200, expected), "{path}");
        assert_eq!(headers["content-length"], expected.len().to_string());
    }
}

#[test]
fn an_address_that_other_machines_reach_is_refused_without_a_token() {
    let listen = "0.0.0.0:10270".parse().unwrap();
    let refusal = Guard::new(listen, &[], None).unwrap_err().to_string();
    assert!(refusal.contains("api.token_file"), "{refusal}");
    let token = Secret::new(TOKEN).unwrap();
    assert!(!format!("{:?}", Guard::new(listen, &[], Some(&token)).unwrap()).contains("planted"));
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_browsers_in_bounds() {
    let door = door("127.0.0.1:1", health());
    for request in [
        get("/"),
        get("/metrics"),
        get("/metrics/activity"),
        get("/nothing"),
        Request::get("/").header("host", "evil.example"),
        Request::post("/metrics").header("host", "localhost"),
    ] {
        let (code, headers, _) = ask(&door, request).await;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'")
                && !policy.contains("unsafe")
                && !policy.contains("http"),
            "{code}: {policy}"
        );
        assert_eq!(
            (
                &headers["x-content-type-options"],
                &headers["x-frame-options"]
            ),
            (&"nosniff".parse().unwrap(), &"DENY".parse().unwrap())
        );
        assert_eq!(headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn the_probes_tell_alive_ready_and_well_apart() {
    let health = health();
    let door = door("127.0.0.1:1", health.clone());
    assert_eq!(status(&door, get("/livez")).await, 200);
    assert_eq!(status(&door, get("/readyz")).await, 503);
    health.ready();
    assert_eq!(status(&door, get("/readyz")).await, 200);
    health.failed(&Component::State, "disk full", at(1_140));
    let (code, headers, body) = ask(&door, get("/healthz")).await;
    assert_eq!(
        (code.as_u16(), &headers["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&body["mode"], &body["ready"]),
        (&"unhealthy".into(), &true.into())
    );
    assert_eq!(
        (
            &body["data_age_seconds"],
            &body["components"][2]["data_age_seconds"]
        ),
        (&62.into(), &62.into())
    );
    assert_eq!(body["components"][0]["last_error"]["message"], "disk full");
    health.drain();
    assert_eq!(
        (
            status(&door, get("/readyz")).await,
            status(&door, get("/livez")).await
        ),
        (503, 200)
    );
}

#[tokio::test]
async fn the_landing_page_shows_the_organisations_and_escapes_what_it_shows() {
    let (code, headers, page) = ask(&door("127.0.0.1:1", health()), get("/")).await;
    assert_eq!(
        (code.as_u16(), &headers["content-type"]),
        (200, &"text/html; charset=utf-8".parse().unwrap())
    );
    for part in [
        "&lt;acme &amp; sons&gt;",
        "42 s ago",
        "1.2 s",
        "&quot;&lt;b&gt;&quot;",
        "href=\"/metrics\"",
        "href=\"/healthz\"",
        "degraded",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    for forbidden in ["<acme", "<b>", "<script", "style=", "//", "onload"] {
        let page = page.replace("<!doctype", "");
        assert!(!page.contains(forbidden), "{forbidden} in {page}");
    }
}

#[tokio::test]
async fn a_large_body_and_a_strange_method_are_turned_away() {
    let door = door("127.0.0.1:1", health());
    let large = Request::post("/metrics")
        .header("host", "localhost")
        .header("content-length", "70000");
    assert_eq!(status(&door, large).await, 413);
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(
            status(
                &door,
                Request::builder()
                    .method(method)
                    .uri("/")
                    .header("host", "localhost")
            )
            .await,
            405,
            "{method}"
        );
    }
    let (code, _, body) = ask(&door, Request::head("/metrics").header("host", "localhost")).await;
    assert_eq!((code.as_u16(), body.as_str()), (200, ""));
}

mod over_a_socket {
    //! What only a real connection shows.

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };
    use tokio_util::sync::CancellationToken;

    use super::*;

    async fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _reset = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn a_node_serves_and_when_it_leaves_it_finishes_what_is_under_way() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let leave = CancellationToken::new();
        let (asked, mut is_asked) = tokio::sync::mpsc::channel::<()>(1);
        let go_on = Arc::new(tokio::sync::Notify::new());
        let slow = {
            let go_on = Arc::clone(&go_on);
            Router::new().route(
                "/slow",
                axum::routing::get(async move || {
                    asked.send(()).await.unwrap();
                    go_on.notified().await;
                    "whole"
                }),
            )
        };
        let router = door("127.0.0.1:0", health()).merge(slow);
        let serving = tokio::spawn(serve(listener, router, leave.clone()));

        let close = "connection: close\r\n\r\n";
        let answer = exchange(
            address,
            &format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\n{close}"),
        )
        .await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("up 1\n"),
            "{answer}"
        );
        let long = format!(
            "GET /livez HTTP/1.1\r\nhost: {address}\r\n{}{close}",
            "x: y\r\n".repeat(70)
        );
        let answer = exchange(address, &long).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");

        let under_way = tokio::spawn(async move {
            exchange(
                address,
                &format!("GET /slow HTTP/1.1\r\nhost: {address}\r\n{close}"),
            )
            .await
        });
        is_asked.recv().await.unwrap();
        leave.cancel();
        // The listener is gone once a connection is refused.
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        go_on.notify_one();
        assert!(under_way.await.unwrap().ends_with("whole"));
        serving.await.unwrap().unwrap();
    }
}
