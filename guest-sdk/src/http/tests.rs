use super::*;
use crate::testing::{Fake, MAX_REQUESTS};
use crate::{Failure, secrets};

#[test]
fn a_request_meets_its_prepared_answer() {
    let mut fake = Fake::new().http("POST https://api.example.com/stock", 201, r#"{"id":7}"#);
    let response = fake.run(|| {
        Request::post("https://api.example.com/stock")
            .header("authorization", format!("Bearer {}", secrets::reference("API_KEY")))
            .json(&["a"])
            .timeout(Duration::from_secs(2))
            .send()
    });
    let response = response.expect("an answer");
    assert!(response.is_success());
    assert_eq!(response.json::<serde_json::Value>().expect("JSON")["id"], 7);
    assert!(matches!(response.json::<Vec<u8>>(), Err(Error::Failed(_))));
    let sent = &fake.requests()[0];
    assert_eq!(sent.body, br#"["a"]"#);
    assert_eq!(sent.headers[0].1, "Bearer {{secret:API_KEY}}");
    assert_eq!(sent.headers[1], ("content-type".to_owned(), "application/json".to_owned()));
}

#[test]
fn a_request_without_a_prepared_answer_is_denied() {
    let mut fake = Fake::new();
    assert!(matches!(fake.run(|| Request::get("https://elsewhere.example").send()), Err(Error::Denied(_))));
    assert_eq!(fake.requests().len(), 1);
}

#[test]
fn one_request_more_than_a_call_may_send_is_denied() {
    let mut fake = Fake::new().http("GET https://a.example/", 200, "");
    let succeeds = || Request::get("https://a.example/").send().is_ok();
    let sent = fake.run(|| (0..=MAX_REQUESTS).filter(|_| succeeds()).count());
    assert_eq!(sent, MAX_REQUESTS);
    assert!(fake.run(succeeds), "the next call has requests of its own");
}

#[test]
fn prepared_failures_become_failures_of_the_call() {
    let mut fake = Fake::new().http_result("GET https://slow.example/", Err(Error::Timeout));
    let failure = fake.run(|| Request::get("https://slow.example/").send().map_err(Failure::from));
    assert_eq!(failure, Err(Failure::RetryLater(None)));
}

#[test]
fn addresses_come_apart() {
    assert_eq!(split_url("https://a.example:8443/x?y=1#z"), Ok(("https", "a.example:8443", "/x?y=1")));
    assert_eq!(split_url("http://a.example?y"), Ok(("http", "a.example", "?y")));
    assert_eq!(split_url("http://a.example"), Ok(("http", "a.example", "")));
    for url in ["a.example/x", "ftp://a.example", "https:///x", "https://"] {
        assert!(matches!(split_url(url), Err(Error::Invalid(text)) if text.contains(url)), "{url}");
    }
}

#[test]
fn a_body_that_cannot_be_json_is_told_when_sending() {
    let value = std::collections::BTreeMap::from([(vec![1], 2)]);
    let result = Fake::new().run(|| Request::post("https://a.example/").json(&value).send());
    assert!(matches!(result, Err(Error::Invalid(_))));
}

#[test]
fn headers_are_found_in_any_case() {
    let response = Response { status: 204, headers: vec![("etag".into(), "x".into())], body: vec![0xff] };
    assert_eq!((response.header("ETag"), response.header("age")), (Some("x"), None));
    assert_eq!(response.text(), "\u{fffd}");
}
