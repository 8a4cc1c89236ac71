//! The page that a document is paid on. The provider behind it is a demonstration: it takes no money and asks for no card.

use super::Visit;
use super::html::{self, Sheet};
use crate::documents::Due;
use crate::payments::{self, Payment};
use crate::settings;
use std::fmt::Write as _;
use wharf_sdk::Failure;
use wharf_sdk::payments::{HtmlPage, PageMessage};

pub(super) fn page(visit: &Visit, method: i64) -> Result<HtmlPage, Failure> {
    let words = visit.words;
    let Some(due) = visit.document.due(method)? else {
        return super::nothing(words, words.impossible);
    };
    let entity = visit.request.entity;
    let document = entity.entity_id.unwrap_or_default();
    let name = payments::name(entity.entity_type_id, document, method, due.amount, &due.currency);
    if let Some(payment) = payments::booked(&name)? {
        return outcome(visit, &due, &payment);
    }
    match visit.field("decision") {
        Some("decline") => left(visit, &due),
        Some("pay") if !visit.is_current() => form(visit, &due, Some(words.changed)),
        Some("pay")
            if visit.field("means").is_some_and(|means| words.means.iter().any(|(known, ..)| *known == means)) =>
        {
            outcome(visit, &due, &payments::book(&name, due.amount <= settings::decline_above()?)?)
        }
        Some("pay") => form(visit, &due, Some(words.no_means)),
        _ => form(visit, &due, None),
    }
}

fn form(visit: &Visit, due: &Due, error: Option<&str>) -> Result<HtmlPage, Failure> {
    let words = visit.words;
    let amount = html::amount(words, due.amount, &due.currency);
    let mut rows = visit.summary();
    rows.push((words.to_pay, amount.clone()));
    let mut means = String::new();
    for (value, name, about) in &words.means {
        let _ = write!(
            means,
            "<label class=\"pick\"><input type=\"radio\" name=\"means\" value=\"{value}\">\
             <span>{name}<small>{about}</small></span></label>"
        );
    }
    let described = if error.is_some() { " aria-describedby=\"error\"" } else { "" };
    let sheet = Sheet::new(words, words.payment)?
        .total(&rows)
        .html(&visit.form_begins(error))
        .html(&format!(
            "<fieldset{described}><legend>{legend}</legend>{means}</fieldset>\
             <button class=\"main\" name=\"decision\" value=\"pay\">{pay} {amount}</button>\
             <button name=\"decision\" value=\"decline\">{decline}</button></form>",
            legend = words.how,
            pay = words.pay,
            amount = html::escape(&amount),
            decline = words.decline,
        ))
        .note(words.demonstration);
    Ok(HtmlPage { html: sheet.finish(), message: None })
}

/// What has become of the payment, now or at an earlier time.
fn outcome(visit: &Visit, due: &Due, payment: &Payment) -> Result<HtmlPage, Failure> {
    let words = visit.words;
    let (class, text, message) = if payment.paid {
        ("done", words.paid, PageMessage::Success)
    } else {
        ("sorry", words.declined, PageMessage::Error)
    };
    let mut rows = visit.summary();
    rows.push((words.amount, html::amount(words, due.amount, &due.currency)));
    rows.push((words.reference, payment.code.clone()));
    let sheet = Sheet::new(words, words.payment)?.status(class, text).rows(&rows).note(words.demonstration);
    Ok(HtmlPage { html: sheet.finish(), message: Some(message) })
}

/// The user does not want to pay. Nothing is kept of it, so that they may change their mind.
fn left(visit: &Visit, due: &Due) -> Result<HtmlPage, Failure> {
    let words = visit.words;
    let mut rows = visit.summary();
    rows.push((words.amount, html::amount(words, due.amount, &due.currency)));
    rows.push((words.reference, visit.document.code.clone()));
    let sheet =
        Sheet::new(words, words.payment)?.status("sorry", words.not_paid).rows(&rows).again(words.pay_after_all);
    Ok(HtmlPage { html: sheet.finish(), message: Some(PageMessage::Error) })
}
