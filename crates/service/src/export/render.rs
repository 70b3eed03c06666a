//! Writes the whole exposition from the aggregate and from what the node knows of itself: one moment in, text out.

mod activity;
mod node;
mod select;

use bytes::Bytes;
use ledger::aggregate::Aggregate;

use self::select::Selection;
use super::NodeView;
use super::encode::Encoder;

/// What an operator chooses.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The most series of users and repositories; the smallest are left out. Times of creation count: a Prometheus that
    /// reads OpenMetrics stores them as series.
    pub max_series: u64,
}

/// One moment in both formats.
#[derive(Clone, Debug)]
pub struct Exposition {
    /// In Prometheus' text format.
    pub text: Bytes,
    /// In OpenMetrics.
    pub open_metrics: Bytes,
    /// Samples in the text format.
    pub samples: u64,
}

/// Renders both formats.
pub fn render(aggregate: &Aggregate, view: &NodeView, settings: &Settings) -> Exposition {
    let selection = Selection::of(aggregate, settings.max_series);
    // Too little costs a copy now and then, too much costs nothing: memory that is not written to is not used.
    let mut encoder = Encoder::new(selection.expected_bytes() + 16 * 1024);
    activity::users(&mut encoder, &selection);
    activity::repos(&mut encoder, &selection);
    node::organisations(&mut encoder, view);
    node::github(&mut encoder, view);
    node::own(&mut encoder, view, selection.left_out);
    let samples = encoder.samples();
    let (text, open_metrics) = encoder.finish();
    Exposition {
        text: text.into(),
        open_metrics: open_metrics.into(),
        samples,
    }
}

pub(super) use self::node::build;
