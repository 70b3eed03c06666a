//! Whatever a label or a number is, a reader gets it back.

use proptest::prelude::*;
use service::export::StreamState;

use super::moment::{commit, folded, now, of, repository};
use super::strict::{Format, Read};
use super::{open_metrics, render, text};
use ledger::coverage::GapReason;
use ledger::event::Stream;
use ledger::port::activity::OrgView;

/// Any text, with what has to be escaped more often than chance has it.
fn any_text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        '\\', '"', '\n', '\r', '{', '}', ',', '=', '#', ' ', 'n',
    ]);
    let character = prop_oneof![special, any::<char>()];
    prop::collection::vec(character, 1..12).prop_map(String::from_iter)
}

fn any_number() -> impl Strategy<Value = f64> {
    let special = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -0.0,
        1e15,
        1e16,
        f64::MIN_POSITIVE,
    ];
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<u32>().prop_map(f64::from),
        prop::sample::select(special.to_vec()),
    ]
}

proptest! {
    #[test]
    fn any_label_and_any_number_are_read_back_as_they_were(
        org in any_text(),
        repo in any_text(),
        user in any_text(),
        ratio in any_number(),
        count in any::<u64>(),
    ) {
        let aggregate = folded(
            vec![repository(1, &org, &repo)],
            [(1, 1, user, commit(3, 1))],
        );
        // A login may have another form as a label.
        let label = aggregate.rows().next().unwrap().user().to_owned();
        let mut moment = of(aggregate, vec![OrgView::new(org.clone())]);
        moment.shared.streams = vec![StreamState {
            org: org.clone(),
            stream: Stream::Commits,
            ratio: Some(ratio),
            stuck: 0,
            unavailable: 0,
            gaps: vec![(GapReason::Manual, count)],
            oldest_gap_seconds: 0.0,
            age_seconds: 0.0,
        }];
        let shown = render(&moment);
        for (exposition, format) in [
            (&text(&shown), Format::Text),
            (&open_metrics(&shown), Format::OpenMetrics),
        ] {
            let read = Read::strictly(exposition, format);
            let find = |name: &str| read.samples().find(|it| it.name == name).unwrap();
            let labels = [("org", &org), ("repo", &repo), ("user", &label)]
                .map(|(name, value)| (name.to_owned(), value.clone()));
            prop_assert_eq!(&find("gh_commits_total").labels, &labels);
            let read_ratio = find("tidegate_coverage_ratio").value;
            prop_assert!(
                read_ratio.to_bits() == ratio.to_bits() || read_ratio.is_nan() && ratio.is_nan(),
                "{} for {}", read_ratio, ratio
            );
            prop_assert_eq!(&find("tidegate_gaps").raw, &count.to_string());
            prop_assert_eq!(
                find("tidegate_snapshot_timestamp_seconds").value,
                now().as_second() as f64
            );
        }
    }
}
