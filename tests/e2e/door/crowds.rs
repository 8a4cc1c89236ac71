//! More connections than there are places for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{last_words, still_serves};
use crate::host::{Host, SOON, serve, wait_for};
use crate::wire;

const GET: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/// A connection that has been answered once, and stays.
fn guest(address: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket.write_all(GET).unwrap();
    assert!(socket.read(&mut [0; 512]).unwrap() > 0, "nobody answers");
    socket
}

/// Whether this connection is answered.
fn is_answered(address: &str) -> bool {
    let Ok(mut socket) = TcpStream::connect(address) else { return false };
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    socket.write_all(GET).is_ok() && socket.read(&mut [0; 512]).is_ok_and(|count| count > 0)
}

#[test]
fn one_address_has_so_many_connections_and_no_more() {
    let host = Host::with_config("[edge]\nconnections-per-address = 3\n");
    let mut guests: Vec<_> = (0..3).map(|_| guest(&host.edge)).collect();
    for _ in 0..20 {
        let (said, after) = last_words(TcpStream::connect(&host.edge).unwrap());
        assert!(said.is_empty() && after < Duration::from_secs(5), "{said} after {after:?}");
    }
    for guest in &mut guests {
        guest.write_all(GET).unwrap();
        assert!(guest.read(&mut [0; 512]).unwrap() > 0);
    }
    guests.pop();
    wait_for("the place to be free", || is_answered(&host.edge));
}

#[test]
fn further_connections_wait_for_a_place() {
    let host = Host::with_config("[edge]\nconnections = 3\n[admin]\nconnections = 2\n");
    for (address, places) in [(&host.edge, 3), (&host.admin, 2)] {
        let mut guests: Vec<_> = (0..places).map(|_| guest(address)).collect();
        let mut waiting = TcpStream::connect(address).unwrap();
        waiting.write_all(GET).unwrap();
        waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        assert!(waiting.read(&mut [0; 512]).is_err(), "it was answered although all places are taken");
        guests.pop();
        waiting.set_read_timeout(Some(SOON)).unwrap();
        assert!(waiting.read(&mut [0; 512]).unwrap() > 0);
    }
}

#[test]
fn a_node_without_file_handles_recovers_when_it_has_some_again() {
    let data = Arc::new(tempfile::tempdir().unwrap());
    let served = serve(data.path(), None);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 80; exec \"$0\" \"$@\""]).arg(served.get_program()).args(served.get_args());
    let host = Host::started_by(command, data, None);
    for round in 0..2 {
        let crowd: Vec<_> = (0..120).map(|_| TcpStream::connect(&host.edge).unwrap()).collect();
        wait_for("the handles to be used up", || host.log().matches("cannot accept connections").count() > round);
        assert!(!is_answered(&host.edge), "there are handles left");
        drop(crowd);
        wait_for("the edge to answer again", || is_answered(&host.edge));
        wait_for("the log to say so", || host.log().matches("accepted again").count() > round);
    }
    let told = host.log().matches("cannot accept connections").count();
    assert!(told <= 6, "it was told {told} times");
    host.serving("acme", "echo", &[]);
    still_serves(&host);
}

#[test]
fn an_administrator_is_answered_while_the_edge_is_full_and_burns() {
    let host = Host::with_config("[edge]\nconnections = 60\n[call]\nsdk-deadline = \"6s\"\n");
    host.serving("acme", "echo", &[]);
    host.serving("hog", "chaos", &["behaviour=spin"]);
    std::thread::scope(|scope| {
        let hogs: Vec<_> =
            (0..8).map(|_| scope.spawn(|| host.sdk("hog", "inventory_push", json!({})).status)).collect();
        let slow: Vec<_> = (0..60)
            .map(|_| {
                let mut socket = TcpStream::connect(&host.edge).unwrap();
                socket.write_all(b"POST / HTTP/1.1\r\nx: ").unwrap();
                socket
            })
            .collect();
        assert!(!is_answered(&host.edge), "the edge has places left");
        let (mut times, bearer) = (Vec::new(), format!("Bearer {}", host.token));
        for path in ["/healthz", "/v1/status", "/v1/channels", "/v1/channels/hog/calls"].repeat(5) {
            let began = Instant::now();
            let answer = wire::send("GET", &format!("http://{}{path}", host.admin), &[("authorization", &bearer)], "");
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            times.push(began.elapsed());
        }
        times.sort_unstable();
        println!(
            "{} questions of an administrator while the edge is full: at most {:?}",
            times.len(),
            times[times.len() - 1]
        );
        assert!(times[times.len() - 1] < Duration::from_secs(5), "{times:?}");
        drop(slow);
        for hog in hogs {
            assert!(hog.join().unwrap() >= 429);
        }
    });
    wait_for("the edge to answer again", || is_answered(&host.edge));
}
