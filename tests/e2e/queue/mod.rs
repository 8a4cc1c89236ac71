//! Notifications that nobody waits for: durable first, delivered at least once, buried with their reasons.

mod bulk;
mod disk;
mod kills;
mod told;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::host::{Host, Keys, wait_for};
use crate::trust::load::for_a_while;

/// The database of a node, which may run.
fn database(data: &Path) -> Connection {
    Connection::open_with_flags(data.join("wharf.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// Whether the database is whole.
fn assert_whole(data: &Path) {
    let verdict: String = database(data).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

/// Notifications of `acme` that are not handled, by what the command line says.
fn left(host: &Host) -> Vec<Value> {
    let list = |state| host.wharf(&["notifications", "list", "acme", "--state", state, "--limit", "1000"]);
    ["queued", "running", "dead"].into_iter().flat_map(|state| list(state).as_array().unwrap().clone()).collect()
}

fn cancellation(document: u64) -> Value {
    json!({ "eventType": "document.cancellation", "entityTypeID": 2, "entityID": document })
}

/// Sends a notification that is accepted; gives its id and whether it was a duplicate.
fn accepted(host: &Host, keys: &Keys, note: &Value) -> (String, bool) {
    let answer = host.notify("acme", &keys.notification, note);
    let body = answer.ok(202);
    assert_eq!((&body["success"], &body["message"]), (&json!(true), &json!("")));
    let id = body["id"].as_str().unwrap();
    assert_eq!(answer.header("wharf-call-id"), Some(id));
    (id.to_owned(), body["duplicate"].as_bool().unwrap())
}

/// The notification in the list, in this state or any.
fn listed(host: &Host, id: &str, state: Option<&str>) -> Option<Value> {
    let args = state.map_or_else(Vec::new, |state| vec!["--state", state]);
    let list = host.wharf(&[&["notifications", "list", "acme"][..], &args].concat());
    list.as_array().unwrap().iter().find(|note| note["id"] == id).cloned()
}

#[track_caller]
fn becomes(host: &Host, id: &str, state: &str) -> Value {
    let mut found = None;
    wait_for(&format!("the notification to be {state}"), || {
        found = listed(host, id, Some(state));
        found.is_some()
    });
    found.unwrap()
}

fn history(host: &Host, id: &str) -> Vec<(u64, String, String)> {
    let shown = host.wharf(&["notifications", "show", id]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let attempts = shown["history"].as_array().unwrap().iter();
    attempts.map(|one| (one["number"].as_u64().unwrap(), text(&one["result"]), text(&one["reason"]))).collect()
}

#[test]
fn what_nobody_waits_for_is_accepted_and_delivered() {
    let host = Host::start();
    let keys = host.serving("acme", "reference", &[]);
    let saved =
        json!({ "eventType": "document.validation", "entityTypeID": 2, "entityID": 5, "data": { "internalCode": "" } });
    assert_eq!(host.notify("acme", &keys.notification, &saved).ok(200)["success"], true);
    let workflow = json!({ "eventType": "workflow.validation", "entityTypeID": 0, "entityID": 9604 });
    for (note, event, entity) in
        [(cancellation(5), "document.cancellation", 5), (workflow, "workflow.validation", 9604)]
    {
        let (id, duplicate) = accepted(&host, &keys, &note);
        assert!(!duplicate);
        let done = becomes(&host, &id, "done");
        assert_eq!(
            (&done["event"], &done["entity"], &done["attempts"]),
            (&json!(event), &json!(entity), &json!(1)),
            "{done}"
        );
        assert_eq!(history(&host, &id), [(1, "done".to_owned(), String::new())]);
        assert_eq!(accepted(&host, &keys, &note), (id.clone(), true), "the same one again");
    }
    assert_eq!(host.wharf(&["notifications", "list", "acme"]).as_array().map(Vec::len), Some(2));
    let late = host.notify("acme", &keys.notification, &saved).ok(200);
    assert_eq!(late["errorCode"], "DOCUMENT_CANCELLED", "the plugin was told: {late}");
    let (other, duplicate) = accepted(&host, &keys, &cancellation(6));
    assert!(!duplicate);
    becomes(&host, &other, "done");
}

#[test]
fn after_the_window_the_same_notification_is_a_new_one() {
    let host = Host::with_config("[queue]\ndedupe = \"0s\"\n");
    let keys = host.serving("acme", "reference", &[]);
    let (first, _) = accepted(&host, &keys, &cancellation(5));
    let (second, duplicate) = accepted(&host, &keys, &cancellation(5));
    assert!(!duplicate && first != second);
    becomes(&host, &second, "done");
}

#[test]
fn what_fails_is_tried_on_the_schedule_and_then_dead_and_can_be_replayed() {
    let host = Host::with_config("[queue]\nschedule = [\"0s\", \"20ms\", \"20ms\"]\n");
    let keys = host.serving("acme", "chaos", &["behaviour=trap"]);
    let (id, _) = accepted(&host, &keys, &cancellation(5));
    let dead = becomes(&host, &id, "dead");
    assert_eq!(dead["attempts"], 3);
    let attempts = history(&host, &id);
    let results: Vec<_> = attempts.iter().map(|(number, result, _)| (*number, result.as_str())).collect();
    assert_eq!(results, [(1, "retry"), (2, "retry"), (3, "dead")]);
    assert!(attempts.iter().all(|(_, _, reason)| reason.contains("trapped")), "{attempts:?}");
    wait_for("the log to tell of the death", || host.log().contains("a notification died"));
    wait_for("the attempts to be in the journal", || {
        let calls = host.wharf(&["calls", "acme", "--outcome", "trap"]);
        calls.as_array().unwrap().iter().filter(|call| call["action"] == "document.cancellation").count() == 3
    });
    let (again, duplicate) = accepted(&host, &keys, &cancellation(5));
    assert!(!duplicate && again != id, "a dead one is no reason to drop the next");
    becomes(&host, &again, "dead");

    host.deploy("acme", "chaos", &["behaviour=answer"]);
    assert_eq!(host.wharf(&["notifications", "replay", &id])["state"], "queued");
    becomes(&host, &id, "done");
    assert_eq!(
        history(&host, &id).last().map(|(number, result, _)| (*number, result.clone())),
        Some((4, "done".to_owned()))
    );
    assert_eq!(listed(&host, &again, None).unwrap()["state"], "dead");
    host.wharf(&["notifications", "drop", &again]);
    assert_eq!(listed(&host, &again, None), None);
}

#[test]
fn a_refusal_is_not_tried_again_and_a_wish_for_later_is() {
    let host = Host::with_config("[queue]\nschedule = [\"0s\", \"20ms\", \"20ms\"]\n");
    let keys = host.serving("acme", "chaos", &["behaviour=refuse"]);
    let (id, _) = accepted(&host, &keys, &cancellation(5));
    assert_eq!(becomes(&host, &id, "dead")["attempts"], 1);
    assert!(history(&host, &id)[0].2.contains("CHAOS"));

    host.deploy("acme", "chaos", &["behaviour=retry-later"]);
    let (id, _) = accepted(&host, &keys, &cancellation(6));
    wait_for("the first attempt", || listed(&host, &id, Some("queued")).is_some_and(|note| note["attempts"] == 1));
    let due = host.wharf(&["notifications", "show", &id]);
    let (ended, due) = (due["history"][0]["ended"].as_i64().unwrap(), due["due"].as_i64().unwrap());
    assert!((6_000..=8_000).contains(&(due - ended)), "chaos asks for 7 s, it got {} ms", due - ended);
}

#[test]
fn a_wish_for_later_is_kept_within_what_is_configured() {
    for (limit, pause) in [("longest-wish = \"2s\"", 2_000), ("shortest-wish = \"20s\"", 20_000)] {
        let host = Host::with_config(&format!("[queue]\n{limit}\n"));
        let keys = host.serving("acme", "chaos", &["behaviour=retry-later"]);
        let (id, _) = accepted(&host, &keys, &cancellation(6));
        wait_for("the first attempt", || history(&host, &id).first().is_some_and(|(_, result, _)| result == "retry"));
        let note = host.wharf(&["notifications", "show", &id]);
        let (ended, due) = (note["history"][0]["ended"].as_i64().unwrap(), note["due"].as_i64().unwrap());
        assert_eq!(due - ended, pause, "chaos asks for 7 s: {note}");
    }
}

#[test]
fn an_open_breaker_and_a_swap_pause_what_is_queued_and_cost_it_no_attempt() {
    let host = Host::with_config(
        "[call]\ndrain = \"50ms\"\n[breaker]\nfaults = 1\nopen = \"2s\"\n[queue]\nschedule = [\"0s\", \"1h\"]\n",
    );
    let keys = host.serving("acme", "chaos", &["behaviour=trap"]);
    let (first, _) = accepted(&host, &keys, &cancellation(1));
    wait_for("the breaker to open", || host.log().contains("the breaker opened"));
    let paused: Vec<String> = (2..6).map(|document| accepted(&host, &keys, &cancellation(document)).0).collect();
    wait_for("somebody to have found the breaker open", || {
        let now = host.wharf(&["notifications", "show", &paused[0]]);
        now["due"].as_i64() > now["created"].as_i64()
    });
    for id in &paused {
        assert_eq!(listed(&host, id, Some("queued")).map(|note| note["attempts"].clone()), Some(json!(0)));
    }
    host.deploy("acme", "chaos", &["behaviour=sleep", "sleep_ms=60000"]);
    becomes(&host, &paused[0], "running");
    host.deploy("acme", "chaos", &["behaviour=answer"]);
    for id in &paused {
        assert_eq!(becomes(&host, id, "done")["attempts"], 1);
        let attempts = history(&host, id);
        let (last, before) = attempts.split_last().unwrap();
        assert_eq!(last.1, "done");
        assert!(
            before.iter().all(|(_, result, reason)| result == "interrupted" && reason.contains("call.drain")),
            "{attempts:?}"
        );
    }
    assert!(history(&host, &paused[0]).len() > 1, "it was under way when it was swapped");
    assert_eq!(listed(&host, &first, Some("queued")).map(|note| note["attempts"].clone()), Some(json!(1)));
}

#[test]
fn a_channel_that_has_nothing_deployed_takes_notifications_and_parks_them() {
    let host = Host::start();
    let keys = host.channel("acme");
    let (id, _) = accepted(&host, &keys, &cancellation(5));
    becomes(&host, &id, "dead");
    assert_eq!(history(&host, &id), [(1, "dead".to_owned(), "the channel has no active release".to_owned())]);
    host.deploy("acme", "chaos", &[]);
    host.wharf(&["notifications", "replay", &id]);
    becomes(&host, &id, "done");
}

#[test]
fn one_entitys_notifications_are_delivered_in_their_order() {
    let host = Host::with_config("[queue]\nschedule = [\"0s\", \"20ms\", \"20ms\", \"20ms\", \"20ms\"]\n");
    let keys = host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=300"]);
    let step = |number: u64| json!({ "eventType": "workflow.validation", "entityTypeID": 0, "entityID": 1, "data": { "step": number } });
    let ids: Vec<String> = (0..3).map(|number| accepted(&host, &keys, &step(number)).0).collect();
    let (elsewhere, _) = accepted(&host, &keys, &cancellation(9));
    let shown = |id: &str| host.wharf(&["notifications", "show", id]);
    for id in &ids {
        becomes(&host, id, "done");
    }
    becomes(&host, &elsewhere, "done");
    let times: Vec<(i64, i64)> = ids
        .iter()
        .map(|id| {
            let first = shown(id)["history"][0].clone();
            (first["started"].as_i64().unwrap(), first["ended"].as_i64().unwrap())
        })
        .collect();
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "one after the other: {times:?}");
    let other = shown(&elsewhere)["history"][0]["started"].as_i64().unwrap();
    assert!(other < times[1].1, "another entity does not wait for them: {other} {times:?}");
}

#[test]
fn what_was_accepted_survives_a_crash() {
    let host = Host::with_config(
        "[call]\nasync-deadline = \"1s\"\n[queue]\nworkers = 1\nschedule = [\"0s\", \"20ms\", \"20ms\", \"20ms\", \"20ms\", \"20ms\", \"20ms\", \"20ms\"]\n",
    );
    let keys = host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=60000"]);
    let (running, _) = accepted(&host, &keys, &cancellation(1));
    becomes(&host, &running, "running");
    // The only worker is held: these are accepted, and nobody has looked at them.
    let waiting: Vec<String> = (2..12).map(|document| accepted(&host, &keys, &cancellation(document)).0).collect();
    let host = host.kill_and_restart();
    host.deploy("acme", "chaos", &["behaviour=answer"]);
    for id in &waiting {
        becomes(&host, id, "done");
    }
    let left = listed(&host, &running, None).expect("what was under way is not lost either");
    assert!(left["state"] == "running" || left["state"] == "done", "it waits for its lease to run out: {left}");
    assert_eq!(accepted(&host, &keys, &cancellation(2)), (waiting[0].clone(), true), "and is still known");
}

/// The most of these attempts, each from its start to its end, that were under way at the same time.
fn at_a_time(attempts: &[(i64, i64)]) -> usize {
    let beside = |at: i64| attempts.iter().filter(|(start, end)| *start <= at && at < *end).count();
    attempts.iter().map(|(start, _)| beside(*start)).max().unwrap()
}

#[test]
fn so_many_attempts_run_at_a_time_and_of_one_channel_no_more_than_its_part() {
    let host = Host::with_config("[queue]\nworkers = 3\nworkers-per-channel = 2\n");
    let sent: Vec<Vec<String>> = ["acme", "other"]
        .map(|channel| {
            let keys = host.serving(channel, "chaos", &["behaviour=sleep", "sleep_ms=600"]);
            let send = |document| host.notify(channel, &keys.notification, &cancellation(document)).ok(202);
            (0..5).map(|document| send(document)["id"].as_str().unwrap().to_owned()).collect()
        })
        .into();
    let spans = |ids: &[String]| -> Vec<(i64, i64)> {
        let span = |id: &String| {
            let mut note = Value::Null;
            wait_for("the notification to be delivered", || {
                note = host.wharf(&["notifications", "show", id]);
                note["state"] == "done"
            });
            let attempt = &note["history"][0];
            (attempt["started"].as_i64().unwrap(), attempt["ended"].as_i64().unwrap())
        };
        ids.iter().map(span).collect()
    };
    let each: Vec<_> = sent.iter().map(|ids| spans(ids)).collect();
    let [acme, other, all] = [at_a_time(&each[0]), at_a_time(&each[1]), at_a_time(&each.concat())];
    assert_eq!((acme, all), (2, 3), "{each:?}");
    assert!(other <= 2, "{each:?}");
}

#[test]
fn the_dead_are_kept_for_their_time_and_no_longer() {
    let mut left = Vec::new();
    for keep in ["1s", "1h"] {
        let host = Host::with_config(&format!("[queue]\nkeep-dead = \"{keep}\"\nschedule = [\"0s\"]\n"));
        let keys = host.serving("acme", "chaos", &["behaviour=trap"]);
        let (id, _) = accepted(&host, &keys, &cancellation(5));
        becomes(&host, &id, "dead");
        for_a_while(Duration::from_millis(1100));
        // What is over is cleared away with the first change after a start.
        let host = host.kill_and_restart();
        host.channel("later");
        if keep == "1s" {
            wait_for("it to be cleared away", || listed(&host, &id, None).is_none());
        }
        left.push(listed(&host, &id, None).is_some());
    }
    assert_eq!(left, [false, true]);
}
