use super::*;
use serde_json::{Value, json};

fn save(fake: &mut Fake, document: i64, code: Option<&str>) -> ValidationAnswer {
    let request = ValidationRequest {
        entity: Entity::new(3, document),
        internal_code: code.map(str::to_owned),
        document: r#"{"lines":[]}"#.to_owned(),
    };
    fake.run(|| <Shop as Documents>::validate(&context(), request)).expect("an answer")
}

fn pay(fake: &mut Fake, amount: &str) -> PaymentAnswer {
    let request = PaymentRequest {
        document_type_id: Some(3),
        document_id: Some(7),
        currency_code: Some("EUR".to_owned()),
        amount: decimal(amount),
        payment_method: Some(PaymentMethod { id: Some(2), ..PaymentMethod::default() }),
        ..PaymentRequest::default()
    };
    fake.run(|| <Shop as Payments>::validate(&context(), request)).expect("an answer")
}

fn notify(fake: &mut Fake, event: &str, id: Option<i64>, data: Option<Value>) -> Result<Reply, Failure> {
    let notification = Notification {
        event_type: event.to_owned(),
        entity: Entity { entity_type_id: 1, entity_id: id },
        data: data.map(|data| data.to_string()),
    };
    fake.run(|| Shop::handle(&context(), notification))
}

fn data(reply: Result<Reply, Failure>) -> Value {
    let reply = reply.expect("a reply");
    assert_eq!(reply.verdict, Verdict::ok());
    serde_json::from_str(&reply.data.expect("data")).expect("JSON")
}

#[test]
fn a_document_is_created_and_then_updated_under_its_code() {
    let mut fake = Fake::new();
    let created = save(&mut fake, 7, None);
    assert!(created.verdict.success && !created.force_validation);
    let code = created.internal_code.clone().expect("a code");
    assert_eq!(save(&mut fake, 7, Some(&code)), created);
    assert_eq!(save(&mut fake, 7, None), created, "the answer to the first saving may have been lost");
    assert_ne!(save(&mut fake, 8, None).internal_code, Some(code));
}

#[test]
fn unknown_codes_are_refused() {
    let mut fake = Fake::new();
    save(&mut fake, 7, None);
    for (document, code) in [(7, "DOC-3-8"), (8, "DOC-3-8")] {
        let answer = save(&mut fake, document, Some(code));
        assert_eq!((answer.verdict.success, answer.verdict.code.as_str()), (false, "UNKNOWN_DOCUMENT"));
        assert_eq!((answer.verdict.level, answer.internal_code), (ErrorLevel::Error, None));
    }
}

#[test]
fn documents_that_are_none_are_refused() {
    let validate = |entity, document: &str| {
        let request = ValidationRequest { entity, internal_code: None, document: document.to_owned() };
        Fake::new().run(|| <Shop as Documents>::validate(&context(), request)).expect("an answer").verdict.code
    };
    assert_eq!(validate(Entity::new(3, 7), "[]"), "BAD_DOCUMENT");
    assert_eq!(validate(Entity::new(3, 7), "{"), "BAD_DOCUMENT");
    assert_eq!(validate(Entity::default(), "{}"), "MISSING_ENTITY");
}

#[test]
fn a_cancelled_document_stays_cancelled() {
    let mut fake = Fake::new();
    save(&mut fake, 7, None);
    for _ in 0..2 {
        assert_eq!(fake.run(|| Shop::cancelled(&context(), Entity::new(3, 7))), Ok(()));
    }
    assert_eq!(save(&mut fake, 7, None).verdict.code, "DOCUMENT_CANCELLED");
    assert_eq!(
        fake.run(|| Shop::cancelled(&context(), Entity::new(3, 404))),
        Ok(()),
        "or it would be retried for ever"
    );
    assert_eq!(fake.logs().len(), 1);
}

#[test]
fn a_payment_is_taken_once() {
    let mut fake = Fake::new();
    let first = pay(&mut fake, "113.98");
    assert_eq!((first.status, first.verdict.success), (Some(PaymentStatus::Paid), true));
    assert_eq!(pay(&mut fake, "113.980"), first);
    assert_eq!(fake.commits(), 1);
    assert_ne!(pay(&mut fake, "113.99").internal_code, first.internal_code);
}

#[test]
fn payments_above_the_limit_are_declined_for_good() {
    let mut fake = Fake::new().config("decline_above", "50.00");
    assert_eq!(pay(&mut fake, "50").status, Some(PaymentStatus::Paid));
    let declined = pay(&mut fake, "50.01");
    assert_eq!(declined.status, Some(PaymentStatus::Declined));
    fake = fake.config("decline_above", "100");
    assert_eq!(pay(&mut fake, "50.01").status, Some(PaymentStatus::Declined), "a repeat gets the same answer");
}

#[test]
fn payments_that_cannot_be_judged_say_no_status() {
    let answer = pay(&mut Fake::new(), "0");
    assert_eq!((answer.verdict.code.as_str(), answer.status), ("BAD_AMOUNT", None));
    let request = PaymentRequest { amount: decimal("1"), ..PaymentRequest::default() };
    let answer = Fake::new().run(|| <Shop as Payments>::validate(&context(), request)).expect("an answer");
    assert_eq!((answer.verdict.success, answer.verdict.code.as_str(), answer.status), (false, "MISSING_ID", None));
}

#[test]
fn contacts_are_found_by_name_mail_and_telephone() {
    let mut fake = Fake::new();
    for (text, name) in [("LIND", "Jonas Lindqvist"), ("priya.raman@", "Priya Raman"), ("0188", "Élodie Marchand")] {
        let found = data(notify(&mut fake, "contact.search", None, Some(json!({ "searchString": text }))));
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{text}");
        assert_eq!(found[0]["fullName"], name);
        assert!(found[0]["internalCode"].as_str().is_some_and(|code| code.starts_with("SHOPPER-")));
    }
    let everybody = data(notify(&mut fake, "contact.search", None, Some(json!({ "searchString": "" }))));
    assert_eq!(everybody.as_array().map(Vec::len), Some(3), "those who have ordered");
    let nobody = data(notify(&mut fake, "contact.search", None, Some(json!({ "searchString": "Whitcombe" }))));
    assert_eq!(nobody, json!([]));
}

#[test]
fn the_search_text_may_stand_beside_the_data() {
    let mut fake = Fake::new().raw_request(r#"{"eventType":"contact.search","searchString":"raman"}"#);
    let found = data(notify(&mut fake, "contact.search", None, None));
    assert_eq!(found[0]["fullName"], "Priya Raman");
    let reply = notify(&mut Fake::new(), "contact.search", None, None).expect("a reply");
    assert_eq!(reply.verdict.code, "MISSING_SEARCH");
}

#[test]
fn contact_details_come_back_whole_with_a_code() {
    let mut fake = Fake::new();
    let contact = json!({ "id": 9, "internalCode": "", "mainAddress": { "city": "Lyon" } });
    let answer = data(notify(&mut fake, "contact.details", Some(9), Some(contact)));
    assert_eq!(answer, json!({ "id": 9, "internalCode": "CUSTOMER-9", "mainAddress": { "city": "Lyon" } }));
    let kept = data(notify(&mut fake, "contact.details", Some(9), Some(json!({ "internalCode": "X1" }))));
    assert_eq!(kept["internalCode"], "X1");
}

#[test]
fn contact_validation_gives_a_code() {
    let mut fake = Fake::new();
    for payload in [None, Some(json!({ "name": "New" }))] {
        assert_eq!(
            data(notify(&mut fake, "contact.validation", Some(12), payload)),
            json!({ "internalCode": "CUSTOMER-12" })
        );
    }
    let reply = notify(&mut fake, "contact.validation", None, None).expect("a reply");
    assert_eq!(reply.verdict.code, "MISSING_ENTITY");
}

#[test]
fn workflow_events_are_accepted_and_the_rest_is_not_ours() {
    let mut fake = Fake::new();
    for event in ["workflow.validation", "workflow.cancellation"] {
        assert_eq!(notify(&mut fake, event, Some(4), None), Ok(Reply::ok()));
    }
    assert_eq!(notify(&mut fake, "stock.changed", None, None), Err(Failure::Unsupported));
}
