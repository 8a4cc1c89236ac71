use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

const VALUE: &str = "hunter2-hunter2-hunter2";

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_secret_is_set_read_listed_and_deleted() {
    let (dir, store) = fresh().await;
    assert_eq!(store.put_secret("acme", "api-key", "old".into()).await.unwrap(), 1);
    assert_eq!(store.put_secret("acme", "api-key", VALUE.into()).await.unwrap(), 2);
    assert!(matches!(store.put_secret("nobody", "x", "y".into()).await, Err(StoreError::NoChannel(_))));
    drop(store);
    let store = open(&dir);
    assert_eq!(store.secret("acme", "api-key").unwrap().as_deref(), Some(VALUE));
    let names = store.secret_names("acme").unwrap();
    assert_eq!((names.len(), names[0].name.as_str(), names[0].version), (1, "api-key", 2));
    assert!(store.delete_secret("acme", "api-key").await.unwrap());
    assert!(!store.delete_secret("acme", "api-key").await.unwrap());
    assert_eq!(store.secret("acme", "api-key").unwrap(), None);
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
    drop(Store::open(&dir, retention()).unwrap());
    assert_eq!(mode(&dir), 0o700);
}

#[tokio::test]
async fn a_ciphertext_moved_to_another_name_does_not_open() {
    let (_dir, store) = fresh().await;
    store.put_secret("acme", "a", VALUE.into()).await.unwrap();
    store.write(|db| Ok(db.execute("UPDATE secret SET name = 'b'", [])?)).await.unwrap();
    let moved = store.secret("acme", "b").unwrap_err();
    assert!(matches!(moved, StoreError::SecretSealed { .. }));
    assert!(!moved.to_string().contains(VALUE));
}

#[tokio::test]
async fn a_missing_replaced_or_readable_node_key_is_refused() {
    let (dir, store) = fresh().await;
    store.put_secret("acme", "a", VALUE.into()).await.unwrap();
    drop(store);
    let path = dir.path().join("node.key");
    let key = std::fs::read(&path).unwrap();
    assert_eq!(key.len(), 32);

    std::fs::remove_file(&path).unwrap();
    let missing = Store::open(dir.path(), retention()).err().unwrap();
    assert!(missing.to_string().contains("is missing although secrets are stored"), "{missing}");

    std::fs::write(&path, [7; 32]).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let readable = Store::open(dir.path(), retention()).err().unwrap();
    assert!(readable.to_string().contains("0600"), "{readable}");

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let store = open(&dir);
    assert!(matches!(store.secret("acme", "a"), Err(StoreError::SecretSealed { .. })));
    assert!(matches!(store.put_secret("acme", "b", "x".into()).await, Err(StoreError::SecretSealed { .. })));
    drop(store);

    std::fs::write(&path, &key).unwrap();
    assert_eq!(open(&dir).secret("acme", "a").unwrap().as_deref(), Some(VALUE));
}
