//! The leader's office as a Lease, on a small API server that is as strict as a real one.

mod server;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backends::kubernetes::{Cluster, ClusterError, Lease};
use jiff::Timestamp;
use ledger::lease::{Candidate, Edge, Figures, Next};
use ledger::port::election::Office;
use ledger::port::{self, Election};
use serde_json::json;
use tempfile::TempDir;

use server::{NAMESPACE, Server, refuse};

const TOKEN: &str = "a-token-that-nobody-may-see";
const NAME: &str = "tidegate-leader";

/// A pod's service account, on a cluster of its own.
struct Pod {
    server: Server,
    directory: TempDir,
}

impl Pod {
    fn new() -> Pod {
        let directory = crate::open::directory();
        let file = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        file("token", &format!("{TOKEN}\n"));
        file("namespace", NAMESPACE);
        file("ca.crt", include_str!("kubernetes/ca.pem"));
        Pod {
            server: Server::start(TOKEN),
            directory,
        }
    }

    fn cluster(&self) -> Result<Cluster, ClusterError> {
        let port = self.server.address.port().to_string();
        Cluster::of_service_account("127.0.0.1", &port, self.directory.path())
    }

    fn lease(&self) -> Lease {
        let cluster = self.cluster().unwrap();
        Lease::new(&cluster, NAME, Duration::from_secs(15), noon).unwrap()
    }
}

/// A clock that stands still, which no version may depend on.
fn noon() -> Timestamp {
    Timestamp::constant(1_767_268_800, 0)
}

mod conformance {
    use std::cell::RefCell;

    use super::*;

    macro_rules! election {
        ($($case:ident)*) => { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let pods = RefCell::default();
                let open = |handles| {
                    let pod = Pod::new();
                    let lease = |_| Arc::new(pod.lease()) as Arc<dyn Election>;
                    let leases = (0..handles).map(lease).collect();
                    let kept: &RefCell<Vec<Pod>> = &pods;
                    kept.borrow_mut().push(pod);
                    leases
                };
                ledger::conformance::election::$case(&open).await;
            }
        )* };
    }
    ledger::election_cases!(election);
}

/// The whole of it, as a log would have it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |cause| cause.source());
    let text = causes
        .map(|cause| format!("{cause}; {cause:?}; "))
        .collect::<String>();
    assert!(!text.contains(TOKEN), "{text}");
    text
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: port::Result<T>) -> (bool, String) {
    let error = answer.expect_err("it is refused");
    (error.is_unavailable(), chain(&error))
}

async fn taken(lease: &Lease, me: &str) -> Office {
    let over = lease.look().await.unwrap();
    lease.take(me, over.as_ref()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_lease_looks_as_the_tools_of_kubernetes_expect_it() {
    let pod = Pod::new();
    let lease = pod.lease();
    let mine = taken(&lease, "tidegate-0").await;
    let made = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "uid": "uid-42",
            "resourceVersion": "42",
            "managedFields": [{ "manager": "tidegate" }],
        },
        "spec": {
            "holderIdentity": "tidegate-0",
            "leaseDurationSeconds": 15,
            "acquireTime": "2026-01-01T12:00:00.000000Z",
            "leaseTransitions": 0,
            "renewTime": "2026-01-01T12:00:00.000000Z",
        },
    });
    assert_eq!(pod.server.lease(NAME), made);

    let mine = lease.renew(&mine).await.unwrap().unwrap();
    lease.resign(&mine).await.unwrap();
    let given_back = pod.server.lease(NAME);
    assert_eq!(given_back["spec"]["holderIdentity"], "");
    assert_eq!(given_back["spec"]["leaseTransitions"], 0);
    taken(&lease, "tidegate-1").await;
    assert_eq!(pod.server.lease(NAME)["spec"]["leaseTransitions"], 1);

    let asked = pod.server.asked();
    let asked: Vec<_> = asked
        .iter()
        .map(|asked| (asked.method.as_str(), asked.status))
        .collect();
    let expected = [
        ("GET", 404),
        ("POST", 201),
        ("GET", 200),
        ("PUT", 200),
        ("GET", 200),
        ("PUT", 200),
        ("GET", 200),
        ("GET", 200),
        ("PUT", 200),
    ];
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn a_lease_that_was_made_by_hand_is_taken_and_keeps_what_else_is_in_it() {
    let pod = Pod::new();
    let lease = pod.lease();
    let by_hand = |spec| {
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": { "name": NAME, "namespace": NAMESPACE, "labels": { "team": "measuring" } },
            "spec": spec,
        })
    };
    for spec in [
        json!(null),
        json!({}),
        json!({ "preferredHolder": "x", "strategy": "y" }),
    ] {
        pod.server.put(by_hand(spec.clone()));
        let free = lease.look().await.unwrap().unwrap();
        assert_eq!((free.holder, free.epoch), (None, 0));
        let mine = taken(&lease, "tidegate-0").await;
        assert_eq!(mine.epoch, 1);
        let mine = lease.renew(&mine).await.unwrap().unwrap();
        lease.resign(&mine).await.unwrap();
        let after = pod.server.lease(NAME);
        assert_eq!(after["metadata"]["labels"]["team"], "measuring");
        assert_eq!(after["spec"]["strategy"], spec["strategy"]);
        assert_eq!(after["spec"]["preferredHolder"], spec["preferredHolder"]);
    }
}

#[tokio::test]
async fn a_holder_whose_lease_is_labelled_by_somebody_keeps_it() {
    let pod = Pod::new();
    let lease = pod.lease();
    let mine = taken(&lease, "tidegate-0").await;
    let mut labels = 0;
    pod.server.before_put(move |leases| {
        labels += 1;
        if labels % 2 == 1 {
            leases.edit(NAME, |lease| {
                lease["metadata"]["labels"]["n"] = json!(labels.to_string());
            });
        }
    });
    let renewed = lease.renew(&mine).await.unwrap().unwrap();
    assert_eq!(renewed.epoch, mine.epoch);
    lease.resign(&renewed).await.unwrap();
    let free = lease.look().await.unwrap().unwrap();
    assert_eq!((&free.holder, free.epoch), (&None, mine.epoch));
    assert_eq!(pod.server.lease(NAME)["metadata"]["labels"]["n"], "3");

    // Who is not the holder is refused by any change.
    assert_eq!(lease.take("tidegate-1", Some(&free)).await.unwrap(), None);

    let mine = taken(&lease, "tidegate-2").await;
    pod.server.before_put(|leases| leases.edit(NAME, |_| ()));
    let (passes, why) = refused(lease.renew(&mine).await);
    assert!(
        passes && why.contains("changed under each of 3 tries"),
        "{why}"
    );
}

#[tokio::test]
async fn a_lease_that_was_deleted_is_not_made_anew_by_its_holder() {
    let pod = Pod::new();
    let lease = pod.lease();
    let mine = taken(&lease, "tidegate-0").await;
    // In the middle of a step, and before it.
    pod.server.before_put(|leases| leases.delete(NAME));
    assert_eq!(lease.renew(&mine).await.unwrap(), None);
    assert_eq!(lease.take("tidegate-1", Some(&mine)).await.unwrap(), None);
    pod.server.before_put(|_| ());
    assert_eq!(lease.look().await.unwrap(), None);

    // One of the same name, holder and epoch is another one.
    let again = taken(&lease, "tidegate-0").await;
    assert_eq!((&again.holder, again.epoch), (&mine.holder, mine.epoch));
    assert_eq!(lease.renew(&mine).await.unwrap(), None);
    lease.resign(&mine).await.unwrap();
    assert_eq!(lease.look().await.unwrap(), Some(again));
}

#[tokio::test]
async fn a_token_that_was_renewed_in_its_file_is_used() {
    let pod = Pod::new();
    let lease = pod.lease();
    let mine = taken(&lease, "tidegate-0").await;
    pod.server.accept("the next token");
    let (passes, why) = refused(lease.renew(&mine).await);
    assert!(passes && why.contains("does not accept the token"), "{why}");
    let file = pod.directory.path().join("token");
    fs::write(&file, "the next token").unwrap();
    let mine = lease.renew(&mine).await.unwrap().unwrap();

    for (text, expected) in [
        (
            Some("two\nlines of a-token-that-nobody-may-see"),
            "is no token",
        ),
        (None, "cannot read"),
    ] {
        match text {
            Some(text) => fs::write(&file, text).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        let (passes, why) = refused(lease.renew(&mine).await);
        assert!(passes && why.contains(expected), "{why}");
        assert!(why.contains(&file.display().to_string()), "{why}");
    }
}

#[tokio::test]
async fn trouble_passes_and_a_refusal_does_not() {
    let pod = Pod::new();
    let lease = pod.lease();
    let mine = taken(&lease, "tidegate-0").await;
    for (status, may_pass) in [
        (500, true),
        (502, true),
        (503, true),
        (429, true),
        (408, true),
        (400, false),
        (403, false),
        (422, false),
        (301, false),
    ] {
        pod.server
            .trouble(move |_| Some(refuse(status, "because\nof the moon")));
        let answers = [
            refused(lease.look().await),
            refused(lease.take("tidegate-1", Some(&mine)).await),
            refused(lease.take("tidegate-1", None).await),
            refused(lease.renew(&mine).await),
            refused(lease.resign(&mine).await),
        ];
        for (passes, why) in answers {
            assert_eq!(passes, may_pass, "{status}: {why}");
            assert!(why.contains("because of the moon"), "{why}");
            assert!(why.contains(&status.to_string()), "{why}");
            assert_eq!(
                why.contains("get, create and update leases"),
                status == 403,
                "{why}"
            );
        }
    }
    pod.server
        .trouble(|_| Some((200, json!({ "kind": "Lease", "metadata": {} }))));
    let (passes, why) = refused(lease.look().await);
    assert!(!passes && why.contains("no Lease"), "{why}");
    pod.server
        .trouble(|_| Some((200, json!("x".repeat(2 << 20)))));
    let (passes, why) = refused(lease.look().await);
    assert!(passes && why.contains("longer than"), "{why}");
    pod.server.no_trouble();
    assert_eq!(lease.look().await.unwrap(), Some(mine));
}

#[tokio::test]
async fn nothing_is_said_to_a_server_whose_certificate_another_authority_signed() {
    let pod = Pod::new();
    let other = include_str!("kubernetes/server.pem");
    fs::write(pod.directory.path().join("ca.crt"), other).unwrap();
    let (passes, why) = refused(pod.lease().look().await);
    assert!(passes && why.contains("UnknownIssuer"), "{why}");
    assert_eq!(pod.server.asked(), []);
}

#[tokio::test]
async fn a_server_that_is_not_there_may_come() {
    let pod = Pod::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let cluster = Cluster::of_service_account("127.0.0.1", &port, pod.directory.path()).unwrap();
    let lease = Lease::new(&cluster, NAME, Duration::from_secs(15), noon).unwrap();
    let (passes, why) = refused(lease.look().await);
    assert!(passes && why.contains("refused"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_given_up_after_three_seconds() {
    let pod = Pod::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let cluster = Cluster::of_service_account("127.0.0.1", &port, pod.directory.path()).unwrap();
    let lease = Lease::new(&cluster, NAME, Duration::from_secs(15), noon).unwrap();
    let start = tokio::time::Instant::now();
    let (passes, why) = refused(lease.look().await);
    assert!(passes && why.contains("TimedOut"), "{why}");
    let after = start.elapsed();
    assert!((3.0..3.1).contains(&after.as_secs_f64()), "{after:?}");
}

#[test]
fn what_is_missing_of_a_pod_is_said_with_what_to_do() {
    let pod = Pod::new();
    let said = |error: ClusterError| {
        let text = error.to_string();
        assert!(!text.contains('\n') && !chain(&error).is_empty(), "{text}");
        text
    };
    let of = |host: &str, port: &str, directory: &Path| {
        said(Cluster::of_service_account(host, port, directory).unwrap_err())
    };
    let account = pod.directory.path();
    for (host, port) in [
        ("", "443"),
        ("10.0.0.1", ""),
        ("10.0.0.1", "x"),
        ("a/b", "443"),
        ("a@b", "1"),
    ] {
        let text = of(host, port, account);
        assert!(text.contains("KUBERNETES_SERVICE_HOST"), "{text}");
    }
    let cluster = Cluster::of_service_account("fd00::1", "443", account).unwrap();
    let lease = Lease::new(&cluster, NAME, Duration::from_secs(15), noon).unwrap();
    let shown = format!("{lease:?}");
    assert!(shown.contains("https://[fd00::1]:443/apis/"), "{shown}");
    assert!(!shown.contains(TOKEN), "{shown}");
    for name in ["", "Leader", "a/b", "-a", "a.", &"a".repeat(254)] {
        let refused = Lease::new(&cluster, name, Duration::from_secs(15), noon);
        let text = said(refused.unwrap_err());
        assert!(text.contains("small letters"), "{text}");
    }

    fs::write(account.join("namespace"), "No").unwrap();
    assert!(of("10.0.0.1", "443", account).contains("the namespace"));
    fs::write(account.join("namespace"), NAMESPACE).unwrap();
    for text in ["", "nothing of the kind"] {
        fs::write(account.join("ca.crt"), text).unwrap();
        assert!(of("10.0.0.1", "443", account).contains("has no certificate"));
    }
    fs::remove_file(account.join("ca.crt")).unwrap();
    assert!(of("10.0.0.1", "443", account).contains("automountServiceAccountToken"));
}

/// What somebody was told, and when.
type Told = (Duration, &'static str, Edge);

/// Two that campaign for the Lease, on a clock that does not wait.
struct Race {
    now: Duration,
    campaigns: Vec<(&'static str, Candidate, Lease, Duration)>,
    told: Vec<Told>,
}

impl Race {
    fn new(pod: &Pod) -> Race {
        let campaign = |name| {
            let candidate = Candidate::new(name, Figures::DEFAULT);
            (name, candidate, pod.lease(), Duration::ZERO)
        };
        Race {
            now: Duration::ZERO,
            campaigns: ["ada", "bob"].map(campaign).into(),
            told: Vec::new(),
        }
    }

    async fn until(&mut self, end: Duration) {
        loop {
            let next = self.campaigns.iter_mut().min_by_key(|campaign| campaign.3);
            let (name, candidate, lease, due) = next.unwrap();
            if *due > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(*due);
            match candidate.next(self.now) {
                Next::Tell(edge) => self.told.push((self.now, name, edge)),
                Next::Do { step, .. } => {
                    let answer = step.on(lease).await;
                    self.now += Duration::from_millis(10);
                    *due = self.now;
                    candidate.answered(&answer, self.now, 0.5);
                }
                Next::Wait { until } => *due = until,
                Next::Ended => *due = Duration::MAX,
            }
        }
    }

    /// Who was told what since this was asked last.
    fn told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn a_leader_goes_on_through_trouble_that_passes_in_time_and_leads_no_more_after_ten_seconds()
{
    let pod = Pod::new();
    let mut race = Race::new(&pod);
    race.until(seconds(30)).await;
    let told = race.told();
    let [(_, first, Edge::Leads(reign))] = told[..] else {
        panic!("one leads: {told:?}");
    };
    let epoch = reign.epoch;

    // Renewed at 30 s or before, so that it is told no more at 40 s at the latest.
    pod.server
        .trouble(|_| Some(refuse(503, "the server is currently unable")));
    race.until(seconds(34)).await;
    pod.server.no_trouble();
    race.until(seconds(60)).await;
    assert_eq!(race.told(), []);

    pod.server
        .trouble(|_| Some(refuse(503, "the server is currently unable")));
    race.until(seconds(90)).await;
    let told = race.told();
    let [(at, who, Edge::LeadsNoMore { epoch: over })] = told[..] else {
        panic!("one leads no more: {told:?}");
    };
    assert_eq!((who, over), (first, epoch));
    assert!(at <= seconds(70), "{at:?}");

    pod.server.no_trouble();
    race.until(seconds(92)).await;
    let told = race.told();
    let [(_, _, Edge::Leads(_))] = told[..] else {
        panic!("one leads again: {told:?}");
    };
}

#[tokio::test]
async fn a_leader_whose_lease_was_deleted_leads_no_more_and_the_next_one_waits_for_it() {
    let pod = Pod::new();
    let mut race = Race::new(&pod);
    race.until(seconds(30)).await;
    assert_eq!(race.told().len(), 1);
    pod.server.delete(NAME);
    race.until(seconds(60)).await;
    let told = race.told();
    let [
        (over, _, Edge::LeadsNoMore { .. }),
        (next, _, Edge::Leads(_)),
    ] = told[..]
    else {
        panic!("one ends, one begins: {told:?}");
    };
    assert!(over <= seconds(36), "{over:?}");
    assert!(next >= seconds(43) && next <= seconds(45), "{next:?}");
}
