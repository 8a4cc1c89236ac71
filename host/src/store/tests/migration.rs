use super::*;
use crate::config::NotificationOverrides;

// What version 1 wrote for the channel `acme` and the second value of its secret API_KEY.
const NODE_KEY: &str = "46682c582cbb99635ace497a7c943231a7ca075734d7ff10e697eca819fe1f89";
const DATA_KEY: &str = "a65291b92603ed4b8f67358d7ab3523fc8a8131a4f9c7a2fd5bdc470400eb6fc2fd8bca732155865bf66788fc584dac2\
     a9fe2d20fef04cdc7c06c0825b237793d67cac43aba05a01";
const SEALED: &str = "29aaf2d2bcdebc1c3299ba110d82eb81f84a734c942c6cb082c3ec9e8a3b1ec7641944a4b0aa917935dcc5c0c00e8f17\
     719835ae0ce78d77de21d3363c95cf";

/// Fills a directory as a program of schema version 1 left it: two releases, a rollback, and a secret.
fn version_1(dir: &TempDir) -> Digest {
    let digest = Digest::of(b"component");
    let db = Connection::open(dir.path().join("wharf.db")).unwrap();
    db.execute_batch(include_str!("../schema.sql")).unwrap();
    let spec = |note: &str| {
        format!(
            r#"{{"digest":"{digest}","config":{{"currency":"EUR"}},"secrets":["API_KEY"],"grants":{{"hosts":[],"key_value":true}},
               "limits":{{"memory":null,"deadline_ms":null,"in_flight":null}},"platform_origin":null,"author":"ann","note":"{note}"}}"#
        )
    };
    db.execute_batch(&format!(
        "INSERT INTO channel VALUES ('acme', 'production', 2, 1, 1000);
         INSERT INTO channel VALUES ('bolt', 'testing', NULL, NULL, 1001);
         INSERT INTO kv_usage VALUES ('acme', 0, 0);
         INSERT INTO host VALUES ('acme.example.com', 'acme');
         INSERT INTO channel_key (channel, kind, digest, created) VALUES ('acme', 'sdk', x'{digest}', 1000);
         INSERT INTO release VALUES ('acme', 1, 2000, x'{digest}', '{}');
         INSERT INTO release VALUES ('acme', 2, 3000, x'{digest}', '{}');
         INSERT INTO release_counter VALUES ('acme', 2);
         INSERT INTO data_key VALUES ('acme', x'{DATA_KEY}');
         INSERT INTO secret VALUES ('acme', 'API_KEY', 2, 4000, x'{SEALED}');
         INSERT INTO event (id, channel, event_type, entity_id, body, dedupe, state, waits, due, created)
             VALUES ('e1', 'acme', 'document.cancellation', 5, '{{}}', x'01', 'queued', 0, 5000, 5000),
                    ('e2', 'acme', 'document.cancellation', 6, '{{}}', x'02', 'dead', 0, 5001, 5001);
         UPDATE node SET revision = 7;
         PRAGMA user_version = 1;",
        spec("first"),
        spec("second"),
    ))
    .unwrap();
    database::write_file(dir.path(), "node.key", &NODE_KEY.parse::<Digest>().unwrap().0).unwrap();
    digest
}

#[tokio::test]
async fn a_database_of_version_1_keeps_everything_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let digest = version_1(&dir);
    let store = open(&dir);
    let version = store.read(|db| Ok(db.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?));
    assert_eq!(version.unwrap(), 4);

    let acme = store.channel("acme").unwrap().unwrap();
    assert_eq!(
        (acme.mode, acme.active, acme.previous, acme.created),
        (Mode::Production, Some(2), Some(1), Timestamp(1000))
    );
    assert_eq!((acme.canary, acme.watch, acme.revision), (None, Watch::default(), 0));
    assert_eq!((acme.limits.iter().count(), acme.failure_mode, acme.deltas_ms), (0, None, None));
    assert_eq!(acme.notification, NotificationOverrides::default());
    assert_eq!(store.webhook_secrets("acme").unwrap(), []);
    assert_eq!((acme.hosts.len(), acme.keys.len()), (1, 1));
    let desired = store.desired().unwrap();
    assert_eq!((desired.revision, desired.channels.len()), (7, 2));
    assert_eq!(desired.channels[0].active.as_ref().unwrap().spec.note, "second");

    let first = store.release("acme", 1).unwrap().unwrap();
    assert_eq!(
        (first.created, first.spec.digest, first.spec.preflight),
        (Timestamp(2000), digest, PreflightMark::Unknown)
    );
    let follows = SecretRef { name: "API_KEY".into(), version: SecretVersion::Latest };
    assert_eq!(first.spec.secrets, [follows], "a release of version 1 follows its secrets");

    let names = store.secret_names("acme").unwrap();
    assert_eq!((names[0].version, names[0].created, &names[0].versions[..]), (2, Timestamp(4000), &[2][..]));
    for version in [SecretVersion::Latest, SecretVersion::Pinned(2)] {
        assert_eq!(store.secret("acme", "API_KEY", version).unwrap().as_deref(), Some("hunter2-hunter2-hunter2"));
    }
    assert_eq!(store.put_secret("acme", "API_KEY", "new".into()).await.unwrap(), 3);

    let since = Some(Timestamp(5000));
    let depth = QueueDepth { queued: 1, running: 0, dead: 1, deaths: 1, bytes: 2 * 514, oldest: since, due: since };
    assert_eq!(store.queue_depths(Timestamp(9000)).unwrap()["acme"], depth);
}

#[tokio::test]
async fn the_way_back_of_version_1_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    version_1(&dir);
    let store = open(&dir);
    store.put_component(b"component").unwrap();
    assert_eq!(with_releases(&store, 1).await[0].number, 3);
    swap(&store, Move::Activate(3)).await;
    for left in [(2, Some(1)), (1, None)] {
        swap(&store, Move::Rollback).await;
        assert_eq!(pointers(&store), (Some(left.0), left.1, None));
    }
}
