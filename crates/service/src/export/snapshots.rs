//! The newest exposition, ready to send: in both formats, packed as readers have asked for it.
//!
//! A reader gets one exposition whole, whatever is published meanwhile, and waits for nobody: packing is done when a
//! snapshot is published, in every way that was asked for before, and by the reader itself only the first time.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;

use super::Format;
use super::encode::Encoder;
use super::negotiate::{self, Encoding};
use super::render::{self, Exposition};

/// Packs fast: a snapshot lives for seconds.
const GZIP_LEVEL: u32 = 3;
const ZSTD_LEVEL: i32 = 1;

/// The newest snapshot. Clones share it.
#[derive(Clone)]
pub struct Snapshots(Arc<Shared>);

struct Shared {
    current: RwLock<Arc<Snapshot>>,
    /// Tells the validators of one process from those of another.
    since: i64,
    published: AtomicU64,
    /// By format, then encoding: was it ever asked for?
    wanted: [[AtomicBool; 2]; 2],
}

struct Snapshot {
    number: u64,
    bodies: [Body; 2],
}

struct Body {
    plain: Bytes,
    packed: [OnceLock<Bytes>; 2],
}

impl Body {
    fn new(plain: Bytes) -> Body {
        Body {
            plain,
            packed: Default::default(),
        }
    }

    fn packed(&self, encoding: Encoding) -> Bytes {
        match encoding {
            Encoding::Identity => self.plain.clone(),
            Encoding::Gzip | Encoding::Zstd => self.packed[encoding as usize - 1]
                .get_or_init(|| pack(&self.plain, encoding))
                .clone(),
        }
    }
}

impl Snapshots {
    /// Nothing published yet: what is served says which version runs, and nothing else.
    pub fn new(started: Timestamp) -> Snapshots {
        let mut encoder = Encoder::new(1024);
        render::build(&mut encoder);
        let (text, open_metrics) = encoder.finish();
        let bodies = [Body::new(text.into()), Body::new(open_metrics.into())];
        Snapshots(Arc::new(Shared {
            current: RwLock::new(Arc::new(Snapshot { number: 0, bodies })),
            since: started.as_millisecond(),
            published: AtomicU64::new(0),
            wanted: Default::default(),
        }))
    }

    /// Makes an exposition the current one. Packs it, so call it where blocking for some milliseconds does no harm.
    pub fn publish(&self, exposition: Exposition) {
        let number = self.0.published.fetch_add(1, Ordering::Relaxed) + 1;
        let snapshot = Snapshot {
            number,
            bodies: [
                Body::new(exposition.text),
                Body::new(exposition.open_metrics),
            ],
        };
        for (body, wanted) in snapshot.bodies.iter().zip(&self.0.wanted) {
            for (encoding, wanted) in [Encoding::Gzip, Encoding::Zstd].into_iter().zip(wanted) {
                if wanted.load(Ordering::Relaxed) {
                    body.packed(encoding);
                }
            }
        }
        *self
            .0
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }

    /// The answer to one reader.
    pub fn answer(&self, headers: &HeaderMap) -> Response<Bytes> {
        let format = negotiate::format(headers);
        let encoding = negotiate::encoding(headers);
        let snapshot = Arc::clone(
            &self
                .0
                .current
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let etag = format!(
            "\"{:x}-{}-{}{}\"",
            self.0.since,
            snapshot.number,
            if format == Format::Text { "t" } else { "o" },
            encoding.word().unwrap_or_default()
        );
        let mut response = Response::builder()
            .header(ETAG, &etag)
            .header(VARY, "Accept, Accept-Encoding")
            .header(CACHE_CONTROL, "no-cache");
        if is_known(headers, &etag) {
            let response = response.status(StatusCode::NOT_MODIFIED).body(Bytes::new());
            return response.expect("every part of the answer is well formed");
        }
        if let Some(word) = encoding.word() {
            self.0.wanted[format as usize][encoding as usize - 1].store(true, Ordering::Relaxed);
            response = response.header(CONTENT_ENCODING, word);
        }
        response
            .header(CONTENT_TYPE, format.content_type())
            .body(snapshot.bodies[format as usize].packed(encoding))
            .expect("every part of the answer is well formed")
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

fn pack(plain: &[u8], encoding: Encoding) -> Bytes {
    match encoding {
        Encoding::Identity => Bytes::copy_from_slice(plain),
        Encoding::Gzip => {
            let room = Vec::with_capacity(plain.len() / 8);
            let mut packer =
                flate2::write::GzEncoder::new(room, flate2::Compression::new(GZIP_LEVEL));
            packer.write_all(plain).expect("a vector takes everything");
            packer.finish().expect("a vector takes everything").into()
        }
        Encoding::Zstd => zstd::bulk::compress(plain, ZSTD_LEVEL)
            .expect("memory is there for the result")
            .into(),
    }
}

impl std::fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshots")
            .field("published", &self.0.published)
            .finish_non_exhaustive()
    }
}
