//! What an answer of the platform's list says. Its members are not documented, so that it is read as generously as it can be.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;
use wharf_protocol::notification::{ARGUMENT, EventKind, Notification};

use super::super::Edge;
use crate::call;
use crate::store::{Delta, Digest, Event, Same, Timestamp};

/// Bytes of the longest cursor.
const LONGEST_CURSOR: usize = 512;
/// Characters of the platform's own message that are told.
const LONGEST_MESSAGE: usize = 200;

type Members<'a> = HashMap<String, &'a RawValue>;

/// How an answer is read.
pub(super) struct Reading {
    channel: Arc<str>,
    /// The member that has an item's cursor.
    member: String,
    /// Items that are taken of one answer.
    most: usize,
    /// Bytes of the largest notification.
    largest: usize,
    since: Timestamp,
}

/// What is new in an answer.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) items: Vec<Delta>,
    /// Items that are nothing for the queue.
    pub(super) skipped: u64,
    /// The cursor of the last one.
    pub(super) to: String,
}

/// The newest cursor, from the answer that says nothing else.
pub(super) fn latest(answer: &str) -> Result<String, String> {
    let members: Members<'_> = serde_json::from_str(answer).map_err(|_| "the answer is no JSON object".to_owned())?;
    says_no(&members)?;
    let cursor = members.get("latestCursor").and_then(|value| cursor(value));
    cursor.ok_or_else(|| "the answer has no latestCursor, or one that is none".to_owned())
}

impl Reading {
    /// As this node is configured. Of what a webhook has brought since then, an item may be the same.
    pub(super) fn new(edge: &Edge, channel: &Arc<str>, since: Timestamp) -> Self {
        let config = &edge.config;
        Self {
            channel: Arc::clone(channel),
            member: config.notification.delta_cursor.clone(),
            most: config.deltas.items,
            largest: config.edge.notification_body.len(),
            since,
        }
    }

    /// What an answer tells beyond the cursor that it was asked from; `None` when that is nothing. The error is a sentence.
    pub(super) fn page(&self, answer: &str, from: &str) -> Result<Option<Page>, String> {
        let mut items = list(answer)?;
        items.truncate(self.most);
        if items.is_empty() {
            return Ok(None);
        }
        let read: Vec<_> = items.iter().map(|item| self.item(item)).collect();
        let Some(to) = read.iter().rev().find_map(|item| item.cursor.clone()) else {
            let member = &self.member;
            return Err(format!(
                "no item of the list has a cursor in its member {member:?} (notification.delta-cursor)"
            ));
        };
        // Some lists begin with the item that was asked from.
        let is_new = |item: &&Item| item.cursor.as_deref() != Some(from);
        if to == from {
            let stuck = || format!("the list does not lead on from the cursor {from:?}");
            return if read.iter().any(|item| is_new(&item)) { Err(stuck()) } else { Ok(None) };
        }
        let mut page = Page { items: Vec::new(), skipped: 0, to };
        for (place, item) in read.iter().enumerate().filter(|(_, item)| is_new(item)) {
            let Some(event) = &item.event else {
                page.skipped += 1;
                continue;
            };
            // One without a cursor of its own is never asked for again.
            let cursor = item.cursor.clone().unwrap_or_else(|| format!("{}#{place}", page.to));
            page.items.push(Delta { cursor, event: event.clone() });
        }
        Ok(Some(page))
    }

    fn item(&self, item: &RawValue) -> Item {
        let members: Members<'_> = serde_json::from_str(item.get()).unwrap_or_default();
        // The notification itself, or what carries it, as a webhook may.
        let nested = members.get(ARGUMENT).map(|nested| nested.get());
        let unquoted = nested.filter(|nested| nested.starts_with('"')).and_then(|text| serde_json::from_str(text).ok());
        let body: String = unquoted.unwrap_or_else(|| nested.unwrap_or(item.get()).to_owned());
        let of_nested = || {
            let members: Members<'_> = serde_json::from_str(&body).ok()?;
            members.get(&self.member).and_then(|value| cursor(value))
        };
        let cursor = members.get(&self.member).and_then(|value| cursor(value)).or_else(of_nested);
        Item { cursor, event: self.event(&body) }
    }

    /// The notification, if it is one that nobody waits for.
    fn event(&self, body: &str) -> Option<Event> {
        if body.len() > self.largest {
            return None;
        }
        let notification = call::notification::parse(body).ok()?;
        EventKind::of(&notification.event_type).filter(|kind| !kind.is_synchronous())?;
        let digest = same(&notification);
        let Notification { event_type, entity_type_id, entity_id, .. } = &notification;
        Some(Event {
            channel: self.channel.to_string(),
            event_type: event_type.to_string(),
            entity_type_id: *entity_type_id,
            entity_id: *entity_id,
            dedupe: digest,
            same: Some(Same { digest, since: self.since }),
            at: Timestamp::now(),
            body: body.to_owned(),
        })
    }
}

/// An item, as far as it can be read.
struct Item {
    cursor: Option<String>,
    event: Option<Event>,
}

/// What makes two notifications the same, by whichever way they came: what they tell, not how it is written.
pub(in crate::edge) fn same(notification: &Notification<'_>) -> Digest {
    let entity = notification.entity();
    let data = notification.data_text().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let mut told = serde_json::json!([&*notification.event_type, entity.entity_type_id, entity.entity_id, data]);
    told.sort_all_objects();
    Digest::of(told.to_string().as_bytes())
}

/// The items of an answer: a list, or an object with one in it, as all other answers of the platform are said to be.
fn list(answer: &str) -> Result<Vec<&RawValue>, String> {
    let no_list = || "the answer is no JSON list of notifications".to_owned();
    if answer.trim_start().starts_with('[') {
        return serde_json::from_str(answer).map_err(|_| no_list());
    }
    let members: Members<'_> = serde_json::from_str(answer).map_err(|_| no_list())?;
    says_no(&members)?;
    let mut lists = members.values().filter(|value| value.get().starts_with('['));
    match (lists.next(), lists.next()) {
        (Some(list), None) => serde_json::from_str(list.get()).map_err(|_| no_list()),
        _ => Err(no_list()),
    }
}

fn says_no(members: &Members<'_>) -> Result<(), String> {
    if members.get("success").is_none_or(|success| success.get() != "false") {
        return Ok(());
    }
    let message = members.get("message").and_then(|message| serde_json::from_str::<String>(message.get()).ok());
    let message = message.filter(|message| !message.is_empty()).unwrap_or_else(|| "it does not say why".to_owned());
    let message: String = message.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect();
    Err(format!("the platform says no: {message}"))
}

/// A cursor is text; a number stands for its digits.
fn cursor(value: &RawValue) -> Option<String> {
    let text = value.get();
    let cursor = match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str(text).ok()?,
        Some(b'0'..=b'9') => text.to_owned(),
        _ => return None,
    };
    let fits = (1..=LONGEST_CURSOR).contains(&cursor.len()) && !cursor.chars().any(char::is_control);
    fits.then_some(cursor)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
