//! Notifications: those that a user waits for are answered with an envelope, the others are made durable and accepted.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Serialize;
use wharf_protocol::notification::{ErrorLevel, EventKind, Notification, Reply};

use super::problem::Problem;
use super::{Edge, Outcome, Ticket, body, finish, reply, source};
use crate::call;
use crate::config::{self, OnFailure};
use crate::store::{self, Digest, Timestamp};
use crate::table::{Channel, Work};

/// Answers one notification of an authenticated caller.
pub(super) async fn answer(
    edge: Arc<Edge>,
    channel: Arc<Channel>,
    head: Parts,
    incoming: Incoming,
    began: Instant,
) -> Response<Full<Bytes>> {
    match take(Arc::clone(&edge), channel, head, incoming, began).await {
        Ok(response) => response,
        Err(problem) => not_taken(&edge.config.notification, &problem),
    }
}

/// The answer to a notification that is not taken: its platform looks at the envelope, everybody else at the status and the events.
fn not_taken(settings: &config::Notification, problem: &Problem) -> Response<Full<Bytes>> {
    #[derive(Serialize)]
    struct NotTaken {
        #[serde(flatten)]
        reply: Reply<()>,
        events: [wharf_protocol::sdk::reports::Event; 1],
    }
    let body = NotTaken {
        reply: call::notification::envelope(settings, problem.refusal(), None, None),
        events: [problem.event()],
    };
    problem.dress(reply::json(problem.status(), &body), None)
}

async fn take(
    edge: Arc<Edge>,
    channel: Arc<Channel>,
    head: Parts,
    incoming: Incoming,
    began: Instant,
) -> Result<Response<Full<Bytes>>, Problem> {
    let body = body::read(incoming, edge.config.edge.notification_body, &edge.config.edge, began).await?;
    let json = source::json(&head, body).await?;
    let text = body::text(&json, &edge.config.edge)?;
    let notification = parse(text)?;
    let event_type = notification.event_type.as_str().to_owned();
    let Some(kind) = EventKind::of(&event_type) else { return Err(Problem::unknown_event(&event_type)) };
    if !kind.is_synchronous() {
        return accept(&edge, &channel, kind, &notification, &json, began).await;
    }
    let ticket = Ticket::new(channel, Work::notification(kind), event_type, began);
    let work = Box::pin(async move {
        let notification = parse(std::str::from_utf8(&json).unwrap_or_default())?;
        Ok(exchange(&edge, ticket, kind, &notification, &json).await)
    });
    finish(work).await.unwrap_or_else(|panic| Err(Problem::host(panic.to_string())))
}

fn parse(text: &str) -> Result<Notification<'_>, Problem> {
    call::notification::parse(text).map_err(Problem::malformed)
}

/// Makes an asynchronous notification durable, then says so.
async fn accept(
    edge: &Edge,
    channel: &Arc<Channel>,
    kind: EventKind,
    notification: &Notification<'_>,
    json: &Bytes,
    began: Instant,
) -> Result<Response<Full<Bytes>>, Problem> {
    let mut ticket =
        Ticket::new(Arc::clone(channel), Work::notification(kind), notification.event_type.as_str(), began);
    let event = store::Event {
        channel: channel.name.to_string(),
        event_type: notification.event_type.to_string(),
        entity_type_id: notification.entity_type_id,
        entity_id: notification.entity_id,
        body: String::from_utf8_lossy(json).into_owned(),
        dedupe: Digest::of(json),
        at: Timestamp::now(),
    };
    let queued = edge.store.enqueue(event, edge.config.queue.dedupe).await.map_err(|error| {
        tracing::error!(channel = %channel.name, %error, "a notification could not be stored");
        Problem::not_stored(error.to_string())
    })?;
    queued.id.clone_into(&mut ticket.id);
    let accepted = Accepted { success: true, message: "", id: &queued.id, duplicate: queued.duplicate };
    Ok(reply::of_call(reply::json(202, &accepted), &ticket.id))
}

#[derive(Serialize)]
struct Accepted<'a> {
    success: bool,
    message: &'a str,
    id: &'a str,
    duplicate: bool,
}

/// Runs a synchronous notification. Once authenticated it is always HTTP 200: the envelope is the platform's error channel.
async fn exchange(
    edge: &Edge,
    ticket: Ticket,
    kind: EventKind,
    notification: &Notification<'_>,
    json: &Bytes,
) -> Response<Full<Bytes>> {
    let settings = &edge.config.notification;
    let time = edge.config.call.notification_deadline;
    let answered =
        call::notification::answer(&edge.runner(&ticket), ticket.ids(), settings, notification, json, time).await;
    let (response, outcome) = match answered {
        Ok(answer) => (reply::with(200, reply::JSON, answer), Outcome::WELL),
        Err(stopped) => {
            let problem = Problem::of_failed(stopped);
            (failed(settings, kind, &problem, &ticket.id), problem.into_outcome(200))
        }
    };
    let response = reply::of_call(response, &ticket.id);
    edge.record(ticket, outcome);
    response
}

/// The answer when a guest did not give one: no status, no prices, and the channel's policy for a document.
fn failed(settings: &config::Notification, kind: EventKind, problem: &Problem, call_id: &str) -> Response<Full<Bytes>> {
    let force = matches!(settings.on_failure, OnFailure::Force) && problem.outcome != "refused";
    let force = (kind == EventKind::DocumentValidation).then_some(force);
    let mut verdict = problem.verdict(call_id);
    if problem.outcome == "malformed" {
        verdict.level = ErrorLevel::Error;
    }
    let envelope = call::notification::envelope(settings, verdict, force, None::<()>);
    problem.dress(reply::json(200, &envelope), Some(call_id))
}
