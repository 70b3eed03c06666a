//! What only GitHub can tell: is it there, does its clock agree, is each credential good, does it see its organisation, what is left.

use std::{sync::Arc, time::Duration};

use github::{
    Client, Clock, Error, Lane, MemoryAnswers, Request,
    graphql::{PROBE, Probe},
    rest::{
        apps::{self, Installation},
        meta::{self, Meta},
        rate_limit::{self, Bucket, RateLimits},
    },
};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use super::Finding;
use crate::{
    Trouble,
    config::{Config, Credential, Organisation},
    explain,
    wire::{self, Connected, Plan},
};

/// A check that takes longer has failed: a person waits.
const PATIENCE: Duration = Duration::from_secs(20);
/// GitHub refuses an App's signature when the clocks differ by more.
const CLOCKS_MAY_DIFFER: SignedDuration = SignedDuration::from_secs(60);
/// The answers kept while the doctor asks; it asks nothing twice.
const ANSWERS: usize = 16;
/// What a scrape reads.
const PERMISSIONS: &[&str] = &["metadata", "contents", "pull_requests", "issues"];

/// Every check that needs GitHub.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let clock = Clock::real();
    let built = Plan::of(config)
        .and_then(|plan| wire::transport(&plan.api_url).map(|transport| (plan, transport)));
    let (plan, transport) = match built {
        Ok(built) => built,
        Err(trouble) => return vec![Finding::trouble("configuration", &trouble)],
    };
    let governor = wire::governor(config, clock);
    let answers: Arc<dyn github::AnswerStore> = Arc::new(MemoryAnswers::new(ANSWERS));
    let nobody = Client::new(
        github::Settings::new(plan.api_url.clone(), "nobody"),
        github::Credential::Anonymous,
        transport.clone(),
        governor.gate("nobody"),
        clock,
        Arc::clone(&answers),
    );
    let api = &config.github.api_url;
    let reached = reach(&nobody, api).await;
    let is_lost = reached.has_failed();
    let mut findings = vec![reached];
    if is_lost {
        // Every further check would fail for this reason and say so less clearly.
        return findings;
    }
    findings.extend(clocks(&nobody));
    for (connected, organisation) in plan
        .connect(clock, &governor, &transport, &answers)
        .iter()
        .zip(&config.github.organisations)
    {
        findings.extend(organisation_of(connected, organisation, config).await);
    }
    findings
}

/// Asks and reads the answer, within the patience of a person.
async fn ask<T: DeserializeOwned>(client: &Client, request: Request) -> Result<T, Failure> {
    let asked = async { client.send(Lane::Interactive, request).await?.json() };
    patient(asked).await
}

async fn patient<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(Failure::GitHub),
        Err(_) => Err(Failure::TooLate),
    }
}

/// Why a question has no answer.
enum Failure {
    GitHub(Error),
    TooLate,
}

impl Failure {
    fn explained(self, check: &'static str, org: &str, api: &str) -> Finding {
        match self {
            Failure::GitHub(error) => Finding::trouble(check, &explain::github(org, api, error)),
            Failure::TooLate => {
                let found = format!("no answer within {} s", PATIENCE.as_secs());
                Finding::bad(
                    check,
                    found,
                    "GitHub may be limiting this credential or be in trouble: try again later",
                )
            }
        }
    }
}

/// Whether GitHub's API answers. Any answer of its kind will do, also that a stranger may not ask.
async fn reach(nobody: &Client, api: &str) -> Finding {
    match ask::<Meta>(nobody, meta::meta()).await {
        Ok(Meta {
            installed_version: Some(version),
        }) => Finding::good(
            "api",
            format!("{api} answers as Enterprise Server {version}"),
        ),
        Ok(_) => Finding::good("api", format!("{api} answers")),
        Err(Failure::GitHub(error))
            if error.is_unauthorized() || error.is_forbidden() || error.is_rate_limit() =>
        {
            Finding::good("api", format!("{api} answers"))
        }
        Err(failure) => failure.explained("api", "nobody", api),
    }
}

fn clocks(nobody: &Client) -> Option<Finding> {
    let ahead = nobody.clock_ahead()?;
    let (seconds, way) = (
        ahead.as_secs().unsigned_abs(),
        if ahead.is_negative() {
            "behind"
        } else {
            "ahead of"
        },
    );
    Some(if ahead.abs() > CLOCKS_MAY_DIFFER {
        let found = format!("this machine is {seconds} s {way} GitHub");
        Finding::bad(
            "clock",
            found,
            "set the clock (for example by NTP): GitHub refuses an App's signature when it is off by a minute",
        )
    } else if seconds < 3 {
        Finding::good("clock", "agrees with GitHub's")
    } else {
        Finding::good(
            "clock",
            format!("{seconds} s {way} GitHub's, which is near enough"),
        )
    })
}

/// Credential, sight and quota of one organisation; the first that fails ends it.
async fn organisation_of(
    connected: &Connected,
    organisation: &Organisation,
    config: &Config,
) -> Vec<Finding> {
    let (client, org) = (&connected.client, connected.org.as_str());
    let api = &config.github.api_url;
    let mut findings = Vec::new();
    if let Some(Credential::App {
        id, installation, ..
    }) = &organisation.credential
    {
        match app(client, *id, *installation, org, api).await {
            Ok(Some(incomplete)) => findings.push(incomplete.of(org)),
            Ok(None) => {}
            Err(finding) => return vec![finding.of(org)],
        }
    }
    let limits = match limits(client).await {
        Ok((limits, scopes)) => {
            if findings.is_empty() {
                findings.push(accepted(organisation, scopes.as_deref()).of(org));
            }
            limits
        }
        Err(failure) => return vec![failure.explained("credential", org, api).of(org)],
    };
    findings.push(sight(client, org, api).await.of(org));
    findings.push(quota(limits.as_ref(), config.quota.reserve).of(org));
    findings
}

/// Whether the key fits the App and the App is installed; what it may not read, if anything.
async fn app(
    client: &Client,
    id: u64,
    installation: Option<u64>,
    org: &str,
    api: &str,
) -> Result<Option<Finding>, Finding> {
    let explained = |failure: Failure| failure.explained("credential", org, api);
    ask::<apps::App>(client, apps::app())
        .await
        .map_err(explained)?;
    let installed = match ask::<Installation>(client, apps::org_installation(org)).await {
        Err(Failure::GitHub(error)) if error.is_not_found() => {
            ask(client, apps::user_installation(org)).await
        }
        other => other,
    };
    let installed: Installation = match installed {
        Ok(installed) => installed,
        Err(Failure::GitHub(error)) if error.is_not_found() => {
            let trouble = Trouble::new(format!("App {id} is not installed in `{org}`"));
            return Err(Finding::trouble(
                "credential",
                &trouble.remedy("install it there, or check the name"),
            ));
        }
        Err(failure) => return Err(explained(failure)),
    };
    if let Some(given) = installation.filter(|given| *given != installed.id) {
        let found = format!(
            "App {id} is installed in `{org}` as {}, not as {given}",
            installed.id
        );
        return Err(Finding::bad(
            "credential",
            found,
            "correct installation_id, or remove it",
        ));
    }
    if installed.suspended_at.is_some() {
        let found = format!("the installation of App {id} in `{org}` is suspended");
        return Err(Finding::bad(
            "credential",
            found,
            "an owner of the organisation can end that in its settings",
        ));
    }
    let missing: Vec<&str> = PERMISSIONS
        .iter()
        .copied()
        .filter(|permission| !installed.permissions.contains_key(*permission))
        .collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let found = format!("App {id} may not read {} in `{org}`", missing.join(", "));
    let remedy =
        "give the App read access to that in its settings, and accept it in the organisation's";
    Ok(Some(Finding::bad("credential", found, remedy)))
}

/// The buckets (none on a server without limits), and the scopes of a classic token.
async fn limits(client: &Client) -> Result<(Option<RateLimits>, Option<String>), Failure> {
    let asked = async {
        let response = client
            .send(Lane::Interactive, rate_limit::rate_limit())
            .await?;
        let scopes = response.header("x-oauth-scopes").map(str::to_owned);
        Ok((Some(response.json::<RateLimits>()?), scopes))
    };
    match patient(asked).await {
        Err(Failure::GitHub(error)) if error.is_not_found() => Ok((None, None)),
        other => other,
    }
}

fn accepted(organisation: &Organisation, scopes: Option<&str>) -> Finding {
    let found = match (&organisation.credential, scopes) {
        (Some(Credential::App { id, .. }), _) => format!("App {id} is installed and its key fits"),
        (_, None) => "the token is accepted".to_owned(),
        (_, Some("")) => "the token is accepted; it has no scopes".to_owned(),
        (_, Some(scopes)) => format!("the token is accepted; its scopes are {scopes}"),
    };
    let finding = Finding::good("credential", found);
    match scopes {
        Some(scopes) if !scopes.split(',').any(|scope| scope.trim() == "repo") => finding
            .advice("it sees public repositories only: for private ones give it the scope repo"),
        _ => finding,
    }
}

async fn sight(client: &Client, org: &str, api: &str) -> Finding {
    let variables = serde_json::json!({ "owner": org, "first": 1, "after": null });
    let asked = patient(client.graphql::<Probe>(Lane::Interactive, PROBE, &variables)).await;
    let owner = match asked {
        Ok(answer) => answer.data.repository_owner,
        Err(Failure::GitHub(error)) if error.is_not_found() => None,
        Err(failure) => return failure.explained("organisation", org, api),
    };
    match owner.map(|owner| owner.repositories.total_count) {
        None => Finding::bad(
            "organisation",
            format!("GitHub shows no organisation or user `{org}` to this credential"),
            "check the name, and that the credential may see it",
        ),
        Some(0) => Finding::bad(
            "organisation",
            "no repository is visible",
            "give the credential access to the organisation's repositories (single sign-on may have to be authorised)",
        ),
        Some(1) => Finding::good("organisation", "1 repository is visible"),
        Some(count) => Finding::good("organisation", format!("{count} repositories are visible")),
    }
}

fn quota(limits: Option<&RateLimits>, reserve: u64) -> Finding {
    let Some(limits) = limits else {
        return Finding::good("quota", "this server has no limits");
    };
    let known: Vec<(&str, Bucket)> = ["core", "graphql"]
        .iter()
        .filter_map(|name| Some((*name, *limits.resources.get(*name)?)))
        .collect();
    let left = |(name, bucket): &(&str, Bucket)| {
        format!("{name} {} of {}", bucket.remaining, bucket.limit)
    };
    let found = known.iter().map(left).collect::<Vec<_>>().join(", ");
    // Of a small limit the reserve takes two fifths at most, as in the gate.
    let is_low = |bucket: &Bucket| bucket.remaining <= reserve.min(bucket.limit * 2 / 5);
    match known
        .iter()
        .filter(|(_, bucket)| is_low(bucket))
        .map(|(_, bucket)| bucket.reset)
        .max()
    {
        None => Finding::good("quota", format!("left: {found}")),
        Some(reset) => {
            let until = Timestamp::from_second(reset)
                .map_or_else(|_odd| "the reset".to_owned(), |at| at.to_string());
            let remedy = format!(
                "scheduled work waits until {until}: wait too, or lower quota.reserve ({reserve})"
            );
            Finding::bad("quota", format!("left: {found}"), remedy)
        }
    }
}
