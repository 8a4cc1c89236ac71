use super::*;
use crate::products::KNOWN;
use crate::seed;
use std::collections::HashSet;

const CURRENCIES: [&str; 12] = ["AUD", "CAD", "CHF", "EUR", "GBP", "HKD", "JPY", "MXN", "NZD", "PLN", "SGD", "USD"];

fn every_order() -> Vec<SalesOrder> {
    (1..=500).map(|number| seed::record(number, "EUR").order).collect()
}

#[test]
fn the_first_order_is_the_one_the_tests_speak_of() {
    let order = seed::record(1, "USD").order;
    assert_eq!(order.channel_order_refnum, FIRST);
    let lines: Vec<_> =
        order.lines.iter().map(|line| (line.channel_item_refnum.as_str(), line.sku.as_str(), line.quantity)).collect();
    assert_eq!(lines, [("R100001-1", "S12346", 2), ("R100001-2", "S12347", 3)]);
    assert_eq!(order.charges.tax_amt, Some(decimal("8.23")));
    assert_eq!(order.payments[0].amount, decimal("113.98"));
}

#[test]
fn payments_come_to_lines_and_charges() {
    for order in every_order() {
        let goods: Decimal = order.lines.iter().filter_map(|line| Some(line.charges.unit_price? * line.quantity)).sum();
        let charges = order.charges;
        let on_top = charges.shipping_amt.expect("shipping") + charges.tax_amt.expect("tax");
        let total = goods + on_top - charges.discount_amt.expect("discount");
        let paid: Decimal = order.payments.iter().map(|payment| payment.amount).sum();
        assert_eq!(paid, total, "{}", order.channel_order_refnum);
        assert!(order.payments.iter().all(|payment| payment.amount.is_positive() && payment.amount.scale <= 6));
    }
}

#[test]
fn tax_and_shipping_are_charged_on_the_order_alone() {
    for order in every_order() {
        for line in &order.lines {
            let charges = line.charges;
            let on_line =
                [charges.unit_tax, charges.unit_tax_pct, charges.ship_amt, charges.shiptax_amt, charges.vat_pct];
            assert_eq!(on_line, [None; 5], "{}", line.channel_item_refnum);
        }
        assert!(order.charges.tax_amt.is_some_and(Decimal::is_positive));
    }
}

#[test]
fn texts_keep_to_the_platforms_lengths() {
    for order in every_order() {
        assert!((1..=35).contains(&order.ship_service_code.chars().count()));
        assert!(CURRENCIES.contains(&order.currency.as_str()));
        assert!(order.tags.len() <= 100);
        for attribute in &order.attributes {
            assert!((2..=100).contains(&attribute.handle.chars().count()));
            assert!((2..=100).contains(&attribute.value.chars().count()));
        }
        for option in order.lines.iter().flat_map(|line| &line.options) {
            assert!(option.name.len() <= 255 && option.value.len() <= 255 && option.code.len() <= 255);
        }
    }
}

#[test]
fn dates_are_rfc_3339_and_all_different() {
    let mut dates = HashSet::new();
    for order in every_order() {
        let date = order.channel_date_created;
        let shape: String = date.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00Z");
        let field = |from: usize| date[from..from + 2].parse::<u32>().expect("two digits");
        assert!((1..=31).contains(&field(8)) && field(11) < 24 && field(14) < 60, "{date}");
        assert!(dates.insert(date));
    }
}

#[test]
fn lines_name_known_goods_once_each_and_have_numbers_of_their_own() {
    let mut numbers = HashSet::new();
    for order in every_order() {
        let skus: HashSet<&String> = order.lines.iter().map(|line| &line.sku).collect();
        assert_eq!(skus.len(), order.lines.len());
        for line in &order.lines {
            assert!(KNOWN.iter().any(|product| product.sku == line.sku) && line.quantity > 0);
            assert!(numbers.insert(line.channel_item_refnum.clone()));
        }
    }
}

#[test]
fn eans_have_the_right_check_digit() {
    for product in KNOWN {
        let digits = product.ean.bytes().map(|byte| u32::from(byte - b'0'));
        let sum: u32 = digits.enumerate().map(|(place, digit)| digit * if place % 2 == 0 { 1 } else { 3 }).sum();
        assert!(product.ean.len() == 13 && product.ean.starts_with("20") && sum.is_multiple_of(10), "{}", product.ean);
    }
}

#[test]
fn numbers_read_only_as_the_shop_writes_them() {
    assert_eq!(seed::number("R100001"), Some(1));
    for text in ["", "R", "R99999", "r100001", "R+100001", "R0100001", "R100001 ", "100001", "R4294967296"] {
        assert_eq!(seed::number(text), None, "{text:?}");
    }
}
