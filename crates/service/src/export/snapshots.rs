//! The newest exposition, ready to send: its parts, in both formats, packed as readers have asked for it.
//!
//! A reader gets one exposition whole, whatever is published meanwhile, and waits for nobody: what was asked for before is
//! packed when a snapshot is published. What nobody has asked for is packed by its first reader if that is quick, and else
//! sent as it is, and packed from the next snapshot on.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;
use ledger::port::Cursor;

use super::Format;
use super::negotiate::{self, Encoding};
use super::piece::{Parts, Pieces};
use super::render::{self, Exposition};

/// A reader packs no more bytes than this by itself: some milliseconds.
const QUICK: usize = 256 * 1024;

/// What nobody has asked for while so many snapshots came and went is packed no more.
const FORGOTTEN_AFTER: u64 = 64;

/// The moment of which the activity is.
const AS_OF: HeaderName = HeaderName::from_static("x-tidegate-as-of");

/// What a reader can ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// Everything.
    All,
    /// What the store says: the same from every replica.
    Activity,
    /// What the node knows of itself.
    Node,
}

impl Part {
    /// Every part.
    pub const ALL: [Part; 3] = [Part::All, Part::Activity, Part::Node];
}

/// Which state of the store the activity is of. Two snapshots with the same stamp and settings have the same activity.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// Which filling of the store.
    pub incarnation: String,
    /// Everything up to here is in it.
    pub cursor: Cursor,
    /// The moment that its windows end at.
    pub as_of: Timestamp,
}

/// The newest snapshot. Clones share it.
#[derive(Clone)]
pub struct Snapshots(Arc<Shared>);

struct Shared {
    current: RwLock<Arc<Snapshot>>,
    /// Tells the validators of one process from those of another.
    since: i64,
    published: AtomicU64,
    /// By part, format and encoding: the number of the snapshot of which it was asked for last, and one.
    asked: [[[AtomicU64; 2]; 2]; 3],
    to_pack: tokio::sync::Notify,
}

struct Snapshot {
    number: u64,
    stamp: Option<Stamp>,
    /// By part, then format.
    bodies: [[Body; 2]; 3],
}

struct Body {
    pieces: Pieces,
    ready: [OnceLock<Parts>; 3],
}

impl Body {
    fn parts(&self, encoding: Encoding) -> &Parts {
        self.ready[encoding as usize].get_or_init(|| self.pieces.parts(encoding))
    }

    /// Whether it can be sent without keeping the reader waiting.
    fn is_quick(&self, encoding: Encoding) -> bool {
        self.ready[encoding as usize].get().is_some() || self.pieces.unpacked(encoding) <= QUICK
    }
}

impl Snapshot {
    fn of(
        number: u64,
        stamp: Option<Stamp>,
        activity: &Exposition,
        node: &Exposition,
    ) -> Arc<Snapshot> {
        let all = activity.and(node);
        let bodies = [&all, activity, node].map(|exposition| {
            [Format::Text, Format::OpenMetrics].map(|format| Body {
                pieces: exposition.pieces(format),
                ready: Default::default(),
            })
        });
        Arc::new(Snapshot {
            number,
            stamp,
            bodies,
        })
    }
}

impl Snapshots {
    /// Nothing published yet: what is served says which version runs, and nothing else.
    pub fn new(started: Timestamp) -> Snapshots {
        let (activity, node) = (Exposition::default(), render::render_version());
        Snapshots(Arc::new(Shared {
            current: RwLock::new(Snapshot::of(0, None, &activity, &node)),
            since: started.as_millisecond(),
            published: AtomicU64::new(0),
            asked: Default::default(),
            to_pack: tokio::sync::Notify::new(),
        }))
    }

    /// Makes an exposition the current one. Packs it, so call it where blocking for some milliseconds does no harm. No
    /// stamp says that there is no activity yet.
    pub fn publish(&self, stamp: Option<Stamp>, activity: &Exposition, node: &Exposition) {
        let number = self.0.published.fetch_add(1, Ordering::Relaxed) + 1;
        let snapshot = Snapshot::of(number, stamp, activity, node);
        self.pack_for_readers(&snapshot);
        *self
            .0
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    /// Waits until a reader has asked for something that is not packed: then call [`Snapshots::pack`].
    pub async fn to_pack(&self) {
        self.0.to_pack.notified().await;
    }

    /// Packs the current snapshot in every way that was asked for.
    pub fn pack(&self) {
        self.pack_for_readers(&self.current());
    }

    fn pack_for_readers(&self, snapshot: &Snapshot) {
        for (bodies, asked) in snapshot.bodies.iter().zip(&self.0.asked) {
            for (body, asked) in bodies.iter().zip(asked) {
                for (encoding, asked) in [Encoding::Gzip, Encoding::Zstd].into_iter().zip(asked) {
                    let asked = asked.load(Ordering::Relaxed);
                    if asked > 0 && snapshot.number < asked + FORGOTTEN_AFTER {
                        body.parts(encoding);
                    }
                }
            }
        }
    }

    fn current(&self) -> Arc<Snapshot> {
        Arc::clone(
            &self
                .0
                .current
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// The answer to one reader.
    pub fn answer(&self, part: Part, headers: &HeaderMap) -> Response<Parts> {
        let format = negotiate::format(headers);
        let snapshot = self.current();
        let body = &snapshot.bodies[part as usize][format as usize];
        let encoding = self.encoding(part, format, headers, &snapshot, body);
        let etag = self.etag(part, format, encoding, &snapshot);
        let mut response = Response::builder()
            .header(ETAG, &etag)
            .header(VARY, "Accept, Accept-Encoding")
            .header(CACHE_CONTROL, "no-cache");
        if let (Some(stamp), Part::All | Part::Activity) = (&snapshot.stamp, part) {
            response = response.header(AS_OF, stamp.as_of.to_string());
        }
        if is_known(headers, &etag) {
            let response = response
                .status(StatusCode::NOT_MODIFIED)
                .body(Parts::none());
            return response.expect("every part of the answer is well formed");
        }
        if let Some(word) = encoding.word() {
            response = response.header(CONTENT_ENCODING, word);
        }
        response
            .header(CONTENT_TYPE, format.content_type())
            .body(body.parts(encoding).clone())
            .expect("every part of the answer is well formed")
    }

    /// The encoding that the reader likes best, or none where that would keep it waiting and it takes none.
    fn encoding(
        &self,
        part: Part,
        format: Format,
        headers: &HeaderMap,
        snapshot: &Snapshot,
        body: &Body,
    ) -> Encoding {
        let liked = negotiate::encoding(headers);
        if liked == Encoding::Identity {
            return liked;
        }
        let asked = &self.0.asked[part as usize][format as usize][liked as usize - 1];
        asked.fetch_max(snapshot.number + 1, Ordering::Relaxed);
        if body.is_quick(liked) || !negotiate::takes_identity(headers) {
            return liked;
        }
        self.0.to_pack.notify_one();
        Encoding::Identity
    }

    /// The same for the same bytes of this process: the activity's has its place in the feed and its moment in it.
    fn etag(&self, part: Part, format: Format, encoding: Encoding, snapshot: &Snapshot) -> String {
        let stamp = snapshot.stamp.as_ref().map_or(String::new(), |stamp| {
            let Stamp {
                incarnation,
                cursor,
                as_of,
            } = stamp;
            let mut hasher = DefaultHasher::new();
            incarnation.hash(&mut hasher);
            let incarnation = hasher.finish() as u32;
            format!("{incarnation:08x}.{cursor}.{}", as_of.as_second())
        });
        let which = match part {
            Part::All => format!("{}.{stamp}", snapshot.number),
            Part::Activity => stamp,
            Part::Node => snapshot.number.to_string(),
        };
        let format = if format == Format::Text { "t" } else { "o" };
        let word = encoding.word().unwrap_or_default();
        format!("\"{:x}-{which}-{format}{word}\"", self.0.since)
    }
}

/// Does the reader have this one already?
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
}

impl std::fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshots")
            .field("published", &self.0.published)
            .finish_non_exhaustive()
    }
}
