use super::*;
use wharf_sdk::testing::{Fake, context};
use wharf_sdk::{http, kv};

fn push(fake: &mut Fake) -> Result<EventReport, Failure> {
    fake.run(|| <Chaos as Inventory>::push(&context(), InventoryPushRequest::default()))
}

fn behaving(name: &str) -> Fake {
    Fake::new().config("behaviour", name)
}

#[test]
fn it_answers_unless_told_otherwise() {
    assert_eq!(push(&mut Fake::new()), Ok(EventReport::ok()));
    assert_eq!(push(&mut behaving("answer")), Ok(EventReport::ok()));
    assert!(matches!(push(&mut behaving("dance")), Err(Failure::Internal(text)) if text.contains("dance")));
}

#[test]
fn each_failure_has_a_behaviour() {
    assert_eq!(push(&mut behaving("unsupported")), Err(Failure::Unsupported));
    assert_eq!(push(&mut behaving("retry-later")), Err(Failure::RetryLater(Some(7))));
    assert!(matches!(push(&mut behaving("refuse")), Err(Failure::Refused(refusal)) if refusal.code == "CHAOS"));
    assert!(matches!(push(&mut behaving("internal")), Err(Failure::Internal(_))));
}

#[test]
fn an_effect_is_kept_by_its_calls_id_however_often_the_call_comes() {
    let mut fake = behaving("effect");
    let notes: Vec<_> = (0..2).map(|_| push(&mut fake).expect("a report").events[0].message.clone()).collect();
    assert_eq!(notes, ["1", "2"]);
    let key = format!("effect-{}", context().call_id);
    assert_eq!(fake.run(|| kv::get(&key)), Ok(Some(Vec::new())));
}

#[test]
#[should_panic(expected = "asked to panic")]
fn panic_panics() {
    let _ = push(&mut behaving("panic"));
}

#[test]
fn sleep_takes_its_time() {
    let started = std::time::Instant::now();
    let answer = push(&mut behaving("sleep").config("sleep_ms", 5));
    assert_eq!(answer, Ok(EventReport::ok()));
    assert!(started.elapsed().as_millis() >= 5);
}

#[test]
fn fetch_tells_the_status_or_the_error() {
    let url = "http://127.0.0.1:9/x";
    let fake = || behaving("fetch").config("url", url);
    let message = |fake: &mut Fake| push(fake).expect("a report").events[0].message.clone();
    assert_eq!(message(&mut fake().http(format!("GET {url}"), 418, "")), "status 418");
    let slow = fake().http_result(format!("GET {url}"), Err(http::Error::Timeout));
    assert_eq!(message(&mut { slow }), "request timed out");
    assert!(message(&mut fake()).starts_with("request denied"));
}

#[test]
fn flood_log_logs_as_many_lines_as_told() {
    let mut fake = behaving("flood-log").config("lines", 20);
    push(&mut fake).expect("a report");
    assert_eq!(fake.logs().len(), 20);
    assert!(fake.logs()[19].message.len() > 1000);
}

#[test]
fn huge_answer_has_the_size_it_is_told() {
    let mut fake = behaving("huge-answer").config("kilobytes", 2048);
    let length = push(&mut fake).expect("a report").events[0].message.len();
    assert!((2 << 20) - 7 < length && length <= 2 << 20);
    let page = fake.run(|| Chaos::pull(&context(), OrderPullRequest::default())).expect("a page");
    assert_eq!(page.orders[0].tags[0].len(), length);
}

#[test]
fn leak_tells_what_the_call_before_left_behind() {
    let mut fake = behaving("leak");
    push(&mut fake).expect("a report");
    let second = push(&mut fake).expect("a report");
    assert_eq!(second.events[0].message, format!("found {}", context().call_id));
}

#[test]
fn illegal_pages_break_the_rule_they_are_told_to() {
    let pull = |rule: &str| {
        let mut fake = behaving("illegal-answer").config("illegal", rule);
        fake.run(|| Chaos::pull(&context(), OrderPullRequest::default())).expect("a page")
    };
    assert_eq!(pull("currency").orders[0].currency, "XXX");
    assert_eq!(pull("scale").orders[0].lines[0].charges.unit_price.map(|price| price.scale), Some(30));
    assert_eq!(pull("duplicate").orders.len(), 2);
    assert_eq!(pull("ship-service").orders[0].ship_service_code, "");
    assert_eq!(pull("token").next_page_token.len(), 36);
    assert_eq!(pull("attribute").orders[0].attributes[0].value.len(), 1);
    assert_eq!(pull("too-many").orders.len(), 101);
}

#[test]
fn illegal_answers_of_notifications_break_rules_too() {
    let mut fake = behaving("illegal-answer");
    let payment = fake.run(|| <Chaos as Payments>::validate(&context(), PaymentRequest::default())).expect("an answer");
    assert_eq!((payment.verdict.success, payment.status), (true, None));
    let request = PricingRequest { currency_code: Some("EUR".to_owned()), ..PricingRequest::default() };
    let prices = fake.run(|| Chaos::price(&context(), request)).expect("an answer");
    assert_eq!(prices.currency_code.as_deref(), Some("XXX"));
    let status = fake.run(|| Chaos::cancel(&context(), OrderRef::default())).expect("a report");
    assert_eq!((status.status, status.events.len()), (Outcome::Fail, 0));
}

#[test]
fn repeat_says_everywhere_what_it_was_told_and_recall_says_it_again() {
    let url = "http://127.0.0.1:9/x";
    let mut fake = behaving("repeat").config("url", url).http(format!("GET {url}"), 200, "psst");
    assert!(matches!(push(&mut fake), Err(Failure::Refused(refusal)) if refusal.message == "psst"));
    assert_eq!(fake.logs()[0].message, "psst");
    let recalled =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| push(&mut fake.config("behaviour", "recall"))));
    let said = *recalled.expect_err("it panics").downcast::<String>().expect("a text");
    assert_eq!(said, "chaos recalls psst");
}

#[test]
fn count_counts_its_calls() {
    let mut fake = behaving("count");
    let message = |fake: &mut Fake| push(fake).expect("a report").events[0].message.clone();
    assert_eq!((message(&mut fake), message(&mut fake)), ("1".to_owned(), "2".to_owned()));
}

#[test]
fn sometimes_is_a_share_of_the_calls_or_those_of_a_client() {
    let call = |fake: &mut Fake, call_id: &str, client_id| {
        let context = CallContext { call_id: call_id.to_owned(), client_id, ..context() };
        fake.run(|| <Chaos as Inventory>::push(&context, InventoryPushRequest::default()))
    };
    let refusing = || behaving("sometimes").config("other", "refuse");
    let mut some = refusing().config("share", "30");
    let refused = (0..1000).filter(|number| call(&mut some, &number.to_string(), 1).is_err()).count();
    assert!((250..350).contains(&refused), "{refused} of 1000");
    let mut one = refusing().config("client", "13");
    assert!(call(&mut one, "a", 13).is_err() && call(&mut one, "a", 14).is_ok());
    assert!(call(&mut behaving("sometimes").config("other", "sometimes"), "a", 1).is_err());
}

#[test]
fn platform_tells_each_status_or_error() {
    let asks = "GET\tapi/x\ta=b c&d=e\nPUT\tapi/x\t\t{\"a\":1}\nGET\tapi/none";
    let mut fake = behaving("platform")
        .config("asks", asks)
        .config("show", "body")
        .platform("GET api/x?a=b c&d=e", 200, "found")
        .platform("PUT api/x", 204, "");
    let message = push(&mut fake).expect("a report").events[0].message.clone();
    assert!(message.starts_with("status 200: found | status 204:  | request denied"), "{message}");
    assert_eq!(fake.platform_requests()[1].body.as_deref(), Some("{\"a\":1}"));
}
