//! Requests that are nearly right, from their first line to their key, and notifications wherever they may stand.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bolero::check;
use bytes::Bytes;
use futures_util::FutureExt;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use wharf_fuzz::{Dice, spoil, spoil_json, within_limits};
use wharf_protocol::notification::EventKind;
use wharf_protocol::sdk::{Envelope, Interaction};

use super::auth::{self, tests::channel};
use super::route::{Door, route};
use super::signature::Claim;
use super::{body, source};
use crate::call;
use crate::config::Config;
use crate::store::{KeyKind, Mode, Timestamp};
use crate::table::Table;

const KEY: &str = "the-channels-key";

/// When the signed requests were sent.
const NOW: Timestamp = Timestamp(1_614_265_330_000);

const PATHS: [&str; 8] = [
    "/healthz",
    "/readyz",
    "/channels/acme/order_pull_v1",
    "//channels//acme//inventory_push_v1",
    "/channels/acme/notifications?notification=%7B%22eventType%22%3A%22workflow.x%22%7D",
    "/channels/acme/payment/the-channels-key?entityID=1",
    "http://acme.example.com/order_update_v1",
    "/notifications",
];

const HEADERS: [(&str, &str); 8] = [
    ("host", "acme.example.com:8080"),
    ("x-api-key", KEY),
    ("content-type", "application/json"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("content-type", "multipart/form-data; boundary=XX"),
    ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
    ("webhook-timestamp", "1614265330"),
    ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1a,x"),
];

/// A request's head, as far as it can be one.
fn head(dice: &mut Dice<'_>) -> Option<Parts> {
    let path = dice.of(&PATHS).as_bytes();
    let path = if dice.flip() { path.to_vec() } else { spoil(path, dice) };
    let method = dice.of(&["GET", "POST", "HEAD", "OPTIONS", "CONNECT", "PUT", "get", "X"]);
    let mut request =
        Request::builder().method(Method::from_bytes(method.as_bytes()).ok()?).uri(Uri::try_from(path).ok()?);
    for _ in 0..dice.below(6) {
        let (name, value) = dice.of(&HEADERS);
        let value = if dice.flip() { value.as_bytes().to_vec() } else { spoil(value.as_bytes(), dice) };
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            request = request.header(name, value);
        }
    }
    request.body(()).ok().map(|request| request.into_parts().0)
}

#[test]
fn heads_lead_to_their_door_and_nobody_without_the_key_comes_in() {
    let keys = [(KeyKind::Notification, KEY, None), (KeyKind::Payment, KEY, None), (KeyKind::Sdk, KEY, None)];
    let table = AssertUnwindSafe(Table::new(1, vec![channel(Mode::Production, &keys)]));
    check!().for_each(|script: &[u8]| {
        let dice = &mut Dice::new(script);
        let Some(head) = head(dice) else { return };
        let body = spoil(format!(r#"{{"integration_auth_token":"{KEY}","action":"x"}}"#).as_bytes(), dice);
        within_limits(|| {
            let Ok(place) = route(&table, &head) else { return };
            let known = place.channel;
            let presented: Vec<_> = head.headers.get_all("x-api-key").iter().collect();
            let admitted = auth::notification(known, &head.headers);
            assert_eq!(admitted.is_some(), known.is_some() && presented == [KEY], "{head:?}");
            let claim = Claim::of(&head.headers, Duration::from_mins(5), NOW);
            assert!(claim.is_none_or(|claim| claim.admit(known, &body, NOW).is_none()), "nobody has such a secret");
            match place.door {
                Door::Sdk(interaction) => {
                    let path = head.uri.path();
                    assert!(path.ends_with(interaction.path()) && head.method == Method::POST, "{head:?}");
                    let envelope = std::str::from_utf8(&body).ok().and_then(|body| Envelope::find(body).ok());
                    let token = envelope.as_ref().and_then(Envelope::token);
                    let admitted = auth::sdk(known, token.as_deref()).is_some();
                    assert_eq!(admitted, known.is_some() && token.as_deref() == Some(KEY));
                }
                Door::Payment(token) => {
                    assert_eq!(auth::payment(known, &token).is_some(), known.is_some() && token == KEY, "{head:?}");
                }
                Door::Health | Door::Ready | Door::Notifications => {}
            }
        });
    });
}

/// A body that may carry a notification, and its content type.
fn carried(json: &str, dice: &mut Dice<'_>) -> (&'static str, Vec<u8>) {
    let (kind, body) = match dice.byte() % 4 {
        0 => ("application/json", json.to_owned()),
        1 => {
            let form: String =
                form_urlencoded::Serializer::new(String::new()).append_pair("notification", json).finish();
            ("application/x-www-form-urlencoded", form)
        }
        2 => (
            "multipart/form-data; boundary=XX",
            format!("--XX\r\nContent-Disposition: form-data; name=\"notification\"\r\n\r\n{json}\r\n--XX--\r\n"),
        ),
        _ => ("", String::new()),
    };
    (kind, if dice.flip() { body.into_bytes() } else { spoil(body.as_bytes(), dice) })
}

#[test]
fn notifications_are_found_wherever_they_stand_or_refused() {
    let edge = Config::default().edge;
    let examples: Vec<_> = wharf_protocol::examples::notifications().map(|example| example.body).collect();
    check!().for_each(|script: &[u8]| {
        let dice = &mut Dice::new(script);
        let json = spoil_json(dice.of(&examples), dice);
        let (kind, body) = carried(&json, dice);
        let query = dice.of(&["", "?notification=", "?notification=%7B%7D", "?x=1&notification=%ff"]);
        let head =
            Request::builder().uri(format!("/notifications{query}")).header("content-type", kind).body(()).unwrap();
        let (head, ()) = head.into_parts();
        within_limits(|| {
            let found =
                source::json(&head, Bytes::from(body)).now_or_never().expect("a whole body is never waited for");
            let Ok(found) = found else { return };
            let Ok(text) = body::text(&found, &edge) else { return };
            let Ok(notification) = call::notification::parse(text) else { return };
            let _ = (EventKind::of(&notification.event_type), notification.entity(), notification.data_text());
        });
    });
}

#[test]
fn every_interaction_of_the_fuzzed_paths_is_one_that_exists() {
    let table = Table::new(1, vec![Arc::clone(&channel(Mode::Production, &[]))]);
    let doors = PATHS.iter().filter(|path| {
        let (head, ()) = Request::builder().method("POST").uri(**path).body(()).unwrap().into_parts();
        matches!(route(&table, &head).map(|place| place.door), Ok(Door::Sdk(one)) if Interaction::ALL.contains(&one))
    });
    assert_eq!(doors.count(), 3);
}
