//! The data plane: HTTP in, answer out. It reads the table and never changes it.
//!
//! [`Edge::answer`] tells a request's whole story; each chapter is a file: [`route`], [`body`], [`auth`], [`sdk`],
//! [`notification`], [`page`], and [`ticket`], which finds the release for a call and records its end. [`problem`] is the one place that turns a failure into what a caller is told.

mod auth;
mod body;
mod delivery;
#[cfg(test)]
mod fuzz;
mod notification;
mod page;
mod problem;
mod reply;
mod route;
mod sdk;
mod source;
mod ticket;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::guest::Runtime;
use crate::listen;
use crate::store::Store;
use crate::table::Tables;

pub use delivery::Delivery;

use problem::Problem;
use route::Door;
use ticket::{Outcome, Ticket};

/// The edge of one node.
pub struct Edge {
    config: Arc<Config>,
    tables: Arc<Tables>,
    runtime: Arc<Runtime>,
    store: Store,
    forms: page::Forms,
    draining: AtomicBool,
}

impl Edge {
    /// An edge over the node's table.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(config: Arc<Config>, tables: Arc<Tables>, runtime: Arc<Runtime>, store: Store) -> std::io::Result<Self> {
        let forms = page::Forms::new()?;
        Ok(Self { config, tables, runtime, store, forms, draining: AtomicBool::new(false) })
    }

    /// Serves until `stop`, then answers what is under way.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let edge = &self.config.edge;
        let limits = listen::Limits {
            header_time: edge.header_time,
            header_size: edge.header_size.len(),
            headers: edge.headers,
            connections: edge.connections,
            drain: self.config.call.drain,
        };
        let handler = Arc::clone(&self);
        let handle = move |request| Arc::clone(&handler).answer(request);
        listen::serve(listener, limits, handle, stop).await;
    }

    /// Says no to readiness checks from now on, so that callers go elsewhere before the listener closes.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// One request from its head to its answer.
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let began = Instant::now();
        let (head, incoming) = request.into_parts();
        // Not the table, which would keep what is replaced on all other channels until this request ends.
        let (channel, door) = match route::route(&self.tables.load(), &head) {
            Ok(place) => (place.channel.cloned(), place.door),
            Err(problem) => {
                body::discard(incoming, &self.config.edge, began);
                return problem.into_plain();
            }
        };
        match door {
            Door::Health => reply::text(200, "ok\n"),
            Door::Ready if self.draining.load(Ordering::Relaxed) => reply::text(503, "draining\n"),
            Door::Ready => reply::text(200, "ready\n"),
            Door::Sdk(interaction) => {
                let body = match body::read(incoming, self.config.edge.sdk_body, &self.config.edge, began).await {
                    Ok(body) => body,
                    Err(problem) => return problem.into_sdk(interaction, None),
                };
                sdk::answer(self, channel, interaction, body, began).await
            }
            Door::Notifications => {
                let Some(channel) = auth::notification(channel.as_ref(), &head.headers) else {
                    body::discard(incoming, &self.config.edge, began);
                    return Problem::unauthorized().into_plain();
                };
                notification::answer(self, channel, head, incoming, began).await
            }
            Door::Payment(token) => {
                let Some(channel) = auth::payment(channel.as_ref(), &token) else {
                    body::discard(incoming, &self.config.edge, began);
                    return page::unauthorized();
                };
                let form = if head.method == Method::POST { Some(incoming) } else { None };
                page::answer(self, channel, head, form, began).await
            }
        }
    }
}
