//! Queued notifications.

use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::ask::Ask;
use super::problem::Problem;
use super::{Outcome, ok};
use crate::store::{Attempt, QueuedEvent, State, Timestamp};

/// A notification as administrators see it.
#[derive(Serialize)]
struct View {
    id: String,
    channel: String,
    event: String,
    entity: Option<i64>,
    entity_type: Option<i64>,
    state: State,
    /// Whether it waits for an older one of the same entity.
    waits: bool,
    attempts: u32,
    created: Timestamp,
    /// When its next attempt may begin.
    due: Option<Timestamp>,
    ended: Option<Timestamp>,
}

impl From<QueuedEvent> for View {
    fn from(event: QueuedEvent) -> Self {
        let open = matches!(event.state, State::Queued | State::Running);
        Self {
            id: event.id,
            channel: event.channel,
            event: event.event_type,
            entity: event.entity_id,
            entity_type: event.entity_type_id,
            state: event.state,
            waits: event.waits,
            attempts: event.attempts,
            created: event.created,
            due: open.then_some(event.due),
            ended: event.ended,
        }
    }
}

pub(super) fn list(ask: &Ask) -> Outcome {
    let query = ask.query(&["state", "limit"])?;
    let channel = &ask.channel()?.name;
    let events = ask.control.store.queued(channel, query.value("state")?, query.limit(100)?)?;
    ok(&events.into_iter().map(View::from).collect::<Vec<_>>())
}

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    view: View,
    history: Vec<Attempt>,
    /// As it came in; it is not kept once the notification is done.
    body: Option<Box<RawValue>>,
}

pub(super) fn show(ask: &Ask) -> Outcome {
    let (event, body, history) = found(ask)?;
    ok(&Whole { view: event.into(), history, body: RawValue::from_string(body).ok() })
}

pub(super) async fn replay(ask: &Ask) -> Outcome {
    let (event, ..) = found(ask)?;
    ask.control.store.replay(&event.id).await?;
    tracing::info!(who = ask.who.name, channel = event.channel, notification = event.id, "replayed a notification");
    ok(&json!({"id": event.id, "state": State::Queued}))
}

pub(super) async fn drop_one(ask: &Ask) -> Outcome {
    let (event, ..) = found(ask)?;
    ask.control.store.drop_event(&event.id).await?;
    tracing::info!(
        who = ask.who.name,
        channel = event.channel,
        notification = event.id,
        event = event.event_type,
        "dropped a notification"
    );
    ok(&json!({"id": event.id, "deleted": true}))
}

fn found(ask: &Ask) -> Result<(QueuedEvent, String, Vec<Attempt>), Problem> {
    let id = ask.param("id")?;
    let found = ask.control.store.queue_event(id)?.filter(|(event, ..)| ask.who.sees(&event.channel));
    found.ok_or_else(|| {
        let message = format!(
            "there is no notification {id}; handled ones are kept for queue.dedupe, dead ones for queue.keep-dead"
        );
        Problem::not_found("no-such-notification", message)
    })
}
