use super::*;

async fn with_releases(store: &Store, count: usize) -> Vec<Release> {
    let digest = store.put_component(b"component").unwrap();
    let mut releases = Vec::new();
    for _ in 0..count {
        releases.push(store.add_release("acme", spec(digest)).await.unwrap());
    }
    releases
}

#[tokio::test]
async fn a_channel_is_made_once_and_owns_its_hosts() {
    let (_dir, store) = fresh().await;
    let found = store.channel("acme").unwrap().unwrap();
    assert_eq!((found.mode, found.active, found.previous), (Mode::Testing, None, None));
    assert_eq!(found.hosts, ["acme.example.com"]);
    assert_eq!(found.keys.len(), 2);
    assert!(matches!(store.create_channel(channel("acme")).await, Err(StoreError::Exists(name)) if name == "acme"));
    let thief = NewChannel { name: "thief".into(), ..channel("acme") };
    assert!(
        matches!(store.create_channel(thief).await, Err(StoreError::HostTaken { channel, .. }) if channel == "acme")
    );
    assert_eq!(store.channel("thief").unwrap(), None);
    assert_eq!(store.set_hosts("acme", vec!["b.example".into()]).await.unwrap().hosts, ["b.example"]);
    assert_eq!(store.set_mode("acme", Mode::Production).await.unwrap().mode, Mode::Production);
    assert!(matches!(store.set_mode("nobody", Mode::Production).await, Err(StoreError::NoChannel(_))));
}

#[tokio::test]
async fn releases_are_numbered_from_one_and_read_back_as_given() {
    let (_dir, store) = fresh().await;
    let added = with_releases(&store, 3).await;
    assert_eq!(added.iter().map(|release| release.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(store.release("acme", 2).unwrap().unwrap(), added[1]);
    assert_eq!(store.releases("acme").unwrap().iter().map(|release| release.number).collect::<Vec<_>>(), [3, 2, 1]);
    let absent = spec(Digest::of(b"never stored"));
    assert!(matches!(store.add_release("acme", absent).await, Err(StoreError::NoComponent(_))));
    assert_eq!(with_releases(&store, 1).await[0].number, 4, "a failed release must not use up a number");
}

#[tokio::test]
async fn activation_remembers_the_release_before() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 3).await;
    let first = store.activate("acme", 1, None).await.unwrap();
    let second = store.activate("acme", 2, Some(Some(1))).await.unwrap();
    assert_eq!((first.from, second.from, second.to), (None, Some(1), 2));
    assert!(second.revision > first.revision);
    let again = store.activate("acme", 2, None).await.unwrap();
    assert_eq!((again.from, again.revision), (Some(2), second.revision));
    let found = store.channel("acme").unwrap().unwrap();
    assert_eq!((found.active, found.previous), (Some(2), Some(1)));
}

#[tokio::test]
async fn activation_with_a_wrong_expectation_changes_nothing() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 2).await;
    store.activate("acme", 1, Some(None)).await.unwrap();
    let before = store.desired().unwrap();
    let refused = store.activate("acme", 2, Some(None)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { expected: None, found: Some(1) })));
    assert!(matches!(store.activate("acme", 9, None).await, Err(StoreError::NoRelease { number: 9, .. })));
    assert!(matches!(store.activate("nobody", 1, None).await, Err(StoreError::NoChannel(_))));
    assert_eq!(store.desired().unwrap(), before);
}

#[tokio::test]
async fn every_change_makes_a_revision_that_watchers_see() {
    let (_dir, store) = fresh().await;
    let mut watch = store.watch();
    let before = *watch.borrow_and_update();
    assert_eq!(before, store.desired().unwrap().revision);
    with_releases(&store, 1).await;
    assert!(watch.has_changed().unwrap());
    assert_eq!(*watch.borrow_and_update(), before + 1);
    let activation = store.activate("acme", 1, None).await.unwrap();
    assert_eq!(*watch.borrow_and_update(), activation.revision);
    let _ = store.create_channel(channel("acme")).await.unwrap_err();
    assert!(!watch.has_changed().unwrap(), "a failed change must not wake anybody");
}

#[tokio::test]
async fn desired_lists_each_channel_with_its_active_release() {
    let (_dir, store) = fresh().await;
    store.create_channel(channel("bolt")).await.unwrap();
    with_releases(&store, 2).await;
    store.activate("acme", 2, None).await.unwrap();
    let desired = store.desired().unwrap();
    let shown: Vec<_> = desired
        .channels
        .iter()
        .map(|(channel, release)| (channel.name.as_str(), release.as_ref().map(|release| release.number)))
        .collect();
    assert_eq!(shown, [("acme", Some(2)), ("bolt", None)]);
    assert_eq!(desired.channels[1].0.hosts, ["bolt.example.com"]);
    let json = serde_json::to_value(&desired).unwrap();
    assert_eq!(json["channels"][0][0]["keys"][0]["digest"].as_str().unwrap().len(), 64);
    assert_eq!(serde_json::from_value::<Desired>(json).unwrap(), desired);
}

#[tokio::test]
async fn a_kind_has_at_most_two_keys_after_any_number_of_rotations() {
    let (_dir, store) = fresh().await;
    let until = Timestamp::now().after(Duration::from_hours(1));
    store.rotate_key("acme", KeyKind::Sdk, Digest::of(b"second"), Some(until)).await.unwrap();
    let found = store.rotate_key("acme", KeyKind::Sdk, Digest::of(b"third"), Some(until)).await.unwrap();
    let sdk: Vec<_> = found.keys.iter().filter(|key| key.kind == KeyKind::Sdk).collect();
    assert_eq!(sdk.iter().map(|key| key.digest).collect::<Vec<_>>(), [Digest::of(b"third"), Digest::of(b"second")]);
    assert_eq!(sdk.iter().map(|key| key.expires).collect::<Vec<_>>(), [None, Some(until)]);
    assert_eq!(found.keys.len(), 3, "the key of the other kind must stay");
    let alone = store.rotate_key("acme", KeyKind::Sdk, Digest::of(b"fourth"), None).await.unwrap();
    assert_eq!(alone.keys.iter().filter(|key| key.kind == KeyKind::Sdk).count(), 1);
}

#[tokio::test]
async fn a_deleted_channel_takes_everything_with_it_but_its_numbers() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 2).await;
    let quota = Quota { value: 100, keys: 10, bytes: 1000 };
    store.kv_set_many("acme", vec![("k".into(), b"v".to_vec())], &quota).await.unwrap();
    store.put_secret("acme", "s", "value".into()).await.unwrap();
    store.delete_channel("acme").await.unwrap();
    assert!(matches!(store.delete_channel("acme").await, Err(StoreError::NoChannel(_))));
    store.create_channel(channel("acme")).await.unwrap();
    assert_eq!(store.releases("acme").unwrap(), []);
    assert_eq!(store.kv_get("acme", "k").unwrap(), None);
    assert_eq!(store.secret("acme", "s").unwrap(), None);
    assert_eq!(with_releases(&store, 1).await[0].number, 3);
}
