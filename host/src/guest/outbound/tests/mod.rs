//! Requests as a guest makes them, against servers on this machine.

mod answers;
mod credentials;
mod fuzz;
mod limits;
mod platform;
mod pooling;
mod rebinding;
mod records;
mod tls;
mod urls;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Empty, Full};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::*;
use crate::config::Config;
use crate::guest::limits::Limits;
use crate::guest::scratch::Effects;
use crate::guest::state::{Environment, Owner};
use crate::store::{
    Grants, LimitOverrides, Mode, NewChannel, OutboundRecord, Retention, SecretRef, SecretVersion, Store, Timestamp,
};

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The outbound side of a node whose guests may call this machine.
struct Rig {
    store: Store,
    shared: Arc<Outbound>,
    _dir: TempDir,
}

fn limits(edit: impl FnOnce(&mut config::Outbound)) -> config::Outbound {
    let mut limits = Config::default().outbound;
    (limits.allow_http, limits.allow_private) = (true, vec!["127.0.0.0/8".parse().unwrap()]);
    edit(&mut limits);
    limits
}

impl Rig {
    async fn new(edit: impl FnOnce(&mut config::Outbound)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Retention::from(&Config::default())).unwrap();
        for name in ["acme", "other"] {
            let new = NewChannel { name: name.into(), mode: Mode::Testing, hosts: Vec::new(), keys: Vec::new() };
            store.create_channel(new).await.unwrap();
        }
        Self { store, shared: Arc::new(Outbound::new(&limits(edit)).unwrap()), _dir: dir }
    }

    /// The outbound side of a call that has ten seconds.
    fn call(&self, channel: &str, hosts: &[&str]) -> Sender {
        self.call_for(Duration::from_secs(10), channel, hosts)
    }

    fn call_for(&self, time: Duration, channel: &str, hosts: &[&str]) -> Sender {
        let owner = Owner { channel: channel.into(), created: Timestamp(0) };
        self.call_with(owner, time, hosts, None)
    }

    fn call_with(&self, owner: Owner, time: Duration, hosts: &[&str], platform: Option<PlatformApi>) -> Sender {
        let none = LimitOverrides::default();
        let mut limits = Limits::of(&Config::default(), 8, &none, &none);
        limits.requests = self.shared.limits.requests;
        let environment = Environment {
            owner,
            config: std::collections::BTreeMap::default(),
            grants: Grants::default(),
            hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
            platform,
            secrets: vec![SecretRef { name: "KEY".into(), version: SecretVersion::Latest }],
            writes: Semaphore::new(limits.waiting),
            limits,
            effects: Effects::Live,
        };
        let mut sender = Sender::new(0, &self.shared, Arc::new(environment), self.store.clone(), Instant::now() + time);
        sender.begin("call-1");
        sender
    }

    /// What is in the record of the call so far.
    async fn records(&self) -> Vec<OutboundRecord> {
        self.store.flush().await.unwrap();
        self.store.outbound_of_call("call-1").unwrap()
    }
}

fn get(url: &str) -> Request<WasiBody> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    Request::builder().uri(url).body(body).unwrap()
}

fn post(url: &str, body: Vec<u8>) -> Request<WasiBody> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
    Request::builder().method("POST").uri(url).body(body).unwrap()
}

#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// The answer's head, and its body unread.
async fn head(
    sender: &mut Sender,
    request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Result<http::Response<WasiBody>, Error> {
    let sent = sender.send_request(request, options, Box::new(async { Ok(()) }));
    Ok(Pin::from(sent).await?.0)
}

/// The whole answer.
async fn send(sender: &mut Sender, request: Request<WasiBody>) -> Result<Got, Error> {
    let (parts, body) = head(sender, request, None).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Got { status: parts.status.as_u16(), headers: parts.headers, body })
}

/// What an upstream does with a connection after each request's head.
#[derive(Clone)]
enum Does {
    /// Says it, and waits for the next request.
    Say(Vec<u8>),
    /// Says it and hangs up.
    Close(Vec<u8>),
    /// Says the first, then the second again and again.
    Flood(Vec<u8>, Vec<u8>),
    /// Says the first, then the second again and again, each after a pause.
    Drip(Vec<u8>, Vec<u8>, Duration),
}

fn say(text: &str) -> Does {
    Does::Say(text.into())
}

/// A server that counts its connections and keeps the heads of its requests. Gone when dropped.
struct Upstream {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    async fn start(does: Does) -> Self {
        Self::at("127.0.0.1:0", does, None).await
    }

    async fn at(address: &str, does: Does, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, heads) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (count, seen) = (Arc::clone(&connections), Arc::clone(&heads));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (does, seen, tls) = (does.clone(), Arc::clone(&seen), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &does, &seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &does, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, connections, heads, task }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn host(&self) -> String {
        self.address.to_string()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, does: &Does, seen: &Mutex<Vec<String>>) {
    loop {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            if !matches!(stream.read(&mut byte).await, Ok(1)) {
                return;
            }
            head.push(byte[0]);
        }
        seen.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
        let (Does::Say(first) | Does::Close(first) | Does::Flood(first, _) | Does::Drip(first, ..)) = does;
        if stream.write_all(first).await.is_err() || matches!(does, Does::Close(_)) {
            return;
        }
        let (again, pause) = match does {
            Does::Flood(_, again) => (again, Duration::ZERO),
            Does::Drip(_, again, pause) => (again, *pause),
            _ => continue,
        };
        while stream.write_all(again).await.is_ok() {
            tokio::time::sleep(pause).await;
        }
        return;
    }
}
