//! The platform's API as a part of a release: told, checked, compared, and tried out without anybody being called.

use serde_json::Value;

use super::*;
use crate::host::alone;
use crate::upstream::{FINE, Upstream};

#[test]
fn a_release_says_where_the_platform_is_or_is_told_what_is_wrong() {
    let host = Host::start();
    host.channel("acme");
    let folder = folder("127.0.0.1:9", "");
    let file = folder.path().join("chaos.wasm");
    let refused = |manifest: &str| {
        std::fs::write(folder.path().join("wharf.toml"), manifest).unwrap();
        host.refuses(&["deploy", "acme", file.to_str().unwrap(), "--skip-preflight"]).1
    };
    let with = |base: &str, value: &str| {
        format!("secrets = [\"TOKEN\"]\n[platform]\nbase-url = \"{base}\"\nvalue = \"{value}\"\n")
    };
    let (base, value) = ("https://erp.example.com/RESTWS/", "Bearer {{secret:TOKEN}}");
    for (manifest, told) in [
        (with("http://erp.example.com/RESTWS/", value), "plain http, which is off (outbound.allow-http)"),
        (with("https://user@erp.example.com/", value), "names a user"),
        (with("https://erp.example.com/?a=b", value), "has a query"),
        (with("https://erp.example.com/a/../b", value), "may lead elsewhere"),
        (with("", value), "does not begin with https://"),
        (with(base, "Bearer literal-token"), "it names no secret"),
        (with(base, "Bearer {{secret:UNNAMED}}"), "UNNAMED is not among the release's secrets"),
        (with(base, value) + "header = \"host\"\n", "the host itself writes"),
        (with(base, value) + "url = \"x\"\n", "platform.url: unknown key; known here: base-url, header, value"),
        (with(base, value) + "[grants]\nplatform = true\n", "grants.platform: unknown key"),
    ] {
        let said = refused(&manifest);
        assert!(said.contains(told) && !said.contains("literal-token"), "{told}: {said}");
    }
    std::fs::write(folder.path().join("wharf.toml"), with(base, value)).unwrap();
    let deployed = host.wharf(&["deploy", "acme", file.to_str().unwrap(), "--skip-preflight"]);
    let release = &host.wharf(&["releases", "acme"])[0];
    assert!(release.to_string().contains(base), "{release}");
    let need = deployed["report"]["needs"].as_array().unwrap().iter().find(|need| need["what"] == "the platform's API");
    assert_eq!(need.unwrap()["told"], format!("at {base}"));
    std::fs::write(folder.path().join("wharf.toml"), with("https://new.example.com/", value)).unwrap();
    let changed = host.wharf(&["deploy", "acme", file.to_str().unwrap(), "--skip-preflight"]);
    let change = json!({ "what": "platform", "name": "base-url", "from": base, "to": "https://new.example.com/" });
    assert!(changed["changes"]["changes"].as_array().unwrap().contains(&change), "{changed}");
}

#[test]
fn without_a_platform_a_component_is_told_and_so_is_its_author() {
    let host = Host::start();
    host.serving("acme", "chaos", &["behaviour=platform", "asks=GET\tx"]);
    assert!(notes(&host)[0].starts_with("the release does not say where the platform's API is"), "{:?}", notes(&host));
    let check = |name: &str| -> Value {
        // Where there is no manifest beside it.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plugin.wasm");
        std::fs::copy(plugin(name), &file).unwrap();
        let output = alone(&["check", file.to_str().unwrap(), "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    };
    let chaos = check("chaos");
    assert!(chaos["report"]["notes"].to_string().contains("no [platform]"), "{chaos}");
    assert!(chaos["report"]["imports"].to_string().contains("wharf:channel/platform@0.1.0"), "{chaos}");
    for name in ["echo", "reference"] {
        let imports = check(name)["report"]["imports"].to_string();
        assert!(!imports.contains("wharf:channel/platform"), "{name} does not use it: {imports}");
    }
}

#[test]
fn a_component_that_is_tried_out_gets_recorded_replies_of_the_platform() {
    let trap = Upstream::plain(FINE);
    let host = node("");
    let case = |reply: &str, expected: &str| {
        format!(
            "[config]\nbehaviour = \"platform\"\nshow = \"body\"\nasks = \"GET\\tapi/x\\ta=b c\"\n{reply}\
             [[preflight.case]]\nname = \"asks\"\ncall = \"inventory_push\"\nrequest = \"push.json\"\n\
             expect = {{ \"/events/0/message\" = \"{expected}\" }}\n"
        )
    };
    let deploy = |manifest: &str| {
        let folder = folder(&trap.address, manifest);
        std::fs::write(folder.path().join("push.json"), "{ \"inventory_updates\": [] }").unwrap();
        let file = folder.path().join("chaos.wasm");
        host.cli(&["deploy", "acme", file.to_str().unwrap(), "--json"])
    };
    let url = format!("http://{}/ProdClients/ACME/RESTWS/api/x?a=b%20c", trap.address);
    let reply = format!("[[preflight.reply]]\nmethod = \"GET\"\nurl = \"{url}\"\nbody = \"recorded\"\n");
    let output = deploy(&case(&reply, "status 200: recorded"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = deploy(&case("", "status 200: recorded"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("no recorded reply fits"), "{said}");
    assert_eq!(trap.seen(), Vec::<String>::new());
}
