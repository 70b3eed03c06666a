//! A Lease as Kubernetes writes it. Knows the fields that an office lies in, and keeps all others.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ledger::port::election::Office;
use ledger::port::{Error, Result};
use serde_json::{Map, Value, json};

/// A Lease, whole.
#[derive(Debug, Clone)]
pub(super) struct Object(Map<String, Value>);

impl Object {
    /// A Lease that is not there yet.
    pub(super) fn new(name: &str, namespace: &str) -> Object {
        let mut object = Map::new();
        object.insert("apiVersion".to_owned(), json!("coordination.k8s.io/v1"));
        object.insert("kind".to_owned(), json!("Lease"));
        let metadata = json!({ "name": name, "namespace": namespace });
        object.insert("metadata".to_owned(), metadata);
        Object(object)
    }

    pub(super) fn read(body: &[u8], doing: &'static str) -> Result<Object> {
        match serde_json::from_slice(body) {
            Ok(object) => Ok(Object(object)),
            Err(cause) => Err(Error::Failed {
                doing,
                cause: Box::new(cause),
            }),
        }
    }

    pub(super) fn body(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).expect("JSON that was read can be written")
    }

    pub(super) fn office(&self, doing: &'static str) -> Result<Office> {
        let mark = self.mark().ok_or_else(|| Error::Failed {
            doing,
            cause: "what the API server answers is no Lease: it has no uid or resourceVersion"
                .into(),
        })?;
        let holder = self.spec("holderIdentity").and_then(Value::as_str);
        let holder = holder.filter(|holder| !holder.is_empty());
        let transitions = self.spec("leaseTransitions").and_then(Value::as_u64);
        let epoch = match (transitions, holder) {
            (Some(transitions), _) => transitions.saturating_add(1),
            (None, Some(_)) => 1,
            // Somebody has made it for a leader to come.
            (None, None) => 0,
        };
        Ok(Office {
            holder: holder.map(str::to_owned),
            epoch,
            mark,
        })
    }

    /// Whether it is still what this holder has: the same Lease, holder and epoch, whatever else was written into it.
    pub(super) fn is_of(&self, mine: &Office) -> bool {
        let uid = |mark: &str| mark.split_once('/').map(|(uid, _)| uid.to_owned());
        self.office("").is_ok_and(|office| {
            office.holder.is_some()
                && office.holder == mine.holder
                && office.epoch == mine.epoch
                && uid(&office.mark) == uid(&mine.mark)
        })
    }

    pub(super) fn take(&mut self, me: &str, epoch: u64, duration: Duration, now: Timestamp) {
        let seconds = duration.as_secs().max(1);
        self.set("holderIdentity", json!(me));
        self.set("leaseDurationSeconds", json!(seconds));
        self.set("acquireTime", json!(micro_time(now)));
        self.set("leaseTransitions", json!(epoch - 1));
        self.renew(now);
    }

    /// A Lease that is written back as it was keeps its version, so that another `renewTime` is needed even if the clock
    /// stands still.
    pub(super) fn renew(&mut self, now: Timestamp) {
        let mut time = micro_time(now);
        if self.spec("renewTime").and_then(Value::as_str) == Some(&time) {
            time = micro_time(now + SignedDuration::from_micros(1));
        }
        self.set("renewTime", json!(time));
    }

    /// The epoch stays, so that the next one has a higher one.
    pub(super) fn give_back(&mut self, now: Timestamp) {
        self.set("holderIdentity", json!(""));
        self.renew(now);
    }

    fn mark(&self) -> Option<String> {
        let metadata = self.0.get("metadata")?;
        let text = |field: &str| metadata.get(field)?.as_str();
        Some(format!("{}/{}", text("uid")?, text("resourceVersion")?))
    }

    fn spec(&self, field: &str) -> Option<&Value> {
        self.0.get("spec")?.get(field)
    }

    fn set(&mut self, field: &str, value: Value) {
        let spec = self.0.entry("spec").or_insert(Value::Null);
        if !spec.is_object() {
            *spec = json!({});
        }
        spec[field] = value;
    }
}

/// Kubernetes reads a `MicroTime` with exactly six digits after the point, and refuses any other.
fn micro_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(spec: Value) -> Object {
        let lease = json!({ "metadata": { "uid": "u", "resourceVersion": "7" }, "spec": spec });
        Object::read(lease.to_string().as_bytes(), "read").unwrap()
    }

    #[test]
    fn a_micro_time_has_six_digits_whatever_the_time() {
        for (nanoseconds, expected) in [
            (0, "2026-01-01T00:00:00.000000Z"),
            (999, "2026-01-01T00:00:00.000000Z"),
            (120_000_000, "2026-01-01T00:00:00.120000Z"),
            (999_999_999, "2026-01-01T00:00:00.999999Z"),
        ] {
            let time = Timestamp::constant(1_767_225_600, nanoseconds);
            assert_eq!(micro_time(time), expected);
        }
    }

    #[test]
    fn an_epoch_is_one_more_than_the_transitions_and_nothing_before_the_first_holder() {
        for (spec, holder, epoch) in [
            (json!({}), None, 0),
            (Value::Null, None, 0),
            (json!({ "holderIdentity": "" }), None, 0),
            (json!({ "holderIdentity": "a" }), Some("a"), 1),
            (
                json!({ "holderIdentity": "a", "leaseTransitions": 0 }),
                Some("a"),
                1,
            ),
            (
                json!({ "holderIdentity": "", "leaseTransitions": 4 }),
                None,
                5,
            ),
        ] {
            let office = lease(spec).office("read").unwrap();
            assert_eq!(office.holder.as_deref(), holder);
            assert_eq!(office.epoch, epoch);
            assert_eq!(office.mark, "u/7");
        }
    }

    #[test]
    fn who_takes_it_is_one_transition_later() {
        let now = Timestamp::constant(1_767_225_600, 0);
        for spec in [
            json!({}),
            Value::Null,
            json!({ "holderIdentity": "a", "leaseTransitions": 4 }),
        ] {
            let mut lease = lease(spec);
            let before = lease.office("read").unwrap();
            lease.take("me", before.epoch + 1, Duration::from_millis(1_500), now);
            let after = lease.office("read").unwrap();
            assert_eq!(after.holder.as_deref(), Some("me"));
            assert_eq!(after.epoch, before.epoch + 1);
            assert_eq!(lease.spec("leaseDurationSeconds"), Some(&json!(1)));
        }
    }

    #[test]
    fn what_is_not_known_stays_as_it_is_and_in_its_place() {
        let text = r#"{"kind":"Lease","metadata":{"labels":{"a":"b"},"uid":"u","resourceVersion":"7"},"spec":{"strategy":"x","holderIdentity":"a","leaseTransitions":2},"later":[1]}"#;
        let mut lease = Object::read(text.as_bytes(), "read").unwrap();
        lease.give_back(Timestamp::constant(1_767_225_600, 0));
        let expected = text
            .replace(r#""a","leaseT"#, r#""","leaseT"#)
            .replace(":2}", r#":2,"renewTime":"2026-01-01T00:00:00.000000Z"}"#);
        assert_eq!(String::from_utf8(lease.body()).unwrap(), expected);
    }

    #[test]
    fn a_renewal_changes_something_even_if_the_clock_stands_still() {
        let now = Timestamp::constant(1_767_225_600, 0);
        let mut lease = lease(json!({ "holderIdentity": "a", "leaseTransitions": 0 }));
        let mut bodies = Vec::new();
        for _ in 0..3 {
            lease.renew(now);
            bodies.push(lease.body());
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 3);
    }

    #[test]
    fn a_lease_that_was_made_anew_is_not_the_holder_s() {
        let lease = lease(json!({ "holderIdentity": "a", "leaseTransitions": 0 }));
        let mine = lease.office("read").unwrap();
        for (mark, is_of) in [("u/7", true), ("u/6", true), ("v/7", false), ("", false)] {
            let mark = mark.to_owned();
            assert_eq!(
                lease.is_of(&Office {
                    mark,
                    ..mine.clone()
                }),
                is_of
            );
        }
    }
}
