//! Callers of a node under measurement, and what they see.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::build;
use crate::node::Node;

/// How long a caller waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one kind of caller saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// How long each call took that was answered with 200.
    pub(crate) good: Vec<Duration>,
    /// How long each call took that was turned away with 503 or 429.
    pub(crate) shed: Vec<Duration>,
    pub(crate) other: u64,
}

impl Seen {
    pub(crate) fn join(mut self, mut more: Self) -> Self {
        self.good.append(&mut more.good);
        self.shed.append(&mut more.shed);
        self.other += more.other;
        self
    }

    pub(crate) fn sorted(mut self) -> Self {
        self.good.sort();
        self.shed.sort();
        self
    }
}

/// This percentile of sorted times.
pub(crate) fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// What the same callers saw `beside` something, against what they saw in quiet: p50 and p99, each with its ratio.
///
/// # Errors
/// A call beside it failed.
pub(crate) fn compared(quiet: Seen, beside: Seen) -> anyhow::Result<String> {
    let (quiet, beside) = (quiet.sorted(), beside.sorted());
    ensure!(beside.other == 0 && beside.shed.is_empty(), "a call of the neighbour failed");
    let percentile = |percent| {
        let (before, after) = (at(&quiet.good, percent), at(&beside.good, percent));
        let ratio = after.as_secs_f64() / before.as_secs_f64();
        format!("p{percent} {before:>9.2?} → {after:>9.2?} ({ratio:.2}×)")
    };
    Ok(format!("{}   {}   {} calls, 0 failed", percentile(50), percentile(99), beside.good.len()))
}

/// A crowd: so many callers, each with a connection of its own, each calling once every `pause` whatever the answers do.
///
/// All of them are tasks of one thread: with a thread for each, 400 callers wait for one another on a processor for up to 10 ms, which
/// then looks like the node's time.
#[derive(Clone)]
pub(crate) struct Crowd {
    edge: String,
    path: String,
    body: Bytes,
    callers: u32,
    pause: Duration,
}

type Connection = http1::SendRequest<Full<Bytes>>;

impl Crowd {
    pub(crate) fn new(node: &Node, channel: &str, interaction: &str, callers: u32, pause: Duration) -> Self {
        let body = json!({
            "integration_auth_token": "RETAILOPS_SDK", "action": interaction, "version": 1, "client_id": 1,
            "channel_info": { "id": 1 }, "inventory_updates": [{ "sku": "A", "quantity_available": 1 }],
        });
        let (edge, path) = (node.edge.clone(), format!("/channels/{channel}/{interaction}_v1"));
        Self { edge, path, body: body.to_string().into(), callers, pause }
    }

    /// One of the calls, as it stands on a connection.
    pub(crate) fn head_and_body(&self) -> Vec<u8> {
        let head = format!("POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", self.path, self.body.len());
        [head.as_bytes(), &self.body].concat()
    }

    /// Calls for so long, from a processor that this thread may use.
    pub(crate) fn call(&self, time: Duration) -> anyhow::Result<Seen> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let began = Instant::now();
        runtime.block_on(async {
            let callers: JoinSet<_> =
                (0..self.callers).map(|number| self.clone().caller(number, began, began + time)).collect();
            Ok(callers.join_all().await.into_iter().fold(Seen::default(), Seen::join).sorted())
        })
    }

    async fn caller(self, number: u32, began: Instant, until: Instant) -> Seen {
        let (mut seen, mut connection) = (Seen::default(), None);
        let mut next = began + self.pause.mul_f64(f64::from(number) / f64::from(self.callers));
        while next < until && Instant::now() < until {
            tokio::time::sleep_until(next.into()).await;
            next += self.pause;
            let began = Instant::now();
            match tokio::time::timeout(PATIENCE, self.post(&mut connection)).await {
                Ok(Ok(StatusCode::OK)) => seen.good.push(began.elapsed()),
                Ok(Ok(StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)) => {
                    seen.shed.push(began.elapsed());
                }
                Ok(_) | Err(_) => seen.other += 1,
            }
        }
        seen
    }

    /// Makes one call, on the connection that there is or else on a new one, and reads all of the answer.
    async fn post(&self, connection: &mut Option<Connection>) -> anyhow::Result<StatusCode> {
        let mut open = match connection.take() {
            Some(open) if !open.is_closed() => open,
            _ => self.connect().await?,
        };
        open.ready().await?;
        let request = Request::post(&*self.path).header(header::HOST, &*self.edge);
        let request = request.header(header::CONTENT_TYPE, "application/json").body(Full::new(self.body.clone()))?;
        let answer = open.send_request(request).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        *connection = Some(open);
        Ok(status)
    }

    async fn connect(&self) -> anyhow::Result<Connection> {
        let socket = TcpStream::connect(&*self.edge).await?;
        socket.set_nodelay(true)?;
        let (open, driver) = http1::handshake(TokioIo::new(socket)).await?;
        tokio::spawn(driver);
        Ok(open)
    }
}

/// Makes a channel that answers with one of the plugins.
pub(crate) fn deploy(node: &Node, channel: &str, plugin: &str, settings: &[&str]) -> anyhow::Result<()> {
    let file = build::target().join("plugins").join(format!("{plugin}.wasm"));
    node.wharf(&["channel", "create", channel, "--mode", "testing"])?;
    let mut args =
        vec!["deploy".to_owned(), channel.to_owned(), file.display().to_string(), "--skip-preflight".to_owned()];
    for setting in settings {
        args.extend(["--set".to_owned(), (*setting).to_owned()]);
    }
    node.wharf(&args.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(())
}
