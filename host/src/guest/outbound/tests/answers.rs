use super::*;

/// A node that waits for nobody longer than half a second.
async fn rig() -> Rig {
    let half = Duration::from_millis(500);
    Rig::new(|limits| (limits.first_byte_time, limits.between_bytes_time) = (half, half)).await
}

/// Fetches with a call of two seconds; the time in any case is bounded.
async fn fetched(rig: &Rig, upstream: &Upstream) -> Result<Got, Error> {
    let mut call = rig.call_for(Duration::from_secs(2), "acme", &[&upstream.host()]);
    let began = Instant::now();
    let got = send(&mut call, get(&upstream.url("/"))).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{got:?} after {:?}", began.elapsed());
    got
}

#[tokio::test]
async fn redirects_are_answers_and_nobody_goes_there() {
    let trap = Upstream::start(say(FINE)).await;
    let rig = rig().await;
    let mut asked = 0;
    for status in [301, 302, 303, 307, 308] {
        for location in [
            trap.url("/"),
            "http://169.254.169.254/latest/".to_owned(),
            "https://other.example/".to_owned(),
            "//[::1]/".to_owned(),
        ] {
            let head = format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
            let upstream = Upstream::start(say(&head)).await;
            let got = fetched(&rig, &upstream).await.unwrap();
            assert_eq!((got.status, got.headers["location"].to_str().unwrap()), (status, location.as_str()));
            asked += upstream.heads().len();
        }
    }
    println!("{asked} redirects, {} followed", trap.connections());
    assert_eq!((asked, trap.connections()), (20, 0));
}

#[tokio::test]
async fn bombs_are_cut_and_leave_nothing_behind() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65536));
    let tiny = "1\r\nx\r\n".repeat(4096);
    let extended = format!("1;{}\r\nx\r\n", "e".repeat(8000));
    let header = "x-h: 0123456789\r\n".repeat(1000);
    let long_header = "y".repeat(65536);
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(500);
    let hints = format!("HTTP/1.1 103 Early Hints\r\nlink: <{}>\r\n\r\n", "x".repeat(4000));
    let flood = |first: &str, again: &str| Does::Flood(first.into(), again.into());
    let cases = [
        ("a tebibyte announced", say("HTTP/1.1 200 OK\r\ncontent-length: 1099511627776\r\n\r\n"), "response body size"),
        ("a body without an end", flood("HTTP/1.1 200 OK\r\n\r\n", &chunk), "response body size"),
        ("chunks without an end", flood(chunked, &chunk), "response body size"),
        ("tiny chunks without an end", flood(chunked, &tiny), ""),
        ("chunk extensions without an end", flood(chunked, &extended), ""),
        ("header lines without an end", flood("HTTP/1.1 200 OK\r\n", &header), "header section"),
        ("a header line without an end", flood("HTTP/1.1 200 OK\r\nx-h: ", &long_header), "header section"),
        ("trailers without an end", flood(&format!("{chunked}0\r\n"), &header), ""),
        ("interim answers without an end", flood("", &interim), "header section"),
        ("large interim answers without an end", flood("", &hints), "header section"),
        ("nothing", say(""), "timeout"),
        ("an early end", Does::Close(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx".to_vec()), "terminated"),
        ("an end before the head", Does::Close(b"HTTP/1.1 200".to_vec()), "terminated"),
        ("no HTTP", Does::Close(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec()), "protocol"),
        ("two lengths", say("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok"), "protocol"),
        (
            "another protocol",
            say("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
            "upgrade",
        ),
    ];
    let rig = Rig::new(|limits| {
        limits.response = config::Size::mib(1);
        (limits.first_byte_time, limits.between_bytes_time) = (Duration::from_secs(1), Duration::from_secs(1));
    })
    .await;
    let tried = cases.len();
    for (what, does, told) in cases {
        let upstream = Upstream::start(does).await;
        let error = fetched(&rig, &upstream).await.map(|got| got.status).unwrap_err().to_string().to_lowercase();
        assert!(error.contains(told), "{what}: {error}");
        assert_eq!(rig.shared.pool.count(), 0, "{what}");
    }
    println!("{tried} bombs, each cut");
}

#[tokio::test]
async fn a_drip_ends_with_the_requests_time_and_a_pause_with_its_own() {
    let first = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
    let rig = rig().await;
    for (pause, told) in [(100, "HTTP response timeout"), (5000, "connection read timeout")] {
        let upstream = Upstream::start(Does::Drip(first.into(), b"x".to_vec(), Duration::from_millis(pause))).await;
        let began = Instant::now();
        let mut call = rig.call_for(Duration::from_millis(1500), "acme", &[&upstream.host()]);
        let error = send(&mut call, get(&upstream.url("/"))).await.unwrap_err().to_string();
        assert_eq!(error, told);
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn packed_answers_stay_packed_and_bodiless_ones_are_whole() {
    let packed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len());
    let rig = rig().await;
    let upstream = Upstream::start(Does::Say([head.as_bytes(), &packed].concat())).await;
    let got = fetched(&rig, &upstream).await.unwrap();
    assert_eq!((&got.body[..], got.headers["content-encoding"].to_str().unwrap()), (&packed[..], "gzip"));
    let hinted = format!("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n{FINE}");
    for (says, status) in
        [("HTTP/1.1 204 No Content\r\n\r\n", 204), ("HTTP/1.1 304 Not Modified\r\n\r\n", 304), (hinted.as_str(), 200)]
    {
        let upstream = Upstream::start(say(says)).await;
        assert_eq!(fetched(&rig, &upstream).await.unwrap().status, status);
    }
    let huge = Upstream::start(say("HTTP/1.1 200 OK\r\ncontent-length: 1099511627776\r\n\r\n")).await;
    let mut call = rig.call("acme", &[&huge.host()]);
    let mut request = get(&huge.url("/"));
    *request.method_mut() = http::Method::HEAD;
    assert_eq!(send(&mut call, request).await.unwrap().status, 200, "the answer to HEAD has no body");
}
