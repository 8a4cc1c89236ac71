//! Measuring what the sandbox costs. Machines are noisy, so everything is a ratio within one run, several rounds, interleaved.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::node::Node;
use crate::{build, publish, say, stalls, strain};

const ROUNDS: usize = 5;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum What {
    /// A call, against the same handler written natively.
    Latency,
    /// Start-up time and memory with many channels.
    Channels,
    /// From the wish to activate a release to its first answer.
    Publish,
    /// A channel that behaves, beside one whose component loops.
    Neighbour,
    /// Ten times more calls than can be answered.
    Overload,
    /// A channel beside callers that make the node wait.
    Stalls,
}

pub(crate) fn run(what: Option<What>, requests: usize) -> anyhow::Result<()> {
    // In one go: built apart, cargo would compile the host twice for different sets of features.
    let programs = build::release(&["wharf"], &["--bins", "--example", "native_inventory"])?;
    build::plugins()?;
    let wanted = |one| what.is_none_or(|what| what == one);
    if wanted(What::Latency) {
        latency(&programs, requests)?;
    }
    if wanted(What::Channels) {
        channels(&programs)?;
    }
    if wanted(What::Publish) {
        publish::run(&programs)?;
    }
    if wanted(What::Neighbour) {
        strain::neighbour(&programs.join("wharf"))?;
    }
    if wanted(What::Overload) {
        strain::overload(&programs.join("wharf"))?;
    }
    if wanted(What::Stalls) {
        stalls::run(&programs.join("wharf"))?;
    }
    Ok(())
}

/// Median and 99th percentile of one keep-alive connection.
struct Latency {
    median: Duration,
    p99: Duration,
}

fn latency(programs: &Path, requests: usize) -> anyhow::Result<()> {
    let (data, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let wharf = Node::start(&programs.join("wharf"), data.path(), "")?;
    let native = Node::start(&programs.join("examples/native_inventory"), other.path(), "")?;
    wharf.wharf(&["channel", "create", "bench", "--mode", "testing"])?;
    wharf.wharf(&["deploy", "bench", &build::target().join("plugins/echo.wasm").to_string_lossy()])?;
    say::line("inventory_push, one connection, the echo plugin against the same handler written natively:");
    for updates in [1, 100] {
        let body = body(updates);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            theirs.push(measure(&native, &body, requests)?);
            ours.push(measure(&wharf, &body, requests)?);
        }
        let (ours, theirs) = (middle(ours), middle(theirs));
        say::line(&format!(
            "  {updates:>3} updates: wharf {:>6.1} µs p50 {:>7.1} µs p99 | native {:>6.1} µs p50 {:>7.1} µs p99 | ratio {:.2} p50 {:.2} p99",
            micros(ours.median),
            micros(ours.p99),
            micros(theirs.median),
            micros(theirs.p99),
            micros(ours.median) / micros(theirs.median),
            micros(ours.p99) / micros(theirs.p99),
        ));
    }
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The round in the middle, by its median.
fn middle(mut rounds: Vec<Latency>) -> Latency {
    rounds.sort_by_key(|round| round.median);
    let at = rounds.len() / 2;
    rounds.swap_remove(at)
}

fn body(updates: usize) -> String {
    let detail = json!({ "quantity_type": "internal", "available_quantity": 9, "total_quantity": 18, "facility_name": "San Diego", "vendor_name": "", "po": "" });
    let updates: Vec<Value> = (0..updates)
        .map(|n| json!({ "sku": format!("S{n:05}"), "quantity_available": n, "quantity_detail": [detail] }))
        .collect();
    json!({ "action": "inventory_push", "channel_info": { "id": 21 }, "client_id": 497, "integration_auth_token": "RETAILOPS_SDK", "inventory_updates": updates, "version": 1 }).to_string()
}

fn measure(node: &Node, body: &str, requests: usize) -> anyhow::Result<Latency> {
    let url = format!("{}/inventory_push_v1", node.base("bench"));
    let agent = ureq::Agent::new_with_defaults();
    let mut times = Vec::with_capacity(requests);
    for n in 0..requests + requests / 10 {
        let began = Instant::now();
        let answer = agent.post(&url).content_type("application/json").send(body)?.body_mut().read_to_vec()?;
        let time = began.elapsed();
        ensure!(answer.starts_with(b"{\"events\":[{"), "an unexpected answer: {}", String::from_utf8_lossy(&answer));
        // The first tenth warms up.
        if n >= requests / 10 {
            times.push(time);
        }
    }
    times.sort();
    Ok(Latency { median: times[times.len() / 2], p99: times[times.len() * 99 / 100] })
}

/// Start-up time and memory with one and with a thousand channels.
fn channels(programs: &Path) -> anyhow::Result<()> {
    const MANY: u64 = 1000;
    let data = tempfile::tempdir()?;
    let program = programs.join("wharf");
    let echo = build::target().join("plugins/echo.wasm");
    let mut node = Node::start(&program, data.path(), "")?;
    node.wharf(&["channel", "create", "c0", "--mode", "testing"])?;
    node.wharf(&["deploy", "c0", &echo.to_string_lossy()])?;
    drop(node);
    node = Node::start(&program, data.path(), "")?;
    let (one_start, one_memory) = (node.started_in, node.memory()?);
    {
        let _step = say::step("making 999 more channels");
        let component = std::fs::read(&echo).context("no echo plugin")?;
        let agent = ureq::Agent::new_with_defaults();
        let bearer = format!("Bearer {}", node.token());
        for n in 1..MANY {
            let url = format!("http://{}/v1/channels", node.admin);
            agent
                .post(&url)
                .header("authorization", &bearer)
                .send_json(json!({ "name": format!("c{n}"), "mode": "testing" }))?;
            agent
                .post(format!("{url}/c{n}/releases"))
                .header("authorization", &bearer)
                .content_type("application/wasm")
                .send(&component)?;
        }
    }
    drop(node);
    node = Node::start(&program, data.path(), "")?;
    let (many_start, many_memory) = (node.started_in, node.memory()?);
    say::line(&format!(
        "start-up: {:.0} ms with 1 channel, {:.0} ms with {MANY}",
        one_start.as_secs_f64() * 1e3,
        many_start.as_secs_f64() * 1e3
    ));
    let per_channel = many_memory.saturating_sub(one_memory) * 1024 / (MANY - 1);
    say::line(&format!(
        "memory: {one_memory} KiB with 1 channel, {many_memory} KiB with {MANY}: {per_channel} bytes for each idle channel"
    ));
    Ok(())
}
