use super::*;

#[tokio::test]
async fn receipts_are_listed_newest_first_and_outlive_their_channel() {
    let (dir, store) = fresh().await;
    store.create_channel(channel("bolt")).await.unwrap();
    with_releases(&store, 2).await;
    let wish = By { reason: "because".into(), ..by("bob") };
    let kept = store.swap("acme", Move::Activate(1), wish).await.unwrap().receipt;
    assert_eq!((kept.who.as_str(), kept.reason.as_str(), kept.channel.as_str()), ("bob", "because", "acme"));
    let shown = store.receipts("acme", 10).unwrap();
    assert_eq!(
        shown.iter().map(|receipt| receipt.change).collect::<Vec<_>>(),
        [Change::Activate, Change::Deploy, Change::Deploy]
    );
    assert_eq!(shown[0], kept);
    assert_eq!(store.receipts("acme", 1).unwrap(), [kept]);
    assert_eq!(store.receipts("bolt", 10).unwrap(), []);
    store.delete_channel("acme").await.unwrap();
    drop(store);
    assert_eq!(open(&dir).receipts("acme", 10).unwrap(), shown);
}

#[tokio::test]
async fn a_receipt_is_settled_once_its_calls_are_over() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 1).await;
    let receipt = swap(&store, Move::Activate(1)).await;
    assert_eq!((receipt.in_flight, receipt.drain_ms, receipt.killed), (None, None, None));
    store.settle_receipt(&receipt.id, 7, 1500, 2).await.unwrap();
    let settled = Receipt { in_flight: Some(7), drain_ms: Some(1500), killed: Some(2), ..receipt };
    assert_eq!(store.receipts("acme", 1).unwrap(), std::slice::from_ref(&settled));
    let json = serde_json::to_value(&settled).unwrap();
    assert_eq!(
        (&json["change"], &json["to"], &json["share"]),
        (&"activate".into(), &1.into(), &serde_json::Value::Null)
    );
    assert_eq!(serde_json::from_value::<Receipt>(json).unwrap(), settled);
    store.settle_receipt("no such id", 1, 1, 1).await.unwrap();
}

#[tokio::test]
async fn what_the_node_itself_changed_last_is_told_until_somebody_else_does() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 2).await;
    swap(&store, Move::Activate(1)).await;
    swap(&store, Move::Activate(2)).await;
    assert!(store.returned().unwrap().is_empty());
    let returned = swap(&store, Move::Return { from: 2, to: 1 }).await;
    let told = [("acme".to_owned(), returned)].into();
    assert_eq!(store.returned().unwrap(), told);
    with_releases(&store, 2).await;
    store.delete_release("acme", 3, "ann").await.unwrap();
    assert_eq!(store.returned().unwrap(), told, "neither changes what answers");
    swap(&store, Move::Activate(2)).await;
    assert!(store.returned().unwrap().is_empty());
}

#[tokio::test]
async fn what_has_become_active_lately_is_told_unless_it_came_back() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 2).await;
    let before = Timestamp::now();
    assert!(store.swapped_since(before.before(Duration::from_hours(1))).unwrap().is_empty());
    swap(&store, Move::Activate(1)).await;
    swap(&store, Move::Activate(2)).await;
    let swapped = store.swapped_since(before).unwrap();
    assert!(swapped.len() == 1 && swapped["acme"] >= before, "{swapped:?}");
    with_releases(&store, 2).await;
    store.delete_release("acme", 3, "ann").await.unwrap();
    assert_eq!(store.swapped_since(before).unwrap(), swapped, "neither changes what answers");
    assert!(store.swapped_since(Timestamp::now().after(Duration::from_secs(1))).unwrap().is_empty());
    swap(&store, Move::Rollback).await;
    assert!(store.swapped_since(before).unwrap().is_empty());
}

#[tokio::test]
async fn the_oldest_receipts_beyond_what_is_kept_go() {
    let (_dir, store) = fresh().await;
    let fill = |db: &Connection| {
        db.execute_batch(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100010)
             INSERT INTO receipt (id, channel, at, kind, who, revision) SELECT n, 'acme', 0, 'prune', 'ann', n FROM n",
        )?;
        crate::store::receipts::trim(db)?;
        Ok(db.query_row("SELECT count(*), min(seq) FROM receipt", [], |row| Ok((row.get(0)?, row.get(1)?)))?)
    };
    let (count, oldest): (i64, i64) = store.write(fill).await.unwrap();
    assert_eq!((count, oldest), (100_000, 11));
    assert_eq!(store.receipts("acme", 1).unwrap()[0].revision, 100_010);
}
