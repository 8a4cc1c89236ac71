//! The names of the source document, and how much of a request may be missing.

use super::documents::{InternalCode, PricingRequest};
use super::payments::PaymentRequest;
use super::*;
use crate::Decimal;
use crate::lenient::Object;

fn read<'a, T: serde::Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    serde_json::from_str::<Object<T>>(json).map(|Object(read)| read).map_err(|error| error.to_string())
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

const PRICING: &str = r#"{"storeCode":"HH-04","currencyCode":"EUR","items":[{"catalogInternalCode":"SPRING","eanCode":"2000000123455",
    "tax1Rate":19.60,"tax2Rate":0.0,"tax3Rate":5.5,"quantity":0.250}]}"#;

const PAYMENT: &str = r#"{"documentTypeID":2,"documentID":9223372036854775807,"storeID":4,"currencyCode":"EUR","amount":64.90,
    "paymentMethod":{"id":3,"description":"Card","isADeposit":true},"paymentType":{"id":1,"description":"Bank card"}}"#;

#[test]
fn an_envelope_has_the_names_of_the_source_document() {
    for (json, entity, data) in [
        (
            r#"{"eventType":"document.validation","entityTypeID":2,"entityID":71820,"data":{"internalCode":"X"}}"#,
            (2, Some(71820)),
            true,
        ),
        (r#"{"eventType":"document.cancellation","entityTypeID":2,"entityID":71820}"#, (2, Some(71820)), false),
        (
            r#"{"eventType":"document.pricing","entityTypeID":-9223372036854775808,"entityID":9007199254740993,"data":{}}"#,
            (i64::MIN, Some(9_007_199_254_740_993)),
            true,
        ),
        (
            r#"{"eventType":"payment.validation","entityTypeID":"2","entityID":"71820","data":null}"#,
            (2, Some(71820)),
            false,
        ),
        (r#"{"eventType":"contact.search","entityTypeID":null,"entityID":null}"#, (0, None), false),
        (
            r#"{"eventType":"contact.search","entityTypeID":1.0,"entityID":"","whatever":[1e999],"entityid":5}"#,
            (1, None),
            false,
        ),
    ] {
        let read: Notification<'_> = read(json).unwrap();
        let found = (read.entity().entity_type_id, read.entity().entity_id);
        assert_eq!((found, read.data_text().is_some()), (entity, data), "{json}");
    }
    for wrong in ["1.5", "9223372036854775808", "1e300", "true", "{}", "\"seven\""] {
        let json = format!(r#"{{"eventType":"document.validation","entityID":{wrong}}}"#);
        assert!(read::<Notification<'_>>(&json).is_err(), "{wrong} is no long");
    }
}

#[test]
fn a_documents_code_is_there_null_empty_or_absent() {
    for (json, code) in [
        (r#"{"internalCode":"DOC-1","lines":[{"a":1}]}"#, Some("DOC-1")),
        (r#"{"internalCode":""}"#, None),
        (r#"{"internalCode":null}"#, None),
        ("{}", None),
    ] {
        assert_eq!(read::<InternalCode<'_>>(json).unwrap().internal_code.as_deref(), code, "{json}");
    }
}

#[test]
fn a_request_for_prices_has_the_names_and_the_digits_of_its_source() {
    let request: PricingRequest<'_> = read(PRICING).unwrap();
    assert_eq!((request.store_code.as_deref(), request.currency_code.as_deref()), (Some("HH-04"), Some("EUR")));
    let item = &request.items[0];
    assert_eq!(
        (item.catalog_internal_code.as_deref(), item.ean_code.as_deref()),
        (Some("SPRING"), Some("2000000123455"))
    );
    assert_eq!(
        (item.tax1_rate, item.tax2_rate, item.tax3_rate),
        (Some(decimal("19.60")), Some(decimal("0.0")), Some(decimal("5.5")))
    );
    assert_eq!(item.quantity.unwrap().to_string(), "0.250", "with the zeros of its source");
    let quoted = PRICING.replace("19.60", "\"19.60\"");
    assert_eq!(read::<PricingRequest<'_>>(&quoted).unwrap(), request, "a quoted number is the same number");
}

#[test]
fn each_field_of_a_request_for_prices_may_be_null_or_absent() {
    for (field, value) in [
        ("storeCode", "\"HH-04\""),
        ("currencyCode", "\"EUR\""),
        ("catalogInternalCode", "\"SPRING\""),
        ("eanCode", "\"2000000123455\""),
        ("tax1Rate", "19.60"),
        ("tax2Rate", "0.0"),
        ("tax3Rate", "5.5"),
        ("quantity", "0.250"),
    ] {
        let member = format!("\"{field}\":{value}");
        assert!(PRICING.contains(&member), "{member}");
        let absent = PRICING.replace(&member, "\"unknown\":{\"a\":[]}");
        let null = PRICING.replace(&member, &format!("\"{field}\":null"));
        let (absent, null) = (read::<PricingRequest<'_>>(&absent).unwrap(), read::<PricingRequest<'_>>(&null).unwrap());
        assert!(absent == null && absent != read(PRICING).unwrap(), "{field}");
    }
    for items in ["null", "[]", "\"\""] {
        assert_eq!(read::<PricingRequest<'_>>(&format!(r#"{{"items":{items}}}"#)).unwrap(), PricingRequest::default());
    }
    for wrong in [
        r#"{"items":{}}"#,
        r#"{"items":[1]}"#,
        r#"{"items":[{"quantity":"many"}]}"#,
        r#"{"items":[{"tax1Rate":true}]}"#,
        "[]",
    ] {
        assert!(read::<PricingRequest<'_>>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_payment_has_the_names_and_the_digits_of_its_source() {
    let request: PaymentRequest<'_> = read(PAYMENT).unwrap();
    assert_eq!((request.document_type_id, request.document_id, request.store_id), (Some(2), Some(i64::MAX), Some(4)));
    assert_eq!((request.currency_code.as_deref(), request.amount.to_string().as_str()), (Some("EUR"), "64.90"));
    let method = request.payment_method.as_ref().unwrap();
    assert_eq!((method.id, method.description.as_deref(), method.is_a_deposit), (Some(3), Some("Card"), true));
    let kind = request.payment_type.as_ref().unwrap();
    assert_eq!((kind.id, kind.description.as_deref()), (Some(1), Some("Bank card")));
    let quoted = PAYMENT.replace("64.90", "\"64.90\"").replace("\"storeID\":4", "\"storeID\":\"4\"");
    assert_eq!(read::<PaymentRequest<'_>>(&quoted).unwrap(), request, "a quoted number is the same number");
}

#[test]
fn each_field_of_a_payment_but_its_amount_may_be_null_or_absent() {
    for member in [
        "\"documentTypeID\":2",
        "\"documentID\":9223372036854775807",
        "\"storeID\":4",
        "\"currencyCode\":\"EUR\"",
        "\"id\":3",
        "\"description\":\"Card\"",
        "\"isADeposit\":true",
        "\"id\":1",
        "\"description\":\"Bank card\"",
        "\"paymentMethod\":{\"id\":3,\"description\":\"Card\",\"isADeposit\":true}",
        "\"paymentType\":{\"id\":1,\"description\":\"Bank card\"}",
    ] {
        assert!(PAYMENT.contains(member), "{member}");
        let field = member.split(':').next().unwrap();
        let (absent, null) =
            (PAYMENT.replace(member, "\"unknown\":0"), PAYMENT.replace(member, &format!("{field}:null")));
        let (absent, null) = (read::<PaymentRequest<'_>>(&absent).unwrap(), read::<PaymentRequest<'_>>(&null).unwrap());
        assert!(absent == null && absent != read(PAYMENT).unwrap(), "{member}");
    }
    for amount in ["null", "\"\"", "\"ten\"", "true", "{}", "1e40"] {
        assert!(read::<PaymentRequest<'_>>(&PAYMENT.replace("64.90", amount)).is_err(), "{amount}");
    }
    assert!(
        read::<PaymentRequest<'_>>(&PAYMENT.replace("\"amount\":64.90,", "")).is_err(),
        "without an amount nothing is paid"
    );
}
