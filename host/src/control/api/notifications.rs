//! Queued notifications.

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::ask::Ask;
use super::body::Incoming;
use super::problem::Problem;
use super::{Outcome, ok};
use crate::control::Moment;
use crate::store::{Attempt, Filter, QueuedEvent, State, Sweep, Timestamp};

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
    /// Why its last attempt failed.
    reason: Option<String>,
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
            reason: event.reason,
        }
    }
}

pub(super) fn list(ask: &Ask) -> Outcome {
    let query = ask.query(&["state", "limit", "event", "entity", "since", "until", "reason"])?;
    let channel = &ask.channel()?.name;
    let text = |key| query.text(key).map(str::to_owned);
    let wanted = Wanted {
        event: text("event"),
        entity: query.value("entity")?,
        since: query.value("since")?,
        until: query.value("until")?,
        reason: text("reason"),
    };
    let store = &ask.control.store;
    let events = store.queued(channel, query.value("state")?, &wanted.filter(store.now()), query.limit(100)?)?;
    ok(&events.into_iter().map(View::from).collect::<Vec<_>>())
}

/// Which notifications are wanted: all of what is given must be so.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    event: Option<String>,
    entity: Option<i64>,
    /// When they came in.
    since: Option<Moment>,
    until: Option<Moment>,
    /// Part of the last attempt's reason.
    reason: Option<String>,
}

impl Wanted {
    fn filter(self, now: Timestamp) -> Filter {
        Filter {
            event_type: self.event,
            entity: self.entity,
            since: self.since.map(|since| since.before(now)),
            until: self.until.map(|until| until.before(now)),
            reason: self.reason,
        }
    }
}

/// One step over the dead notifications of a channel.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(default)]
    filter: Wanted,
    /// `next` of the step before.
    #[serde(default)]
    after: i64,
    #[serde(default)]
    dry_run: bool,
}

/// Queues dead notifications again, or drops them: one step over a hundred of them, the oldest first. The answer says where the
/// next one goes on.
pub(super) async fn sweep(ask: &Ask, body: &mut Incoming, what: Sweep) -> Outcome {
    let Step { filter, after, dry_run } = ask.json(body).await?;
    let (store, channel) = (&ask.control.store, &ask.channel()?.name);
    let filter = filter.filter(store.now());
    let done = if dry_run { Sweep::Count } else { what };
    let swept = store.sweep(channel, filter, after, done, store.now()).await?;
    if !dry_run && swept.matched > 0 {
        tracing::info!(who = ask.who.name, channel, notifications = swept.matched, ?what, "swept dead notifications");
    }
    ok(&json!({"matched": swept.matched, "next": swept.next, "dry_run": dry_run}))
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
    ask.control.store.replay(&event.id, ask.control.store.now()).await?;
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
