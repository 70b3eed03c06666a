//! What a reader gets: the newest snapshot, whole, in the form it likes best, and nothing if it has it already.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, Response, StatusCode};
use service::export::{Exposition, Snapshots};

use super::moment::now;
use super::strict::{Format, Read};
use super::{open_metrics, states, text};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

fn ask(snapshots: &Snapshots, headers: &[(HeaderName, &str)]) -> Response<Bytes> {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.clone(), value.parse().unwrap()));
    snapshots.answer(&HeaderMap::from_iter(headers))
}

fn header(response: &Response<Bytes>, name: HeaderName) -> &str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// The body as it was before it was packed.
fn unpacked(response: &Response<Bytes>) -> String {
    let body = response.body().as_ref();
    match header(response, CONTENT_ENCODING) {
        "" => String::from_utf8(body.to_vec()).unwrap(),
        "gzip" => {
            let mut text = String::new();
            flate2::read::MultiGzDecoder::new(body)
                .read_to_string(&mut text)
                .unwrap();
            text
        }
        "zstd" => String::from_utf8(zstd::decode_all(body).unwrap()).unwrap(),
        other => panic!("{other} was not asked for"),
    }
}

#[test]
fn before_the_first_snapshot_the_answer_is_valid_and_says_which_version_runs() {
    let snapshots = Snapshots::new(now());
    for (accept, content_type, format) in [
        ("*/*", TEXT, Format::Text),
        (OPEN_METRICS, OPEN_METRICS, Format::OpenMetrics),
    ] {
        for encoding in ["identity", "gzip", "zstd"] {
            let answer = ask(&snapshots, &[(ACCEPT, accept), (ACCEPT_ENCODING, encoding)]);
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(header(&answer, CONTENT_TYPE), content_type);
            let read = Read::strictly(&unpacked(&answer), format);
            let names: Vec<_> = read.samples().map(|it| it.name.as_str()).collect();
            assert_eq!(names, ["tidegate_build_info"]);
        }
    }
}

#[test]
fn each_format_and_encoding_is_the_same_exposition_with_a_validator_of_its_own() {
    let snapshots = Snapshots::new(now());
    let [_, (_, exposition), _] = states();
    snapshots.publish(exposition.clone());
    let mut validators = Vec::new();
    for (accept, plain) in [
        (TEXT, text(&exposition)),
        (OPEN_METRICS, open_metrics(&exposition)),
    ] {
        for encoding in ["identity", "gzip", "zstd"] {
            let headers = [(ACCEPT, accept), (ACCEPT_ENCODING, encoding)];
            let answer = ask(&snapshots, &headers);
            assert_eq!(unpacked(&answer), plain, "{accept}, {encoding}");
            assert_eq!(header(&answer, VARY), "Accept, Accept-Encoding");
            let validator = header(&answer, ETAG).to_owned();
            assert_eq!(header(&ask(&snapshots, &headers), ETAG), validator);
            validators.push(validator);
        }
    }
    validators.sort();
    validators.dedup();
    assert_eq!(validators.len(), 6, "{validators:?}");
}

#[test]
fn a_reader_that_has_the_snapshot_is_told_so_until_there_is_a_new_one() {
    let snapshots = Snapshots::new(now());
    let [(_, first), (_, second), _] = states();
    snapshots.publish(first);
    let answer = ask(&snapshots, &[(ACCEPT_ENCODING, "gzip")]);
    let validator = header(&answer, ETAG).to_owned();
    let again = |known: &str| {
        ask(
            &snapshots,
            &[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, known)],
        )
    };
    for known in [
        validator.clone(),
        format!("W/{validator}"),
        format!("\"other\", {validator}"),
        "*".to_owned(),
    ] {
        let answer = again(&known);
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{known}");
        assert!(answer.body().is_empty());
        assert_eq!(header(&answer, ETAG), validator);
    }
    assert_eq!(again("\"other\"").status(), StatusCode::OK);
    let plain = ask(&snapshots, &[(IF_NONE_MATCH, &validator)]);
    assert_eq!(
        plain.status(),
        StatusCode::OK,
        "another encoding is another thing"
    );
    snapshots.publish(second);
    assert_eq!(again(&validator).status(), StatusCode::OK);
}

#[test]
fn a_reader_gets_one_snapshot_whole_whatever_is_published_meanwhile() {
    const LINES: usize = 2_000;
    let snapshots = Snapshots::new(now());
    let numbered = |number: usize| Exposition {
        text: format!("{number}\n").repeat(LINES).into(),
        open_metrics: format!("open {number}\n").repeat(LINES).into(),
        samples: LINES as u64,
    };
    snapshots.publish(numbered(0));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (accept, encoding) in [(TEXT, "gzip"), (OPEN_METRICS, "zstd"), (TEXT, "identity")] {
            let (snapshots, over) = (&snapshots, &over);
            scope.spawn(move || {
                let mut seen: HashMap<String, usize> = HashMap::new();
                let mut newest = 0;
                while !over.load(Ordering::Relaxed) || seen.is_empty() {
                    let answer = ask(snapshots, &[(ACCEPT, accept), (ACCEPT_ENCODING, encoding)]);
                    let body = unpacked(&answer);
                    let first = body.lines().next().unwrap();
                    assert_eq!(body, format!("{first}\n").repeat(LINES), "a mixture");
                    let number = first.trim_start_matches("open ").parse().unwrap();
                    assert!(number >= newest, "an older one after a newer one");
                    newest = number;
                    let validator = header(&answer, ETAG).to_owned();
                    assert_eq!(*seen.entry(validator).or_insert(number), number);
                }
            });
        }
        for number in 1..=200 {
            snapshots.publish(numbered(number));
        }
        over.store(true, Ordering::Relaxed);
    });
}
