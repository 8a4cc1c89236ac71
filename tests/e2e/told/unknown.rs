//! Calls that ended after they had called another system: what it did there, nobody knows.

use serde_json::json;
use wharf_protocol::sdk::Interaction;

use super::{notes, payload, shown};
use crate::host::{Host, plugin};
use crate::upstream::Upstream;

#[test]
fn after_requests_were_sent_only_a_call_that_looks_is_told_plainly() {
    let upstream = Upstream::silent();
    let host = Host::with_config(
        "[call]\nsdk-deadline = \"500ms\"\nnotification-deadline = \"500ms\"\n[breaker]\nfaults = 0\n\
         [outbound]\nallow-http = true\nallow-private = [\"127.0.0.0/8\"]\n",
    );
    let keys = host.channel("acme");
    let (file, url) = (plugin("chaos"), format!("url={}", upstream.url()));
    let args = ["deploy", "acme", file.to_str().unwrap(), "--skip-preflight", "--allow", &upstream.address];
    host.wharf(&[&args[..], &["--set", "behaviour=fetch", "--set", &url, "--set", "then_sleep_ms=60000"]].concat());
    let mut last = String::new();
    for interaction in Interaction::ALL {
        let answer = host.sdk("acme", interaction.name(), payload(interaction));
        let looks = matches!(interaction, Interaction::OrderPull | Interaction::CatalogGetConfig);
        let code = if looks { "HOST_DEADLINE" } else { "HOST_AMBIGUOUS" };
        assert_eq!((answer.status, answer.code().as_str()), (504, code), "{}", interaction.name());
        answer.header("wharf-call-id").unwrap().clone_into(&mut last);
    }
    let call = shown(&host, &last);
    assert_eq!(
        (&call["outcome"], &call["requests"], &call["code"]),
        (&json!("deadline"), &json!(1), &json!("HOST_AMBIGUOUS"))
    );

    for (event, _, body) in notes().into_iter().filter(|(_, waits, _)| *waits) {
        let envelope = host.notify("acme", &keys.notification, &body).ok(200);
        let (code, words) = match event.as_str() {
            "document.validation" => ("HOST_AMBIGUOUS", "may have been recorded all the same"),
            "payment.validation" => ("HOST_AMBIGUOUS", "make sure of it before paying again"),
            "contact.validation" => ("HOST_AMBIGUOUS", "may have been changed all the same"),
            _ => ("HOST_DEADLINE", "did not answer in time"),
        };
        let message = envelope["message"].as_str().unwrap();
        assert!(envelope["errorCode"] == code && message.contains(words), "{event}: {envelope}");
        assert!(envelope.get("data").is_none(), "{event}: {envelope}");
    }
}
