//! Notifications: those that a user waits for are answered with an envelope, the others are made durable and accepted.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use serde::Serialize;
use tokio::time::timeout_at;
use wharf_protocol::notification::{EventKind, Notification, Reply};

use super::answers::{Found, Given, Running, Turn};
use super::origin::Arrival;
use super::problem::{Bearing, Problem};
use super::signature::Claim;
use super::ticket::Held;
use super::{Edge, Outcome, Ticket, auth, body, deltas, reply, source};
use crate::call;
use crate::config::{self, OnFailure};
use crate::guest::Fault;
use crate::store::{self, Digest, StoreError, Timestamp};
use crate::table::{Channel, Work};

/// A caller that may speak to a channel.
pub(super) struct Admitted {
    channel: Arc<Channel>,
    posted: Posted,
}

/// What came with the request.
enum Posted {
    /// A body that nobody has read yet.
    Unread(Incoming),
    /// A body that is signed, under the id that its sender gave it.
    Signed { body: Bytes, id: String },
}

/// Finds out whether the caller may speak to the channel. What that takes depends on the request alone, never on the channel: a
/// signature is over the body, which is therefore read first, if the head is as a signed request's.
///
/// # Errors
/// It may not; or the body that a signature would be over does not arrive.
pub(super) async fn admit(
    edge: &Edge,
    channel: Option<&Arc<Channel>>,
    head: &Parts,
    incoming: Incoming,
    began: Instant,
) -> Result<Admitted, Problem> {
    if let Some(channel) = auth::notification(channel, &head.headers) {
        return Ok(Admitted { channel, posted: Posted::Unread(incoming) });
    }
    let tolerance = edge.config.notification.signature_tolerance;
    let Some(claim) = Claim::of(&head.headers, tolerance, Timestamp::now()) else {
        body::discard(incoming, &edge.config.edge, began);
        return Err(Problem::unauthorized());
    };
    // Anybody can send such a body, so it has its room among those of the SDK.
    let mut room = edge.bodies.room();
    let limit = edge.config.edge.notification_body;
    let body = body::read(incoming, limit, &edge.config.edge, began, Some(&mut room)).await?;
    let channel = claim.admit(channel, &body, Timestamp::now()).ok_or_else(Problem::unauthorized)?;
    Ok(Admitted { channel, posted: Posted::Signed { body, id: claim.id } })
}

/// Answers one notification of an authenticated caller.
pub(super) async fn answer(
    edge: Arc<Edge>,
    admitted: Admitted,
    head: Parts,
    arrival: Arrival,
) -> Response<Full<Bytes>> {
    let settings = Arc::clone(&admitted.channel.notification);
    match take(edge, admitted, head, arrival).await {
        Ok(response) => response,
        Err(problem) => not_taken(&settings, &problem),
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
    admitted: Admitted,
    head: Parts,
    arrival: Arrival,
) -> Result<Response<Full<Bytes>>, Problem> {
    let Admitted { channel, posted } = admitted;
    let (body, id) = match posted {
        Posted::Signed { .. } if source::is_in_query(&head) => return Err(Problem::malformed(UNSIGNED_QUERY)),
        Posted::Signed { body, id } => (body, Some(id)),
        Posted::Unread(incoming) => {
            let limit = edge.config.edge.notification_body;
            (body::read(incoming, limit, &edge.config.edge, arrival.began, None).await?, None)
        }
    };
    let json = source::json(&head, body).await?;
    let text = body::text(&json, &edge.config.edge)?;
    let notification = parse(text)?;
    let event_type = notification.event_type.as_str().to_owned();
    let Some(kind) = EventKind::of(&event_type) else { return Err(Problem::unknown_event(&event_type)) };
    if !kind.is_synchronous() {
        return accept(&edge, &channel, kind, &notification, &json, id.as_deref(), arrival).await;
    }
    let ticket = Ticket::new(Arc::clone(&channel), Work::notification(kind), event_type, arrival);
    if let Err(fault) = ticket.count() {
        let problem = Problem::of_fault(&fault, false);
        return Ok(failed(&channel.notification, &ticket.manner(kind), &problem));
    }
    let id = id.as_deref().filter(|_| !ticket.is_read());
    let keys = edge.answers.keys(&channel, call::same::same(&notification, text), id);
    let turn = match edge.answers.find(&channel, keys) {
        Found::Given(given) => {
            edge.record(ticket, again(&given));
            return Ok(given.response.clone());
        }
        Found::Running(running) => return Ok(join(edge, ticket, kind, running).await),
        Found::Yours(turn) => Some(turn),
        Found::Alone => None,
    };
    let (manner, pace, abandoned) = (ticket.manner(kind), Arc::clone(&ticket.pace), ticket.when_abandoned());
    let (node, runtime) = (Arc::clone(&edge), Arc::clone(&edge.runtime));
    let work = async move {
        let notification = parse(std::str::from_utf8(&json).unwrap_or_default())?;
        Ok(exchange(node, ticket, kind, &notification, &json, turn).await)
    };
    runtime.carry(work, pace, abandoned).await.unwrap_or_else(|panicked| {
        let problem = Problem::panicked(&panicked, &manner.call);
        Ok(failed(&channel.notification, &manner, &problem))
    })
}

/// A signature is over the body alone.
const UNSIGNED_QUERY: &str = "a signed notification stands in the body; what is in the query is not signed";

/// How a call ended that got the answer of another.
fn again(given: &Given) -> Outcome {
    let detail = format!("it is the same as call {}, and got its answer", given.call);
    Outcome { name: "repeated", bearing: Bearing::Nothing, detail: Some(detail.into()), ..Outcome::WELL }
}

/// Waits for the answer of the same notification, which is under way, for as long as a call of its own would have.
async fn join(edge: Arc<Edge>, ticket: Ticket, kind: EventKind, mut running: Running) -> Response<Full<Bytes>> {
    let (until, limit) = ticket.patience(edge.config.call.notification_deadline);
    let (manner, settings) = (ticket.manner(kind), Arc::clone(ticket.notification()));
    // Recorded also when its caller goes away, which ends nobody else's call.
    let held = Held::new(Arc::clone(&edge), ticket);
    let problem = match timeout_at(until.into(), running.wait_for(Option::is_some)).await {
        Ok(Ok(given)) => {
            let given = Option::clone(&given);
            if let Some(given) = given {
                held.end(again(&given));
                return given.response.clone();
            }
            Problem::unanswered()
        }
        Ok(Err(_)) => Problem::unanswered(),
        Err(_) => Problem::of_fault(&Fault::Deadline { limit }, false),
    };
    let response = failed(&settings, &manner, &problem);
    held.end(problem.into_outcome(200));
    response
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
    id: Option<&str>,
    arrival: Arrival,
) -> Result<Response<Full<Bytes>>, Problem> {
    let mut ticket =
        Ticket::new(Arc::clone(channel), Work::notification(kind), notification.event_type.as_str(), arrival);
    ticket.count().map_err(|fault| Problem::of_fault(&fault, false))?;
    if edge.is_disk_low() {
        return Err(Problem::not_stored("the disk is nearly full (queue.least-free-disk)".to_owned()));
    }
    let at = edge.store.now();
    let same = channel
        .deltas
        .pause
        .map(|_| store::Same { digest: deltas::same(notification), since: at.before(edge.config.queue.delta_dedupe) });
    let event = store::Event {
        channel: channel.name.to_string(),
        event_type: notification.event_type.to_string(),
        entity_type_id: notification.entity_type_id,
        entity_id: notification.entity_id,
        body: String::from_utf8_lossy(json).into_owned(),
        // What is signed bears its sender's own word for a repetition. JSON has no text that begins like this.
        dedupe: id.map_or_else(|| Digest::of(json), |id| Digest::of(format!("webhook-id {id}").as_bytes())),
        same,
        at,
    };
    let queued = edge.store.enqueue(event, edge.config.queue.dedupe).await.map_err(|error| {
        match error {
            StoreError::QueueFull { .. } => ticket.turn_away(),
            // What is wrong with the disk the store tells, once for all whom it concerns.
            StoreError::Io(_) | StoreError::Full(_) | StoreError::Locked(_) => {}
            _ => tracing::error!(channel = %channel.name, %error, "a notification could not be stored"),
        }
        Problem::not_stored(error.to_string())
    })?;
    queued.id.clone_into(&mut ticket.id);
    if kind == EventKind::DocumentCancellation {
        edge.answers.forget(channel, &call::same::document(notification.entity()));
    }
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

/// Runs a synchronous notification. Once authenticated it is always HTTP 200: the envelope is the platform's error channel. Those
/// who wait for the same one's `turn` get the same answer, whatever it is.
async fn exchange(
    edge: Arc<Edge>,
    ticket: Ticket,
    kind: EventKind,
    notification: &Notification<'_>,
    json: &Bytes,
    turn: Option<Turn>,
) -> Response<Full<Bytes>> {
    let held = Held::new(Arc::clone(&edge), ticket);
    let ticket = &held.ticket;
    let settings = Arc::clone(ticket.notification());
    let answered = call::notification::answer(&edge.runner(ticket), ticket.ids(), &settings, notification, json).await;
    let (response, outcome, keep) = match answered {
        Ok(answer) => (reply::of_call(reply::with(200, reply::JSON, answer), &ticket.id), Outcome::WELL, true),
        Err(stopped) => {
            let problem = Problem::of_failed(stopped, ticket.is_read());
            let response = failed(&settings, &ticket.manner(kind), &problem);
            let keep = is_kept(kind, &problem);
            (response, problem.into_outcome(200), keep)
        }
    };
    if let Some(turn) = turn {
        let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
        turn.give(Given { response: response.clone(), call: ticket.id.clone(), size }, keep);
    }
    held.end(outcome);
    response
}

/// Whether the same notification gets this failure again without being run. What a guest decided stands; what the host failed at
/// is tried anew. Of a payment that may have been made the next try would be another payment: it gets the same warning for as
/// long as an answer is kept, so that a second press of the button is none. After that somebody has read it. A document is known
/// by its id, so that to save it again does no harm.
fn is_kept(kind: EventKind, problem: &Problem) -> bool {
    problem.is_decided() || kind == EventKind::PaymentValidation && problem.is_ambiguous()
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

/// The answer when a guest did not give one: no status, no prices, and the channel's policy for a document that a guest failed at. A
/// guest's refusal stands, and a request that is none is its caller's to put right.
fn failed(settings: &config::Notification, manner: &Manner, problem: &Problem) -> Response<Full<Bytes>> {
    let force = matches!(settings.on_failure, OnFailure::Force) && !matches!(problem.outcome, "refused" | "malformed");
    let force = (manner.kind == EventKind::DocumentValidation).then_some(force);
    let verdict = problem.notification_verdict(manner.kind, manner.is_read, &manner.call, settings.language);
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

    fn envelope(on_failure: OnFailure, kind: EventKind, fault: &Fault, sent: bool) -> (u16, Value) {
        let settings = config::Notification { on_failure, ..Config::default().notification };
        let manner = Manner { call: "01CALL".to_owned(), kind, is_read: false };
        let (head, body) = failed(&settings, &manner, &Problem::of_fault(fault, sent)).into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(body.collect()).unwrap().to_bytes();
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn a_document_that_no_guest_could_read_is_not_forced_by_any_policy() {
        let settings = config::Notification { on_failure: OnFailure::Force, ..Config::default().notification };
        let manner = Manner { call: "01CALL".to_owned(), kind: EventKind::DocumentValidation, is_read: false };
        let body = failed(&settings, &manner, &Problem::malformed("the notification has no data")).into_body();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let told: Value = serde_json::from_slice(&runtime.block_on(body.collect()).unwrap().to_bytes()).unwrap();
        assert_eq!((&told["success"], &told["forceValidation"]), (&json!(false), &json!(false)), "{told}");
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
