//! A form that another site's page sends in the user's name.

use super::driver::Browser;
use super::stage::Stage;
use crate::payment_page::{FORM, booked, token};
use crate::wire;

#[test]
fn a_form_that_another_sites_page_sends_is_refused_and_books_nothing() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::shop();
    // Whoever knows the address can read a good token off the page.
    let token = token(&stage.fetch());
    let action = stage.payment("en").replace('&', "&amp;");
    for referrer in ["no-referrer", "unsafe-url"] {
        stage.foreign.shows(&format!(
            "<!doctype html><title>forged</title><meta name=\"referrer\" content=\"{referrer}\">\
             <form method=\"post\" action=\"{action}\"><input name=\"form-token\" value=\"{token}\">\
             <input name=\"revision\" value=\"1\"><input name=\"means\" value=\"card\">\
             <button name=\"decision\" value=\"pay\">Win a lamp</button></form>"
        ));
        for page in [stage.foreign.origin(), stage.foreign.other_origin()] {
            browser.open(&page);
            browser.click("button");
            assert_eq!(browser.text("h1"), "The form was sent from another site", "{page} {referrer}");
        }
    }
    assert_eq!(booked(&stage.host), 0);
    browser.keep("forged");
    assert!(stage.fetch().body.contains("<form"));
    // The link leads to the page itself, and the token was good all along.
    browser.click("a");
    assert!(browser.has("input[value=card]"));
    let form = format!("form-token={token}&revision=1&means=card&decision=pay");
    let sent = wire::send("POST", &stage.payment("en"), &[("content-type", FORM)], &form);
    assert!(sent.body.contains("The payment was made"), "{}", sent.body);
    assert_eq!(booked(&stage.host), 1);
}
