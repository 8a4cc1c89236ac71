//! The assembly: everything that a running node is made of, started in order and stopped in reverse.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::control::{self, Control};
use crate::edge::{Delivery, Edge};
use crate::guest::{self, Plugins};
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
    warn_unconfirmed(&config);
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
    let node = Node::open(&options, config, &admins, vec![edge_listener.local_addr()?, admin_listener.local_addr()?])?;
    announce(&edge_listener, &admin_listener)?;
    node.serve(&workers, &admins, edge_listener, admin_listener)
}

/// The parts that share a data directory.
struct Node {
    config: Arc<Config>,
    edge: Arc<Edge>,
    control: Arc<Control>,
}

impl Node {
    /// Opens the store, starts the engine, and loads what was active when the last node stopped.
    fn open(options: &Options, config: Arc<Config>, admins: &Runtime, own: Vec<SocketAddr>) -> anyhow::Result<Self> {
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
        let edge = Arc::new(Edge::new(Arc::clone(&config), tables, runtime, store)?);
        Ok(Self { config, edge, control })
    }

    /// Serves until a signal, then stops in order: no more readiness, no more connections, what is under way ends.
    fn serve(
        self,
        workers: &Runtime,
        admins: &Runtime,
        edge_listener: TcpListener,
        admin_listener: TcpListener,
    ) -> anyhow::Result<()> {
        let stop = CancellationToken::new();
        let admin = admins.spawn(control::serve(Arc::clone(&self.control), admin_listener, stop.child_token()));
        let delivery = workers.spawn(Delivery::new(Arc::clone(&self.edge)).run(stop.child_token()));
        let edge = workers.spawn(Arc::clone(&self.edge).serve(edge_listener, stop.child_token()));
        admins.block_on(stopped())?;
        tracing::info!(drain = ?self.config.call.drain, "stopping");
        self.edge.drain();
        stop.cancel();
        admins.block_on(async {
            let _ = tokio::join!(edge, delivery, admin);
        });
        tracing::info!("stopped");
        Ok(())
    }
}

fn load_config(file: Option<&Path>) -> anyhow::Result<Config> {
    Ok(Config::load(file)?)
}

/// Literals of the notification platform that its documents do not give.
fn warn_unconfirmed(config: &Config) {
    if !config.notification.error_level_confirmed {
        tracing::warn!(
            "the numbers of notification.error-level are unconfirmed: check them with the platform, then set notification.error-level-confirmed"
        );
    }
    let words = &config.notification.payment_status;
    if words.paid.is_none() || words.declined.is_none() || words.pending.is_none() {
        tracing::warn!("notification.payment-status is not configured: payments cannot be answered with success");
    }
}

fn bind(runtime: &Runtime, address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    runtime.block_on(TcpListener::bind(address)).map_err(|error| {
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

async fn stopped() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
