use std::collections::BTreeMap;
use std::fmt::Debug;

use tokio::sync::Semaphore;
use wharf_fuzz::Seeded;

use super::*;
use crate::config::{Config, Size};
use crate::guest::limits::Limits;
use crate::guest::pairs::Pairs;
use crate::guest::state::{Environment, Owner};
use crate::store::{Grants, LimitOverrides, Mode, NewChannel, Retention, Store, Timestamp};

/// Keys, values and operations by chance.
struct Random(Seeded);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0.below(end)
    }

    fn key(&mut self) -> String {
        let long = "k".repeat(1025);
        let keys = ["", "a", "aa", "b", "c", "ü", "z", "number", "full", "x", "y", &long];
        keys[usize::try_from(self.below(keys.len() as u64)).unwrap()].to_owned()
    }

    fn value(&mut self) -> Vec<u8> {
        match self.below(4) {
            0 => self.below(1000).to_string().into_bytes(),
            1 => i64::MAX.to_string().into_bytes(),
            _ => vec![b'v'; usize::try_from(self.below(105)).unwrap()],
        }
    }

    fn several<T>(&mut self, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(4)).map(|_| one(self)).collect()
    }
}

fn environment(config: &Config, channel: &str, effects: Effects) -> Environment {
    Environment {
        owner: Owner { channel: channel.into(), created: Timestamp(0) },
        config: BTreeMap::new(),
        grants: Grants { key_value: true, ..Grants::default() },
        hosts: Vec::new(),
        platform: None,
        secrets: Vec::new(),
        limits: Limits::of(config, 8, &LimitOverrides::default(), &LimitOverrides::default()),
        effects,
        writes: Semaphore::new(config.key_value.waiting),
    }
}

fn small() -> Config {
    let mut config = Config::default();
    config.key_value.value = Size(100);
    config.key_value.keys = 6;
    config.key_value.bytes = Size(300);
    config
}

/// A channel's pairs: the real ones, and those over a scratch.
async fn channel(store: &Store, config: &Config, name: &str, start: &[(String, Vec<u8>)]) -> [Pairs; 2] {
    let new = NewChannel { name: name.to_owned(), mode: Mode::Testing, hosts: Vec::new(), keys: Vec::new() };
    store.create_channel(new).await.unwrap();
    let scratch = Effects::Scratch(Arc::new(Scratch::default()));
    let [live, scratch] = [Effects::Live, scratch]
        .map(|effects| Pairs::new(store.clone(), &Arc::new(environment(config, name, effects))));
    live.set_many(start.to_vec()).await.unwrap();
    [live, scratch]
}

/// One random operation; its answer as text.
async fn operate(pairs: &Pairs, random: &mut Random) -> String {
    fn told(answer: impl Debug) -> String {
        format!("{answer:?}")
    }
    match random.below(9) {
        0 => told(pairs.get(&random.key())),
        1 => told(pairs.get_many(&random.several(Random::key), 1 << 20)),
        2 => told(pairs.exists(&random.key())),
        3 => {
            let after = (random.below(2) == 0).then(|| random.key());
            let limit = usize::try_from(random.below(8)).unwrap();
            told(pairs.keys(after.as_deref(), limit))
        }
        4 | 5 => {
            let new = random.several(|random| (random.key(), random.value()));
            told(pairs.set_many(new).await)
        }
        6 => {
            let keys = random.several(Random::key);
            told(pairs.delete_many(keys).await)
        }
        7 => {
            let (key, delta) = (random.key(), random.below(5).cast_signed() - 2);
            told(pairs.increment(key, delta).await)
        }
        _ => {
            let (key, value) = (random.key(), random.value());
            let expected = if random.below(3) == 0 { None } else { pairs.get(&key).unwrap() };
            told(pairs.swap(key, expected, value).await)
        }
    }
}

fn all(pairs: &Pairs) -> Vec<(String, Option<Vec<u8>>)> {
    let keys = pairs.keys(None, 1000).unwrap();
    keys.iter().cloned().zip(pairs.get_many(&keys, 1 << 20).unwrap()).collect()
}

#[tokio::test]
async fn a_scratch_answers_as_the_store_does_and_leaves_it_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = small();
    let store = Store::open(dir.path(), Retention::from(&config)).unwrap();
    let start = [("a", "1"), ("b", "two"), ("number", "41"), ("ü", "")];
    let start = start.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()));
    let mut refused = 0;
    for seed in 0..12 {
        let [real, _] = channel(&store, &config, &format!("real-{seed}"), &start).await;
        let [under, scratch] = channel(&store, &config, &format!("scratch-{seed}"), &start).await;
        let before = all(&under);
        let (mut one, mut other) = (Random(Seeded::new(seed)), Random(Seeded::new(seed)));
        for step in 0..150 {
            let (expected, found) = (operate(&real, &mut one).await, operate(&scratch, &mut other).await);
            assert_eq!(expected, found, "seed {seed}, step {step}");
            refused += usize::from(found.contains("Quota"));
        }
        assert_eq!(all(&real), all(&scratch), "seed {seed}");
        assert_eq!(all(&under), before, "seed {seed}: the store was written to");
    }
    assert!(refused > 20, "the quotas were met {refused} times only");
}

#[tokio::test]
async fn pages_of_keys_reach_over_what_was_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::default();
    let store = Store::open(dir.path(), Retention::from(&config)).unwrap();
    let start: Vec<_> = (0..50).map(|n| (format!("k{n:02}"), Vec::new())).collect();
    let [_, scratch] = channel(&store, &config, "acme", &start).await;
    scratch.delete_many((0..40).map(|n| format!("k{n:02}")).collect()).await.unwrap();
    scratch.set_many(vec![("k05x".to_owned(), Vec::new())]).await.unwrap();
    assert_eq!(scratch.keys(None, 3).unwrap(), ["k05x", "k40", "k41"]);
    assert_eq!(scratch.keys(Some("k48"), 3).unwrap(), ["k49"]);
}

#[tokio::test]
async fn of_one_releases_changes_only_so_many_wait_for_the_writer() {
    for waiting in [1_u8, 2, 4] {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.key_value.waiting = waiting.into();
        let store = Store::open(dir.path(), Retention::from(&config)).unwrap();
        let [hog, _] = channel(&store, &config, "acme", &[]).await;
        let other = Pairs::new(store.clone(), &Arc::new(environment(&config, "acme", Effects::Live)));
        let mut changes: Vec<_> = (0..6).map(|_| Box::pin(hog.increment("n".to_owned(), 1))).collect();
        // Each is polled once: those whose turn it is are with the writer then, and the others wait.
        for change in &mut changes {
            assert!(futures_util::poll!(change).is_pending());
        }
        let before = other.increment("n".to_owned(), 0).await.unwrap();
        assert_eq!(before, i64::from(waiting), "changes that went before another release's");
        for change in changes {
            change.await.unwrap();
        }
        assert_eq!(other.increment("n".to_owned(), 0).await.unwrap(), 6);
    }
}

fn line(call: &str, message: String) -> LogLine {
    let (channel, level, context) = ("acme".to_owned(), "info".to_owned(), String::new());
    LogLine { channel, call: call.to_owned(), at: Timestamp::now(), level, context, message }
}

#[test]
fn the_newest_lines_of_a_call_are_kept() {
    let scratch = Scratch::default();
    scratch.keep(line("old", "gone".to_owned()));
    for number in 0..LINES {
        scratch.keep(line("new", number.to_string()));
    }
    assert!(scratch.log("old", 10).is_empty());
    let last: Vec<_> = scratch.log("new", 2).into_iter().map(|line| line.message).collect();
    assert_eq!(last, [(LINES - 2).to_string(), (LINES - 1).to_string()]);
}

fn reply(json: &str) -> RecordedReply {
    serde_json::from_str(json).unwrap()
}

#[test]
fn the_first_reply_that_fits_is_given() {
    let scratch = Scratch::new(vec![
        reply(r#"{"method":"POST","url":"https://a.b/orders","status":201}"#),
        reply(r#"{"url":"https://a.b/orders*","headers":{"x-a":"1"},"body":"{}"}"#),
        reply(r#"{"url":"https://a.b"}"#),
    ]);
    let status = |method, url| scratch.reply(method, url).map(|reply| reply.status);
    assert_eq!(status("POST", "https://a.b/orders"), Some(201));
    assert_eq!(status("GET", "https://a.b/orders"), Some(200));
    assert_eq!(status("POST", "https://a.b/orders?page=2"), Some(200));
    assert_eq!(status("GET", "https://A.b/"), Some(200), "a path of / needs no saying");
    assert_eq!(status("GET", "https://a.b/other"), None);
    let response = scratch.reply("GET", "https://a.b/orders").unwrap().response().unwrap();
    assert_eq!((response.headers()["x-a"].to_str().unwrap(), &response.body()[..]), ("1", &b"{}"[..]));
}

#[test]
fn a_reply_that_cannot_be_one_is_told() {
    for (json, part) in [
        (r#"{"url":"a.b/c"}"#, "url"),
        (r#"{"url":"ftp://a.b"}"#, "url"),
        (r#"{"url":"https://*"}"#, "url"),
        (r#"{"url":"https://a.b","method":"get"}"#, "method"),
        (r#"{"url":"https://a.b","status":100}"#, "status"),
        (r#"{"url":"https://a.b","headers":{"a b":""}}"#, "header"),
        (r#"{"url":"https://a.b","headers":{"a":"x\ny"}}"#, "header"),
    ] {
        let error = reply(json).check().unwrap_err();
        assert!(error.contains(part), "{json}: {error}");
    }
    assert_eq!(reply(r#"{"url":"https://a.b/*","status":503}"#).check(), Ok(()));
    assert!(serde_json::from_str::<RecordedReply>(r#"{"url":"https://a.b","stats":1}"#).is_err());
}
