//! The body of a simulated answer: whole, trickling, or breaking off in the middle.
//!
//! It decides nothing: a fault says how a body misbehaves, and the body does it. It holds the request's place among
//! those in flight until its last byte is out.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::limit::Place;

/// What a client sees instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// The connection was closed before an answer came.
    #[error("connection reset by the simulated GitHub")]
    Reset,
    /// The body ended before its declared length.
    #[error("body cut off by the simulated GitHub")]
    Truncated,
}

/// The body of a simulated answer.
#[derive(Debug, Default)]
pub struct SimBody {
    chunks: VecDeque<Bytes>,
    pause: Option<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
    breaks_off: bool,
    /// A server writes out what it has when a body makes it wait: without this it might keep the head for itself.
    has_yielded: bool,
    /// Given back with the last byte.
    place: Option<Place>,
}

impl SimBody {
    /// A body that arrives at once.
    pub(crate) fn whole(bytes: Bytes) -> SimBody {
        let chunks = if bytes.is_empty() {
            VecDeque::new()
        } else {
            VecDeque::from([bytes])
        };
        SimBody {
            chunks,
            ..SimBody::default()
        }
    }

    /// The same body in at most `pieces` pieces with a pause before each.
    pub(crate) fn trickle(mut self, pieces: usize, pause: Duration) -> SimBody {
        let whole = self.take_bytes();
        let size = whole.len().div_ceil(pieces.max(1)).max(1);
        self.chunks = (0..whole.len())
            .step_by(size)
            .map(|at| whole.slice(at..whole.len().min(at + size)))
            .collect();
        self.pause = Some(pause);
        self
    }

    /// The same body, broken off after `keep` bytes.
    pub(crate) fn break_off(mut self, keep: usize) -> SimBody {
        let mut left = keep;
        for chunk in &mut self.chunks {
            chunk.truncate(left);
            left -= chunk.len();
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
        self.breaks_off = true;
        self
    }

    /// Bytes still to come.
    pub(crate) fn length(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }

    /// Keeps the request's place in flight until the last byte is out.
    pub(crate) fn hold(mut self, place: Option<Place>) -> SimBody {
        self.place = self.place.take().or(place);
        self
    }

    fn take_bytes(&mut self) -> Bytes {
        let chunks = std::mem::take(&mut self.chunks);
        match chunks.len() {
            1 => chunks.into_iter().next().unwrap_or_default(),
            _ => chunks.into_iter().flatten().collect(),
        }
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = SimError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SimError>>> {
        if let (Some(pause), false) = (self.pause, self.chunks.is_empty()) {
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            ready!(sleep.as_mut().poll(context));
            self.sleep = None;
        }
        if let Some(chunk) = self.chunks.pop_front() {
            if self.chunks.is_empty() && !self.breaks_off {
                self.place = None;
            }
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        if self.breaks_off && !std::mem::replace(&mut self.has_yielded, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.place = None;
        if std::mem::take(&mut self.breaks_off) {
            return Poll::Ready(Some(Err(SimError::Truncated)));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty() && !self.breaks_off
    }

    fn size_hint(&self) -> SizeHint {
        if self.breaks_off {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.chunks.iter().map(|chunk| chunk.len() as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn hello() -> SimBody {
        SimBody::whole(Bytes::from_static(b"hello, world"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickling_body_takes_its_time_and_loses_nothing() {
        let begun = tokio::time::Instant::now();
        let body = hello()
            .trickle(4, Duration::from_secs(2))
            .collect()
            .await
            .unwrap()
            .to_bytes();
        assert_eq!(body, "hello, world");
        assert_eq!(begun.elapsed(), Duration::from_secs(8));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_ends_in_an_error() {
        let mut body = hello().break_off(5);
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "hello");
        assert_eq!(
            body.frame().await.unwrap().unwrap_err(),
            SimError::Truncated
        );
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn an_empty_body_ends_at_once() {
        assert!(SimBody::whole(Bytes::new()).is_end_stream());
        assert_eq!(
            SimBody::whole(Bytes::new())
                .collect()
                .await
                .unwrap()
                .to_bytes(),
            ""
        );
    }
}
