//! What a channel gives about orders: the answers of `order_pull`, `order_update` and `order_returned`.

use std::collections::HashSet;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::reports::{Event, check_events};
use crate::check::{each, length, scales};
use crate::{Breach, Check, Decimal};

/// The most orders of one page, and the most tags of one order.
pub const MAX_LIST: usize = 100;
/// The longest page token (stated by one schema only; tokens within it suit all).
pub const MAX_TOKEN: usize = 35;
/// The currencies that the platform knows.
pub const CURRENCIES: [&str; 12] = ["AUD", "CAD", "CHF", "EUR", "GBP", "HKD", "JPY", "MXN", "NZD", "PLN", "SGD", "USD"];

cases! {
    /// How a line is fulfilled.
    FulfillmentMode { Ship = "ship" "ship", Advisory = "advisory" "advisory", InStore = "in-store" "instore", }
    /// What a personalisation's value is.
    OptionKind { Text = "text" "text", Boolean = "boolean" "bool", Image = "image" "image", }
    /// What an attribute's value is.
    AttributeKind { Text = "text" "text", Number = "number" "number", Select = "select" "select", MultiSelect = "multi-select" "multiselect", }
    /// How RetailOps books a payment.
    PaymentProcessor {
        ChannelPayment = "channel-payment" "channel_payment",
        ChannelStoreCredit = "channel-store-credit" "channel_storecredit",
        ChannelGiftCert = "channel-gift-cert" "channel_giftcert",
        AuthorizeNet = "authorize-net" "authorize.net",
    }
    /// What a transaction did.
    TransactionKind { Auth = "auth" "auth", Charge = "charge" "charge", Capture = "capture" "capture", GiftCard = "gift-card" "giftcard", }
}

given! {
    /// A postal address.
    PostalAddress {
        /// Given name.
        first_name: Option<String> = "first-name",
        /// Family name.
        last_name: Option<String> = "last-name",
        /// Company.
        company: Option<String> = "company",
        /// First street line.
        address1: Option<String> = "address1",
        /// Second street line.
        address2: Option<String> = "address2",
        /// City.
        city: Option<String> = "city",
        /// Region, code or name.
        state_match: Option<String> = "state-match",
        /// Postal code.
        postal_code: Option<String> = "postal-code",
        /// Country, code or name.
        country_match: Option<String> = "country-match",
        /// Telephone.
        phone_number: Option<String> = "phone-number",
    }

    /// Charges of the order, not contained in its lines.
    OrderCharges {
        /// Shipping.
        shipping_amt: Option<Decimal> = "shipping-amt",
        /// Tax.
        tax_amt: Option<Decimal> = "tax-amt",
        /// Discount.
        discount_amt: Option<Decimal> = "discount-amt",
    }

    /// Charges of one line.
    LineCharges {
        /// Price of one unit.
        unit_price: Option<Decimal> = "unit-price",
        /// Tax of one unit.
        unit_tax: Option<Decimal> = "unit-tax",
        /// Tax in percent points.
        unit_tax_pct: Option<Decimal> = "unit-tax-pct",
        /// Shipping of this line.
        ship_amt: Option<Decimal> = "ship-amt",
        /// Tax on that shipping.
        shiptax_amt: Option<Decimal> = "shiptax-amt",
        /// Discount.
        discount_amt: Option<Decimal> = "discount-amt",
        /// Discount in percent points.
        discount_pct: Option<Decimal> = "discount-pct",
        /// Recycling.
        recycling_amt: Option<Decimal> = "recycling-amt",
        /// VAT in percent points.
        vat_pct: Option<Decimal> = "vat-pct",
    }

    /// A personalisation.
    LineOption {
        /// What `value` is.
        #[serde(rename = "type")]
        kind: OptionKind = "kind",
        /// Shown to people.
        #[schemars(length(max = 255))]
        name: String = "name",
        /// The value.
        #[schemars(length(max = 255))]
        value: String = "value",
        /// The code.
        #[schemars(length(max = 255))]
        code: String = "code",
    }

    /// One line of an order.
    SalesOrderLine {
        /// The channel's number of the line.
        #[schemars(length(min = 1))]
        channel_item_refnum: String = "channel-item-refnum",
        /// Stock keeping unit.
        #[schemars(length(min = 1))]
        sku: String = "sku",
        /// Used when the SKU is unknown.
        sku_description: Option<String> = "sku-description",
        /// Units.
        quantity: i64 = "quantity",
        /// How it is fulfilled.
        #[serde(rename = "item_type")]
        mode: FulfillmentMode = "mode",
        /// Its charges.
        #[serde(rename = "currency_values")]
        charges: LineCharges = "charges",
        /// Personalisations.
        options: Vec<LineOption> = "options",
        /// RetailOps facility.
        facility_id: Option<i64> = "facility-id",
        /// RetailOps vendor.
        vendor_id: Option<i64> = "vendor-id",
        /// RetailOps fulfilment actor.
        fulfillment_actor_id: Option<i64> = "fulfillment-actor-id",
    }

    /// A payment that was made.
    PaymentTransaction {
        /// How RetailOps books it.
        #[serde(rename = "payment_processing_type")]
        processor: PaymentProcessor = "processor",
        /// What it did.
        #[serde(rename = "transaction_type")]
        kind: TransactionKind = "kind",
        /// Tender.
        payment_type: String = "payment-type",
        /// Amount.
        amount: Decimal = "amount",
        /// Note.
        message: Option<String> = "message",
    }

    /// Who ordered.
    Customer {
        /// E-mail address.
        email_address: Option<String> = "email-address",
        /// Name.
        full_name: Option<String> = "full-name",
        /// Telephone.
        phone_number: Option<String> = "phone-number",
    }

    /// A named value on an order.
    OrderAttribute {
        /// What `value` is.
        #[serde(rename = "attribute_type")]
        kind: AttributeKind = "kind",
        /// Its name.
        #[schemars(length(min = 2, max = 100))]
        handle: String = "handle",
        /// Its value.
        #[schemars(length(min = 2, max = 100))]
        value: String = "value",
    }

    /// An order.
    SalesOrder {
        /// The channel's order number.
        #[schemars(length(min = 1))]
        channel_order_refnum: String = "channel-order-refnum",
        /// The wished service level.
        #[schemars(length(min = 1, max = 35))]
        ship_service_code: String = "ship-service-code",
        /// The currency of all amounts.
        #[serde(rename = "currency_code")]
        #[schemars(extend("enum" = CURRENCIES))]
        currency: String = "currency",
        /// When the shopper placed it.
        #[schemars(extend("format" = "date-time"))]
        channel_date_created: String = "channel-date-created",
        /// Who pays.
        billing_address: PostalAddress = "billing-address",
        /// Where it goes.
        shipping_address: PostalAddress = "shipping-address",
        /// Order-level charges.
        #[serde(rename = "currency_values")]
        charges: OrderCharges = "charges",
        /// The lines.
        #[serde(rename = "order_items")]
        lines: Vec<SalesOrderLine> = "lines",
        /// The payments.
        #[serde(rename = "payment_transactions")]
        payments: Vec<PaymentTransaction> = "payments",
        /// Who ordered.
        #[serde(rename = "customer_info")]
        customer: Option<Customer> = "customer",
        /// Named values.
        attributes: Vec<OrderAttribute> = "attributes",
        /// Tags.
        #[schemars(length(max = 100))]
        tags: Vec<String> = "tags",
        /// Gift message.
        gift_message: Option<String> = "gift-message",
        /// The shopper's address.
        ip_address: Option<String> = "ip-address",
        /// Cancelled by the channel.
        cancel: bool = "cancel",
    }

    /// One page of orders.
    OrderPage {
        /// Empty when there is no further page.
        #[schemars(length(max = 35))]
        next_page_token: String = "next-page-token",
        /// The orders.
        #[schemars(length(max = 100))]
        orders: Vec<SalesOrder> = "orders",
    }

    /// A line as the channel has it after an update.
    LineWriteback {
        /// The request's line id.
        order_item_id: i64 = "order-item-id",
        /// The channel's number of the line.
        refnum: String = "refnum",
        /// Units.
        quantity: Option<i64> = "quantity",
        /// Tax of one unit.
        unit_tax: Option<Decimal> = "unit-tax",
        /// Tax in percent points.
        unit_tax_pct: Option<Decimal> = "unit-tax-pct",
        /// Shipping of this line.
        ship_amt: Option<Decimal> = "ship-amt",
        /// Tax on that shipping.
        shiptax_amt: Option<Decimal> = "shiptax-amt",
        /// Discount.
        discount_amt: Option<Decimal> = "discount-amt",
        /// Discount in percent points.
        discount_pct: Option<Decimal> = "discount-pct",
    }

    /// What the channel now charges.
    TotalsWriteback {
        /// Shipping.
        shipping_amt: Option<Decimal> = "shipping-amt",
        /// Tax.
        tax_amt: Option<Decimal> = "tax-amt",
        /// Tax in percent points.
        tax_pct: Option<Decimal> = "tax-pct",
        /// Discount.
        discount_amt: Option<Decimal> = "discount-amt",
        /// Discount in percent points.
        discount_pct: Option<Decimal> = "discount-pct",
    }

    /// The answer of `order_update`.
    OrderUpdateResponse {
        /// What happened.
        events: Vec<Event> = "events",
        /// The channel's lines.
        #[serde(rename = "line_items")]
        lines: Vec<LineWriteback> = "lines",
        /// Order-level charges.
        #[serde(rename = "values")]
        totals: Option<TotalsWriteback> = "totals",
    }

    /// The answer of `order_returned`.
    OrderReturnedResponse {
        /// What happened.
        events: Vec<Event> = "events",
        /// Store credit that the channel issued; on the wire inside an object called `return`.
        #[serde(rename = "return", default, serialize_with = "write_credit", deserialize_with = "read_credit")]
        #[schemars(with = "Option<StoreCredit>")]
        channel_store_credit_amount: Option<Decimal> = "channel-store-credit-amount",
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
struct StoreCredit {
    channel_store_credit_amount: Option<Decimal>,
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn write_credit<S: Serializer>(amount: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_map(Some(1))?;
    object.serialize_entry("channel_store_credit_amount", amount)?;
    object.end()
}

fn read_credit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    Ok(Option::<StoreCredit>::deserialize(deserializer)?.and_then(|credit| credit.channel_store_credit_amount))
}

impl Check for OrderPage {
    fn check(&self) -> Result<(), Breach> {
        length("next_page_token", &self.next_page_token, 0, MAX_TOKEN)?;
        if self.orders.len() > MAX_LIST {
            return Err(Breach::new(
                "orders",
                format!("has {} orders; at most {MAX_LIST} are allowed", self.orders.len()),
            ));
        }
        each(&self.orders, "orders", SalesOrder::check)?;
        let mut seen = HashSet::with_capacity(self.orders.len());
        for (index, order) in self.orders.iter().enumerate() {
            if !seen.insert(order.channel_order_refnum.as_str()) {
                return Err(Breach::new(format!("orders[{index}].channel_order_refnum"), "is in the page twice"));
            }
        }
        Ok(())
    }
}

impl Check for SalesOrder {
    fn check(&self) -> Result<(), Breach> {
        length("channel_order_refnum", &self.channel_order_refnum, 1, usize::MAX)?;
        length("ship_service_code", &self.ship_service_code, 1, 35)?;
        if !CURRENCIES.contains(&self.currency.as_str()) {
            return Err(Breach::new("currency_code", format!("is none of {}", CURRENCIES.join(" "))));
        }
        if OffsetDateTime::parse(&self.channel_date_created, &Rfc3339).is_err() {
            return Err(Breach::new("channel_date_created", "is not an RFC 3339 date and time"));
        }
        let charges = &self.charges;
        scales([
            ("shipping_amt", charges.shipping_amt),
            ("tax_amt", charges.tax_amt),
            ("discount_amt", charges.discount_amt),
        ])
        .map_err(|breach| breach.within("currency_values"))?;
        each(&self.lines, "order_items", SalesOrderLine::check)?;
        self.one_level("tax_amt", charges.tax_amt, |line| line.unit_tax.or(line.unit_tax_pct))?;
        self.one_level("shipping_amt", charges.shipping_amt, |line| line.ship_amt)?;
        each(&self.payments, "payment_transactions", |payment| scales([("amount", Some(payment.amount))]))?;
        each(&self.attributes, "attributes", |attribute| {
            length("handle", &attribute.handle, 2, 100)?;
            length("value", &attribute.value, 2, 100)
        })?;
        if self.tags.len() > MAX_LIST {
            return Err(Breach::new("tags", format!("has {} tags; at most {MAX_LIST} are allowed", self.tags.len())));
        }
        Ok(())
    }
}

impl SalesOrder {
    /// Tax and shipping belong to the order or to its lines, never to both: the platform would count them twice (section 5.4).
    fn one_level(
        &self,
        name: &str,
        order: Option<Decimal>,
        line: impl Fn(&LineCharges) -> Option<Decimal>,
    ) -> Result<(), Breach> {
        let counts = |amount: Option<Decimal>| amount.is_some_and(|amount| amount.units != 0);
        if counts(order) && self.lines.iter().any(|l| counts(line(&l.charges))) {
            return Err(Breach::new(
                format!("currency_values.{name}"),
                "is given for the order and for its lines; give it once",
            ));
        }
        Ok(())
    }
}

impl Check for SalesOrderLine {
    fn check(&self) -> Result<(), Breach> {
        length("channel_item_refnum", &self.channel_item_refnum, 1, usize::MAX)?;
        length("sku", &self.sku, 1, usize::MAX)?;
        let c = &self.charges;
        scales([
            ("unit_price", c.unit_price),
            ("unit_tax", c.unit_tax),
            ("unit_tax_pct", c.unit_tax_pct),
            ("ship_amt", c.ship_amt),
            ("shiptax_amt", c.shiptax_amt),
            ("discount_amt", c.discount_amt),
            ("discount_pct", c.discount_pct),
            ("recycling_amt", c.recycling_amt),
            ("vat_pct", c.vat_pct),
        ])
        .map_err(|breach| breach.within("currency_values"))?;
        if c.unit_tax.is_some() && c.unit_tax_pct.is_some() {
            return Err(Breach::new("currency_values.unit_tax", "and unit_tax_pct are both given; give one"));
        }
        each(&self.options, "options", |option| {
            length("name", &option.name, 0, 255)?;
            length("value", &option.value, 0, 255)?;
            length("code", &option.code, 0, 255)
        })
    }
}

impl Check for OrderUpdateResponse {
    fn check(&self) -> Result<(), Breach> {
        check_events(&self.events)?;
        each(&self.lines, "line_items", |line| {
            scales([
                ("unit_tax", line.unit_tax),
                ("unit_tax_pct", line.unit_tax_pct),
                ("ship_amt", line.ship_amt),
                ("shiptax_amt", line.shiptax_amt),
                ("discount_amt", line.discount_amt),
                ("discount_pct", line.discount_pct),
            ])
        })?;
        self.totals.as_ref().map_or(Ok(()), |totals| {
            scales([
                ("shipping_amt", totals.shipping_amt),
                ("tax_amt", totals.tax_amt),
                ("tax_pct", totals.tax_pct),
                ("discount_amt", totals.discount_amt),
                ("discount_pct", totals.discount_pct),
            ])
            .map_err(|breach| breach.within("values"))
        })
    }
}

impl Check for OrderReturnedResponse {
    fn check(&self) -> Result<(), Breach> {
        check_events(&self.events)?;
        scales([("channel_store_credit_amount", self.channel_store_credit_amount)])
            .map_err(|breach| breach.within("return"))
    }
}
