//! Who has their turn when many connect at once.

use std::io::Write;
use std::net::TcpStream as Caller;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use http_body_util::Empty;
use hyper::body::Bytes;

use super::*;

const LIMITS: Limits = Limits {
    header_time: Duration::from_secs(30),
    header_size: 16 << 10,
    headers: USUAL_HEADERS,
    idle_time: Duration::from_secs(30),
    write_time: Duration::from_secs(30),
    handshake_time: Duration::from_secs(30),
    connections: 200,
    connections_per_address: 200,
    drain: Duration::ZERO,
};

#[tokio::test]
async fn while_many_connect_those_who_are_connected_have_their_turn_in_between() {
    // In one poll tokio would take about twice as many.
    const MANY: u64 = 5 * AT_A_TIME;
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let callers: Vec<_> = (0..MANY)
        .map(|_| {
            let mut caller = Caller::connect(address).unwrap();
            caller.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            caller
        })
        .collect();
    let (answered, stop) = (Arc::new(AtomicU64::new(0)), Stop::default());
    let counting = Arc::clone(&answered);
    let handle = move |_| {
        counting.fetch_add(1, SeqCst);
        async { Response::new(Empty::<Bytes>::new()) }
    };
    let served = tokio::spawn(serve(listener, LIMITS, None, handle, stop.clone()));
    let (mut seen, mut most) = (0, 0);
    while seen < MANY {
        yield_now().await;
        let now = answered.load(SeqCst);
        most = most.max(now - seen);
        seen = now;
    }
    assert!(most <= 2 * AT_A_TIME, "{most} of {MANY} were answered before anybody else had their turn");
    stop.close();
    drop(callers);
    timeout(Duration::from_secs(10), served).await.expect("the listener does not end").unwrap();
}
