//! Components that are not taken: each is told in one plain sentence with the remedy, and nothing changes.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::{Host, alone, plugin};
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
        ("truncated", whole[..whole.len() / 2].to_vec(), &["is not a valid component"]),
        ("cut in its head", whole[..6].to_vec(), &["is not a valid component"]),
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
        ("spoilt code", spoilt, &["the component does not compile"]),
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
fn a_known_interface_that_is_not_ours_is_refused_without_the_linkers_words() {
    let (host, files) = (Host::start(), Files::new());
    host.channel("acme");
    let import = |name: &str, function: &str| {
        wat::parse_str(format!(
            r#"(component (import "{name}" (instance (export "{function}" (func (param "x" u32)))))
                (instance $e) (export "wharf:channel/inventory@0.1.0" (instance $e)))"#
        ))
        .unwrap()
    };
    for (name, function) in [("wasi:keyvalue/atomics@9.0.0", "increment"), ("wasi:logging/logging@0.1.0-draft", "log")]
    {
        let file = files.write("bad.wasm", &import(name, function));
        let (code, said) = host.refuses(&["deploy", "acme", &file, "--json"]);
        let message = told(&said);
        assert_eq!(code, Some(1), "{said}");
        assert!(message.contains(name.split('@').next().unwrap()), "{message}");
        assert!(!message.contains("linker"), "the linker's words reach a person: {message}");
    }
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

/// A third of a megabyte that takes seconds and hundreds of megabytes: many variables live across many branches.
pub(crate) fn hard_code() -> String {
    let mut code = format!("(local {})", "i32 ".repeat(200));
    for step in 0..20_000 {
        let (one, other) = (step % 200, (step * 7 + 3) % 200);
        let _ = write!(code, "block local.get {one} br_if 0 local.get {other} local.set {one} end ");
    }
    code
}

#[test]
fn a_component_that_is_too_hard_to_compile_costs_the_compilers_limits_and_nothing_else() {
    let files = Files::new();
    let file = files.write("hard.wasm", &exporting("wharf:channel/inventory@0.1.0", &hard_code()));
    for limit in ["time = \"1s\"", "memory = \"128MiB\""] {
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
        assert_eq!(left.len(), 3, "echo's code, its MAC and the key: {left:?}");
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
