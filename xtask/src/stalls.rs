//! Measuring what callers that make the node wait cost those that do not.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::ensure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::crowd::{Crowd, Seen, compared, deploy};
use crate::node::Node;
use crate::processors::Parts;
use crate::say;

/// Interleaved, because a machine is not the same from one minute to the next.
const ROUNDS: usize = 3;
/// Long enough to cut off all: who was turned away may wait idle for the limit, then send a head for the limit.
const ROUND: Duration = Duration::from_secs(10);
/// In each are four slow heads, a slow body, and perhaps a long answer.
const GROUPS: u32 = 500;
/// What a caller takes in who reads slowly: 128 KiB then stay in the node's buffers, and an answer of 256 KiB is left standing.
const WINDOW: usize = 1 << 10;
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
    fn new(edge: &str, first: &[u8], drip: &'static [u8], reads: bool) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut socket = if reads { TcpStream::connect(edge)? } else { narrow(edge)? };
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

/// A connection whose own end takes little in.
fn narrow(address: &str) -> anyhow::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_recv_buffer_size(WINDOW)?;
    socket.connect(&address.parse::<SocketAddr>()?.into())?;
    Ok(socket.into())
}

/// Long answers that are asked for beside.
#[derive(Clone, Copy)]
struct Long {
    /// The channel that gives them.
    channel: &'static str,
    kib: u32,
    /// Whether they are read: what is left then is what they cost to compute.
    read: bool,
}

/// An attack, all of it opened within so long.
#[derive(Clone, Copy)]
struct Attack {
    long: Option<Long>,
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

/// Opens all of them, then goes on for as long as the round takes; how long the one lasted that lasted longest. `asks` is a
/// request for the long answer.
fn stall(edge: &str, attack: Attack, asks: &[u8], over: &AtomicBool) -> anyhow::Result<Duration> {
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
        match attack.long {
            None => {}
            Some(Long { read: true, .. }) => {
                let (edge, asks) = (edge.to_owned(), asks.to_vec());
                std::thread::spawn(move || read(&edge, &asks));
            }
            Some(Long { read: false, .. }) => slow.push(Slow::new(edge, asks, b"\r", false)?),
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
/// send slowly, and beside long answers as well, which are read or not; opened one by one, and as fast as it goes.
pub(crate) fn run(program: &std::path::Path) -> anyhow::Result<()> {
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum })?;
    let data = tempfile::tempdir()?;
    let parts = Parts::of_this_machine()?;
    parts.as_ref().map_or(Ok(()), Parts::enter_node)?;
    let node = Node::start(program, data.path(), CONFIG)?;
    deploy(&node, "good", "echo", &[])?;
    for (channel, size) in [("long", "kilobytes=256"), ("longer", "kilobytes=1024")] {
        deploy(&node, channel, "chaos", &["behaviour=huge-answer", size])?;
    }
    parts.as_ref().map_or(Ok(()), Parts::enter_callers)?;
    let long = |read| Some(Long { channel: "long", kib: 256, read });
    let longer = Some(Long { channel: "longer", kib: 1024, read: false });
    for opened in [SPREAD, Duration::ZERO] {
        for long in [None, long(true), long(false), longer] {
            beside(&node, Attack { long, opened })?;
        }
    }
    Ok(())
}

fn beside(node: &Node, attack: Attack) -> anyhow::Result<()> {
    let Attack { long, opened } = attack;
    let good = Crowd::new(node, "good", "inventory_push", 16, Duration::from_millis(80));
    let asks = long.map_or_else(Vec::new, |long| {
        Crowd::new(node, long.channel, "inventory_push", 1, Duration::ZERO).head_and_body()
    });
    let (mut quiet, mut beside, mut last) = (Seen::default(), Seen::default(), Duration::ZERO);
    for _ in 0..ROUNDS {
        quiet = quiet.join(good.call(ROUND)?);
        let over = AtomicBool::new(false);
        let (seen, lasted) = std::thread::scope(|scope| {
            let slow = scope.spawn(|| stall(&node.edge, attack, &asks, &over));
            let seen = good.call(ROUND);
            over.store(true, Relaxed);
            (seen, slow.join())
        });
        beside = beside.join(seen?);
        last = last.max(lasted.map_err(|_| anyhow::anyhow!("a slow caller panicked"))??);
    }
    let compared = compared(quiet, beside)?;
    let long = match long {
        None => "no long answers".to_owned(),
        Some(Long { kib, read: true, .. }) => format!("{GROUPS} answers of {kib} KiB that are read"),
        Some(Long { kib, read: false, .. }) => format!("{GROUPS} answers of {kib} KiB that nobody reads"),
    };
    say::line(&format!(
        "a channel with 200 calls/s beside {} slow heads, {GROUPS} slow bodies and {long}, all opened within {opened:?}, each slow one cut off after {last:.1?} at the latest (limit 3s for each thing that it makes wait for):\n  {compared}",
        4 * GROUPS,
    ));
    Ok(())
}
