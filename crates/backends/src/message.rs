//! What a message of the backfill queue looks like in any queue: the task as JSON. Decides how large one may be; refuses to
//! know where it is kept.
//!
//! Whoever can write to a queue can put anything into it, so that reading a body never fails: what is no task is none.

use std::io;

use ledger::port::queue::Task;
use ledger::port::{Error, Result};

/// The largest body that is written, and read, in bytes.
pub(crate) const LARGEST: usize = 16 * 1024;

/// The longest reason that is kept with a dead letter, in bytes.
pub(crate) const LONGEST_REASON: usize = 1000;

/// The most dead letters that a queue keeps. Past them the oldest go: what they were about is still a gap that is stuck.
pub(crate) const MOST_DEAD: u32 = 10_000;

/// The body of a task.
///
/// # Errors
///
/// [`Error::Failed`] if it is larger than [`LARGEST`].
pub(crate) fn encode(task: &Task) -> Result<Vec<u8>> {
    let doing = "enqueue a task";
    let body = serde_json::to_vec(task).map_err(|error| Error::Failed {
        doing,
        cause: error.into(),
    })?;
    if body.len() > LARGEST {
        let message = format!("it has {} bytes, and {LARGEST} are the most", body.len());
        let cause = io::Error::new(io::ErrorKind::InvalidInput, message).into();
        return Err(Error::Failed { doing, cause });
    }
    Ok(body)
}

/// The task that a body says, if it says one.
pub(crate) fn decode(body: &[u8]) -> Option<Task> {
    if body.len() > LARGEST {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// As much of a text as has room in so many bytes.
pub(crate) fn shorten(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use ledger::coverage::GapReason;
    use ledger::event::{RepoId, Stream};
    use ledger::window::Window;
    use proptest::prelude::*;

    use super::*;

    fn task(org: &str) -> Task {
        let start = Timestamp::UNIX_EPOCH;
        Task {
            org: org.to_owned(),
            repo: RepoId(1),
            stream: Stream::Commits,
            window: Window::new(start, start + SignedDuration::from_secs(900)).unwrap(),
            reason: GapReason::Outage,
            attempts: 0,
            enqueued_at: start + SignedDuration::from_micros(1),
        }
    }

    #[test]
    fn a_body_is_what_another_version_can_read() {
        let body = r#"{"org":"acme","repo":1,"stream":"commits","window":{"start":"1970-01-01T00:00:00Z","end":"1970-01-01T00:15:00Z"},"reason":"outage","attempts":0,"enqueued_at":"1970-01-01T00:00:00.000001Z"}"#;
        let written = encode(&task("acme")).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), body);
        let of_a_later_version = body.replacen('{', r#"{"colour":"red","#, 1);
        assert_eq!(decode(of_a_later_version.as_bytes()), Some(task("acme")));
    }

    #[test]
    fn a_task_that_is_too_large_is_refused_and_one_that_was_written_past_us_is_none() {
        let large = task(&"a".repeat(LARGEST));
        assert!(!encode(&large).unwrap_err().is_unavailable());
        assert_eq!(decode(&serde_json::to_vec(&large).unwrap()), None);
    }

    #[test]
    fn a_window_without_an_instant_is_no_task() {
        let body = String::from_utf8(encode(&task("acme")).unwrap()).unwrap();
        let empty = body.replace("00:15:00Z", "00:00:00Z");
        assert_ne!(body, empty);
        assert_eq!(decode(empty.as_bytes()), None);
    }

    #[test]
    fn a_text_is_cut_between_its_characters() {
        assert_eq!(shorten("märz", 2), "m");
        assert_eq!(shorten("märz", 3), "mä");
        assert_eq!(shorten("märz", 100), "märz");
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&body);
        }

        #[test]
        fn a_body_that_was_damaged_on_its_way_is_read_without_a_panic(
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            length in any::<prop::sample::Index>(),
        ) {
            let mut body = encode(&task("acme")).unwrap();
            *at.get_mut(&mut body) = byte;
            body.truncate(length.index(body.len()) + 1);
            if let Some(task) = decode(&body) {
                prop_assert_eq!(decode(&encode(&task).unwrap()), Some(task));
            }
        }

        #[test]
        fn json_of_any_shape_is_read_without_a_panic(
            repo in any::<i64>(),
            text in "\\PC{0,20}",
            start in "[-+]?[0-9]{1,9}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
        ) {
            let body = serde_json::json!({
                "org": text, "repo": repo, "stream": text, "window": {"start": start, "end": start},
                "reason": text, "attempts": repo, "enqueued_at": start,
            });
            prop_assert_eq!(decode(body.to_string().as_bytes()), None);
        }
    }
}
