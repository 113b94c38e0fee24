//! Connections that hold little and wait briefly, whatever their peers do.
//!
//! actix reads ahead, parses as many pipelined requests as have arrived, answers what it cannot parse with an empty
//! body, and waits for ever for a peer to take an answer. So its HTTP/1 service runs over a stream of our own
//! ([`guarded`]), which lets one request through at a time, says what is wrong with a head ([`refusal`]), and has
//! a deadline wherever the peer is waited for. Answers leave in slices ([`sliced`]). There is no HTTP/2.

mod clock;
mod guarded;
mod refusal;
mod sliced;

use std::cell::Cell;
use std::fmt;
use std::future::ready;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use actix_http::{HttpServiceBuilder, Request, Response, ServiceConfig, ServiceConfigBuilder};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::{self, AppConfig};
use actix_web::rt::net::TcpStream;
use socket2::SockRef;

use crate::config::ServerConfig;
use guarded::Guarded;
use sliced::Sliced;

/// How long a client may take to close a connection that the server closes.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of an answer that are copied before they are written.
const WRITE_BUFFER: usize = 16 * 1024;
/// Bytes that the system keeps for each direction of a connection. Left to itself, Linux lets a peer that does not
/// read fill megabytes, which count against the memory of the container.
const SOCKET_BUFFER: usize = 64 * 1024;

/// What one listener grants its connections.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// Threads.
    pub(crate) workers: usize,
    /// Most connections of each thread.
    pub(crate) max_connections: usize,
    /// Time for the head of a request to arrive.
    pub(crate) header_timeout: Duration,
    /// Time for the body of a request to arrive, whoever waits for it.
    pub(crate) body_timeout: Duration,
    /// Time for the peer to take more of an answer.
    pub(crate) write_timeout: Duration,
    /// How long an idle connection stays open.
    pub(crate) keep_alive: Duration,
    /// How long one may be idle for while three quarters of the connections are taken.
    pub(crate) crowded_keep_alive: Duration,
    /// Time for open requests to end at shutdown, in whole seconds.
    pub(crate) shutdown_timeout: Duration,
}

impl Terms {
    /// Those of the API.
    pub(crate) fn of(config: &ServerConfig) -> Self {
        Self {
            workers: config.workers.max(1),
            max_connections: config.max_connections,
            header_timeout: config.header_timeout,
            body_timeout: config.body_timeout,
            write_timeout: config.write_timeout,
            keep_alive: config.keep_alive,
            crowded_keep_alive: config.crowded_keep_alive,
            shutdown_timeout: config.shutdown_timeout,
        }
    }
}

/// What the connections of one thread share.
pub(crate) struct Desk {
    terms: Terms,
    http: ServiceConfig,
    open: Cell<usize>,
}

impl Desk {
    /// Whether it is time to part from those who only sit there.
    fn crowded(&self) -> bool {
        self.open.get() > self.terms.max_connections / 4 * 3
    }
}

/// Makes the listener's buffers small; what it accepts inherits them.
///
/// # Errors
/// The system's reason.
pub(crate) fn bound_buffers(listener: &TcpListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)
}

/// A server of one listener. It starts when it is awaited.
///
/// # Errors
/// The system's reason why the listener cannot be used.
pub(crate) fn server<F, I, S, B>(
    name: &'static str,
    listener: TcpListener,
    terms: Terms,
    app: F,
) -> io::Result<dev::Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let builder = dev::Server::build()
        .workers(terms.workers)
        .max_concurrent_connections(terms.max_connections)
        .shutdown_timeout(terms.shutdown_timeout.as_secs())
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let local = listener.local_addr()?;
    let server = builder.listen(name, listener, move || {
        let app =
            app().into_factory().map(|answer: S::Response| answer.into().map_body(Sliced::of));
        let app = app.map_err(|error| error.into().error_response());
        let stopping = stopping.clone();
        let http = HttpServiceBuilder::default()
            .keep_alive(terms.keep_alive)
            // The stream has clocks of its own for heads, and not only for the first.
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .h1_write_buffer_size(WRITE_BUFFER)
            .local_addr(local)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .h1(map_config(app, |()| AppConfig::default()));
        let desk = Rc::new(Desk {
            terms: terms.clone(),
            http: ServiceConfigBuilder::new().keep_alive(terms.keep_alive.into()).build(),
            open: Cell::new(0),
        });
        fn_service(move |stream: TcpStream| {
            let peer = stream.peer_addr().ok();
            ready(Ok((Guarded::new(stream, Rc::clone(&desk)), peer)))
        })
        .and_then(http)
    })?;
    Ok(server.run())
}
