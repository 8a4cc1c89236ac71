use super::*;
use crate::Failure;
use crate::http;
use crate::testing::{Fake, MAX_REQUESTS};

#[test]
fn a_request_meets_its_prepared_answer() {
    let mut fake =
        Fake::new().platform("GET api/projects?keyword=a b&storeID=3", 200, r#"{"success":true,"rowCount":0}"#);
    let answer = fake.run(|| get("/api/projects", &[("keyword", "a b"), ("storeID", "3")])).unwrap();
    assert_eq!(answer.check().unwrap().json::<serde_json::Value>().unwrap()["rowCount"], 0);
    let sent = &fake.platform_requests()[0];
    assert_eq!((sent.path.as_str(), sent.query.len(), &sent.body), ("/api/projects", 2, &None));
}

#[test]
fn an_answer_that_says_no_is_told_in_the_platforms_words() {
    let no = |status, body: &str| Response { status, body: body.to_owned() }.check().unwrap_err().to_string();
    assert_eq!(no(200, r#"{"success":false,"message":"locked"}"#), "request failed: the platform says no: locked");
    assert_eq!(no(404, r#"{"message":"nobody"}"#), "request failed: the platform answers 404: nobody");
    assert_eq!(no(500, "<html>"), "request failed: the platform answers 500: it does not say why");
    for fine in ["[]", "", r#"{"success":true}"#, r#"{"success":null,"message":null}"#] {
        assert!(Response { status: 200, body: fine.to_owned() }.check().is_ok(), "{fine}");
    }
}

#[test]
fn what_is_not_prepared_is_denied_and_what_leaves_the_base_is_invalid() {
    let mut fake = Fake::new().platform("POST api/x", 200, "{}");
    assert!(fake.run(|| post("api/x", &[1])).is_ok());
    assert!(matches!(fake.run(|| put("api/x", &[1])), Err(Error::Denied(_))));
    for path in ["", "../x", "a//b", "//a", "a?b", "a#b", "a b", "a\\b", "https://a.b/", "é"] {
        assert!(matches!(fake.run(|| get(path, &[])), Err(Error::Invalid(_))), "{path}");
    }
    assert_eq!(fake.platform_requests().len(), 2);
}

#[test]
fn requests_of_both_kinds_have_one_limit() {
    let mut fake = Fake::new().platform("GET a", 200, "{}").http("GET https://a.example/", 200, "");
    let sent = fake.run(|| {
        let both = (0..MAX_REQUESTS).filter(|turn| match turn % 2 {
            0 => get("a", &[]).is_ok(),
            _ => http::Request::get("https://a.example/").send().is_ok(),
        });
        (both.count(), get("a", &[]))
    });
    assert!(sent.0 == MAX_REQUESTS && matches!(sent.1, Err(Error::Denied(_))), "{sent:?}");
}

#[test]
fn failures_become_failures_of_the_call() {
    let mut fake = Fake::new()
        .platform_result("GET slow", Err(Error::Timeout))
        .platform_result("GET away", Err(Error::Unreachable("nobody answers there".into())))
        .platform_result("GET none", Err(Error::NotConfigured));
    let mut failure = |path: &str| fake.run(|| get(path, &[])).map_err(Failure::from).unwrap_err();
    assert_eq!((failure("slow"), failure("away")), (Failure::RetryLater(None), Failure::RetryLater(None)));
    assert!(matches!(failure("none"), Failure::Internal(text) if text.contains("[platform]")));
}
