//! Pay, decline, sign: the right message arrives at the platform, once.

use super::driver::Browser;
use super::stage::{FAILED, PAID, Stage};

#[test]
fn what_is_paid_in_the_platforms_frame_is_told_to_the_platform_once() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::shop();
    stage.show(&browser, &stage.payment("en"));
    assert_eq!(browser.text("h1"), "Payment");
    assert!(browser.text("main").contains("129.80"), "{}", browser.text("main"));
    stage.hears(&browser, &[]);
    browser.keep("payment-desktop");
    browser.enter("#frame");
    browser.click("button[value=pay]");
    assert_eq!(browser.text("[role=alert]"), "Please choose how you want to pay.");
    browser.leave();
    browser.keep("payment-error");
    browser.enter("#frame");
    browser.click("input[value=card]");
    browser.click("button[value=pay]");
    assert!(browser.text(".done").contains("The payment was made"));
    assert!(browser.text("dl").contains("PAY-"));
    stage.hears(&browser, &[PAID]);
    browser.keep("payment-paid");
    // Opened again, it says so again, and takes nothing more.
    stage.show(&browser, &stage.payment("en"));
    assert!(browser.text(".done").contains("The payment was made") && !browser.has("form"));
    stage.hears(&browser, &[PAID]);
    assert_eq!(browser.console(), "", "a page that does what it may has nothing to complain of");
}

#[test]
fn a_platform_that_holds_the_frame_in_a_sandbox_is_told_as_well() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::shop();
    stage.platform.frames(&stage.payment("fr"), "sandbox=\"allow-scripts allow-forms allow-same-origin\"");
    browser.open(&stage.platform.origin());
    browser.enter("#frame");
    browser.click("input[value=wallet]");
    browser.click("button[value=pay]");
    assert!(browser.text(".done").contains("effectué"));
    stage.hears(&browser, &[PAID]);
}

#[test]
fn who_declines_is_told_as_an_error_and_may_pay_after_all() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::shop();
    stage.show(&browser, &stage.payment("en"));
    browser.click("button[value=decline]");
    assert!(browser.text(".sorry").contains("You declined the payment"));
    stage.hears(&browser, &[FAILED]);
    browser.keep("payment-declined");
    browser.enter("#frame");
    browser.click("a");
    browser.click("input[value=transfer]");
    browser.click("button[value=pay]");
    assert!(browser.text(".done").contains("The payment was made"));
    stage.hears(&browser, &[FAILED, PAID]);
}

#[test]
fn what_is_signed_is_told_to_the_platform_once() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::shop();
    stage.show(&browser, &stage.signature("en"));
    assert_eq!(browser.text("h1"), "Signature");
    browser.click("button[value=sign]");
    assert_eq!(browser.text("[role=alert]"), "Please enter your name.");
    browser.write("#signer", "Maren Østergård");
    browser.click("input[name=read]");
    browser.leave();
    browser.keep("signature-desktop");
    browser.enter("#frame");
    browser.click("button[value=sign]");
    assert!(browser.text(".done").contains("The document was signed"));
    assert!(browser.text("dl").contains("Maren Østergård") && browser.text("dl").contains("SIG-"));
    stage.hears(&browser, &[PAID]);
    stage.show(&browser, &stage.payment("en"));
    assert!(browser.has("form"), "to sign is not to pay");
}
