use super::*;

const DAY: Duration = Duration::from_hours(24);
const LEASE: Duration = Duration::from_mins(2);
const START: Timestamp = Timestamp(1_000_000_000_000);

fn event(entity: i64, body: &str) -> Event {
    Event {
        channel: "acme".into(),
        event_type: "document.cancellation".into(),
        entity_type_id: Some(7),
        entity_id: Some(entity),
        body: body.into(),
        dedupe: Digest::of(format!("{entity} {body}").as_bytes()),
        same: None,
        at: START,
    }
}

async fn put(store: &Store, event: Event) -> String {
    let queued = store.enqueue(event, DAY).await.unwrap();
    assert!(!queued.duplicate);
    queued.id
}

async fn lease_one(store: &Store, now: Timestamp) -> Leased {
    let mut leased = store.lease(now, 10, 10, LEASE, Resting::default()).await.unwrap();
    assert_eq!(leased.len(), 1);
    leased.remove(0)
}

fn bodies(leased: &[Leased]) -> Vec<&str> {
    leased.iter().map(|leased| leased.body.as_str()).collect()
}

#[tokio::test]
async fn an_event_is_leased_once_and_finished() {
    let (_dir, store) = fresh().await;
    let id = put(&store, event(1, "a")).await;
    assert_eq!(store.next_due().unwrap(), Some(START));
    assert_eq!(
        store.lease(Timestamp(START.0 - 1), 10, 10, LEASE, Resting::default()).await.unwrap(),
        [],
        "not before it is due"
    );
    let leased = lease_one(&store, START).await;
    assert_eq!((leased.id.as_str(), leased.body.as_str(), leased.attempts), (id.as_str(), "a", 1));
    assert_eq!(store.lease(START, 10, 10, LEASE, Resting::default()).await.unwrap(), []);
    let depth = store.queue_depths(START).unwrap()["acme"];
    assert_eq!(depth, QueueDepth { running: 1, bytes: 513, oldest: Some(START), ..QueueDepth::default() });
    store.finish(&leased, Timestamp::now()).await.unwrap();
    assert!(matches!(store.finish(&leased, Timestamp::now()).await, Err(StoreError::NotLeased(_))));
    let (found, body, attempts) = store.queue_event(&id).unwrap().unwrap();
    assert_eq!((found.state, found.attempts, body.as_str()), (State::Done, 1, ""));
    assert_eq!(attempts[0].result.as_deref(), Some("done"));
    assert_eq!((store.next_due().unwrap(), store.queue_depths(START).unwrap()["acme"]), (None, QueueDepth::default()));
}

#[tokio::test]
async fn a_failed_attempt_comes_back_at_its_time_and_is_buried_in_the_end() {
    let (_dir, store) = fresh().await;
    let id = put(&store, event(1, "a")).await;
    let later = START.after(Duration::from_mins(5));
    store.retry(&lease_one(&store, START).await, START, later, "trap").await.unwrap();
    assert_eq!(store.next_due().unwrap(), Some(later));
    assert_eq!(store.lease(START, 10, 10, LEASE, Resting::default()).await.unwrap(), []);
    let second = lease_one(&store, later).await;
    assert_eq!(second.attempts, 2);
    store.bury(&second, Timestamp::now(), "trap again").await.unwrap();
    let (found, body, attempts) = store.queue_event(&id).unwrap().unwrap();
    assert_eq!((found.state, body.as_str()), (State::Dead, "a"));
    let told: Vec<_> = attempts.iter().map(|attempt| (attempt.number, attempt.result.as_deref().unwrap())).collect();
    assert_eq!(told, [(1, "retry"), (2, "dead")]);
    assert_eq!(attempts[1].reason.as_deref(), Some("trap again"));
    assert_eq!(store.queued("acme", Some(State::Dead), &Filter::default(), 9).unwrap().len(), 1);
    assert_eq!(store.queued("acme", Some(State::Queued), &Filter::default(), 9).unwrap(), []);
}

#[tokio::test]
async fn events_of_one_entity_keep_their_order_and_others_pass() {
    let (_dir, store) = fresh().await;
    for (entity, body) in [(1, "a1"), (1, "a2"), (2, "b1"), (1, "a3"), (2, "b2")] {
        put(&store, event(entity, body)).await;
    }
    let other_kind = Event { entity_type_id: None, ..event(1, "c1") };
    put(&store, other_kind).await;
    let first = store.lease(START, 10, 10, LEASE, Resting::default()).await.unwrap();
    assert_eq!(bodies(&first), ["a1", "b1", "c1"]);
    let later = START.after(Duration::from_mins(1));
    store.retry(&first[0], START, later, "not yet").await.unwrap();
    store.finish(&first[1], Timestamp::now()).await.unwrap();
    let second = store.lease(START, 10, 10, LEASE, Resting::default()).await.unwrap();
    assert_eq!(bodies(&second), ["b2"], "a2 must wait for a1, which is tried again later");
    let third = store.lease(later, 10, 10, LEASE, Resting::default()).await.unwrap();
    assert_eq!(bodies(&third), ["a1"]);
    store.bury(&third[0], Timestamp::now(), "no").await.unwrap();
    assert_eq!(bodies(&store.lease(later, 10, 10, LEASE, Resting::default()).await.unwrap()), ["a2"]);
}

#[tokio::test]
async fn events_without_an_entity_wait_for_nobody() {
    let (_dir, store) = fresh().await;
    for body in ["a", "b"] {
        put(&store, Event { entity_id: None, ..event(0, body) }).await;
    }
    assert_eq!(bodies(&store.lease(START, 10, 10, LEASE, Resting::default()).await.unwrap()), ["a", "b"]);
}

#[tokio::test]
async fn the_same_event_within_the_window_is_taken_once() {
    let (_dir, store) = fresh().await;
    let id = put(&store, event(1, "a")).await;
    let again = store.enqueue(Event { at: START.after(DAY / 2), ..event(1, "a") }, DAY).await.unwrap();
    assert_eq!(again, Enqueued { id: id.clone(), duplicate: true });
    let next_day = store.enqueue(Event { at: START.after(DAY), ..event(1, "a") }, DAY).await.unwrap();
    assert!(!next_day.duplicate);
    store.bury(&lease_one(&store, START).await, Timestamp::now(), "no").await.unwrap();
    store.drop_event(&next_day.id).await.unwrap();
    assert!(!store.enqueue(event(1, "a"), DAY).await.unwrap().duplicate, "a dead one does not swallow its repetition");
    let nobody = Event { channel: "nobody".into(), ..event(1, "a") };
    assert!(matches!(store.enqueue(nobody, DAY).await, Err(StoreError::NoChannel(_))));
}

#[tokio::test]
async fn a_lease_that_ran_out_is_handed_out_again_and_the_late_worker_is_refused() {
    let (_dir, store) = fresh().await;
    let id = put(&store, event(1, "a")).await;
    let late = lease_one(&store, START).await;
    assert_eq!(store.next_due().unwrap(), Some(START.after(LEASE)));
    let second = lease_one(&store, START.after(LEASE)).await;
    assert_eq!(second.attempts, 2);
    assert!(matches!(store.finish(&late, Timestamp::now()).await, Err(StoreError::NotLeased(_))));
    store.finish(&second, Timestamp::now()).await.unwrap();
    let (_, _, attempts) = store.queue_event(&id).unwrap().unwrap();
    let results: Vec<_> = attempts.iter().map(|attempt| attempt.result.as_deref().unwrap()).collect();
    assert_eq!(results, ["lost", "done"]);
}

#[tokio::test]
async fn a_replayed_event_goes_before_younger_ones_but_not_beside_a_running_one() {
    let (_dir, store) = fresh().await;
    let first = put(&store, event(1, "a1")).await;
    put(&store, event(1, "a2")).await;
    assert!(matches!(store.replay(&first, Timestamp::now()).await, Err(StoreError::NotDead(_))));
    store.bury(&lease_one(&store, START).await, Timestamp::now(), "no").await.unwrap();
    store.replay(&first, Timestamp::now()).await.unwrap();
    let now = Timestamp::now().after(LEASE);
    let replayed = lease_one(&store, now).await;
    assert_eq!((replayed.body.as_str(), replayed.attempts), ("a1", 1));
    store.bury(&replayed, Timestamp::now(), "no").await.unwrap();
    let younger = lease_one(&store, now).await;
    assert_eq!(younger.body, "a2");
    store.replay(&first, Timestamp::now()).await.unwrap();
    assert_eq!(store.lease(now, 10, 10, LEASE, Resting::default()).await.unwrap(), [], "a2 is at work");
    store.finish(&younger, Timestamp::now()).await.unwrap();
    assert_eq!(lease_one(&store, now).await.body, "a1");
    assert!(matches!(store.replay("none", Timestamp::now()).await, Err(StoreError::NoEvent(_))));
}

#[tokio::test]
async fn a_dropped_event_frees_the_one_behind_it() {
    let (_dir, store) = fresh().await;
    let first = put(&store, event(1, "a1")).await;
    let second = put(&store, event(1, "a2")).await;
    put(&store, event(1, "a3")).await;
    assert!(store.queued("acme", None, &Filter::default(), 9).unwrap()[0].waits);
    store.drop_event(&second).await.unwrap();
    assert_eq!(bodies(&store.lease(START, 0, 10, LEASE, Resting::default()).await.unwrap()), Vec::<&str>::new());
    store.drop_event(&first).await.unwrap();
    assert_eq!(lease_one(&store, START).await.body, "a3");
    assert!(matches!(store.drop_event(&first).await, Err(StoreError::NoEvent(_))));
}

#[tokio::test]
async fn watchers_of_the_queue_hear_of_new_events() {
    let (_dir, store) = fresh().await;
    let mut watch = store.watch_queue();
    watch.mark_unchanged();
    store.kv_delete_many("acme", vec![]).await.unwrap();
    assert!(!watch.has_changed().unwrap());
    put(&store, event(1, "a")).await;
    assert!(watch.has_changed().unwrap());
}

#[tokio::test]
async fn old_done_and_dead_events_are_pruned() {
    let (_dir, store) = fresh().await;
    for body in ["done", "dead", "open"] {
        put(&store, Event { entity_id: None, ..event(0, body) }).await;
    }
    let leased = store.lease(START, 2, 10, LEASE, Resting::default()).await.unwrap();
    store.finish(&leased[0], Timestamp::now()).await.unwrap();
    store.bury(&leased[1], Timestamp::now(), "no").await.unwrap();
    let prune = |days: u32| {
        let store = store.clone();
        async move {
            let now = Timestamp::now().after(DAY * days);
            store.write(move |db| crate::store::queue::prune(db, now, &retention())).await.unwrap();
            store
                .queued("acme", None, &Filter::default(), 9)
                .unwrap()
                .into_iter()
                .map(|event| event.state)
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(prune(0).await, [State::Queued, State::Dead, State::Done]);
    assert_eq!(prune(2).await, [State::Queued, State::Dead]);
    assert_eq!(prune(31).await, [State::Queued]);
}

#[tokio::test]
async fn what_a_dead_process_was_working_on_is_due_at_once() {
    let (dir, store) = fresh().await;
    put(&store, event(1, "a")).await;
    assert_eq!(lease_one(&store, Timestamp::now()).await.attempts, 1);
    assert_eq!(
        store.lease(Timestamp::now(), 10, 10, LEASE, Resting::default()).await.unwrap(),
        [],
        "the lease holds while its process lives"
    );
    drop(store);
    let store = open(&dir);
    assert_eq!(lease_one(&store, Timestamp::now()).await.attempts, 2);
}

#[tokio::test]
async fn a_postponed_attempt_comes_back_at_its_time_and_does_not_count() {
    let (_dir, store) = fresh().await;
    let id = put(&store, event(1, "a")).await;
    let later = START.after(Duration::from_mins(5));
    store.retry(&lease_one(&store, START).await, START, START, "trap").await.unwrap();
    let second = lease_one(&store, START).await;
    store.postpone(&second, later).await.unwrap();
    assert!(matches!(store.postpone(&second, later).await, Err(StoreError::NotLeased(_))));
    assert_eq!(store.lease(START, 10, 10, LEASE, Resting::default()).await.unwrap(), []);
    let again = lease_one(&store, later).await;
    assert_eq!(again.attempts, 2);
    store.finish(&again, Timestamp::now()).await.unwrap();
    let (_, _, attempts) = store.queue_event(&id).unwrap().unwrap();
    let told: Vec<_> = attempts.iter().map(|attempt| (attempt.number, attempt.result.as_deref().unwrap())).collect();
    assert_eq!(told, [(1, "retry"), (2, "done")]);
}

#[tokio::test]
async fn one_channel_never_holds_more_than_its_share_of_the_workers() {
    let (_dir, store) = fresh().await;
    for entity in 1..=5 {
        put(&store, event(entity, "slow")).await;
    }
    let new = NewChannel { name: "bolt".into(), mode: Mode::Testing, hosts: Vec::new(), keys: Vec::new() };
    let _ = store.create_channel(new).await;
    put(&store, Event { channel: "bolt".into(), ..event(9, "quick") }).await;
    let leased = store.lease(START, 10, 2, LEASE, Resting::default()).await.unwrap();
    assert_eq!(bodies(&leased), ["slow", "slow", "quick"]);
    assert_eq!(store.lease(START, 10, 2, LEASE, Resting::default()).await.unwrap(), [], "its share is at work");
    store.finish(&leased[0], Timestamp::now()).await.unwrap();
    assert_eq!(bodies(&store.lease(START, 10, 2, LEASE, Resting::default()).await.unwrap()), ["slow"]);
    let ended = START.after(LEASE);
    assert_eq!(
        store.lease(ended, 10, 2, LEASE, Resting::default()).await.unwrap().len(),
        3,
        "lost ones are no longer at work"
    );
}
