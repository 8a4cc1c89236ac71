//! Connections: to addresses that were looked up, checked, and are connected to as they were checked.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::Outbound;
use super::body::Sent;
use super::failed::Failed;
use super::host::Host;
use super::target::Target;

/// The smallest buffer that hyper takes.
const LEAST_BUFFER: usize = 8192;

/// A connection to an upstream; dropping it closes it.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Sent>,
    pub(super) meter: Arc<Meter>,
    _driver: AbortOnDrop,
}

impl Connection {
    async fn over(stream: impl Stream + 'static, header_size: usize) -> Result<Self, Failed> {
        let buffer = header_size.max(LEAST_BUFFER);
        let meter = Arc::new(Meter::new(buffer as u64 * 3));
        let stream = TokioIo::new(Metered { stream, meter: Arc::clone(&meter) });
        let (sender, connection) = http1::Builder::new()
            .max_header_size(header_size)
            .max_buf_size(buffer)
            .handshake(stream)
            .await
            .map_err(|_| Failed::Protocol)?;
        // Its end is told by the sender, with the reason.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, meter, _driver: AbortOnDrop(driver.abort_handle()) })
    }
}

/// Ends the connection's task when nobody needs it any more.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Outbound {
    /// The addresses behind a target, all of them checked.
    pub(super) async fn addresses(&self, channel: &Arc<str>, target: &Target) -> Result<Vec<SocketAddr>, Failed> {
        let addresses = match &target.host {
            Host::Address(ip) => vec![SocketAddr::new(*ip, target.port)],
            Host::Name(name) => self.resolver.resolve(channel, name, target.port).await.map_err(|_| Failed::Dns)?,
        };
        if addresses.is_empty() {
            return Err(Failed::Dns);
        }
        // One bad address among good ones is an attempt to rebind: refused whole.
        if addresses.iter().all(|address| self.filter.allows(*address)) { Ok(addresses) } else { Err(Failed::Address) }
    }

    /// A new connection.
    pub(super) async fn connect(&self, channel: &Arc<str>, target: &Target) -> Result<Connection, Failed> {
        let addresses = self.addresses(channel, target).await?;
        let stream = TcpStream::connect(addresses.as_slice()).await.map_err(|_| Failed::Connect)?;
        stream.set_nodelay(true).map_err(|_| Failed::Connect)?;
        let header_size = self.limits.header_size.len();
        if !target.tls {
            return Connection::over(stream, header_size).await;
        }
        let name = match &target.host {
            Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Failed::Certificate)?,
            Host::Address(ip) => ServerName::from(*ip),
        };
        let stream = self.tls.connect(name, stream).await.map_err(|error| Failed::of_tls(&error))?;
        Connection::over(stream, header_size).await
    }
}

/// How much may arrive before an answer's head is complete: interim answers (1xx) have no end of their own.
pub(super) struct Meter {
    limit: u64,
    left: AtomicU64,
    over: AtomicBool,
}

impl Meter {
    fn new(limit: u64) -> Self {
        Self { limit, left: AtomicU64::new(u64::MAX), over: AtomicBool::new(false) }
    }

    /// A request is sent.
    pub(super) fn awaits_head(&self) {
        self.left.store(self.limit, Ordering::Relaxed);
    }

    /// The head is there; the body has a limit of its own.
    pub(super) fn has_head(&self) {
        self.left.store(u64::MAX, Ordering::Relaxed);
    }

    /// Whether too much arrived.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn take(&self, size: u64) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        if left == u64::MAX {
            return true;
        }
        let enough = size <= left;
        self.left.store(left.saturating_sub(size), Ordering::Relaxed);
        self.over.fetch_or(!enough, Ordering::Relaxed);
        enough
    }
}

struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let size = buffer.filled().len() - before;
        let enough = self.meter.take(size as u64);
        Poll::Ready(if enough { Ok(()) } else { Err(io::Error::other("the answer's head has no end")) })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
