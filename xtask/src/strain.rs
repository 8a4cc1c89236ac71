//! Measuring what bad company costs: a neighbour that loops, and ten times more calls than can be answered.

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
        let (mut quiet, mut beside, mut ended) = (Seen::default(), Seen::default(), 0);
        for _ in 0..ROUNDS {
            quiet = quiet.join(good.call(ROUND)?);
            let (seen, hogs) = std::thread::scope(|scope| {
                let hogs = scope.spawn(|| bad.call(ROUND));
                (good.call(ROUND), hogs.join())
            });
            beside = beside.join(seen?);
            ended += hogs.map_err(|_| anyhow::anyhow!("a hog panicked"))??.other;
        }
        let compared = compared(quiet, beside)?;
        say::line(&format!("  {hogs:>2} hogs: {compared}; {ended} calls of the hogs ended"));
    }
    Ok(())
}

/// A channel's places, with 256 instances: with so many callers it does all that it can, and nobody waits for a place.
const PLACES: u32 = 32;
/// Enough that ten times too many calls come although some of them wait for an answer.
const PRESSING: u32 = 400;
/// Long enough that the moment in which the node learns of it is less than a hundredth.
const LONG_ROUND: Duration = Duration::from_secs(30);

/// Goodput, and the time of those who are let in, when ten times as many calls come as can be answered, against as many as can be.
/// The callers have processors of their own where there are two or more: ten times too many calls cost whoever makes them a
/// processor, too.
pub(crate) fn overload(program: &std::path::Path) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let config = "[breaker]\nfaults = 0\n[edge]\nconnections-per-address = 2000\n[guest]\ninstances = 256\n";
    let parts = Parts::of_this_machine()?;
    parts.as_ref().map_or(Ok(()), Parts::enter_node)?;
    let node = Node::start(program, data.path(), config)?;
    // The first takes little more than half of `guest.slice` on a slow machine, so that it does not get to the lane of idle priority,
    // where nothing is left over; the second ends there.
    let channels = [("short", "turns=4000"), ("long", "turns=20000")];
    for (channel, turns) in channels {
        deploy(&node, channel, "chaos", &["behaviour=work", turns])?;
    }
    parts.as_ref().map_or(Ok(()), Parts::enter_callers)?;
    let shared = "sharing one processor".to_owned();
    let apart =
        |parts: &Parts| format!("on {} processors of their own, the node on {}", parts.counts.1, parts.counts.0);
    let places = parts.as_ref().map_or(shared, apart);
    say::line(&format!("a channel with ten times too many calls, its callers {places}:"));
    for (channel, turns) in channels {
        let full = Crowd::new(&node, channel, "inventory_push", PLACES, Duration::ZERO);
        let capacity = per_second(full.call(LONG_ROUND)?.good.len());
        say::line(&format!("  calls that compute ({turns}), {capacity:.0}/s can be answered:"));
        let pause = Duration::from_secs_f64(f64::from(PRESSING) / (capacity * 10.0));
        let pressing = Crowd::new(&node, channel, "inventory_push", PRESSING, pause);
        for _ in 0..ROUNDS {
            say::line(&format!("    {}", pressed(&full.call(LONG_ROUND)?, &pressing.call(LONG_ROUND)?)));
            let began = Instant::now();
            answers_again(&node, channel)?;
            say::line(&format!("    answers again after {:.0?}", began.elapsed()));
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of calls")]
fn per_second(calls: usize) -> f64 {
    calls as f64 / LONG_ROUND.as_secs_f64()
}

/// What came of a round with too many calls, against one with as many as there are places.
fn pressed(full: &Seen, pressed: &Seen) -> String {
    let ratio = |percent| at(&pressed.good, percent).as_secs_f64() / at(&full.good, percent).as_secs_f64();
    let (capacity, goodput) = (per_second(full.good.len()), per_second(pressed.good.len()));
    let offered = per_second(pressed.good.len() + pressed.shed.len());
    format!(
        "{offered:.0}/s ({:.1}×) offered: goodput {capacity:.0} → {goodput:.0}/s ({:.2}×); p50 {} → {} ms ({:.2}×), p99 {} → {} ms ({:.2}×); turned away {} in p50 {:.1?}, p99 {:.1?}; otherwise {}",
        offered / capacity,
        goodput / capacity,
        at(&full.good, 50).as_millis(),
        at(&pressed.good, 50).as_millis(),
        ratio(50),
        at(&full.good, 99).as_millis(),
        at(&pressed.good, 99).as_millis(),
        ratio(99),
        pressed.shed.len(),
        at(&pressed.shed, 50),
        at(&pressed.shed, 99),
        pressed.other,
    )
}

/// Calls until one is answered.
fn answers_again(node: &Node, channel: &str) -> anyhow::Result<()> {
    let one = Crowd::new(node, channel, "inventory_push", 1, Duration::ZERO);
    let until = Instant::now() + Duration::from_secs(30);
    while one.call(Duration::from_millis(20))?.good.is_empty() {
        ensure!(Instant::now() < until, "the node does not recover");
    }
    Ok(())
}
