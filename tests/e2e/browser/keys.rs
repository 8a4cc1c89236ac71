//! The pages with a keyboard alone.

use super::driver::Browser;
use super::stage::{PAID, Stage};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const DOWN: &str = "\u{e015}";

/// What has the focus, which must be seen to have it.
fn focused(browser: &Browser) -> String {
    let script = "const at=document.activeElement;return [`${at.name}=${at.value}`,getComputedStyle(at).outlineStyle]";
    let found = browser.run(script);
    assert_eq!(found[1], "solid", "the focus is not to be seen: {found}");
    found[0].as_str().unwrap().to_owned()
}

#[test]
fn one_can_pay_and_sign_with_the_keyboard_alone() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::shop();
    stage.platform.frames(&stage.payment("en"), "");
    browser.open(&stage.platform.origin());
    browser.press(TAB);
    browser.enter("#frame");
    assert_eq!(focused(&browser), "means=card");
    browser.press(DOWN);
    assert_eq!(focused(&browser), "means=transfer");
    browser.press(TAB);
    assert_eq!(focused(&browser), "decision=pay");
    browser.press(ENTER);
    assert!(browser.text(".done").contains("The payment was made"));
    stage.hears(&browser, &[PAID]);

    stage.show(&browser, &stage.signature("fr"));
    browser.press(TAB);
    assert_eq!(focused(&browser), "signer=");
    browser.press("Jo");
    browser.press(TAB);
    assert_eq!(focused(&browser), "read=yes");
    browser.press(" ");
    browser.press(TAB);
    assert_eq!(focused(&browser), "decision=sign");
    browser.press(ENTER);
    assert!(browser.text(".done").contains("Le document a été signé"));
    stage.hears(&browser, &[PAID]);
}
