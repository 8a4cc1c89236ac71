//! The platform's list of notifications: how a channel's is looked at, and what came of it.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::control::Control;
use crate::store;
use crate::table::{Polled, Table};

/// Milliseconds between two looks.
const PAUSES: std::ops::RangeInclusive<u64> = 100..=86_400_000;

/// How it is looked at, as administrators see it.
#[derive(Serialize)]
pub(super) struct View {
    every_ms: u64,
    /// Where it is asked from next; `null` = nobody has asked yet.
    cursor: Option<String>,
    #[serde(flatten)]
    polled: Polled,
}

/// How it is to be looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// Absent = as before, or as the node does.
    every_ms: Option<u64>,
}

/// The pause that is wished for; `None` = nobody is to look.
pub(super) fn pause(control: &Control, channel: &store::Channel, wish: Option<&Wish>) -> Result<Option<u64>, Problem> {
    let Some(Wish { every_ms }) = wish else { return Ok(None) };
    let every = || u64::try_from(control.config.deltas.every.as_millis()).unwrap_or(u64::MAX);
    let pause = every_ms.or(channel.deltas_ms).unwrap_or_else(every);
    if !PAUSES.contains(&pause) {
        let (least, most) = PAUSES.into_inner();
        return Err(Problem::malformed(format!("deltas.every_ms: expected {least} to {most}")));
    }
    Ok(Some(pause))
}

/// How a channel's list is looked at; `None` = nobody looks.
pub(super) fn view(control: &Control, channel: &store::Channel, cursors: &HashMap<String, String>) -> Option<View> {
    let table = control.tables.load();
    let polled = table.channel(&channel.name).map(|shown| shown.deltas.polling.polled()).unwrap_or_default();
    channel.deltas_ms.map(|every_ms| View { every_ms, cursor: cursors.get(&channel.name).cloned(), polled })
}

type Labels = [(&'static str, String); 1];
type EventLabels = [(&'static str, String); 2];

/// What the looks came to, for the channels that have any.
pub(super) fn register(registry: &mut Registry, table: &Table) {
    let polls = Family::<Labels, Counter<u64, AtomicU64>>::default();
    let errors = Family::<Labels, Counter<u64, AtomicU64>>::default();
    let events = Family::<EventLabels, Counter<u64, AtomicU64>>::default();
    for channel in table.channels().filter(|channel| channel.deltas.pause.is_some()) {
        let label = [("channel", channel.name.to_string())];
        let polled = channel.deltas.polling.polled();
        polls.get_or_create(&label).inc_by(polled.polls);
        errors.get_or_create(&label).inc_by(polled.errors);
        let [channel] = label;
        for (result, count) in [("taken", polled.taken), ("duplicate", polled.duplicates), ("skipped", polled.skipped)]
        {
            events.get_or_create(&[channel.clone(), ("result", result.to_owned())]).inc_by(count);
        }
    }
    registry.register("delta_polls", "Looks at the platform's list of notifications", polls);
    registry.register("delta_errors", "Looks at the platform's list of notifications that failed", errors);
    registry.register("delta_events", "Items of the platform's list of notifications by what became of them", events);
}
