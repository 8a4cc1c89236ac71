use std::time::Duration;

use super::*;

fn load(content: &str) -> Result<Config, ConfigErrors> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my.toml");
    std::fs::write(&path, content).unwrap();
    Config::load(Some(&path)).map_err(|errors| ConfigErrors { file: "my.toml".into(), ..errors })
}

fn lines(content: &str) -> Vec<String> {
    load(content).unwrap_err().to_string().lines().map(str::to_owned).collect()
}

#[test]
fn the_default_file_gives_the_documented_values() {
    let config = Config::load(None).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.edge.listen.port(), 8080);
    assert_eq!(config.guest.memory, Size::mib(64));
    assert_eq!(config.call.sdk_deadline, Duration::from_secs(12));
    assert_eq!(config.queue.schedule.len(), 10);
    assert_eq!(config.queue.keep_dead, Duration::from_hours(720));
    assert_eq!(config.notification.on_failure, OnFailure::Block);
    assert_eq!(config.notification.payment_status.paid, None);
}

#[test]
fn every_key_and_section_of_the_manual_has_a_comment_above() {
    let lines: Vec<_> = DEFAULT.lines().collect();
    let mut keys = 0;
    for pair in lines.windows(2) {
        if pair[1].starts_with('[') || pair[1].contains(" = ") && !pair[1].starts_with('#') {
            assert!(pair[0].starts_with("# "), "`{}` has no comment above", pair[1]);
            keys += 1;
        }
    }
    assert!(keys > 50, "only {keys} keys were seen");
}

#[test]
fn an_override_changes_its_keys_and_leaves_the_others() {
    let config = load(
        "[guest]\nmemory = \"128MiB\"\n[queue]\nschedule = [\"0s\", \"1m\"]\n\
         [notification]\nerror-level = { critical = 9 }\npayment-status = { paid = \"OK\" }\n\
         [outbound]\nallow-private = [\"10.0.0.0/8\"]\nallow-http = true\n",
    )
    .unwrap();
    assert_eq!(config.guest.memory, Size::mib(128));
    assert_eq!(config.guest.stack, Size::kib(512));
    assert_eq!(config.queue.schedule, [Duration::ZERO, Duration::from_mins(1)]);
    assert_eq!((config.notification.error_level.critical, config.notification.error_level.error), (9, 3));
    assert_eq!(config.notification.payment_status.paid.as_deref(), Some("OK"));
    assert_eq!(config.outbound.allow_private[0].to_string(), "10.0.0.0/8");
    assert!(config.outbound.allow_http);
}

#[test]
fn three_mistakes_give_three_lines_each_with_its_key() {
    let found = lines("[guest]\nmemory = \"64 MB\"\n[edge]\nheaders = \"many\"\n[call]\nsdk-deadline = 12\n");
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.contains(&"my.toml: guest.memory: expected a size such as \"64MiB\", found \"64 MB\"".to_owned()));
    assert!(found.contains(&"my.toml: edge.headers: expected a whole number such as 100, found \"many\"".to_owned()));
    assert!(
        found
            .contains(&"my.toml: call.sdk-deadline: expected a time such as \"250ms\" or \"12s\", found 12".to_owned())
    );
}

#[test]
fn wrong_items_of_lists_and_other_kinds_are_named() {
    let found = lines(
        "[queue]\nschedule = [\"0s\", \"soon\"]\n[outbound]\nallow-private = [\"10.0.0.1/99\"]\nallow-http = 1\n\
         [notification]\non-failure = \"shrug\"\npayment-status = { paid = 3 }\nerror-level = 4\n[edge]\nlisten = \"8080\"\n",
    );
    for expected in [
        "queue.schedule[1]: expected a time such as \"250ms\" or \"12s\", found \"soon\"",
        "outbound.allow-private[0]: expected a network such as \"10.1.0.0/16\", found \"10.0.0.1/99\"",
        "outbound.allow-http: expected true or false, found 1",
        "notification.on-failure: expected \"block\" or \"force\", found \"shrug\"",
        "notification.payment-status.paid: expected text, found 3",
        "notification.error-level: expected a table, found 4",
        "edge.listen: expected an address such as \"127.0.0.1:8080\", found \"8080\"",
    ] {
        assert!(found.contains(&format!("my.toml: {expected}")), "{expected}\nis not in {found:#?}");
    }
    assert_eq!(found.len(), 7);
}

#[test]
fn unknown_keys_and_sections_are_errors_that_name_the_known_ones() {
    let found = lines("top = 1\n[edge]\nlistn = \"x\"\n[edgy]\na = 1\n[notification.payment-status]\nmaybe = \"x\"\n");
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.iter().any(|line| line.starts_with("my.toml: edge.listn: unknown key; known here are ")));
    assert!(found.iter().any(|line| line.starts_with("my.toml: edgy: unknown key; known here are admin, ")));
    assert!(
        found.iter().any(|line| {
            line.ends_with("payment-status.maybe: unknown key; known here are paid, declined, pending")
        })
    );
}

#[test]
fn values_out_of_range_are_told_with_the_range() {
    let found = lines(
        "[guest]\nmemory = \"0B\"\n[queue]\njitter = 2.0\nworkers = 0\nschedule = []\n[call]\nsdk-deadline = \"0s\"\n",
    );
    for expected in [
        "guest.memory: expected 1MiB to 1GiB, found 0B",
        "queue.jitter: expected 0 to 0.9, found 2",
        "queue.workers: expected 1 to 1000, found 0",
        "queue.schedule's length: expected 1 to 50, found 0",
        "call.sdk-deadline: expected \"10ms\" to \"2m\", found \"0s\"",
    ] {
        assert!(found.contains(&format!("my.toml: {expected}")), "{expected}\nis not in {found:#?}");
    }
    assert_eq!(found.len(), 5);
}

#[test]
fn broken_toml_and_a_missing_file_name_the_file() {
    assert!(lines("[edge]\nlisten = \n")[0].starts_with("my.toml: line 2: "));
    let missing = Config::load(Some(std::path::Path::new("nowhere/my.toml"))).unwrap_err();
    assert!(missing.to_string().starts_with("nowhere/my.toml: cannot be read: "));
}

#[test]
fn the_effective_dump_reads_back_as_the_same_values() {
    let config =
        load("[outbound]\nallow-private = [\"fd00::/8\"]\n[notification.post-message]\nclose = \"bye\"\n").unwrap();
    assert_eq!(load(&config.to_toml().unwrap()).unwrap(), config);
}

#[test]
fn sizes_are_shown_in_their_largest_whole_unit() {
    for text in ["0B", "1B", "1536B", "4KiB", "64MiB", "3GiB"] {
        assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
    }
    for text in ["", "B", "64", "64MB", "-1KiB", "+1KiB", "1.5GiB", "99999999999999GiB", "64 MiB", "64mib"] {
        assert!(text.parse::<Size>().is_err(), "{text} was taken");
    }
}
