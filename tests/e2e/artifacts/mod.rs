//! What lies on the disk or comes in as a component, damaged: it is refused, run safely, or made anew.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::guests::Guest;
use crate::host::{Host, plugin};
use crate::trust::{Dice, rounds};
use crate::wire::{self, Answer};

const QUIET: &str = "[call]\nsdk-deadline = \"1s\"\n[breaker]\nfaults = 0\n[release]\nautomatic-return = false\n";

fn push(host: &Host, channel: &str) -> Answer {
    host.sdk(channel, "inventory_push", json!({ "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] }))
}

/// Uploads bytes as a release without a preflight.
fn upload(host: &Host, channel: &str, bytes: &[u8]) -> Answer {
    const BOUNDARY: &str = "wharf-artifact-boundary";
    let part = |name: &str| format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
    let spec =
        format!("\r\n{}{}\r\n--{BOUNDARY}--\r\n", part("spec"), json!({ "skip_preflight": true, "wait": false }));
    let form = [part("component").as_bytes(), bytes, spec.as_bytes()].concat();
    let url = format!("http://{}/v1/channels/{channel}/releases", host.admin);
    let (bearer, kind) = (format!("Bearer {}", host.token), format!("multipart/form-data; boundary={BOUNDARY}"));
    wire::send_bytes("POST", &url, &[("authorization", &bearer), ("content-type", &kind)], &form)
}

/// The sentence that an upload is refused with: a person's words, not an engine's.
fn refusal(answer: &Answer) -> String {
    assert!((400..500).contains(&answer.status), "{answer:?}");
    let message = answer.json()["error"]["message"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned();
    assert!(!message.contains("offset") && !message.contains("wasmtime") && !message.contains('\n'), "{message}");
    message
}

#[test]
fn spoilt_components_are_refused_or_run_safely() {
    let host = Host::with_config(QUIET);
    host.serving("good", "echo", &[]);
    host.channel("bad");
    let small = Guest::answering().build();
    let whole = std::fs::read(plugin("echo")).unwrap();
    let mut dice = Dice::thrown("spoilt components");
    let (mut refused, mut answered, mut failed) = (0, 0, 0);
    let mutations = rounds(100, 1000);
    for number in 0..mutations {
        // A plugin of ours takes the compiler ten times as long.
        let mut bytes = if number % 20 == 0 { whole.clone() } else { small.clone() };
        for _ in 0..=dice.below(4) {
            let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
            bytes[at] = match dice.below(3) {
                0 => bytes[at] ^ (1 << dice.below(8)),
                1 => 0xff,
                _ => u8::try_from(dice.below(256)).unwrap(),
            };
        }
        let answer = upload(&host, "bad", &bytes);
        if (200..300).contains(&answer.status) {
            let called = push(&host, "bad");
            assert!([200, 501, 502, 504].contains(&called.status), "{called:?}");
            if called.status == 200 { answered += 1 } else { failed += 1 }
        } else {
            refusal(&answer);
            refused += 1;
        }
        if number % 10 == 0 {
            assert_eq!(push(&host, "good").code(), "STOCK");
        }
    }
    assert!(refused > mutations / 4, "{refused} of {mutations} were refused");
    println!(
        "spoilt components: {mutations} mutations, {refused} refused, {answered} answered, {failed} failed when called"
    );
}

#[test]
fn what_is_no_whole_component_is_refused_and_changes_nothing() {
    let host = Host::with_config(QUIET);
    host.serving("acme", "echo", &[]);
    let whole = Guest::answering().build();
    let mut files: Vec<(String, Vec<u8>)> =
        (1..16).map(|part| (format!("{part} sixteenths"), whole[..whole.len() * part / 16].to_vec())).collect();
    let mut dice = Dice::thrown("garbage");
    let mut random = |length: u64| (0..length).map(|_| u8::try_from(dice.below(256)).unwrap()).collect::<Vec<_>>();
    files.push(("garbage".to_owned(), random(5000)));
    files.push(("garbage behind a component's head".to_owned(), [&whole[..8], &random(5000)].concat()));
    files.push(("something behind its end".to_owned(), [&whole[..], b"and more"].concat()));
    files.push(("a component behind its end".to_owned(), [&whole[..], &whole].concat()));
    files.push((
        "a section that is longer than the file".to_owned(),
        [&whole[..], &[0, 0xff, 0xff, 0x7f, 1, b'x']].concat(),
    ));
    for (what, bytes) in &files {
        let said = refusal(&upload(&host, "acme", bytes));
        assert!(!said.is_empty(), "{what}");
        assert_eq!(push(&host, "acme").code(), "STOCK", "{what}");
    }
    assert_eq!(host.wharf(&["releases", "acme"]).as_array().map(Vec::len), Some(1), "no release came of it");
    // A custom section is no part of what runs.
    let noted = [&whole[..], &[0, 5, 4, b'n', b'o', b't', b'e']].concat();
    assert!((200..300).contains(&upload(&host, "acme", &noted).status));
    assert_eq!(push(&host, "acme").ok(200)["events"], json!([]));
    println!("no whole components: {} refused", files.len());
}

/// How a file of another engine ends.
const OTHER: &str = "other-engine.cwasm";

fn compiled(data: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(data.join("cache")).unwrap().map(|entry| entry.unwrap().path());
    let is_code =
        |path: &PathBuf| path.to_string_lossy().ends_with(".cwasm") && !path.to_string_lossy().ends_with(OTHER);
    paths.filter(is_code).collect()
}

#[test]
fn damaged_code_and_code_of_another_engine_is_made_anew_and_never_run() {
    const CHANNELS: u32 = 8;
    let mut host = Host::with_config(QUIET);
    for number in 0..CHANNELS {
        let channel = format!("shop-{number}");
        host.channel(&channel);
        assert!(
            (200..300).contains(&upload(&host, &channel, &Guest::answering().holding(4096, &[number]).build()).status)
        );
    }
    let mut dice = Dice::thrown("damaged code");
    let (mut flipped, mut renamed) = (0, 0);
    for _ in 0..rounds(2, 20) {
        let remains = host.kill();
        let files = compiled(remains.data());
        assert_eq!(files.len(), CHANNELS as usize);
        for (number, path) in files.iter().enumerate() {
            if number == 0 {
                // Code of another engine has another name, and is not taken for ours.
                let digest = path.file_name().unwrap().to_string_lossy().split('-').next().unwrap().to_owned();
                let other = path.with_file_name(format!("{digest}-{OTHER}"));
                std::fs::rename(path, &other).unwrap();
                std::fs::rename(path.with_extension("mac"), other.with_extension("mac")).unwrap();
                renamed += 1;
                continue;
            }
            let mut bytes = std::fs::read(path).unwrap();
            for _ in 0..=dice.below(3) {
                let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
                bytes[at] ^= 1 << dice.below(8);
            }
            std::fs::write(path, bytes).unwrap();
            flipped += 1;
        }
        let before = remains.log.matches("compiled a component").count();
        assert!(before >= CHANNELS as usize, "{before}");
        host = remains.start();
        for number in 0..CHANNELS {
            assert_eq!(push(&host, &format!("shop-{number}")).ok(200)["events"], json!([]));
        }
        let anew = host.log().matches("compiled a component").count();
        assert_eq!(anew, CHANNELS as usize, "{}", host.log());
    }
    let status: Value = host.wharf(&["status"]);
    assert_eq!(status["channels"].as_array().map(Vec::len), Some(CHANNELS as usize));
    println!("damaged code: {flipped} files with flipped bits, {renamed} of another engine, all compiled anew");
}
