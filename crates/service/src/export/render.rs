//! Writes expositions: what the store says of people and repositories, and what the node knows of itself.
//!
//! The first is a function of the aggregate, of [`SharedView`] and of [`Settings`] alone: no clock, no process, no order
//! in which anything was read. It is written by groups of repositories, one piece for each family and group; a group is
//! written anew when one of its rows has changed, and a piece that comes out as it was is kept with its packed forms.

mod activity;
mod compat;
mod groups;
mod node;
mod select;
mod shared;

use std::collections::HashMap;

use ledger::aggregate::{Aggregate, RepoRow};
use ledger::event::RepoId;

use self::activity::FAMILIES;
use self::select::{Chosen, Weight};
use super::encode::{Encoder, Pair, Start};
use super::piece::{Piece, Pieces};
use super::{Format, NodeView, SharedView};
use crate::config::{self, Refresh};

/// What an operator chooses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The most series of users and repositories; the smallest are left out. Times of creation count: a Prometheus that
    /// reads OpenMetrics stores them as series.
    pub max_series: u64,
    /// How the next exposition comes about.
    pub refresh: Refresh,
    /// Whether the node shows its own numbers under the names of another exporter as well.
    pub compat: bool,
}

impl Settings {
    /// What a configuration says.
    pub fn of(export: &config::Export) -> Settings {
        Settings {
            max_series: export.max_series,
            refresh: export.refresh,
            compat: export.compat,
        }
    }
}

/// One moment in both formats, without the end of an OpenMetrics exposition.
#[derive(Clone, Default)]
pub struct Exposition {
    pub(super) text: Pieces,
    pub(super) open_metrics: Pieces,
    /// Samples in the text format.
    pub samples: u64,
}

impl Exposition {
    fn push(&mut self, pair: &Pair) {
        self.text.push(&pair.text);
        self.open_metrics.push(&pair.open_metrics);
        self.samples += pair.samples;
    }

    /// This, then another.
    pub fn and(&self, other: &Exposition) -> Exposition {
        let mut both = self.clone();
        both.text.extend(&other.text);
        both.open_metrics.extend(&other.open_metrics);
        both.samples += other.samples;
        both
    }

    /// The whole body in a format.
    pub fn body(&self, format: Format) -> Vec<u8> {
        self.pieces(format).concat()
    }

    /// How many bytes the whole body has in a format.
    pub fn len(&self, format: Format) -> usize {
        self.pieces(format).unpacked_len()
    }

    pub(super) fn pieces(&self, format: Format) -> Pieces {
        match format {
            Format::Text => self.text.clone(),
            Format::OpenMetrics => {
                let mut pieces = self.open_metrics.clone();
                pieces.push(&Piece::new(&b"# EOF\n"[..]));
                pieces
            }
        }
    }
}

/// What a node knows of itself.
pub fn render_node(shared: &SharedView, view: &NodeView, settings: &Settings) -> Exposition {
    let mut encoder = Encoder::default();
    node::write(&mut encoder, view);
    if settings.compat {
        compat::write(&mut encoder, shared, view);
    }
    let mut exposition = Exposition::default();
    exposition.push(&encoder.take(None));
    exposition
}

/// Before anything else is known: which version runs.
pub(super) fn render_version() -> Exposition {
    let mut encoder = Encoder::default();
    node::version(&mut encoder);
    let mut exposition = Exposition::default();
    exposition.push(&encoder.take(None));
    exposition
}

/// Writes one exposition of an aggregate after another, and remembers the pieces of the last.
pub struct Writer {
    settings: Settings,
    families: Vec<Known>,
    encoder: Encoder,
    groups: Vec<Group>,
    /// The layout that the groups were made of, and how many repositories one has.
    made_of: Option<(u64, usize)>,
    /// The generation of the aggregate that was written last.
    seen: u64,
    shared: Option<Pair>,
}

/// A family, and what its pieces are like.
struct Known {
    start: Start,
    head: Pair,
    /// Of the last piece, by row: of text, and of OpenMetrics where that is another.
    bytes: (f64, f64),
}

impl Known {
    /// How large a piece of so many rows is going to be. A little too much does no harm, and too little costs a copy.
    fn expects(&self, rows: usize, before: Option<&Pair>) -> (usize, usize) {
        if let Some(before) = before {
            let (text, open_metrics) = sizes(before);
            return (text + 64, open_metrics + 64);
        }
        let of = |bytes: f64| (bytes * 1.06 * rows as f64) as usize + 64;
        (of(self.bytes.0), of(self.bytes.1))
    }

    fn learn(&mut self, rows: usize, piece: &Pair) {
        let (text, open_metrics) = sizes(piece);
        let of = |bytes: usize| bytes as f64 / rows.max(1) as f64;
        self.bytes = (of(text), of(open_metrics));
    }
}

/// How large a piece is in text, and in OpenMetrics where that is another.
fn sizes(piece: &Pair) -> (usize, usize) {
    let text = piece.text.plain().len();
    if std::sync::Arc::ptr_eq(&piece.text, &piece.open_metrics) {
        (text, 0)
    } else {
        (text, piece.open_metrics.plain().len())
    }
}

/// Repositories that are written together.
#[derive(Default)]
struct Group {
    ids: Vec<RepoId>,
    /// One for each family, once it was written.
    pieces: Vec<Pair>,
    /// What its rows weigh, where that had to be known.
    weights: Option<Vec<Weight>>,
    /// The places that the budget left out.
    left_out: Vec<u32>,
}

impl Writer {
    /// Nothing written yet.
    pub fn new(settings: Settings) -> Writer {
        let mut encoder = Encoder::default();
        let families = FAMILIES.iter().map(|(family, _)| {
            let start = encoder.family(*family);
            Known {
                start,
                head: encoder.take(None),
                bytes: (0.0, 0.0),
            }
        });
        Writer {
            settings,
            families: families.collect(),
            encoder,
            groups: Vec::new(),
            made_of: None,
            seen: 0,
            shared: None,
        }
    }

    /// Writes what the store says, as of the aggregate's present. Give the same aggregate each time: another one needs a
    /// writer of its own.
    pub fn write(&mut self, aggregate: &Aggregate, view: &SharedView) -> Exposition {
        if self.settings.refresh == Refresh::Full {
            (self.groups, self.made_of, self.shared) = (Vec::new(), None, None);
        }
        self.regroup(aggregate);
        let mut repos = aggregate.repos();
        let members: Vec<Vec<RepoRow<'_>>> = self
            .groups
            .iter()
            .map(|group| repos.by_ref().take(group.ids.len()).collect())
            .collect();
        let left_out = self.fit(aggregate, &members);
        for (place, members) in members.iter().enumerate() {
            self.refresh(place, members, left_out.get(place));
        }
        self.seen = aggregate.generation();

        let mut exposition = Exposition::default();
        for (family, known) in self.families.iter().enumerate() {
            exposition.push(&known.head);
            for group in &self.groups {
                exposition.push(&group.pieces[family]);
            }
        }
        let series = self.groups.iter().map(Group::series_left_out).sum();
        shared::write(&mut self.encoder, view, series);
        let shared = self.encoder.take(self.shared.as_ref());
        exposition.push(&shared);
        self.shared = Some(shared);
        exposition
    }

    /// Puts the repositories into groups again where they or their order have changed. A group of the same as before
    /// keeps what was written of it.
    fn regroup(&mut self, aggregate: &Aggregate) {
        let made_of = (aggregate.layout(), groups::span_of(aggregate));
        if self.made_of == Some(made_of) {
            return;
        }
        self.made_of = Some(made_of);
        let known = std::mem::take(&mut self.groups).into_iter();
        let mut known: HashMap<RepoId, Group> = known.map(|group| (group.ids[0], group)).collect();
        let groups = groups::split(aggregate.repos(), made_of.1).into_iter();
        self.groups = groups
            .map(|ids| match known.remove(&ids[0]) {
                Some(group) if group.ids == ids => group,
                _ => Group {
                    ids,
                    ..Group::default()
                },
            })
            .collect();
    }

    /// What the budget leaves out of each group; nothing at all where there is surely room.
    fn fit(&mut self, aggregate: &Aggregate, members: &[Vec<RepoRow<'_>>]) -> Vec<Vec<u32>> {
        let (of_user, of_repo) = FAMILIES
            .iter()
            .map(|(_, of)| of.at_most())
            .fold((0, 0), |sum, most| (sum.0 + most.0, sum.1 + most.1));
        let at_most = aggregate.len() as u64 * of_user + aggregate.repos().len() as u64 * of_repo;
        if at_most <= self.settings.max_series {
            for group in &mut self.groups {
                group.weights = None;
            }
            return Vec::new();
        }
        for (group, members) in self.groups.iter_mut().zip(members) {
            if group.weights.is_none() || has_changed(members, self.seen) {
                group.weights = Some(select::weights(members));
            }
        }
        let weights = self.groups.iter();
        let weights = weights.map(|group| group.weights.as_deref().unwrap_or_default());
        select::fit(weights, self.settings.max_series)
    }

    /// Writes a group anew where that is needed.
    fn refresh(&mut self, place: usize, members: &[RepoRow<'_>], left_out: Option<&Vec<u32>>) {
        let left_out = left_out.map_or(&[][..], Vec::as_slice);
        let group = &mut self.groups[place];
        let is_written = group.pieces.len() == FAMILIES.len();
        if is_written && group.left_out == left_out && !has_changed(members, self.seen) {
            return;
        }
        let chosen = Chosen::of(members, left_out);
        let mut before = std::mem::take(&mut group.pieces).into_iter();
        for ((_, of), family) in FAMILIES.iter().zip(&mut self.families) {
            let before = before.next();
            let (text, open_metrics) = family.expects(chosen.len(), before.as_ref());
            self.encoder.expect(text, open_metrics);
            of.write(&mut self.encoder, &family.start, &chosen);
            let piece = self.encoder.take(before.as_ref());
            family.learn(chosen.len(), &piece);
            group.pieces.push(piece);
        }
        group.left_out = left_out.to_vec();
    }
}

impl Group {
    fn series_left_out(&self) -> u64 {
        let Some(weights) = &self.weights else {
            return 0;
        };
        let out = self.left_out.iter();
        out.map(|place| weights[*place as usize].series).sum()
    }
}

/// Whether one of these repositories or of their users' rows has changed since.
fn has_changed(members: &[RepoRow<'_>], seen: u64) -> bool {
    members.iter().any(|repo| repo.newest() > seen)
}
