//! The payment page that the platform shows in a frame.

use std::path::PathBuf;

use crate::host::{Host, plugin};
use crate::wire::{self, Answer};

const QUERY: &str = "storeID=3&objectTypeID=3&entityID=77&entityTypeID=5&paymentMethodID=2&winLangID=1033";

/// A node whose channel `shop` runs the reference plugin, framed by this origin if there is one.
fn shop(origin: Option<&str>, config: &str) -> (Host, String) {
    let host = Host::with_config(config);
    let keys = host.channel("shop");
    let folder = host.data().join("upload");
    std::fs::create_dir(&folder).unwrap();
    let file: PathBuf = folder.join("reference.wasm");
    std::fs::copy(plugin("reference"), &file).unwrap();
    let origin = origin.map(|origin| format!("platform-origin = \"{origin}\"\n")).unwrap_or_default();
    std::fs::write(folder.join("wharf.toml"), format!("name = \"shop\"\n{origin}")).unwrap();
    host.wharf(&["deploy", "shop", file.to_str().unwrap()]);
    let url = format!("http://{}/channels/shop/payment/{}", host.edge, keys.payment);
    (host, url)
}

fn open(url: &str, localisation: &str) -> Answer {
    wire::send("GET", &format!("{url}?{QUERY}&localisation={localisation}"), &[], "")
}

fn submit(url: &str, token: &str, decision: &str) -> Answer {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    wire::send(
        "POST",
        &format!("{url}?{QUERY}&localisation=en"),
        &form,
        &format!("form-token={token}&decision={decision}"),
    )
}

/// The hidden field's value.
fn token(page: &Answer) -> String {
    let (_, rest) =
        page.body.split_once("name=\"form-token\" value=\"").unwrap_or_else(|| panic!("no form token: {page:?}"));
    rest.split('"').next().unwrap().to_owned()
}

fn policy(page: &Answer) -> &str {
    page.header("content-security-policy").unwrap_or_else(|| panic!("no policy: {page:?}"))
}

#[test]
fn the_page_speaks_the_users_language_under_a_strict_policy() {
    let (_host, url) = shop(Some("https://office.example"), "");
    let english = open(&url, "en");
    assert_eq!((english.status, english.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(english.body.contains("lang=\"en\"") && english.body.contains("<form"), "{}", english.body);
    assert!(open(&url, "fr").body.contains("lang=\"fr\""));
    let policy = policy(&english);
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'none'"), "{policy}");
    assert!(
        policy.contains("frame-ancestors https://office.example") && policy.contains("form-action 'self'"),
        "{policy}"
    );
    assert_eq!(english.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(english.header("cache-control"), Some("no-store"));
}

#[test]
fn without_a_platform_origin_nobody_may_frame_the_page() {
    let (_host, url) = shop(None, "");
    assert!(policy(&open(&url, "en")).contains("frame-ancestors 'none'"));
}

#[test]
fn a_wrong_token_opens_nothing_and_says_nothing() {
    let (host, url) = shop(None, "");
    let wrong = wire::send("GET", &format!("http://{}/channels/shop/payment/wrong?{QUERY}", host.edge), &[], "");
    let nobody = wire::send("GET", &format!("http://{}/channels/nobody/payment/wrong?{QUERY}", host.edge), &[], "");
    assert_eq!((wrong.status, nobody.status), (401, 401));
    assert_eq!(wrong.body, nobody.body);
    assert!(!wrong.body.contains("<form"));
    assert_eq!(wire::send("PUT", &url, &[], "").status, 405);
}

#[test]
fn a_form_counts_only_with_the_pages_own_token() {
    let (_host, url) = shop(None, "");
    let page = open(&url, "en");
    for forged in ["", "x", &"A".repeat(43)] {
        assert_eq!(submit(&url, forged, "pay").status, 403, "{forged:?}");
    }
    assert!(open(&url, "en").body.contains("<form"), "a forged form changed nothing");
    // The token belongs to the address of the page that was opened, the language among it.
    let paid = submit(&url, &token(&page), "pay");
    assert_eq!(paid.status, 200, "{paid:?}");
    assert!(paid.body.contains("The payment was made"), "{}", paid.body);
    assert!(!open(&url, "en").body.contains("<form"), "what is paid is not offered again");
}

#[test]
fn the_platforms_window_is_told_in_the_configured_words_and_nobody_else() {
    let (_host, url) =
        shop(Some("https://office.example"), "[notification.post-message]\nsuccess = \"</script>PAID\"\n");
    let page = open(&url, "en");
    assert!(!page.body.contains("<script"));
    let paid = submit(&url, &token(&page), "pay");
    let policy = policy(&paid).to_owned();
    let nonce = policy.split_once("'nonce-").map(|(_, rest)| rest.split('\'').next().unwrap().to_owned()).unwrap();
    let script = format!(
        "<script nonce=\"{nonce}\">parent.postMessage(\"\\u003c/script>PAID\",\"https://office.example\")</script>"
    );
    assert!(paid.body.contains(&script), "{}", paid.body);
    assert_eq!(paid.body.matches("<script").count(), 1);
}

#[test]
fn a_failing_plugin_leaves_a_static_page_without_script() {
    let host = Host::with_config("[notification.post-message]\nsuccess = \"PAID\"\nerror = \"FAILED\"\n");
    let keys = host.serving("bad", "chaos", &["behaviour=trap"]);
    let page = open(&format!("http://{}/channels/bad/payment/{}", host.edge, keys.payment), "en");
    assert_eq!(page.status, 502);
    assert!(page.body.contains("not available") && !page.body.contains("<script"), "{}", page.body);
    assert!(policy(&page).contains("script-src 'none'"));
}
