//! The control plane: what administrators do, and the only writer of the table.
//!
//! [`Control::deploy`] and [`Control::change`] do everything that can fail before the store calls a release active;
//! [`Control::publish`] then turns the desired state into the next table, the old release drains, and `watch` takes a new
//! one back that fails. [`serve`] answers the admin API.

mod activate;
mod api;
mod deploy;
mod diff;
mod drain;
mod error;
#[cfg(test)]
mod fuzz;
mod limits;
mod moment;
mod names;
mod notification;
mod preflight;
mod publish;
mod spec;
#[cfg(test)]
mod tests;
mod tokens;
mod watch;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::guest::{Plugins, Runtime};
use crate::listen::{self, Certificates, Stop};
use crate::store::{Digest, Store};
use crate::table::Tables;

pub use activate::Wish;
pub use deploy::{Candidate, Deployed, Timings};
pub use diff::{Change, Diff, Side, What, diff};
pub use error::ControlError;
pub use limits::{Effective, Origin};
pub use moment::Moment;
pub use preflight::{CaseOutcome, DeclaredCase, FailedCase, Preflight, SpecCase, SpecPreflight};
pub use spec::{Spec, SpecGrants};
pub use tokens::{ADMIN_TOKEN, TokenFileError};

/// The control plane of one node.
pub struct Control {
    store: Store,
    plugins: Arc<Plugins>,
    tables: Arc<Tables>,
    config: Arc<Config>,
    runtime: Arc<Runtime>,
    started: Instant,
    admin: OnceLock<Digest>,
    publishing: tokio::sync::Mutex<publish::Publishing>,
    drains: drain::Drains,
    /// Components that are tried out at the same time: they share the thread that answers administrators.
    trials: tokio::sync::Semaphore,
    watches: watch::Watches,
    metrics: std::sync::Mutex<Registry>,
    /// The certificates of this node's listeners, to tell how they are.
    certificates: OnceLock<Vec<Arc<Certificates>>>,
}

impl Control {
    /// The engine of this node.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Says which certificates the node's listeners have.
    pub fn tell_certificates(&self, certificates: Vec<Arc<Certificates>>) {
        let _ = self.certificates.set(certificates);
    }

    /// A control plane that writes to `tables`. Nothing is published yet: call [`Control::publish`] before the edge opens.
    pub fn new(
        store: Store,
        runtime: Arc<Runtime>,
        plugins: Arc<Plugins>,
        tables: Arc<Tables>,
        config: Arc<Config>,
    ) -> Arc<Self> {
        let watches = watch::Watches::new(config.release.clone());
        Arc::new(Self {
            store,
            plugins,
            tables,
            config,
            runtime,
            started: Instant::now(),
            certificates: OnceLock::new(),
            admin: OnceLock::new(),
            publishing: tokio::sync::Mutex::default(),
            drains: drain::Drains::default(),
            trials: tokio::sync::Semaphore::new(TRIALS),
            watches,
            metrics: std::sync::Mutex::default(),
        })
    }

    /// Lets another part of the node add its metrics to what `/metrics` tells.
    pub fn register_metrics(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.metrics.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// Publishes every change of the desired state, whoever made it, and clears away components that nobody uses.
    /// Runs until `stop`; [`serve`] starts it.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut revision = self.store.watch();
        let mut retry = tokio::time::interval(publish::RETRY);
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = revision.changed() => if changed.is_err() { return },
                () = self.watches.rung() => {
                    self.take_back_what_fails().await;
                    continue;
                }
                _ = retry.tick() => {}
                _ = sweep.tick() => self.sweep().await,
            }
            if let Err(error) = self.publish().await {
                tracing::error!(%error, "cannot publish the channels; the running table stays");
            }
        }
    }

    async fn sweep(&self) {
        match self.store.sweep_components(SWEEP).await {
            Ok(gone) if gone.is_empty() => {}
            Ok(gone) => tracing::info!(components = gone.len(), "removed components that no release uses"),
            Err(error) => tracing::warn!(%error, "cannot remove unused components"),
        }
    }
}

/// Each may wait for its deadlines; more of them would take places from live calls.
const TRIALS: usize = 2;

/// How often unused components are looked for, and how old they must be: longer than any deploy takes.
const SWEEP: Duration = Duration::from_hours(1);

/// Limits of the admin listener. Its callers are few and known, but an open socket costs them nothing either.
fn limits(config: &Config) -> listen::Limits {
    listen::Limits {
        header_time: Duration::from_secs(10),
        header_size: 16 * 1024,
        headers: 100,
        idle_time: Duration::from_mins(1),
        // A follower of logs may look away for longer than a platform.
        write_time: Duration::from_secs(30),
        handshake_time: config.tls.handshake_time,
        connections: config.admin.connections,
        // Administrators sit behind few addresses, often a single one.
        connections_per_address: config.admin.connections,
        drain: Duration::from_secs(5),
    }
}

/// Answers the admin API on `listener` until `stop`, with `certificates` over TLS, and keeps the table up to date meanwhile.
pub async fn serve(control: Arc<Control>, listener: TcpListener, certificates: Option<Arc<Certificates>>, stop: Stop) {
    let following = tokio::spawn(Arc::clone(&control).follow(stop.closed()));
    let limits = limits(&control.config);
    let handle = move |request| api::answer(Arc::clone(&control), request);
    listen::serve(listener, limits, certificates, handle, stop).await;
    if let Err(error) = following.await {
        tracing::error!(%error, "the publisher ended");
    }
}
