use super::*;

#[tokio::test]
async fn components_are_stored_once_and_checked_when_read() {
    let (_dir, store) = fresh().await;
    let digest = store.put_component(b"some code").unwrap();
    assert_eq!(store.put_component(b"some code").unwrap(), digest);
    assert_eq!(store.component(digest).unwrap(), b"some code");
    assert_eq!(digest.to_string().parse(), Ok(digest));
    std::fs::write(store.component_path(digest), b"evil code").unwrap();
    assert!(matches!(
        store.component(digest),
        Err(StoreError::CorruptComponent { found, .. }) if found == Digest::of(b"evil code")
    ));
    std::fs::write(store.component_path(digest), b"cut").unwrap();
    store.put_component(b"some code").unwrap();
    assert_eq!(store.component(digest).unwrap(), b"some code", "an upload repairs a file of the wrong size");
    assert!(matches!(store.component(Digest::of(b"x")), Err(StoreError::NoComponent(_))));
}

#[tokio::test]
async fn a_sweep_removes_only_what_no_release_names_and_is_old() {
    let (_dir, store) = fresh().await;
    let unused = store.put_component(b"unused").unwrap();
    let used = store.put_component(b"used").unwrap();
    deploy(&store, spec(used)).await;
    assert_eq!(store.sweep_components(Duration::from_hours(1)).await.unwrap(), []);
    assert_eq!(store.sweep_components(Duration::ZERO).await.unwrap(), [unused]);
    assert!(store.component(used).is_ok());
    store.delete_channel("acme").await.unwrap();
    assert_eq!(store.sweep_components(Duration::ZERO).await.unwrap(), [used]);
}
