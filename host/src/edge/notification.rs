//! Notifications: those that a user waits for are answered with an envelope, the others are made durable and accepted.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Serialize;
use wharf_protocol::call::CallContext;
use wharf_protocol::lenient::Object;
use wharf_protocol::notification::documents::{
    InternalCode, PricingData, PricingRequest, ValidationData, ValidationRequest,
};
use wharf_protocol::notification::events::Event;
use wharf_protocol::notification::payments::{PaymentData, PaymentRequest, PaymentStatus};
use wharf_protocol::notification::{ErrorLevel, EventKind, Notification, Reply, Verdict};

use super::problem::Problem;
use super::{Edge, Outcome, Ticket, body, finish, reply, source};
use crate::config::{self, OnFailure};
use crate::guest::{Body, Ended, Fault, functions};
use crate::store::{self, Digest, Timestamp};
use crate::table::{Channel, Release};

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
    let body = NotTaken { reply: written(settings, problem.refusal(), None, None), events: [problem.event()] };
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
    let text = body::text(&json, edge.config.edge.json_depth)?;
    let notification = parse(text)?;
    let event_type = notification.event_type.as_str().to_owned();
    let Some(kind) = EventKind::of(&event_type) else { return Err(Problem::unknown_event(&event_type)) };
    if !kind.is_synchronous() {
        return accept(&edge, &channel, &notification, &json, began).await;
    }
    let ticket = Ticket::new(channel, event_type, began);
    let work = Box::pin(async move {
        let notification = parse(std::str::from_utf8(&json).unwrap_or_default())?;
        Ok(exchange(&edge, ticket, kind, &notification, &json).await)
    });
    finish(work).await.unwrap_or_else(|panic| Err(Problem::host(panic.to_string())))
}

pub(super) fn parse(text: &str) -> Result<Notification<'_>, Problem> {
    let read = serde_json::from_str::<Object<Notification<'_>>>(text);
    read.map(|Object(notification)| notification)
        .map_err(|error| Problem::malformed(format!("the notification cannot be read: {error}")))
}

/// Makes an asynchronous notification durable, then says so.
async fn accept(
    edge: &Edge,
    channel: &Arc<Channel>,
    notification: &Notification<'_>,
    json: &Bytes,
    began: Instant,
) -> Result<Response<Full<Bytes>>, Problem> {
    let mut ticket = Ticket::new(Arc::clone(channel), notification.event_type.as_str(), began);
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
    let answered = match ticket.release() {
        Ok(release) => run(edge, &ticket, release, kind, notification, json).await,
        Err(fault) => Err(Stopped::Fault(fault, false)),
    };
    let (response, outcome) = match answered {
        Ok(response) => (response, Outcome { status: 200, name: "ok", code: None, detail: None }),
        Err(stopped) => {
            let problem = match stopped {
                Stopped::Fault(fault, sent) => Problem::of_fault(&fault, sent),
                Stopped::Problem(problem) => problem,
            };
            let response = failed(&edge.config.notification, kind, &problem, &ticket.id);
            let outcome = Outcome {
                status: 200,
                name: problem.outcome,
                code: Some(problem.code().to_owned()),
                detail: problem.cause,
            };
            (response, outcome)
        }
    };
    let response = reply::of_call(response, &ticket.id);
    edge.record(ticket, outcome);
    response
}

enum Stopped {
    Fault(Fault, bool),
    Problem(Problem),
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

fn given<A>(ended: Ended<A>) -> Result<A, Stopped> {
    let sent = ended.sent > 0;
    ended.result.map_err(|fault| Stopped::Fault(fault, sent))
}

async fn run(
    edge: &Edge,
    ticket: &Ticket,
    release: &Release,
    kind: EventKind,
    notification: &Notification<'_>,
    json: &Bytes,
) -> Result<Response<Full<Bytes>>, Stopped> {
    let settings = &edge.config.notification;
    let time = edge.config.call.notification_deadline;
    let context = context(ticket);
    let raw = Body::Whole(json.clone());
    let data = notification.data_text();
    match kind {
        EventKind::DocumentValidation => {
            let document = data.ok_or_else(|| Problem::malformed("document.validation has no data"))?;
            let internal_code = data_of::<InternalCode<'_>>(document)?.internal_code;
            let request = ValidationRequest { entity: notification.entity(), internal_code, document };
            let answer = given(
                edge.dispatch::<functions::DocumentValidate>(ticket, release, raw, time, (context, &request)).await,
            )?;
            let data = answer.internal_code.map(|internal_code| ValidationData { internal_code });
            Ok(envelope(settings, answer.verdict, Some(answer.force_validation), data))
        }
        EventKind::DocumentPricing => {
            let data = data.ok_or_else(|| Problem::malformed("document.pricing has no data"))?;
            let request = PricingRequest { entity: notification.entity(), ..data_of(data)? };
            let mut answer = given(
                edge.dispatch::<functions::DocumentPrice>(ticket, release, raw, time, (context, &request)).await,
            )?;
            answer.hold_against(&request);
            let data = PricingData {
                store_code: answer.store_code,
                currency_code: answer.currency_code,
                validity_date: answer.validity_date,
                items: answer.items,
            };
            Ok(envelope(settings, answer.verdict, None, Some(data)))
        }
        EventKind::PaymentValidation => {
            let data = data.ok_or_else(|| Problem::malformed("payment.validation has no data"))?;
            let request = PaymentRequest { entity: notification.entity(), ..data_of(data)? };
            let answer = given(
                edge.dispatch::<functions::PaymentValidate>(ticket, release, raw, time, (context, &request)).await,
            )?;
            let (verdict, status) = payment_status(settings, answer.verdict, answer.status);
            let data = PaymentData { status, internal_code: answer.internal_code };
            Ok(envelope(settings, verdict, None, Some(data)))
        }
        EventKind::Contact => {
            let answer = given(event(edge, ticket, release, notification, raw, time, context).await)?;
            let data = answer.data.map(|data| serde_json::from_str::<serde_json::Value>(&data)).transpose();
            let data = data.map_err(|error| {
                Stopped::Fault(
                    Fault::InvalidAnswer(wharf_protocol::Breach::new("data", format!("is not JSON: {error}"))),
                    false,
                )
            })?;
            Ok(envelope(settings, answer.verdict, None, data))
        }
        EventKind::DocumentCancellation | EventKind::Workflow => {
            Err(Problem::host("an asynchronous event was dispatched as a synchronous one".to_owned()).into())
        }
    }
}

fn data_of<'a, T: serde::Deserialize<'a>>(data: &'a str) -> Result<T, Problem> {
    serde_json::from_str(data)
        .map(|Object(data)| data)
        .map_err(|error| Problem::malformed(format!("the notification's data cannot be read: {error}")))
}

pub(super) fn context(ticket: &Ticket) -> CallContext<'_> {
    CallContext {
        call_id: &ticket.id,
        channel: &ticket.channel.name,
        action: &ticket.action,
        version: 0,
        client_id: 0,
        channel_id: None,
    }
}

/// Hands a notification without an interface of its own to `events.handle`.
pub(super) async fn event(
    edge: &Edge,
    ticket: &Ticket,
    release: &Release,
    notification: &Notification<'_>,
    raw: Body,
    time: std::time::Duration,
    context: CallContext<'_>,
) -> Ended<wharf_protocol::notification::events::EventReply> {
    let event =
        Event { event_type: &notification.event_type, entity: notification.entity(), data: notification.data_text() };
    edge.dispatch::<functions::EventHandle>(ticket, release, raw, time, (context, &event)).await
}

/// The configured word for a payment's status. The platform never published its words, so a success without one is not sent.
fn payment_status(
    settings: &config::Notification,
    verdict: Verdict,
    status: Option<PaymentStatus>,
) -> (Verdict, Option<String>) {
    let words = &settings.payment_status;
    let word = status.and_then(|status| match status {
        PaymentStatus::Paid => words.paid.clone(),
        PaymentStatus::Declined => words.declined.clone(),
        PaymentStatus::Pending => words.pending.clone(),
    });
    if !verdict.success || word.is_some() {
        return (verdict, word);
    }
    let message = if status.is_some() {
        "The operator has not configured the platform's words for a payment's status (notification.payment-status)."
    } else {
        "The plugin says success without a payment status."
    };
    (Verdict::failed(ErrorLevel::Critical, "HOST_NO_PAYMENT_STATUS", message), None)
}

/// The answer when a guest did not give one: no status, no prices, and the channel's policy for a document.
fn failed(settings: &config::Notification, kind: EventKind, problem: &Problem, call_id: &str) -> Response<Full<Bytes>> {
    let force = matches!(settings.on_failure, OnFailure::Force) && problem.outcome != "refused";
    let force = (kind == EventKind::DocumentValidation).then_some(force);
    let mut verdict = problem.verdict(call_id);
    if problem.outcome == "malformed" {
        verdict.level = ErrorLevel::Error;
    }
    problem.dress(envelope(settings, verdict, force, None::<()>), Some(call_id))
}

fn envelope<D: Serialize>(
    settings: &config::Notification,
    verdict: Verdict,
    force_validation: Option<bool>,
    data: Option<D>,
) -> Response<Full<Bytes>> {
    reply::json(200, &written(settings, verdict, force_validation, data))
}

fn written<D>(
    settings: &config::Notification,
    verdict: Verdict,
    force_validation: Option<bool>,
    data: Option<D>,
) -> Reply<D> {
    let levels = &settings.error_level;
    let error_level = match verdict.level {
        ErrorLevel::Ok => levels.ok,
        ErrorLevel::Info => levels.info,
        ErrorLevel::Warning => levels.warning,
        ErrorLevel::Error => levels.error,
        ErrorLevel::Critical => levels.critical,
    };
    Reply {
        success: verdict.success,
        message: verdict.message,
        error_level,
        error_code: verdict.code,
        force_validation,
        data,
    }
}
