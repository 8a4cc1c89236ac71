//! What runs against a component before it is published, and that nobody outside notices.

use std::net::TcpListener;
use std::time::Instant;

use serde_json::{Value, json};

use crate::host::{Host, SOON, plugin, wait_for};

const CASES: u64 = 33;

fn push() -> Value {
    json!({ "inventory_updates": [] })
}

/// The note that chaos answers with.
fn note(host: &Host) -> String {
    let answer = host.sdk("acme", "inventory_push", push()).ok(200);
    answer["events"][0]["message"].as_str().unwrap().to_owned()
}

/// The arguments that deploy chaos with a manifest, and what lies beside it.
struct Chaos {
    folder: tempfile::TempDir,
}

impl Chaos {
    fn new(manifest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(plugin("chaos"), folder.path().join("chaos.wasm")).unwrap();
        let chaos = Self { folder };
        chaos.write("wharf.toml", manifest);
        chaos
    }

    fn behaving(behaviour: &str) -> Self {
        Self::new(&format!("[config]\nbehaviour = \"{behaviour}\"\n"))
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn file(&self) -> String {
        self.folder.path().join("chaos.wasm").to_str().unwrap().to_owned()
    }

    fn deploy(&self, host: &Host) -> Value {
        host.wharf(&["deploy", "acme", &self.file()])
    }

    /// What the server says instead of deploying it.
    fn refused(&self, host: &Host) -> Value {
        let (code, said) = host.refuses(&["deploy", "acme", &self.file(), "--json"]);
        assert_eq!(code, Some(1), "{said}");
        let last = said.lines().last().unwrap();
        serde_json::from_str::<Value>(last).unwrap_or_else(|error| panic!("{error}: {said}"))["error"].take()
    }
}

fn node(config: &str) -> Host {
    let host = Host::with_config(config);
    host.channel("acme");
    host
}

#[test]
fn a_component_that_crashes_is_not_published_and_its_cases_are_shown() {
    let host = node("");
    host.deploy("acme", "echo", &[]);
    let error = Chaos::behaving("panic").refused(&host);
    assert_eq!(error["code"], "preflight-failed");
    assert_eq!(error["message"], format!("preflight failed: {CASES} of {CASES} cases; nothing was published"));
    let failed = error["details"]["failed"].as_array().unwrap();
    let pull = failed.iter().find(|case| case["case"] == "order_pull").unwrap();
    assert_eq!((&pull["call"], &pull["request"]["action"]), (&json!("order_pull"), &json!("order_pull")));
    assert_eq!((&pull["why"], &pull["answer"]), (&json!("the component crashed"), &Value::Null));
    assert!(pull["fault"].as_str().unwrap().contains("wasm trap"), "{pull}");
    assert!(pull["log"][0].as_str().unwrap().contains("chaos was asked to panic"), "{pull}");
    assert!(!error.to_string().contains("integration_auth_token"), "a key is shown");
    assert!(failed.iter().any(|case| case["call"] == "document.pricing"), "{error}");

    let (_, said) = host.refuses(&["deploy", "acme", &Chaos::behaving("trap").file()]);
    for part in
        ["error: preflight failed", "case catalog_get_config\n", "  why      the component crashed\n", "  request  {"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(host.wharf(&["releases", "acme"]).as_array().unwrap().len(), 1, "nothing was kept");
    host.sdk("acme", "inventory_push", push()).ok(200);
}

#[test]
fn an_illegal_answer_is_shown_with_its_place() {
    let host = node("");
    let error = Chaos::behaving("illegal-answer").refused(&host);
    let failed = error["details"]["failed"].as_array().unwrap();
    let pull = failed.iter().find(|case| case["case"] == "order_pull").unwrap();
    assert_eq!(pull["path"], "orders[0].currency_code");
    assert_eq!(pull["answer"]["orders"][0]["currency_code"], "XXX");
    assert!(pull["why"].as_str().unwrap().contains("breaks a rule"), "{pull}");
    assert!(error["details"]["passed"].as_u64().unwrap() > 0, "what has no rules passes: {error}");
}

#[test]
fn a_component_that_hangs_ends_at_its_deadline_and_hangs_once() {
    let host = node("[call]\nsdk-deadline = \"500ms\"\n");
    let began = Instant::now();
    let error = Chaos::behaving("spin").refused(&host);
    assert!(began.elapsed() < SOON);
    assert_eq!(error["details"]["failed"].as_array().unwrap().len(), 1);
    assert_eq!(error["details"]["not_run"], CASES - 1);
    let why = error["details"]["failed"][0]["why"].as_str().unwrap();
    assert!(why.contains("within 500ms") || why.contains("processor time"), "{why}");
}

#[test]
fn all_cases_together_have_a_limit() {
    let host = node("[preflight]\ntime = \"1s\"\n");
    let error = Chaos::new("[config]\nbehaviour = \"sleep\"\nsleep_ms = 300\n").refused(&host);
    assert!(error["message"].as_str().unwrap().starts_with("preflight failed: 1 of "), "{error}");
    assert!(error["details"]["failed"][0]["why"].as_str().unwrap().contains("(preflight.time)"), "{error}");
    assert!(error["details"]["passed"].as_u64().unwrap() >= 1, "{error}");
}

#[test]
fn pairs_are_read_as_they_are_and_written_to_a_copy() {
    let host = node("");
    let counting = Chaos::behaving("count");
    for expected in ["1", "2", "3"] {
        assert_eq!(counting.deploy(&host)["preflight"]["passed"], CASES);
        assert_eq!(note(&host), expected, "the cases counted as well");
    }
    counting.write("push.json", "{}");
    let case = "[config]\nbehaviour = \"count\"\n[[preflight.case]]\nname = \"all\"\ncall = \"inventory_push\"\nrequest = \"push.json\"\n";
    counting.write("wharf.toml", &format!("{case}expect = {{ \"/events/0/message\" = \"{}\" }}\n", 3 + CASES + 1));
    counting.deploy(&host);
}

#[test]
fn requests_get_recorded_replies_and_nobody_is_called() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    upstream.set_nonblocking(true).unwrap();
    let address = upstream.local_addr().unwrap();
    let host = node("[outbound]\nallow-http = true\nallow-private = [\"127.0.0.0/8\"]\n");
    let manifest = |reply: &str, expected: &str| {
        format!(
            "secrets = [\"TOKEN\"]\n[config]\nbehaviour = \"fetch\"\nurl = \"http://{address}/stock\"\n\
             header = \"authorization: {{{{secret:TOKEN}}}}\"\n[grants]\nhosts = [\"{address}\"]\n{reply}\
             [[preflight.case]]\nname = \"fetched\"\ncall = \"inventory_push\"\nrequest = \"push.json\"\n\
             expect = {{ \"/events/0/message\" = \"{expected}\" }}\n"
        )
    };
    let reply = format!("[[preflight.reply]]\nmethod = \"GET\"\nurl = \"http://{address}/*\"\nstatus = 418\n");
    let chaos = Chaos::new(&manifest(&reply, "status 418"));
    chaos.write("push.json", "{ \"inventory_updates\": [] }");
    assert_eq!(chaos.deploy(&host)["preflight"]["passed"], CASES + 1);

    chaos.write("wharf.toml", &manifest("", "status 418"));
    let error = chaos.refused(&host);
    let failed = error["details"]["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 1, "the conformance cases take any legal answer: {error}");
    assert_eq!((&failed[0]["case"], &failed[0]["path"]), (&json!("fetched"), &json!("/events/0/message")));
    assert!(failed[0]["why"].as_str().unwrap().contains("nobody answers there"), "{error}");
    let told = format!("refused GET http://{address}/stock: no recorded reply fits");
    assert!(failed[0]["log"].to_string().contains(&told), "{error}");

    let ungranted = manifest(&reply, "status 418").replace(&format!("hosts = [\"{address}\"]"), "hosts = []");
    chaos.write("wharf.toml", &ungranted);
    let why = chaos.refused(&host)["details"]["failed"][0]["why"].to_string();
    assert!(why.contains("denied"), "a reply is no grant: {why}");
    let connection = upstream.accept();
    assert!(connection.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "somebody called");
}

#[test]
fn an_authors_case_may_expect_a_refusal() {
    let host = node("");
    let manifest = |behaviour: &str, code: &str| {
        format!(
            "[config]\nbehaviour = \"{behaviour}\"\n[[preflight.case]]\nname = \"says no\"\ncall = \"document.pricing\"\n\
             request = \"price.json\"\noutcome = \"refused\"\nexpect = {{ \"/code\" = \"{code}\" }}\n"
        )
    };
    let chaos = Chaos::new(&manifest("refuse", "CHAOS"));
    chaos.write("price.json", "{ \"entityID\": 7, \"data\": {} }");
    let deployed = chaos.deploy(&host);
    assert_eq!((&deployed["preflight"]["passed"], &deployed["preflight"]["cases"]), (&json!(1), &json!(CASES + 1)));
    let declared = deployed["preflight"]["declared"].as_array().unwrap();
    assert_eq!((declared.len() as u64, &declared[0]["outcome"]), (CASES, &json!("refused")));

    chaos.write("wharf.toml", &manifest("refuse", "OTHER"));
    assert_eq!(chaos.refused(&host)["details"]["failed"][0]["path"], "/code");
    chaos.write("wharf.toml", &manifest("answer", "CHAOS"));
    let why = chaos.refused(&host)["details"]["failed"][0]["why"].clone();
    assert_eq!(why, "expected the outcome refused, found ok");
    chaos.write("wharf.toml", &manifest("answer", "CHAOS").replace("document.pricing", "document.prices"));
    let error = chaos.refused(&host);
    assert_eq!(error["code"], "invalid");
    assert!(error["message"].as_str().unwrap().contains("\"document.prices\" is not known"), "{error}");
    std::fs::remove_file(chaos.folder.path().join("price.json")).unwrap();
    let (code, said) = host.refuses(&["deploy", "acme", &chaos.file()]);
    assert!(code == Some(2) && said.contains("preflight.case[0].request: price.json cannot be read"), "{said}");
}

#[test]
fn what_was_skipped_is_kept_with_the_release_and_its_receipt() {
    let host = node("");
    assert_eq!(Chaos::behaving("answer").deploy(&host)["receipt"]["reason"], "");
    let trapping = Chaos::behaving("trap");
    let deployed = host.wharf(&["deploy", "acme", &trapping.file(), "--skip-preflight"]);
    assert_eq!((&deployed["active"], &deployed["preflight"]), (&json!(true), &Value::Null));
    assert!(deployed["receipt"]["reason"].as_str().unwrap().contains("preflight was skipped"), "{deployed}");
    let releases = host.wharf(&["releases", "acme"]);
    let marks: Vec<_> = releases.as_array().unwrap().iter().map(|release| release["preflight"].clone()).collect();
    assert!(marks.contains(&json!("passed")) && marks.contains(&json!("skipped")), "{marks:?}");
}

#[test]
fn a_full_pool_is_waited_for() {
    let host = node("[guest]\ninstances = 1\n[call]\nsdk-deadline = \"2s\"\n");
    host.serving("busy", "chaos", &["behaviour=sleep"]);
    std::thread::scope(|scope| {
        let hog = scope.spawn(|| host.sdk("busy", "inventory_push", push()).status);
        wait_for("the pool to be full", || {
            let channels = host.wharf(&["status"])["channels"].clone();
            let busy =
                channels.as_array().unwrap().iter().find(|channel| channel["channel"] == "busy").unwrap().clone();
            busy["in_flight_free"].as_u64() < busy["in_flight"].as_u64()
        });
        assert_eq!(host.deploy("acme", "echo", &[]), 1);
        assert_eq!(hog.join().unwrap(), 504);
    });
}
