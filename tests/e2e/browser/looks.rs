//! How the pages look on a phone, by day and by night, in both languages.

use serde_json::json;

use super::driver::Browser;
use super::stage::Stage;

/// What is wrong with the page as it is shown: its width, what is too small for a finger, what cannot be read, and fields of which
/// nobody says what they are for.
const FLAWS: &str = r"
const flaws = [], numbers = color => color.match(/[\d.]+/g).map(Number);
if (document.documentElement.scrollWidth > innerWidth) flaws.push(`it is ${document.documentElement.scrollWidth} wide`);
for (const part of document.querySelectorAll('a,button,.pick,.text')) {
  const { height, width } = part.getBoundingClientRect();
  if (height < 44 || width < 44) flaws.push(`${part.textContent} is ${width} x ${height}`);
}
for (const field of document.querySelectorAll('input:not([type=hidden])'))
  if (!field.labels.length) flaws.push(`${field.name} has no label`);
const light = color => numbers(color).slice(0, 3).map(part => part / 255)
  .map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
  .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
const behind = part => {
  for (; part; part = part.parentElement) {
    const color = getComputedStyle(part).backgroundColor;
    if (numbers(color)[3] !== 0) return color;
  }
  return 'rgb(255, 255, 255)';
};
for (const part of document.body.querySelectorAll('*')) {
  const says = [...part.childNodes].some(node => node.nodeType === 3 && node.data.trim());
  if (!says || part.localName === 'script') continue;
  const [one, other] = [light(getComputedStyle(part).color), light(behind(part))].sort((a, b) => b - a);
  const contrast = (one + 0.05) / (other + 0.05);
  if (contrast < 4.5) flaws.push(`${part.textContent} has a contrast of ${contrast}`);
}
return flaws;";

/// Holds the page that is shown to it, by day and by night, and keeps a picture of both.
fn is_fit(browser: &Browser, name: &str, language: &str) {
    for (dark, light) in [(true, "night"), (false, "day")] {
        browser.darken(dark);
        assert_eq!(browser.run(FLAWS), json!([]), "{name} by {light}");
        browser.keep(&format!("phone-{name}-{light}"));
    }
    assert_eq!(browser.run("return document.documentElement.lang"), language, "{name}");
}

#[test]
fn the_plugins_pages_fit_a_phone_in_both_languages() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::shop();
    stage.save(&json!({
        "reference": "SO-71820-2026-11-26-0000000000000000000000000001", "currencyCode": "EUR", "totalWithTaxes": 9_999_129.8,
        "items": [{ "description": "Donaudampfschifffahrtsgesellschaftskapitänsmützenständer aus Messing" }],
    }));
    stage.deploy("reference", "merchant = \"Lamps & More\"\ndecline_above = 20000000\n");
    browser.resize(320, 640);
    for (language, title) in [("en", "Signature"), ("fr", "Signature électronique")] {
        browser.open(&stage.payment(language));
        is_fit(&browser, &format!("payment-{language}"), language);
        browser.click("button[value=pay]");
        browser.element("[role=alert]");
        is_fit(&browser, &format!("payment-error-{language}"), language);
        browser.open(&stage.signature(language));
        assert_eq!(browser.text("h1"), title);
        is_fit(&browser, &format!("signature-{language}"), language);
        browser.click("button[value=refuse]");
        browser.element(".sorry");
        is_fit(&browser, &format!("refused-{language}"), language);
    }
    browser.open(&stage.payment("fr"));
    browser.click("input[value=card]");
    browser.click("button[value=pay]");
    browser.element(".done");
    is_fit(&browser, "paid-fr", "fr");
}

#[test]
fn the_hosts_own_pages_fit_a_phone_in_both_languages() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::shop();
    browser.resize(320, 640);
    for language in ["en", "fr"] {
        browser.open(&stage.payment(language));
        browser.run("document.querySelector('[name=form-token]').value='x'");
        browser.click("button[value=decline]");
        browser.element("[role=alert]");
        is_fit(&browser, &format!("expired-{language}"), language);
        browser.open(&stage.payment(language).replace("/payment/", "/payment/x"));
        browser.element("[role=alert]");
        is_fit(&browser, &format!("no-address-{language}"), language);
    }
    stage.deploy("chaos", "behaviour = \"answer\"\n");
    for language in ["en", "fr"] {
        browser.open(&stage.payment(language));
        browser.element("form");
        stage.deploy("chaos", "behaviour = \"trap\"\n");
        browser.click("button");
        browser.element("[role=alert]");
        is_fit(&browser, &format!("unknown-{language}"), language);
        browser.click("a");
        browser.element("[role=alert]");
        is_fit(&browser, &format!("failure-{language}"), language);
        stage.deploy("chaos", "behaviour = \"answer\"\n");
    }
}
