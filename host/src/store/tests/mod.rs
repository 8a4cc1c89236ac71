//! The store through its own doors, one file per subject.

mod components;
mod desired;
mod durability;
mod journal;
mod keyvalue;
mod queue;
mod secrets;
mod tokens;

use std::time::Duration;

use tempfile::TempDir;

use super::*;

fn retention() -> Retention {
    Retention { calls: 1000, log_lines: 1000, done: Duration::from_hours(24), dead: Duration::from_hours(720) }
}

fn open(dir: &TempDir) -> Store {
    Store::open(dir.path(), retention()).unwrap()
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
        secrets: vec!["api-key".into()],
        grants: Grants { hosts: vec!["api.example.com".into()], key_value: true },
        limits: LimitOverrides { deadline_ms: Some(500), ..LimitOverrides::default() },
        platform_origin: None,
        author: "ann".into(),
        note: "first".into(),
    }
}
