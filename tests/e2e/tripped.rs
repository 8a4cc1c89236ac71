//! Every key of the configuration that bounds something is set by a test that feels it.

use std::collections::BTreeSet;

use crate::house::{root, rust_files};

/// The sections whose keys are limits.
const SECTIONS: [&str; 13] = [
    "edge",
    "admin",
    "tls",
    "call",
    "breaker",
    "guest",
    "compile",
    "preflight",
    "key-value",
    "outbound",
    "journal",
    "queue",
    "deltas",
];

/// Keys that no test writes as a setting of a node: the file of the test that feels them, and the words in it that set them.
const OTHERWISE: [(&str, &str, &str); 16] = [
    ("edge.listen", "tests/e2e/settings.rs", "(\"--edge\", \"--admin\")"),
    ("admin.listen", "tests/e2e/settings.rs", "(\"--admin\", \"--edge\")"),
    ("admin.certificate", "tests/e2e/door/certificates.rs", "\\ncertificate = {}"),
    ("admin.key", "tests/e2e/door/certificates.rs", "\\nkey = {}"),
    ("tls.certificate", "tests/e2e/door/certificates.rs", "\\ncertificate = {}"),
    ("tls.key", "tests/e2e/door/certificates.rs", "\\nkey = {}"),
    ("breaker.rate", "host/src/table/breaker.rs", "rate: 0.5,"),
    ("breaker.calls", "host/src/table/breaker.rs", "calls: 20,"),
    ("breaker.window", "host/src/table/breaker.rs", "window: Duration::from_millis(window_ms)"),
    ("breaker.longest", "host/src/table/breaker.rs", "longest: Duration::from_millis(longest_ms)"),
    ("key-value.waiting", "host/src/guest/scratch/tests.rs", "config.key_value.waiting = "),
    ("outbound.header-size", "tests/e2e/reach/limits.rs", "\\nheader-size = "),
    ("outbound.hops", "host/src/guest/outbound/tests/limits.rs", "limits.hops = "),
    ("outbound.idle-time", "host/src/guest/outbound/tests/pooling.rs", "limits.idle_time) = "),
    ("queue.jitter", "host/src/edge/delivery/fate.rs", "jittered(Duration::from_secs(100), 0.2)"),
    ("queue.schedule", "tests/e2e/queue/mod.rs", "schedule = [\\\"0s\\\", "),
];

/// The keys, by section and name.
fn keys() -> BTreeSet<(String, String)> {
    let manual = std::fs::read_to_string(root().join("host/src/config/default.toml")).unwrap();
    let limits = settings(&manual).into_iter().filter(|(section, _)| SECTIONS.contains(&section.as_str()));
    let keys: BTreeSet<_> = limits.collect();
    let missing: Vec<_> = SECTIONS.iter().filter(|section| !keys.iter().any(|(of, _)| of == *section)).collect();
    assert!(missing.is_empty() && keys.len() > 80, "{missing:?} of {keys:?}");
    keys
}

/// Whether a file's tests may set keys: not those of the configuration itself, which feel nothing.
fn has_tests(path: &str) -> bool {
    let own = ["tests/e2e/tripped.rs", "tests/e2e/house.rs"].contains(&path) || path.starts_with("host/src/config/");
    (path.starts_with("tests/") || path.starts_with("host/src/") && path.contains("/tests")) && !own
}

/// The settings in the strings of a file, each with the section that was named last before it.
fn settings(code: &str) -> Vec<(String, String)> {
    // Strings as they are when the program runs: `\n` ends a line, and a line that ends in a backslash goes on.
    let mut text = String::new();
    let mut lines = code.split("\\\n");
    text.push_str(lines.next().unwrap_or_default());
    lines.for_each(|line| text.push_str(line.trim_start()));
    let text = text.replace("\\n", "\n").replace("\\\"", "\u{1}");
    let (mut section, mut found) = (String::new(), Vec::new());
    for part in text.lines().flat_map(|line| line.split('"')) {
        if let Some(name) = part.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, _)) = part.split_once(" = ")
            && !key.is_empty()
            && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        {
            found.push((section.clone(), key.to_owned()));
        }
    }
    found
}

#[test]
fn every_limit_is_tripped_by_a_test() {
    let keys = keys();
    let sections_of = |name: &str| keys.iter().filter(|(_, key)| key == name).count();
    let mut tripped = BTreeSet::new();
    for folder in ["tests", "host/src"] {
        for file in rust_files(&root().join(folder)) {
            let path = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            if !has_tests(&path) {
                continue;
            }
            for (section, name) in settings(&std::fs::read_to_string(&file).unwrap()) {
                // A name that stands in one section alone needs no section beside it.
                let is_meant =
                    |(of, key): &&(String, String)| *key == name && (*of == section || sections_of(key) == 1);
                tripped.extend(keys.iter().filter(is_meant).map(|(of, key)| format!("{of}.{key}")));
            }
        }
    }
    let all: BTreeSet<_> = keys.iter().map(|(section, key)| format!("{section}.{key}")).collect();
    for (key, file, words) in OTHERWISE {
        assert!(all.contains(key), "{key} is no key any more; take it out of OTHERWISE");
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(words), "{file} does not set {key} any more by {words:?}");
        tripped.insert(key.to_owned());
    }
    let untested: Vec<_> = all.difference(&tripped).collect();
    assert!(untested.is_empty(), "no test sets these keys and feels them: {untested:?}");
}

#[test]
fn a_setting_is_found_wherever_a_test_writes_it() {
    let code = r#"
        let host = Host::with_config("[guest]\nmemory = \"8MiB\"\nlog-lines = 20\n[call]\ncpu = \"1s\"\n\
            burst = 3\n");
        let keys = host.keys(); // keys = 3
        for limit in ["tables = 1", "not a setting = 1"] {}
    "#;
    let found: Vec<_> = settings(code).into_iter().map(|(section, key)| format!("{section}.{key}")).collect();
    assert_eq!(found, ["guest.memory", "guest.log-lines", "call.cpu", "call.burst", "call.tables"]);
}
