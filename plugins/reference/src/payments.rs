//! Payments between servers. The shop takes test money: every payment is good, up to a limit.

use crate::{settings, shelf};
use serde::{Deserialize, Serialize};
use wharf_sdk::notices::Verdict;
use wharf_sdk::payments::{PaymentAnswer, PaymentRequest, PaymentStatus};
use wharf_sdk::{Decimal, Failure, log};

const SHELF: &str = "payments";

/// What became of a payment. Once told it stands: a repeat gets the same answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub code: String,
    pub paid: bool,
}

/// What a payment goes by: no id of an attempt is sent, neither by the platform nor by the page.
pub(crate) fn name(kind: i64, document: i64, method: i64, amount: Decimal, currency: &str) -> String {
    format!("{kind}/{document}/{method}/{}/{currency}", amount.normalize())
}

/// Books a payment under its name, unless it is booked already.
pub(crate) fn book(name: &str, paid: bool) -> Result<Payment, Failure> {
    let (payment, is_new) = shelf::update(SHELF, name, |payment: &mut Option<Payment>| {
        let is_new = payment.is_none();
        let code = format!("PAY-{:016X}", shelf::fingerprint(name));
        (payment.get_or_insert_with(|| Payment { code, paid }).clone(), is_new)
    })?;
    if is_new {
        log::info(format_args!("payment {} was booked as {}", payment.code, if paid { "paid" } else { "declined" }));
    }
    Ok(payment)
}

/// What became of a payment; none if nothing has yet.
pub(crate) fn booked(name: &str) -> Result<Option<Payment>, Failure> {
    shelf::get(SHELF, name)
}

pub(crate) fn validate(request: &PaymentRequest) -> Result<PaymentAnswer, Failure> {
    if !request.amount.is_positive() {
        return Ok(refused("BAD_AMOUNT", "a payment needs an amount above 0"));
    }
    let document = request.document_id.or(request.entity.entity_id);
    let method = request.payment_method.as_ref().and_then(|method| method.id);
    let (Some(document), Some(method)) = (document, method) else {
        return Ok(refused("MISSING_ID", "the payment names no document or no payment method"));
    };
    let currency = request.currency_code.as_deref().unwrap_or_default();
    if currency.len() > 3 {
        return Ok(refused("BAD_CURRENCY", "a currency code has three letters"));
    }
    let kind = request.document_type_id.unwrap_or(request.entity.entity_type_id);
    let name = name(kind, document, method, request.amount, currency);
    let limit = settings::decline_above()?;
    let payment = book(&name, request.amount <= limit)?;
    let (verdict, status) = if payment.paid {
        (Verdict::ok(), PaymentStatus::Paid)
    } else {
        // The call did what it was for, so it is a success: the term's new status is what it has to tell.
        let message = format!("the shop takes no payment of more than {limit}");
        (Verdict { message, code: "DECLINED".to_owned(), ..Verdict::ok() }, PaymentStatus::Declined)
    };
    Ok(PaymentAnswer { verdict, status: Some(status), internal_code: Some(payment.code) })
}

fn refused(code: &str, message: &str) -> PaymentAnswer {
    PaymentAnswer { verdict: Verdict::error(code, message), status: None, internal_code: None }
}
