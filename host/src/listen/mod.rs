//! The listener of the edge and of the admin API: bounded, encrypted if so configured, deaf to single bad sockets, strict
//! about where a request ends ([`framing`]), impatient with peers that make it wait ([`guarded`]), and able to stop
//! without losing an answer.

mod framing;
#[cfg(test)]
mod fuzz;
mod guarded;
mod places;
mod stop;
#[cfg(test)]
mod tests;
mod tls;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, header};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use guarded::{Guarded, Patience, Shared};
use places::{Place, Places};
pub use stop::Stop;
pub use tls::{Certificates, Files, State as CertificateState, TlsError};

/// Limits of a listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Time for a request's head, from its first byte; for the first request, from the connection's beginning.
    pub header_time: Duration,
    /// Largest request head in bytes.
    pub header_size: usize,
    /// Most header lines.
    pub headers: usize,
    /// Time from an answer to the next request's first byte.
    pub idle_time: Duration,
    /// Time for any part of an answer to be taken by its caller.
    pub write_time: Duration,
    /// Time for a TLS handshake.
    pub handshake_time: Duration,
    /// Open connections. More wait in the kernel's queue.
    pub connections: usize,
    /// Open connections from one address. More are closed at once.
    pub connections_per_address: usize,
    /// Time that answers under way get when the listener stops.
    pub drain: Duration,
}

/// hyper's smallest read buffer.
const SMALLEST_BUFFER: usize = 8192;
/// With this many header lines, which is its own default, hyper has a faster way.
const USUAL_HEADERS: usize = 100;
/// Pause after an accept error that is not about one socket, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// Who has just connected when the listener stops may still say what was on its way.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// What the kernel keeps of answers that a caller does not take. With less than a third of it free a caller seems to take
/// nothing, so it must be small for [`Limits::write_time`] to be fair to slow lines: 85 KiB of progress are seen.
const SEND_BUFFER: u32 = 128 << 10;

/// So many connections are taken, then those that are open have their turn. Measured while 2,500 are opened as fast as it goes, on
/// one processor: the p99 of a caller beside them is 34 to 67 ms without, 18 ms with 16 and 12 ms with 1, but then a new
/// connection waits for seconds beside callers that are busy.
const AT_A_TIME: u64 = 16;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Listens on an address.
///
/// # Errors
/// It is in use, or not ours.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop`, then lets requests under way finish. `handle` answers one request; `certificates` turns TLS on.
pub async fn serve<H, F, B>(
    listener: TcpListener,
    limits: Limits,
    certificates: Option<Arc<Certificates>>,
    handle: H,
    stop: Stop,
) where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut door =
        Door { listener, places: Places::new(limits.connections, limits.connections_per_address), accepts: true };
    let (closing, close) = watch::channel(());
    let host = Host { http: http(&limits), limits, handle, stop, close };
    let closed = host.stop.closed();
    let tracker = TaskTracker::new();
    let mut taken = 0_u64;
    loop {
        let accepted = tokio::select! {
            accepted = door.accept() => accepted,
            () = closed.cancelled() => break,
        };
        let Some((socket, place)) = accepted else { continue };
        let (host, certificates) = (host.clone(), certificates.clone());
        tracker.spawn(async move {
            // An error here is about this one connection: its peer is gone or does not speak HTTP.
            if let Err(error) = host.connection(socket, certificates).await {
                tracing::debug!(error = &*error, "a connection ended");
            }
            drop(place);
        });
        taken += 1;
        if taken.is_multiple_of(AT_A_TIME) {
            yield_now().await;
        }
    }
    drop(door);
    let drain = host.limits.drain;
    drop(host);
    tracker.close();
    let _ = closing.send(());
    if timeout(drain, tracker.wait()).await.is_err() {
        tracing::warn!(?drain, "stopped with requests still under way");
    }
}

fn http(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    // The guarded stream keeps the time.
    http.header_read_timeout(None)
        .max_header_size(limits.header_size)
        .max_buf_size(limits.header_size.max(SMALLEST_BUFFER))
        .half_close(false);
    if limits.headers != USUAL_HEADERS {
        http.max_headers(limits.headers);
    }
    http
}

/// Where connections come in.
struct Door {
    listener: TcpListener,
    places: Arc<Places>,
    /// Whether the last attempt was not turned down by the system.
    accepts: bool,
}

impl Door {
    /// The next connection; none when there was one that cannot be taken.
    async fn accept(&mut self) -> Option<(TcpStream, Place)> {
        let room = self.places.room().await?;
        match self.listener.accept().await {
            Ok((socket, peer)) => {
                if !std::mem::replace(&mut self.accepts, true) {
                    tracing::info!("connections are accepted again");
                }
                let Some(place) = self.places.take(room, peer.ip()) else {
                    tracing::debug!(%peer, "an address has all the connections that it may have");
                    return None;
                };
                // With Nagle on, a small answer can wait 40 ms for the peer's delayed acknowledgement.
                let _ = socket.set_nodelay(true);
                Some((socket, place))
            }
            Err(error) => {
                if !concerns_one_socket(&error) {
                    if std::mem::replace(&mut self.accepts, false) {
                        tracing::error!(%error, "cannot accept connections; trying again until it works");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                None
            }
        }
    }
}

fn concerns_one_socket(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

type Lost = Box<dyn std::error::Error + Send + Sync>;

/// What every connection of a listener has in common.
#[derive(Clone)]
struct Host<H> {
    http: http1::Builder,
    limits: Limits,
    handle: H,
    stop: Stop,
    close: watch::Receiver<()>,
}

impl<H, F, B> Host<H>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Lost>,
{
    async fn connection(self, socket: TcpStream, certificates: Option<Arc<Certificates>>) -> Result<(), Lost> {
        let Some(certificates) = certificates else { return self.converse(socket).await };
        let encrypted = timeout(self.limits.handshake_time, certificates.acceptor().accept(socket)).await??;
        self.converse(encrypted).await
    }

    /// Answers the requests of one connection.
    async fn converse(self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Lost> {
        let Self { http, limits, handle, stop, mut close } = self;
        let patience = Patience { header: limits.header_time, idle: limits.idle_time, write: limits.write_time };
        let shared = Arc::new(Shared::default());
        let guarded = Guarded::new(stream, limits.header_size, patience, Arc::clone(&shared));
        let service = service_fn(|request| {
            let busy = shared.busy();
            let answer = handle(request);
            let stop = &stop;
            async move {
                let mut response = answer.await;
                if stop.is_announced() {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                drop(busy);
                Ok::<_, Infallible>(response)
            }
        });
        let mut connection = pin!(http.serve_connection(TokioIo::new(guarded), service));
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            _ = close.changed() => {}
        }
        // hyper would close it at once.
        if !shared.has_spoken()
            && let Ok(ended) = timeout(FIRST_WORD, connection.as_mut()).await
        {
            return Ok(ended?);
        }
        connection.as_mut().graceful_shutdown();
        Ok(connection.await?)
    }
}
