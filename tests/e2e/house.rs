//! The house rules, held as data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which rooms of `host/src` a room may name. Dependencies point down only.
const ROOMS: [(&str, &[&str]); 12] = [
    ("config", &[]),
    ("telemetry", &[]),
    ("listen", &[]),
    ("process", &[]),
    ("store", &["config"]),
    ("guest", &["config", "process", "store"]),
    ("call", &["config", "guest"]),
    ("table", &["config", "guest", "store"]),
    ("edge", &["call", "config", "guest", "listen", "store", "table"]),
    ("control", &["call", "config", "guest", "listen", "store", "table"]),
    ("node", &["config", "control", "edge", "guest", "listen", "process", "store", "table", "telemetry"]),
    ("cli", &["config", "control", "guest", "node", "store", "telemetry"]),
];

/// Crates that only one room may name.
const OWNERS: [(&str, &str); 4] =
    [("wasmtime", "guest"), ("wasmtime_wasi", "guest"), ("rusqlite", "store"), ("matchit", "edge control")];

const LONGEST_FILE: usize = 500;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All Rust files of a folder and its folders.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The code of a file, without comments and without its tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn room(path: &Path) -> String {
    let relative = path.strip_prefix(root().join("host/src")).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn rooms_name_only_the_rooms_below_them() {
    let allowed: BTreeMap<_, _> = ROOMS.into_iter().collect();
    let mut broken = Vec::new();
    for file in rust_files(&root().join("host/src")) {
        let here = room(&file);
        if matches!(here.as_str(), "main" | "lib") {
            continue;
        }
        let may = allowed.get(here.as_str()).unwrap_or_else(|| panic!("the room {here} has no rule; add it to ROOMS"));
        let text = code(&file);
        for other in allowed.keys() {
            if *other != here
                && !may.contains(other)
                && (text.contains(&format!("crate::{other}::")) || text.contains(&format!("crate::{other};")))
            {
                broken.push(format!("{} names {other}", file.display()));
            }
        }
        for (name, owners) in OWNERS {
            if !owners.split(' ').any(|owner| owner == here) && text.contains(&format!("{name}::")) {
                broken.push(format!("{} names the crate {name}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_verifier_links_no_engine_and_the_protocol_knows_nobody() {
    for (package, forbidden) in [
        ("wharf-verify", vec!["wasmtime", "rusqlite", "tokio"]),
        ("wharf-protocol", vec!["wasmtime", "tokio", "hyper", "wharf"]),
    ] {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--package", package])
            .current_dir(root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(tree.starts_with(package), "{tree}");
        for line in tree.lines() {
            let name = line.split_whitespace().next().unwrap_or_default();
            assert!(!forbidden.contains(&name), "{package} depends on {name}");
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut broken = Vec::new();
    for file in rust_files(&root()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            broken.push(format!("{} has {lines} lines; {LONGEST_FILE} are allowed", file.display()));
        }
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if ["utils", "util", "common", "helpers", "types", "misc"].contains(&name.as_str()) {
            broken.push(format!("{} says nothing about what is in it", file.display()));
        }
        let is_test = name == "tests" || file.components().any(|part| part.as_os_str() == "tests") && name != "main";
        if !is_test && !text.starts_with("//!") {
            broken.push(format!("{} does not begin with what it is for (//!)", file.display()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn unsafe_code_is_where_it_is_expected_and_nowhere_else() {
    let allowed = [
        "protocol/src/text.rs",
        "host/src/guest/engine.rs",
        "host/src/guest/instance.rs",
        "host/src/process/memory.rs",
        "guest-sdk/src/alloc.rs",
    ];
    for file in rust_files(&root()) {
        let relative = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let text = code(&file);
        let found = ["unsafe {", "unsafe impl", "unsafe fn"].iter().any(|mark| text.contains(mark));
        assert!(
            !found || allowed.contains(&relative.as_str()) || relative.starts_with("tests/"),
            "{relative} has unsafe code"
        );
    }
}

#[test]
fn every_record_field_and_function_of_the_contract_is_explained() {
    let mut bare = Vec::new();
    for entry in std::fs::read_dir(root().join("wit")).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_file() {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut before = "";
        for line in text.lines() {
            let field = line.starts_with("        ") && line.trim_end().ends_with(',') && !line.contains("//");
            let item = ["record ", "variant ", "enum ", "type "].iter().any(|word| line.trim_start().starts_with(word));
            if (field || item || line.contains(": func(")) && !before.trim_start().starts_with("///") {
                bare.push(format!("{}: {}", path.display(), line.trim()));
            }
            before = line;
        }
    }
    assert!(bare.is_empty(), "{}", bare.join("\n"));
}
