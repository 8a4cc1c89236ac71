//! The data plane: HTTP in, answer out. It reads the table and never changes it.
//!
//! [`Edge::answer`] tells a request's whole story; each chapter is a file: [`route`], [`body`], [`auth`], [`sdk`],
//! [`notification`], [`page`], and [`ticket`], which finds the release for a call and records its end. [`problem`] is the one place that turns a failure into what a caller is told.

mod answers;
mod auth;
mod body;
mod delivery;
mod deltas;
#[cfg(test)]
mod fuzz;
mod notification;
mod origin;
mod page;
mod problem;
mod reply;
mod route;
mod sdk;
mod signature;
mod source;
mod ticket;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::guest::Runtime;
use crate::listen::{self, Certificates, Stop};
use crate::store::Store;
use crate::table::Tables;

pub use delivery::Delivery;
pub use deltas::Deltas;

use origin::{Arrival, Origin};
use route::Door;
use ticket::{Outcome, Ticket};

/// The edge of one node.
pub struct Edge {
    config: Arc<Config>,
    tables: Arc<Tables>,
    runtime: Arc<Runtime>,
    store: Store,
    forms: page::Forms,
    bodies: body::Bodies,
    answers: answers::Answers,
    stop: Stop,
}

impl Edge {
    /// An edge over the node's table.
    pub fn new(config: Arc<Config>, tables: Arc<Tables>, runtime: Arc<Runtime>, store: Store) -> Self {
        let forms = page::Forms::new(&store, config.edge.form_life);
        let bodies = body::Bodies::new(config.edge.bodies);
        let answers = answers::Answers::new(&config.notification);
        Self { config, tables, runtime, store, forms, bodies, answers, stop: Stop::default() }
    }

    /// Whether the disk is too full to promise anything (`queue.least-free-disk`), as of the last look.
    fn is_disk_low(&self) -> bool {
        self.store.free_disk() < self.config.queue.least_free_disk.bytes()
    }

    /// Serves until [`Edge::stop`] closes it, then answers what is under way. With `certificates`, over TLS.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, certificates: Option<Arc<Certificates>>) {
        let edge = &self.config.edge;
        let limits = listen::Limits {
            header_time: edge.header_time,
            header_size: edge.header_size.len(),
            headers: edge.headers,
            idle_time: edge.idle_time,
            write_time: edge.write_time,
            handshake_time: self.config.tls.handshake_time,
            connections: edge.connections,
            connections_per_address: edge.connections_per_address,
            drain: self.config.call.drain,
        };
        let handler = Arc::clone(&self);
        let handle = move |request| Arc::clone(&handler).answer(request);
        listen::serve(listener, limits, certificates, handle, self.stop.clone()).await;
    }

    /// Ends the edge: once announced, readiness checks get a no, so that callers go elsewhere before the listener closes.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// One request from its head to its answer, which bears the id that the request goes by.
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let began = Instant::now();
        let (head, incoming) = request.into_parts();
        let origin = match Origin::of(&head.headers, self.config.edge.hops) {
            Ok(origin) => origin,
            Err(problem) => {
                body::discard(incoming, &self.config.edge, began);
                return problem.into_plain();
            }
        };
        let id = origin.request.clone();
        let response = self.dispatch(head, incoming, Arrival { began, origin }).await;
        reply::of_request(response, id)
    }

    /// From the door that a request is for to its answer.
    async fn dispatch(self: Arc<Self>, head: Parts, incoming: Incoming, arrival: Arrival) -> Response<Full<Bytes>> {
        let began = arrival.began;
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
            Door::Ready if self.stop.is_announced() => reply::text(503, "draining\n"),
            Door::Ready => reply::text(200, "ready\n"),
            Door::Sdk(interaction) => {
                let mut room = self.bodies.room();
                let limit = self.config.edge.sdk_body;
                let body = match body::read(incoming, limit, &self.config.edge, began, Some(&mut room)).await {
                    Ok(body) => body,
                    Err(problem) => return problem.into_sdk(interaction, None),
                };
                sdk::answer(self, channel, interaction, body, arrival).await
            }
            Door::Notifications => {
                let admitted = notification::admit(&self, channel.as_ref(), &head, incoming, began).await;
                match admitted {
                    Ok(admitted) => notification::answer(self, admitted, head, arrival).await,
                    Err(problem) => {
                        if problem.status() == 401 {
                            auth::tell(channel.as_ref(), "notifications", arrival.origin.request_id());
                        }
                        problem.into_plain()
                    }
                }
            }
            Door::Payment(token) => {
                let Some(channel) = auth::payment(channel.as_ref(), &token) else {
                    auth::tell(channel.as_ref(), "payment page", arrival.origin.request_id());
                    body::discard(incoming, &self.config.edge, began);
                    return page::unauthorized(head.uri.query());
                };
                let form = if head.method == Method::POST { Some(incoming) } else { None };
                page::answer(self, channel, head, form, arrival).await
            }
        }
    }
}
