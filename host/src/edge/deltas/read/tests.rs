use serde_json::json;

use super::*;

pub(super) fn reading() -> Reading {
    Reading { channel: "acme".into(), member: "cursor".into(), most: 4, largest: 1000, since: Timestamp(0) }
}

pub(super) fn cancelled(cursor: &Value, document: i64) -> Value {
    json!({ "cursor": cursor, "eventType": "document.cancellation", "entityTypeID": 2, "entityID": document })
}

fn page(answer: &Value) -> Result<Option<Page>, String> {
    reading().page(&answer.to_string(), "c0")
}

/// Cursors of what is taken, how many are skipped, and where to go on.
fn taken(answer: &Value) -> (Vec<String>, u64, String) {
    let page = page(answer).unwrap().unwrap();
    (page.items.iter().map(|item| item.cursor.clone()).collect(), page.skipped, page.to)
}

#[test]
fn a_list_is_read_bare_or_in_an_object() {
    let items = json!([cancelled(&json!("c1"), 1), cancelled(&json!("c2"), 2)]);
    let expected = (vec!["c1".to_owned(), "c2".to_owned()], 0, "c2".to_owned());
    assert_eq!(taken(&items), expected);
    assert_eq!(taken(&json!({ "success": true, "message": "", "rowCount": 2, "notifications": items })), expected);
    let found = page(&items).unwrap().unwrap();
    let event = &found.items[1].event;
    assert_eq!(
        (event.entity_type_id, event.entity_id, event.event_type.as_str()),
        (Some(2), Some(2), "document.cancellation")
    );
    assert!(event.body.contains("\"entityID\":2"), "{}", event.body);
}

#[test]
fn a_notification_may_be_nested_or_text_and_a_cursor_a_number() {
    let plain = json!({ "eventType": "workflow.validation", "entityTypeID": "0", "entityID": "9", "data": { "b": 1, "a": [2] } });
    let nested = json!({ "cursor": 17, "notification": plain });
    let quoted = json!({ "cursor": "18", "notification": plain.to_string() });
    let inside = json!({ "notification": { "cursor": "19", "eventType": "workflow.validation", "entityID": 9, "data": { "a": [2], "b": 1 } } });
    let found = page(&json!([nested, quoted, inside])).unwrap().unwrap();
    let cursors: Vec<_> = found.items.iter().map(|item| item.cursor.as_str()).collect();
    assert_eq!((cursors, found.to.as_str()), (vec!["17", "18", "19"], "19"));
    let same: Vec<_> = found.items.iter().map(|item| item.event.same.as_ref().unwrap().digest).collect();
    assert_eq!((same[0], same[0]), (same[1], same[2]), "they tell the same, however they are written");
    let webhook = plain.to_string();
    assert_eq!(super::same(&call::notification::parse(&webhook).unwrap()), same[0]);
}

#[test]
fn what_is_nothing_for_the_queue_is_skipped_and_passed_by() {
    let mut items = vec![json!({ "cursor": "c1", "eventType": "document.validation", "entityID": 1, "data": {} })];
    items.push(json!({ "cursor": "c2", "eventType": "document.beta" }));
    items.push(json!({ "cursor": "c3", "eventType": "workflow.x", "data": "x".repeat(2000) }));
    items.push(json!("c4"));
    assert_eq!(taken(&json!(items)), (Vec::new(), 4, "c3".to_owned()));
    items.insert(0, cancelled(&json!("c0"), 7));
    items.push(cancelled(&json!("c9"), 9));
    assert_eq!(
        taken(&json!(items)),
        (Vec::new(), 3, "c3".to_owned()),
        "four at once, the one that was asked from among them"
    );
}

#[test]
fn items_without_a_cursor_go_with_the_next_that_has_one() {
    let bare = |document: i64| cancelled(&Value::Null, document);
    let told = taken(&json!([bare(1), bare(2), cancelled(&json!("c7"), 3)]));
    assert_eq!(told, (vec!["c7#0".to_owned(), "c7#1".to_owned(), "c7".to_owned()], 0, "c7".to_owned()));
    let why = page(&json!([bare(1)])).unwrap_err();
    assert!(why.contains("notification.delta-cursor"), "{why}");
}

#[test]
fn a_list_that_does_not_lead_on_is_told_and_one_that_is_at_its_end_is_not() {
    assert!(page(&json!([])).unwrap().is_none());
    assert!(page(&json!({ "success": true, "list": [] })).unwrap().is_none());
    assert!(page(&json!([cancelled(&json!("c0"), 1)])).unwrap().is_none(), "the item that was asked from");
    let why = page(&json!([cancelled(&json!("c1"), 1), cancelled(&json!("c0"), 2)])).unwrap_err();
    assert!(why.contains("does not lead on from the cursor \"c0\""), "{why}");
}

#[test]
fn what_is_no_list_is_told() {
    for answer in ["", "<html>", "5", "\"x\"", "{}", "[", r#"{"a":[],"b":[]}"#, r#"{"success":true}"#, "null"] {
        assert!(reading().page(answer, "c0").unwrap_err().contains("no JSON list"), "{answer}");
    }
    let no = json!({ "success": false, "message": "not\u{1b}[2J allowed", "list": [] });
    assert_eq!(page(&no).unwrap_err(), "the platform says no: not[2J allowed");
    assert_eq!(
        page(&json!({ "success": false, "message": "" })).unwrap_err(),
        "the platform says no: it does not say why"
    );
}

#[test]
fn the_newest_cursor_is_text_or_a_number() {
    assert_eq!(latest(r#"{"success":true,"message":"","latestCursor":"a/b=="}"#).unwrap(), "a/b==");
    assert_eq!(latest(r#"{"latestCursor":42}"#).unwrap(), "42");
    let long = format!("{{\"latestCursor\":\"{}\"}}", "x".repeat(600));
    for wrong in
        ["", "[]", "{}", r#"{"latestCursor":null}"#, r#"{"latestCursor":""}"#, r#"{"latestCursor":"a\nb"}"#, &long]
    {
        assert!(latest(wrong).is_err(), "{wrong}");
    }
    assert!(latest(r#"{"success":false,"message":"no","latestCursor":"x"}"#).unwrap_err().contains("says no: no"));
}
