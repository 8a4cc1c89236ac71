//! Paths that would lead out of the platform's base URL.

use super::*;
use crate::host::wait_for;
use crate::upstream::{FINE, Upstream};

/// Spellings that some server or other reads as another place.
const ESCAPES: [&str; 42] = [
    "",
    "/",
    "//",
    "//127.0.0.1/x",
    "..",
    "../x",
    "/../x",
    "a/../../x",
    "a/..",
    "./x",
    "%2e%2e/x",
    "%2E%2E/x",
    "%2e./x",
    ".%2e/x",
    "a/%2e%2e%2fx",
    "..%2fx",
    "..%5cx",
    "..\\x",
    "\\\\127.0.0.1\\x",
    "%252e%252e/x",
    "%25252e%25252e/x",
    "..;/x",
    "..;a=b/x",
    "%2e%2e;/x",
    "...",
    "..%20/x",
    "%20../x",
    "%c0%ae%c0%ae/x",
    "%u002e%u002e/x",
    "%ef%bc%8e%ef%bc%8e/x",
    "a%ef%bc%8fx",
    "http://127.0.0.1/x",
    "https:127.0.0.1",
    "a//x",
    "a?x=y",
    "a#x",
    "a b",
    "a\rhost: x",
    "a%0d%0ahost:x",
    "a%00",
    "a%zz",
    "é{{secret:PLATFORM_TOKEN}}",
];

#[test]
fn no_path_leads_out_of_the_base_url() {
    let trap = Upstream::plain(FINE);
    let host = node("");
    let asks: Vec<_> = ESCAPES.iter().map(|path| format!("GET\t{path}")).collect();
    let others = ["TRACE\tx", "CONNECT\tx", "get\tx", "GET x HTTP/1.1\tx"];
    let asks: Vec<_> = asks.iter().map(String::as_str).chain(others).collect();
    asking(&host, &trap.address, &asks);
    let told = notes(&host);
    assert_eq!(told.len(), asks.len());
    for (ask, told) in asks.iter().zip(&told) {
        assert!(told.starts_with("request cannot be sent: its "), "{ask:?}: {told}");
    }
    assert_eq!(trap.seen(), Vec::<String>::new());
    let answer = host.sdk("acme", "inventory_push", json!({ "inventory_updates": [] }));
    let id = answer.header("wharf-call-id").unwrap();
    wait_for("the refusals to be in the record", || {
        let call = host.cli(&["calls", "show", id, "--json"]);
        String::from_utf8_lossy(&call.stdout).contains("more requests were refused")
    });
    let call = host.wharf(&["calls", "show", id]);
    let first = &call["outbound"][4];
    assert_eq!((&first["host"], &first["path"]), (&json!(trap.address), &json!("..")), "{call}");
    assert!(first["refused"].as_str().unwrap().contains("lead elsewhere"), "{call}");
}
