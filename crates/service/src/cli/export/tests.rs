//! What is written of a small store, in every format.

use std::sync::Mutex;

use backends::sqlite::Sqlite;
use ledger::event::{Actor, CommentOn, Event, Fact, RepoId, ReviewState, Stream, id};
use ledger::exclude::Exclude;
use ledger::port::activity::{Part, SeenRepo};
use ledger::user_label::UserLabels;

use super::record::COLUMNS;
use super::*;
use crate::cli::Output;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

fn event(id: String, seconds: i64, login: &str, fact: Fact) -> Event {
    Event {
        id,
        at: at(seconds),
        actor: Actor::new(login, Some(7)),
        fact,
        version: 0,
    }
}

/// One event of each kind.
fn events() -> Vec<Event> {
    let facts = [
        Fact::Commit {
            additions: 5,
            deletions: 2,
            changed_files: 1,
        },
        Fact::PullOpened { number: 3 },
        Fact::PullMerged {
            number: 3,
            merged_by: Some(Actor::new("eve", None)),
            seconds_open: 60,
            lines: 7,
        },
        Fact::PullClosed {
            number: 4,
            seconds_open: 9,
        },
        Fact::Review {
            number: 3,
            state: ReviewState::Approved,
            seconds_since_ready: None,
        },
        Fact::Comment {
            on: CommentOn::Diff,
        },
        Fact::IssueOpened { number: 5 },
        Fact::IssueClosed {
            number: 5,
            seconds_open: 8,
        },
    ];
    let mut events: Vec<Event> = (1..)
        .zip(facts)
        .map(|(number, fact)| {
            let id = match fact {
                Fact::Commit { .. } => id::commit(&"c".repeat(40)),
                Fact::Comment { on } => id::comment(on, number),
                Fact::PullClosed { .. } | Fact::IssueClosed { .. } => id::close(number, at(0)),
                _ => id::item(number),
            };
            event(id, number as i64 * 60, "ada", fact)
        })
        .collect();
    let bot = Fact::PullOpened { number: 9 };
    events.push(event(id::item(99), 60, "renovate[bot]", bot));
    events
}

async fn store() -> Sqlite {
    let store = Sqlite::in_memory().unwrap();
    let term = store.lead("one", at(0)).await.unwrap();
    let repos = [(1, "web"), (2, "lib, \"old\"")].map(|(id, name)| SeenRepo {
        id: RepoId(id),
        name: name.to_owned(),
        streams: Stream::ALL.to_vec(),
        created_at: at(-100),
    });
    store
        .track(term, "acme", &repos, at(-1_000), at(0))
        .await
        .unwrap();
    for event in events() {
        let part = Part {
            stream: event.fact.stream(),
            events: vec![event],
            retracted: Vec::new(),
            proof: None,
        };
        let done = store.record(term.into(), "acme", RepoId(1), vec![part], at(900));
        done.await.unwrap();
    }
    let commit = Fact::Commit {
        additions: 1,
        deletions: 0,
        changed_files: 1,
    };
    let part = Part {
        stream: Stream::Commits,
        events: vec![event(id::commit(&"d".repeat(40)), 30, "eve", commit)],
        retracted: Vec::new(),
        proof: None,
    };
    let done = store.record(term.into(), "acme", RepoId(2), vec![part], at(900));
    done.await.unwrap();
    store
}

/// What a format makes of it.
async fn written(format: Format, labels: UserLabels) -> Vec<u8> {
    let store = store().await;
    let repos = chosen(&store, &[], &[]).await.unwrap();
    let exclude = Exclude::new(["*[bot]"]);
    let reader = Reader {
        store: &store,
        labels: &labels,
        exclude: &exclude,
        window: Window::new(at(-90 * 86_400), at(600)).unwrap(),
    };
    let bar = ProgressBar::hidden();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let (output, _) = Output::buffer();
    let target = Target::new(Some(&path), &output).unwrap();
    let (target, count) = match format {
        Format::Csv => events_of(&reader, &repos, csv::Csv::new(target).unwrap(), &bar).await,
        Format::Json => events_of(&reader, &repos, json::Json::new(target), &bar).await,
        Format::Parquet => {
            events_of(
                &reader,
                &repos,
                parquet::Parquet::new(target).unwrap(),
                &bar,
            )
            .await
        }
        Format::OpenMetrics => {
            let step = Duration::from_secs(60);
            open_metrics::write(&reader, &repos, step, folder.path(), target, &bar)
                .await
                .unwrap()
        }
    };
    assert_eq!(count, 9, "all but the bot's");
    assert!(!path.exists(), "it has its name when it is whole");
    target.finish().unwrap();
    std::fs::read(path).unwrap()
}

async fn events_of<S: Sink>(
    reader: &Reader<'_>,
    repos: &[RepoView],
    sink: S,
    bar: &ProgressBar,
) -> (Target, u64) {
    super::events(reader, repos, sink, bar).await.unwrap()
}

#[tokio::test]
async fn csv_has_a_head_and_an_event_a_line_with_every_column() {
    let text = String::from_utf8(written(Format::Csv, UserLabels::Login).await).unwrap();
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn json_has_an_event_a_line_with_every_column_in_the_same_order() {
    let text = String::from_utf8(written(Format::Json, UserLabels::Login).await).unwrap();
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let columns: Vec<&String> = value.as_object().unwrap().keys().collect();
        assert_eq!(columns, COLUMNS);
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn openmetrics_has_counters_at_every_step_by_family_and_series() {
    let text = String::from_utf8(written(Format::OpenMetrics, UserLabels::Login).await).unwrap();
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn people_have_the_labels_that_metrics_give_them() {
    for format in [Format::Csv, Format::Json, Format::OpenMetrics] {
        let written = String::from_utf8(written(format, UserLabels::Id).await).unwrap();
        let names = written.contains("ada") || written.contains("eve");
        assert!(!names, "{format:?}: {written}");
    }
}

#[tokio::test]
async fn parquet_gives_back_every_column_of_every_event() {
    use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
    use ::parquet::record::Field;
    let file = bytes::Bytes::from(written(Format::Parquet, UserLabels::Login).await);
    let reader = SerializedFileReader::new(file).unwrap();
    let mut rows = Vec::new();
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let names: Vec<&String> = row.get_column_iter().map(|(name, _)| name).collect();
        assert_eq!(names, COLUMNS);
        let value = |field: &Field| match field {
            Field::Null => serde_json::Value::Null,
            Field::Str(text) => text.as_str().into(),
            Field::Long(number) => (*number).into(),
            Field::TimestampMicros(micros) => Timestamp::from_microsecond(*micros)
                .unwrap()
                .to_string()
                .into(),
            other => panic!("{other:?}"),
        };
        let fields = row.get_column_iter();
        rows.push(
            fields
                .map(|(name, field)| (name.clone(), value(field)))
                .collect::<serde_json::Map<_, _>>(),
        );
    }
    let json = String::from_utf8(written(Format::Json, UserLabels::Login).await).unwrap();
    let expected: Vec<serde_json::Map<_, _>> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn a_repository_or_an_organisation_that_is_not_there_is_refused_with_what_is() {
    let store = store().await;
    let refused = |orgs: &[&str], names: &[&str]| {
        let own = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let (orgs, names, store) = (own(orgs), own(names), store.clone());
        async move {
            let chosen = chosen(&store, &orgs, &names).await;
            chosen
                .map(|repos| repos.len())
                .map_err(|error| error.to_string())
        }
    };
    assert_eq!(refused(&["ACME"], &["web"]).await, Ok(1));
    assert_eq!(refused(&[], &["acme/web", "web"]).await, Ok(1));
    assert_eq!(refused(&[], &[]).await, Ok(2));
    let error = refused(&["other"], &[]).await.unwrap_err();
    assert!(
        error.contains("`other`") && error.contains("acme"),
        "{error}"
    );
    let error = refused(&[], &["acme/none"]).await.unwrap_err();
    assert!(error.contains("`acme/none`"), "{error}");
}

#[tokio::test]
async fn a_window_with_much_in_it_is_read_in_slices_without_losing_or_doubling_anything() {
    let store = Sqlite::in_memory().unwrap();
    let term = store.lead("one", at(0)).await.unwrap();
    let repo = SeenRepo {
        id: RepoId(1),
        name: "web".to_owned(),
        streams: Stream::ALL.to_vec(),
        created_at: at(-100),
    };
    let start = at(-400 * 86_400);
    store
        .track(term, "acme", &[repo], start, at(0))
        .await
        .unwrap();
    let part = Part {
        stream: Stream::Issues,
        events: (1..=30_000)
            .map(|number| {
                let seconds = -((number as i64 * number as i64) % (399 * 86_400)) - 1;
                event(
                    id::item(number),
                    seconds,
                    "ada",
                    Fact::IssueOpened { number },
                )
            })
            .collect(),
        retracted: Vec::new(),
        proof: None,
    };
    let done = store.record(term.into(), "acme", RepoId(1), vec![part], at(0));
    assert_eq!(done.await.unwrap().inserted, 30_000);
    let repos = chosen(&store, &[], &[]).await.unwrap();
    let (labels, exclude) = (UserLabels::Login, Exclude::nobody());
    let reader = Reader {
        store: &store,
        labels: &labels,
        exclude: &exclude,
        window: Window::new(start, at(0)).unwrap(),
    };
    let times = Mutex::new(Vec::new());
    let each = reader.each(&repos[0], |_, event| {
        times.lock().unwrap().push(event.at);
        Ok(())
    });
    each.await.unwrap();
    let times = times.into_inner().unwrap();
    assert_eq!(times.len(), 30_000);
    assert!(times.is_sorted());
}
