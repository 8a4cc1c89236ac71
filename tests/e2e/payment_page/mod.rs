//! The page that the platform shows in a frame: what it may load, who may frame it, and which forms count.

mod failing;
mod forms;

use std::path::Path;

use serde_json::json;

use crate::host::{Host, Keys, plugin};
use crate::wire::{self, Answer};

const ORIGIN: &str = "https://shop.example";
const QUERY: &str = "storeID=4&objectTypeID=3&entityTypeID=2&entityID=71820&paymentMethodID=5&winLangID=1033";
/// What browsers send forms as.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

struct Page {
    host: Host,
    keys: Keys,
}

impl Page {
    /// A node whose channel shows the reference plugin's page.
    fn new(config: &str) -> Self {
        let host = Host::with_config(config);
        let keys = host.serving("acme", "reference", &[]);
        let page = Self { host, keys };
        page.save();
        page
    }

    /// The same, framed by [`ORIGIN`], as a manifest beside the component says.
    fn framed(config: &str) -> Self {
        let host = Host::with_config(config);
        let keys = host.channel("acme");
        deploy_framed(&host, "reference", ORIGIN, "");
        let page = Self { host, keys };
        page.save();
        page
    }

    /// Saves the documents that the tests pay, as the platform does.
    fn save(&self) {
        for document in [71820, 71821, 5] {
            let data = json!({ "totalWithTaxes": 64.9, "currencyCode": "EUR" });
            let body =
                json!({ "eventType": "document.validation", "entityTypeID": 2, "entityID": document, "data": data });
            assert_eq!(self.host.notify("acme", &self.keys.notification, &body).ok(200)["success"], true);
        }
    }

    fn url(&self, query: &str) -> String {
        format!("http://{}/channels/acme/payment/{}?{query}", self.host.edge, self.keys.payment)
    }

    fn open(&self, query: &str) -> Answer {
        let page = wire::send("GET", &self.url(query), &[], "");
        guarded(&page);
        page
    }

    fn submit(&self, query: &str, form: &str) -> Answer {
        let page = wire::send("POST", &self.url(query), &[("content-type", FORM)], form);
        guarded(&page);
        page
    }
}

/// Deploys a plugin whose pages may be framed by this origin.
pub(crate) fn deploy_framed(host: &Host, name: &str, origin: &str, config: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (component, manifest) = (folder.path().join("page.wasm"), folder.path().join("wharf.toml"));
    std::fs::copy(plugin(name), &component).unwrap();
    std::fs::write(&manifest, format!("name = \"page\"\nplatform-origin = \"{origin}\"\n[config]\n{config}")).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    host.wharf(&["deploy", "acme", &text(&component), "--manifest", &text(&manifest), "--skip-preflight"]);
}

/// Payments that the reference plugin has booked so far.
pub(crate) fn booked(host: &Host) -> usize {
    host.wharf(&["logs", "acme"]).to_string().matches("was booked").count()
}

/// What holds for every page, also for one that says no.
fn guarded(page: &Answer) {
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{page:?}");
    assert_eq!(
        (page.header("referrer-policy"), page.header("x-content-type-options")),
        (Some("no-referrer"), Some("nosniff"))
    );
    assert_eq!((page.header("cache-control"), page.header("set-cookie")), (Some("no-store"), None));
    for name in ["cross-origin-opener-policy", "cross-origin-resource-policy"] {
        assert_eq!(page.header(name), Some("same-origin"));
    }
    assert!(page.header("permissions-policy").is_some_and(|policy| policy.contains("payment=()")), "{page:?}");
    let policy = policy(page);
    for part in ["default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors "] {
        assert!(policy.contains(part), "{part} is not in {policy}");
    }
    let script = policy.split("script-src").nth(1).and_then(|rest| rest.split(';').next()).unwrap();
    assert!(!script.contains("unsafe") && !script.contains('*'), "{policy}");
    assert!(!policy.contains("frame-ancestors *"), "{policy}");
}

fn policy(page: &Answer) -> &str {
    page.header("content-security-policy").unwrap_or_else(|| panic!("no policy: {page:?}"))
}

/// The form's token.
pub(crate) fn token(page: &Answer) -> String {
    let field =
        page.body.split("name=\"form-token\" value=\"").nth(1).unwrap_or_else(|| panic!("no form in {}", page.body));
    field.split('"').next().unwrap().to_owned()
}

/// The form that pays.
fn paying(token: &str) -> String {
    format!("form-token={token}&revision=1&means=card&decision=pay")
}

fn is_quiet(page: &Answer) {
    assert!(policy(page).contains("script-src 'none'"), "{page:?}");
    assert!(!page.body.to_lowercase().contains("<script") && !page.body.contains("postMessage"), "{page:?}");
}

#[test]
fn a_page_speaks_the_users_language_and_nobody_may_frame_it_unless_told() {
    let page = Page::new("");
    for (language, lang, word) in [
        ("en", "en", "Payment"),
        ("fr", "fr", "Paiement"),
        ("fr-CA", "fr", "Paiement"),
        ("gb", "en", "Payment"),
        ("", "en", "Payment"),
        ("%00", "en", "Payment"),
    ] {
        let shown = page.open(&format!("{QUERY}&localisation={language}"));
        assert_eq!(shown.status, 200);
        assert!(
            shown.body.contains(&format!("<html lang=\"{lang}\">")) && shown.body.contains(word),
            "{language}: {}",
            shown.body
        );
        assert!(shown.header("wharf-call-id").is_some() && shown.body.contains("<form method=\"post\">"), "{shown:?}");
        assert!(policy(&shown).ends_with("frame-ancestors 'none'"), "{shown:?}");
        is_quiet(&shown);
    }
    let page = Page::framed("");
    let shown = page.open(QUERY);
    assert!(policy(&shown).ends_with(&format!("frame-ancestors {ORIGIN}")), "{shown:?}");
    is_quiet(&shown);
    page.host.deploy("acme", "reference", &[]);
    assert!(policy(&page.open(QUERY)).ends_with("frame-ancestors 'none'"), "the origin belongs to the release");
}

#[test]
fn an_origin_that_is_none_is_refused_at_the_deploy() {
    let host = Host::start();
    host.channel("acme");
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("wharf.toml");
    for origin in [
        "*",
        "https://a.example; script-src *",
        "https://a.example/path",
        "javascript:alert(1)",
        "https://a.example https://b.example",
        "a.example",
    ] {
        std::fs::write(&manifest, format!("platform-origin = {}\n", serde_json::Value::from(origin))).unwrap();
        let component = plugin("reference");
        let output = host.cli(&[
            "deploy",
            "acme",
            component.to_str().unwrap(),
            "--manifest",
            manifest.to_str().unwrap(),
            "--json",
        ]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("origin"), "{origin}: {said}");
    }
}

#[test]
fn a_wrong_token_opens_a_page_that_says_so() {
    let page = Page::new("");
    for path in ["payment/wrong", "payment/wrong?localisation=fr", "payment/%3Cscript%3E"] {
        for method in ["GET", "POST"] {
            let shown = wire::send(method, &format!("http://{}/channels/acme/{path}", page.host.edge), &[], "");
            assert_eq!(shown.status, 401);
            guarded(&shown);
            is_quiet(&shown);
            assert!(policy(&shown).ends_with("frame-ancestors 'none'"));
        }
    }
}

#[test]
fn the_platforms_window_is_told_by_one_script_to_its_origin_only() {
    let words = "[notification]\npost-message = { success = \"</script>PAID\\\"\" }\n";
    let page = Page::framed(words);
    is_quiet(&page.open(QUERY));
    let form = paying(&token(&page.open(QUERY)));
    let mut nonces = Vec::new();
    for paid in [page.submit(QUERY, &form), page.open(QUERY)] {
        assert_eq!(paid.status, 200);
        let nonce =
            paid.body.split("<script nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        assert!(policy(&paid).contains(&format!("script-src 'nonce-{nonce}';")), "{paid:?}");
        let script =
            format!("<script nonce=\"{nonce}\">parent.postMessage(\"\\u003c/script>PAID\\\"\",\"{ORIGIN}\")</script>");
        assert!(paid.body.ends_with(&script), "{}", paid.body);
        assert_eq!(paid.body.matches("<script").count(), 1, "{}", paid.body);
        nonces.push(nonce);
    }
    assert_ne!(nonces[0], nonces[1], "a nonce is used once");
    // There is no word for a decline, and then nothing is said.
    let declined = QUERY.replace("71820", "5");
    let form = format!("form-token={}&decision=decline", token(&page.open(&declined)));
    is_quiet(&page.submit(&declined, &form));
    // Nor is there anybody to tell without an origin.
    page.host.deploy("acme", "reference", &[]);
    is_quiet(&page.open(QUERY));
}

#[test]
fn what_stands_in_the_address_is_never_markup() {
    let page = Page::framed("[notification]\npost-message = { error = \"ERROR\" }\n");
    let evil = "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for name in [
        "storeID",
        "objectTypeID",
        "entityTypeID",
        "entityID",
        "paymentMethodID",
        "localisation",
        "winLangID",
        "processID",
        "form-token",
        "unknown",
    ] {
        let shown = page.open(&format!("{QUERY}&{name}={evil}"));
        assert!([200, 502].contains(&shown.status), "{name}");
        assert!(!shown.body.contains("alert(1)"), "{name}: {}", shown.body);
        assert_eq!(
            shown.body.matches("<script").count(),
            usize::from(policy(&shown).contains("'nonce-")),
            "{name}: {}",
            shown.body
        );
    }
    let form = format!("form-token={}&decision={evil}&{evil}={evil}", token(&page.open(QUERY)));
    assert!(!page.submit(QUERY, &form).body.contains("alert(1)"));
}
