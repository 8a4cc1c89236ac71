//! The payment page that the platform shows in a frame: plain HTML, no script, two buttons.

use crate::payments::{self, Payment};
use wharf_sdk::Failure;
use wharf_sdk::payments::{HtmlPage, PageMessage, PageRequest};

/// The page's words in one language.
struct Words {
    language: &'static str,
    title: &'static str,
    document: &'static str,
    question: &'static str,
    pay: &'static str,
    decline: &'static str,
    paid: &'static str,
    declined: &'static str,
    impossible: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    title: "Payment",
    document: "Document",
    question: "Pay this document now?",
    pay: "Pay",
    decline: "Do not pay",
    paid: "The payment was made. Reference:",
    declined: "The payment was declined.",
    impossible: "Nothing can be paid here.",
};

const FRENCH: Words = Words {
    language: "fr",
    title: "Paiement",
    document: "Document",
    question: "Payer ce document maintenant\u{a0}?",
    pay: "Payer",
    decline: "Ne pas payer",
    paid: "Le paiement a été effectué. Référence\u{a0}:",
    declined: "Le paiement a été refusé.",
    impossible: "Il n’y a rien à payer ici.",
};

const STYLE: &str = "body{font:1.125rem/1.5 system-ui,sans-serif;max-width:26rem;margin:0 auto;padding:1.5rem;\
color:#1c1c1e;background:#fff}h1{font-size:1.375rem}button{font:inherit;display:block;width:100%;min-height:3rem;\
margin:.75rem 0;border:1px solid #0a5c4a;border-radius:.5rem;background:#fff;color:#0a5c4a}\
button[value=pay]{background:#0a5c4a;color:#fff}button:focus-visible{outline:3px solid #d97706;outline-offset:2px}";

pub(crate) fn page(request: &PageRequest) -> Result<HtmlPage, Failure> {
    let words = words(request.localisation.as_deref());
    let Some(name) = name(request) else {
        return Ok(HtmlPage { html: document(words, &paragraph(words.impossible)), message: Some(PageMessage::Error) });
    };
    let decision = request.form.iter().find(|field| field.name == "decision").map(|field| field.value.as_str());
    let payment = match decision {
        Some(decision @ ("pay" | "decline")) => Some(payments::book(&name, decision == "pay")?),
        _ => payments::booked(&name)?,
    };
    Ok(match payment {
        Some(payment) => outcome(words, &payment),
        None => HtmlPage { html: document(words, &form(words, request)), message: None },
    })
}

/// The payment's name; none on a signature page, or if an id is missing.
fn name(request: &PageRequest) -> Option<String> {
    let method = request.payment_method_id.filter(|_| request.process_id.is_none())?;
    Some(format!("page/{}/{}/{method}", request.entity.entity_type_id, request.entity.entity_id?))
}

/// The language by its first letters, since spellings differ: `fr`, `FR`, `fr-CA`.
fn words(localisation: Option<&str>) -> &'static Words {
    let french = localisation.and_then(|code| code.get(..2)).is_some_and(|code| code.eq_ignore_ascii_case("fr"));
    if french { &FRENCH } else { &ENGLISH }
}

fn outcome(words: &Words, payment: &Payment) -> HtmlPage {
    let (text, message) = if payment.paid {
        (format!("{} {}", words.paid, payment.code), PageMessage::Success)
    } else {
        (words.declined.to_owned(), PageMessage::Error)
    };
    HtmlPage { html: document(words, &paragraph(&text)), message: Some(message) }
}

fn paragraph(text: &str) -> String {
    format!("<p role=\"status\">{}</p>", escape(text))
}

fn form(words: &Words, request: &PageRequest) -> String {
    format!(
        "<p>{document} {kind}-{id}</p><form method=\"post\"><p id=\"question\">{question}</p>\
         <input type=\"hidden\" name=\"form-token\" value=\"{token}\">\
         <button name=\"decision\" value=\"pay\" aria-describedby=\"question\" autofocus>{pay}</button>\
         <button name=\"decision\" value=\"decline\">{decline}</button></form>",
        document = words.document,
        kind = request.entity.entity_type_id,
        id = request.entity.entity_id.unwrap_or_default(),
        question = escape(words.question),
        token = escape(&request.form_token),
        pay = words.pay,
        decline = words.decline,
    )
}

fn document(words: &Words, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>",
        language = words.language,
        title = words.title,
    )
}

/// For text between tags and in quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
