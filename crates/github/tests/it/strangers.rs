//! Answers that are not GitHub's, and links that lead elsewhere: tokens stay at home, and people learn what is wrong.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use github::transport::{self, Fault};
use github::{
    ApiUrl, Client, Clock, Governor, Lane, MemoryAnswers, Settings, page, reqwest_transport, rest,
};
use http::{Request, Response, Uri, header};
use http_body_util::Full;
use tower::ServiceExt;

use crate::lab::{Lab, NOON, token};

/// Where requests went, in order.
type Visited = Arc<Mutex<Vec<Uri>>>;

/// A client of a server that answers everything with `answer`.
fn client_of(
    answer: impl Fn(&Uri) -> Response<Full<Bytes>> + Clone + Send + Sync + 'static,
) -> (Client, Visited) {
    let visited = Visited::default();
    let seen = visited.clone();
    let service = tower::service_fn(move |request: Request<Bytes>| {
        seen.lock().unwrap().push(request.uri().clone());
        std::future::ready(Ok::<_, Infallible>(answer(request.uri())))
    });
    let clock = Clock::virtual_from(NOON.parse().unwrap());
    let gate = Governor::new(clock, quota::Settings::default()).gate("stranger");
    let settings = Settings::new(ApiUrl::parse("https://ghe.acme.org").unwrap(), "stranger");
    let answers = Arc::new(MemoryAnswers::new(10));
    (
        Client::new(
            settings,
            token("planted-secret"),
            transport::adapt(service),
            gate,
            clock,
            answers,
        ),
        visited,
    )
}

fn answer(status: u16, kind: &str, body: &'static str) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .body(Full::from(body))
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_github_is_told_from_one_that_refuses() {
    let mut lines = Vec::new();
    for (status, kind, body) in [
        (200, "text/html; charset=utf-8", "<html>welcome</html>"),
        (404, "text/html", "<html>not here</html>"),
        (404, "application/json", r#"{"detail":"no route"}"#),
        (405, "text/plain", "no"),
    ] {
        let (client, _) = client_of(move |_| answer(status, kind, body));
        let error = client
            .send(Lane::Interactive, rest::meta::meta())
            .await
            .unwrap_err();
        assert!(error.is_not_github() && !error.is_gone(), "{error}");
        lines.push(error.to_string());
    }
    let (client, _) = client_of(|_| {
        answer(
            404,
            "application/json; charset=utf-8",
            r#"{"message":"Not Found"}"#,
        )
    });
    let error = client
        .send(Lane::Interactive, rest::meta::meta())
        .await
        .unwrap_err();
    assert!(error.is_not_found() && !error.is_not_github());
    lines.push(error.to_string());
    insta::assert_snapshot!(lines.join("\n"), @r"
    the answer to GET /meta (200 OK, text/html) is not from GitHub's API
    the answer to GET /meta (404 Not Found, text/html) is not from GitHub's API
    the answer to GET /meta (404 Not Found, application/json) is not from GitHub's API
    the answer to GET /meta (405 Method Not Allowed, text/plain) is not from GitHub's API
    GitHub answers GET /meta with 404 Not Found: Not Found
    ");
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_another_origin_is_refused_and_the_token_stays() {
    let (client, visited) = client_of(|_| {
        let mut moved = answer(301, "application/json", "{}");
        moved.headers_mut().insert(
            header::LOCATION,
            "https://evil.example/api/v3/meta?x=1".parse().unwrap(),
        );
        moved
    });
    let error = client
        .send(Lane::Interactive, rest::meta::meta())
        .await
        .unwrap_err();
    assert!(error.is_elsewhere());
    assert_eq!(
        error.to_string(),
        "GET /meta leads to https://evil.example/api/v3/meta, which is not below https://ghe.acme.org/api/v3"
    );
    assert!(
        visited
            .lock()
            .unwrap()
            .iter()
            .all(|uri| uri.host() == Some("ghe.acme.org"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_redirect_in_circles_ends() {
    let (client, visited) = client_of(|_| {
        let mut moved = answer(302, "application/json", "{}");
        moved
            .headers_mut()
            .insert(header::LOCATION, "/api/v3/meta".parse().unwrap());
        moved
    });
    let error = client
        .send(Lane::Interactive, rest::meta::meta())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "GET /meta was redirected more than 3 times"
    );
    assert_eq!(visited.lock().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_link_to_another_origin_is_an_error_and_not_an_end() {
    let (client, _) = client_of(|_| {
        let mut list = answer(200, "application/json", "[]");
        list.headers_mut().insert(
            header::LINK,
            r#"<https://evil.example/next?page=2>; rel="next""#.parse().unwrap(),
        );
        list
    });
    let response = client
        .send(Lane::Interactive, rest::repos::of_org("acme"))
        .await
        .unwrap();
    assert!(page::next(&response).unwrap_err().is_elsewhere());
}

#[tokio::test]
async fn the_real_transport_reads_a_server_on_a_socket_and_tells_when_there_is_none() {
    let lab = Lab::new();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let stopped = async { _ = stopped.await };
    let (address, server) = github_sim::serve::spawn(lab.sim.clone(), any, stopped)
        .await
        .unwrap();

    let url = ApiUrl::parse(&format!("http://{address}")).unwrap();
    let transport = reqwest_transport(&url).unwrap();
    let settings = Settings::new(url, "socket");
    let (gate, answers) = (lab.governor.gate("socket"), lab.answers.clone());
    let client = Client::new(
        settings,
        token("sim-token"),
        transport.clone(),
        gate,
        lab.clock,
        answers,
    );
    let response = client
        .send(Lane::Live, rest::users::org("acme"))
        .await
        .unwrap();
    assert_eq!(response.json::<rest::User>().unwrap().login, "acme");

    drop(client);
    _ = stop.send(());
    server.await.unwrap().unwrap();
    let request = Request::get(format!("http://{address}/meta"))
        .body(Bytes::new())
        .unwrap();
    let error = transport.oneshot(request).await.unwrap_err();
    assert_eq!(
        (error.fault(), error.to_string().as_str()),
        (Fault::Connect, "no connection")
    );
}
