//! What GitHub's errors mean for the one who runs Tidegate: what happened to which organisation, and what to do.

use github::Error;
use jiff::SignedDuration;

use crate::Trouble;
use crate::task::scrape::ProbeError;

/// Why an organisation could not be read, with the remedy.
pub(crate) fn probe(org: &str, api_url: &str, error: ProbeError) -> Trouble {
    match error {
        ProbeError::NoOwner(_) => Trouble::usage(format!(
            "GitHub shows no organisation or user `{org}` to this credential"
        ))
        .remedy("check the name, and that the token may read it or the App is installed there"),
        ProbeError::InPart { .. } => Trouble::new(error.to_string())
            .remedy("try again later; `tidegate doctor` looks at the permissions"),
        ProbeError::GitHub(error) => github(org, api_url, error),
    }
}

/// Why a request for an organisation failed, with the remedy.
pub(crate) fn github(org: &str, api_url: &str, error: Error) -> Trouble {
    let trouble = if let Some(ahead) = error.clock_off() {
        let (span, way) = if ahead.is_negative() {
            (-ahead, "behind")
        } else {
            (ahead, "ahead of")
        };
        Trouble::new(format!(
            "this machine's clock is {} {way} GitHub's, so GitHub refuses the App's signature",
            coarse(span)
        ))
        .remedy("set the clock (for example by NTP) and start again")
    } else if error.is_unauthorized() {
        Trouble::usage(format!(
            "GitHub does not accept the token for `{org}` (wrong, expired or revoked)"
        ))
        .remedy("set a valid one in GITHUB_TOKEN or github.token_file")
    } else if error.is_bad_token() {
        Trouble::usage(format!(
            "the token for `{org}` has characters that no token has"
        ))
        .remedy("copy it again")
    } else if error.is_wrong_key() {
        Trouble::usage(format!(
            "GitHub does not accept the App's private key for `{org}`"
        ))
        .remedy("check that github.app_id and github.private_key_file belong to the same App")
    } else if error.is_not_installed() {
        Trouble::usage(format!("the App is not installed in `{org}`"))
            .remedy("install it there, or check the name and installation_id")
    } else if error.is_not_github() || error.is_bad_api_url() {
        Trouble::usage(format!("what answers at {api_url} is not GitHub's API"))
            .remedy("set github.api_url to the root of the REST API, such as https://api.github.com or https://HOST/api/v3")
    } else if error.is_unreachable() {
        Trouble::new(format!("cannot reach GitHub at {api_url}"))
            .remedy("check the network, the proxy (HTTPS_PROXY) and github.api_url")
    } else if error.is_forbidden() {
        Trouble::usage(format!("the credential may not read `{org}`"))
            .remedy("give it read access to metadata, contents, pull requests and issues")
    } else if error.is_not_found() {
        Trouble::usage(format!(
            "GitHub shows no organisation or user `{org}` to this credential"
        ))
        .remedy("check the name, and that the token may read it or the App is installed there")
    } else if error.is_rate_limit() {
        Trouble::new(format!("GitHub keeps limiting the requests for `{org}`"))
            .remedy("try again later; `tidegate doctor` shows what is left")
    } else if error.is_server_error() {
        Trouble::new(format!(
            "GitHub is in trouble while it should answer for `{org}`"
        ))
        .remedy("try again later")
    } else {
        Trouble::new(format!("`{org}` cannot be read"))
    };
    trouble.because(error)
}

/// Will the same error come again until somebody changes the configuration, the credential or the clock?
pub(crate) fn is_lasting(error: &ProbeError) -> bool {
    match error {
        ProbeError::NoOwner(_) => true,
        ProbeError::InPart { .. } => false,
        ProbeError::GitHub(error) => {
            error.is_unauthorized()
                || error.is_bad_token()
                || error.is_wrong_key()
                || error.is_not_installed()
                || error.is_not_github()
                || error.is_bad_api_url()
                || error.is_not_found()
                || error.clock_off().is_some()
        }
    }
}

/// A span as people say it: seconds up to two minutes, minutes beyond.
fn coarse(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    if seconds < 120 {
        format!("{seconds} s")
    } else {
        // GitHub's date is cut to seconds.
        format!("{} minutes", (seconds + 30) / 60)
    }
}
