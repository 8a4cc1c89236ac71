//! What the author of a component finds of a call that failed.

use serde_json::{Value, json};

use super::{push, shown};
use crate::host::Host;

fn text(host: &Host, id: &str) -> String {
    String::from_utf8(host.cli(&["calls", "show", id]).stdout).unwrap()
}

#[test]
fn a_trap_names_the_functions_that_were_running() {
    let host = Host::start();
    for behaviour in ["trap", "panic", "recurse"] {
        let channel = behaviour;
        host.serving(channel, "chaos", &[&format!("behaviour={behaviour}")]);
        let answer = host.sdk(channel, "inventory_push", push());
        let id = answer.header("wharf-call-id").unwrap();
        let call = shown(&host, id);
        let frames: Vec<_> =
            call["trace"]["frames"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert!(
            frames.iter().any(|frame| frame.contains("chaos::")),
            "{behaviour}: no function of the plugin: {frames:?}"
        );
        assert!(!frames.iter().any(|frame| frame.contains("_ZN") || frame.contains("_R")), "mangled: {frames:?}");
        assert!(!answer.body.contains("chaos::"), "frames are not for callers: {}", answer.body);
        let told = text(&host, id);
        assert!(told.contains("the innermost first") && told.contains(frames[0]), "{told}");
        println!("{behaviour}: {} frames, the innermost {}", frames.len(), frames[0]);
    }
    assert!(host.wharf(&["logs", "panic"]).to_string().contains("panicked"), "with the panic's message in the log");
}

#[test]
fn a_failed_call_tells_what_it_used_of_what_it_had() {
    let host = Host::with_config("[call]\npush-cpu = \"60ms\"\n[breaker]\nfaults = 0\n");
    host.serving("spin", "chaos", &["behaviour=spin"]);
    host.serving("grow", "chaos", &["behaviour=grow"]);
    host.serving("good", "chaos", &["behaviour=answer"]);
    host.wharf(&["channel", "set", "grow", "--limit", "memory=16MiB"]);
    let called = |channel: &str| {
        let answer = host.sdk(channel, "inventory_push", push());
        let id = answer.header("wharf-call-id").unwrap().to_owned();
        let code = answer.json()["events"][0]["code"].as_str().unwrap_or_default().to_owned();
        (code, shown(&host, &id), text(&host, &id))
    };
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} is no number"));

    let (code, call, told) = called("spin");
    assert_eq!((code.as_str(), &call["trace"]["cpu_ms"]), ("HOST_CPU_DEADLINE", &json!(60)));
    assert!((60_000..3_000_000).contains(&number(&call["cpu_us"])), "{call}");
    assert!(told.contains(" ms of 60 ms") && told.contains(" ms of 12000 ms"), "{told}");
    assert!(call["trace"]["frames"].as_array().is_some(), "{call}");

    let (code, call, told) = called("grow");
    assert_eq!((code.as_str(), &call["trace"]["memory"]), ("HOST_OUT_OF_MEMORY", &json!(16 << 20)));
    assert!((8 << 20..=16 << 20).contains(&number(&call["memory"])), "{call}");
    assert!(told.contains(" of 16MiB"), "{told}");

    let (code, call, told) = called("good");
    assert_eq!((code.as_str(), &call["trace"], &call["requests"]), ("", &Value::Null, &json!(0)));
    assert!(number(&call["memory"]) > 0 && told.contains("cpu  "), "{call}");
    let queued = number(&call["queued_us"]);
    assert!(queued < 10_000_000, "{queued}");
}

#[test]
fn a_call_for_which_nobody_was_asked_used_nothing() {
    let host = Host::start();
    host.channel("empty");
    let answer = host.sdk("empty", "inventory_push", push());
    let call = shown(&host, answer.header("wharf-call-id").unwrap());
    assert_eq!((&call["outcome"], &call["trace"]), (&json!("unavailable"), &Value::Null));
    assert!(call.get("cpu_us").is_none_or(Value::is_null), "{call}");
}
