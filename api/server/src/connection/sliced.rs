//! Bodies that leave in slices.
//!
//! actix copies each piece of a body into the connection's buffer before it writes. A document of a megabyte that
//! is one piece would be copied whole for each peer that asks for it, and kept until that peer has taken it.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_http::ResponseHead;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

/// Bytes in a slice.
const SLICE: usize = 16 * 1024;

/// A body, in slices if it is there at once and large.
pub(super) enum Sliced {
    /// What is left of it, shared with whoever made it.
    Large(Bytes),
    /// As it was.
    Other(BoxBody),
}

impl Sliced {
    pub(super) fn of<B: MessageBody + 'static>(_: &mut ResponseHead, body: B) -> Self {
        match body.size() {
            BodySize::Sized(size) if size > SLICE as u64 => match body.boxed().try_into_bytes() {
                Ok(bytes) => Self::Large(bytes),
                Err(body) => Self::Other(body),
            },
            BodySize::None | BodySize::Sized(_) | BodySize::Stream => Self::Other(body.boxed()),
        }
    }
}

impl MessageBody for Sliced {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        match self {
            Self::Large(bytes) => BodySize::Sized(bytes.len() as u64),
            Self::Other(body) => body.size(),
        }
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        match self.get_mut() {
            Self::Large(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Large(bytes) => Poll::Ready(Some(Ok(bytes.split_to(SLICE.min(bytes.len()))))),
            Self::Other(body) => Pin::new(body).poll_next(cx),
        }
    }
}
