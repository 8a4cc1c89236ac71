use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::*;

const VALUE: &str = "hunter2-hunter2-hunter2";

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn latest(store: &Store, name: &str) -> Option<String> {
    store.secret("acme", name, SecretVersion::Latest).unwrap()
}

#[tokio::test]
async fn a_secret_is_set_read_listed_and_deleted() {
    let (dir, store) = fresh().await;
    assert_eq!(store.put_secret("acme", "api-key", "old".into()).await.unwrap(), 1);
    assert_eq!(store.put_secret("acme", "api-key", VALUE.into()).await.unwrap(), 2);
    assert_eq!(store.put_secret("acme", "other", "x".into()).await.unwrap(), 1);
    assert!(matches!(store.put_secret("nobody", "x", "y".into()).await, Err(StoreError::NoChannel(_))));
    drop(store);
    let store = open(&dir);
    assert_eq!(latest(&store, "api-key").as_deref(), Some(VALUE));
    let names = store.secret_names("acme").unwrap();
    let shown: Vec<_> = names.iter().map(|name| (name.name.as_str(), name.version, &name.versions[..])).collect();
    assert_eq!(shown, [("api-key", 2, &[2, 1][..]), ("other", 1, &[1][..])]);
    assert!(store.delete_secret("acme", "api-key").await.unwrap());
    assert!(!store.delete_secret("acme", "api-key").await.unwrap());
    assert_eq!(latest(&store, "api-key"), None);
    assert_eq!(latest(&store, "other").as_deref(), Some("x"));
}

#[tokio::test]
async fn each_version_keeps_its_value_and_no_version_is_used_twice() {
    let (_dir, store) = fresh().await;
    for value in ["one", "two"] {
        store.put_secret("acme", "KEY", value.into()).await.unwrap();
    }
    let pinned = |version| store.secret("acme", "KEY", SecretVersion::Pinned(version)).unwrap();
    assert_eq!((pinned(1).as_deref(), pinned(2).as_deref(), pinned(3)), (Some("one"), Some("two"), None));
    store.delete_secret("acme", "KEY").await.unwrap();
    assert_eq!((pinned(1), pinned(2)), (None, None));
    assert_eq!(store.put_secret("acme", "KEY", "three".into()).await.unwrap(), 3);
    assert_eq!((pinned(1), pinned(3).as_deref()), (None, Some("three")));
}

#[tokio::test]
async fn a_deploy_pins_the_newest_value_or_the_next_one() {
    let (_dir, store) = fresh().await;
    let digest = store.put_component(b"component").unwrap();
    let naming =
        |name: &str, version| ReleaseSpec { secrets: vec![SecretRef { name: name.into(), version }], ..spec(digest) };
    let given = SecretVersion::Pinned(0);
    for value in ["one", "two"] {
        store.put_secret("acme", "SET", value.into()).await.unwrap();
        store.put_secret("acme", "GONE", value.into()).await.unwrap();
    }
    store.delete_secret("acme", "GONE").await.unwrap();
    for (name, version, pinned) in [
        ("SET", given, "SET@2"),
        ("UNSET", given, "UNSET@1"),
        ("GONE", given, "GONE@3"),
        ("SET", SecretVersion::Pinned(1), "SET@1"),
        ("SET", SecretVersion::Latest, "SET@latest"),
    ] {
        let release = deploy(&store, naming(name, version)).await;
        assert_eq!(release.spec.secrets[0].to_string(), pinned);
        assert_eq!(store.release("acme", release.number).unwrap().unwrap(), release, "it is stored as it was told");
    }
    for name in ["UNSET", "GONE"] {
        store.put_secret("acme", name, "late".into()).await.unwrap();
    }
    let of = |number| store.release("acme", number).unwrap().unwrap().spec.secrets.remove(0);
    for number in [2, 3] {
        let secret = of(number);
        assert_eq!(store.secret("acme", &secret.name, secret.version).unwrap().as_deref(), Some("late"));
    }
}

#[test]
fn a_reference_to_a_secret_is_written_as_it_is_read() {
    for (text, version) in [("A@latest", SecretVersion::Latest), ("A@3", SecretVersion::Pinned(3))] {
        let found: SecretRef = text.parse().unwrap();
        assert_eq!((found.name.as_str(), found.version, found.to_string().as_str()), ("A", version, text));
    }
    let plain: SecretRef = serde_json::from_str("\"A\"").unwrap();
    assert_eq!(serde_json::to_string(&plain).unwrap(), "\"A@latest\"");
    for wrong in ["", "@3", "A@", "A@0", "A@-1", "A@newest", "A@1@2"] {
        assert!(wrong.parse::<SecretRef>().unwrap_err().contains("API_KEY@latest or API_KEY@3"), "{wrong}");
    }
}

#[tokio::test]
async fn no_file_holds_a_secret_in_the_clear_and_all_are_private() {
    let (dir, store) = fresh().await;
    store.put_secret("acme", "api-key", VALUE.into()).await.unwrap();
    for name in ["wharf.db", "wharf.db-wal", "wharf.db-shm", "node.key", "wharf.lock"] {
        let path = dir.path().join(name);
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(VALUE.len()).any(|part| part == VALUE.as_bytes());
        assert!(!found, "{name} holds the secret");
        assert_eq!(mode(&path), 0o600, "{name}");
    }
    let wal = std::fs::read(dir.path().join("wharf.db-wal")).unwrap();
    assert!(wal.windows(7).any(|part| part == b"api-key"), "the search would have found it");
}

#[tokio::test]
async fn a_fresh_data_directory_is_private() {
    let above = tempfile::tempdir().unwrap();
    let dir = above.path().join("deep/data");
    drop(Store::open_with(&dir, retention(), None).unwrap());
    assert_eq!(mode(&dir), 0o700);
}

#[tokio::test]
async fn a_ciphertext_moved_to_another_name_or_version_does_not_open() {
    let (_dir, store) = fresh().await;
    store.put_secret("acme", "a", VALUE.into()).await.unwrap();
    for change in ["SET name = 'b'", "SET name = 'a', version = 2"] {
        store.write(move |db| Ok(db.execute(&format!("UPDATE secret_value {change}"), [])?)).await.unwrap();
        let name = store.secret_names("acme").unwrap().remove(0).name;
        let moved = store.secret("acme", &name, SecretVersion::Latest).unwrap_err();
        assert!(matches!(moved, StoreError::SecretSealed { .. }));
        assert!(!moved.to_string().contains(VALUE));
    }
}

#[tokio::test]
async fn a_secret_to_sign_with_is_sealed_rotated_and_opened_again() {
    let (dir, store) = fresh().await;
    let set = |secret: &[u8], until| store.rotate_webhook_secret("acme", Zeroizing::new(secret.to_vec()), until);
    let until = Timestamp::now().after(Duration::from_hours(1));
    set(VALUE.as_bytes(), None).await.unwrap();
    let found = set(b"second", Some(until)).await.unwrap();
    let kept: Vec<_> = found.keys.iter().filter(|key| key.kind == KeyKind::Webhook).map(|key| key.expires).collect();
    assert_eq!(kept, [None, Some(until)]);
    let other = store.rotate_webhook_secret("nobody", Zeroizing::new(vec![1]), None).await;
    assert!(matches!(other, Err(StoreError::NoChannel(_))));
    drop(store);
    for file in std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
    {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(VALUE.len()).any(|window| window == VALUE.as_bytes()), "{}", file.display());
    }
    let store = open(&dir);
    let opened: Vec<_> = store.webhook_secrets("acme").unwrap();
    assert!(!format!("{opened:?}").contains(&format!("{:?}", VALUE.as_bytes())));
    let opened: Vec<_> = opened.into_iter().map(|secret| (secret.key.to_vec(), secret.expires)).collect();
    assert_eq!(opened, [(b"second".to_vec(), None), (VALUE.as_bytes().to_vec(), Some(until))]);

    store.rotate_webhook_secret("acme", Zeroizing::new(b"third".to_vec()), None).await.unwrap();
    assert_eq!(store.webhook_secrets("acme").unwrap().len(), 1, "those before end at once");
    store
        .write(|db| Ok(db.execute("UPDATE channel_key SET created = created + 1 WHERE kind = 'webhook'", [])?))
        .await
        .unwrap();
    assert!(matches!(store.webhook_secrets("acme"), Err(StoreError::SecretSealed { .. })), "a row that was changed");
}
