//! Legal answers that carry a note.

use wharf_sdk::prelude::*;

/// An answer that can be made illegal.
pub(crate) trait Answer: Sized {
    /// The answer, with a rule of the platform broken. As it is where there is no rule to break.
    fn illegal(self) -> Self {
        self
    }
}

/// A report with the note as an `info` event.
pub(crate) fn report(note: String) -> EventReport {
    if note.is_empty() {
        return EventReport::ok();
    }
    Event::info("CHAOS", note).into()
}

pub(crate) fn status(note: String) -> StatusReport {
    StatusReport { events: report(note).events, ..StatusReport::success() }
}

pub(crate) fn verdict(note: String) -> Verdict {
    Verdict { message: note, ..Verdict::ok() }
}

/// One order, whose tags carry the note. Tags have no rule on their length.
pub(crate) fn page(note: String) -> OrderPage {
    let order = SalesOrder {
        channel_order_refnum: "CHAOS-1".to_owned(),
        ship_service_code: "Ground".to_owned(),
        currency: "USD".to_owned(),
        channel_date_created: "2026-01-01T00:00:00Z".to_owned(),
        charges: OrderCharges { tax_amt: Some(Decimal::ZERO), ..OrderCharges::default() },
        lines: vec![SalesOrderLine {
            channel_item_refnum: "1".to_owned(),
            sku: "CHAOS".to_owned(),
            quantity: 1,
            charges: LineCharges { unit_price: Some(Decimal::new(1000, 2)), ..LineCharges::default() },
            ..SalesOrderLine::default()
        }],
        payments: vec![PaymentTransaction {
            processor: PaymentProcessor::ChannelPayment,
            kind: TransactionKind::Charge,
            payment_type: "Visa".to_owned(),
            amount: Decimal::new(1000, 2),
            message: None,
        }],
        tags: if note.is_empty() { Vec::new() } else { vec![note] },
        ..SalesOrder::default()
    };
    OrderPage { next_page_token: String::new(), orders: vec![order] }
}

pub(crate) fn html(note: &str, form_token: &str) -> HtmlPage {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let (note, token) = (escape(note), escape(form_token));
    HtmlPage {
        html: format!(
            "<!doctype html><title>Chaos</title><form method=\"post\"><p>{note}</p>\
             <input type=\"hidden\" name=\"form-token\" value=\"{token}\"><button>Send</button></form>"
        ),
        message: None,
    }
}

/// Ten of whatever it is.
pub(crate) fn price(query: PriceQuery) -> ItemPrice {
    ItemPrice {
        catalog_internal_code: query.catalog_internal_code,
        ean_code: query.ean_code,
        unit_cost_price: None,
        unit_sales_price: Decimal::new(1000, 2),
    }
}
