use super::*;

const QUOTA: Quota = Quota { value: 1 << 20, keys: 1000, bytes: 1 << 30 };

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let (dir, store) = fresh().await;
    let digest = store.put_component(b"component").unwrap();
    swap(&store, Move::Deploy { spec: Box::new(spec(digest)), activate: true }).await;
    store.kv_set_many("acme", vec![("k".into(), b"v".to_vec())], &QUOTA).await.unwrap();
    let before = store.desired().unwrap();
    drop(store);
    let store = open(&dir);
    assert_eq!(store.desired().unwrap(), before);
    assert_eq!(*store.watch().borrow(), before.revision);
    assert_eq!(store.kv_get("acme", "k").unwrap().unwrap(), b"v");
    assert_eq!(store.component(digest).unwrap(), b"component");
}

#[tokio::test]
async fn a_copy_of_the_files_while_they_are_open_holds_what_was_acknowledged() {
    let (dir, store) = fresh().await;
    store.kv_set_many("acme", vec![("k".into(), b"v".to_vec())], &QUOTA).await.unwrap();
    // What a process that was killed right now leaves behind.
    let copy = tempfile::tempdir().unwrap();
    for name in ["wharf.db", "wharf.db-wal", "node.key"] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let revived = open(&copy);
    assert_eq!(revived.kv_get("acme", "k").unwrap().unwrap(), b"v");
    let verdict = revived.read(|db| Ok(db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))?));
    assert_eq!(verdict.unwrap(), "ok");
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_gone() {
    let (dir, store) = fresh().await;
    let second = Store::open_with(dir.path(), retention(), None).err().unwrap();
    assert!(matches!(&second, StoreError::InUse(held) if held == dir.path()), "{second}");
    drop(store);
    assert!(Store::open_with(dir.path(), retention(), None).is_ok());
}

#[tokio::test]
async fn the_connection_syncs_every_durable_commit() {
    let (_dir, store) = fresh().await;
    let setting = |name: &'static str| {
        let store = store.clone();
        async move {
            let read =
                move |db: &Connection| Ok(db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))?);
            store.write(read).await.unwrap()
        }
    };
    store.record_log(LogLine {
        channel: "acme".into(),
        call: "c".into(),
        at: Timestamp(0),
        level: "info".into(),
        context: String::new(),
        message: "a batch of its own, which is not synced".into(),
    });
    while store.logs("acme", None, 1).unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(setting("synchronous").await, 2);
    assert_eq!(setting("foreign_keys").await, 1);
    assert_eq!(setting("wal_autocheckpoint").await, 1024);
    assert_eq!(setting("journal_size_limit").await, 64 << 20);
    assert_eq!(setting("busy_timeout").await, 5000);
}

/// Keeps the writer busy with one job until the returned sender is used, so that what is sent meanwhile is one batch.
async fn hold(store: &Store) -> std::sync::mpsc::Sender<()> {
    let (release, held) = std::sync::mpsc::channel();
    let (started, running) = tokio::sync::oneshot::channel();
    let store = store.clone();
    tokio::spawn(async move {
        let wait = move |_: &Connection| {
            started.send(()).unwrap();
            held.recv().unwrap();
            Ok(())
        };
        store.write(wait).await.unwrap();
    });
    running.await.unwrap();
    release
}

/// Sends the writes one after the other without waiting for their answers.
fn start<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
) -> tokio::task::JoinHandle<Result<T, StoreError>> {
    let store = store.clone();
    tokio::spawn(async move { store.write(work).await })
}

fn insert(db: &Connection, key: &str) -> Result<(), StoreError> {
    db.execute("INSERT INTO kv VALUES ('acme', ?, x'00')", [key])?;
    Ok(())
}

#[tokio::test]
async fn writers_at_the_same_time_share_one_transaction() {
    let (_dir, store) = fresh().await;
    let release = hold(&store).await;
    let before = commits(&store);
    let writers: Vec<_> = (0..100).map(|n| start(&store, move |db| insert(db, &n.to_string()))).collect();
    tokio::task::yield_now().await;
    release.send(()).unwrap();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(store.kv_keys("acme", None, 1000).unwrap().len(), 100);
    let made = commits(&store) - before;
    assert!((1..=2).contains(&made), "{made} commits for 100 writers");
}

/// Commits in the write-ahead log: the frames that give the database's new size are the last of their transaction.
fn commits(store: &Store) -> usize {
    let wal = std::fs::read(store.inner.components.with_file_name("wharf.db-wal")).unwrap();
    wal[32..].chunks_exact(24 + 4096).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn a_failed_job_does_not_sink_its_batch() {
    let (_dir, store) = fresh().await;
    let release = hold(&store).await;
    let good = start(&store, |db| insert(db, "before"));
    let bad = start(&store, |db| {
        insert(db, "half")?;
        insert(db, "half")
    });
    let refused = start(&store, |db| insert(db, "refused").and(Err::<(), _>(StoreError::NotNumber)));
    let last = start(&store, |db| insert(db, "after"));
    tokio::task::yield_now().await;
    release.send(()).unwrap();
    good.await.unwrap().unwrap();
    last.await.unwrap().unwrap();
    assert!(matches!(bad.await.unwrap(), Err(StoreError::Database(_))));
    assert!(matches!(refused.await.unwrap(), Err(StoreError::NotNumber)));
    assert_eq!(store.kv_keys("acme", None, 9).unwrap(), ["after", "before"]);
}

#[tokio::test]
async fn a_failing_commit_fails_every_job_of_the_batch() {
    let (_dir, store) = fresh().await;
    let release = hold(&store).await;
    let innocent = start(&store, |db| insert(db, "innocent"));
    // Checked at the commit only, which then fails.
    let culprit = start(&store, |db| {
        db.execute_batch("PRAGMA defer_foreign_keys = ON")?;
        db.execute("INSERT INTO kv VALUES ('nobody', 'k', x'00')", [])?;
        Ok(())
    });
    tokio::task::yield_now().await;
    release.send(()).unwrap();
    assert!(innocent.await.unwrap().is_err());
    assert!(culprit.await.unwrap().is_err());
    assert!(store.kv_keys("acme", None, 9).unwrap().is_empty());
    store.write(|db| insert(db, "later")).await.unwrap();
    assert_eq!(store.kv_keys("acme", None, 9).unwrap(), ["later"], "the next batch works again");
}

#[tokio::test]
async fn a_full_disk_is_told_apart_and_passes() {
    let (_dir, store) = fresh().await;
    let pages = |db: &Connection, most: i64| -> Result<i64, StoreError> {
        Ok(db.query_row(&format!("PRAGMA max_page_count = {most}"), [], |row| row.get(0))?)
    };
    store.write(move |db| pages(db, 1)).await.unwrap();
    let big = |key: &str| vec![(key.to_owned(), vec![1; 1 << 20])];
    assert!(matches!(store.kv_set_many("acme", big("a"), &QUOTA).await, Err(StoreError::Full(_))));
    assert_eq!(store.kv_get("acme", "a").unwrap(), None);
    store.write(move |db| pages(db, 1 << 30)).await.unwrap();
    store.kv_set_many("acme", big("a"), &QUOTA).await.unwrap();
    assert_eq!(store.kv_get("acme", "a").unwrap().unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn a_write_whose_caller_went_away_is_done_all_the_same() {
    let (_dir, store) = fresh().await;
    let release = hold(&store).await;
    let abandoned = start(&store, |db| insert(db, "k"));
    tokio::task::yield_now().await;
    abandoned.abort();
    release.send(()).unwrap();
    store.flush().await.unwrap();
    assert!(store.kv_exists("acme", "k").unwrap());
}

#[tokio::test]
async fn a_damaged_database_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("wharf.db"), [7; 8192]).unwrap();
    assert!(matches!(Store::open_with(dir.path(), retention(), None), Err(StoreError::Corrupt(_))));
}
