use super::*;

fn request(call: &str, path: &str) -> OutboundRecord {
    OutboundRecord {
        call: call.into(),
        channel: "acme".into(),
        at: Timestamp(1000),
        method: "GET".into(),
        host: "api.example.com:443".into(),
        path: path.into(),
        status: Some(200),
        error: None,
        refused: None,
        duration_us: 1500,
        bytes_out: 0,
        bytes_in: 12,
        requests: 1,
    }
}

#[tokio::test]
async fn the_requests_of_a_call_are_kept_in_their_order() {
    let (_dir, store) = fresh().await;
    let refused = OutboundRecord {
        status: None,
        error: Some("refused".into()),
        refused: Some("not granted".into()),
        requests: 7,
        ..request("a", "/2")
    };
    for request in [request("a", "/1"), request("b", "/"), refused.clone()] {
        store.record_outbound(request);
    }
    store.flush().await.unwrap();
    assert_eq!(store.outbound_of_call("a").unwrap(), [request("a", "/1"), refused]);
    assert_eq!(store.outbound_of_call("c").unwrap(), []);
}

#[tokio::test]
async fn the_oldest_requests_go_when_there_are_too_many() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Retention { outbound: 10, ..retention() }).unwrap();
    for number in 0..40 {
        store.record_outbound(request("a", &number.to_string()));
    }
    store.flush().await.unwrap();
    // The writer trims after it has answered, so before the next answer.
    store.flush().await.unwrap();
    let kept = store.outbound_of_call("a").unwrap();
    assert_eq!((kept.len(), kept[0].path.as_str()), (10, "30"));
}
