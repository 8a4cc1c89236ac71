//! The host's own page, for when the plugin gives none.

use super::{ORIGIN, Page, QUERY, deploy_framed, guarded, is_quiet, policy, token};
use crate::host::Host;
use crate::wire::Answer;

const WORDS: &str = "[notification]\npost-message = { success = \"PAID\", error = \"ERROR\", close = \"CLOSE\" }\n[call]\nnotification-deadline = \"1s\"\n";

fn chaos(page: &Page, behaviour: &str) {
    deploy_framed(&page.host, "chaos", ORIGIN, &format!("behaviour = \"{behaviour}\"\n"));
}

/// The page closes the window, as soon as it is shown or by its button, and says nothing else to it.
fn closes(page: &Answer, by_button: bool) {
    assert!(policy(page).contains("script-src 'nonce-"), "{page:?}");
    assert_eq!(page.body.matches("<script").count(), 1, "{}", page.body);
    assert!(page.body.ends_with(&format!("parent.postMessage(\"CLOSE\",\"{ORIGIN}\")</script>")), "{}", page.body);
    assert_eq!(page.body.contains("<button"), by_button, "{}", page.body);
    assert!(!page.body.contains("PAID") && !page.body.contains("ERROR"), "{}", page.body);
}

#[test]
fn when_the_plugin_fails_a_static_page_says_so_and_lets_the_window_close() {
    let host = Host::with_config(WORDS);
    let keys = host.channel("acme");
    let page = Page { host, keys };
    let fails = |status: u16, why: &str| {
        for (language, title) in [("en", "not available"), ("fr", "n’est pas disponible")] {
            let shown = page.open(&format!("{QUERY}&localisation={language}"));
            assert_eq!(shown.status, status, "{why}");
            assert!(shown.body.contains(title) && !shown.body.contains("chaos"), "{why}: {}", shown.body);
            if status == 503 && why == "nothing is deployed" { is_quiet(&shown) } else { closes(&shown, false) }
        }
    };
    fails(503, "nothing is deployed");
    for (behaviour, status) in [
        ("trap", 502),
        ("spin", 504),
        ("huge-answer", 502),
        ("unsupported", 501),
        ("retry-later", 503),
        ("refuse", 422),
        ("internal", 502),
    ] {
        chaos(&page, behaviour);
        fails(status, behaviour);
    }
}

#[test]
fn a_page_that_is_larger_than_an_answer_may_be_is_not_shown() {
    let host = Host::with_config(WORDS);
    let keys = host.channel("acme");
    let page = Page { host, keys };
    deploy_framed(&page.host, "chaos", ORIGIN, "behaviour = \"huge-answer\"\nkilobytes = \"200\"\n");
    for (limit, status) in [("300KiB", 200), ("100KiB", 502)] {
        page.host.wharf(&["channel", "set", "acme", "--limit", &format!("answer={limit}")]);
        let shown = page.open(QUERY);
        assert_eq!((shown.status, shown.body.len() > 200_000), (status, status == 200), "{limit}");
    }
}

#[test]
fn a_form_that_was_sent_into_a_failure_may_have_been_done() {
    let host = Host::with_config(WORDS);
    let keys = host.channel("acme");
    let page = Page { host, keys };
    chaos(&page, "answer");
    let form = format!("form-token={}", token(&page.open(QUERY)));
    for (behaviour, unknown) in
        [("trap", true), ("spin", true), ("internal", true), ("refuse", false), ("unsupported", false)]
    {
        chaos(&page, behaviour);
        let shown = page.submit(QUERY, &form);
        assert_eq!(shown.body.contains("The outcome is not known"), unknown, "{behaviour}: {}", shown.body);
        closes(&shown, unknown);
    }
}

#[test]
fn without_a_word_for_closing_nothing_is_said() {
    let host = Host::with_config("[notification]\npost-message = { success = \"PAID\", error = \"ERROR\" }\n");
    let keys = host.channel("acme");
    let page = Page { host, keys };
    chaos(&page, "answer");
    let form = format!("form-token={}", token(&page.open(QUERY)));
    chaos(&page, "trap");
    for shown in [page.open(QUERY), page.submit(QUERY, &form)] {
        guarded(&shown);
        is_quiet(&shown);
        assert!(shown.status == 502 && !shown.body.contains("<button"), "{shown:?}");
    }
}
