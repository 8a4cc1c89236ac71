use super::*;
use serde_json::{Value, json};

/// A document of type 3 with this id and what it says.
fn save(fake: &mut Fake, document: i64, said: &Value) {
    let request =
        ValidationRequest { entity: Entity::new(3, document), internal_code: None, document: said.to_string() };
    let answer = fake.run(|| <Shop as Documents>::validate(&context(), request)).expect("an answer");
    assert!(answer.verdict.success, "{answer:?}");
}

/// A shop with one document, whose form token has letters that must be escaped.
fn shop() -> Fake {
    let mut fake = Fake::new();
    save(&mut fake, 7, &order());
    fake
}

fn order() -> Value {
    json!({
        "reference": "SO-7", "currencyCode": "EUR", "totalWithTaxes": 1129.8,
        "items": [{ "description": "Cabin lamp, brass" }, { "description": "Bulb" }, {}],
    })
}

fn request(language: &str) -> PageRequest {
    PageRequest {
        entity: Entity::new(3, 7),
        payment_method_id: Some(2),
        object_type_id: Some(3),
        localisation: Some(language.to_owned()),
        form_token: "<\"tok'en&>".to_owned(),
        ..PageRequest::default()
    }
}

fn show(fake: &mut Fake, request: PageRequest, form: &[(&str, &str)]) -> HtmlPage {
    let field = |(name, value): &(&str, &str)| FormField { name: (*name).to_owned(), value: (*value).to_owned() };
    let request = PageRequest { form: form.iter().map(field).collect(), ..request };
    let page = fake.run(|| Shop::page(&context(), request)).expect("a page");
    assert!(page.html.starts_with("<!doctype html><html lang=\"") && page.html.ends_with("</html>"));
    assert!(!page.html.contains("<script") && !page.html.contains("<img"), "no script may run: {}", page.html);
    page
}

const PAY: &[(&str, &str)] = &[("decision", "pay"), ("means", "card"), ("revision", "1")];
const SIGN: &[(&str, &str)] =
    &[("decision", "sign"), ("signer", " Maren Østergård\n"), ("read", "yes"), ("revision", "1")];

fn signature() -> PageRequest {
    PageRequest { process_id: Some("p-1".to_owned()), payment_method_id: None, ..request("en") }
}

#[test]
fn the_page_shows_what_the_shop_knows_and_has_a_form_with_its_token_escaped() {
    let mut fake = shop().config("merchant", "Lamps & Co <b>");
    let before = fake.commits();
    let page = show(&mut fake, request("gb"), &[]);
    assert_eq!((page.message, fake.commits()), (None, before));
    for part in [
        r#"name="form-token" value="&lt;&quot;tok&#39;en&amp;&gt;""#,
        r#"<html lang="en">"#,
        "width=device-width",
        "Lamps &amp; Co &lt;b&gt;",
        "<dd>SO-7</dd>",
        "<dd>Cabin lamp, brass and 2 more</dd>",
        ">Pay 1,129.80\u{a0}EUR</button>",
        ">Do not pay</button>",
    ] {
        assert!(page.html.contains(part), "{part} is not in {}", page.html);
    }
}

#[test]
fn the_pages_speak_french_to_the_french() {
    for language in ["fr", "FR", "fr-CA"] {
        let page = show(&mut shop(), request(language), &[]).html;
        assert!(page.contains(r#"lang="fr""#) && page.contains("Payer 1\u{202f}129,80\u{a0}EUR</button>"), "{page}");
        assert!(page.contains("Cabin lamp, brass et 2 autres") && !page.contains("Pay "), "{page}");
    }
    assert!(show(&mut shop(), request("é"), &[]).html.contains(r#"lang="en""#));
    let page = show(&mut shop(), PageRequest { localisation: Some("fr".to_owned()), ..signature() }, &[]).html;
    assert!(page.contains(">Signer</button>") && page.contains("Vos prénom et nom"), "{page}");
}

#[test]
fn a_document_may_say_anything() {
    let evil = r#"</dd><script>alert(1)</script><img src=x onerror="alert(1)">"#;
    let mut fake = Fake::new();
    for (said, shown) in [
        (json!({ "totalWithTaxes": 5, "description": evil, "reference": evil }), true),
        (json!({ "totalWithTaxes": "12.50", "currencyCode": evil, "items": evil, "paymentMethods": 7 }), true),
        (json!({ "totalWithTaxes": 0.5, "items": [5, evil], "paymentMethods": [null, { "id": "x" }] }), true),
        (json!({ "totalWithTaxes": 0 }), false),
        (json!({ "totalWithTaxes": -5 }), false),
        (json!({ "totalWithTaxes": [1] }), false),
        (json!({ "totalWithTaxes": 5, "paymentMethods": [{ "id": 9, "amount": 1 }] }), false),
    ] {
        save(&mut fake, 7, &said);
        let page = show(&mut fake, request("en"), &[]);
        assert_eq!(page.html.contains("<form"), shown, "{said}");
        assert!(!shown || page.html.contains("USD"), "without a currency of its own it is the shop's: {}", page.html);
    }
}

#[test]
fn a_term_of_the_document_is_paid_by_itself() {
    let mut fake = Fake::new();
    let terms = json!([{ "id": 1, "amount": 30 }, { "id": 2, "amount": 70.5 }]);
    save(&mut fake, 7, &json!({ "totalWithTaxes": 100.5, "currencyCode": "JPY", "paymentMethods": terms }));
    assert!(show(&mut fake, request("en"), &[]).html.contains("Pay 70.5\u{a0}JPY"));
    let deposit = || PageRequest { payment_method_id: Some(1), ..request("en") };
    assert!(show(&mut fake, deposit(), &[]).html.contains("Pay 30\u{a0}JPY"));
    assert_eq!(show(&mut fake, deposit(), PAY).message, Some(PageMessage::Success));
    assert_eq!(show(&mut fake, request("en"), &[]).message, None, "the other one is still due");
}

#[test]
fn a_sent_form_is_booked_once_and_told_to_the_window() {
    let mut fake = shop().config("decline_above", "2000");
    let before = fake.commits();
    let paid = show(&mut fake, request("en"), PAY);
    assert_eq!(paid.message, Some(PageMessage::Success));
    assert!(paid.html.contains("PAY-") && paid.html.contains("The payment was made") && !paid.html.contains("<form"));
    for form in [PAY, &[("decision", "decline")], &[]] {
        assert_eq!(show(&mut fake, request("en"), form), paid, "what is paid is paid");
    }
    assert_eq!((fake.commits() - before, fake.logs().len()), (1, 1));
    let request = PaymentRequest {
        entity: Entity::new(3, 7),
        currency_code: Some("EUR".to_owned()),
        amount: decimal("1129.8"),
        payment_method: Some(PaymentMethod { id: Some(2), ..PaymentMethod::default() }),
        ..PaymentRequest::default()
    };
    let answer = fake.run(|| <Shop as Payments>::validate(&context(), request)).expect("an answer");
    assert!(
        paid.html.contains(&answer.internal_code.expect("a code")),
        "the same payment by a call is the same payment"
    );
}

#[test]
fn what_the_provider_declines_stays_declined() {
    let mut fake = shop();
    let declined = show(&mut fake, request("fr"), PAY);
    assert_eq!(declined.message, Some(PageMessage::Error));
    assert!(declined.html.contains("refusé") && declined.html.contains("PAY-"));
    fake = fake.config("decline_above", "2000");
    assert_eq!(show(&mut fake, request("fr"), PAY), declined);
}

#[test]
fn who_does_not_pay_may_pay_after_all() {
    let mut fake = shop().config("decline_above", "2000");
    let before = fake.commits();
    let left = show(&mut fake, request("en"), &[("decision", "decline")]);
    assert_eq!((left.message, fake.commits()), (Some(PageMessage::Error), before));
    assert!(left.html.contains("DOC-3-7") && left.html.contains("<a class=\"link\" href=\"\">"));
    assert_eq!(show(&mut fake, request("en"), PAY).message, Some(PageMessage::Success));
}

#[test]
fn a_form_that_says_too_little_comes_back_with_the_reason() {
    let mut fake = shop();
    let before = fake.commits();
    for (form, reason) in [
        (&[("decision", "pay"), ("revision", "1")][..], Some("Please choose")),
        (&[("decision", "pay"), ("revision", "1"), ("means", "gold")], Some("Please choose")),
        (&[("decision", "pay"), ("revision", "0"), ("means", "card")], Some("has changed")),
        (&[("decision", "pay"), ("means", "card")], Some("has changed")),
        (&[("decision", "steal")], None),
    ] {
        let page = show(&mut fake, request("en"), form);
        assert!(page.html.contains("<form") && page.message.is_none(), "{form:?}");
        assert_eq!(page.html.contains("role=\"alert\""), reason.is_some(), "{form:?}");
        assert!(reason.is_none_or(|reason| page.html.contains(reason)), "{form:?}: {}", page.html);
    }
    save(&mut fake, 7, &json!({ "totalWithTaxes": 2 }));
    assert!(show(&mut fake, request("en"), PAY).html.contains("has changed"), "nobody pays what they did not see");
    assert_eq!(fake.commits(), before + 1);
}

#[test]
fn a_signature_is_given_once_by_name_after_reading() {
    let mut fake = shop();
    let form = show(&mut fake, signature(), &[]);
    assert!(form.html.contains("<label class=\"label\" for=\"signer\">") && form.message.is_none());
    for (form, reason) in [
        (&[("decision", "sign"), ("read", "yes"), ("revision", "1")][..], "enter your name"),
        (&[("decision", "sign"), ("signer", " \n"), ("read", "yes"), ("revision", "1")], "enter your name"),
        (&[("decision", "sign"), ("signer", "\"><b>"), ("revision", "1")], "confirm"),
        (&[("decision", "sign"), ("signer", "A"), ("read", "yes"), ("revision", "9")], "has changed"),
    ] {
        let page = show(&mut fake, signature(), form);
        assert!(page.html.contains(reason) && page.message.is_none() && !page.html.contains("<b>"), "{form:?}");
    }
    let left = show(&mut fake, signature(), &[("decision", "refuse")]);
    assert_eq!(left.message, Some(PageMessage::Error));
    let before = fake.commits();
    let signed = show(&mut fake, signature(), SIGN);
    assert_eq!(signed.message, Some(PageMessage::Success));
    assert!(signed.html.contains("<dd>Maren Østergård</dd>") && signed.html.contains("SIG-"), "{}", signed.html);
    for form in [SIGN, &[("decision", "refuse")], &[]] {
        assert_eq!(show(&mut fake, signature(), form), signed, "what is signed is signed");
    }
    assert_eq!(fake.commits() - before, 1);
    let other = PageRequest { process_id: Some("p-2".to_owned()), ..signature() };
    assert!(show(&mut fake, other, &[]).html.contains("<form"), "another process is another signature");
}

#[test]
fn there_is_no_form_for_what_is_not_there() {
    let mut fake = shop();
    fake.run(|| Shop::cancelled(&context(), Entity::new(3, 7))).expect("an answer");
    save(&mut fake, 8, &order());
    for (why, request) in [
        ("cancelled", request("en")),
        ("cancelled", signature()),
        ("unknown", PageRequest { entity: Entity::new(3, 9), ..request("en") }),
        ("no id", PageRequest { entity: Entity { entity_type_id: 3, entity_id: None }, ..request("en") }),
        ("no document", PageRequest { entity: Entity::new(3, 8), object_type_id: Some(1), ..request("en") }),
        ("no method", PageRequest { entity: Entity::new(3, 8), payment_method_id: None, ..request("en") }),
    ] {
        let page = show(&mut fake, request, PAY);
        assert_eq!((page.message, page.html.contains("<form")), (Some(PageMessage::Error), false), "{why}");
    }
}
