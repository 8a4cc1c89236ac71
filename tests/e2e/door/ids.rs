//! The id that a request goes by, and the hosts that it went through.

use serde_json::json;

use super::smuggling::{nobody_got_through, node};
use crate::host::{Host, TEST_KEY, sdk_body, sdk_url};
use crate::wire::{self, Answer};

fn call(host: &Host, channel: &str, headers: &[(&str, &str)]) -> Answer {
    let body = sdk_body(TEST_KEY, "inventory_push", &json!({}));
    wire::post(&sdk_url(&host.edge, channel, "inventory_push"), headers, &body)
}

#[test]
fn a_request_keeps_its_callers_id_or_gets_the_calls() {
    let host = Host::start();
    let keys = host.serving("acme", "echo", &[]);
    let own = |answer: &Answer| answer.header("wharf-call-id").unwrap().to_owned();
    let id = |headers: &[(&str, &str)]| {
        let answer = call(&host, "acme", headers);
        (answer.header("x-request-id").unwrap().to_owned(), own(&answer))
    };
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let longest = "x".repeat(128);
    for (headers, expected) in [
        (&[("x-request-id", "abc-1")][..], "abc-1"),
        (&[("x-request-id", &longest)], &longest),
        (&[("traceparent", trace)], "4bf92f3577b34da6a3ce929d0e0e4736"),
        (&[("traceparent", trace), ("x-request-id", "abc")], "abc"),
    ] {
        assert_eq!(id(headers).0, expected);
    }
    let too_long = "x".repeat(129);
    for headers in [&[][..], &[("x-request-id", "a b")], &[("x-request-id", &too_long)], &[("traceparent", "00-1-2-3")]]
    {
        let (id, call) = id(headers);
        assert_eq!(id, call, "{headers:?}");
    }
    let search = json!({ "eventType": "contact.search", "entityTypeID": 1, "data": {} }).to_string();
    let url = format!("http://{}/channels/acme/notifications", host.edge);
    let answer = wire::post(&url, &[("x-api-key", &keys.notification), ("x-request-id", "n-1")], &search);
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("n-1")));
    let refused = wire::post(&url, &[("x-api-key", "wrong"), ("x-request-id", "n-2")], &search);
    assert_eq!((refused.status, refused.header("x-request-id")), (401, Some("n-2")));
    let health = wire::send("GET", &format!("http://{}/healthz", host.edge), &[("x-request-id", "h")], "");
    assert_eq!(health.header("x-request-id"), Some("h"));
}

#[test]
fn a_request_that_goes_round_is_stopped() {
    let host = node();
    for hops in ["0", "1", "4"] {
        assert_eq!(call(&host, "acme", &[("wharf-hops", hops)]).status, 200, "{hops}");
    }
    for (hops, status, code) in [
        ("5", 508, "HOST_LOOP"),
        ("4000000000", 508, "HOST_LOOP"),
        ("x", 400, "HOST_MALFORMED"),
        ("-1", 400, "HOST_MALFORMED"),
    ] {
        let answer = call(&host, "victim", &[("wharf-hops", hops)]);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{hops}");
    }
    nobody_got_through(&host);
    let strict = Host::with_config("[edge]\nhops = 0\n");
    strict.serving("acme", "echo", &[]);
    assert_eq!(call(&strict, "acme", &[("wharf-hops", "0")]).status, 200);
    assert_eq!(call(&strict, "acme", &[("wharf-hops", "1")]).code(), "HOST_LOOP");
}
