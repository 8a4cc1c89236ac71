//! The accept loop of both listeners: bounded, deaf to single bad sockets, and able to stop without losing an answer.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Limits of a listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Time for a request's head; also the longest that a connection may idle between two requests.
    pub header_time: Duration,
    /// Largest request head in bytes.
    pub header_size: usize,
    /// Most header lines.
    pub headers: usize,
    /// Open connections. More wait in the kernel's queue.
    pub connections: usize,
    /// Time that answers under way get when the listener stops.
    pub drain: Duration,
}

/// hyper's smallest read buffer.
const SMALLEST_BUFFER: usize = 8192;
/// Pause after an accept error that is not about one socket, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, then lets requests under way finish. `handle` answers one request.
pub async fn serve<H, F, B>(listener: TcpListener, limits: Limits, handle: H, stop: CancellationToken)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    // Without a timer hyper's header limit is silently off.
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.headers)
        .max_buf_size(limits.header_size.max(SMALLEST_BUFFER))
        .half_close(false);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = stop.cancelled() => break,
        };
        let Some((socket, place)) = accepted else { continue };
        let handle = handle.clone();
        let service = service_fn(move |request| {
            let answer = handle(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(socket), service));
        tokio::spawn(async move {
            // An error here is about this one connection: its peer is gone or does not speak HTTP.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(drain = ?limits.drain, "stopped with requests still under way");
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((socket, _)) => {
            // With Nagle on, a small answer can wait 40 ms for the peer's delayed acknowledgement.
            let _ = socket.set_nodelay(true);
            Some((socket, place))
        }
        Err(error) => {
            if !concerns_one_socket(&error) {
                tracing::error!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(PAUSE).await;
            }
            None
        }
    }
}

fn concerns_one_socket(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
