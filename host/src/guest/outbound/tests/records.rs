use super::*;

#[tokio::test]
async fn every_request_leaves_a_record_of_how_it_ended() {
    let upstream = Upstream::start(say(FINE)).await;
    let silent = Upstream::start(say("")).await;
    let rig = Rig::new(|limits| limits.first_byte_time = Duration::from_millis(200)).await;
    let mut call = rig.call("acme", &[&upstream.host(), &silent.host(), "localhost:9", "10.0.0.1"]);
    send(&mut call, post(&upstream.url("/v1/orders?token=hidden"), vec![b'x'; 1000])).await.unwrap();
    send(&mut call, get(&silent.url("/slow"))).await.unwrap_err();
    send(&mut call, get("http://127.0.0.1:1/elsewhere")).await.unwrap_err();
    send(&mut call, get("http://10.0.0.1/inner")).await.unwrap_err();
    drop(head(&mut call, get(&upstream.url("/unread")), None).await.unwrap());
    let records = rig.records().await;
    let told: Vec<_> = records
        .iter()
        .map(|r| (r.path.as_str(), r.status, r.error.as_deref(), r.bytes_out, r.bytes_in, r.refused.is_some()))
        .collect();
    assert_eq!(
        told,
        [
            ("/v1/orders", Some(200), None, 1000, 2, false),
            ("/slow", None, Some("first-byte-time"), 0, 0, false),
            ("/elsewhere", None, Some("refused"), 0, 0, true),
            ("/inner", None, Some("address"), 0, 0, true),
            ("/unread", Some(200), Some("abandoned"), 0, 0, false),
        ]
    );
    let first = &records[0];
    assert_eq!(
        (first.method.as_str(), first.host.as_str(), first.channel.as_str()),
        ("POST", upstream.host().as_str(), "acme")
    );
    assert!(records[1].duration_us >= 190_000 && first.at.0 > 0);
    assert!(records[2].refused.as_deref().unwrap().contains("not granted"));
    assert!(!format!("{records:?}").contains("hidden"), "queries are not kept");
}

#[tokio::test]
async fn refusals_of_a_call_are_kept_up_to_a_bound_and_then_counted() {
    let rig = Rig::new(|limits| limits.requests = 5).await;
    let mut call = rig.call("acme", &[]);
    for number in 0..1000 {
        send(&mut call, get(&format!("http://127.0.0.1/{number}"))).await.unwrap_err();
    }
    drop(call);
    let records = rig.records().await;
    assert_eq!((records.len(), records[5].requests, records[5].path.as_str()), (6, 995, ""));
    assert_eq!(records.iter().map(|record| record.requests).sum::<u32>(), 1000);
}

#[tokio::test]
async fn a_secret_that_came_back_is_not_in_the_record() {
    let upstream = Upstream::start(say(FINE)).await;
    let rig = Rig::new(|_| {}).await;
    rig.store.put_secret("acme", "KEY", "s3cret-0123456789".into()).await.unwrap();
    let mut call = rig.call("acme", &[&upstream.host()]);
    send(&mut call, get(&upstream.url("/s3cret-0123456789/x"))).await.unwrap();
    send(&mut call, get("http://s3cret-0123456789.evil.example/s3cret-0123456789")).await.unwrap_err();
    let records = rig.records().await;
    assert_eq!(records[0].path, "/{{secret:KEY}}/x");
    assert!(!format!("{records:?}").contains("s3cret"), "{records:?}");
}

#[tokio::test]
async fn a_call_without_requests_leaves_nothing() {
    let rig = Rig::new(|_| {}).await;
    drop(rig.call("acme", &["a.example"]));
    assert_eq!(rig.records().await, []);
}
