use super::*;
use crate::store::Filter;

const DAY: Duration = Duration::from_hours(24);
const MINUTE: Duration = Duration::from_mins(1);
const API: &str = "https://erp.example.com/RESTWS/";

/// What tells `what`, at a time; what came by the other way counts for ten minutes.
fn event(what: &str, at: Timestamp) -> Event {
    Event {
        channel: "acme".into(),
        event_type: "document.cancellation".into(),
        entity_type_id: Some(7),
        entity_id: None,
        body: what.into(),
        dedupe: Digest::of(format!("webhook {what}").as_bytes()),
        same: Some(Same { digest: Digest::of(what.as_bytes()), since: at.before(10 * MINUTE) }),
        at,
    }
}

fn page(from: &str, items: &[(&str, &str)], at: Timestamp) -> DeltaPage {
    let item = |(cursor, what): &(&str, &str)| Delta { cursor: (*cursor).into(), event: event(what, at) };
    DeltaPage {
        channel: "acme".into(),
        base_url: API.into(),
        from: from.into(),
        to: items.last().map_or(from, |last| last.0).into(),
        items: items.iter().map(item).collect(),
    }
}

async fn started() -> (TempDir, Store) {
    let (dir, store) = fresh().await;
    store.set_deltas("acme", Some(60_000)).await.unwrap();
    store.start_deltas("acme", API, "0").await.unwrap();
    (dir, store)
}

async fn take(store: &Store, from: &str, items: &[(&str, &str)], at: Timestamp) -> (u64, u64) {
    let DeltasTaken { taken, duplicates } = store.take_deltas(page(from, items, at)).await.unwrap();
    (taken, duplicates)
}

async fn webhook(store: &Store, what: &str, at: Timestamp) -> bool {
    store.enqueue(event(what, at), DAY).await.unwrap().duplicate
}

fn queued(store: &Store) -> usize {
    store.queued("acme", None, &Filter::default(), 100).unwrap().len()
}

fn cursor(store: &Store) -> String {
    store.delta_position("acme").unwrap().unwrap().cursor
}

#[tokio::test]
async fn what_was_lost_is_queued_and_the_cursor_moves_with_it() {
    let (dir, store) = started().await;
    let now = Timestamp::now();
    assert_eq!(take(&store, "0", &[("1", "a"), ("2", "b")], now).await, (2, 0));
    assert_eq!((queued(&store), cursor(&store).as_str()), (2, "2"));
    assert!(matches!(store.take_deltas(page("0", &[("1", "a")], now)).await, Err(StoreError::NoDeltas(_))));
    drop(store);
    let store = open(&dir);
    assert_eq!((queued(&store), cursor(&store).as_str()), (2, "2"));
    assert_eq!(store.delta_cursors().unwrap()["acme"], "2");
}

#[tokio::test]
async fn a_webhook_and_its_item_are_one_whichever_came_first() {
    let (_dir, store) = started().await;
    let now = Timestamp::now();
    assert!(!webhook(&store, "a", now).await);
    assert_eq!(take(&store, "0", &[("1", "a"), ("2", "b")], now.after(MINUTE)).await, (1, 1));
    assert!(webhook(&store, "b", now.after(2 * MINUTE)).await);
    assert!(webhook(&store, "b", now.after(60 * MINUTE)).await, "the webhook again, as webhooks are known again");
    assert_eq!(queued(&store), 2);
}

#[tokio::test]
async fn each_item_has_a_webhook_of_its_own_or_is_queued() {
    let (_dir, store) = started().await;
    let now = Timestamp::now();
    assert!(!webhook(&store, "a", now).await);
    assert_eq!(take(&store, "0", &[("1", "a"), ("2", "a"), ("3", "a")], now).await, (2, 1));
    assert_eq!(queued(&store), 3);
    assert_eq!(take(&store, "3", &[("2", "a"), ("3", "a"), ("4", "a")], now).await, (1, 2), "known by its cursor");
}

#[tokio::test]
async fn what_came_long_before_is_another_one() {
    let (_dir, store) = started().await;
    let now = Timestamp::now();
    assert!(!webhook(&store, "a", now).await);
    assert_eq!(take(&store, "0", &[("1", "a")], now.after(11 * MINUTE)).await, (1, 0));
    assert!(!webhook(&store, "b", now).await);
    assert_eq!(take(&store, "1", &[("2", "b")], now.after(9 * MINUTE)).await, (0, 1));
    assert_eq!(take(&store, "2", &[("3", "c")], now).await, (1, 0));
    assert!(!webhook(&store, "c", now.after(11 * MINUTE)).await, "too late to be the same");
}

#[tokio::test]
async fn nothing_is_taken_for_a_channel_that_is_turned_off_or_gone() {
    let (_dir, store) = started().await;
    assert_eq!(store.channel("acme").unwrap().unwrap().deltas_ms, Some(60_000));
    store.set_deltas("acme", None).await.unwrap();
    assert_eq!(store.delta_position("acme").unwrap(), None, "whoever turns it on again begins anew");
    let late = store.take_deltas(page("0", &[("1", "a")], Timestamp::now())).await;
    assert!(matches!(late, Err(StoreError::NoDeltas(_))), "{late:?}");
    assert!(matches!(store.start_deltas("acme", API, "0").await, Err(StoreError::NoDeltas(_))));
    assert!(matches!(store.start_deltas("nobody", API, "0").await, Err(StoreError::NoDeltas(_))));
    assert!(matches!(store.set_deltas("nobody", None).await, Err(StoreError::NoChannel(_))));
    store.set_deltas("acme", Some(1000)).await.unwrap();
    store.start_deltas("acme", API, "5").await.unwrap();
    let elsewhere = DeltaPage { base_url: "https://other.example.com/".into(), ..page("5", &[], Timestamp::now()) };
    assert!(matches!(store.take_deltas(elsewhere).await, Err(StoreError::NoDeltas(_))));
    store.delete_channel("acme").await.unwrap();
    assert_eq!(store.delta_cursors().unwrap().len(), 0);
    assert_eq!(queued(&store), 0);
}
