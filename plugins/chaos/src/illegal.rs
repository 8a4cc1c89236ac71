//! Answers that break the platform's rules, and that the host must not let pass.

use crate::answers::Answer;
use wharf_sdk::config;
use wharf_sdk::prelude::*;

/// A number with more decimals than an answer may have.
const TOO_FINE: Decimal = Decimal::new(1, 30);

impl Answer for () {}

impl Answer for CatalogConfig {}

impl Answer for EventReport {
    /// An event without a code and without a text.
    fn illegal(self) -> Self {
        Event::error("", "").about(SubjectKind::SkuNumber, "").into()
    }
}

impl Answer for StatusReport {
    /// A failure without a reason.
    fn illegal(self) -> Self {
        Self { status: Outcome::Fail, events: Vec::new() }
    }
}

impl Answer for OrderPage {
    /// The setting `illegal` says which rule: `currency`, `scale`, `duplicate`, `ship-service`, `date`, `refnum`,
    /// `token`, `tax-twice`, `attribute` or `too-many`.
    fn illegal(mut self) -> Self {
        let rule = config::get("illegal").ok().flatten();
        let order = &mut self.orders[0];
        match rule.as_deref() {
            Some("scale") => order.lines[0].charges.unit_price = Some(TOO_FINE),
            Some("duplicate") => self.orders.push(self.orders[0].clone()),
            Some("ship-service") => order.ship_service_code.clear(),
            Some("date") => order.channel_date_created = "yesterday".into(),
            Some("refnum") => order.channel_order_refnum.clear(),
            Some("token") => self.next_page_token = "t".repeat(36),
            Some("tax-twice") => {
                order.charges.tax_amt = Some(Decimal::new(100, 2));
                order.lines[0].charges.unit_tax = Some(Decimal::new(100, 2));
            }
            Some("attribute") => order.attributes.push(OrderAttribute {
                kind: AttributeKind::Text,
                handle: "x".to_owned(),
                value: "y".to_owned(),
            }),
            Some("too-many") => {
                self.orders = (0..101)
                    .map(|number| SalesOrder {
                        channel_order_refnum: format!("CHAOS-{number}"),
                        ..self.orders[0].clone()
                    })
                    .collect();
            }
            _ => order.currency = "XXX".into(),
        }
        self
    }
}

impl Answer for OrderUpdateResponse {
    /// A line without a number, and a charge that is too fine.
    fn illegal(mut self) -> Self {
        self.lines.push(LineWriteback { ship_amt: Some(TOO_FINE), ..LineWriteback::default() });
        self
    }
}

impl Answer for OrderReturnedResponse {
    fn illegal(mut self) -> Self {
        self.channel_store_credit_amount = Some(TOO_FINE);
        self
    }
}

impl Answer for ValidationAnswer {
    /// Saved, but under no reference.
    fn illegal(mut self) -> Self {
        self.internal_code = None;
        self
    }
}

impl Answer for PricingAnswer {
    /// The setting `illegal` says which rule: `currency`, `store`, `unknown`, `twice`, `negative`, `huge` or `cost`. Those of one
    /// price break it at the last of them.
    fn illegal(mut self) -> Self {
        let rule = config::get("illegal").ok().flatten();
        let last = self.items.last().cloned().unwrap_or_default();
        match (rule.as_deref(), self.items.last_mut()) {
            (Some("store"), _) => self.store_code = Some("elsewhere".to_owned()),
            (Some("twice"), _) => self.items.push(ItemPrice { unit_sales_price: Decimal::new(1, 0), ..last }),
            (Some("unknown"), _) => self.items.push(ItemPrice { ean_code: Some("0000000000000".to_owned()), ..last }),
            (Some("negative"), Some(item)) => item.unit_sales_price = Decimal::new(-1, 2),
            (Some("huge"), Some(item)) => item.unit_sales_price = Decimal::new(1_000_000_000_001, 0),
            (Some("cost"), Some(item)) => item.unit_cost_price = Some(Decimal::new(-1, 2)),
            _ => self.currency_code = Some("XXX".to_owned()),
        }
        self
    }
}

impl Answer for PaymentAnswer {
    /// Success that does not say of what.
    fn illegal(mut self) -> Self {
        self.status = None;
        self
    }
}

impl Answer for HtmlPage {
    /// A script, which the page may not have.
    fn illegal(mut self) -> Self {
        self.html = format!("<script>top.location='https://example.com'</script>{}", self.html);
        self
    }
}

impl Answer for Reply {
    /// Data that is not JSON.
    fn illegal(mut self) -> Self {
        self.data = Some("{".to_owned());
        self
    }
}
