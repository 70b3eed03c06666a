//! What a reader gets: the newest snapshot, whole, in the form it likes best, and nothing if it has it already.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, Response, StatusCode};
use service::export::{Part, Parts, Snapshots, Stamp};

use ledger::port::activity::OrgView;

use super::moment::{Moment, empty, full, now};
use super::strict::{Format, Read};
use super::{ROOMY, parts};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

fn ask(snapshots: &Snapshots, headers: &[(HeaderName, &str)]) -> Response<Parts> {
    ask_for(Part::All, snapshots, headers)
}

fn ask_for(part: Part, snapshots: &Snapshots, headers: &[(HeaderName, &str)]) -> Response<Parts> {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.clone(), value.parse().unwrap()));
    snapshots.answer(part, &HeaderMap::from_iter(headers))
}

fn header(response: &Response<Parts>, name: HeaderName) -> &str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// The body as it was before it was packed.
fn unpacked(response: &Response<Parts>) -> String {
    let body = response.body().concat();
    let body = body.as_slice();
    match header(response, CONTENT_ENCODING) {
        "" => String::from_utf8(body.to_vec()).unwrap(),
        "gzip" => {
            let mut text = String::new();
            let mut reader = flate2::bufread::GzDecoder::new(body);
            reader.read_to_string(&mut text).unwrap();
            assert!(reader.into_inner().is_empty(), "one member, and no more");
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

/// Makes a moment the current snapshot.
fn publish(snapshots: &Snapshots, moment: &Moment) {
    let [activity, node] = parts(moment, ROOMY);
    let stamp = Stamp {
        incarnation: "first".to_owned(),
        cursor: moment.aggregate.cursor(),
        as_of: moment.shared.as_of,
    };
    snapshots.publish(Some(stamp), &activity, &node);
}

#[test]
fn each_part_format_and_encoding_is_the_same_exposition_with_a_validator_of_its_own() {
    let snapshots = Snapshots::new(now());
    let moment = full();
    publish(&snapshots, &moment);
    let mut validators = Vec::new();
    let mut bodies = Vec::new();
    for part in [Part::Activity, Part::Node, Part::All] {
        for (accept, format) in [(TEXT, Format::Text), (OPEN_METRICS, Format::OpenMetrics)] {
            let plain = unpacked(&ask_for(part, &snapshots, &[(ACCEPT, accept)]));
            Read::strictly(&plain, format);
            for encoding in ["identity", "gzip", "zstd"] {
                let headers = [(ACCEPT, accept), (ACCEPT_ENCODING, encoding)];
                let answer = ask_for(part, &snapshots, &headers);
                let word = header(&answer, CONTENT_ENCODING);
                assert_eq!(word, encoding.trim_start_matches("identity"));
                assert_eq!(unpacked(&answer), plain, "{part:?}, {accept}, {encoding}");
                assert_eq!(header(&answer, VARY), "Accept, Accept-Encoding");
                let validator = header(&answer, ETAG).to_owned();
                let again = ask_for(part, &snapshots, &headers);
                assert_eq!(header(&again, ETAG), validator);
                validators.push(validator);
            }
            bodies.push(plain);
        }
    }
    validators.sort();
    validators.dedup();
    assert_eq!(validators.len(), 18, "{validators:?}");
    let [activity, _, node, _, all, _] = bodies.as_slice() else {
        unreachable!("three parts in two formats")
    };
    assert_eq!(*all, format!("{activity}{node}"));
    assert!(activity.contains("gh_commits_total{") && !node.contains("gh_"));
    assert!(activity.contains("tidegate_coverage_ratio{") && !activity.contains("process_"));
}

#[test]
fn the_activity_says_of_which_moment_and_which_place_in_the_feed_it_is() {
    let snapshots = Snapshots::new(now());
    let as_of = HeaderName::from_static("x-tidegate-as-of");
    let answer = ask_for(Part::Activity, &snapshots, &[]);
    assert_eq!(header(&answer, as_of.clone()), "", "nothing was read yet");

    let moment = full();
    publish(&snapshots, &moment);
    for part in [Part::Activity, Part::All] {
        let answer = ask_for(part, &snapshots, &[]);
        assert_eq!(header(&answer, as_of.clone()), "2026-01-01T00:00:00Z");
        let place = format!(
            ".{}.{}",
            moment.aggregate.cursor(),
            moment.shared.as_of.as_second()
        );
        let validator = header(&answer, ETAG);
        assert!(validator.contains(&place), "{validator} has {place}");
    }
    let node = ask_for(Part::Node, &snapshots, &[]);
    assert_eq!(header(&node, as_of.clone()), "");

    // The same state again is the same activity; what the node knows of itself is new.
    let validators = |snapshots: &Snapshots| {
        Part::ALL.map(|part| header(&ask_for(part, snapshots, &[]), ETAG).to_owned())
    };
    let before = validators(&snapshots);
    publish(&snapshots, &moment);
    let after = validators(&snapshots);
    let same: Vec<bool> = before.iter().zip(&after).map(|(b, a)| b == a).collect();
    assert_eq!(same, [false, true, false], "{before:?} {after:?}");
}

#[test]
fn a_large_snapshot_is_sent_unpacked_until_somebody_has_had_the_time_to_pack_it() {
    let snapshots = Snapshots::new(now());
    publish(&snapshots, &numbered(1, 4_000));
    let gzip = [(ACCEPT_ENCODING, "gzip")];
    let plain = ask(&snapshots, &gzip);
    assert_eq!(header(&plain, CONTENT_ENCODING), "");
    let only_gzip = [
        (ACCEPT_ENCODING, "gzip, identity;q=0"),
        (ACCEPT, OPEN_METRICS),
    ];
    let packed = ask(&snapshots, &only_gzip);
    assert_eq!(
        header(&packed, CONTENT_ENCODING),
        "gzip",
        "nothing else is taken"
    );

    snapshots.pack();
    let packed = ask(&snapshots, &gzip);
    assert_eq!(header(&packed, CONTENT_ENCODING), "gzip");
    assert_eq!(unpacked(&packed), unpacked(&plain));
    assert!(packed.body().len() < plain.body().len() / 5);

    // From now on it is packed before it is shown, for as long as somebody wants it.
    publish(&snapshots, &numbered(2, 4_000));
    assert_eq!(header(&ask(&snapshots, &gzip), CONTENT_ENCODING), "gzip");
    for number in 3..70 {
        publish(
            &snapshots,
            &numbered(number, if number == 69 { 4_000 } else { 1 }),
        );
    }
    let forgotten = ask(&snapshots, &gzip);
    assert_eq!(header(&forgotten, CONTENT_ENCODING), "");
}

#[test]
fn a_reader_that_has_the_snapshot_is_told_so_until_there_is_a_new_one() {
    let snapshots = Snapshots::new(now());
    publish(&snapshots, &empty());
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
    publish(&snapshots, &full());
    assert_eq!(again(&validator).status(), StatusCode::OK);
}

/// A moment in which every organisation has had so many cycles of each kind.
fn numbered(number: u64, orgs: usize) -> Moment {
    let orgs = (0..orgs).map(|org| OrgView {
        cycles: [number; 4],
        ..OrgView::new(format!("org-{org:05}"))
    });
    let mut moment = empty();
    moment.shared.orgs = orgs.collect();
    moment
}

#[test]
fn a_reader_gets_one_snapshot_whole_whatever_is_published_meanwhile() {
    let snapshots = Snapshots::new(now());
    publish(&snapshots, &numbered(0, 200));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (accept, encoding) in [(TEXT, "gzip"), (OPEN_METRICS, "zstd"), (TEXT, "identity")] {
            let (snapshots, over) = (&snapshots, &over);
            scope.spawn(move || {
                let mut seen: HashMap<String, u64> = HashMap::new();
                let mut newest = 0;
                while !over.load(Ordering::Relaxed) || seen.is_empty() {
                    let answer = ask(snapshots, &[(ACCEPT, accept), (ACCEPT_ENCODING, encoding)]);
                    let body = unpacked(&answer);
                    let runs = body.lines().filter_map(|line| {
                        let value = line.strip_prefix("tidegate_scrape_runs_total{")?;
                        value.rsplit(' ').next()?.parse::<u64>().ok()
                    });
                    let numbers: Vec<u64> = runs.collect();
                    assert_eq!(numbers, vec![numbers[0]; 200 * 4], "a mixture");
                    assert!(numbers[0] >= newest, "an older one after a newer one");
                    newest = numbers[0];
                    let validator = header(&answer, ETAG).to_owned();
                    assert_eq!(*seen.entry(validator).or_insert(newest), newest);
                }
            });
        }
        for number in 1..=200 {
            publish(&snapshots, &numbered(number, 200));
        }
        over.store(true, Ordering::Relaxed);
    });
}
