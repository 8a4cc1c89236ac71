//! Components that are not taken: each is told in one plain sentence with the remedy, and nothing changes.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::{Host, alone, plugin, wait_for};
use crate::wire;

/// A component that exports one interface of ours, which has one function of a wrong type; `body` is the function's.
pub(crate) fn exporting(interface: &str, body: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(component
            (core module $m (func (export "push") (result i32) {body} i32.const 1))
            (core instance $i (instantiate $m))
            (func $push (result u32) (canon lift (core func $i "push")))
            (instance $e (export "push" (func $push)))
            (export "{interface}" (instance $e)))"#
    ))
    .unwrap()
}

/// A component with this inside a core module.
fn core(inside: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(component (core module {inside}) (instance $e) (export "wharf:channel/inventory@0.1.0" (instance $e)))"#
    ))
    .unwrap()
}

/// Words of the engine, the validator and the linker. None of them helps a person.
const RAW: [&str; 14] = [
    "offset",
    "0x",
    "linker",
    "wasmtime",
    "wasmparser",
    "type mismatch",
    "expected",
    "implementation",
    "leading byte",
    "magic",
    "unexpected end",
    "instance export",
    "failed to",
    "support is not enabled",
];

pub(crate) fn empty_export(name: &str) -> Vec<u8> {
    wat::parse_str(format!(r#"(component (instance $e) (export "{name}" (instance $e)))"#)).unwrap()
}

pub(crate) fn importing(name: &str) -> Vec<u8> {
    wat::parse_str(format!(r#"(component (import "{name}" (instance)))"#)).unwrap()
}

/// Files in a folder of their own, so that no manifest lies beside them.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// The message of a command that was run with `--json` and failed.
pub(crate) fn told(stderr: &str) -> String {
    let line = stderr.lines().last().unwrap_or_default();
    let error: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    error["error"]["message"].as_str().unwrap().to_owned()
}

/// A component that is refused, and what must be said of it.
type Case = (&'static str, Vec<u8>, &'static [&'static str]);

fn refused_at_sight() -> Vec<Case> {
    let whole = std::fs::read(plugin("reference")).unwrap();
    vec![
        ("text", b"hello".to_vec(), &["is not a WebAssembly component", "--target wasm32-wasip2"]),
        ("nothing", Vec::new(), &["is not a WebAssembly component", "--target wasm32-wasip2"]),
        ("core module", wat::parse_str("(module)").unwrap(), &["core module", "wasm-tools component new"]),
        ("compiled code", b"\x7fELF\x02\x01\x01".to_vec(), &["is compiled code", "upload the .wasm component itself"]),
        ("truncated", whole[..whole.len() / 2].to_vec(), &["is not a valid component", "ends too early", "upload"]),
        ("cut in its head", whole[..6].to_vec(), &["is not a valid component", "ends too early", "upload"]),
        ("garbage", [&whole[..8], &[0x7f; 200]].concat(), &["is not a valid component", "build it anew"]),
        ("unknown import", importing("acme:evil/root@1.0.0"), &["imports acme:evil/root@1.0.0", "plugins have"]),
        ("sockets", importing("wasi:sockets/tcp@0.2.6"), &["there are no sockets", "wasi:http/outgoing-handler"]),
        ("server", importing("wasi:http/incoming-handler@0.2.6"), &["requests come through the contract's interfaces"]),
        ("unknown export", empty_export("wharf:channel/refunds@0.1.0"), &["exports wharf:channel/refunds", "it knows"]),
        (
            "next version",
            empty_export("wharf:channel/orders@0.2.0"),
            &["this host speaks wharf:channel@0.1.0", "build"],
        ),
        ("imported version", importing("wharf:channel/host@0.2.0"), &["this host speaks wharf:channel@0.1.0", "build"]),
        ("no exports", wat::parse_str("(component)").unwrap(), &["exports none", "wharf_sdk::export!"]),
        ("foreign export", empty_export("acme:shop/orders@0.1.0"), &["exports none", "wharf_sdk::export!"]),
    ]
}

/// Found out when it is compiled and linked.
fn refused_at_load() -> Vec<Case> {
    let import = |name: &str, export: &str| {
        wat::parse_str(format!(
            r#"(component (import "{name}" (instance {export}))
                (instance $e) (export "wharf:channel/inventory@0.1.0" (instance $e)))"#
        ))
        .unwrap()
    };
    let mut spoilt = std::fs::read(plugin("echo")).unwrap();
    let code = spoilt.len() / 3;
    spoilt[code..code + 64].fill(0xff);
    vec![
        (
            "a wrong type",
            exporting("wharf:channel/inventory@0.1.0", ""),
            &["inventory.push", "the contract's type", "wharf-sdk"],
        ),
        (
            "a missing function",
            empty_export("wharf:channel/inventory@0.1.0"),
            &["without its function push", "wharf-sdk"],
        ),
        ("spoilt code", spoilt, &["the component does not compile", "build it anew"]),
        (
            "a proposal that is off",
            core("(memory i64 1)"),
            &["does not compile", "a WebAssembly proposal that this host leaves off", "wasm32-wasip2"],
        ),
        ("code that is no code", core("(func (result i32) i64.const 1)"), &["does not compile", "build it anew"]),
        (
            "an interface that is a function",
            wat::parse_str(
                r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
                    (func $f (canon lift (core func $i "f"))) (export "wharf:channel/inventory@0.1.0" (func $f)))"#,
            )
            .unwrap(),
            &["without its function push", "wharf-sdk"],
        ),
        (
            "an import in another version",
            import("wasi:keyvalue/atomics@9.0.0", r#"(export "increment" (func (param "x" u32)))"#),
            &["imports wasi:keyvalue/atomics@9.0.0", "in a version or with types", "wharf-sdk"],
        ),
        (
            "an import with other types",
            import("wasi:logging/logging@0.1.0-draft", r#"(export "log" (func (param "x" u32)))"#),
            &["imports wasi:logging/logging@0.1.0-draft", "in a version or with types", "wharf-sdk"],
        ),
        (
            "an import with one function more",
            import("wharf:channel/host@0.1.0", r#"(export "reboot" (func))"#),
            &["imports wharf:channel/host@0.1.0", "in a version or with types", "wharf-sdk"],
        ),
    ]
}

#[test]
fn every_bad_component_is_refused_in_one_sentence_and_changes_nothing() {
    let (host, files) = (Host::start(), Files::new());
    host.serving("acme", "echo", &[]);
    let before = (host.wharf(&["releases", "acme"]), host.wharf(&["channel", "show", "acme"]));
    for (what, bytes, expected) in refused_at_sight().into_iter().chain(refused_at_load()) {
        let file = files.write("bad.wasm", &bytes);
        let (code, said) = host.refuses(&["deploy", "acme", &file, "--json"]);
        let message = told(&said);
        assert_eq!(code, Some(1), "{what}: {said}");
        for part in expected {
            assert!(message.contains(part), "{what}: expected {part:?} in: {message}");
        }
        assert!(!message.contains('\n') && message.len() < 600, "{what} is not one sentence: {message}");
        let raw: Vec<_> = RAW.into_iter().filter(|word| message.contains(word)).collect();
        assert!(raw.is_empty(), "{what}: {raw:?} reaches a person: {message}");

        let url = format!("http://{}/v1/channels/acme/releases", host.admin);
        let bearer = format!("Bearer {}", host.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/wasm")];
        let answer = wire::send_bytes("POST", &url, &headers, &bytes);
        assert_eq!(answer.ok(422)["error"]["message"], message.as_str(), "{what}");
    }
    assert_eq!((host.wharf(&["releases", "acme"]), host.wharf(&["channel", "show", "acme"])), before);
    assert_eq!(host.sdk("acme", "inventory_push", json!({ "inventory_updates": [] })).status, 200);
}

#[test]
fn what_the_server_refuses_at_sight_the_check_refuses_without_one_in_the_same_words() {
    let (host, files) = (Host::start(), Files::new());
    host.channel("acme");
    for (what, bytes, _) in refused_at_sight() {
        let file = files.write("bad.wasm", &bytes);
        let checked = alone(&["check", &file, "--json"]);
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert_eq!(checked.status.code(), Some(1), "{what}: {said}");
        assert_eq!(told(&said), told(&host.refuses(&["deploy", "acme", &file, "--json"]).1), "{what}");
    }
    let config = files.write("wharf-config.toml", b"[compile]\nmemory = \"4GiB\"\n");
    let good = alone(&["check", plugin("reference").to_str().unwrap(), "--config", &config, "--json"]);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let report: Value = serde_json::from_slice(&good.stdout).unwrap();
    assert_eq!(report["ok"], true);
    assert!(report["report"]["exports"].as_array().unwrap().len() >= 5, "{report}");
}

#[test]
fn an_import_that_the_release_does_not_grant_is_refused() {
    let (host, files) = (Host::start(), Files::new());
    host.channel("acme");
    let file = plugin("reference");
    let manifest = files.write("wharf.toml", b"name = \"shop\"\n[grants]\nkey-value = false\n");
    let (code, said) = host.refuses(&["deploy", "acme", file.to_str().unwrap(), "--manifest", &manifest, "--json"]);
    assert_eq!(code, Some(1), "{said}");
    let message = told(&said);
    assert!(message.contains("imports wasi:keyvalue/") && message.contains("is not granted"), "{message}");
    assert!(message.contains("set key-value = true under [grants]"), "{message}");
    let checked = alone(&["check", file.to_str().unwrap(), "--manifest", &manifest, "--json"]);
    assert_eq!(told(&String::from_utf8_lossy(&checked.stderr)), message);
    assert_eq!(host.wharf(&["releases", "acme"]), json!([]));
}

#[test]
fn the_cause_in_the_engines_words_is_in_the_log() {
    let (host, files) = (Host::start(), Files::new());
    host.channel("acme");
    for (what, bytes, _) in refused_at_load() {
        let file = files.write("bad.wasm", &bytes);
        let before = host.log().len();
        host.refuses(&["deploy", "acme", &file, "--json"]);
        wait_for("the cause in the log", || host.log()[before..].contains("cause=") || what.contains("function"));
    }
}

#[test]
fn the_report_says_what_a_component_is_and_needs_alike_with_and_without_a_server() {
    let (host, files) = (Host::start(), Files::new());
    host.channel("acme");
    let file = plugin("reference").to_str().unwrap().to_owned();
    let manifest = files.write("wharf.toml", b"[grants]\nhosts = [\"api.example.com\"]\n");
    let config = files.write("wharf-config.toml", b"[compile]\nmemory = \"4GiB\"\n");
    let checked = |args: &[&str]| {
        let output = alone(&[&["check", &file, "--config", &config], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let check: Value = serde_json::from_str(&checked(&["--json"])).unwrap();
    let deployed = host.wharf(&["deploy", "acme", &file]);
    assert_eq!(check["report"], deployed["report"]);
    assert_eq!(check["report"]["contract"], "0.1.0");
    let needs = check["report"]["needs"].as_array().unwrap();
    let told = |what: &str| needs.iter().find(|need| need["what"] == what).map(|need| need["told"].clone());
    assert_eq!(told("key-value store"), Some(json!("granted")), "{needs:?}");
    // The same lines for people, from the component's digest on.
    let people = checked(&["--manifest", &manifest]);
    let output = host.cli(&["deploy", "acme", &file, "--manifest", &manifest]);
    let deploy = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = people.lines().skip(1).collect();
    assert!(people.starts_with(&format!("{file} can be deployed\ncomponent ")), "{people}");
    assert!(lines[0].ends_with("built for wharf:channel@0.1.0"), "{people}");
    for line in &lines {
        assert!(deploy.lines().any(|told| told == *line), "{line:?} is not in\n{deploy}");
    }
    assert!(deploy.lines().last().unwrap().starts_with("channel acme: release 2 "), "{deploy}");
}

#[test]
fn what_may_call_out_says_whereto() {
    let files = Files::new();
    let file = plugin("chaos").to_str().unwrap().to_owned();
    let manifest = files.write("wharf.toml", b"[grants]\nhosts = [\"api.example.com\"]\n");
    let config = files.write("wharf-config.toml", b"[compile]\nmemory = \"4GiB\"\n");
    let none = alone(&["check", &file, "--config", &config]);
    assert!(String::from_utf8_lossy(&none.stdout).contains("HTTP to other hosts: no host is granted"), "{none:?}");
    let some = alone(&["check", &file, "--config", &config, "--manifest", &manifest]);
    let some = String::from_utf8_lossy(&some.stdout).into_owned();
    assert!(some.contains("HTTP to other hosts: granted for api.example.com"), "{some}");
}

#[test]
fn a_component_over_the_limit_on_uploads_is_refused() {
    let host = Host::with_config("[admin]\nupload = \"64KiB\"\n");
    host.channel("acme");
    let file = plugin("echo");
    let size = file.metadata().unwrap().len();
    assert!(size > 64 << 10, "echo has become so small that it fits: {size}");
    let (code, said) = host.refuses(&["deploy", "acme", file.to_str().unwrap(), "--json"]);
    let message = told(&said);
    assert!(code == Some(1) && message.contains("admin.upload"), "{said}");
    let url = format!("http://{}/v1/channels/acme/releases", host.admin);
    let bearer = format!("Bearer {}", host.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/wasm")];
    let answer = wire::send_bytes("POST", &url, &headers, &std::fs::read(file).unwrap());
    let sentence = answer.ok(413)["error"]["message"].as_str().unwrap().to_owned();
    assert!(sentence.contains("64KiB") && sentence.contains("admin.upload"), "{sentence}");
    // Fewer bytes than a form's frame adds, and many more than the limit.
    let huge = wire::send_bytes("POST", &url, &headers, &vec![0; 8 << 20]);
    assert_eq!(huge.status, 413);
}

/// Half a megabyte that takes twice the seconds that it may, on a fast machine as well, and hundreds of megabytes: many variables live
/// across many branches.
pub(crate) fn hard_code() -> String {
    let mut code = format!("(local {})", "i32 ".repeat(200));
    for step in 0..40_000 {
        let (one, other) = (step % 200, (step * 7 + 3) % 200);
        let _ = write!(code, "block local.get {one} br_if 0 local.get {other} local.set {one} end ");
    }
    code
}

#[test]
fn a_component_that_is_too_hard_to_compile_costs_the_compilers_limits_and_nothing_else() {
    let files = Files::new();
    let file = files.write("hard.wasm", &exporting("wharf:channel/inventory@0.1.0", &hard_code()));
    for limit in ["time = \"3s\"", "memory = \"128MiB\""] {
        let host = Host::with_config(&format!("[compile]\n{limit}\n"));
        host.serving("good", "echo", &[]);
        host.channel("acme");
        std::thread::scope(|scope| {
            let deploy = scope.spawn(|| host.refuses(&["deploy", "acme", &file, "--json"]));
            while !deploy.is_finished() {
                assert_eq!(host.sdk("good", "inventory_push", json!({ "inventory_updates": [] })).status, 200);
            }
            let (code, said) = deploy.join().unwrap();
            let message = told(&said);
            assert!(code == Some(1) && message.contains("too hard to compile"), "{limit}: {said}");
            assert!(message.contains("compile.time") && message.contains("compile.memory"), "{message}");
        });
        let left: Vec<PathBuf> =
            std::fs::read_dir(host.data().join("cache")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left.len(), 2, "echo's code and its MAC: {left:?}");
        host.deploy("acme", "chaos", &[]);
        assert_eq!(host.sdk("acme", "inventory_push", json!({ "inventory_updates": [] })).status, 200);
    }
    let config = files.write("tight.toml", b"[compile]\ntime = \"1s\"\n");
    let checked = alone(&["check", &file, "--config", &config, "--json"]);
    assert!(told(&String::from_utf8_lossy(&checked.stderr)).contains("too hard to compile"));
}

#[test]
fn the_check_finds_what_only_loading_shows() {
    let files = Files::new();
    for (what, bytes, expected) in refused_at_load() {
        let file = files.write("bad.wasm", &bytes);
        let checked = alone(&["check", &file, "--json"]);
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert_eq!(checked.status.code(), Some(1), "{what} passes the check: {said}");
        assert!(expected.iter().all(|part| told(&said).contains(part)), "{what}: {said}");
    }
}
