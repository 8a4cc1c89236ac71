use super::*;

/// Waits for something that is about to be so.
pub(super) async fn until(mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(Instant::now() < end, "it did not come to be");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn fetch(rig: &Rig, channel: &str, upstream: &Upstream) {
    let mut call = rig.call(channel, &[&upstream.host()]);
    assert_eq!(send(&mut call, get(&upstream.url("/"))).await.unwrap().body, "ok");
}

#[tokio::test]
async fn a_connection_carries_its_channels_next_call_and_no_other_channels() {
    let upstream = Upstream::start(say(FINE)).await;
    let rig = Rig::new(|_| {}).await;
    for _ in 0..5 {
        fetch(&rig, "acme", &upstream).await;
        until(|| rig.shared.pool.count() == 1).await;
    }
    assert_eq!((upstream.connections(), upstream.heads().len()), (1, 5));
    fetch(&rig, "other", &upstream).await;
    assert_eq!(upstream.connections(), 2, "the other channel has its own");
    until(|| rig.shared.pool.count() == 2).await;
    fetch(&rig, "other", &upstream).await;
    fetch(&rig, "acme", &upstream).await;
    assert_eq!(upstream.connections(), 2);
}

#[tokio::test]
async fn a_channel_that_was_made_again_under_its_name_inherits_no_connection() {
    let upstream = Upstream::start(say(FINE)).await;
    let rig = Rig::new(|_| {}).await;
    for (made, connections) in [(1, 1), (1, 1), (2, 2), (2, 2), (1, 2)] {
        let owner = Owner { channel: "acme".into(), created: Timestamp(made) };
        let mut call = rig.call_with(owner, Duration::from_secs(10), &[&upstream.host()], None);
        assert_eq!(send(&mut call, get(&upstream.url("/"))).await.unwrap().body, "ok");
        assert_eq!(upstream.connections(), connections, "made at {made}");
        until(|| rig.shared.pool.count() == connections).await;
    }
}

#[tokio::test]
async fn a_connection_whose_answer_was_not_read_is_closed() {
    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{}", "x".repeat(1000));
    let upstream = Upstream::start(say(&long)).await;
    let rig = Rig::new(|_| {}).await;
    for expected in 1..=3 {
        let mut call = rig.call("acme", &[&upstream.host()]);
        let answer = head(&mut call, get(&upstream.url("/")), None).await.unwrap();
        drop(answer);
        assert_eq!((upstream.connections(), rig.shared.pool.count()), (expected, 0));
    }
}

#[tokio::test]
async fn a_connection_that_its_server_closed_is_not_used() {
    let upstream = Upstream::start(Does::Close(FINE.into())).await;
    let rig = Rig::new(|_| {}).await;
    for expected in 1..=20 {
        fetch(&rig, "acme", &upstream).await;
        assert_eq!(upstream.connections(), expected);
    }
}

#[tokio::test]
async fn idle_connections_are_bounded_and_end() {
    let rig = Rig::new(|limits| (limits.idle_connections, limits.idle_time) = (2, Duration::from_millis(300))).await;
    let mut upstreams = Vec::new();
    for _ in 0..4 {
        let upstream = Upstream::start(say(FINE)).await;
        fetch(&rig, "acme", &upstream).await;
        upstreams.push(upstream);
    }
    until(|| rig.shared.pool.count() <= 2).await;
    until(|| rig.shared.pool.count() == 0).await;
    let none = Rig::new(|limits| limits.idle_connections = 0).await;
    fetch(&none, "acme", &upstreams[0]).await;
    fetch(&none, "acme", &upstreams[0]).await;
    assert_eq!((none.shared.pool.count(), upstreams[0].connections()), (0, 3));
}

#[tokio::test]
async fn what_a_server_says_beyond_its_answer_reaches_nobody() {
    let upstream = Upstream::start(say(&format!("{FINE}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"))).await;
    let rig = Rig::new(|_| {}).await;
    for _ in 0..10 {
        fetch(&rig, "acme", &upstream).await;
    }
}
