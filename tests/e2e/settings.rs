//! The configuration, the command line's manners, and limits that nothing else trips.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;

use crate::host::{Host, plugin, program, wait_for};

fn run(args: &[&str]) -> Output {
    Command::new(program()).args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_configuration_that_is_printed_is_one_that_is_taken() {
    let manual = run(&["config"]);
    assert!(manual.status.success());
    let text = String::from_utf8(manual.stdout).unwrap();
    assert!(text.contains("# ") && text.contains("[guest]"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.toml");
    std::fs::write(&file, &text).unwrap();
    let read = run(&["config", "--config", file.to_str().unwrap(), "--effective"]);
    assert!(read.status.success(), "{}", said(&read));
}

#[test]
fn all_mistakes_of_a_configuration_are_told_at_once_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    std::fs::write(&file, "[guest]\nmemory = \"64 MB\"\n[edge]\nheders = 5\n[call]\nin-flight = 0\n").unwrap();
    let output =
        run(&["serve", "--config", file.to_str().unwrap(), "--data", folder.path().join("data").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    for key in ["guest.memory", "edge.heders", "call.in-flight", "bad.toml"] {
        assert!(said(&output).contains(key), "nothing about {key}: {}", said(&output));
    }
}

#[test]
fn a_taken_port_is_named_with_the_flag_that_helps() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    for (flag, other) in [("--edge", "--admin"), ("--admin", "--edge")] {
        let output = run(&["serve", "--data", data, flag, &address, other, "127.0.0.1:0"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(flag) && said(&output).contains(&address), "{}", said(&output));
    }
}

#[test]
fn wrong_usage_is_exit_code_2_and_help_is_0() {
    for wrong in [&["serve", "--no-such-flag"][..], &["channel", "create"], &["no-such-command"], &["deploy", "x"]] {
        assert_eq!(run(wrong).status.code(), Some(2), "{wrong:?}");
    }
    for command in [
        "serve",
        "channel",
        "deploy",
        "releases",
        "activate",
        "rollback",
        "calls",
        "logs",
        "notifications",
        "secret",
        "token",
        "check",
        "verify",
        "config",
        "status",
    ] {
        assert_eq!(run(&[command, "--help"]).status.code(), Some(0), "{command}");
    }
}

#[test]
fn a_command_without_a_token_or_a_server_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let nothing = run(&["status", "--data", data, "--admin-url", "http://127.0.0.1:9"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(said(&nothing).contains("WHARF_TOKEN"), "{}", said(&nothing));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = Command::new(program())
        .args(["status", "--admin-url", &format!("http://{nobody}")])
        .env("WHARF_TOKEN", "x")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains(&nobody.to_string()), "{}", said(&output));
}

/// Deploys chaos with a manifest that has these limits.
fn limited(host: &Host, channel: &str, behaviour: &str, limits: &str) {
    host.channel(channel);
    let folder = host.data().join(format!("upload-{channel}"));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("chaos.wasm");
    std::fs::copy(plugin("chaos"), &file).unwrap();
    let manifest = format!("name = \"{channel}\"\n[config]\nbehaviour = \"{behaviour}\"\n[limits]\n{limits}\n");
    std::fs::write(folder.join("wharf.toml"), manifest).unwrap();
    host.wharf(&["deploy", channel, file.to_str().unwrap(), "--skip-preflight"]);
}

fn push(host: &Host, channel: &str) -> u16 {
    host.sdk(channel, "inventory_push", json!({ "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] }))
        .status
}

#[test]
fn a_release_lowers_its_channels_limits() {
    let host = Host::start();
    limited(&host, "impatient", "sleep", "deadline = \"300ms\"");
    assert_eq!(push(&host, "impatient"), 504);
    limited(&host, "small", "grow", "memory = \"2MiB\"");
    assert_eq!(push(&host, "small"), 502);
    limited(&host, "lonely", "sleep", "deadline = \"2s\"\nin-flight = 1");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| push(&host, "lonely"))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 504).count(), 1, "{statuses:?}");
}

#[test]
fn instances_beyond_the_pool_are_told_to_come_again() {
    let host = Host::with_config("[guest]\ninstances = 1\n[call]\nsdk-deadline = \"2s\"\n");
    host.serving("one", "chaos", &["behaviour=sleep"]);
    host.serving("two", "echo", &[]);
    std::thread::scope(|scope| {
        let hog = scope.spawn(|| push(&host, "one"));
        // Not by calling: whoever calls first has the place.
        wait_for("the pool to be full", || {
            let one = &host.wharf(&["status"])["channels"][0];
            one["in_flight_free"].as_u64() < one["in_flight"].as_u64()
        });
        assert_eq!(push(&host, "two"), 503);
        assert_eq!(hog.join().unwrap(), 504);
    });
    assert_eq!(push(&host, "two"), 200, "the place is free again");
}

#[test]
fn connections_beyond_the_limit_wait_and_idle_ones_are_closed() {
    let host = Host::with_config("[edge]\nconnections = 2\nheader-time = \"1s\"\n");
    host.serving("good", "echo", &[]);
    let idle: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(&host.edge).unwrap()).collect();
    // Both places are taken by sockets that say nothing; the call is answered when they have been closed for it.
    assert_eq!(push(&host, "good"), 200);
    for mut socket in idle {
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).unwrap();
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    }
}

#[test]
fn the_key_value_store_has_its_quotas() {
    for (quota, told) in [("keys = 1", "keys"), ("value = \"1KiB\"", "value"), ("bytes = \"1KiB\"", "bytes")] {
        let host = Host::with_config(&format!("[key-value]\n{quota}\n"));
        host.channel("shop");
        host.deploy("shop", "reference", &["orders=5"]);
        let products: Vec<_> = (0..60).map(|n| json!({ "sku": format!("NEW-{n:05}"), "price": 5 })).collect();
        let pushed = host.sdk("shop", "catalog_push", json!({ "template_output": { "products": products } }));
        let order = json!({ "orders": [{ "channel_order_refnum": "R100001" }] });
        let acknowledged = host.sdk("shop", "order_acknowledge", order);
        assert!(acknowledged.status == 502 || pushed.status == 502, "{quota}: {acknowledged:?} {pushed:?}");
        let calls = host.wharf(&["calls", "shop"]).to_string();
        assert!(calls.contains(told), "the author is told which quota: {calls}");
    }
}
