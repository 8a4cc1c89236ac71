//! The program against servers on this machine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod channel;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;

use channel::{Asked, Channel, KEY, Loopback, NOTIFICATION_KEY, PATH};
use serde_json::{Value, json};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf-verify"));
    command.args(arguments);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "RETAILOPS_API_KEY",
        "WHARF_VERIFY_HOME",
    ] {
        command.env_remove(name);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    program(arguments).stdin(Stdio::null()).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A run with `--json`: the exit code and the document.
fn report(url: &str, more: &[&str]) -> (i32, Value) {
    let output = run(&[&["--base-url", url, "--json"], more].concat());
    let document = serde_json::from_str(&out(&output))
        .unwrap_or_else(|error| panic!("{error}: {} {}", out(&output), err(&output)));
    (output.status.code().unwrap(), document)
}

/// The cases that failed, as `group: name: path reason`.
fn failures(report: &Value) -> Vec<String> {
    let failed = report["cases"].as_array().unwrap().iter().filter(|case| case["outcome"] == "failed");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    failed
        .map(|case| {
            format!(
                "{}: {}: {} {}",
                text(&case["group"]),
                text(&case["name"]),
                text(&case["path"]),
                text(&case["reason"])
            )
        })
        .collect()
}

/// A right channel whose answers go through `spoil`.
fn spoiled(spoil: impl Fn(&Asked, channel::Answer) -> channel::Answer + Send + 'static) -> Loopback {
    let channel = std::sync::Mutex::new(Channel::with_orders(5));
    Loopback::serving(move |asked| {
        let answer = channel.lock().unwrap().answer(asked);
        spoil(asked, answer)
    })
}

#[test]
fn a_right_channel_passes_everything() {
    let server = Channel::with_orders(5).served();
    let (code, report) = report(&server.url, &["--notification-key", NOTIFICATION_KEY]);
    assert_eq!(failures(&report), Vec::<String>::new());
    assert_eq!((code, &report["ok"]), (0, &json!(true)));
    assert_eq!(report["counts"]["skipped"], 0, "{report:#}");
    assert!(report["counts"]["ok"].as_u64().unwrap() > 150, "{}", report["counts"]);
}

#[test]
fn a_channel_without_orders_passes_with_skipped_cases() {
    let server = Channel::with_orders(0).served();
    let (code, report) = report(&format!("{}/?tenant=1", server.url), &["--only", "sdk"]);
    assert_eq!(failures(&report), Vec::<String>::new());
    assert_eq!(code, 0);
    assert_eq!(report["counts"]["skipped"], 7, "{report:#}");
}

#[test]
fn an_empty_object_for_everything_fails_with_reasons() {
    let server = Loopback::serving(|_| (200, json!({})));
    let (code, report) = report(&server.url, &[]);
    assert_eq!(code, 1);
    let failures = failures(&report);
    for wanted in [
        "order_pull: example order_pull: next_page_token is missing; orders is missing",
        "order_cancel: example order_cancel: status is missing",
        "inventory_push: example inventory_push: events is missing",
        "catalog_get_config: example catalog_get_config: sku_fanout is missing",
        "order_pull: a wrong key is refused:  answered 200 instead of 401, with `{}`",
    ] {
        assert!(failures.iter().any(|failure| failure.starts_with(wanted)), "{wanted} is not in {failures:#?}");
    }
}

#[test]
fn each_kind_of_bad_key_is_tried() {
    type Opens = fn(&Value) -> bool;
    let cases: [(&str, Opens); 5] = [
        ("a wrong key is refused", |key| key.as_str().is_some_and(|key| key != KEY && !key.is_empty())),
        ("a missing key is refused", Value::is_null),
        ("a key of null is refused", Value::is_null),
        ("a number as key is refused", Value::is_number),
        ("an empty key is refused", |key| key == ""),
    ];
    for (name, opens) in cases {
        let server = spoiled(move |asked, answer| {
            let key = serde_json::from_str::<Value>(&asked.body).map(|body| body["integration_auth_token"].clone());
            if key.is_ok_and(|key| opens(&key)) { (200, json!({"sku_fanout":"no_fanout"})) } else { answer }
        });
        let (code, report) = report(&server.url, &["--actions", "catalog_get_config"]);
        let failures = failures(&report);
        assert!(code == 1 && failures.iter().any(|failure| failure.contains(name)), "{name}: {failures:#?}");
        assert!(failures.iter().all(|failure| failure.contains("key")), "{failures:#?}");
    }
}

#[test]
fn what_a_channel_does_wrong_is_found() {
    type Spoil = fn(&Asked, channel::Answer) -> channel::Answer;
    let cases: [(&str, Spoil); 8] = [
        ("paging ends, and no order comes twice: next_page_token comes a second time", |asked, (status, mut body)| {
            if asked.path.ends_with("order_pull_v1") && status == 200 {
                body = json!({"next_page_token":"again","orders":[]});
            }
            (status, body)
        }),
        ("example order_pull: orders[0].currency_code is wrong", |_, (status, mut body)| {
            if body["orders"][0].is_object() {
                body["orders"][0]["currency_code"] = "INR".into();
            }
            (status, body)
        }),
        ("an unknown order number is told as an event: events is empty", |asked, answer| {
            if asked.path.ends_with("acknowledge_v1") && answer.0 == 200 { (200, json!({"events":[]})) } else { answer }
        }),
        ("an unknown order fails with an error event: status is success", |asked, answer| {
            if asked.path.ends_with("order_cancel_v1") && answer.0 == 200 {
                (200, json!({"status":"success","events":[]}))
            } else {
                answer
            }
        }),
        ("an unknown SKU does not sink the others:  answered 400", |asked, answer| {
            if asked.body.contains("UNKNOWN-SKU") && answer.0 == 200 { (400, json!({})) } else { answer }
        }),
        (
            "GET is not answered:  answered 200",
            |asked, answer| if asked.method == "GET" { (200, json!({})) } else { answer },
        ),
        ("a doubled slash in the path is tolerated:  answered 301", |asked, answer| {
            if asked.path.contains("//") { (301, json!({})) } else { answer }
        }),
        (
            "an unknown interaction is not found:  answered 200",
            |_, answer| if answer.0 == 404 { (200, json!({})) } else { answer },
        ),
    ];
    for (wanted, spoil) in cases {
        let server = spoiled(spoil);
        let (code, report) = report(&server.url, &[]);
        let failures = failures(&report);
        assert!(
            code == 1 && failures.iter().any(|failure| failure.contains(wanted)),
            "{wanted} is not in {failures:#?}"
        );
    }
}

#[test]
fn an_acknowledged_order_that_stays_in_the_list_is_found() {
    let channel = std::sync::Mutex::new(Channel::with_orders(5));
    let server = Loopback::serving(move |asked| {
        let forgets = asked.path.ends_with("acknowledge_v1") && asked.body.contains("T-0");
        if forgets { (200, json!({"events":[]})) } else { channel.lock().unwrap().answer(asked) }
    });
    let (code, report) = report(&server.url, &["--actions", "order_pull,order_acknowledge"]);
    let failures = failures(&report);
    assert!(
        code == 1 && failures.iter().any(|failure| failure.contains("order T-001 is still offered")),
        "{failures:#?}"
    );
}

fn copy(asked: &Asked) -> Asked {
    Asked {
        method: asked.method.clone(),
        path: asked.path.clone(),
        query: asked.query.clone(),
        api_key: asked.api_key.clone(),
        content_type: asked.content_type.clone(),
        body: asked.body.clone(),
    }
}

#[test]
fn a_run_that_checks_nothing_fails() {
    let server =
        Loopback::serving(
            |asked| if asked.path.contains("teleport") { (404, json!({})) } else { (501, json!({"events":[]})) },
        );
    let (code, report) = report(&server.url, &[]);
    assert_eq!(code, 1);
    assert_eq!((&report["counts"]["failed"], &report["counts"]["skipped"]), (&json!(0), &json!(11)));
    assert!(report["why"].as_str().unwrap().contains("nothing was checked"), "{report:#}");
}

#[test]
fn what_is_not_implemented_is_skipped_and_the_rest_counts() {
    let server = spoiled(
        |asked, answer| if asked.path.ends_with("catalog_push_v1") { (501, json!({"events":[]})) } else { answer },
    );
    let (code, report) = report(&server.url, &["--actions", "catalog_*"]);
    assert_eq!(code, 0, "{report:#}");
    let skipped: Vec<_> =
        report["cases"].as_array().unwrap().iter().filter(|case| case["outcome"] == "skipped").collect();
    assert_eq!(skipped.len(), 1);
    assert_eq!((&skipped[0]["group"], &skipped[0]["reason"]), (&json!("catalog_push"), &json!("not implemented")));
}

#[test]
fn nothing_listening_ends_the_run_at_once() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, report) = report(&format!("http://{port}"), &[]);
    assert_eq!((code, report["cases"].as_array().unwrap().len()), (1, 1));
    assert!(report["ended_early"].as_str().unwrap().contains("nothing answers"), "{report:#}");
}

#[test]
fn a_server_that_hangs_is_given_up_on() {
    let (release, gate) = mpsc::channel::<()>();
    let server = Loopback::serving(move |asked| {
        if asked.path.ends_with("order_pull_v1") {
            // Ends when the sender is dropped, after the program has given up.
            gate.recv().unwrap_err();
        }
        (404, json!({}))
    });
    let (code, report) = report(&server.url, &["--actions", "order_pull", "--timeout", "200ms", "--stop-on-error"]);
    drop(release);
    assert_eq!(code, 1);
    assert!(failures(&report)[0].contains("gave no answer within 200ms"), "{report:#}");
}

#[test]
fn the_first_failure_stops_a_run_that_should_and_the_summary_comes() {
    let server = Loopback::serving(|_| (200, json!({})));
    let output = run(&["--base-url", &server.url, "--stop-on-error"]);
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    assert!(text.contains("0 ok, 1 failed, 0 skipped") && text.contains("stopped at the first failure"), "{text}");
    assert!(text.contains("FAILED") && !text.contains('\u{1b}'), "no colour without a terminal: {text}");
}

#[test]
fn traffic_is_shown_without_the_keys() {
    let server = Loopback::serving(|asked| (200, json!({"echo": asked.body})));
    let key = "k3y/with \"quotes\"";
    let output = run(&["--base-url", &server.url, "--key", key, "--actions", "catalog_get_config", "--verbose"]);
    let both = out(&output) + &err(&output);
    assert!(both.contains("> POST") && both.contains("< 200") && both.contains("***"), "{both}");
    assert!(!both.contains("k3y/with"), "{both}");
}

#[test]
fn notifications_that_are_answered_wrongly_are_found() {
    type Spoil = fn(&Asked, channel::Answer) -> channel::Answer;
    let cases: [(&str, Spoil); 6] =
        [
            ("data.currencyCode is \"USD\" and does not confirm \"EUR\"", |_, (status, mut body)| {
                if body["data"]["currencyCode"].is_string() {
                    body["data"]["currencyCode"] = "USD".into();
                }
                (status, body)
            }),
            ("data.status is missing", |asked, answer| {
                let mut answer = answer;
                if asked.body.contains("payment.validation") && answer.0 == 200 {
                    answer.1["data"] = json!({});
                }
                answer
            }),
            ("answered 502; a user waits", |asked, answer| {
                if asked.body.contains("contact.search") { (502, json!({})) } else { answer }
            }),
            (
                "a missing X-API-KEY is refused:  answered 200",
                |_, (status, body)| if status == 401 { (200, body) } else { (status, body) },
            ),
            ("an unknown event type is refused:  answered 200", |_, (status, body)| {
                if status == 422 { (200, body) } else { (status, body) }
            }),
            ("document_pricing as a query argument:  answered 400", |asked, answer| {
                if asked.query.is_empty() { answer } else { (400, json!({})) }
            }),
        ];
    for (wanted, spoil) in cases {
        let server = spoiled(spoil);
        let (code, report) = report(&server.url, &["--only", "notifications", "--notification-key", NOTIFICATION_KEY]);
        let failures = failures(&report);
        assert!(
            code == 1 && failures.iter().any(|failure| failure.contains(wanted)),
            "{wanted} is not in {failures:#?}"
        );
    }
}

#[test]
fn junit_is_written_beside_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.xml");
    let server = spoiled(|_, answer| answer);
    let output = run(&["--base-url", &server.url, "--actions", "catalog_push", "--junit", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    let read = quick_junit::Report::deserialize_from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(read.failures, 0);
    assert!(read.test_suites.iter().any(|suite| suite.name.as_str() == "catalog_push" && suite.tests > 8));
}

#[test]
fn bad_usage_is_exit_code_2() {
    for arguments in [
        &["--actions", "order"][..],
        &["--base-url", "localhost"],
        &["--only", "notifications"],
        &["--actions", "document.pricing"],
        &["--key", "a", "--use-auth-key"],
        &["--timeout", "soon"],
        &["certify"],
        &["teach"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", err(&output));
        assert!(!err(&output).is_empty());
    }
    assert!(err(&run(&["--actions", "order"])).contains("order_settle_payment"));
}

fn in_home(home: &Path, arguments: &[&str]) -> Output {
    run(&[arguments, &["--home", home.to_str().unwrap()]].concat())
}

#[test]
fn keys_are_made_installed_and_shown_and_never_told_unasked() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(in_home(home.path(), &["--use-auth-key"]).status.code(), Some(1), "a missing key is no test key");
    let made = in_home(home.path(), &["generate-auth-key"]);
    let shown = in_home(home.path(), &["show-auth-key"]);
    let key = out(&shown).trim_end().to_owned();
    assert_eq!(key.len(), 32);
    assert!(out(&made).contains("integration_auth_token") && !(out(&made) + &err(&made)).contains(&key));
    assert_eq!(in_home(home.path(), &["generate-auth-key"]).status.code(), Some(1));
    assert_eq!(in_home(home.path(), &["generate-auth-key", "--force"]).status.code(), Some(0));

    let mut child = program(&["install-auth-key", "-", "--home", home.path().to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"FOO_BARBAZ\n").unwrap();
    let installed = child.wait_with_output().unwrap();
    assert!(installed.status.success() && err(&installed).contains("underscore"), "{}", err(&installed));
    assert!(!(out(&installed) + &err(&installed)).contains("FOO_BARBAZ"));
    assert_eq!(out(&in_home(home.path(), &["show-auth-key"])), "FOO_BARBAZ\n");
}

#[test]
fn the_installed_key_is_the_one_that_is_sent() {
    let home = tempfile::tempdir().unwrap();
    assert!(in_home(home.path(), &["install-auth-key", KEY]).status.success());
    let server = Channel::with_orders(0).served();
    let arguments = ["--base-url", &server.url, "--actions", "catalog_push", "--use-auth-key"];
    assert_eq!(in_home(home.path(), &arguments).status.code(), Some(0));
    assert!(in_home(home.path(), &["install-auth-key", "another-key-that-is-long"]).status.success());
    assert_eq!(in_home(home.path(), &arguments).status.code(), Some(1));
}

/// Certifies against a service that answers with `answer`; gives the exit code, what was printed, and what the service was asked.
fn certified(answer: channel::Answer, more: &[&str]) -> (i32, String, Option<Asked>) {
    let (sender, receiver) = mpsc::channel();
    let service = Loopback::serving(move |asked| {
        sender.send(copy(asked)).unwrap();
        answer.clone()
    });
    let url = format!("{}/certify.json", service.url);
    let fixed = [
        "certify",
        "--api-key",
        "api key&more",
        "--certify-url",
        &url,
        "--base-url",
        "https://shop.example/api/",
        "--supported",
        "order_pull,order_acknowledge",
    ];
    let output = run(&[&fixed[..], more].concat());
    let asked = receiver.try_recv().ok();
    (output.status.code().unwrap(), out(&output) + &err(&output), asked)
}

const NAMED: [&str; 4] = ["--integration-name", "Harbour", "--key", "a+long/enough+channel+key"];

#[test]
fn certification_sends_the_order_and_takes_only_a_clear_success() {
    let results = json!([{"action":"order_pull","status":"success"},{"action":"order_acknowledge","status":"success"}]);
    let (code, text, asked) =
        certified((200, json!({"status":"success","message":"welcome","action_results":results})), &NAMED);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("welcome"));
    let asked = asked.unwrap();
    assert!(["apikey=api%20key%26more", "apikey=api+key%26more"].contains(&asked.query.as_str()), "{}", asked.query);
    assert_eq!(asked.path, format!("{PATH}/certify.json"));
    assert_eq!(
        serde_json::from_str::<Value>(&asked.body).unwrap(),
        json!({"integration_auth_key":"a+long/enough+channel+key","version":1,"target_url":"https://shop.example/api",
            "supported_actions":["order_pull","order_acknowledge"],"integration_name":"Harbour"})
    );
    for (answer, words) in [
        ((200, json!({})), "did not say success"),
        ((200, json!([])), "not readable"),
        ((200, json!({"status":"success"})), "no result for order_pull"),
        ((200, json!({"status":"error","message":"no such key a+long/enough+channel+key"})), "no such key ***"),
        ((200, json!({"status":"success","ERROR":"busy","action_results":results})), "busy"),
        (
            (
                200,
                json!({"status":"success","action_results":[{"action":"order_pull","status":"error","message":"timed out"}]}),
            ),
            "timed out",
        ),
        ((500, json!({"status":"success","action_results":results})), "answered 500"),
    ] {
        let (code, text, _) = certified(answer, &NAMED);
        assert!(code == 1 && text.contains(words), "{words}: {code} {text}");
        assert!(!text.contains("channel+key") && !text.contains("api key"), "{text}");
    }
}

#[test]
fn what_cannot_be_certified_is_not_sent() {
    let home = tempfile::tempdir().unwrap();
    for (wanted, more, words) in [
        (2, &["--integration-name", "Har_bour", "--key", "abc"][..], "Har_bour"),
        (2, &["--integration-name", "Har bour", "--key", "abc"], "Har bour"),
        (2, &["--integration-name", "Harbour", "--key", KEY], "test key"),
        (2, &["--integration-name", "Harbour", "--key", "under_score"], "underscore"),
        (1, &["--integration-name", "Harbour", "--home", home.path().to_str().unwrap()], "no key is installed"),
    ] {
        let (code, text, asked) = certified((200, json!({})), more);
        assert!(code == wanted && asked.is_none() && text.contains(words), "{words}: {code} {text}");
    }
}
