//! The assembly: everything that a running node is made of, started in order and stopped in reverse.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::control::{self, Control};
use crate::edge::{Delivery, Deltas, Edge};
use crate::guest::{self, Plugins};
use crate::listen::{self, Certificates, Files, Stop};
use crate::process::{self, memory};
use crate::store::{Retention, Store};
use crate::table::Tables;
use crate::telemetry;

/// What the command line says about a node.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file over the default configuration.
    pub config: Option<PathBuf>,
    /// The data directory.
    pub data: PathBuf,
    /// The edge's address, over the configuration's.
    pub edge: Option<SocketAddr>,
    /// The admin API's address, over the configuration's.
    pub admin: Option<SocketAddr>,
}

/// Runs a node until SIGTERM or SIGINT. Prints the ready line when both listeners take requests and every active release is
/// loaded.
///
/// # Errors
/// Anything that keeps it from starting, with the key, the file or the flag that helps.
#[expect(clippy::needless_pass_by_value, reason = "a node owns what it was started with")]
pub fn run(options: Options) -> anyhow::Result<()> {
    telemetry::start();
    let config = Arc::new(load_config(options.config.as_deref())?);
    let process = process::restrict(config.process.dumpable, config.edge.connections)?;
    memory::start_giving_back();
    let workers = Builder::new_multi_thread()
        .thread_name("edge")
        .enable_all()
        .build()
        .context("failed to start the edge's threads")?;
    let admins = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("admin")
        .enable_all()
        .build()
        .context("failed to start the admin thread")?;
    let edge_listener = bind(&workers, options.edge.unwrap_or(config.edge.listen), "--edge")?;
    let admin_listener = bind(&admins, options.admin.unwrap_or(config.admin.listen), "--admin")?;
    let certificates = [
        certificates("tls", &config.tls.certificate, &config.tls.key)?,
        certificates("admin", &config.admin.certificate, &config.admin.key)?,
    ];
    let own = vec![edge_listener.local_addr()?, admin_listener.local_addr()?];
    let node = Node::open(&options, config, certificates, own, &admins)?;
    process.seal()?;
    let signals = admins.block_on(async { Signals::open() }).context("failed to listen for signals")?;
    announce(&edge_listener, &admin_listener)?;
    let ended = node.serve(&workers, &admins, edge_listener, admin_listener, signals);
    // What has not ended by now must not keep the process.
    workers.shutdown_timeout(LAST_WORD);
    admins.shutdown_timeout(LAST_WORD);
    ended
}

/// What the threads get to leave what they do after everything has stopped.
const LAST_WORD: Duration = Duration::from_secs(1);

/// The parts that share a data directory.
struct Node {
    config: Arc<Config>,
    edge: Arc<Edge>,
    control: Arc<Control>,
    /// Of the edge and of the admin API, where they have TLS.
    certificates: [Option<Arc<Certificates>>; 2],
}

impl Node {
    /// Opens the store, starts the engine, and loads what was active when the last node stopped.
    fn open(
        options: &Options,
        config: Arc<Config>,
        certificates: [Option<Arc<Certificates>>; 2],
        own: Vec<SocketAddr>,
        admins: &Runtime,
    ) -> anyhow::Result<Self> {
        let store = Store::open(&options.data, Retention::from(&*config))?;
        let runtime = Arc::new(guest::Runtime::new(Arc::clone(&config), store.clone())?);
        runtime.own_listeners(own);
        let plugins =
            Arc::new(Plugins::open(Arc::clone(&runtime), options.data.join("cache"), options.config.clone())?);
        let tables = Arc::new(Tables::default());
        let control =
            Control::new(store.clone(), Arc::clone(&runtime), plugins, Arc::clone(&tables), Arc::clone(&config));
        control.open_admin_token(&options.data)?;
        admins.block_on(control.publish()).context("failed to load what was active")?;
        control.tell_limits();
        control.tell_unconfirmed();
        let edge = Arc::new(Edge::new(Arc::clone(&config), tables, runtime, store));
        control.tell_certificates(certificates.iter().flatten().cloned().collect());
        Ok(Self { config, edge, control, certificates })
    }

    /// Serves until a signal, then stops in order: no more readiness, no more connections to the edge, what is under way
    /// ends, and at last the admin API, so that somebody can watch. A second signal ends it at once.
    fn serve(
        self,
        workers: &Runtime,
        admins: &Runtime,
        edge_listener: TcpListener,
        admin_listener: TcpListener,
        mut signals: Signals,
    ) -> anyhow::Result<()> {
        let (background, admin_stop) = (CancellationToken::new(), Stop::default());
        let [edge_tls, admin_tls] = self.certificates;
        for certificates in [&edge_tls, &admin_tls].into_iter().flatten() {
            admins.spawn(Arc::clone(certificates).watch(self.config.tls.check, background.clone()));
        }
        let admin = control::serve(Arc::clone(&self.control), admin_listener, admin_tls, admin_stop.clone());
        let admin = admins.spawn(admin);
        let delivery = workers.spawn(Delivery::new(Arc::clone(&self.edge)).run(background.clone()));
        let deltas = workers.spawn(Deltas::new(Arc::clone(&self.edge)).run(background.clone()));
        let edge = workers.spawn(Arc::clone(&self.edge).serve(edge_listener, edge_tls));
        admins.block_on(async {
            signals.next().await;
            let (lame_duck, drain) = (self.config.edge.lame_duck, self.config.call.drain);
            tracing::info!(?lame_duck, ?drain, "stopping");
            self.edge.stop().announce();
            background.cancel();
            let orderly = async {
                tokio::time::sleep(lame_duck).await;
                self.edge.stop().close();
                // One time for all that is under way.
                let end = Instant::now() + drain;
                let _ = tokio::join!(edge, delivery, deltas);
                // Those whose callers went away meanwhile: what they have begun to change, they finish.
                if !self.control.runtime().is_done_within(end.saturating_duration_since(Instant::now())).await {
                    tracing::warn!(?drain, "stopped with calls still under way");
                }
                admin_stop.close();
                let _ = admin.await;
            };
            tokio::select! {
                () = orderly => {
                    tracing::info!("stopped");
                    Ok(())
                }
                () = signals.next() => Err(anyhow::anyhow!("ended by a second signal; calls may have been under way")),
            }
        })
    }
}

/// The certificate of a listener, if it has one.
fn certificates(section: &'static str, certificate: &str, key: &str) -> anyhow::Result<Option<Arc<Certificates>>> {
    if certificate.is_empty() {
        return Ok(None);
    }
    let files = Files { certificate: certificate.into(), key: key.into(), section };
    let opened = Certificates::open(files).with_context(|| format!("failed to turn on TLS of [{section}]"))?;
    Ok(Some(Arc::new(opened)))
}

fn load_config(file: Option<&Path>) -> anyhow::Result<Config> {
    Ok(Config::load(file)?)
}

fn bind(runtime: &Runtime, address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    runtime.block_on(async { listen::bind(address) }).map_err(|error| {
        let advice = format!(
            "failed to listen on {address}; choose another address with {flag}, or a free port with {flag} 127.0.0.1:0"
        );
        anyhow::Error::new(error).context(advice)
    })
}

/// The one line on stdout that scripts wait for.
fn announce(edge: &TcpListener, admin: &TcpListener) -> anyhow::Result<()> {
    use std::io::Write;
    let ready = serde_json::json!({ "ready": true, "edge": edge.local_addr()?.to_string(), "admin": admin.local_addr()?.to_string() });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{ready}")?;
    out.flush()?;
    Ok(())
}

/// What asks a node to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn open() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
