//! Notifications: read the envelope and its data, run the function, write the platform's envelope.

use bytes::Bytes;
use serde::Serialize;
use wharf_protocol::Breach;
use wharf_protocol::call::CallContext;
use wharf_protocol::lenient::Object;
use wharf_protocol::notification::documents::{
    InternalCode, PricingData, PricingRequest, ValidationData, ValidationRequest,
};
use wharf_protocol::notification::events::{Event, EventReply};
use wharf_protocol::notification::payments::{PaymentData, PaymentRequest, PaymentStatus};
use wharf_protocol::notification::{ErrorLevel, EventKind, Notification, Reply, Verdict};

use super::{Failed, Ids, Runner, Subject, Written, given};
use crate::config;
use crate::guest::{Body, Class, Ended, Fault, functions};

/// Of those that somebody waits for.
const CLASS: Class = Class::Notification;

/// Reads a notification's envelope.
///
/// # Errors
/// It is not one: what the caller is told.
pub fn parse(text: &str) -> Result<Notification<'_>, String> {
    let read = serde_json::from_str::<Object<Notification<'_>>>(text);
    read.map(|Object(notification)| notification).map_err(|error| format!("the notification cannot be read: {error}"))
}

/// Answers one that somebody waits for: the JSON of the envelope.
///
/// # Errors
/// See [`Failed`].
pub async fn answer(
    runner: &impl Runner,
    ids: Ids<'_>,
    settings: &config::Notification,
    notification: &Notification<'_>,
    json: &Bytes,
) -> Result<Vec<u8>, Failed> {
    let context = context(ids);
    let raw = Body::Whole(json.clone());
    let entity = notification.entity();
    let subject = Subject::entity(&entity);
    let missing = |event: &str| Failed::Request(format!("{event} has no data"));
    let data = notification.data_text();
    let written = match EventKind::of(&notification.event_type) {
        Some(EventKind::DocumentValidation) => {
            let document = data.ok_or_else(|| missing("document.validation"))?;
            let internal_code = data_of::<InternalCode<'_>>(document)?.internal_code;
            let request = ValidationRequest { entity, internal_code, document };
            let run = runner.run::<functions::DocumentValidate>(subject, raw, CLASS, (context, &request));
            let (answer, bound) = given(run.await)?;
            let data = answer.internal_code.map(|internal_code| ValidationData { internal_code });
            Written::new(&envelope(settings, answer.verdict, Some(answer.force_validation), data), bound)
        }
        Some(EventKind::DocumentPricing) => {
            let data = data.ok_or_else(|| missing("document.pricing"))?;
            let request = PricingRequest { entity, ..data_of(data)? };
            let run = runner.run::<functions::DocumentPrice>(subject, raw, CLASS, (context, &request));
            let (mut answer, bound) = given(run.await)?;
            answer.hold_against(&request);
            let data = PricingData {
                store_code: answer.store_code,
                currency_code: answer.currency_code,
                validity_date: answer.validity_date,
                items: answer.items,
            };
            Written::new(&envelope(settings, answer.verdict, None, Some(data)), bound)
        }
        Some(EventKind::PaymentValidation) => {
            let data = data.ok_or_else(|| missing("payment.validation"))?;
            let request = PaymentRequest { entity, ..data_of(data)? };
            let run = runner.run::<functions::PaymentValidate>(subject, raw, CLASS, (context, &request));
            let (answer, bound) = given(run.await)?;
            let (verdict, status) = payment_status(settings, answer.verdict, answer.status);
            let data = PaymentData { status, internal_code: answer.internal_code };
            Written::new(&envelope(settings, verdict, None, Some(data)), bound)
        }
        Some(EventKind::Contact) => {
            let (answer, bound) = given(event(runner, context, notification, raw, CLASS).await)?;
            let data = answer.data.as_deref().map(serde_json::from_str::<serde_json::Value>).transpose();
            let data = data.map_err(|error| Failed::Guest {
                fault: Fault::InvalidAnswer(Breach::new("data", format!("is not JSON: {error}"))),
                sent: bound.sent,
                answer: answer.data.clone().map(String::into_boxed_str),
            })?;
            Written::new(&envelope(settings, answer.verdict, None, data), bound)
        }
        Some(EventKind::DocumentCancellation | EventKind::Workflow) | None => {
            let what = format!("{} was run as if somebody waited for it", notification.event_type.as_str());
            Err(Failed::guest(Fault::Host(what), false))
        }
    };
    Ok(written?.copied().await)
}

/// Hands over one that nobody waits for.
///
/// # Errors
/// See [`Failed`].
pub async fn deliver(
    runner: &impl Runner,
    ids: Ids<'_>,
    notification: &Notification<'_>,
    raw: Body,
) -> Result<(), Failed> {
    let context = context(ids);
    if EventKind::of(&notification.event_type) == Some(EventKind::DocumentCancellation) {
        let entity = notification.entity();
        let subject = Subject::entity(&entity);
        let class = Class::Background;
        given(runner.run::<functions::DocumentCancelled>(subject, raw, class, (context, &entity)).await).map(|_| ())
    } else {
        given(event(runner, context, notification, raw, Class::Background).await).map(|_| ())
    }
}

/// The context of a call that is no SDK call.
pub fn context(ids: Ids<'_>) -> CallContext<'_> {
    CallContext {
        call_id: ids.call,
        channel: ids.channel,
        action: ids.action,
        version: 0,
        client_id: 0,
        channel_id: None,
    }
}

/// Hands a notification without an interface of its own to `events.handle`.
async fn event(
    runner: &impl Runner,
    context: CallContext<'_>,
    notification: &Notification<'_>,
    raw: Body,
    class: Class,
) -> Ended<EventReply> {
    let entity = notification.entity();
    let subject = Subject::entity(&entity);
    let event = Event { event_type: &notification.event_type, entity, data: notification.data_text() };
    runner.run::<functions::EventHandle>(subject, raw, class, (context, &event)).await
}

fn data_of<'a, T: serde::Deserialize<'a>>(data: &'a str) -> Result<T, Failed> {
    serde_json::from_str(data)
        .map(|Object(data)| data)
        .map_err(|error| Failed::Request(format!("the notification's data cannot be read: {error}")))
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

/// The platform's envelope, with the configured number of the level.
pub fn envelope<D: Serialize>(
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
