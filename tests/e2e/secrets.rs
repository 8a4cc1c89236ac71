//! Secrets: which value a release uses, and the key that they are sealed with.

use std::sync::Arc;

use serde_json::json;

use crate::host::{Host, plugin, serve};
use crate::upstream::{FINE, Upstream};

fn node() -> Host {
    let host = Host::with_config("[outbound]\nallow-http = true\nallow-private = [\"127.0.0.0/8\"]\n");
    host.channel("acme");
    host
}

/// Deploys a plugin that sends the secret that its manifest names so.
fn deploy(host: &Host, upstream: &Upstream, secret: &str) {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("wharf.toml");
    let text = format!(
        "secrets = [\"{secret}\"]\n[config]\nbehaviour = \"fetch\"\nurl = \"{}\"\n\
         header = \"x-key: {{{{secret:API_KEY}}}}\"\n[grants]\nhosts = [\"{}\"]\n",
        upstream.url(),
        upstream.address
    );
    std::fs::write(&manifest, text).unwrap();
    let (file, manifest) = (plugin("chaos"), manifest.to_str().unwrap().to_owned());
    host.wharf(&["deploy", "acme", file.to_str().unwrap(), "--manifest", &manifest]);
}

fn set(host: &Host, value: &str) -> serde_json::Value {
    host.wharf(&["secret", "set", "acme", "API_KEY", "--value", value])
}

/// What the other system got of the next call.
fn sent(host: &Host, upstream: &Upstream) -> String {
    host.sdk("acme", "inventory_push", json!({ "inventory_updates": [] })).ok(200);
    let head = upstream.seen().pop().unwrap();
    head.lines().find_map(|line| line.strip_prefix("x-key: ")).unwrap_or_default().to_owned()
}

#[test]
fn a_release_keeps_the_value_that_it_was_deployed_with_unless_it_follows_the_latest() {
    let (host, upstream) = (node(), Upstream::plain(FINE));
    set(&host, "value-one");
    deploy(&host, &upstream, "API_KEY");
    assert_eq!(upstream.seen(), Vec::<String>::new(), "trying it out calls nobody");
    assert_eq!(sent(&host, &upstream), "value-one");

    let told = set(&host, "value-two");
    assert_eq!(told["version"], 2);
    assert!(told["notes"][0].as_str().unwrap().starts_with("release 1 goes on with version 1"), "{told}");
    assert_eq!(sent(&host, &upstream), "value-one");

    deploy(&host, &upstream, "API_KEY@latest");
    assert_eq!(sent(&host, &upstream), "value-two");
    assert_eq!(set(&host, "value-three")["notes"], json!([]));
    assert_eq!(sent(&host, &upstream), "value-three", "without a deploy");
    let listed = host.wharf(&["releases", "acme"]);
    assert_eq!((&listed[0]["secrets"], &listed[1]["secrets"]), (&json!(["API_KEY@latest"]), &json!(["API_KEY@1"])));

    host.wharf(&["rollback", "acme"]);
    assert_eq!(sent(&host, &upstream), "value-one", "a rollback brings the value back");

    // A release that is gone leaves no old value behind; what the others name stays.
    host.wharf(&["prune", "acme", "--release", "2"]);
    assert_eq!(host.wharf(&["secret", "list", "acme"])[0]["versions"], json!([3, 1]));
    for text in [host.log(), host.wharf(&["logs", "acme"]).to_string(), listed.to_string()] {
        assert!(!text.contains("value-"), "{text}");
    }
}

#[test]
fn the_key_that_seals_them_may_come_from_the_environment_and_is_in_no_file_then() {
    let data = Arc::new(tempfile::tempdir().unwrap());
    let key = "5e".repeat(32);
    let with = |key: &str| {
        let mut command = serve(data.path(), None);
        command.env("WHARF_NODE_KEY", key);
        command
    };
    let host = Host::started_by(with(&key), Arc::clone(&data), None);
    host.channel("acme");
    set(&host, "value-one");
    assert!(!data.path().join("node.key").exists());
    drop(host);

    for (wrong, why) in [("5f".repeat(32), "WHARF_NODE_KEY"), ("short".to_owned(), "WHARF_NODE_KEY")] {
        let output = with(&wrong).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(why) && !said.contains(&wrong), "{said}");
    }
    let output = serve(data.path(), None).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "without any key: {}", String::from_utf8_lossy(&output.stderr));
    let host = Host::started_by(with(&key), Arc::clone(&data), None);
    assert_eq!(host.wharf(&["secret", "list", "acme"])[0]["version"], 1);
}
