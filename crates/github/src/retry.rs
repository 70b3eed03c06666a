//! What to do after a try: return, wait, ask the gate again, renew the token, or follow. Pure: every count and every
//! random number comes in.
//!
//! A write is never repeated blindly. What GitHub refused (a limit, a 401) or never received (no connection) was not done,
//! and may be tried again.

use std::time::Duration;

use http::StatusCode;

use crate::transport::Fault;

/// Tries of a read that fails on the way or inside GitHub, the first one included.
const MOST_FAILURES: u32 = 4;
/// Refusals by a limit before the caller hears of it; the gate waits between them.
const MOST_REFUSALS: u32 = 5;
/// Redirects followed.
pub(crate) const MOST_MOVES: u32 = 3;
/// A server that asks for more patience than this is taken as down for now.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What happened to a request so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tries {
    pub(crate) failures: u32,
    pub(crate) refusals: u32,
    pub(crate) renewals: u32,
    pub(crate) moves: u32,
}

/// What the judge has to know of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Whether doing it twice changes nothing.
    pub(crate) read: bool,
    /// Whether a redirect may be followed: a GET alone keeps its meaning elsewhere.
    pub(crate) movable: bool,
    /// Whether the caller can ask for less, which is better than asking for the same again.
    pub(crate) shrinkable: bool,
    /// Whether the signature is an installation's token, of which there can be a newer one.
    pub(crate) renewable: bool,
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// A refusal by a limit, in any of GitHub's forms.
    Refusal,
    /// Any other answer, and how long it asks to wait.
    Answer(StatusCode, Option<Duration>),
    /// No whole answer.
    Fault(Fault),
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Give the caller what came.
    Return,
    /// Wait, then try again.
    After(Duration),
    /// Go back to the gate, which knows until when it is closed.
    Again,
    /// Forget the token and try again with a new one.
    Renew,
    /// Ask at the address that the answer names.
    Follow,
}

/// Judges one try. `jitter` is a random number between 0 and 1.
pub(crate) fn judge(tries: Tries, asked: Asked, came: Came, jitter: f64) -> Verdict {
    let retry = |after: Option<Duration>| {
        let wait = after.unwrap_or_else(|| backoff(tries.failures, jitter));
        if tries.failures + 1 < MOST_FAILURES && wait <= LONGEST_WAIT {
            Verdict::After(wait)
        } else {
            Verdict::Return
        }
    };
    match came {
        Came::Refusal if tries.refusals + 1 < MOST_REFUSALS => Verdict::Again,
        Came::Refusal => Verdict::Return,
        Came::Fault(Fault::Connect) => retry(None),
        Came::Fault(Fault::TooLarge) => Verdict::Return,
        Came::Fault(Fault::Timeout) if asked.shrinkable => Verdict::Return,
        Came::Fault(Fault::Timeout | Fault::Broken) if asked.read => retry(None),
        Came::Fault(_) => Verdict::Return,
        Came::Answer(StatusCode::UNAUTHORIZED, _) if asked.renewable && tries.renewals == 0 => {
            Verdict::Renew
        }
        Came::Answer(status, _) if is_redirect(status) && asked.movable => Verdict::Follow,
        Came::Answer(StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT, _)
            if asked.shrinkable =>
        {
            Verdict::Return
        }
        Came::Answer(status, after) if status.is_server_error() && asked.read => retry(after),
        Came::Answer(..) => Verdict::Return,
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// 1, 2 and 4 seconds, each between a half and one and a half of itself, so that what failed together does not come back
/// together.
fn backoff(failures: u32, jitter: f64) -> Duration {
    Duration::from_secs(1 << failures.min(5)).mul_f64(0.5 + jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Asked = Asked {
        read: true,
        movable: true,
        shrinkable: false,
        renewable: false,
    };
    const PAGE: Asked = Asked {
        read: true,
        movable: false,
        shrinkable: true,
        renewable: false,
    };
    const WRITE: Asked = Asked {
        read: false,
        movable: false,
        shrinkable: false,
        renewable: false,
    };

    fn status(code: u16) -> Came {
        Came::Answer(StatusCode::from_u16(code).unwrap(), None)
    }

    #[test]
    fn the_table_of_first_tries() {
        let wait = Verdict::After(Duration::from_secs(1));
        let cases = [
            (READ, status(200), Verdict::Return),
            (READ, status(404), Verdict::Return),
            (READ, status(500), wait),
            (READ, status(502), wait),
            (PAGE, status(502), Verdict::Return),
            (PAGE, status(504), Verdict::Return),
            (PAGE, status(503), wait),
            (WRITE, status(502), Verdict::Return),
            (READ, status(301), Verdict::Follow),
            (PAGE, status(301), Verdict::Return),
            (WRITE, status(301), Verdict::Return),
            (READ, status(304), Verdict::Return),
            (READ, status(401), Verdict::Return),
            (
                Asked {
                    renewable: true,
                    ..READ
                },
                status(401),
                Verdict::Renew,
            ),
            (
                Asked {
                    renewable: true,
                    ..WRITE
                },
                status(401),
                Verdict::Renew,
            ),
            (READ, Came::Refusal, Verdict::Again),
            (WRITE, Came::Refusal, Verdict::Again),
            (READ, Came::Fault(Fault::Connect), wait),
            (WRITE, Came::Fault(Fault::Connect), wait),
            (READ, Came::Fault(Fault::Broken), wait),
            (WRITE, Came::Fault(Fault::Broken), Verdict::Return),
            (READ, Came::Fault(Fault::Timeout), wait),
            (PAGE, Came::Fault(Fault::Timeout), Verdict::Return),
            (WRITE, Came::Fault(Fault::Timeout), Verdict::Return),
            (READ, Came::Fault(Fault::TooLarge), Verdict::Return),
        ];
        for (asked, came, expected) in cases {
            assert_eq!(
                judge(Tries::default(), asked, came, 0.5),
                expected,
                "{asked:?} {came:?}"
            );
        }
    }

    #[test]
    fn every_kind_of_try_has_an_end() {
        let after = |failures| {
            judge(
                Tries {
                    failures,
                    ..Tries::default()
                },
                READ,
                status(500),
                0.5,
            )
        };
        assert_eq!(after(2), Verdict::After(Duration::from_secs(4)));
        assert_eq!(after(3), Verdict::Return);
        let refused = |refusals| {
            judge(
                Tries {
                    refusals,
                    ..Tries::default()
                },
                READ,
                Came::Refusal,
                0.5,
            )
        };
        assert_eq!((refused(3), refused(4)), (Verdict::Again, Verdict::Return));
        let renewed = Tries {
            renewals: 1,
            ..Tries::default()
        };
        assert_eq!(
            judge(
                renewed,
                Asked {
                    renewable: true,
                    ..READ
                },
                status(401),
                0.5
            ),
            Verdict::Return
        );
    }

    #[test]
    fn a_server_is_given_the_time_it_asks_for_within_a_minute() {
        let asks = |seconds| {
            judge(
                Tries::default(),
                READ,
                Came::Answer(
                    StatusCode::SERVICE_UNAVAILABLE,
                    Some(Duration::from_secs(seconds)),
                ),
                0.5,
            )
        };
        assert_eq!(asks(30), Verdict::After(Duration::from_secs(30)));
        assert_eq!(asks(3600), Verdict::Return);
    }
}
