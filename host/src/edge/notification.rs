//! Notifications: those that a user waits for are answered with an envelope, the others are made durable and accepted.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Serialize;
use wharf_protocol::notification::{EventKind, Notification, Reply};

use super::origin::Arrival;
use super::problem::Problem;
use super::{Edge, Outcome, Ticket, body, reply, source};
use crate::call;
use crate::config::{self, OnFailure};
use crate::guest::Abandoned;
use crate::store::{self, Digest, StoreError};
use crate::table::{Channel, Work};

/// Answers one notification of an authenticated caller.
pub(super) async fn answer(
    edge: Arc<Edge>,
    channel: Arc<Channel>,
    head: Parts,
    incoming: Incoming,
    arrival: Arrival,
) -> Response<Full<Bytes>> {
    match take(Arc::clone(&edge), channel, head, incoming, arrival).await {
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
    arrival: Arrival,
) -> Result<Response<Full<Bytes>>, Problem> {
    let body = body::read(incoming, edge.config.edge.notification_body, &edge.config.edge, arrival.began, None).await?;
    let json = source::json(&head, body).await?;
    let text = body::text(&json, &edge.config.edge)?;
    let notification = parse(text)?;
    let event_type = notification.event_type.as_str().to_owned();
    let Some(kind) = EventKind::of(&event_type) else { return Err(Problem::unknown_event(&event_type)) };
    if !kind.is_synchronous() {
        return accept(&edge, &channel, kind, &notification, &json, arrival).await;
    }
    let ticket = Ticket::new(channel, Work::notification(kind), event_type, arrival);
    if let Err(fault) = ticket.count() {
        let problem = Problem::of_fault(&fault, false);
        return Ok(failed(&edge.config.notification, &ticket.manner(kind), &problem));
    }
    let (manner, pace) = (ticket.manner(kind), Arc::clone(&ticket.pace));
    let (node, runtime) = (Arc::clone(&edge), Arc::clone(&edge.runtime));
    let work = async move {
        let notification = parse(std::str::from_utf8(&json).unwrap_or_default())?;
        Ok(exchange(&node, ticket, kind, &notification, &json).await)
    };
    runtime.carry(work, pace, Abandoned::Finished).await.unwrap_or_else(|panicked| {
        let problem = Problem::panicked(&panicked, &manner.call);
        Ok(failed(&edge.config.notification, &manner, &problem))
    })
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
    arrival: Arrival,
) -> Result<Response<Full<Bytes>>, Problem> {
    let mut ticket =
        Ticket::new(Arc::clone(channel), Work::notification(kind), notification.event_type.as_str(), arrival);
    ticket.count().map_err(|fault| Problem::of_fault(&fault, false))?;
    if edge.is_disk_low() {
        return Err(Problem::not_stored("the disk is nearly full (queue.least-free-disk)".to_owned()));
    }
    let event = store::Event {
        channel: channel.name.to_string(),
        event_type: notification.event_type.to_string(),
        entity_type_id: notification.entity_type_id,
        entity_id: notification.entity_id,
        body: String::from_utf8_lossy(json).into_owned(),
        dedupe: Digest::of(json),
        at: edge.store.now(),
    };
    let queued = edge.store.enqueue(event, edge.config.queue.dedupe).await.map_err(|error| {
        // What is wrong with the disk the store tells, once for all whom it concerns.
        if !matches!(error, StoreError::Io(_) | StoreError::Full(_) | StoreError::Locked(_)) {
            tracing::error!(channel = %channel.name, %error, "a notification could not be stored");
        }
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
    let answered = call::notification::answer(&edge.runner(&ticket), ticket.ids(), settings, notification, json).await;
    let (response, outcome) = match answered {
        Ok(answer) => (reply::of_call(reply::with(200, reply::JSON, answer), &ticket.id), Outcome::WELL),
        Err(stopped) => {
            let problem = Problem::of_failed(stopped, ticket.is_read());
            (failed(settings, &ticket.manner(kind), &problem), problem.into_outcome(200))
        }
    };
    edge.record(ticket, outcome);
    response
}

/// What the answer to a failed call depends on, beside the failure.
struct Manner {
    call: String,
    kind: EventKind,
    is_read: bool,
}

impl Ticket {
    fn manner(&self, kind: EventKind) -> Manner {
        Manner { call: self.id.clone(), kind, is_read: self.is_read() }
    }
}

/// The answer when a guest did not give one: no status, no prices, and the channel's policy for a document.
fn failed(settings: &config::Notification, manner: &Manner, problem: &Problem) -> Response<Full<Bytes>> {
    let force = matches!(settings.on_failure, OnFailure::Force) && problem.outcome != "refused";
    let force = (manner.kind == EventKind::DocumentValidation).then_some(force);
    let verdict = problem.notification_verdict(manner.kind, manner.is_read, &manner.call);
    let envelope = call::notification::envelope(settings, verdict, force, None::<()>);
    problem.dress(reply::json(200, &envelope), Some(&manner.call))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use wharf_protocol::call::Refusal;

    use super::*;
    use crate::config::Config;
    use crate::guest::Fault;

    fn envelope(on_failure: OnFailure, kind: EventKind, fault: &Fault, sent: bool) -> (u16, Value) {
        let settings = config::Notification { on_failure, ..Config::default().notification };
        let manner = Manner { call: "01CALL".to_owned(), kind, is_read: false };
        let (head, body) = failed(&settings, &manner, &Problem::of_fault(fault, sent)).into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(body.collect()).unwrap().to_bytes();
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn a_failed_notification_has_no_data_and_the_channels_policy_for_a_document_alone() {
        use EventKind::{Contact, DocumentPricing, DocumentValidation, PaymentValidation};
        let refusal = Fault::Refused(Refusal { code: "NO".into(), message: "no".into() });
        let faults = [
            (Fault::Trap("x".into()), 4),
            (Fault::Deadline { limit: Duration::from_secs(8) }, 4),
            (Fault::NotImplemented("documents.validate"), 4),
            (Fault::Busy("call.queue"), 4),
            (Fault::Rate(1), 4),
            (Fault::NoRelease, 4),
            (Fault::Draining, 4),
            (Fault::Host("x".into()), 4),
            (refusal, 3),
        ];
        for (fault, level) in &faults {
            for kind in [DocumentValidation, DocumentPricing, PaymentValidation, Contact] {
                for (policy, forced) in [(OnFailure::Block, false), (OnFailure::Force, *level == 4)] {
                    for sent in [false, true] {
                        let (status, told) = envelope(policy, kind, fault, sent);
                        assert_eq!(
                            (status, &told["success"], &told["errorLevel"]),
                            (200, &json!(false), &json!(level))
                        );
                        assert!(told.get("data").is_none(), "no status and no prices: {told}");
                        let expected = (kind == DocumentValidation).then_some(json!(forced));
                        assert_eq!(told.get("forceValidation").cloned(), expected, "{kind:?} {fault:?}");
                    }
                }
            }
        }
    }
}
