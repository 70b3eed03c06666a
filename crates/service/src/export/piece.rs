//! An exposition in pieces that snapshots share: what did not change is neither written nor packed again.
//!
//! Decides how pieces become one body. Packed pieces are put together as they are: of deflate they are runs of blocks that
//! end on a byte, between one head and one tail, so that the whole is one ordinary gzip member; of zstd they are frames.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::body::HttpBody;
use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use hyper::body::{Frame, SizeHint};

use super::negotiate::Encoding;

/// Packs fast: a piece that changes lives for seconds.
const GZIP_LEVEL: Compression = Compression::new(3);
const ZSTD_LEVEL: i32 = 1;

/// The head of a gzip member: deflate, no name, no time, an unknown system.
const GZIP_HEAD: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// The last block of a deflate stream, with nothing in it.
const DEFLATE_END: &[u8] = &[3, 0];

/// A run of whole lines, with its packed forms once somebody has asked for them.
pub(super) struct Piece {
    plain: Bytes,
    gzip: OnceLock<Deflated>,
    zstd: OnceLock<Bytes>,
}

struct Deflated {
    blocks: Bytes,
    /// Of the plain text.
    sum: Crc,
}

impl Piece {
    pub(super) fn new(plain: impl Into<Bytes>) -> Arc<Piece> {
        Arc::new(Piece {
            plain: plain.into(),
            gzip: OnceLock::new(),
            zstd: OnceLock::new(),
        })
    }

    pub(super) fn plain(&self) -> &[u8] {
        &self.plain
    }

    fn is_packed(&self, encoding: Encoding) -> bool {
        match encoding {
            Encoding::Identity => true,
            Encoding::Gzip => self.gzip.get().is_some(),
            Encoding::Zstd => self.zstd.get().is_some(),
        }
    }
}

/// A body in one format: pieces, one after another.
#[derive(Clone, Default)]
pub(super) struct Pieces(Vec<Arc<Piece>>);

impl Pieces {
    pub(super) fn push(&mut self, piece: &Arc<Piece>) {
        if !piece.plain.is_empty() {
            self.0.push(Arc::clone(piece));
        }
    }

    pub(super) fn extend(&mut self, others: &Pieces) {
        self.0.extend_from_slice(&others.0);
    }

    /// How many bytes there are in pieces that are not packed in this way.
    pub(super) fn unpacked(&self, encoding: Encoding) -> usize {
        let unpacked = self.0.iter().filter(|piece| !piece.is_packed(encoding));
        unpacked.map(|piece| piece.plain.len()).sum()
    }

    /// Packs what is not packed yet.
    pub(super) fn pack(&self, encoding: Encoding) {
        match encoding {
            Encoding::Identity => {}
            Encoding::Gzip => {
                let mut packer = Compress::new(GZIP_LEVEL, false);
                for piece in &self.0 {
                    piece
                        .gzip
                        .get_or_init(|| deflate(&mut packer, &piece.plain));
                }
            }
            Encoding::Zstd => {
                let mut packer =
                    zstd::bulk::Compressor::new(ZSTD_LEVEL).expect("memory is there for a packer");
                for piece in &self.0 {
                    piece.zstd.get_or_init(|| {
                        let packed = packer.compress(&piece.plain);
                        packed.expect("memory is there for the result").into()
                    });
                }
            }
        }
    }

    /// What goes over the wire. Packs what is not packed yet.
    pub(super) fn parts(&self, encoding: Encoding) -> Parts {
        self.pack(encoding);
        let packed = "it was just packed";
        let parts: Vec<Bytes> = match encoding {
            Encoding::Identity => self.0.iter().map(|piece| piece.plain.clone()).collect(),
            Encoding::Gzip => {
                let mut sum = Crc::new();
                let mut parts = Vec::with_capacity(self.0.len() + 2);
                parts.push(Bytes::from_static(GZIP_HEAD));
                for piece in &self.0 {
                    let deflated = piece.gzip.get().expect(packed);
                    sum.combine(&deflated.sum);
                    parts.push(deflated.blocks.clone());
                }
                let mut tail = DEFLATE_END.to_vec();
                tail.extend_from_slice(&sum.sum().to_le_bytes());
                tail.extend_from_slice(&sum.amount().to_le_bytes());
                parts.push(tail.into());
                parts
            }
            Encoding::Zstd => {
                let frames = self
                    .0
                    .iter()
                    .map(|piece| piece.zstd.get().expect(packed).clone());
                frames.collect()
            }
        };
        Parts::from(parts)
    }

    /// The whole text.
    pub(super) fn concat(&self) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.unpacked_len());
        for piece in &self.0 {
            whole.extend_from_slice(&piece.plain);
        }
        whole
    }

    /// How many bytes the whole text has.
    pub(super) fn unpacked_len(&self) -> usize {
        self.0.iter().map(|piece| piece.plain.len()).sum()
    }
}

fn deflate(packer: &mut Compress, plain: &[u8]) -> Deflated {
    packer.reset();
    let mut blocks = Vec::with_capacity(plain.len() / 4 + 64);
    let flushed = loop {
        let taken = usize::try_from(packer.total_in()).expect("a piece is in memory");
        packer
            .compress_vec(&plain[taken..], &mut blocks, FlushCompress::Sync)
            .expect("what is packed cannot be wrong");
        let all_in = packer.total_in() == plain.len() as u64;
        // With room left, everything has come out.
        if all_in && blocks.len() < blocks.capacity() {
            break blocks;
        }
        blocks.reserve(plain.len() / 8 + 64);
    };
    let mut sum = Crc::new();
    sum.update(plain);
    Deflated {
        blocks: Bytes::copy_from_slice(&flushed),
        sum,
    }
}

/// What goes over the wire, in parts that are shared with whoever else reads the same.
#[derive(Clone, Debug)]
pub struct Parts {
    parts: Arc<[Bytes]>,
    next: usize,
    left: u64,
}

impl From<Vec<Bytes>> for Parts {
    fn from(parts: Vec<Bytes>) -> Parts {
        Parts {
            left: parts.iter().map(|part| part.len() as u64).sum(),
            parts: parts.into(),
            next: 0,
        }
    }
}

impl Parts {
    /// Nothing.
    pub(super) fn none() -> Parts {
        Parts::from(Vec::new())
    }

    /// How many bytes there are still.
    pub fn len(&self) -> u64 {
        self.left
    }

    /// Whether there is nothing more.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// All that is left, in one.
    pub fn concat(&self) -> Vec<u8> {
        self.parts[self.next..].concat()
    }
}

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.parts.get(self.next).cloned();
        Poll::Ready(part.map(|part| {
            self.next += 1;
            self.left -= part.len() as u64;
            Ok(Frame::data(part))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.next == self.parts.len()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
