use super::*;
use crate::testing::{Fake, MAX_KEY, MAX_KEYS, MAX_VALUE};
use std::collections::BTreeMap;

#[test]
fn values_carry_over_from_call_to_call() {
    let mut fake = Fake::new();
    fake.run(|| set("a", "1")).expect("stored");
    assert_eq!(fake.run(|| get("a")), Ok(Some(b"1".to_vec())));
    assert_eq!(fake.run(|| exists("b")), Ok(false));
    fake.run(|| delete("a")).expect("deleted");
    fake.run(|| delete("a")).expect("deleting twice is no error");
    assert_eq!(fake.run(|| get("a")), Ok(None));
}

#[test]
fn keys_follows_the_cursor_to_the_end() {
    let mut fake = Fake::new();
    let names: Vec<String> = (0..7).map(|number| format!("key/{number}")).collect();
    let pairs: Vec<_> = names.iter().map(|name| (name.clone(), vec![1])).collect();
    fake.run(|| set_many(&pairs)).expect("stored");
    assert_eq!(fake.run(keys), Ok(names));
    assert_eq!(fake.commits(), 1);
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    let mut fake = Fake::new();
    let pairs = vec![("good".to_owned(), vec![1]), ("bad".to_owned(), vec![0; MAX_VALUE + 1])];
    assert!(matches!(fake.run(|| set_many(&pairs)), Err(Error::Store(text)) if text.contains("`bad`")));
    assert!(fake.keys().is_empty());
    assert_eq!(fake.run(|| get_many(&["good", "bad"])), Ok(vec![None, None]));
}

#[test]
fn limits_are_the_hosts() {
    let mut fake = Fake::new();
    assert!(fake.run(|| set(&"k".repeat(MAX_KEY), "x")).is_ok());
    assert!(fake.run(|| set(&"k".repeat(MAX_KEY + 1), "x")).is_err());
    let many: Vec<_> = (1..MAX_KEYS).map(|number| (number.to_string(), Vec::new())).collect();
    assert!(fake.run(|| set_many(&many)).is_ok());
    assert!(fake.run(|| set("1", "one more time")).is_ok());
    assert!(fake.run(|| set("0", "one more key")).is_err());
}

#[test]
fn increment_counts_from_zero_and_refuses_text() {
    let mut fake = Fake::new().kv("text", "seven").kv("big", i64::MAX.to_string());
    assert_eq!(fake.run(|| increment("n", 5)), Ok(5));
    assert_eq!(fake.run(|| increment("n", -7)), Ok(-2));
    assert!(fake.run(|| increment("text", 1)).is_err());
    assert!(fake.run(|| increment("big", 1)).is_err());
}

#[test]
fn update_loses_no_other_calls_change() {
    let mut fake = Fake::new().kv("list", r#"["a"]"#).meddle("list", r#"["a","b"]"#).meddle("list", r#"["a","b","c"]"#);
    let lengths = fake.run(|| {
        let mut lengths = Vec::new();
        update_json("list", |list: &mut Option<Vec<String>>| {
            let list = list.get_or_insert_default();
            lengths.push(list.len());
            list.push("mine".to_owned());
        })
        .map(|()| lengths)
    });
    assert_eq!(lengths, Ok(vec![1, 2, 3]));
    assert_eq!(fake.value("list").as_deref(), Some(r#"["a","b","c","mine"]"#));
}

#[test]
fn update_without_a_change_writes_nothing() {
    let mut fake = Fake::new().kv("n", "1");
    assert_eq!(fake.run(|| update("n", |value| value.clone())), Ok(Some(b"1".to_vec())));
    assert_eq!(fake.run(|| update("n", |value| *value = None)), Ok(()));
    assert_eq!((fake.value("n").as_deref(), fake.commits()), (Some("1"), 0));
}

#[test]
fn update_gives_up_when_the_key_never_rests() {
    let mut fake = Fake::new();
    for round in 0..UPDATE_ATTEMPTS {
        fake = fake.meddle("hot", round.to_string());
    }
    let mut rounds = 0;
    let result = fake.run(|| {
        update("hot", |value| {
            rounds += 1;
            *value = Some(b"mine".to_vec());
        })
    });
    assert_eq!((result, rounds), (Err(Error::Contended { key: "hot".to_owned() }), UPDATE_ATTEMPTS));
}

#[test]
fn json_of_another_shape_is_an_error_that_names_the_key() {
    let mut fake = Fake::new().kv("settings", "[]");
    let result = fake.run(|| get_json::<BTreeMap<String, i64>>("settings"));
    assert!(matches!(result, Err(Error::Value { key, .. }) if key == "settings"));
    fake.run(|| set_json("settings", &BTreeMap::from([("a", 1)]))).expect("stored");
    assert_eq!(fake.value("settings").as_deref(), Some(r#"{"a":1}"#));
}

#[test]
fn a_store_that_is_not_granted_is_denied() {
    let mut fake = Fake::new().without_kv();
    assert_eq!(fake.run(|| get("a")), Err(Error::Denied));
    assert_eq!(fake.run(|| increment("a", 1)), Err(Error::Denied));
}

#[test]
fn without_a_fake_the_error_says_what_to_do() {
    assert!(matches!(get("a"), Err(Error::Store(text)) if text.contains("Fake::run")));
}
