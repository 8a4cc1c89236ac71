use super::*;

fn numbers(store: &Store) -> Vec<u64> {
    store.releases("acme").unwrap().iter().map(|release| release.number).collect()
}

#[tokio::test]
async fn a_prune_keeps_what_answers_and_the_way_back() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 8).await;
    for number in [1, 2, 3] {
        swap(&store, Move::Activate(number)).await;
    }
    swap(&store, Move::Canary { release: 4, share: Share::of(1).unwrap() }).await;
    let before = store.desired().unwrap().revision;
    assert_eq!(store.prune_releases("acme", 2, "bob").await.unwrap(), [1, 5, 6]);
    assert_eq!(numbers(&store), [8, 7, 4, 3, 2]);
    let found = store.channel("acme").unwrap().unwrap();
    assert_eq!((found.revision, store.desired().unwrap().revision), (before + 1, before + 1));
    let receipt = store.receipts("acme", 1).unwrap().remove(0);
    assert_eq!((receipt.change, receipt.who.as_str(), receipt.from, receipt.to), (Change::Prune, "bob", None, None));
    assert_eq!((receipt.reason.as_str(), receipt.revision), ("removed 1, 5, 6", before + 1));

    swap(&store, Move::Abort(None)).await;
    swap(&store, Move::Rollback).await;
    assert_eq!(pointers(&store), (Some(2), None, None), "what was removed is no longer on the way back");
    let nothing = store.swap("acme", Move::Rollback, by("ann")).await;
    assert!(matches!(nothing, Err(StoreError::NoPrevious(_))));
}

#[tokio::test]
async fn a_prune_that_finds_nothing_leaves_no_trace() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 2).await;
    let (desired, receipts) = (store.desired().unwrap(), store.receipts("acme", 9).unwrap());
    assert_eq!(store.prune_releases("acme", 2, "bob").await.unwrap(), Vec::<u64>::new());
    assert_eq!((store.desired().unwrap(), store.receipts("acme", 9).unwrap()), (desired, receipts));
    assert!(matches!(store.prune_releases("nobody", 2, "bob").await, Err(StoreError::NoChannel(_))));
    assert_eq!(store.prune_releases("acme", 0, "bob").await.unwrap(), [1, 2]);
    assert_eq!(with_releases(&store, 1).await[0].number, 3, "a number is never used twice");
}

#[tokio::test]
async fn a_release_in_use_is_not_deleted_and_it_is_told_why() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 4).await;
    swap(&store, Move::Activate(1)).await;
    swap(&store, Move::Activate(2)).await;
    swap(&store, Move::Canary { release: 3, share: Share::of(1).unwrap() }).await;
    for (number, told) in [
        (1, "release 1 of channel acme is the one to roll back to; it can be removed once another"),
        (2, "release 2 of channel acme is the one that answers; activate another one first"),
        (3, "release 3 of channel acme is on trial as the canary; abort it first"),
    ] {
        let refused = store.delete_release("acme", number, "bob").await.unwrap_err();
        assert!(matches!(refused, StoreError::ReleaseInUse { .. }));
        assert!(refused.to_string().starts_with(told), "{refused}");
    }
    store.delete_release("acme", 4, "bob").await.unwrap();
    assert!(matches!(store.delete_release("acme", 4, "bob").await, Err(StoreError::NoRelease { number: 4, .. })));
    assert_eq!(numbers(&store), [3, 2, 1]);
    assert_eq!(store.receipts("acme", 1).unwrap()[0].reason, "removed 4");
}

#[tokio::test]
async fn deleting_a_release_closes_the_gap_in_the_way_back() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 4).await;
    for number in 1..=4 {
        swap(&store, Move::Activate(number)).await;
    }
    store.delete_release("acme", 2, "bob").await.unwrap();
    for left in [(3, Some(1)), (1, None)] {
        swap(&store, Move::Rollback).await;
        assert_eq!(pointers(&store), (Some(left.0), left.1, None));
    }
}

#[tokio::test]
async fn values_of_secrets_go_with_the_last_release_that_pins_them() {
    let (_dir, store) = fresh().await;
    let digest = store.put_component(b"component").unwrap();
    for value in ["one", "two", "three", "four"] {
        store.put_secret("acme", "KEY", value.into()).await.unwrap();
        store.put_secret("acme", "KEY2", value.into()).await.unwrap();
    }
    for secrets in [vec!["KEY@1"], vec!["KEY@2", "KEY2@latest"]] {
        let secrets = secrets.iter().map(|text| text.parse().unwrap()).collect();
        deploy(&store, ReleaseSpec { secrets, ..spec(digest) }).await;
    }
    store.create_channel(channel("bolt")).await.unwrap();
    store.put_secret("bolt", "KEY", "other".into()).await.unwrap();
    store.put_secret("bolt", "KEY", "newer".into()).await.unwrap();
    store.delete_release("acme", 1, "bob").await.unwrap();
    let kept = |channel| -> Vec<Vec<u64>> {
        store.secret_names(channel).unwrap().into_iter().map(|name| name.versions).collect()
    };
    assert_eq!(kept("acme"), [vec![4, 2], vec![4]]);
    assert_eq!(kept("bolt"), [vec![2, 1]], "another channel's values stay");
    let pinned = store.secret("acme", "KEY", SecretVersion::Pinned(2)).unwrap();
    assert_eq!(pinned.as_deref(), Some("two"));
}
