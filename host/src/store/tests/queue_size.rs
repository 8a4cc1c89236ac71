use std::time::Instant;

use super::*;

const START: Timestamp = Timestamp(1_000_000_000_000);
const LEASE: Duration = Duration::from_mins(2);

/// Puts `count` notifications of `acme` into the queue, as if each had come in by itself: a third of them are dead.
async fn fill(store: &Store, count: i64) {
    let insert = move |db: &Connection| {
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO event (id, channel, event_type, entity_type_id, entity_id, body, dedupe, state, waits, due, created, ended)
             SELECT printf('%026d', i), 'acme', 'document.cancellation', 2, i, printf('%1000d', i), randomblob(32),
                    CASE WHEN i % 3 = 0 THEN 'dead' ELSE 'queued' END, 0, ?2 + i, ?2 + i, CASE WHEN i % 3 = 0 THEN ?2 END
             FROM n",
            rusqlite::params![count, START],
        )?;
        db.execute(
            "INSERT INTO attempt (event, number, started, ended, result, reason)
             SELECT seq, 1, ?1, ?1, 'dead', 'the component trapped: unreachable' FROM event WHERE state = 'dead'",
            [START],
        )?;
        Ok(())
    };
    store.write(insert).await.unwrap();
}

/// The time that something usually takes.
async fn usual<T, F: Future<Output = T>>(mut work: impl FnMut() -> F) -> Duration {
    let mut times = Vec::new();
    for _ in 0..21 {
        let began = Instant::now();
        work().await;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[10]
}

#[tokio::test]
async fn a_long_queue_is_as_quick_as_a_short_one() {
    let count = if std::env::var_os("WHARF_TEST_LONG").is_some() { 100_000 } else { 20_000 };
    let (_dir, store) = fresh().await;
    fill(&store, count).await;
    let new = NewChannel { name: "bolt".into(), mode: Mode::Testing, hosts: Vec::new(), keys: Vec::new() };
    store.create_channel(new).await.unwrap();
    let now = START.after(Duration::from_hours(1));
    let slow = store.lease(now, 8, 4, LEASE, Resting::default()).await.unwrap();
    assert_eq!(slow.len(), 4, "its share");
    let event = Event {
        channel: "bolt".into(),
        event_type: "workflow.validation".into(),
        entity_type_id: Some(0),
        entity_id: Some(1),
        body: "{}".into(),
        dedupe: Digest::of(b"bolt"),
        same: None,
        at: now,
    };
    store.enqueue(event, LEASE).await.unwrap();
    let quick = store.lease(now, 8, 4, LEASE, Resting::default()).await.unwrap();
    assert_eq!(quick.len(), 1, "nobody waits behind another channel's queue");
    assert_eq!(quick[0].channel, "bolt");
    let mut resting = Resting::default();
    resting.add("acme".into(), "document.cancellation".into());
    assert_eq!(store.lease(now, 8, 9, LEASE, resting).await.unwrap(), [], "what rests is not handed out");

    let lease = usual(|| store.lease(now, 8, 4, LEASE, Resting::default())).await;
    let depth = usual(|| async { store.queue_depths(now).unwrap() }).await;
    let status = store.queue_depths(now).unwrap()["acme"];
    assert_eq!(status.queued + status.running + status.dead, count.cast_unsigned());
    let next = usual(|| async { store.next_due().unwrap() }).await;
    println!("{count} queued: a lease takes {lease:?}, to tell the depth {depth:?}, when the next is due {next:?}");
    let most = Duration::from_millis(50);
    assert!(lease < most && depth < most && next < most, "{lease:?} {depth:?} {next:?}");

    let began = Instant::now();
    let (mut after, mut matched, mut steps) = (0, 0, 0);
    loop {
        let filter = Filter { reason: Some("TRAPPED".into()), ..Filter::default() };
        let swept = store.sweep("acme", filter, after, Sweep::Replay, now).await.unwrap();
        (matched, steps) = (matched + swept.matched, steps + 1);
        match swept.next {
            Some(next) => after = next,
            None => break,
        }
    }
    let took = began.elapsed();
    println!("{matched} replayed in {steps} steps of {:?} each", took / steps);
    assert_eq!(matched, count.cast_unsigned() / 3);
    assert_eq!(store.queue_depths(now).unwrap()["acme"].dead, 0);
}
