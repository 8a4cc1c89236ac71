//! `wharf deploy --watch`: what an author saves is built and serves; what is broken changes nothing.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::{Host, plugin, program, wait_for};

/// A folder that looks like a crate, whose build copies a component that is built already.
struct Crate {
    folder: TempDir,
    /// A pipe outside of the folder: a build that reads it waits for the test.
    gate: TempDir,
}

impl Crate {
    fn of(name: &str) -> Self {
        let made = Self { folder: tempfile::tempdir().unwrap(), gate: tempfile::tempdir().unwrap() };
        made.write("Cargo.toml", b"");
        std::fs::create_dir(made.folder.path().join("src")).unwrap();
        made.source(name);
        let made_pipe = Command::new("mkfifo").arg(made.gate.path().join("pipe")).status().unwrap();
        assert!(made_pipe.success());
        made
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    /// Makes one of our plugins what is built.
    fn source(&self, name: &str) {
        self.write("src/plugin.wasm", &std::fs::read(plugin(name)).unwrap());
    }

    fn product(&self) -> PathBuf {
        self.folder.path().join("out.wasm")
    }

    fn pipe(&self) -> PathBuf {
        self.gate.path().join("pipe")
    }

    /// Waits until a build is under way, which goes on when the file is dropped.
    fn hold(&self) -> File {
        File::options().write(true).open(self.pipe()).unwrap()
    }
}

/// A watch under way, and the events that it told.
struct Watch {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Watch {
    fn start(host: &Host, of: &Crate, build: &str) -> Self {
        let product = of.product();
        let args = ["deploy", "acme", product.to_str().unwrap(), "--watch", "--json", "--build", build];
        let mut child = host.command(&args).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let events = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&events);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                into.lock().unwrap().push(event);
            }
        });
        Self { child, events }
    }

    fn count(&self, name: &str) -> usize {
        self.events.lock().unwrap().iter().filter(|event| event["event"] == name).count()
    }

    /// Waits for an event of this name beside those that there were; gives it.
    fn next(&self, name: &str, seen: usize) -> Value {
        wait_for(&format!("the event {name} number {}", seen + 1), || {
            assert!(self.count("ended") == 0, "it ended: {:?}", self.events.lock().unwrap());
            self.count(name) > seen
        });
        let events = self.events.lock().unwrap();
        events.iter().filter(|event| event["event"] == name).nth(seen).unwrap().clone()
    }

    /// Interrupts it as Ctrl-C does; gives the exit code.
    fn interrupt(mut self) -> Option<i32> {
        let sent = Command::new("kill").arg("-INT").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
        let mut status = None;
        wait_for("the watch to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        wait_for("its last word", || self.count("ended") == 1);
        status.and_then(|status| status.code())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn units(host: &Host) -> String {
    let push = json!({ "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] });
    host.sdk("acme", "inventory_push", push).code()
}

#[test]
fn what_is_saved_serves_and_what_is_broken_does_not() {
    let (host, source) = (Host::start(), Crate::of("echo"));
    host.channel("acme");
    let watch = Watch::start(&host, &source, "test ! -e broken && cp src/plugin.wasm out.wasm");
    assert_eq!(watch.next("watching", 0)["folder"], source.folder.path().to_str().unwrap());
    let first = watch.next("deployed", 0);
    assert_eq!((&first["release"], &first["active"], &first["channel"]), (&json!(1), &json!(true), &json!("acme")));
    assert_eq!(first["report"]["contract"], "0.1.0");
    assert_eq!(units(&host), "STOCK");

    source.source("reference");
    assert_eq!(watch.next("deployed", 1)["release"], 2);
    assert_eq!(units(&host), "UNKNOWN_SKU");

    let builds = watch.count("build");
    source.write("broken", b"");
    let failed = watch.next("build", builds);
    assert_eq!((&failed["ok"], &failed["serving"]), (&json!(false), &json!(2)), "{failed}");
    assert!(failed["message"].as_str().unwrap().contains("the build failed"), "{failed}");
    assert_eq!(units(&host), "UNKNOWN_SKU");

    std::fs::remove_file(source.folder.path().join("broken")).unwrap();
    assert_eq!(watch.next("unchanged", 0)["serving"], 2);

    source.write("wharf.toml", b"[config]\norders = 3\n");
    assert_eq!(watch.next("deployed", 2)["release"], 3, "another config is another release");
    assert_eq!(host.sdk("acme", "order_pull", json!({})).ok(200)["orders"].as_array().unwrap().len(), 3);

    source.write("wharf.toml", b"[confg]\n");
    let wrong = watch.next("refused", 0);
    assert_eq!((&wrong["code"], &wrong["serving"]), (&json!("usage"), &json!(3)), "{wrong}");
    assert!(wrong["message"].as_str().unwrap().contains("confg"), "{wrong}");

    source.write("wharf.toml", b"[config]\norders = 3\n");
    assert_eq!(watch.next("unchanged", 1)["serving"], 3);
    source.write("src/plugin.wasm", b"no component");
    let refused = watch.next("refused", 1);
    assert_eq!((&refused["code"], &refused["serving"]), (&json!("component-refused"), &json!(3)), "{refused}");
    assert_eq!(host.wharf(&["releases", "acme"]).as_array().unwrap().len(), 3);
    assert_eq!(host.sdk("acme", "order_pull", json!({})).ok(200)["orders"].as_array().unwrap().len(), 3);
    assert_eq!(watch.interrupt(), Some(0));
}

#[test]
fn what_changes_during_a_build_is_built_once_more() {
    let (host, source) = (Host::start(), Crate::of("echo"));
    host.channel("acme");
    let build = format!("cat '{}' >/dev/null && cp src/plugin.wasm out.wasm", source.pipe().display());
    let watch = Watch::start(&host, &source, &build);
    let first = source.hold();
    for text in ["one", "two", "three"] {
        source.write("src/lib.rs", text.as_bytes());
    }
    for noise in ["target/x/y", ".git/HEAD"] {
        std::fs::create_dir_all(source.folder.path().join(noise)).unwrap();
        source.write(&format!("{noise}/z"), b"noise");
    }
    drop(first);
    watch.next("deployed", 0);
    drop(source.hold());
    watch.next("unchanged", 0);
    // A third build would be held now; what is saved next is what begins it.
    source.write("target/x/y/z", b"more noise");
    source.source("reference");
    drop(source.hold());
    assert_eq!(watch.next("deployed", 1)["release"], 2);
    assert_eq!(watch.count("build"), 3, "three changes during one build are one more build");
    assert_eq!(watch.interrupt(), Some(0));
}

#[test]
fn an_interrupt_ends_the_build_too() {
    let (host, source) = (Host::start(), Crate::of("echo"));
    host.channel("acme");
    let id = source.gate.path().join("id");
    let build = format!("sh -c 'echo $$ > \"{}\"; cat \"{}\"; true'", id.display(), source.pipe().display());
    let watch = Watch::start(&host, &source, &build);
    let _held = source.hold();
    let id = std::fs::read_to_string(id).unwrap().trim().to_owned();
    assert!(Path::new("/proc").join(&id).exists());
    assert_eq!(watch.interrupt(), Some(0));
    wait_for("the build to be gone", || {
        let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // Dead, and perhaps nobody has asked for its exit code.
        state.rsplit(") ").next().is_none_or(|state| state.is_empty() || state.starts_with('Z'))
    });
}

#[test]
fn a_server_that_is_away_does_not_end_the_watch() {
    let data = Arc::new(tempfile::tempdir().unwrap());
    let serve = |admin: &str| {
        let mut command = Command::new(program());
        command.args(["serve", "--edge", "127.0.0.1:0", "--admin", admin, "--data"]).arg(data.path());
        Host::started_by(command, Arc::clone(&data), None)
    };
    let (host, source) = (serve("127.0.0.1:0"), Crate::of("echo"));
    host.channel("acme");
    let watch = Watch::start(&host, &source, "cp src/plugin.wasm out.wasm");
    watch.next("deployed", 0);
    let admin = host.admin.clone();
    host.kill();
    source.source("reference");
    let away = watch.next("unreachable", 0);
    assert!(away["message"].as_str().unwrap().contains("nobody listens"), "{away}");
    let host = serve(&admin);
    assert_eq!(units(&host), "STOCK", "the last good release serves after a restart");
    source.write("src/lib.rs", b"the next change");
    assert_eq!(watch.next("deployed", 1)["release"], 2);
    assert_eq!(units(&host), "UNKNOWN_SKU");
    assert_eq!(watch.interrupt(), Some(0));
}

#[test]
fn people_read_sentences_with_the_time() {
    let (host, source) = (Host::start(), Crate::of("echo"));
    host.channel("acme");
    let product = source.product();
    let args = ["deploy", "acme", product.to_str().unwrap(), "--watch", "--build", "echo some words; exit 3"];
    let mut child = host.command(&args).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let first = line();
    assert!(first.contains("watching") && first.contains("Ctrl-C ends it"), "{first}");
    let failed = line();
    assert!(failed.starts_with('[') && &failed[9..12] == "Z] ", "{failed}");
    assert!(failed.contains("the build failed (exit status: 3); no release serves yet"), "{failed}");
    let sent = Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
    assert!(line().contains("ended"));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("some words"), "the build's own output");
}

#[test]
fn a_component_that_nobody_knows_how_to_build_is_bad_usage() {
    let (host, source) = (Host::start(), Crate::of("echo"));
    let product = source.product();
    let (code, said) = host.refuses(&["deploy", "acme", product.to_str().unwrap(), "--watch"]);
    assert!(code == Some(2) && said.contains("--build"), "{said}");
}
