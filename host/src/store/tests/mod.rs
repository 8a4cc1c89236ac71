//! The store through its own doors, one file per subject.

mod components;
mod deltas;
mod desired;
mod durability;
mod journal;
mod keyvalue;
mod migration;
mod node_key;
mod outbound;
mod prune;
mod queue;
mod queue_order;
mod queue_size;
mod receipts;
mod secrets;
mod swap;
mod tokens;

use std::time::Duration;

use tempfile::TempDir;

use super::*;

fn retention() -> Retention {
    let (done, dead) = (Duration::from_hours(24), Duration::from_hours(720));
    Retention { calls: 1000, log_lines: 1000, outbound: 1000, done, dead, queued: 1 << 30 }
}

fn open(dir: &TempDir) -> Store {
    Store::open_with(dir.path(), retention(), None).unwrap()
}

/// A store in a fresh directory, with the channel `acme`.
async fn fresh() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.create_channel(channel("acme")).await.unwrap();
    (dir, store)
}

fn channel(name: &str) -> NewChannel {
    let keys = vec![(KeyKind::Sdk, Digest::of(b"sdk")), (KeyKind::Notification, Digest::of(b"notification"))];
    NewChannel { name: name.into(), mode: Mode::Testing, hosts: vec![format!("{name}.example.com")], keys }
}

fn spec(digest: Digest) -> ReleaseSpec {
    ReleaseSpec {
        digest,
        config: [("currency".to_owned(), "EUR".to_owned())].into(),
        secrets: vec!["api-key@latest".parse().unwrap()],
        grants: Grants { hosts: vec!["api.example.com".into()], key_value: true, platform: None },
        limits: LimitOverrides { deadline_ms: Some(500), ..LimitOverrides::default() },
        platform_origin: None,
        author: "ann".into(),
        note: "first".into(),
        preflight: PreflightMark::Passed,
    }
}

fn by(who: &str) -> By {
    By { who: who.into(), reason: String::new(), expected: Expected::Whatever }
}

/// Does `wish` to `acme` as ann, who expects nothing.
async fn swap(store: &Store, wish: Move) -> Receipt {
    store.swap("acme", wish, by("ann")).await.unwrap().receipt
}

/// Adds releases to `acme`, none of them active.
async fn with_releases(store: &Store, count: usize) -> Vec<Release> {
    let digest = store.put_component(b"component").unwrap();
    let mut releases = Vec::new();
    for _ in 0..count {
        releases.push(deploy(store, spec(digest)).await);
    }
    releases
}

async fn deploy(store: &Store, spec: ReleaseSpec) -> Release {
    let wish = Move::Deploy { spec: Box::new(spec), activate: false };
    store.swap("acme", wish, by("ann")).await.unwrap().release.unwrap()
}

/// Active release, the one to roll back to, candidate.
fn pointers(store: &Store) -> (Option<u64>, Option<u64>, Option<u64>) {
    let found = store.channel("acme").unwrap().unwrap();
    (found.active, found.previous, found.canary.map(|canary| canary.release))
}
