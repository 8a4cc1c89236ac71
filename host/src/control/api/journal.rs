//! The record of calls and what components logged.

use serde::Serialize;

use super::ask::Ask;
use super::problem::Problem;
use super::{Outcome, ok};
use crate::store::{CallRecord, LoggedLine, OutboundRecord};

pub(super) fn calls(ask: &Ask) -> Outcome {
    let query = ask.query(&["limit", "outcome"])?;
    let channel = ask.channel()?;
    let mut calls = ask.control.store.calls(&channel.name, query.limit(50)?, query.text("outcome"))?;
    // The journal may still know another channel of this name.
    calls.retain(|call| call.started >= channel.created);
    ok(&calls)
}

#[derive(Serialize)]
struct WithLogs {
    #[serde(flatten)]
    call: CallRecord,
    /// What it asked of the outside.
    outbound: Vec<OutboundRecord>,
    logs: Vec<LoggedLine>,
}

pub(super) fn call(ask: &Ask) -> Outcome {
    let id = ask.param("id")?;
    let found = ask.control.store.call(id)?.filter(|call| ask.who.sees(&call.channel));
    let call = found.ok_or_else(|| {
        let message = format!("there is no call {id}, or it is no longer kept (journal.calls)");
        Problem::not_found("no-such-call", message)
    })?;
    // An attempt at a notification is ID.NUMBER; what it did stands under the notification's own id.
    let id = id.split('.').next().unwrap_or_default();
    let logs = ask.control.store.logs_of_call(id)?;
    let outbound = ask.control.store.outbound_of_call(id)?;
    ok(&WithLogs { call, outbound, logs })
}

pub(super) fn logs(ask: &Ask) -> Outcome {
    let query = ask.query(&["after", "limit"])?;
    let channel = ask.channel()?;
    let mut lines = ask.control.store.logs(&channel.name, query.value("after")?, query.limit(100)?)?;
    lines.retain(|logged| logged.line.at >= channel.created);
    ok(&lines)
}
