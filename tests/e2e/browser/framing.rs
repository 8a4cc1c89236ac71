//! Who may frame the page, and who is told.

use serde_json::json;

use super::driver::Browser;
use super::stage::{PAID, Site, Stage, heard};
use crate::host::wait_for;
use crate::wire;

/// Whether the browser has refused to show anything of ours in the present frame.
fn is_refused(browser: &Browser) -> bool {
    browser.run("return location.href").as_str().unwrap().starts_with("chrome-error:") && !browser.has("main")
}

#[test]
fn a_foreign_page_may_not_frame_the_page_nor_a_frame_within_its_frame() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::shop();
    stage.foreign.frames(&stage.payment("en"), "");
    // The platform's own server under another name is foreign as well.
    stage.platform.frames(&stage.payment("en"), "");
    for (name, page) in [("another site", stage.foreign.origin()), ("another name", stage.platform.other_origin())] {
        browser.open(&page);
        browser.enter("#frame");
        assert!(is_refused(&browser), "{name}");
        assert_eq!(heard(&browser, 0), Vec::<serde_json::Value>::new(), "{name}");
        assert!(browser.console().contains("frame-ancestors"), "{name}");
    }
    browser.keep("framed-by-a-stranger");
    // The platform frames a stranger who frames the page, and a stranger frames the platform that does.
    let outer = Site::start();
    outer.frames(&stage.platform.origin(), "");
    stage.platform.frames(&stage.foreign.origin(), "");
    browser.open(&stage.platform.origin());
    browser.enter("#frame");
    browser.enter("#frame");
    assert!(is_refused(&browser), "through a stranger");
    stage.platform.frames(&stage.payment("en"), "");
    browser.open(&outer.origin());
    browser.enter("#frame");
    browser.enter("#frame");
    assert!(is_refused(&browser), "below a stranger");
    assert_eq!(heard(&browser, 0), Vec::<serde_json::Value>::new());
    // And nothing is wrong with the page itself.
    stage.show(&browser, &stage.payment("en"));
    assert!(browser.has("form"));
}

#[test]
fn the_message_reaches_no_window_but_the_platforms() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::shop();
    stage.show(&browser, &stage.payment("en"));
    browser.click("input[value=card]");
    browser.click("button[value=pay]");
    browser.element(".done");
    stage.hears(&browser, &[PAID]);
    // A copy of the page without its policy, as somebody in between might serve it: any page can frame that one.
    let copy = Site::start();
    let page = stage.fetch();
    assert!(page.body.contains("postMessage"), "{}", page.body);
    copy.shows(&page.body);
    stage.foreign.frames(&copy.origin(), "");
    stage.platform.frames(&copy.origin(), "");
    browser.console();
    for (page, told) in [(stage.foreign.origin(), 0), (stage.platform.other_origin(), 0), (stage.platform.origin(), 1)]
    {
        browser.open(&page);
        browser.enter("#frame");
        browser.element(".done");
        let message = json!({ "data": PAID, "origin": copy.origin(), "framed": true });
        assert_eq!(heard(&browser, told), vec![message; told], "{page}");
        // Of a window in another process the browser says nothing.
        if page == stage.foreign.origin() {
            wait_for("the browser's word that it kept the message", || {
                browser.console().contains("does not match the recipient window's origin")
            });
        }
    }
}

#[test]
fn what_a_document_says_is_shown_and_never_run() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::shop();
    let evil = "<script>window.owned=1</script><img src=x onerror=owned=1>";
    stage.save(&json!({ "reference": "<b onclick=owned=1>bold", "description": evil, "totalWithTaxes": 5 }));
    for address in [stage.payment("en"), stage.signature("fr")] {
        stage.show(&browser, &address);
        assert!(browser.text("main").contains(evil), "{}", browser.text("main"));
        assert_eq!(
            browser.run("return [typeof owned, document.querySelectorAll('img,b,script').length]"),
            json!(["undefined", 0])
        );
    }
    browser.leave();
    browser.keep("markup-in-a-document");
    assert_eq!(browser.console(), "");
}

#[test]
fn a_plugins_own_markup_runs_no_script_loads_nothing_and_posts_nowhere_else() {
    let Some(browser) = Browser::start() else { return };
    let stranger = Site::start();
    let there = stranger.origin();
    let html = format!(
        "<!doctype html><title>before</title><base href={there}/base/><script>document.title='owned'</script>\
         <script src={there}/script></script><script nonce=guessed>document.title='owned'</script>\
         <img src={there}/picture onerror=\"document.title='owned'\"><link rel=stylesheet href={there}/style>\
         <iframe src={there}/frame></iframe><main>shown</main>\
         <form action={there}/form><button>Send</button></form>"
    );
    let stage = Stage::with("chaos", &format!("html = {}\n", json!(html)));
    stage.show(&browser, &stage.payment("en"));
    assert_eq!(browser.text("main"), "shown");
    browser.click("button");
    assert_eq!(browser.run("return document.title"), "before");
    // The one script that may run is the host's.
    stage.hears(&browser, &[PAID]);
    let told = browser.console();
    for directive in ["script-src", "img-src", "style-src", "base-uri", "form-action"] {
        assert!(told.contains(directive), "{directive} stopped nothing: {told}");
    }
    assert_eq!(stranger.requests(), 0, "something was asked of another site");
    assert_eq!((wire::send("GET", &there, &[], "").status, stranger.requests()), (200, 1), "though it could be asked");
}
