//! Measuring what bad company costs: a neighbour that loops, and ten times more calls than can be answered.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::crowd::{Crowd, Seen, at, compared, deploy};
use crate::node::Node;
use crate::processors::Parts;
use crate::say;

/// Interleaved, because a machine is not the same from one minute to the next.
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(6);

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
        let compared = compared(quiet, beside)?;
        say::line(&format!("  {hogs:>2} hogs: {compared}; {} calls of the hogs ended", ended.load(Relaxed)));
    }
    Ok(())
}

/// Goodput when ten times as many calls come as can be answered, against what can be answered. The callers have processors of
/// their own where there are two or more: ten times too many calls cost whoever makes them a processor, too.
#[expect(clippy::cast_precision_loss, reason = "counts of calls")]
pub(crate) fn overload(program: &std::path::Path) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let config = "[breaker]\nfaults = 0\n[edge]\nconnections-per-address = 2000\n";
    let parts = Parts::of_this_machine()?;
    parts.as_ref().map_or(Ok(()), Parts::enter_node)?;
    let node = Node::start(program, data.path(), config)?;
    deploy(&node, "busy", "chaos", &["behaviour=work", "turns=6000"])?;
    parts.as_ref().map_or(Ok(()), Parts::enter_callers)?;
    let shared = "sharing one processor".to_owned();
    let apart =
        |parts: &Parts| format!("on {} processors of their own, the node on {}", parts.counts.1, parts.counts.0);
    let places = parts.as_ref().map_or(shared, apart);
    say::line(&format!("a channel whose calls each compute for some milliseconds, its callers {places}:"));
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
