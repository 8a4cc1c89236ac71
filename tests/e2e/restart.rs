//! What survives when a node is killed, stopped, or finds its files spoilt.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::host::{Host, alone, plugin, program, serve, wait_for};

/// What the log says when something was compiled.
const COMPILED: &str = "compiled a component";

fn push() -> Value {
    json!({ "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] })
}

fn orders(host: &Host, channel: &str) -> usize {
    host.sdk(channel, "order_pull", json!({})).ok(200)["orders"].as_array().unwrap().len()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

fn flip_a_bit(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// The compiled code, with when it was written.
fn cache(data: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let all = [files(&data.join("cache"), "cwasm"), files(&data.join("cache"), "mac")].concat();
    let seen = |path: &Path| (std::fs::read(path).unwrap(), path.metadata().unwrap().modified().unwrap());
    all.into_iter().map(|path| (path.clone(), seen(&path))).collect()
}

#[test]
fn a_killed_node_comes_back_with_everything_and_compiles_nothing_again() {
    let host = Host::start();
    let keys = host.serving("acme", "reference", &["orders=3"]);
    host.deploy("acme", "reference", &["orders=5"]);
    host.wharf(&["rollback", "acme"]);
    host.serving("other", "echo", &[]);
    host.wharf(&["secret", "set", "acme", "API_KEY", "--value", "hush"]);
    let token = host.wharf(&["token", "create", "ci", "--role", "read"])["token"].as_str().unwrap().to_owned();
    let commands: [&[&str]; 6] = [
        &["channel", "list"],
        &["channel", "show", "acme"],
        &["releases", "acme"],
        &["releases", "other"],
        &["secret", "list", "acme"],
        &["token", "list"],
    ];
    let before = commands.map(|command| host.wharf(command));

    let remains = host.kill();
    assert_eq!(remains.log.matches(COMPILED).count(), 2, "{}", remains.log);
    let compiled = cache(remains.data());
    assert_eq!(compiled.len(), 4, "two of code and two of MACs: {:?}", compiled.keys());

    let host = remains.start();
    assert_eq!(commands.map(|command| host.wharf(command)), before);
    assert_eq!(orders(&host, "acme"), 3, "the release that was rolled back to");
    assert_eq!(host.sdk_as(&keys.sdk, "acme", "order_pull", json!({})).status, 200);
    let event = json!({ "eventType": "contact.search", "entityTypeID": 1, "entityID": 2, "data": {} });
    assert_eq!(host.notify("acme", &keys.notification, &event).status, 200);
    assert_eq!(host.admin_as(&token, "GET", "/v1/status", None).status, 200);
    assert!(!host.log().contains(COMPILED), "{}", host.log());
    assert_eq!(cache(host.data()), compiled);
}

/// The component again with another digest: a custom section changes nothing that it does.
fn variant(of: &str, folder: &Path, number: u8) -> String {
    let mut bytes = std::fs::read(plugin(of)).unwrap();
    bytes.extend([0, 3, 1, b'v', number]);
    let path = folder.join(format!("{of}-{number}.wasm"));
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_kill_in_the_middle_of_a_deploy_leaves_the_old_release_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start();
    host.serving("acme", "reference", &["orders=1"]);
    let mut active = 1;
    for round in 0..12_u8 {
        let (number, file) = (usize::from(round) + 2, variant("reference", folder.path(), round));
        let setting = format!("orders={number}");
        let began = Instant::now();
        let mut deploy = host.command(&["deploy", "acme", &file, "--set", &setting, "--json"]).spawn().unwrap();
        // From the first byte of the upload to long after the answer.
        let moment = Duration::from_millis(u64::from(round) * 100);
        let mut ended = None;
        wait_for("the moment to kill", || {
            ended = deploy.try_wait().unwrap();
            ended.is_some() || began.elapsed() >= moment
        });
        let remains = host.kill();
        deploy.wait().unwrap();

        host = remains.start();
        let found = orders(&host, "acme");
        let told = ended.is_some_and(|status| status.success());
        assert!(found == number || (found == active && !told), "round {round}: {found}, before {active}, told: {told}");
        let channel = &host.wharf(&["status"])["channels"][0];
        assert_eq!(channel["release"], channel["active"], "what is stored is what answers");
        active = found;
    }
}

/// What is done to a data directory.
type Tamper<'a> = (&'a str, &'a dyn Fn(&Path));

#[test]
fn compiled_code_that_was_changed_is_compiled_again_and_never_run() {
    let mut host = Host::start();
    host.serving("acme", "echo", &[]);
    host.serving("other", "chaos", &[]);
    let digest = |channel| host.wharf(&["channel", "show", channel])["digest"].as_str().unwrap().to_owned();
    let digests = ["acme", "other"].map(digest);
    let code = |data: &Path, which: usize| {
        let named = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&digests[which]);
        files(&data.join("cache"), "cwasm").into_iter().find(named).unwrap()
    };
    let tampers: [Tamper<'_>; 4] = [
        ("a bit of the code", &|data| flip_a_bit(&code(data, 0))),
        ("a bit of the MAC", &|data| flip_a_bit(&code(data, 0).with_extension("mac"))),
        ("half of the code", &|data| {
            let path = code(data, 0);
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("another component's code and MAC", &|data| {
            let (from, to) = (code(data, 1), code(data, 0));
            std::fs::copy(&from, &to).unwrap();
            std::fs::copy(from.with_extension("mac"), to.with_extension("mac")).unwrap();
        }),
    ];
    for (what, tamper) in tampers {
        let remains = host.kill();
        tamper(remains.data());
        host = remains.start();
        assert_eq!(host.sdk("acme", "inventory_push", push()).code(), "STOCK", "{what}");
        assert_eq!(host.sdk("other", "inventory_push", push()).status, 200, "{what}");
        let log = host.log();
        assert_eq!(log.matches(COMPILED).count(), 1, "{what}: {log}");
        assert!(log.contains("is not what this node wrote"), "{what}: {log}");
    }
    let remains = host.kill();
    std::fs::remove_file(remains.data().join("node.key")).unwrap();
    let host = remains.start();
    assert_eq!(host.sdk("acme", "inventory_push", push()).code(), "STOCK");
    let log = host.log();
    assert_eq!(log.matches(COMPILED).count(), 2, "what a node with another key has compiled was run: {log}");
}

#[test]
fn a_damaged_component_costs_its_channel_alone_and_an_upload_heals_it() {
    let host = Host::start();
    host.serving("acme", "reference", &[]);
    host.serving("other", "echo", &[]);
    let remains = host.kill();
    let size = |path: &PathBuf| path.metadata().unwrap().len();
    flip_a_bit(&files(&remains.data().join("components"), "wasm").into_iter().max_by_key(size).unwrap());
    for path in cache(remains.data()).into_keys() {
        std::fs::remove_file(path).unwrap();
    }
    let host = remains.start();
    let answer = host.sdk("acme", "order_pull", json!({}));
    assert_eq!((answer.status, answer.code().as_str()), (503, "HOST_UNAVAILABLE"));
    assert_eq!(host.sdk("other", "inventory_push", push()).status, 200);
    let log = host.log();
    assert!(log.contains("the active release cannot be loaded") && log.contains("is damaged"), "{log}");
    assert_eq!(host.wharf(&["status"])["channels"][0]["release"], Value::Null, "status tells what answers");

    host.deploy("acme", "reference", &[]);
    assert_eq!(orders(&host, "acme"), 3);
}

#[test]
fn a_node_that_is_asked_to_stop_answers_what_is_under_way() {
    let mut host = Host::with_config("[edge]\nlame-duck = \"100ms\"\n");
    host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=3000"]);
    let free = || host.wharf(&["status"])["channels"][0]["in_flight_free"].as_u64().unwrap();
    let idle = free();
    std::thread::scope(|scope| {
        let call = scope.spawn(|| host.sdk("acme", "inventory_push", push()));
        wait_for("the call to be under way", || free() < idle);
        host.terminate();
        wait_for("the edge to be closed", || std::net::TcpStream::connect(&host.edge).is_err());
        assert!(!call.is_finished(), "the call ended before the edge closed");
        assert_eq!(call.join().unwrap().status, 200);
    });
    assert_eq!(host.await_exit(), Some(0));
    assert!(host.log().contains("stopped"), "{}", host.log());
}

#[test]
fn a_second_node_over_the_same_data_is_refused() {
    let host = Host::start();
    host.serving("acme", "echo", &[]);
    let second = serve(host.data(), None).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!((second.status.code(), second.stdout.len()), (Some(1), 0), "{said}");
    assert!(said.contains("is in use by another wharf; stop it or name another directory"), "{said}");
    assert_eq!(host.sdk("acme", "inventory_push", push()).status, 200);
    assert_eq!(alone(&["status", "--admin-url", "http://127.0.0.1:1"]).status.code(), Some(1));
}

/// A node whose data directory is a disk of its own, of this size, that only the node sees.
fn on_a_small_disk(size: &str) -> Option<Host> {
    let data = Arc::new(tempfile::tempdir().unwrap());
    let wharf = serve(data.path(), Some(&data.path().join("wharf.toml")));
    // The low-water mark is larger than the disk. The token is there beforehand, inside and outside, so that both know it.
    let (token, file) = ("a-token-that-both-sides-know", data.path().join("admin.token"));
    std::fs::write(&file, token).unwrap();
    let script = "mount -t tmpfs -o size=$1 tmpfs \"$2\" || exit 77; printf '[queue]\\nleast-free-disk = \"0B\"\\n' > \"$2/wharf.toml\"; (umask 077; printf %s \"$3\" > \"$2/admin.token\"); shift 3; exec \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    let mut probe = std::process::Command::new("unshare");
    probe.args(["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs"]).arg(data.path());
    if !probe.output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this machine lets nobody mount a disk");
        return None;
    }
    command.args([script, "sh", size]).arg(data.path()).arg(token).arg(wharf.get_program()).args(wharf.get_args());
    Some(Host::started_by(command, data, None))
}

#[test]
fn a_full_disk_is_told_and_what_answers_goes_on() {
    let Some(host) = on_a_small_disk("24m") else { return };
    let keys = host.serving("old", "echo", &[]);
    host.channel("new");
    // The disk as the node sees it.
    let inside = PathBuf::from(format!("/proc/{}/root{}", host.id(), host.data().display()));
    let ballast = inside.join("ballast");
    assert!(std::fs::write(&ballast, vec![0; 32 << 20]).is_err(), "the disk takes more than it has");

    let file = plugin("reference");
    let (code, said) = host.refuses(&["deploy", "new", file.to_str().unwrap()]);
    assert!(code == Some(1) && said.contains("the disk is full"), "{said}");
    let upload = host.admin("PUT", "/v1/channels/old/secrets/A", Some(&json!({ "value": "v".repeat(8000) })));
    assert_eq!(upload.status, 507, "{upload:?}");
    let event =
        |id: u32| json!({ "eventType": "document.cancellation", "entityTypeID": 1, "entityID": id, "data": {} });
    let answer = host.notify("old", &keys.notification, &event(1));
    assert_eq!((answer.status, answer.code().as_str()), (503, "HOST_UNAVAILABLE"), "never 202 for what is not stored");
    assert!(answer.header("retry-after").is_some());
    for _ in 0..20 {
        assert_eq!(host.sdk("old", "inventory_push", push()).code(), "STOCK");
    }

    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(host.notify("old", &keys.notification, &event(1)).status, 202);
    host.deploy("new", "reference", &[]);
    assert_eq!(orders(&host, "new"), 3);
}

#[test]
fn a_program_that_is_replaced_on_the_disk_goes_on_compiling_as_the_one_that_it_is() {
    let data = Arc::new(tempfile::tempdir().unwrap());
    let installed = data.path().join("installed-wharf");
    std::fs::copy(program(), &installed).unwrap();
    let mut command = std::process::Command::new(&installed);
    command.args(serve(data.path(), None).get_args());
    let host = Host::started_by(command, Arc::clone(&data), None);
    std::fs::remove_file(&installed).unwrap();
    std::fs::write(&installed, "a newer version").unwrap();
    host.serving("acme", "echo", &[]);
    assert_eq!(host.sdk("acme", "inventory_push", push()).code(), "STOCK");
}
