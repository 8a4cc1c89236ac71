use super::*;

fn call(number: u32, outcome: &str) -> CallRecord {
    CallRecord {
        id: format!("call-{number}"),
        channel: "acme".into(),
        release: Some(3),
        action: "order_pull".into(),
        outcome: outcome.into(),
        code: (outcome != "ok").then(|| "HOST_TRAP".into()),
        status: 200,
        started: Timestamp(1000),
        duration_us: 250,
        detail: None,
        used: (number % 2 == 1).then_some(Used { cpu_us: 1, memory: 1 << 40, queued_us: 3, requests: 4 }),
        trace: (number % 2 == 1).then(|| Trace {
            time_ms: 1,
            cpu_ms: 2,
            memory: 3,
            requests: 4,
            frames: vec!["inner".into(), "outer".into()],
        }),
        request_id: Some("r-1".into()),
    }
}

fn line(call: &str, message: &str) -> LogLine {
    LogLine {
        channel: "acme".into(),
        call: call.into(),
        at: Timestamp(1000),
        level: "info".into(),
        context: "orders".into(),
        message: message.into(),
    }
}

fn messages(lines: &[LoggedLine]) -> Vec<&str> {
    lines.iter().map(|logged| logged.line.message.as_str()).collect()
}

#[tokio::test]
async fn calls_are_listed_newest_first_and_filtered_by_outcome() {
    let (_dir, store) = fresh().await;
    for number in 0..4 {
        store.record_call(call(number, if number % 2 == 0 { "ok" } else { "trap" }));
    }
    store.flush().await.unwrap();
    let ids = |calls: Vec<CallRecord>| calls.into_iter().map(|call| call.id).collect::<Vec<_>>();
    assert_eq!(ids(store.calls("acme", 3, None).unwrap()), ["call-3", "call-2", "call-1"]);
    assert_eq!(ids(store.calls("acme", 9, Some("trap")).unwrap()), ["call-3", "call-1"]);
    assert_eq!(store.calls("bolt", 9, None).unwrap(), []);
    assert_eq!(store.call("call-1").unwrap(), Some(call(1, "trap")));
    assert_eq!((store.call("none").unwrap(), store.dropped()), (None, 0));
}

#[tokio::test]
async fn log_lines_are_followed_by_their_number() {
    let (_dir, store) = fresh().await;
    for (id, message) in [("a", "1"), ("b", "2"), ("a", "3")] {
        store.record_log(line(id, message));
    }
    store.flush().await.unwrap();
    let newest = store.logs("acme", None, 2).unwrap();
    assert_eq!(messages(&newest), ["2", "3"]);
    let last = newest[1].seq;
    assert_eq!(store.logs("acme", Some(last), 9).unwrap(), []);
    store.record_log(line("b", "4"));
    store.flush().await.unwrap();
    assert_eq!(messages(&store.logs("acme", Some(last), 9).unwrap()), ["4"]);
    assert_eq!(messages(&store.logs("acme", Some(0), 2).unwrap()), ["1", "2"]);
    assert_eq!(messages(&store.logs_of_call("a").unwrap()), ["1", "3"]);
}

#[tokio::test]
async fn the_oldest_rows_go_when_there_are_too_many() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Retention { calls: 10, log_lines: 5, ..retention() }).unwrap();
    for number in 0..40 {
        store.record_call(call(number, "ok"));
        store.record_log(line("a", &number.to_string()));
    }
    store.flush().await.unwrap();
    // The writer trims after it has answered, so before the next answer.
    store.flush().await.unwrap();
    let calls = store.calls("acme", 99, None).unwrap();
    assert_eq!((calls.len(), calls[0].id.as_str()), (10, "call-39"));
    assert_eq!(messages(&store.logs("acme", None, 99).unwrap()), ["35", "36", "37", "38", "39"]);
}

#[tokio::test]
async fn a_row_that_cannot_be_stored_is_counted_and_harms_nobody() {
    let (_dir, store) = fresh().await;
    for id in [1, 1, 2] {
        store.record_call(call(id, "ok"));
    }
    store.flush().await.unwrap();
    assert_eq!((store.calls("acme", 9, None).unwrap().len(), store.dropped()), (2, 1));
}

#[tokio::test]
async fn a_flood_is_dropped_and_counted_while_durable_writes_go_through() {
    let (_dir, store) = fresh().await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (started, running) = tokio::sync::oneshot::channel();
    let busy = {
        let store = store.clone();
        tokio::spawn(async move {
            let block = move |_: &Connection| {
                started.send(()).unwrap();
                held.recv().unwrap();
                Ok(())
            };
            store.write(block).await
        })
    };
    running.await.unwrap();
    for number in 0..5000 {
        store.record_log(line("a", &number.to_string()));
    }
    let dropped = store.dropped();
    assert!((2000..3500).contains(&dropped), "{dropped} of 5000 were dropped");
    let mut durable = Box::pin(store.set_mode("acme", Mode::Production));
    // One poll is enough to hand it over: the journal left room.
    assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(durable.as_mut().poll(cx))).await.is_pending());
    release.send(()).unwrap();
    busy.await.unwrap().unwrap();
    assert_eq!(durable.await.unwrap().mode, Mode::Production);
    assert_eq!(store.dropped(), dropped);
}
