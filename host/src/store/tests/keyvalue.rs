use super::*;

const QUOTA: Quota = Quota { value: 100, keys: 5, bytes: 300 };

fn pair(key: &str, value: &[u8]) -> (String, Vec<u8>) {
    (key.to_owned(), value.to_vec())
}

async fn set(store: &Store, key: &str, value: &[u8]) -> Result<(), StoreError> {
    store.kv_set_many("acme", vec![pair(key, value)], &QUOTA).await
}

/// What the books say, and what counting says.
fn usage(store: &Store) -> ((i64, i64), (i64, i64)) {
    let both = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let counted =
        "SELECT count(*), coalesce(sum(length(CAST(key AS BLOB)) + length(value)), 0) FROM kv WHERE channel = 'acme'";
    store
        .read(|db| {
            let booked = db.query_row("SELECT keys, bytes FROM kv_usage WHERE channel = 'acme'", [], both)?;
            Ok((booked, db.query_row(counted, [], both)?))
        })
        .unwrap()
}

#[tokio::test]
async fn values_are_set_read_listed_and_deleted() {
    let (_dir, store) = fresh().await;
    store.create_channel(channel("bolt")).await.unwrap();
    let pairs = vec![pair("b", b"2"), pair("a", b"1"), pair("", b"0"), pair("ü", b"\0\xff")];
    store.kv_set_many("acme", pairs, &QUOTA).await.unwrap();
    assert_eq!(store.kv_get("acme", "ü").unwrap().unwrap(), b"\0\xff");
    assert_eq!(store.kv_get("bolt", "a").unwrap(), None, "channels do not see each other");
    assert!(store.kv_exists("acme", "a").unwrap() && !store.kv_exists("acme", "c").unwrap());
    let keys = ["a".into(), "c".into(), "b".into()];
    assert!(matches!(store.kv_get_many("acme", &keys, 0), Err(StoreError::ReadTooLarge { most: 0 })));
    let many = store.kv_get_many("acme", &keys, 100).unwrap();
    assert_eq!(many, [Some(b"1".to_vec()), None, Some(b"2".to_vec())]);
    assert_eq!(store.kv_keys("acme", None, 3).unwrap(), ["", "a", "b"]);
    assert_eq!(store.kv_keys("acme", Some("a"), 9).unwrap(), ["b", "ü"]);
    assert_eq!(store.kv_keys("acme", Some(""), 1).unwrap(), ["a"]);
    assert_eq!(store.kv_delete_many("acme", vec!["a".into(), "c".into(), "a".into()]).await.unwrap(), 1);
    assert_eq!(store.kv_get("acme", "a").unwrap(), None);
}

#[tokio::test]
async fn each_quota_trips_and_names_its_limit() {
    let (_dir, store) = fresh().await;
    let too_large = set(&store, "k", &[0; 101]).await;
    assert!(matches!(too_large, Err(StoreError::ValueTooLarge { limit: 100, found: 101 })));
    assert!(matches!(set(&store, &"k".repeat(1025), b"").await, Err(StoreError::KeyTooLong { limit: 1024, .. })));
    let six = (0..6).map(|n| pair(&n.to_string(), b"x")).collect();
    assert!(matches!(store.kv_set_many("acme", six, &QUOTA).await, Err(StoreError::QuotaKeys { limit: 5 })));
    let heavy = (0..3).map(|n| pair(&n.to_string(), &[0; 100])).collect();
    assert!(matches!(store.kv_set_many("acme", heavy, &QUOTA).await, Err(StoreError::QuotaBytes { limit: 300 })));
    assert!(matches!(store.kv_set_many("nobody", vec![], &QUOTA).await, Err(StoreError::NoChannel(_))));
    assert_eq!(store.kv_keys("acme", None, 9).unwrap(), Vec::<String>::new(), "all or none");
    assert_eq!(usage(&store), ((0, 0), (0, 0)));
}

#[tokio::test]
async fn the_books_agree_with_a_count_after_any_mix_of_changes() {
    let (_dir, store) = fresh().await;
    let twice = vec![pair("a", b"long value"), pair("a", b"v"), pair("ü", b"xyz")];
    store.kv_set_many("acme", twice, &QUOTA).await.unwrap();
    store.kv_increment("acme", "n", 12345, &QUOTA).await.unwrap();
    store.kv_swap("acme", "a", Some(b"v".to_vec()), b"swapped".to_vec(), &QUOTA).await.unwrap().unwrap();
    let _ = set(&store, "a", &[0; 101]).await.unwrap_err();
    store.kv_delete_many("acme", vec!["ü".into(), "none".into()]).await.unwrap();
    let (booked, counted) = usage(&store);
    assert_eq!(booked, counted);
    assert_eq!(booked, (2, 14));
}

#[tokio::test]
async fn a_channel_over_a_lowered_quota_may_shrink_but_not_grow() {
    let (_dir, store) = fresh().await;
    store.kv_set_many("acme", vec![pair("a", &[0; 90]), pair("b", &[0; 90])], &QUOTA).await.unwrap();
    let low = Quota { bytes: 50, keys: 1, ..QUOTA };
    store.kv_set_many("acme", vec![pair("a", &[0; 80])], &low).await.unwrap();
    let grow = store.kv_set_many("acme", vec![pair("a", &[0; 81])], &low).await;
    assert!(matches!(grow, Err(StoreError::QuotaBytes { limit: 50 })));
}

#[tokio::test]
async fn increment_counts_decimal_text_and_refuses_the_rest() {
    let (_dir, store) = fresh().await;
    assert_eq!(store.kv_increment("acme", "n", 5, &QUOTA).await.unwrap(), 5);
    assert_eq!(store.kv_increment("acme", "n", -7, &QUOTA).await.unwrap(), -2);
    assert_eq!(store.kv_get("acme", "n").unwrap().unwrap(), b"-2");
    set(&store, "text", b"two").await.unwrap();
    assert!(matches!(store.kv_increment("acme", "text", 1, &QUOTA).await, Err(StoreError::NotNumber)));
    set(&store, "max", i64::MAX.to_string().as_bytes()).await.unwrap();
    assert!(matches!(store.kv_increment("acme", "max", 1, &QUOTA).await, Err(StoreError::Overflow)));
}

#[tokio::test]
async fn swap_returns_what_is_there_on_a_mismatch() {
    let (_dir, store) = fresh().await;
    store.kv_swap("acme", "k", None, b"1".to_vec(), &QUOTA).await.unwrap().unwrap();
    let missed = store.kv_swap("acme", "k", None, b"2".to_vec(), &QUOTA).await.unwrap();
    assert_eq!(missed, Err(Some(b"1".to_vec())));
    let gone = store.kv_swap("acme", "other", Some(b"1".to_vec()), b"2".to_vec(), &QUOTA).await.unwrap();
    assert_eq!(gone, Err(None));
    assert_eq!(store.kv_get("acme", "k").unwrap().unwrap(), b"1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn eight_swappers_and_counters_lose_no_update() {
    let (_dir, store) = fresh().await;
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(swap_fifty_times(store.clone()))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.kv_get("acme", "swapped").unwrap().unwrap(), b"400");
    assert_eq!(store.kv_get("acme", "counted").unwrap().unwrap(), b"400");
}

async fn swap_fifty_times(store: Store) {
    for _ in 0..50 {
        store.kv_increment("acme", "counted", 1, &QUOTA).await.unwrap();
        let mut current = store.kv_get("acme", "swapped").unwrap();
        loop {
            let number: u32 = current.as_ref().map_or(0, |text| std::str::from_utf8(text).unwrap().parse().unwrap());
            let next = (number + 1).to_string().into_bytes();
            match store.kv_swap("acme", "swapped", current, next, &QUOTA).await.unwrap() {
                Ok(()) => break,
                Err(found) => current = found,
            }
        }
    }
}
