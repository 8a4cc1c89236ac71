//! Components that are written to hurt the compiler: they end at its limits, and nobody else notices.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use serde_json::{Value, json};

use crate::host::{Host, plugin, wait_for};
use crate::trust::rounds;

/// Limits that a whole plugin of ours keeps within easily.
const LIMITS: &str = "[compile]\nmemory = \"256MiB\"\ntime = \"2s\"\n";

/// A component with this core module, and an export that lets it in.
fn with_module(inside: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (core module {inside}) {EXPORT})")).unwrap()
}

const EXPORT: &str = r#"(instance $e) (export "wharf:channel/inventory@0.1.0" (instance $e))"#;

/// Two megabytes in one function: many variables live across many branches.
fn huge_function() -> Vec<u8> {
    let mut code = format!("(func (local {})", "i32 ".repeat(300));
    for step in 0..150_000 {
        let (one, other) = (step % 300, (step * 7 + 3) % 300);
        let _ = write!(code, "block local.get {one} br_if 0 local.get {other} local.set {one} end ");
    }
    with_module(&(code + ")"))
}

/// As many as one function may have, all alive to its end.
fn many_live_locals() -> Vec<u8> {
    let count = 49_000;
    let mut code = format!("(func (export \"f\") (param i32) (local {})", "i32 ".repeat(count));
    for local in 1..=count {
        let _ = write!(code, "local.get 0 i32.const {local} i32.add local.set {local} ");
    }
    code.push_str("loop ");
    for local in 1..=count {
        let _ = write!(code, "local.get {local} drop ");
    }
    with_module(&(code + "br 0 end)"))
}

fn locals(count: usize) -> Vec<u8> {
    with_module(&format!("(func (local {}))", "i64 ".repeat(count)))
}

fn types(count: usize) -> Vec<u8> {
    with_module(&"(type (func))".repeat(count))
}

fn component_types(count: usize) -> Vec<u8> {
    wat::parse_str(format!("(component {} {EXPORT})", "(type (list u8))".repeat(count))).unwrap()
}

/// Lists of lists of lists.
fn deep_type(depth: usize) -> Vec<u8> {
    let mut types = String::from("(type $t0 (list u8))");
    for level in 1..depth {
        let _ = write!(types, "(type $t{level} (list $t{}))", level - 1);
    }
    wat::parse_str(format!("(component {types} {EXPORT})")).unwrap()
}

/// A number as WebAssembly writes it.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}

/// Components in components; by bytes, because whoever reads the text would overflow first.
fn nested(depth: usize) -> Vec<u8> {
    const COMPONENT: u8 = 4;
    let empty = wat::parse_str("(component)").unwrap();
    let within = |inner: &[u8]| [&[COMPONENT][..], &leb(inner.len()), inner].concat();
    let mut inner = empty.clone();
    for _ in 0..depth {
        inner = [&empty[..], &within(&inner)].concat();
    }
    let outer = wat::parse_str(format!("(component {EXPORT})")).unwrap();
    [&outer[..], &within(&inner)].concat()
}

/// Each of them small.
fn functions(count: usize) -> Vec<u8> {
    with_module(&"(func (param i32) (result i32) local.get 0 i32.const 7 i32.mul local.get 0 i32.xor)".repeat(count))
}

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a huge function", huge_function()),
        ("many live locals", many_live_locals()),
        ("100,000 locals", locals(100_000)),
        ("a million types", types(1_000_001)),
        ("a million component types", component_types(1_000_001)),
        ("a deep type", deep_type(5_000)),
        ("nested components", nested(3_000)),
        ("thousands of functions", functions(60_000)),
    ]
}

/// A function whose one instruction has this many ways, so many times.
fn branches(ways: usize, times: usize) -> Vec<u8> {
    let table = format!("block local.get 0 br_table {} end ", "0 ".repeat(ways));
    with_module(&format!("(func (param i32) {})", table.repeat(times)))
}

/// Blocks in blocks.
fn deep_blocks(depth: usize) -> Vec<u8> {
    with_module(&format!("(func {}{})", "block ".repeat(depth), "end ".repeat(depth)))
}

/// Many of one thing in a module.
fn many(thing: &str, count: usize) -> Vec<u8> {
    with_module(&thing.repeat(count))
}

/// One long calculation, all of it in one block.
fn calculation(start: &str, step: &str, count: usize) -> Vec<u8> {
    with_module(&format!("(func {start} {} drop)", step.repeat(count)))
}

/// What takes too long for every day.
fn more_bombs() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a branch of a million ways", branches(1_000_000, 1)),
        ("thousands of branches of a thousand ways", branches(1_000, 2_000)),
        ("blocks in blocks", deep_blocks(100_000)),
        ("a hundred thousand globals", many("(global i32 (i32.const 1))", 100_000)),
        ("hundreds of memories", many("(memory 1)", 500)),
        ("thousands of tables", many("(table 10 funcref)", 5_000)),
        ("a hundred thousand segments", many("(data \"x\")", 100_000)),
        ("a hundred thousand lists of functions", many("(elem func)", 100_000)),
        ("a long sum", calculation("i32.const 1", "i32.const 3 i32.add i32.const 5 i32.mul ", 500_000)),
        ("a long sum of vectors", calculation("v128.const i64x2 1 2", "v128.const i64x2 3 4 i64x2.mul ", 200_000)),
        ("a function of thousands of calls", with_module(&format!("(func $f {})", "call $f ".repeat(300_000)))),
        ("thousands of thousands of locals", many(&format!("(func (local {}))", "i64 ".repeat(1000)), 3_000)),
    ]
}

/// The node's children that live, with their priority.
fn children(of: u32) -> Vec<(u32, i32)> {
    let stat = |path: PathBuf| {
        let text = std::fs::read_to_string(path.join("stat")).ok()?;
        let id = text.split(' ').next()?.parse().ok()?;
        // After the name, which may have anything in it: state, parent … nice is the 17th.
        let rest: Vec<_> = text.rsplit(") ").next()?.split(' ').collect();
        let (state, parent, nice) = (rest[0], rest[1].parse::<u32>().ok()?, rest[16].parse().ok()?);
        (parent == of && state != "Z").then_some((id, nice))
    };
    std::fs::read_dir("/proc").unwrap().filter_map(|entry| stat(entry.unwrap().path())).collect()
}

fn message(said: &str) -> String {
    let error: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap_or_default();
    error["error"]["message"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
fn every_bomb_ends_in_a_plain_refusal_and_the_neighbour_never_notices() {
    let host = Host::with_config(LIMITS);
    host.serving("good", "echo", &[]);
    for channel in ["one", "two"] {
        host.channel(channel);
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |(index, (what, bytes)): (usize, (&'static str, Vec<u8>))| {
        let path = folder.path().join(format!("{index}.wasm"));
        std::fs::write(&path, bytes).unwrap();
        (what, path.to_str().unwrap().to_owned())
    };
    let long = if rounds(0, 1) == 1 { more_bombs() } else { Vec::new() };
    let files: Vec<_> = bombs().into_iter().chain(long).enumerate().map(write).collect();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let neighbour = scope.spawn(|| {
            let mut calls = 0;
            while !over.load(SeqCst) {
                assert_eq!(host.sdk("good", "inventory_push", json!({ "inventory_updates": [] })).status, 200);
                calls += 1;
            }
            calls
        });
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !over.load(SeqCst) {
                let living = children(host.id());
                assert!(living.len() <= 1, "more than one child at a time: {living:?}");
                most = most.max(living.len());
                std::thread::park_timeout(std::time::Duration::from_millis(2));
            }
            most
        });
        // Two at a time, so that one has to wait for the other.
        let throw = |channel: &'static str, files: &[(&'static str, String)]| {
            for (what, file) in files {
                let output = host.cli(&["deploy", channel, file, "--json"]);
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert_eq!(output.status.code(), Some(1), "{what}: {said}");
                let message = message(&said);
                let plain = [
                    "too hard to compile",
                    "does not compile",
                    "does not take the component",
                    "without its function push",
                ];
                assert!(plain.iter().any(|words| message.contains(words)), "{what}: {message}");
                assert!(!message.contains("offset") && !message.contains('\n'), "{what}: {message}");
                eprintln!("{what}: {message}");
            }
        };
        let (some, others) = files.split_at(files.len() / 2);
        let beside = scope.spawn(move || throw("two", others));
        throw("one", some);
        let thrown = beside.join();
        over.store(true, SeqCst);
        assert!(thrown.is_ok());
        assert!(neighbour.join().unwrap() > 100, "the neighbour was hardly called");
        assert_eq!(watcher.join().unwrap(), 1, "nobody saw a child");
    });
    println!("bombs: {} inputs, all refused", files.len());
    assert_eq!(children(host.id()), [], "a child is left behind");
    let left = std::fs::read_dir(host.data().join("cache")).unwrap().count();
    assert!(left.is_multiple_of(2), "code without its MAC is left behind: {left} files");
    host.deploy("one", "chaos", &["behaviour=answer"]);
}

#[test]
fn the_compiler_gives_way_to_traffic_and_dies_with_its_node() {
    let host = Host::start();
    host.channel("acme");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("huge.wasm");
    std::fs::write(&file, huge_function()).unwrap();
    let mut deploy = host.command(&["deploy", "acme", file.to_str().unwrap()]).spawn().unwrap();
    let mut child = (0, 0);
    wait_for("the compiler to run with the lowest priority", || {
        child = children(host.id()).first().copied().unwrap_or_default();
        child.1 == 19
    });
    host.kill();
    wait_for("the compiler to be gone", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.0)).unwrap_or_default();
        stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'))
    });
    assert!(!deploy.wait().unwrap().success());
}

#[test]
fn one_component_is_compiled_once_for_all_who_deploy_it_at_once() {
    let host = Host::start();
    let channels: Vec<_> = (0..4).map(|number| format!("shop-{number}")).collect();
    for channel in &channels {
        host.channel(channel);
    }
    let file = plugin("reference");
    std::thread::scope(|scope| {
        for channel in &channels {
            scope.spawn(|| host.wharf(&["deploy", channel, file.to_str().unwrap()]));
        }
    });
    for channel in &channels {
        assert_eq!(host.sdk(channel, "order_pull", json!({})).status, 200);
    }
    let compiled = host.log().matches("compiled a component").count();
    assert_eq!(compiled, 1, "{}", host.log());
}
