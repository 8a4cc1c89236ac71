//! What differs between two releases: everything that they are made of, and no secret's value.

use serde_json::{Value, json};

use crate::host::{Host, plugin};

/// Each change as `what name from to`.
fn changes(diff: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let changes = diff["changes"].as_array().unwrap_or_else(|| panic!("{diff}")).iter();
    changes.map(|change| ["what", "name", "from", "to"].map(|key| text(&change[key])).join(" ")).collect()
}

/// A channel with three releases: echo, the same again, and the reference with a manifest of its own.
fn with_history(host: &Host) {
    host.serving("acme", "echo", &["kept=1", "gone=2", "other=3"]);
    host.deploy("acme", "echo", &["kept=1", "gone=2", "other=3"]);
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("wharf.toml");
    std::fs::write(
        &manifest,
        "platform-origin = \"https://app.example.com\"\nsecrets = [\"API_KEY\"]\n[config]\nkept = 1\nother = 4\nnew = 5\n\
         [grants]\nhosts = [\"api.example.com\"]\n[limits]\nmemory = \"32MiB\"\ndeadline = \"5s\"\n",
    )
    .unwrap();
    let set = host.admin("PUT", "/v1/channels/acme/secrets/API_KEY", Some(&json!({ "value": "hunter2hunter2" })));
    assert_eq!(set.status, 200, "{set:?}");
    let file = plugin("reference");
    let args = ["deploy", "acme", file.to_str().unwrap(), "--manifest", manifest.to_str().unwrap(), "--note", "bigger"];
    host.wharf(&args);
}

#[test]
fn everything_that_differs_is_told_and_no_secret() {
    let host = Host::start();
    with_history(&host);
    let diff = host.wharf(&["diff", "acme", "2", "3"]);
    let told = changes(&diff);
    assert_eq!((&diff["channel"], &diff["from"], &diff["to"]), (&json!("acme"), &json!(2), &json!(3)));
    for expected in [
        "config gone 2 -",
        "config new - 5",
        "config other 3 4",
        "host api.example.com - ",
        "limit memory - 32MiB",
        "limit deadline - 5s",
        "platform-origin - - https://app.example.com",
        "note - - bigger",
        "export wharf:channel/orders@0.1.0 - ",
    ] {
        assert!(told.iter().any(|change| change == expected), "{expected:?} is not in {told:?}");
    }
    for part in ["digest - ", "size - ", "secret API_KEY - "] {
        assert!(told.iter().any(|change| change.starts_with(part)), "{part:?} is not in {told:?}");
    }
    assert!(!told.iter().any(|change| change.contains("kept")), "{told:?}");
    assert!(!diff.to_string().contains("hunter2"), "{diff}");

    let people = String::from_utf8(host.cli(&["diff", "acme", "2", "3"]).stdout).unwrap();
    for line in [
        "channel acme: from release 2 to release 3",
        "- config gone: 2",
        "+ config new: 5",
        "~ config other: 3 → 4",
        "+ host api.example.com",
        "+ limit memory: 32MiB",
        "+ export wharf:channel/orders@0.1.0",
    ] {
        assert!(people.lines().any(|told| told == line), "{line:?} is not in\n{people}");
    }
}

#[test]
fn without_numbers_the_active_release_is_compared() {
    let host = Host::start();
    with_history(&host);
    let sides = |args: &[&str]| {
        let diff = host.wharf(&[&["diff", "acme"], args].concat());
        [&diff["from"], &diff["to"]].map(|number| number.as_u64().unwrap())
    };
    assert_eq!(sides(&[]), [2, 3], "what a rollback would take back");
    assert_eq!(sides(&["1"]), [3, 1]);
    assert_eq!(sides(&["1", "2"]), [1, 2]);
    let same = host.cli(&["diff", "acme", "1", "2"]);
    assert_eq!(
        String::from_utf8(same.stdout).unwrap().trim(),
        "channel acme: no difference between release 1 and release 2"
    );
    host.wharf(&["activate", "acme", "2"]);
    assert_eq!(sides(&[]), [3, 2]);
}

#[test]
fn what_cannot_be_compared_is_said_in_a_sentence() {
    let host = Host::start();
    host.channel("empty");
    assert!(host.refuses(&["diff", "empty"]).1.contains("no active release"));
    host.serving("acme", "echo", &[]);
    assert!(host.refuses(&["diff", "acme"]).1.contains("no release before 1"));
    assert!(host.refuses(&["diff", "acme", "1", "9"]).1.contains('9'));
    let answer = host.admin("GET", "/v1/channels/acme/diff?from=x&to=1", None);
    assert_eq!(answer.ok(400)["error"]["code"], "malformed");
    let answer = host.admin("GET", "/v1/channels/acme/diff?form=1", None);
    assert_eq!(answer.ok(400)["error"]["code"], "malformed");
}

#[test]
fn a_component_that_cannot_be_read_is_unknown_and_no_error() {
    let host = Host::start();
    with_history(&host);
    let digest = host.wharf(&["releases", "acme"])[2]["digest"].as_str().unwrap().to_owned();
    std::fs::write(host.data().join("components").join(format!("{digest}.wasm")), b"spoilt").unwrap();
    let told = changes(&host.wharf(&["diff", "acme", "1", "3"]));
    assert!(told.iter().any(|change| change.starts_with("size - unknown ")), "{told:?}");
    assert!(told.contains(&"export - unknown unknown".to_owned()), "{told:?}");
    let people = String::from_utf8(host.cli(&["diff", "acme", "1", "3"]).stdout).unwrap();
    assert!(people.contains("? exports: unknown"), "{people}");
}

#[test]
fn a_deploy_says_what_it_changes_against_the_active_release() {
    let host = Host::start();
    host.channel("acme");
    let [echo, reference] = ["echo", "reference"].map(|name| plugin(name).to_str().unwrap().to_owned());
    assert_eq!(host.wharf(&["deploy", "acme", &echo, "--set", "a=1"])["changes"], Value::Null);
    let second = host.wharf(&["deploy", "acme", &echo, "--set", "a=2", "--no-activate"])["changes"].clone();
    assert_eq!((changes(&second), &second["from"]), (vec!["config a 1 2".to_owned()], &json!(1)));
    let third = host.wharf(&["deploy", "acme", &reference, "--set", "a=1"])["changes"].clone();
    assert_eq!(third["from"], 1, "the second was never active");
    // What a deploy told is what the two releases differ by afterwards.
    assert_eq!(changes(&third), changes(&host.wharf(&["diff", "acme", "1", "3"])));
    let same = host.cli(&["deploy", "acme", &reference, "--set", "a=1"]);
    let people = String::from_utf8(same.stdout).unwrap();
    assert!(people.contains("nothing differs from release 3"), "{people}");
}
