//! The office of the leader as a `Lease` of Kubernetes (`coordination.k8s.io/v1`). Decides how an office lies in a Lease;
//! refuses to know who is dead, and anything else of Kubernetes.
//!
//! | office | Lease |
//! |---|---|
//! | holder | `spec.holderIdentity`; given back: empty, as client-go leaves it |
//! | epoch | `spec.leaseTransitions` + 1; 0 where that is not set and nobody holds it |
//! | mark | `metadata.uid` and `metadata.resourceVersion`, which never return |
//!
//! What nobody here knows of a Lease stays in it as it is. `acquireTime`, `renewTime` and `leaseDurationSeconds` are for people
//! and their tools: who waits judges by its own clock.
//!
//! **A step** reads the Lease and writes it back with the version that was read, so that one of two who write at once is
//! refused. The `uid` goes with it: a PUT to a Lease that was deleted would otherwise make it anew. A holder that is refused
//! because somebody has labelled its Lease tries again.

mod cluster;
mod object;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::port;
use ledger::port::election::{Election, Office};
use reqwest::{Method, StatusCode};

use cluster::{Answer, Api};
pub use cluster::{Cluster, ClusterError, SERVICE_ACCOUNT};
use object::Object;

/// How often a holder writes to a Lease that others write to at the same moment.
const TRIES: usize = 3;

/// A Lease, by its name.
#[derive(Debug)]
pub struct Lease {
    api: Api,
    name: String,
    /// What people are told of how long a holder is trusted.
    duration: Duration,
    now: fn() -> Timestamp,
}

impl Lease {
    /// The Lease of this name in the namespace of the pod. Nothing is sent yet.
    ///
    /// `duration` is what the Lease says of itself, in whole seconds, and `now` the time of day that it shows.
    ///
    /// # Errors
    ///
    /// A [`ClusterError`] if the name cannot be one of Kubernetes (small letters, digits, `-` and `.`, at most 253), or TLS
    /// cannot be set up.
    pub fn new(
        cluster: &Cluster,
        name: &str,
        duration: Duration,
        now: fn() -> Timestamp,
    ) -> Result<Lease, ClusterError> {
        cluster::check_name("the Lease", name, 253)?;
        Ok(Lease {
            api: cluster.api("apis/coordination.k8s.io/v1", "leases")?,
            name: name.to_owned(),
            duration,
            now,
        })
    }

    async fn get(&self, doing: &'static str) -> port::Result<Option<Object>> {
        let answer = self
            .api
            .send(Method::GET, Some(&self.name), None, doing)
            .await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => Object::read(&answer.body, doing).map(Some),
            _ => Err(answer.refusal(doing)),
        }
    }

    /// Writes a Lease back in place of exactly what was read; none if it has changed since.
    async fn put(&self, object: &Object, doing: &'static str) -> port::Result<Option<Office>> {
        let body = Some(object.body());
        let answer = self
            .api
            .send(Method::PUT, Some(&self.name), body, doing)
            .await?;
        written(&answer, StatusCode::OK, doing)
    }

    /// The holder changes its Lease; none if it is not the holder any more.
    async fn change(
        &self,
        mine: &Office,
        doing: &'static str,
        change: impl Fn(&mut Object),
    ) -> port::Result<Option<Office>> {
        for _ in 0..TRIES {
            let Some(mut object) = self.get(doing).await? else {
                return Ok(None);
            };
            if !object.is_of(mine) {
                return Ok(None);
            }
            change(&mut object);
            if let Some(office) = self.put(&object, doing).await? {
                return Ok(Some(office));
            }
        }
        Err(port::Error::Unavailable {
            doing,
            cause: format!("the Lease has changed under each of {TRIES} tries").into(),
        })
    }
}

/// What a write came to; none if somebody else was faster.
fn written(
    answer: &Answer,
    success: StatusCode,
    doing: &'static str,
) -> port::Result<Option<Office>> {
    match answer.status {
        status if status == success => Object::read(&answer.body, doing)?.office(doing).map(Some),
        StatusCode::CONFLICT => Ok(None),
        _ => Err(answer.refusal(doing)),
    }
}

#[async_trait]
impl Election for Lease {
    async fn look(&self) -> port::Result<Option<Office>> {
        let doing = "look at the leader's Lease";
        let object = self.get(doing).await?;
        object.map(|object| object.office(doing)).transpose()
    }

    async fn take(&self, me: &str, over: Option<&Office>) -> port::Result<Option<Office>> {
        let doing = "take the leader's Lease";
        let Some(over) = over else {
            let mut object = Object::new(&self.name, self.api.namespace());
            object.take(me, 1, self.duration, (self.now)());
            let body = Some(object.body());
            let answer = self.api.send(Method::POST, None, body, doing).await?;
            return written(&answer, StatusCode::CREATED, doing);
        };
        let Some(mut object) = self.get(doing).await? else {
            return Ok(None);
        };
        if object.office(doing)? != *over {
            return Ok(None);
        }
        object.take(me, over.epoch + 1, self.duration, (self.now)());
        self.put(&object, doing).await
    }

    async fn renew(&self, mine: &Office) -> port::Result<Option<Office>> {
        self.change(mine, "renew the leader's Lease", |object| {
            object.renew((self.now)());
        })
        .await
    }

    async fn resign(&self, mine: &Office) -> port::Result<()> {
        self.change(mine, "give the leader's Lease back", |object| {
            object.give_back((self.now)());
        })
        .await?;
        Ok(())
    }
}
