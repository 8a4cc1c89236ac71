//! How far a component reaches: to what it was granted, within its limits, with secrets that only their host sees.

mod credentials;
mod grants;
mod limits;

use serde_json::json;

use crate::host::{Host, plugin};

/// A node whose guests may call this machine over plain HTTP; `outbound` is more of that section.
fn node(outbound: &str) -> Host {
    let host = Host::with_config(&format!(
        "[call]\nsdk-deadline = \"6s\"\n[outbound]\nallow-http = true\nallow-private = [\"127.0.0.0/8\"]\n{outbound}"
    ));
    host.channel("acme");
    host
}

/// Deploys a plugin that fetches, with these grants and settings.
fn fetching(host: &Host, channel: &str, grants: &[&str], settings: &[&str]) {
    let file = plugin("chaos");
    let mut args = vec!["deploy", channel, file.to_str().unwrap(), "--set", "behaviour=fetch"];
    for grant in grants {
        args.extend(["--allow", grant]);
    }
    for setting in settings {
        args.extend(["--set", setting]);
    }
    host.wharf(&args);
}

/// What it tells of its requests, one by one.
fn notes(host: &Host, channel: &str) -> Vec<String> {
    let answer = host.sdk(channel, "inventory_push", json!({ "inventory_updates": [] })).ok(200);
    answer["events"][0]["message"].as_str().unwrap().split(" | ").map(str::to_owned).collect()
}
