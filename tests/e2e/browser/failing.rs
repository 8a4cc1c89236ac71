//! What a user sees when the plugin fails, and what the platform's window is told.

use super::driver::Browser;
use super::stage::{CLOSE, Stage};

#[test]
fn a_failing_plugin_leaves_a_page_of_the_hosts_that_may_be_closed() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::with("chaos", "behaviour = \"trap\"\n");
    assert_eq!(stage.fetch().status, 502);
    for (language, title) in [("en", "The page is not available"), ("fr", "La page n’est pas disponible")] {
        stage.show(&browser, &stage.payment(language));
        assert_eq!(browser.text("h1"), title);
        assert_eq!(browser.run("return document.documentElement.lang"), language);
        stage.hears(&browser, &[CLOSE]);
    }
    browser.keep("failure");
    // Once the plugin is well again, the page's link opens it.
    stage.deploy("chaos", "behaviour = \"answer\"\n");
    browser.enter("#frame");
    browser.click("a");
    browser.element("form");
}

#[test]
fn a_form_whose_end_is_not_known_stays_until_it_was_read() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::with("chaos", "behaviour = \"answer\"\n");
    stage.show(&browser, &stage.payment("en"));
    browser.element("form");
    stage.deploy("chaos", "behaviour = \"trap\"\n");
    browser.click("button");
    assert_eq!(browser.text("h1"), "The outcome is not known");
    stage.hears(&browser, &[]);
    browser.keep("failure-unknown");
    browser.enter("#frame");
    browser.click("button");
    stage.hears(&browser, &[CLOSE]);
}
