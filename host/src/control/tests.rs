//! The API and the publisher, without a listener and without a component.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ADMIN_TOKEN, Control, api};
use crate::config::Config;
use crate::guest::{Plugins, Runtime};
use crate::store::{Digest, KeyKind, Mode, NewChannel, Retention, Store, Timestamp};
use crate::table::Tables;

/// A control plane in a directory of its own.
struct Plane {
    control: Arc<Control>,
    tables: Arc<Tables>,
    admin: String,
    _dir: TempDir,
}

/// What was answered.
struct Told {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Value,
}

impl Told {
    fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or("none")
    }

    fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap().to_owned()
    }
}

fn small() -> Config {
    let mut config = Config::default();
    config.guest.instances = 2;
    config.admin.upload = crate::config::Size::kib(4);
    config
}

fn open(dir: &Path) -> (Arc<Control>, Arc<Tables>) {
    let config = Arc::new(small());
    let store = Store::open(dir, Retention::from(&*config)).unwrap();
    let runtime = Arc::new(Runtime::new(Arc::clone(&config), store.clone()).unwrap());
    let plugins = Arc::new(Plugins::open(Arc::clone(&runtime), dir.join("cache"), None).unwrap());
    let tables = Arc::new(Tables::default());
    let control = Control::new(store, runtime, plugins, Arc::clone(&tables), config);
    control.open_admin_token(dir).unwrap();
    (control, tables)
}

impl Plane {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (control, tables) = open(dir.path());
        let admin = std::fs::read_to_string(dir.path().join(ADMIN_TOKEN)).unwrap().trim().to_owned();
        Self { control, tables, admin, _dir: dir }
    }

    async fn send(&self, token: &str, method: &str, path: &str, content_type: &str, body: impl Into<Bytes>) -> Told {
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, content_type);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(body.into())).unwrap();
        told(api::answer(Arc::clone(&self.control), request).await).await
    }

    async fn ask_as(&self, token: &str, method: &str, path: &str, body: Value) -> Told {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(token, method, path, "application/json", body).await
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Told {
        self.ask_as(&self.admin, method, path, body).await
    }

    async fn channel(&self, name: &str) -> Told {
        self.ask("POST", "/v1/channels", json!({"channel": name})).await
    }

    async fn token(&self, role: &str, channels: Value) -> String {
        let told = self.ask("POST", "/v1/tokens", json!({"name": "t", "role": role, "channels": channels})).await;
        assert_eq!(told.status, StatusCode::CREATED, "{}", told.body);
        told.text("token")
    }
}

async fn told(response: Response<Full<Bytes>>) -> Told {
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into());
    Told { status: head.status, headers: head.headers, body }
}

#[tokio::test]
async fn without_a_known_token_nothing_is_told() {
    let plane = Plane::new();
    for (token, code) in [("", "no-token"), ("wrong", "unknown-token")] {
        for path in ["/v1/channels", "/v1/status", "/metrics", "/nowhere"] {
            let told = plane.ask_as(token, "GET", path, Value::Null).await;
            assert_eq!((told.status, told.code()), (StatusCode::UNAUTHORIZED, code), "{path}");
            assert_eq!(told.headers[header::WWW_AUTHENTICATE], "Bearer");
        }
    }
    assert_eq!(plane.ask_as("", "GET", "/healthz", Value::Null).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_new_channel_shows_its_keys_once_and_is_routed_at_once() {
    let plane = Plane::new();
    let wish = json!({"channel": "acme", "mode": "production", "hosts": ["acme.example.com"]});
    let told = plane.ask("POST", "/v1/channels", wish).await;
    assert_eq!(told.status, StatusCode::CREATED, "{}", told.body);
    assert_eq!((told.text("channel"), told.text("mode")), ("acme".to_owned(), "production".to_owned()));

    let table = plane.tables.load();
    let channel = table.channel("acme").unwrap();
    assert!(table.channel_of_host("acme.example.com").is_some());
    for (kind, name) in
        [(KeyKind::Sdk, "sdk_key"), (KeyKind::Notification, "notification_key"), (KeyKind::Payment, "payment_token")]
    {
        let key = told.text(name);
        assert_eq!(channel.keys.valid(kind, Timestamp::now())[0], Digest::of(key.as_bytes()));
        assert!(!plane.ask("GET", "/v1/channels/acme", Value::Null).await.body.to_string().contains(&key));
    }
    let payment = told.text("payment_token");
    assert!(payment.len() >= 22 && !payment.contains(['/', '+', '=']), "{payment}");
}

#[tokio::test]
async fn mistakes_have_a_status_a_code_and_a_sentence() {
    let plane = Plane::new();
    plane.channel("acme").await;
    let cases = [
        ("POST", "/v1/channels", json!({"channel": "acme"}), 409, "channel-exists"),
        ("POST", "/v1/channels", json!({"channel": "Acme"}), 400, "invalid"),
        ("POST", "/v1/channels", json!({"channel": "b", "hosts": ["a.b:1"]}), 400, "invalid"),
        ("POST", "/v1/channels", json!({"channel": "b", "mod": 1}), 400, "malformed"),
        ("GET", "/v1/channels/none", Value::Null, 404, "no-such-channel"),
        ("PUT", "/v1/channels/acme", json!({}), 405, "method-not-allowed"),
        ("GET", "/v1/other", Value::Null, 404, "no-such-path"),
        ("GET", "/v1/channels/acme/calls?outcom=ok", Value::Null, 400, "malformed"),
        ("GET", "/v1/channels/acme/logs?after=x", Value::Null, 400, "malformed"),
        ("GET", "/v1/channels/acme/notifications?state=lost", Value::Null, 400, "malformed"),
        ("GET", "/v1/channels/acme/releases/7", Value::Null, 404, "no-such-release"),
        ("POST", "/v1/channels/acme/activate", json!({"release": 7}), 404, "no-such-release"),
        ("POST", "/v1/channels/acme/activate", json!({"promote": true, "reason": "x".repeat(1001)}), 400, "invalid"),
        (
            "POST",
            "/v1/channels/acme/activate",
            json!({"release": 7, "expected_active": 1, "revision": 1}),
            400,
            "malformed",
        ),
        ("POST", "/v1/channels/acme/rollback", Value::Null, 409, "no-previous-release"),
        ("POST", "/v1/channels/acme/keys/master/rotate", Value::Null, 404, "no-such-key"),
        ("PUT", "/v1/channels/acme/secrets/lower", json!({"value": "x"}), 400, "invalid"),
        ("PUT", "/v1/channels/acme/secrets/KEY", json!({"value": ""}), 400, "malformed"),
        ("DELETE", "/v1/channels/acme/secrets/KEY", Value::Null, 404, "no-such-secret"),
        ("GET", "/v1/calls/none", Value::Null, 404, "no-such-call"),
        ("POST", "/v1/notifications/none/replay", Value::Null, 404, "no-such-notification"),
        ("DELETE", "/v1/tokens/none", Value::Null, 404, "no-such-token"),
        ("POST", "/v1/tokens", json!({"name": "x", "role": "root"}), 400, "malformed"),
    ];
    for (method, path, body, status, code) in cases {
        let told = plane.ask(method, path, body).await;
        assert_eq!((told.status.as_u16(), told.code()), (status, code), "{method} {path}: {}", told.body);
        assert!(told.body["error"]["message"].as_str().is_some_and(|message| message.len() > 10), "{method} {path}");
        assert_eq!(told.headers.contains_key(header::ALLOW), status == 405);
    }
}

#[tokio::test]
async fn a_change_with_a_mistake_changes_nothing() {
    let plane = Plane::new();
    plane.channel("acme").await;
    let shown = async || plane.ask("GET", "/v1/channels/acme", Value::Null).await.body;
    let before = shown().await;
    let wish = json!({"mode": "production", "hosts": ["a.b"], "watch": {"fault_rate": 2}});
    let told = plane.ask("PATCH", "/v1/channels/acme", wish).await;
    assert_eq!((told.status, told.code()), (StatusCode::BAD_REQUEST, "malformed"), "{}", told.body);
    assert_eq!(shown().await, before);
}

#[tokio::test]
async fn a_bad_upload_is_refused_and_makes_no_release() {
    let plane = Plane::new();
    plane.channel("acme").await;
    let path = "/v1/channels/acme/releases";
    let form = |parts: &str| format!("{parts}--b--\r\n");
    let part =
        |name: &str, text: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
    let multipart = "multipart/form-data; boundary=b";
    let cases = [
        ("application/wasm", "no component".to_owned(), 422, "component-refused"),
        ("application/wasm", "x".repeat(4097), 413, "too-large"),
        (multipart, form(&part("component", &"x".repeat(4097))), 413, "too-large"),
        (multipart, form(&part("spec", "{}")), 400, "malformed"),
        (multipart, form(&(part("component", "x") + &part("spec", r#"{"grant":{}}"#))), 400, "malformed"),
        (
            multipart,
            form(&(part("component", "x") + &part("spec", r#"{"grants":{"hosts":["a//../b"]}}"#))),
            400,
            "invalid",
        ),
        (multipart, form(&part("other", "x")), 400, "malformed"),
        ("text/plain", "x".to_owned(), 415, "content-type"),
    ];
    for (content_type, body, status, code) in cases {
        let told = plane.send(&plane.admin, "POST", path, content_type, body).await;
        assert_eq!((told.status.as_u16(), told.code()), (status, code), "{}", told.body);
    }
    assert_eq!(plane.ask("GET", path, Value::Null).await.body, json!([]));
}

#[tokio::test]
async fn roles_reach_as_far_as_they_should() {
    let plane = Plane::new();
    plane.channel("acme").await;
    let (read, deploy) = (plane.token("read", Value::Null).await, plane.token("deploy", Value::Null).await);
    // What needs which role; a 4xx of another kind says that the role was enough.
    let cases = [
        ("GET", "/v1/channels", "read"),
        ("GET", "/v1/channels/acme/secrets", "read"),
        ("GET", "/v1/status", "read"),
        ("GET", "/metrics", "read"),
        ("POST", "/v1/channels/acme/releases", "deploy"),
        ("POST", "/v1/channels/acme/activate", "deploy"),
        ("POST", "/v1/channels/acme/rollback", "deploy"),
        ("PUT", "/v1/channels/acme/secrets/KEY", "deploy"),
        ("POST", "/v1/notifications/none/replay", "deploy"),
        ("POST", "/v1/channels", "admin"),
        ("PATCH", "/v1/channels/acme", "admin"),
        ("DELETE", "/v1/channels/acme", "admin"),
        ("POST", "/v1/channels/acme/keys/sdk/rotate", "admin"),
        ("GET", "/v1/tokens", "admin"),
        ("POST", "/v1/tokens", "admin"),
    ];
    for (method, path, need) in cases {
        let allowed = |told: &Told| told.status != StatusCode::FORBIDDEN;
        assert_eq!(
            allowed(&plane.ask_as(&read, method, path, Value::Null).await),
            need == "read",
            "read: {method} {path}"
        );
        assert_eq!(
            allowed(&plane.ask_as(&deploy, method, path, Value::Null).await),
            need != "admin",
            "deploy: {method} {path}"
        );
    }
    assert!(plane.tables.load().channel("acme").is_some());
}

#[tokio::test]
async fn a_limited_token_sees_its_channels_alone() {
    let plane = Plane::new();
    plane.channel("mine").await;
    plane.channel("other").await;
    let token = plane.token("admin", json!(["mine"])).await;
    let ask = async |method: &str, path: &str| plane.ask_as(&token, method, path, Value::Null).await;

    let listed = ask("GET", "/v1/channels").await.body;
    assert_eq!(listed.as_array().unwrap().iter().map(|c| c["channel"].clone()).collect::<Vec<_>>(), [json!("mine")]);
    let status = ask("GET", "/v1/status").await.body;
    assert_eq!(status["channels"].as_array().unwrap().len(), 1);
    assert!(status["queue"].is_null() && status["pid"].is_null());

    // A channel that it may not see looks like one that does not exist.
    let (hidden, absent) = (ask("GET", "/v1/channels/other").await, ask("GET", "/v1/channels/absent").await);
    assert_eq!((hidden.status, hidden.code()), (absent.status, absent.code()));
    for (method, path) in
        [("DELETE", "/v1/channels/other"), ("GET", "/v1/channels/other/logs"), ("POST", "/v1/channels/other/rollback")]
    {
        assert_eq!(ask(method, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for (method, path) in [("POST", "/v1/channels"), ("POST", "/v1/tokens"), ("GET", "/v1/tokens"), ("GET", "/metrics")]
    {
        assert_eq!(ask(method, path).await.code(), "limited-token", "{path}");
    }
    let hosts = plane.ask_as(&token, "PATCH", "/v1/channels/mine", json!({"hosts": ["a.b"]})).await;
    assert_eq!(hosts.code(), "limited-token");
    let mode = plane.ask_as(&token, "PATCH", "/v1/channels/mine", json!({"mode": "production"})).await;
    assert_eq!((mode.status, mode.text("mode")), (StatusCode::OK, "production".to_owned()));
    assert!(plane.tables.load().channel("other").is_some());
}

#[tokio::test]
async fn a_revoked_token_is_unknown() {
    let plane = Plane::new();
    let token = plane.token("read", Value::Null).await;
    assert_eq!(plane.ask_as(&token, "GET", "/v1/status", Value::Null).await.status, StatusCode::OK);
    let id = plane.ask("GET", "/v1/tokens", Value::Null).await.body[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(plane.ask("DELETE", &format!("/v1/tokens/{id}"), Value::Null).await.status, StatusCode::OK);
    assert_eq!(plane.ask_as(&token, "GET", "/v1/status", Value::Null).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_rotated_key_leaves_the_old_one_its_grace() {
    let plane = Plane::new();
    let first = Digest::of(plane.channel("acme").await.text("sdk_key").as_bytes());
    let valid = || plane.tables.load().channel("acme").unwrap().keys.valid(KeyKind::Sdk, Timestamp::now());
    let rotate = async |query: &str| {
        let told = plane.ask("POST", &format!("/v1/channels/acme/keys/sdk/rotate{query}"), Value::Null).await;
        assert_eq!(told.status, StatusCode::OK, "{}", told.body);
        Digest::of(told.text("sdk_key").as_bytes())
    };
    let second = rotate("").await;
    assert!(valid().contains(&first) && valid().contains(&second));
    let third = rotate("?grace=0").await;
    assert!(valid().contains(&third) && !valid().contains(&first) && !valid().contains(&second));
}

#[tokio::test]
async fn a_secret_is_never_given_back() {
    let plane = Plane::new();
    plane.channel("acme").await;
    let set = plane.ask("PUT", "/v1/channels/acme/secrets/API_KEY", json!({"value": "hunter2"})).await;
    assert_eq!((set.status, set.body["version"].clone()), (StatusCode::OK, json!(1)));
    let listed = plane.ask("GET", "/v1/channels/acme/secrets", Value::Null).await.body;
    assert_eq!(listed[0]["name"], "API_KEY");
    assert!(!listed.to_string().contains("hunter2") && !set.body.to_string().contains("hunter2"));
    assert_eq!(plane.ask("GET", "/v1/channels/acme/secrets/API_KEY", Value::Null).await.code(), "method-not-allowed");
}

#[tokio::test]
async fn publishing_keeps_lanes_and_does_nothing_when_nothing_changed() {
    let plane = Plane::new();
    plane.channel("acme").await;
    let before = plane.tables.load();
    plane.control.publish().await.unwrap();
    assert!(Arc::ptr_eq(&before, &plane.tables.load()), "a table was replaced without a change");
    plane.channel("other").await;
    let after = plane.tables.load();
    assert_eq!(after.len(), 2);
    assert!(Arc::ptr_eq(&before.channel("acme").unwrap().lane, &after.channel("acme").unwrap().lane));
    plane.ask("DELETE", "/v1/channels/other", Value::Null).await;
    assert_eq!(plane.tables.load().len(), 1);
}

#[tokio::test]
async fn the_follower_publishes_what_others_changed() {
    let plane = Plane::new();
    let stop = tokio_util::sync::CancellationToken::new();
    let follower = tokio::spawn(Arc::clone(&plane.control).follow(stop.clone()));
    let new = crate::store::NewChannel {
        name: "acme".to_owned(),
        mode: crate::store::Mode::Testing,
        hosts: vec![],
        keys: vec![],
    };
    plane.control.store.create_channel(new).await.unwrap();
    let shown = async {
        while plane.tables.load().channel("acme").is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), shown).await.expect("it was never published");
    stop.cancel();
    follower.await.unwrap();
}

#[tokio::test]
async fn metrics_are_text_that_ends_as_it_should() {
    let plane = Plane::new();
    plane.channel("acme").await;
    let counter = prometheus_client::metrics::counter::Counter::<u64>::default();
    plane.control.register_metrics(|registry| registry.register("edge_things", "Things", counter.clone()));
    let text = plane.ask("GET", "/metrics", Value::Null).await.body.as_str().unwrap().to_owned();
    for line in [
        "wharf_channels 1",
        "wharf_channel_in_flight_free{channel=\"acme\"} 1",
        "edge_things_total 0",
        "wharf_queue_notifications{state=\"dead\"} 0",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(text.matches("# EOF").count(), 1);
}

#[tokio::test]
async fn a_channel_made_again_between_two_tables_shares_its_name_alone_with_the_one_before() {
    let plane = Plane::new();
    plane.channel("acme").await;
    let before = Arc::clone(plane.tables.load().channel("acme").unwrap());
    // Past the table, as when another change is being published meanwhile.
    plane.control.store.delete_channel("acme").await.unwrap();
    while Timestamp::now() <= before.created {
        tokio::task::yield_now().await;
    }
    let new = NewChannel { name: "acme".into(), mode: Mode::Testing, hosts: Vec::new(), keys: Vec::new() };
    plane.control.store.create_channel(new).await.unwrap();
    plane.control.publish().await.unwrap();
    let after = Arc::clone(plane.tables.load().channel("acme").unwrap());
    assert!(after.created > before.created && !Arc::ptr_eq(&after.lane, &before.lane));
}
