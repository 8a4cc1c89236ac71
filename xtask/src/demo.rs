//! The main job on real input: a channel that answers, is verified, and is swapped while it is being called.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::node::Node;
use crate::{build, say};

const CHANNEL: &str = "demo";

pub(crate) fn run(exit: bool) -> anyhow::Result<()> {
    let programs = build::release(&["wharf"], &["--bins"])?;
    build::plugins()?;
    let data = tempfile::Builder::new().prefix("wharf-demo-").tempdir()?;
    // The platform's own words for a payment are not public; a demo has to invent some.
    let config = "[notification.payment-status]\npaid = \"Paid\"\ndeclined = \"Declined\"\npending = \"Pending\"\n";
    let node = {
        let _step = say::step("starting Wharf on free ports");
        Node::start(&programs.join("wharf"), data.path(), config)?
    };
    let plugin = build::target().join("plugins/reference.wasm");
    let keys = deploy_first(&node, &plugin)?;
    verify(&node, &keys)?;
    swap_under_calls(&node, &plugin)?;
    let page = payment_page(&node, &keys)?;
    if exit {
        say::line("all checks passed");
        return Ok(());
    }
    introduce(&node, &keys, &page);
    node.wait()
}

fn deploy_first(node: &Node, plugin: &Path) -> anyhow::Result<Value> {
    let _step = say::step("creating the channel and deploying the reference plugin");
    let keys = node.wharf(&["channel", "create", CHANNEL, "--mode", "testing"])?;
    let deployed =
        node.wharf(&["deploy", CHANNEL, &plugin.to_string_lossy(), "--set", "orders=3", "--note", "first release"])?;
    say::line(&format!("    release {} of channel {CHANNEL} is active", deployed["release"]));
    Ok(keys)
}

fn verify(node: &Node, keys: &Value) -> anyhow::Result<()> {
    let _step = say::step("verifying it as the platforms would call it");
    let base = node.base(CHANNEL);
    let key = keys["notification_key"].as_str().context("no notification key")?;
    build::run(&mut node.command(&["verify", "--base-url", &base, "--notification-key", key]))
}

/// Calls the channel from two threads while a second release goes live; every call must be answered, by one of the two.
fn swap_under_calls(node: &Node, plugin: &Path) -> anyhow::Result<()> {
    let _step = say::step("swapping it for a second release while it is being called");
    let stop = AtomicBool::new(false);
    let (first, second) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let release = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..2).map(|_| scope.spawn(|| call_until(node, &stop, &first, &second))).collect();
        let swapped = swap(node, plugin, &first, &second);
        stop.store(true, Ordering::Relaxed);
        for caller in callers {
            caller.join().map_err(|_| anyhow::anyhow!("a caller panicked"))??;
        }
        swapped
    })?;
    let (first, second) = (first.load(Ordering::Relaxed), second.load(Ordering::Relaxed));
    ensure!(first > 0 && second > 0, "both releases should have answered: {first} and {second}");
    say::line(&format!("    {first} calls answered by release 1, {second} by release {release}, none lost"));
    Ok(())
}

/// Deploys the second release in the middle of the calls.
fn swap(node: &Node, plugin: &Path, first: &AtomicUsize, second: &AtomicUsize) -> anyhow::Result<Value> {
    enough(first, "first")?;
    let plugin = plugin.to_string_lossy();
    let settings = ["--set", "orders=3", "--set", "sku_fanout=related_skus", "--note", "second release"];
    let deployed = node.wharf(&[&["deploy", CHANNEL, &*plugin], &settings[..]].concat())?;
    enough(second, "second")?;
    Ok(deployed["release"].clone())
}

/// Waits until a release has answered some calls.
fn enough(calls: &AtomicUsize, which: &str) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(30);
    while calls.load(Ordering::Relaxed) < 500 {
        ensure!(Instant::now() < until, "the {which} release did not answer 500 calls within 30 s");
        std::thread::yield_now();
    }
    Ok(())
}

fn call_until(node: &Node, stop: &AtomicBool, first: &AtomicUsize, second: &AtomicUsize) -> anyhow::Result<()> {
    let url = format!("{}/catalog_get_config_v1", node.base(CHANNEL));
    let body = json!({ "integration_auth_token": "RETAILOPS_SDK", "action": "catalog_get_config", "version": 1, "client_id": 1, "channel_info": { "id": 1 } });
    let agent = ureq::Agent::new_with_defaults();
    let mut swapped = false;
    while !stop.load(Ordering::Relaxed) {
        let answer =
            agent.post(&url).content_type("application/json").send(body.to_string())?.body_mut().read_to_string()?;
        let answer: Value = serde_json::from_str(&answer)?;
        match answer["sku_fanout"].as_str() {
            Some("no_fanout") if !swapped => first.fetch_add(1, Ordering::Relaxed),
            Some("related_skus") => {
                swapped = true;
                second.fetch_add(1, Ordering::Relaxed)
            }
            _ => bail!("an unexpected answer after the swap: {answer}"),
        };
    }
    Ok(())
}

/// Saves a document as the platform would, and opens the page that it is paid on; gives the page's address.
fn payment_page(node: &Node, keys: &Value) -> anyhow::Result<String> {
    let _step = say::step("saving a document and opening its payment page");
    let text = |name: &str| keys[name].as_str().unwrap_or_default().to_owned();
    let agent = ureq::Agent::new_with_defaults();
    let document = json!({ "reference": "SO-1", "currencyCode": "USD", "totalWithTaxes": 64.9, "items": [{ "description": "Cabin lamp, brass" }] });
    let body = json!({ "eventType": "document.validation", "entityTypeID": 2, "entityID": 1, "data": document });
    let notifications = agent.post(format!("{}/notifications", node.base(CHANNEL)));
    notifications.header("x-api-key", text("notification_key")).send(body.to_string())?;
    let ids = "storeID=4&objectTypeID=3&entityTypeID=2&entityID=1&paymentMethodID=1&localisation=en&winLangID=1033";
    let url = format!("{}/payment/{}?{ids}", node.base(CHANNEL), text("payment_token"));
    let page = agent.get(&url).call()?.body_mut().read_to_string()?;
    ensure!(page.contains("<form method=\"post\">"), "the payment page has no form: {page}");
    Ok(url)
}

#[expect(clippy::print_stdout, reason = "what a person copies")]
fn introduce(node: &Node, keys: &Value, page: &str) {
    let base = node.base(CHANNEL);
    let text = |name: &str| keys[name].as_str().unwrap_or_default().to_owned();
    println!("\nWharf is running.\n");
    println!("  edge               http://{}", node.edge);
    println!("  admin API          http://{}", node.admin);
    println!("  admin token        {}", node.token());
    println!("  SDK key            {}   (while testing, also RETAILOPS_SDK)", text("sdk_key"));
    println!("  notification key   {}", text("notification_key"));
    println!("  payment page       {page}   (for a browser)\n");
    println!("Try:");
    println!(
        "  curl -s {base}/order_pull_v1 -d '{{\"integration_auth_token\":\"RETAILOPS_SDK\",\"action\":\"order_pull\",\"version\":1,\"client_id\":1,\"channel_info\":{{\"id\":1}}}}'"
    );
    println!(
        "  curl -s {base}/notifications -H 'X-API-KEY: {}' -d '{{\"eventType\":\"contact.search\",\"entityTypeID\":1,\"data\":{{\"searchString\":\"a\"}}}}'",
        text("notification_key")
    );
    println!("  curl -s http://{}/v1/channels/{CHANNEL}/calls -H 'Authorization: Bearer {}'", node.admin, node.token());
    println!("\nCtrl-C stops it; its data goes away with it.");
}
