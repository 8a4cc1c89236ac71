//! Measuring what bad company costs: a neighbour that loops, and ten times more calls than can be answered.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use crate::node::Node;
use crate::{build, say};

/// Interleaved, because a machine is not the same from one minute to the next.
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(6);

/// What one kind of caller saw.
#[derive(Default)]
struct Seen {
    /// How long each call took that was answered with 200.
    good: Vec<Duration>,
    /// How long each call took that was turned away with 503 or 429.
    shed: Vec<Duration>,
    other: u64,
}

impl Seen {
    fn join(mut self, mut more: Self) -> Self {
        self.good.append(&mut more.good);
        self.shed.append(&mut more.shed);
        self.other += more.other;
        self
    }

    fn sorted(mut self) -> Self {
        self.good.sort();
        self.shed.sort();
        self
    }
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// A crowd: so many callers, each with a connection of its own, each calling once every `pause` whatever the answers do.
struct Crowd {
    url: String,
    body: String,
    callers: u32,
    pause: Duration,
}

impl Crowd {
    fn new(node: &Node, channel: &str, interaction: &str, callers: u32, pause: Duration) -> Self {
        let body = json!({
            "integration_auth_token": "RETAILOPS_SDK", "action": interaction, "version": 1, "client_id": 1,
            "channel_info": { "id": 1 }, "inventory_updates": [{ "sku": "A", "quantity_available": 1 }],
        });
        Self { url: format!("{}/{interaction}_v1", node.base(channel)), body: body.to_string(), callers, pause }
    }

    fn caller(&self, over: &AtomicBool, offset: u32) -> Seen {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent: ureq::Agent = config.timeout_global(Some(Duration::from_secs(30))).build().into();
        let mut seen = Seen::default();
        let mut next = Instant::now() + self.pause.mul_f64(f64::from(offset) / f64::from(self.callers));
        while !over.load(Relaxed) {
            #[expect(clippy::disallowed_methods, reason = "a caller that waits for its turn")]
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            next += self.pause;
            let began = Instant::now();
            let answer = agent.post(&self.url).content_type("application/json").send(&self.body);
            let status = answer.and_then(|mut answer| {
                answer.body_mut().read_to_string()?;
                Ok(answer.status().as_u16())
            });
            match status {
                Ok(200) => seen.good.push(began.elapsed()),
                Ok(503 | 429) => seen.shed.push(began.elapsed()),
                _ => seen.other += 1,
            }
        }
        seen
    }

    /// Calls for so long.
    fn call(&self, time: Duration) -> Seen {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let over = &over;
            let callers: Vec<_> =
                (0..self.callers).map(|offset| scope.spawn(move || self.caller(over, offset))).collect();
            #[expect(clippy::disallowed_methods, reason = "the round takes its time")]
            std::thread::sleep(time);
            over.store(true, Relaxed);
            let seen = callers.into_iter().filter_map(|caller| caller.join().ok());
            seen.fold(Seen::default(), Seen::join).sorted()
        })
    }
}

/// What a neighbour that loops does to a channel that behaves: its p50 and p99, as a ratio to those without.
pub(crate) fn neighbour(program: &std::path::Path) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let node = Node::start(program, data.path(), "[breaker]\nfaults = 0\n")?;
    deploy(&node, "good", "echo", &[])?;
    deploy(&node, "bad", "chaos", &["behaviour=spin"])?;
    let good = Crowd::new(&node, "good", "inventory_push", 8, Duration::from_millis(80));
    say::line(
        "a channel with 100 calls/s beside callers of another whose component loops until its processor time is over:",
    );
    for hogs in [1, 4, 16] {
        let bad = Crowd::new(&node, "bad", "order_pull", hogs, Duration::ZERO);
        let (mut quiet, mut beside, ended) = (Seen::default(), Seen::default(), AtomicU64::new(0));
        for _ in 0..ROUNDS {
            quiet = quiet.join(good.call(ROUND));
            let seen = std::thread::scope(|scope| {
                scope.spawn(|| ended.fetch_add(bad.call(ROUND).other, Relaxed));
                good.call(ROUND)
            });
            beside = beside.join(seen);
        }
        let (quiet, beside) = (quiet.sorted(), beside.sorted());
        ensure!(beside.other == 0 && beside.shed.is_empty(), "a call of the neighbour failed");
        let ratio = |percent| at(&beside.good, percent).as_secs_f64() / at(&quiet.good, percent).as_secs_f64();
        say::line(&format!(
            "  {hogs:>2} hogs: p50 {:>9.2?} → {:>9.2?} ({:.2}×)   p99 {:>9.2?} → {:>9.2?} ({:.2}×)   {} calls, 0 failed; {} calls of the hogs ended",
            at(&quiet.good, 50),
            at(&beside.good, 50),
            ratio(50),
            at(&quiet.good, 99),
            at(&beside.good, 99),
            ratio(99),
            beside.good.len(),
            ended.load(Relaxed),
        ));
    }
    Ok(())
}

/// Goodput when ten times as many calls come as can be answered, against what can be answered.
#[expect(clippy::cast_precision_loss, reason = "counts of calls")]
pub(crate) fn overload(program: &std::path::Path) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let config = "[breaker]\nfaults = 0\n[edge]\nconnections-per-address = 2000\n";
    let node = Node::start(program, data.path(), config)?;
    deploy(&node, "busy", "chaos", &["behaviour=work", "turns=6000"])?;
    say::line("a channel whose calls each compute for some milliseconds:");
    let per_second = |seen: &Seen| seen.good.len() as f64 / ROUND.as_secs_f64();
    let full = Crowd::new(&node, "busy", "inventory_push", 8, Duration::ZERO);
    let once = full.call(ROUND);
    let capacity = per_second(&once);
    let crowd = 400;
    let pause = Duration::from_secs_f64(f64::from(crowd) / (capacity * 10.0));
    let pressing = Crowd::new(&node, "busy", "inventory_push", crowd, pause);
    for _ in 0..ROUNDS {
        let (full, pressed) = (full.call(ROUND), pressing.call(ROUND));
        let offered = (pressed.good.len() + pressed.shed.len()) as f64 / ROUND.as_secs_f64();
        let began = Instant::now();
        let after = full_again(&node)?;
        say::line(&format!(
            "  capacity {:.0}/s (p99 {:.1?}); offered {offered:.0}/s: goodput {:.0}/s ({:.2} of capacity), p50 {:.1?}, p99 {:.1?}, turned away {} in p50 {:.1?}, p99 {:.1?}, otherwise {}; answers again after {:.0?} ({after})",
            per_second(&full),
            at(&full.good, 99),
            per_second(&pressed),
            per_second(&pressed) / per_second(&full),
            at(&pressed.good, 50),
            at(&pressed.good, 99),
            pressed.shed.len(),
            at(&pressed.shed, 50),
            at(&pressed.shed, 99),
            pressed.other,
            began.elapsed(),
        ));
    }
    Ok(())
}

/// Calls until one is answered.
fn full_again(node: &Node) -> anyhow::Result<u16> {
    let one = Crowd::new(node, "busy", "inventory_push", 1, Duration::ZERO);
    let until = Instant::now() + Duration::from_secs(30);
    while one.call(Duration::from_millis(20)).good.is_empty() {
        ensure!(Instant::now() < until, "the node does not recover");
    }
    Ok(200)
}

fn deploy(node: &Node, channel: &str, plugin: &str, settings: &[&str]) -> anyhow::Result<()> {
    let file = build::target().join("plugins").join(format!("{plugin}.wasm"));
    node.wharf(&["channel", "create", channel, "--mode", "testing"])?;
    let mut args =
        vec!["deploy".to_owned(), channel.to_owned(), file.display().to_string(), "--skip-preflight".to_owned()];
    for setting in settings {
        args.extend(["--set".to_owned(), (*setting).to_owned()]);
    }
    node.wharf(&args.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(())
}
