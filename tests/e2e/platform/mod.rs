//! The platform's API: as a component asks it, and as the node itself does for what webhooks leave out.

mod api;
mod bounds;
mod deltas;
mod escapes;
mod list;
mod releases;

use std::process::Output;

use serde_json::json;
use tempfile::TempDir;

use crate::host::{Host, plugin};

const TOKEN: &str = "canary-0123456789-token";

/// A node that may call this machine over plain HTTP, with the channel `acme` and its token; `config` is more of it, and begins
/// with more of `[outbound]`.
fn node(config: &str) -> Host {
    let host = Host::with_config(&format!(
        "[call]\nsdk-deadline = \"6s\"\n[outbound]\nallow-http = true\nallow-private = [\"127.0.0.0/8\"]\n{config}"
    ));
    host.channel("acme");
    host.wharf(&["secret", "set", "acme", "PLATFORM_TOKEN", "--value", TOKEN]);
    host
}

/// A folder with chaos and a manifest that names the platform at this address; `more` is more of the manifest.
fn folder(address: &str, more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(plugin("chaos"), folder.path().join("chaos.wasm")).unwrap();
    let manifest = format!(
        "secrets = [\"PLATFORM_TOKEN\", \"OTHER\"]\n[platform]\nbase-url = \"http://{address}/ProdClients/ACME/RESTWS\"\n\
         header = \"X-Token\"\nvalue = \"Bearer {{{{secret:PLATFORM_TOKEN}}}}\"\n{more}"
    );
    std::fs::write(folder.path().join("wharf.toml"), manifest).unwrap();
    folder
}

/// Deploys chaos with the platform at this address, and these settings.
fn deploy(host: &Host, address: &str, settings: &[&str], more: &[&str]) -> Output {
    let folder = folder(address, "");
    let file = folder.path().join("chaos.wasm");
    let mut args = vec!["deploy", "acme", file.to_str().unwrap(), "--skip-preflight", "--json"];
    for setting in settings {
        args.extend(["--set", setting]);
    }
    args.extend(more);
    let output = host.cli(&args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Deploys chaos so that it asks the platform this, a line for each request.
fn asking(host: &Host, address: &str, asks: &[&str]) {
    let asks = format!("asks={}", asks.join("\n"));
    deploy(host, address, &["behaviour=platform", "show=body", &asks], &[]);
}

/// What it tells of its requests, one by one.
fn notes(host: &Host) -> Vec<String> {
    let answer = host.sdk("acme", "inventory_push", json!({ "inventory_updates": [] })).ok(200);
    answer["events"][0]["message"].as_str().unwrap().split(" | ").map(str::to_owned).collect()
}
