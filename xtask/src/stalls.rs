//! Measuring what callers that make the node wait cost those that do not.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::ensure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::crowd::{Crowd, Seen, compared, deploy};
use crate::node::Node;
use crate::processors::Parts;
use crate::say;

/// Interleaved, because a machine is not the same from one minute to the next.
const ROUNDS: usize = 3;
/// Long enough to cut off all: who was turned away may wait idle for the limit, then send a head for the limit.
const ROUND: Duration = Duration::from_secs(10);
/// In each are four slow heads, a slow body, and perhaps a large answer.
const GROUPS: u32 = 500;
/// As long as it takes to open them one by one.
const SPREAD: Duration = Duration::from_secs(2);
/// Each slow caller goes on once a second, spread over so many steps: all at once would be a flood, which is measured elsewhere.
const STEPS: usize = 100;

/// So short that every slow caller of a round is cut off within it.
const CONFIG: &str = "[breaker]\nfaults = 0\n[edge]\nconnections-per-address = 4096\nheader-time = \"3s\"\nbody-time = \"3s\"\nwrite-time = \"3s\"\nidle-time = \"3s\"\n";

/// A connection that goes on slowly.
struct Slow {
    began: Instant,
    socket: TcpStream,
    drip: &'static [u8],
    reads: bool,
}

impl Slow {
    fn new(edge: &str, first: &[u8], drip: &'static [u8], reads: bool) -> std::io::Result<Self> {
        let began = Instant::now();
        let mut socket = TcpStream::connect(edge)?;
        socket.write_all(first)?;
        socket.set_nonblocking(true)?;
        Ok(Self { began, socket, drip, reads })
    }

    /// Goes on; whether the node has not cut it off yet.
    fn goes_on(&mut self) -> bool {
        let open = |result: std::io::Result<usize>| match result {
            Ok(count) => count > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        open(self.socket.write(self.drip)) && (!self.reads || open(self.socket.read(&mut [0; 512])))
    }
}

/// What becomes of the large answers that are asked for beside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Large {
    /// None is asked for.
    None,
    /// They are read: what is left is what they cost to compute.
    Read,
    /// Nobody reads them.
    Unread,
}

/// An attack, all of it opened within so long.
#[derive(Clone, Copy)]
struct Attack {
    large: Large,
    opened: Duration,
}

/// Asks, and reads all that comes until the node closes the connection, as it does with one that is idle.
fn read(edge: &str, request: &[u8]) -> std::io::Result<()> {
    let mut socket = TcpStream::connect(edge)?;
    socket.write_all(request)?;
    let mut piece = vec![0; 1 << 16];
    while socket.read(&mut piece)? > 0 {}
    Ok(())
}

/// Opens all of them, then goes on for as long as the round takes; how long the one lasted that lasted longest. `large` is a
/// request for an answer that is too long to be left in the kernel's buffers.
fn stall(edge: &str, attack: Attack, large: &[u8], over: &AtomicBool) -> anyhow::Result<Duration> {
    let head = || Slow::new(edge, b"POST / HTTP/1.1\r\nx: ", b"a", true);
    let body = b"POST /channels/good/inventory_push_v1 HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{";
    let (mut slow, mut due) = (Vec::new(), Instant::now());
    for _ in 0..GROUPS {
        due += attack.opened / GROUPS;
        #[expect(clippy::disallowed_methods, reason = "slow callers take their time")]
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for _ in 0..4 {
            slow.push(head()?);
        }
        slow.push(Slow::new(edge, body, b" ", true)?);
        match attack.large {
            Large::None => {}
            Large::Read => {
                let (edge, large) = (edge.to_owned(), large.to_vec());
                std::thread::spawn(move || read(&edge, &large));
            }
            Large::Unread => slow.push(Slow::new(edge, large, b"\r", false)?),
        }
    }
    let mut slow: Vec<_> = slow.into_iter().enumerate().collect();
    let mut longest = Duration::ZERO;
    let mut steps = (0..STEPS).cycle();
    while let Some(step) = steps.next()
        && !slow.is_empty()
        && !over.load(Relaxed)
    {
        #[expect(clippy::disallowed_methods, reason = "slow callers take their time")]
        std::thread::sleep(Duration::from_millis(1000 / STEPS as u64));
        slow.retain_mut(|(number, one)| {
            let goes_on = *number % STEPS != step || one.goes_on();
            longest = longest.max(one.began.elapsed());
            goes_on
        });
    }
    ensure!(slow.is_empty(), "{} slow callers were not cut off within {longest:?}", slow.len());
    Ok(longest)
}

/// What slow callers do to a channel with 200 calls per second: its p50 and p99, as a ratio to those without; beside those who
/// send slowly, and beside large answers as well, which are read or not; opened one by one, and as fast as it goes.
pub(crate) fn run(program: &std::path::Path) -> anyhow::Result<()> {
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum })?;
    let data = tempfile::tempdir()?;
    let parts = Parts::of_this_machine()?;
    parts.as_ref().map_or(Ok(()), Parts::enter_node)?;
    let node = Node::start(program, data.path(), CONFIG)?;
    deploy(&node, "good", "echo", &[])?;
    deploy(&node, "large", "chaos", &["behaviour=huge-answer", "megabytes=1"])?;
    parts.as_ref().map_or(Ok(()), Parts::enter_callers)?;
    for opened in [SPREAD, Duration::ZERO] {
        for large in [Large::None, Large::Read, Large::Unread] {
            beside(&node, Attack { large, opened })?;
        }
    }
    Ok(())
}

fn beside(node: &Node, attack: Attack) -> anyhow::Result<()> {
    let good = Crowd::new(node, "good", "inventory_push", 16, Duration::from_millis(80));
    let large = Crowd::new(node, "large", "inventory_push", 1, Duration::ZERO).head_and_body();
    let (mut quiet, mut beside, mut last) = (Seen::default(), Seen::default(), Duration::ZERO);
    for _ in 0..ROUNDS {
        quiet = quiet.join(good.call(ROUND));
        let over = AtomicBool::new(false);
        let (seen, lasted) = std::thread::scope(|scope| {
            let slow = scope.spawn(|| stall(&node.edge, attack, large.as_bytes(), &over));
            let seen = good.call(ROUND);
            over.store(true, Relaxed);
            (seen, slow.join())
        });
        beside = beside.join(seen);
        last = last.max(lasted.map_err(|_| anyhow::anyhow!("a slow caller panicked"))??);
    }
    let compared = compared(quiet, beside)?;
    let Attack { large, opened } = attack;
    let large = match large {
        Large::None => "no large answers".to_owned(),
        Large::Read => format!("{GROUPS} answers of 1 MiB that are read"),
        Large::Unread => format!("{GROUPS} answers of 1 MiB that nobody reads"),
    };
    say::line(&format!(
        "a channel with 200 calls/s beside {} slow heads, {GROUPS} slow bodies and {large}, all opened within {opened:?}, each slow one cut off after {last:.1?} at the latest (limit 3s for each thing that it makes wait for):\n  {compared}",
        4 * GROUPS,
    ));
    Ok(())
}
