//! The unit file: what it allows is what a node needs, and a node runs with no more than that.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::json;

use crate::host::{Host, serve};

fn unit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/wharf.service")
}

/// The values of a key, one for each time that it is set.
fn values(key: &str) -> Vec<String> {
    let text = std::fs::read_to_string(unit()).unwrap();
    text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=').map(str::to_owned)).collect()
}

/// A shell script that makes everything read-only but the folder that is its first argument, then becomes the rest.
const READ_ONLY: &str = r#"set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,bind,ro /
if touch /written 2>/dev/null; then echo "the root is not read-only" >&2; exit 97; fi
shift
exec "$@""#;

/// `unshare` with what lets it mount here; none where namespaces are not to be had.
fn unshare() -> Option<Vec<&'static str>> {
    let ways = [vec!["unshare", "--mount"], vec!["unshare", "--user", "--map-root-user", "--mount"]];
    ways.into_iter().find(|way| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(way[0]);
        command.args(&way[1..]).args(["sh", "-c", READ_ONLY, "sh"]).arg(folder.path()).arg("true");
        command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    })
}

/// A line of `/proc/PID/status`.
fn status(host: &Host, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{}/status", host.id())).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim().to_owned()
}

#[test]
fn the_unit_is_one_that_systemd_reads() {
    assert!(values("MemoryDenyWriteExecute").is_empty(), "compiled code could not be made executable");
    assert_eq!(values("LimitCORE"), ["0"]);
    let calls = values("SystemCallFilter").join(" ");
    assert!(calls.split(' ').count() > 100 && !calls.contains('@'), "one list of calls, without groups: {calls}");
    let Ok(output) = Command::new("systemd-analyze").arg("verify").arg(unit()).output() else {
        println!("systemd-analyze is not installed: the unit was not verified");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let complaints: Vec<_> =
        said.lines().filter(|line| line.contains("wharf.service") && !line.contains("is not executable")).collect();
    assert!(complaints.is_empty(), "{said}");
}

#[test]
fn a_node_works_with_the_units_system_calls_and_a_read_only_root() {
    if std::env::consts::ARCH != "x86_64" {
        println!("skipped: the unit's list names the system calls of x86-64");
        return;
    }
    let data = Arc::new(tempfile::tempdir().unwrap());
    let node = serve(data.path(), None);
    let unshare = unshare();
    if unshare.is_none() {
        println!(
            "mount namespaces are not to be had here: the node runs with the unit's system calls, on a writable root"
        );
    }
    let mut words: Vec<_> = unshare.into_iter().flatten().map(Into::into).collect();
    if !words.is_empty() {
        words.extend(["sh", "-c", READ_ONLY, "sh"].map(Into::into));
        words.push(data.path().into());
    }
    words.extend([env!("CARGO_BIN_EXE_wharf-sandbox").into(), unit().into_os_string(), node.get_program().to_owned()]);
    words.extend(node.get_args().map(ToOwned::to_owned));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    let mut host = Host::started_by(command, data, None);
    assert_eq!((status(&host, "Seccomp"), status(&host, "NoNewPrivs")), ("2".to_owned(), "1".to_owned()));
    let keys = host.serving("acme", "reference", &[]);
    host.sdk("acme", "order_pull", json!({})).ok(200);
    let search = json!({ "eventType": "contact.search", "entityTypeID": 1, "data": { "searchString": "a" } });
    host.notify("acme", &keys.notification, &search).ok(200);
    host.deploy("acme", "chaos", &["behaviour=recurse"]);
    assert_eq!(host.sdk("acme", "order_pull", json!({})).code(), "HOST_STACK_OVERFLOW");
    host.wharf(&["rollback", "acme"]);
    host.sdk("acme", "order_pull", json!({})).ok(200);
    host.terminate();
    assert_eq!(host.await_exit(), Some(0));
}

#[test]
fn a_node_leaves_no_core_dump_gains_no_privileges_and_says_how_many_files_it_may_open() {
    let host = Host::start();
    assert_eq!(status(&host, "NoNewPrivs"), "1");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", host.id())).unwrap();
    let limit =
        |name: &str| limits.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    assert!(limit("Max core file size").starts_with("0 "), "{limits}");
    let files: u64 = limit("Max open files").split(' ').next().unwrap().parse().unwrap();
    assert!(
        host.log().contains("process limits") && host.log().contains(&format!("open_files={files}")),
        "{}",
        host.log()
    );
    // A process that cannot be dumped belongs to root as far as /proc goes; ours does anyway when root runs the tests.
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(format!("/proc/{}/stat", host.id())).unwrap());
    assert_eq!(owner, 0);
}

#[test]
fn too_few_open_files_are_told_with_the_key_that_wants_them() {
    let data = Arc::new(tempfile::tempdir().unwrap());
    let node = serve(data.path(), None);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 600; exec \"$@\"", "sh"]).arg(node.get_program()).args(node.get_args());
    let host = Host::started_by(command, data, None);
    let log = host.log();
    let line = log
        .lines()
        .find(|line| line.contains("WARN") && line.contains("open files"))
        .unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("edge.connections") && line.contains("600") && line.contains("LimitNOFILE"), "{line}");
}
