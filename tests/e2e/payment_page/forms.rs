//! Which forms count, and how often.

use std::time::{Duration, Instant};

use super::{FORM, ORIGIN, Page, QUERY, booked, guarded, is_quiet, paying, policy, token};
use crate::host::wait_for;
use crate::wire;

#[test]
fn a_form_counts_with_the_token_of_its_own_page_only() {
    let page = Page::framed("");
    let good = token(&page.open(QUERY));
    let other_page = token(&page.open(&QUERY.replace("71820", "71821")));
    let keys = page.host.serving("other", "chaos", &[]);
    let url = format!("http://{}/channels/other/payment/{}?{QUERY}", page.host.edge, keys.payment);
    let other_channel = token(&wire::send("GET", &url, &[], ""));
    assert!(good.len() >= 40 && good != other_page && good != other_channel);
    let cut = &good[1..];
    for form in [
        "",
        "decision=pay",
        "decision=pay&form-token=",
        "decision=pay&form-token=wrong",
        &paying(cut),
        &paying(&other_page),
        &paying(&other_channel),
        &format!("form-token=x&{}", paying(&good)),
        "{\"form-token\":1}",
    ] {
        let refused = page.submit(QUERY, form);
        assert_eq!(refused.status, 403, "{form}");
        assert!(policy(&refused).ends_with(&format!("frame-ancestors {ORIGIN}")), "the platform's user has to see it");
        is_quiet(&refused);
    }
    assert_eq!(page.submit(&format!("{QUERY}&x=1"), &paying(&good)).status, 403, "another address");
    assert!(page.open(QUERY).body.contains("<form"), "nothing was paid so far");
    let paid = page.submit(QUERY, &paying(&good));
    assert_eq!(paid.status, 200);
    assert!(paid.body.contains("The payment was made"), "{}", paid.body);
    is_quiet(&paid);
    let reopened = page.open(QUERY);
    assert!(reopened.body.contains("The payment was made") && !reopened.body.contains("<form"), "{}", reopened.body);

    let declined = QUERY.replace("71820", "5");
    let form = format!("form-token={}&decision=decline", token(&page.open(&declined)));
    assert!(page.submit(&declined, &form).body.contains("declined"));
    assert_eq!(booked(&page.host), 1);
}

#[test]
fn a_page_that_was_opened_before_a_restart_can_be_sent_after_it() {
    let page = Page::new("");
    let form = paying(&token(&page.open(QUERY)));
    let page = Page { host: page.host.kill_and_restart(), keys: page.keys };
    let paid = page.submit(QUERY, &form);
    assert!(paid.status == 200 && paid.body.contains("The payment was made"), "{paid:?}");
    let page = Page { host: page.host.kill_and_restart(), keys: page.keys };
    assert!(page.open(QUERY).body.contains("The payment was made"));
}

#[test]
fn a_form_that_is_sent_eight_times_at_once_pays_once() {
    let page = Page::new("");
    let form = paying(&token(&page.open(QUERY)));
    let answers: Vec<_> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..8).map(|_| scope.spawn(|| page.submit(QUERY, &form))).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (200, &answers[0].body), "each sender is shown how it went");
    }
    assert!(answers[0].body.contains("The payment was made"));
    wait_for("the plugin's log", || booked(&page.host) > 0);
    assert_eq!(booked(&page.host), 1);
    assert_eq!(page.submit(QUERY, &form).body, answers[0].body, "and once more, later");
}

#[test]
fn a_form_that_the_browser_says_is_another_sites_is_refused() {
    let page = Page::new("");
    let form = paying(&token(&page.open(QUERY)));
    let send = |name: &str, value: &str| {
        let shown = wire::send("POST", &page.url(QUERY), &[("content-type", FORM), (name, value)], &form);
        guarded(&shown);
        shown
    };
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")]
    {
        let refused = send(name, value);
        assert_eq!(refused.status, 403, "{name}: {value}");
        assert!(refused.body.contains("another site"), "{}", refused.body);
        is_quiet(&refused);
    }
    assert_eq!(booked(&page.host), 0);
    assert!(send("sec-fetch-site", "same-origin").body.contains("The payment was made"));
}

#[test]
fn a_form_is_bounded_in_bytes_fields_and_time() {
    let page = Page::new("[edge]\nform-body = \"1KiB\"\nform-fields = 5\nform-life = \"2s\"\n");
    let opened = Instant::now();
    let form = paying(&token(&page.open(QUERY)));
    for (form, status) in [
        (format!("{form}&a={}", "x".repeat(1024)), 413),
        (format!("{form}&a=1&b=2"), 413),
        ("&".repeat(1024), 403),
        (format!("{form}&a=1"), 200),
    ] {
        let shown = page.submit(QUERY, &form);
        assert_eq!(shown.status, status, "{form}");
        assert!(status == 200 || !shown.body.contains("<form"), "{form}");
    }
    let json = wire::send("POST", &page.url(QUERY), &[("content-type", "text/plain")], &form);
    assert_eq!(json.status, 415);
    guarded(&json);
    // A form of another page, which is still to be paid.
    let later = QUERY.replace("71820", "5");
    let late = paying(&token(&page.open(&later)));
    wait_for("the page to be too old", || opened.elapsed() > Duration::from_secs(3));
    wait_for("the form to expire", || page.submit(&later, &late).status == 403);
    assert!(page.submit(&later, &late).body.contains("has expired"));
}

#[test]
fn a_head_is_answered_as_the_page_without_its_body() {
    let page = Page::framed("");
    let head = wire::send("HEAD", &page.url(QUERY), &[], "");
    guarded(&head);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}
