//! The stream between a peer and actix's HTTP/1 service.
//!
//! It follows the requests with the parser that the service itself uses, so it knows at each byte whether a head, a
//! body or nothing is under way. The service gets a head only when it is whole and sound, and the next request only
//! when the answer to the one before has begun and nothing waits to be written.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_http::h1::{Codec, Message, MessageType};
use actix_web::rt::net::TcpStream;
use actix_web::web::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::codec::Decoder as _;
use tokio_util::io::poll_read_buf;

use super::clock::Clock;
use super::refusal::Refusal;
use super::{DISCONNECT_TIMEOUT, Desk};

/// The largest head of a request, in bytes.
pub(super) const MAX_HEAD: usize = 32 * 1024;
/// Bytes that are read at once.
const READ: usize = 8 * 1024;
/// What the peer is sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing yet; the first head is due.
    New,
    /// Nothing; another head may come.
    Idle,
    Head,
    Body,
    /// Nothing more is read.
    Over,
}

/// One connection.
pub(super) struct Guarded {
    stream: TcpStream,
    desk: Rc<Desk>,
    parser: Codec,
    place: Place,
    /// Arrived and not yet understood.
    held: BytesMut,
    /// Understood and not yet taken by the service.
    ready: BytesMut,
    /// A request was let through, and nothing has been written since.
    unanswered: bool,
    /// The service asked for more and was told to wait.
    asked: bool,
    refused: bool,
    /// What is left to tell a peer whose request was refused.
    refusal: Bytes,
    /// The peer was told that nothing more comes.
    shut: bool,
    reading: Clock,
    /// Set while the peer does not take what is written.
    writing: Clock,
}

impl Guarded {
    pub(super) fn new(stream: TcpStream, desk: Rc<Desk>) -> Self {
        desk.open.set(desk.open.get() + 1);
        Self {
            stream,
            parser: Codec::new(desk.http.clone()),
            desk,
            place: Place::New,
            held: BytesMut::new(),
            ready: BytesMut::new(),
            unanswered: false,
            asked: false,
            refused: false,
            refusal: Bytes::new(),
            shut: false,
            reading: Clock::default(),
            writing: Clock::default(),
        }
    }

    /// Whether the next request has to wait until the peer has got something.
    fn must_wait(&self) -> bool {
        let between = matches!(self.place, Place::New | Place::Idle);
        self.writing.is_set() || (between && self.unanswered)
    }

    /// Makes the service ask again, if it was told to wait and need not any more.
    fn call_back(&mut self, cx: &mut Context<'_>) {
        if self.asked && !self.must_wait() {
            self.asked = false;
            cx.waker().wake_by_ref();
        }
    }

    fn enter(&mut self, place: Place) {
        // The first head's time began with the connection.
        if (self.place, place) != (Place::New, Place::Head) {
            self.reading.clear();
        }
        self.place = place;
        if self.held.is_empty() && matches!(place, Place::Idle | Place::Over) {
            self.held = BytesMut::new();
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.refused = true;
        self.refusal = refusal.answer(&self.held, &self.desk.http);
        self.held = BytesMut::new();
        self.enter(Place::Over);
    }

    /// Moves what is understood from `held` to `ready`, up to the end of a request. True if there is something new
    /// to do, false if more has to arrive first.
    fn understand(&mut self) -> bool {
        if self.held.is_empty() && self.place != Place::Body {
            return false;
        }
        let mut rest = BytesMut::from(&self.held[..]);
        loop {
            let before = rest.len();
            let parsed = self.parser.decode(&mut rest);
            if parsed.is_ok() {
                self.ready.extend_from_slice(&self.held.split_to(before - rest.len()));
            }
            match parsed {
                Ok(Some(Message::Item(_))) => {
                    self.unanswered = true;
                    if self.parser.message_type() == MessageType::None {
                        self.enter(Place::Idle);
                        return true;
                    }
                    self.enter(Place::Body);
                }
                Ok(Some(Message::Chunk(Some(_)))) => {}
                Ok(Some(Message::Chunk(None))) => {
                    self.enter(Place::Idle);
                    return true;
                }
                Ok(None) if self.place == Place::Body => return !self.ready.is_empty(),
                Ok(None) if self.held.len() >= MAX_HEAD => {
                    self.refuse(Refusal::too_large());
                    return true;
                }
                Ok(None) if self.place == Place::Head => return false,
                Ok(None) => {
                    self.enter(Place::Head);
                    return false;
                }
                // Whoever reads the body learns that it is incomplete, and says so.
                Err(_) if self.place == Place::Body => {
                    self.enter(Place::Over);
                    return true;
                }
                Err(error) => {
                    self.refuse(Refusal::unreadable(&error));
                    return true;
                }
            }
        }
    }

    /// Whether the peer has kept the server waiting for too long. What follows from that is done.
    fn overdue(&mut self, cx: &mut Context<'_>) -> bool {
        let terms = &self.desk.terms;
        let time = match self.place {
            Place::New | Place::Head => terms.header_timeout,
            Place::Idle => terms.crowded_keep_alive,
            // Longer than whoever reads the body waits, so that it can say that it is late.
            Place::Body => terms.body_timeout * 2,
            Place::Over => return false,
        };
        if !self.reading.is_set() {
            self.reading.set(time);
        }
        while self.reading.passed(cx) {
            match self.place {
                Place::New | Place::Head => self.refuse(Refusal::late(time)),
                // Else the service's own clock for idle connections decides.
                Place::Idle if !self.desk.crowded() => {
                    self.reading.set(time);
                    continue;
                }
                Place::Idle | Place::Body | Place::Over => self.enter(Place::Over),
            }
            return true;
        }
        false
    }

    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.held.capacity() - self.held.len() < READ / 8 {
            self.held.reserve(READ);
        }
        // No head that is larger than allowed comes in whole.
        let room = READ.min(MAX_HEAD.saturating_sub(self.held.len()));
        poll_read_buf(Pin::new(&mut self.stream), cx, &mut (&mut self.held).limit(room))
    }

    /// Reads and forgets for a moment, because a peer that is still sending would lose what it was told when the
    /// connection closes.
    fn linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.reading.is_set() {
            self.reading.set(DISCONNECT_TIMEOUT);
        }
        loop {
            self.held.clear();
            match self.fill(cx) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Pending if !self.reading.passed(cx) => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) | Poll::Pending => return Poll::Ready(()),
            }
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.desk.open.set(self.desk.open.get() - 1);
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.ready.is_empty() {
                let taken = this.ready.len().min(buffer.remaining());
                buffer.put_slice(&this.ready.split_to(taken));
                if this.ready.is_empty() {
                    this.ready = BytesMut::new();
                }
                return Poll::Ready(Ok(()));
            }
            if this.place == Place::Over {
                return Poll::Ready(Ok(()));
            }
            if this.must_wait() {
                this.asked = true;
                return Poll::Pending;
            }
            if this.understand() {
                continue;
            }
            match this.fill(cx) {
                // A body that never pauses has its time too.
                Poll::Ready(Ok(1..)) if this.place == Place::Body => {
                    this.overdue(cx);
                }
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Ok(0)) => this.enter(Place::Over),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if this.overdue(cx) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write(cx, bytes) {
            Poll::Pending => {
                let time = this.desk.terms.write_timeout;
                if !this.writing.is_set() {
                    this.writing.set(time);
                }
                if this.writing.passed(cx) {
                    tracing::debug!(?time, "a peer that does not read was disconnected");
                    // Else the system would keep for minutes what the peer does not take.
                    let _ = this.stream.set_zero_linger();
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                Poll::Pending
            }
            Poll::Ready(Ok(written)) => {
                this.unanswered = false;
                if this.writing.is_set() {
                    this.writing.set(this.desk.terms.write_timeout);
                }
                this.call_back(cx);
                Poll::Ready(Ok(written))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// The service flushes when it has written everything.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        this.writing.clear();
        this.call_back(cx);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.refusal.is_empty() {
            let rest = this.refusal.clone();
            let written = ready!(Pin::new(&mut *this).poll_write(cx, &rest))?;
            this.refusal.advance(written);
        }
        if !this.shut {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.shut = true;
        }
        if this.refused { this.linger(cx).map(Ok) } else { Poll::Ready(Ok(())) }
    }
}
