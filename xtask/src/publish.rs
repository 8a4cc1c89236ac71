//! How long it takes from the wish to activate a release to its first answer, with one channel and with thousands.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::node::Node;
use crate::{build, say};

const MANY: usize = 5000;
const SWAPS: usize = 100;
const CHANNEL: &str = "bench";
/// What the two releases answer, by the setting of this name.
const FANOUTS: [&str; 2] = ["no_fanout", "related_skus"];

pub(crate) fn run(programs: &Path) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let node = Node::start(&programs.join("wharf"), data.path(), "")?;
    let plugin = build::target().join("plugins/reference.wasm");
    node.wharf(&["channel", "create", CHANNEL, "--mode", "testing"])?;
    for fanout in FANOUTS {
        node.wharf(&["deploy", CHANNEL, &plugin.to_string_lossy(), "--set", &format!("sku_fanout={fanout}")])?;
    }
    say::line("from the wish to activate a release to its first answer, while one caller calls again and again:");
    measure(&node, 1)?;
    {
        let _step = say::step(&format!("making {} more channels", MANY - 1));
        let component = std::fs::read(&plugin)?;
        (1..MANY).try_for_each(|number| add(&node, &format!("c{number}"), &component))?;
    }
    measure(&node, MANY)
}

/// Another channel with the same component.
fn add(node: &Node, name: &str, component: &[u8]) -> anyhow::Result<()> {
    const BOUNDARY: &str = "bench-boundary";
    let url = format!("http://{}/v1/channels", node.admin);
    let bearer = format!("Bearer {}", node.token());
    let agent = ureq::Agent::new_with_defaults();
    agent.post(&url).header("authorization", &bearer).send_json(json!({ "name": name, "mode": "testing" }))?;
    let part = |name: &str| format!("\r\n--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
    // The component has passed its preflight once.
    let spec = format!("{}{}", part("spec"), json!({ "skip_preflight": true }));
    let form = [part("component").as_bytes(), component, spec.as_bytes(), b"\r\n--bench-boundary--\r\n"].concat();
    agent
        .post(format!("{url}/{name}/releases"))
        .header("authorization", &bearer)
        .content_type(format!("multipart/form-data; boundary={BOUNDARY}"))
        .send(&form[2..])?;
    Ok(())
}

fn measure(node: &Node, channels: usize) -> anyhow::Result<()> {
    let over = AtomicBool::new(false);
    let (told, first) = mpsc::channel();
    let (mut answered, mut published) = std::thread::scope(|scope| {
        let calling = scope.spawn(|| call_until(node, &over, &told));
        let swapped = swap(node, &first);
        over.store(true, Ordering::Relaxed);
        calling.join().map_err(|_| anyhow::anyhow!("the caller panicked"))??;
        swapped
    })?;
    answered.sort();
    published.sort();
    let ms = |times: &[Duration], percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1e3;
    say::line(&format!(
        "  {channels:>5} channels: first answer after {:>6.2} ms p50 {:>6.2} ms p99 | the wish is answered after {:>6.2} ms p50 {:>6.2} ms p99",
        ms(&answered, 50),
        ms(&answered, 99),
        ms(&published, 50),
        ms(&published, 99),
    ));
    Ok(())
}

/// Swaps again and again; gives how long the first answers took, and the answers to the wishes.
fn swap(node: &Node, first: &mpsc::Receiver<(String, Instant)>) -> anyhow::Result<(Vec<Duration>, Vec<Duration>)> {
    let url = format!("http://{}/v1/channels/{CHANNEL}/activate", node.admin);
    let bearer = format!("Bearer {}", node.token());
    let agent = ureq::Agent::new_with_defaults();
    let (mut answered, mut published) = (Vec::new(), Vec::new());
    let next = || first.recv_timeout(Duration::from_secs(30)).context("no answer of the new release");
    next()?;
    for swap in 0..SWAPS {
        // The second release is active at first, and again after every two swaps.
        let release = 1 + swap % 2;
        let began = Instant::now();
        let wish = json!({ "release": release, "wait": false });
        agent.post(&url).header("authorization", &bearer).send_json(wish)?.body_mut().read_to_vec()?;
        published.push(began.elapsed());
        let (fanout, at) = next()?;
        if fanout != FANOUTS[release - 1] {
            bail!("release {release} was activated, and {fanout} was answered");
        }
        answered.push(at.saturating_duration_since(began));
    }
    Ok((answered, published))
}

/// Calls over one connection, and tells when another release answers than before.
fn call_until(node: &Node, over: &AtomicBool, told: &mpsc::Sender<(String, Instant)>) -> anyhow::Result<()> {
    let url = format!("{}/catalog_get_config_v1", node.base(CHANNEL));
    let body = json!({ "integration_auth_token": "RETAILOPS_SDK", "action": "catalog_get_config", "version": 1, "client_id": 1, "channel_info": { "id": 1 } }).to_string();
    let agent = ureq::Agent::new_with_defaults();
    let mut before = String::new();
    while !over.load(Ordering::Relaxed) {
        let answer = agent.post(&url).content_type("application/json").send(&body)?.body_mut().read_to_vec()?;
        let at = Instant::now();
        let answer: Value = serde_json::from_slice(&answer)?;
        let fanout = answer["sku_fanout"].as_str().context("an unexpected answer")?;
        if fanout != before {
            fanout.clone_into(&mut before);
            told.send((before.clone(), at))?;
        }
    }
    Ok(())
}
