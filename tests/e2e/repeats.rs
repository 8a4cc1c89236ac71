//! The same validation or payment again: it runs once, and everybody gets the one answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::host::{Host, Keys, wait_for};
use crate::trust::rounds;
use crate::wire::Answer;

/// A node whose channel answers with how often it was called, after `sleep_ms`.
fn counting(config: &str, sleep_ms: u32) -> (Host, Keys) {
    let host = Host::with_config(&format!("[notification]\npayment-status = {{ pending = \"PENDING\" }}\n{config}"));
    let keys = host.serving("acme", "chaos", &["behaviour=count", &format!("then_sleep_ms={sleep_ms}")]);
    (host, keys)
}

fn note(event: &str, data: &Value) -> Value {
    json!({ "eventType": event, "entityTypeID": 2, "entityID": 71820, "data": data })
}

fn payment(amount: &str) -> Value {
    let amount: Value = serde_json::from_str(amount).unwrap();
    note(
        "payment.validation",
        &json!({ "documentTypeID": 2, "documentID": 71820, "currencyCode": "EUR", "amount": amount, "paymentMethod": { "id": 3 } }),
    )
}

/// What the guest said, which is how often it had been called.
fn count(answer: &Answer) -> String {
    let told = answer.ok(200);
    assert_eq!(told["success"], true, "{answer:?}");
    told["message"].as_str().unwrap().to_owned()
}

fn call_id(answer: &Answer) -> &str {
    answer.header("wharf-call-id").unwrap()
}

/// Whether a call is under way.
fn is_busy(host: &Host) -> bool {
    let status = host.wharf(&["status"]);
    status["channels"][0]["in_flight_free"] != status["channels"][0]["in_flight"]
}

/// How many calls with this outcome are in the journal.
fn recorded(host: &Host, outcome: &str) -> usize {
    host.wharf(&["calls", "acme", "--outcome", outcome, "--limit", "500"]).as_array().unwrap().len()
}

#[test]
fn many_identical_payments_at_once_run_once_and_get_one_answer() {
    let many = usize::try_from(rounds(50, 200)).unwrap();
    let (host, keys) = counting("", 300);
    let pay = |note: &Value| host.notify("acme", &keys.notification, note);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..many).map(|_| scope.spawn(|| pay(&payment("64.90")))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let told: BTreeSet<_> = answers.iter().map(|answer| (answer.body.as_str(), call_id(answer))).collect();
    assert_eq!((told.len(), count(&answers[0]).as_str()), (1, "1"), "{told:?}");
    let again = pay(&payment("64.9"));
    assert_eq!((again.body.as_str(), call_id(&again)), *told.first().unwrap(), "just answered, and written otherwise");
    let (other, third) = (pay(&payment("64.91")), pay(&payment("64.91")));
    assert_eq!((count(&other).as_str(), count(&third).as_str()), ("2", "2"), "another amount is another payment");
    let document = note("document.validation", &json!({ "lines": [1] }));
    let (saved, twice) = (pay(&document), pay(&document));
    assert_eq!((count(&saved).as_str(), count(&twice).as_str()), ("3", "3"));
    assert_eq!(count(&pay(&note("document.validation", &json!({ "lines": [2] })))), "4", "a changed document is saved");
    for read in ["contact.search", "contact.validation"] {
        let body = note(read, &json!({}));
        assert_ne!(count(&pay(&body)), count(&pay(&body)), "{read} is asked each time");
    }

    wait_for("the repetitions to be in the journal", || recorded(&host, "repeated") == many - 1 + 3);
    assert_eq!(recorded(&host, "ok"), 8);
    let repeated = &host.wharf(&["calls", "acme", "--outcome", "repeated"])[0];
    let shown = host.wharf(&["calls", "show", repeated["id"].as_str().unwrap()]);
    assert!(shown["detail"].as_str().unwrap().contains(call_id(&saved)), "{shown}");
    println!("{many} identical payments at once: the component ran once");
}

#[test]
fn a_swap_does_not_make_a_payment_again_and_another_channel_shares_nothing() {
    let (host, keys) = counting("", 0);
    let pay = |channel: &str, keys: &Keys| host.notify(channel, &keys.notification, &payment("5"));
    let first = pay("acme", &keys);
    host.deploy("acme", "chaos", &["behaviour=answer"]);
    assert_eq!(pay("acme", &keys).body, first.body);
    let other = host.serving("other", "chaos", &["behaviour=answer"]);
    let answer = pay("other", &other);
    assert!(answer.ok(200)["message"] == "" && call_id(&answer) != call_id(&first), "{answer:?}");
    host.wharf(&["channel", "delete", "acme"]);
    let keys = host.serving("acme", "chaos", &["behaviour=count"]);
    let anew = pay("acme", &keys);
    assert!(count(&anew) == "1" && call_id(&anew) != call_id(&first), "a channel of the same name is another one");
}

#[test]
fn a_document_that_was_changed_or_cancelled_since_is_saved_again() {
    let (host, keys) = counting("", 0);
    let send = |line: u64| {
        count(&host.notify("acme", &keys.notification, &note("document.validation", &json!({ "lines": [line] }))))
    };
    assert_eq!((send(1).as_str(), send(2).as_str(), send(2).as_str(), send(1).as_str()), ("1", "2", "2", "3"));
    assert_eq!(send(1), "3");
    let cancelled = note("document.cancellation", &Value::Null);
    let id = host.notify("acme", &keys.notification, &cancelled).ok(202)["id"].as_str().unwrap().to_owned();
    wait_for("the component to be told", || host.wharf(&["notifications", "show", &id])["state"] == "done");
    assert_eq!(send(1), "5", "the cancellation was the fourth call");
}

#[test]
fn after_its_time_and_when_it_is_turned_off_it_runs_again() {
    let (host, keys) = counting("same-answer = \"400ms\"\n", 0);
    let pay = || count(&host.notify("acme", &keys.notification, &payment("5")));
    assert_eq!((pay().as_str(), pay().as_str()), ("1", "1"));
    wait_for("the answer to be too old", || pay() == "2");

    let (host, keys) = counting("same-answer = \"0s\"\n", 0);
    let pay = || count(&host.notify("acme", &keys.notification, &payment("5")));
    assert_eq!((pay().as_str(), pay().as_str()), ("1", "2"));
}

#[test]
fn what_the_host_failed_at_is_tried_anew_and_what_the_guest_refused_stands() {
    let (host, keys) = counting("[breaker]\nfaults = 0\n[release]\nautomatic-return = false\n", 0);
    let send = |body: &Value| host.notify("acme", &keys.notification, body).ok(200);
    let (pay, save) = (payment("5"), note("document.validation", &json!({})));
    for (behaviour, code) in
        [("trap", "HOST_TRAP"), ("retry-later", "HOST_RETRY_LATER"), ("unsupported", "HOST_NOT_IMPLEMENTED")]
    {
        host.deploy("acme", "chaos", &[&format!("behaviour={behaviour}")]);
        for body in [&pay, &save] {
            let (first, second) = (send(body), send(body));
            assert_eq!((&first["errorCode"], &second["errorCode"]), (&json!(code), &json!(code)));
            assert_ne!(first["message"], second["message"], "each names its own call: {first}");
        }
    }
    host.deploy("acme", "chaos", &["behaviour=refuse"]);
    let refused = send(&pay);
    assert_eq!(refused["errorCode"], "CHAOS");
    host.deploy("acme", "chaos", &["behaviour=answer"]);
    assert_eq!(send(&pay), refused, "answered is answered");
    assert_eq!(send(&save)["success"], true, "a failure was not kept");
}

#[test]
fn a_payment_that_may_have_been_made_is_not_tried_again_at_once() {
    let upstream = crate::upstream::Upstream::silent();
    let host = Host::with_config(
        "[call]\nnotification-deadline = \"500ms\"\n[breaker]\nfaults = 0\n[outbound]\nallow-http = true\nallow-private = [\"127.0.0.0/8\"]\n",
    );
    let keys = host.channel("acme");
    let (file, url) = (crate::host::plugin("chaos"), format!("url={}", upstream.url()));
    let args = ["deploy", "acme", file.to_str().unwrap(), "--skip-preflight", "--allow", &upstream.address];
    host.wharf(&[&args[..], &["--set", "behaviour=fetch", "--set", &url, "--set", "then_sleep_ms=60000"]].concat());
    let send = |body: &Value| host.notify("acme", &keys.notification, body);
    let (first, second) = (send(&payment("5")), send(&payment("5")));
    assert_eq!(first.ok(200)["errorCode"], "HOST_AMBIGUOUS");
    assert_eq!((first.body.as_str(), call_id(&first)), (second.body.as_str(), call_id(&second)));
    let save = note("document.validation", &json!({}));
    let (first, second) = (send(&save), send(&save));
    assert_eq!(first.ok(200)["errorCode"], "HOST_AMBIGUOUS");
    assert_ne!(call_id(&first), call_id(&second), "to save again does no harm");
}

#[test]
fn whoever_hangs_up_ends_nobody_elses_payment() {
    let (host, keys) = counting("", 3000);
    let body = payment("5").to_string();
    let request = format!(
        "POST /channels/acme/notifications HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-length: {}\r\n\r\n{body}",
        keys.notification,
        body.len()
    );
    let dial = || {
        let mut socket = std::net::TcpStream::connect(&host.edge).unwrap();
        std::io::Write::write_all(&mut socket, request.as_bytes()).unwrap();
        socket
    };
    let first = dial();
    wait_for("the payment to be under way", || is_busy(&host));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| host.notify("acme", &keys.notification, &payment("5")));
        drop(first);
        wait_for("one that hung up while it waited to be in the journal", || {
            let _waits = dial();
            recorded(&host, "abandoned") > 0
        });
        assert_eq!(count(&other.join().unwrap()), "1");
    });
    assert_eq!(count(&host.notify("acme", &keys.notification, &payment("5"))), "1");
}

#[test]
fn what_waits_is_answered_within_its_own_time() {
    let (host, keys) = counting("[call]\nnotification-deadline = \"6s\"\n", 3000);
    host.wharf(&["channel", "set", "acme", "--limit", "deadline=6s"]);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| host.notify("acme", &keys.notification, &payment("5")));
        wait_for("the payment to be under way", || is_busy(&host));
        host.wharf(&["channel", "set", "acme", "--limit", "deadline=50ms"]);
        let second = host.notify("acme", &keys.notification, &payment("5")).ok(200);
        assert_eq!(second["errorCode"], "HOST_DEADLINE", "{second}");
        assert!(second["message"].as_str().unwrap().contains("make sure of it before paying again"), "{second}");
        assert_eq!(count(&first.join().unwrap()), "1");
    });
}

#[test]
fn of_more_answers_than_are_kept_the_oldest_go() {
    // Sixteen shelves of one answer.
    let (host, keys) = counting("answers = 16\n", 0);
    let pay = |amount: &str| count(&host.notify("acme", &keys.notification, &payment(amount)));
    assert_eq!((pay("1").as_str(), pay("1").as_str(), pay("2").as_str(), pay("2").as_str()), ("1", "1", "2", "2"));
    assert_eq!(pay("1"), "3");

    let host = Host::with_config("[notification]\nanswers-size = \"1MiB\"\npayment-status = { pending = \"P\" }\n");
    let keys = host.serving("acme", "chaos", &["behaviour=raw"]);
    let pay = |length: usize| {
        let mut note = payment("1");
        note["data"]["pad"] = "x".repeat(length).into();
        call_id(&host.notify("acme", &keys.notification, &note)).to_owned()
    };
    assert_ne!(pay(20_000), pay(20_000), "no answer takes the room of all others");
    assert_eq!(pay(100), pay(100));
}
