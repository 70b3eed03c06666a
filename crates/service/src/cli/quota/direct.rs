//! What GitHub itself says of the configured credentials, where no node runs that could be asked: `GET /rate_limit`, which
//! is free of the primary quota.

use std::sync::Arc;
use std::time::Duration;

use github::rest::rate_limit::{self, Bucket, RateLimits};
use github::{AnswerStore, Client, Clock, Error, Lane, MemoryAnswers};
use jiff::Timestamp;

use crate::config::{Config, Credential};
use crate::quota_view::{QuotaView, ResourceView};
use crate::wire::{self, Connected, Plan};
use crate::{Trouble, explain};

/// A person waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// The one answer is never asked for twice.
const ANSWERS: usize = 1;

/// A way to ask GitHub of every configured credential.
pub(super) struct Direct {
    connected: Vec<Connected>,
    api_url: String,
    clock: Clock,
}

/// What GitHub says of one credential.
pub(super) enum Said {
    /// Its buckets.
    Limits(QuotaView),
    /// It has none, as on an Enterprise Server whose limits are off.
    NoLimits(QuotaView),
    /// Nothing.
    Failed(String, Trouble),
}

impl Direct {
    /// Nothing where no credential is configured.
    pub(super) fn of(config: &Config) -> Result<Option<Direct>, Trouble> {
        let mut config = config.clone();
        config
            .github
            .organisations
            .retain(|organisation| organisation.credential.is_some());
        let plan = Plan::of(&config)?;
        let clock = Clock::real();
        let transport = wire::transport(&plan.api_url)?;
        let governor = wire::governor(&config, clock);
        let answers: Arc<dyn AnswerStore> = Arc::new(MemoryAnswers::new(ANSWERS));
        let mut connected = plan.connect(clock, &governor, &transport, &answers);
        connected.sort_by(|one, other| one.client.credential().cmp(other.client.credential()));
        connected.dedup_by(|one, other| one.client.credential() == other.client.credential());
        if connected.is_empty() {
            match &config.github.credential {
                None => return Ok(None),
                Some(Credential::App { id, .. }) => {
                    let what =
                        format!("App {id} has a quota for each organisation, and none is named");
                    return Err(Trouble::usage(what).remedy("name one with --org"));
                }
                Some(Credential::Token(secret)) => {
                    let settings = github::Settings::new(plan.api_url.clone(), "token");
                    let credential = github::Credential::Token(secret.expose().into());
                    let gate = governor.gate("token");
                    connected.push(Connected {
                        org: config.github.api_url.clone(),
                        client: Client::new(settings, credential, transport, gate, clock, answers),
                    });
                }
            }
        }
        Ok(Some(Direct {
            connected,
            api_url: config.github.api_url.clone(),
            clock,
        }))
    }

    /// Asks of all of them, one after the other.
    pub(super) async fn ask(&self) -> Vec<Said> {
        let mut said = Vec::new();
        for Connected { org, client } in &self.connected {
            let name = client.credential().to_owned();
            said.push(match tokio::time::timeout(PATIENCE, limits(client)).await {
                Ok(Ok((limits, date))) => {
                    Said::Limits(view(name, limits, date.unwrap_or_else(|| self.clock.now())))
                }
                Ok(Err(error)) if error.is_not_found() => {
                    Said::NoLimits(QuotaView::new(name, self.clock.now()))
                }
                Ok(Err(error)) => Said::Failed(name, explain::github(org, &self.api_url, error)),
                Err(_) => {
                    let what = format!("GitHub did not answer within {} s", PATIENCE.as_secs());
                    Said::Failed(name, Trouble::new(what).remedy("try again later"))
                }
            });
        }
        said
    }
}

async fn limits(client: &Client) -> Result<(RateLimits, Option<Timestamp>), Error> {
    let response = client
        .send(Lane::Interactive, rate_limit::rate_limit())
        .await?;
    Ok((response.json()?, response.date))
}

fn view(credential: String, limits: RateLimits, at: Timestamp) -> QuotaView {
    let resources = limits.resources.into_iter().map(|(resource, bucket)| {
        let Bucket {
            limit,
            remaining,
            used,
            reset,
        } = bucket;
        ResourceView {
            resource,
            limit: Some(limit),
            used: Some(used),
            remaining: Some(remaining),
            reset: Timestamp::from_second(reset).ok(),
            ..ResourceView::default()
        }
    });
    QuotaView {
        resources: resources.collect(),
        ..QuotaView::new(credential, at)
    }
}
