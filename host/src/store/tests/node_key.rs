use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn refused(dir: &TempDir, key: Option<&str>) -> String {
    Store::open_with(dir.path(), retention(), key).err().unwrap().to_string()
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn secret(store: &Store) -> Option<String> {
    store.secret("acme", "a", SecretVersion::Latest).unwrap()
}

#[tokio::test]
async fn a_missing_readable_or_replaced_key_file_is_refused() {
    let (dir, store) = fresh().await;
    store.put_secret("acme", "a", "value".into()).await.unwrap();
    drop(store);
    let path = dir.path().join("node.key");
    let key = std::fs::read(&path).unwrap();
    assert_eq!(key.len(), 32);

    std::fs::remove_file(&path).unwrap();
    let missing = refused(&dir, None);
    assert!(missing.contains("node.key: is missing although secrets are stored"), "{missing}");

    std::fs::write(&path, [7; 32]).unwrap();
    set_mode(&path, 0o644);
    assert!(refused(&dir, None).contains("0600"));

    set_mode(&path, 0o600);
    let replaced = refused(&dir, None);
    assert!(replaced.contains("node.key: does not open the stored secrets; restore"), "{replaced}");

    std::fs::write(&path, &key).unwrap();
    assert_eq!(secret(&open(&dir)).as_deref(), Some("value"));
}

#[tokio::test]
async fn a_given_key_takes_the_place_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let open_with = |key: &str| Store::open_with(dir.path(), retention(), Some(key)).unwrap();
    let store = open_with(HEX);
    store.create_channel(channel("acme")).await.unwrap();
    store.put_secret("acme", "a", "value".into()).await.unwrap();
    drop(store);
    assert!(!dir.path().join("node.key").exists(), "no file is made");

    let bytes = HEX.parse::<Digest>().unwrap().0;
    let base64 = STANDARD.encode(bytes);
    assert_eq!(secret(&open_with(&format!("{base64}\n"))).as_deref(), Some("value"), "the same key, written otherwise");
    assert!(refused(&dir, None).contains("is missing although secrets are stored"), "and none is made later");

    std::fs::write(dir.path().join("node.key"), b"no key, and not private").unwrap();
    assert_eq!(secret(&open_with(HEX)).as_deref(), Some("value"), "a file beside it is not read");
    std::fs::write(dir.path().join("node.key"), bytes).unwrap();
    set_mode(&dir.path().join("node.key"), 0o600);
    assert_eq!(secret(&open(&dir)).as_deref(), Some("value"), "the key may move into the file");
}

#[tokio::test]
async fn a_given_key_that_is_none_or_another_is_refused_without_being_told() {
    let (dir, store) = fresh().await;
    store.put_secret("acme", "a", "value".into()).await.unwrap();
    drop(store);
    let short = STANDARD.encode([7; 31]);
    for wrong in ["", "hunter2", &HEX[1..], &format!("{HEX}00"), &short] {
        let told = refused(&dir, Some(wrong));
        assert!(told.starts_with("WHARF_NODE_KEY: does not hold a key; set it to 64 hexadecimal digits"), "{told}");
        assert!(wrong.is_empty() || !told.contains(wrong), "{told}");
    }
    let other = refused(&dir, Some(HEX));
    assert!(other.starts_with("WHARF_NODE_KEY: does not open the stored secrets; set it"), "{other}");
    assert!(!other.contains(HEX));
}

#[test]
fn a_key_for_a_purpose_outlives_a_restart_and_tells_nothing_of_another() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = open(&dir).key_for("forms");
    assert_eq!(open(&dir).key_for("forms"), key);
    assert_ne!(open(&dir).key_for("other"), key);
    assert_ne!(open(&other).key_for("forms"), key);
    assert_ne!(&std::fs::read(dir.path().join("node.key")).unwrap()[..], &key);
}
