use super::*;
use zeroize::Zeroizing;

use crate::config::{FailureMode, Limit, OnFailure};

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
    let absent = Move::Deploy { spec: Box::new(absent), activate: true };
    assert!(matches!(store.swap("acme", absent, by("ann")).await, Err(StoreError::NoComponent(_))));
    assert_eq!(with_releases(&store, 1).await[0].number, 4, "a failed release must not use up a number");
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
    let receipt = swap(&store, Move::Activate(1)).await;
    assert_eq!(*watch.borrow_and_update(), receipt.revision);
    let _ = store.create_channel(channel("acme")).await.unwrap_err();
    assert!(!watch.has_changed().unwrap(), "a failed change must not wake anybody");
}

#[tokio::test]
async fn desired_lists_each_channel_with_the_releases_that_answer() {
    let (_dir, store) = fresh().await;
    store.create_channel(channel("bolt")).await.unwrap();
    with_releases(&store, 3).await;
    swap(&store, Move::Activate(2)).await;
    swap(&store, Move::Canary { release: 3, share: Share::of(1000).unwrap() }).await;
    let desired = store.desired().unwrap();
    let number = |release: &Option<Release>| release.as_ref().map(|release| release.number);
    let shown: Vec<_> = desired
        .channels
        .iter()
        .map(|shown| (shown.channel.name.as_str(), number(&shown.active), number(&shown.canary)))
        .collect();
    assert_eq!(shown, [("acme", Some(2), Some(3)), ("bolt", None, None)]);
    assert_eq!(desired.channels[1].channel.hosts, ["bolt.example.com"]);
    let json = serde_json::to_value(&desired).unwrap();
    assert_eq!(json["channels"][0]["channel"]["keys"][0]["digest"].as_str().unwrap().len(), 64);
    assert_eq!(json["channels"][0]["channel"]["canary"]["share"], "10%");
    assert_eq!(json["channels"][0]["canary"]["spec"]["secrets"][0], "api-key@latest");
    assert_eq!(json["channels"][0]["canary"]["spec"]["preflight"], "passed");
    assert_eq!(serde_json::from_value::<Desired>(json).unwrap(), desired);
}

#[tokio::test]
async fn thresholds_are_kept_as_they_were_set() {
    let (dir, store) = fresh().await;
    assert_eq!(store.channel("acme").unwrap().unwrap().watch, Watch::default());
    let watch = Watch { fault_rate: Some(0.1), calls: Some(50), automatic: Some(true), ..Watch::default() };
    assert_eq!(store.set_watch("acme", watch).await.unwrap().watch, watch);
    assert!(matches!(store.set_watch("nobody", watch).await, Err(StoreError::NoChannel(_))));
    drop(store);
    assert_eq!(open(&dir).channel("acme").unwrap().unwrap().watch, watch);
}

#[tokio::test]
async fn limits_are_set_and_cleared_one_by_one() {
    let (dir, store) = fresh().await;
    let set = |changes| store.set_limits("acme", changes);
    set(vec![(Limit::Rate, Some(5)), (Limit::Memory, Some(1 << 40))]).await.unwrap();
    set(vec![(Limit::Rate, None), (Limit::QueueWait, Some(0))]).await.unwrap();
    assert_eq!(store.set_failure_mode("acme", Some(FailureMode::Events)).await.unwrap().limits.iter().count(), 2);
    assert!(matches!(store.set_limits("nobody", Vec::new()).await, Err(StoreError::NoChannel(_))));
    assert!(matches!(store.set_failure_mode("nobody", None).await, Err(StoreError::NoChannel(_))));
    drop(store);
    let found = open(&dir).channel("acme").unwrap().unwrap();
    let kept: Vec<_> = found.limits.iter().collect();
    assert_eq!(kept, [(Limit::Memory, 1 << 40), (Limit::QueueWait, 0)]);
    assert_eq!(found.failure_mode, Some(FailureMode::Events));
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
    assert_eq!(store.secret("acme", "s", SecretVersion::Latest).unwrap(), None);
    assert_eq!(with_releases(&store, 1).await[0].number, 3);
}

#[tokio::test]
async fn every_change_is_among_the_changes_since_the_revision_before_and_nothing_else_is() {
    let (_dir, store) = fresh().await;
    store.create_channel(channel("bolt")).await.unwrap();
    with_releases(&store, 3).await;
    let names = |changes: &Changes| -> Vec<String> {
        changes.changed.iter().map(|changed| changed.channel.name.clone()).collect()
    };
    let all = store.desired_since(None).unwrap();
    assert_eq!((names(&all), all.names.len()), (vec!["acme".to_owned(), "bolt".to_owned()], 2));
    assert_eq!(all.changed, store.desired().unwrap().channels);
    let watch = Watch { calls: Some(5), ..Watch::default() };
    for step in 0..13 {
        let known = store.desired_since(None).unwrap().revision;
        match step {
            0 => drop(store.set_mode("acme", Mode::Production).await.unwrap()),
            1 => drop(store.set_hosts("acme", vec!["new.example.com".into()]).await.unwrap()),
            2 => drop(store.set_hosts("acme", Vec::new()).await.unwrap()),
            3 => drop(store.rotate_key("acme", KeyKind::Sdk, Digest::of(b"new"), None).await.unwrap()),
            4 => drop(store.set_watch("acme", watch).await.unwrap()),
            5 => drop(store.set_limits("acme", vec![(Limit::Rate, Some(5))]).await.unwrap()),
            6 => drop(store.set_failure_mode("acme", Some(FailureMode::Events)).await.unwrap()),
            10 => drop(store.set_notification("acme", |own| own.on_failure = Some(OnFailure::Force)).await.unwrap()),
            11 => drop(store.rotate_webhook_secret("acme", Zeroizing::new(b"key".to_vec()), None).await.unwrap()),
            7 => drop(swap(&store, Move::Activate(1)).await),
            8 => drop(store.set_deltas("acme", Some(60_000)).await.unwrap()),
            9 => drop(swap(&store, Move::Canary { release: 2, share: Share::of(100).unwrap() }).await),
            _ => drop(swap(&store, Move::Promote(None)).await),
        }
        let changes = store.desired_since(Some(known)).unwrap();
        assert_eq!(names(&changes), ["acme"], "step {step}");
        assert_eq!(changes.changed[0], store.desired().unwrap().channels[0], "step {step}");
    }
    store.put_secret("acme", "s", "value".into()).await.unwrap();
    store.delete_channel("bolt").await.unwrap();
    let changes = store.desired_since(Some(store.desired().unwrap().revision)).unwrap();
    assert_eq!(changes.names, ["acme".to_owned()].into());
}
