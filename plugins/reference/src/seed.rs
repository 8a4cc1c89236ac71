//! The orders that the shop has from the start: made up from their number alone, so that they are always the same.

use crate::ledger::{Record, Status};
use crate::products::KNOWN;
use crate::totals;
use std::collections::{BTreeMap, BTreeSet};
use wharf_sdk::Decimal;
use wharf_sdk::orders::{
    AttributeKind, Customer, FulfillmentMode, LineCharges, LineOption, OptionKind, OrderAttribute, PaymentProcessor,
    PaymentTransaction, PostalAddress, SalesOrder, SalesOrderLine, TransactionKind,
};

const FIRST: u32 = 100_000;

/// A shopper; addresses and telephone numbers are of ranges that nobody has.
pub(crate) struct Shopper {
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub street: &'static str,
    pub city: &'static str,
    pub state: &'static str,
    pub postal_code: &'static str,
    pub country: &'static str,
    pub phone: &'static str,
}

const fn shopper(
    name: [&'static str; 2],
    street: &'static str,
    place: [&'static str; 4],
    phone: &'static str,
) -> Shopper {
    let [first_name, last_name] = name;
    let [city, state, postal_code, country] = place;
    Shopper { first_name, last_name, street, city, state, postal_code, country, phone }
}

pub(crate) static SHOPPERS: [Shopper; 6] = [
    shopper(["Maya", "Okafor"], "18 Harbor Street", ["Portland", "OR", "97204", "US"], "+1 503 555 0117"),
    shopper(["Jonas", "Lindqvist"], "402 Birch Avenue", ["Duluth", "MN", "55802", "US"], "+1 218 555 0142"),
    shopper(["Priya", "Raman"], "77 Orchard Lane", ["Ithaca", "NY", "14850", "US"], "+1 607 555 0163"),
    shopper(["Élodie", "Marchand"], "9 rue des Acacias", ["Montréal", "QC", "H2J 3L2", "CA"], "+1 514 555 0188"),
    shopper(["Tom", "Whitcombe"], "1250 Mesa Drive", ["Santa Fe", "NM", "87501", "US"], "+1 505 555 0129"),
    shopper(["Hana", "Kobayashi"], "3 Lighthouse Road", ["Gloucester", "MA", "01930", "US"], "+1 978 555 0175"),
];

impl Shopper {
    pub(crate) fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }

    pub(crate) fn email(&self) -> String {
        let name = format!("{}.{}", self.first_name, self.last_name).to_lowercase();
        format!("{}@example.com", name.replace('é', "e"))
    }
}

/// Which of the shoppers placed an order.
pub(crate) const fn shopper_of(number: u32) -> usize {
    number as usize % SHOPPERS.len()
}

/// `R100001` for 1.
pub(crate) fn refnum(number: u32) -> String {
    format!("R{}", FIRST + number)
}

/// 1 for `R100001`; none for what is no number of this shop.
pub(crate) fn number(refnum: &str) -> Option<u32> {
    let digits = refnum.strip_prefix('R')?;
    let number = digits.parse::<u32>().ok()?.checked_sub(FIRST)?;
    // `R+100001` reads as well, but is not how the shop writes it.
    (self::refnum(number) == refnum).then_some(number)
}

/// An order to which nothing has happened yet.
pub(crate) fn record(number: u32, currency: &str) -> Record {
    let discount_pct = Decimal::new(if number.is_multiple_of(4) { 10 } else { 0 }, 0);
    let tax_pct = Decimal::new(825, 2);
    let lines = lines(number);
    let goods = lines.iter().map(|line| totals::goods(line, line.quantity)).sum();
    let charges = totals::charges(goods, totals::shipping(goods), discount_pct, tax_pct);
    let shopper = &SHOPPERS[shopper_of(number)];
    let address = address(shopper);
    let order = SalesOrder {
        channel_order_refnum: refnum(number),
        ship_service_code: if number.is_multiple_of(3) { "Express (1-2 days)" } else { "Ground (5-7 days)" }.to_owned(),
        currency: currency.to_owned(),
        channel_date_created: placed(number),
        billing_address: address.clone(),
        shipping_address: address,
        payments: payments(number, totals::total(goods, &charges)),
        charges,
        customer: Some(Customer {
            email_address: Some(shopper.email()),
            full_name: Some(shopper.full_name()),
            phone_number: Some(shopper.phone.to_owned()),
        }),
        attributes: vec![OrderAttribute {
            kind: AttributeKind::Text,
            handle: "source".to_owned(),
            value: "web shop".to_owned(),
        }],
        tags: vec!["reference".to_owned()],
        gift_message: number.is_multiple_of(7).then(|| "Many happy returns!".to_owned()),
        // 192.0.2.0/24 is kept for documentation.
        ip_address: Some(format!("192.0.2.{}", number % 254 + 1)),
        cancel: false,
        lines,
    };
    Record {
        next_line: u32::try_from(order.lines.len()).unwrap_or(u32::MAX).saturating_add(1),
        order,
        discount_pct,
        tax_pct,
        status: Status::Open,
        retailops_order_id: None,
        items: BTreeMap::new(),
        parcels: BTreeMap::new(),
        rmas: BTreeSet::new(),
        returns: BTreeMap::new(),
        settled: BTreeMap::new(),
    }
}

/// The number of an order's line.
pub(crate) fn line_refnum(order: &str, line: u32) -> String {
    format!("{order}-{line}")
}

fn lines(number: u32) -> Vec<SalesOrderLine> {
    (0..=number % 3)
        .map(|index| {
            let product = &KNOWN[(number + index) as usize % KNOWN.len()];
            SalesOrderLine {
                channel_item_refnum: line_refnum(&refnum(number), index + 1),
                sku: product.sku.to_owned(),
                sku_description: Some(product.title.to_owned()),
                quantity: i64::from(1 + (number + index) % 3),
                mode: FulfillmentMode::Ship,
                charges: LineCharges { unit_price: Some(product.price), ..LineCharges::default() },
                options: engraving(number + index),
                ..SalesOrderLine::default()
            }
        })
        .collect()
}

fn engraving(number: u32) -> Vec<LineOption> {
    let engraved = number.is_multiple_of(6).then(|| LineOption {
        kind: OptionKind::Text,
        name: "Engraving".to_owned(),
        value: "For Sam".to_owned(),
        code: "engraving".to_owned(),
    });
    engraved.into_iter().collect()
}

fn address(shopper: &Shopper) -> PostalAddress {
    PostalAddress {
        first_name: Some(shopper.first_name.to_owned()),
        last_name: Some(shopper.last_name.to_owned()),
        address1: Some(shopper.street.to_owned()),
        city: Some(shopper.city.to_owned()),
        state_match: Some(shopper.state.to_owned()),
        postal_code: Some(shopper.postal_code.to_owned()),
        country_match: Some(shopper.country.to_owned()),
        phone_number: Some(shopper.phone.to_owned()),
        ..PostalAddress::default()
    }
}

/// Every fifth order is paid with a gift card in part; the rest of the money is authorised, to be captured later.
fn payments(number: u32, total: Decimal) -> Vec<PaymentTransaction> {
    let gift_card = Decimal::new(if number.is_multiple_of(5) { 500 } else { 0 }, 2);
    let payment = |processor, kind, payment_type: &str, amount| PaymentTransaction {
        processor,
        kind,
        payment_type: payment_type.to_owned(),
        amount,
        message: None,
    };
    let mut payments =
        vec![payment(PaymentProcessor::ChannelPayment, TransactionKind::Auth, "Visa", total - gift_card)];
    if !gift_card.is_zero() {
        let (processor, kind) = (PaymentProcessor::ChannelGiftCert, TransactionKind::GiftCard);
        payments.push(payment(processor, kind, "Gift card", gift_card));
    }
    payments
}

/// One order every 53 minutes from New Year 2026 on: 500 of them stay within January.
fn placed(number: u32) -> String {
    let minutes = number * 53;
    let (day, hour, minute) = (1 + minutes / 1440, minutes / 60 % 24, minutes % 60);
    format!("2026-01-{day:02}T{hour:02}:{minute:02}:00Z")
}
